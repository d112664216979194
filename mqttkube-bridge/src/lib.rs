//! A local MQTT broker joined to a cloud broker whose credentials expire.
//!
//! - [`credential`]: what a cloud accepts as a password and when it has to be made anew: JSON Web Tokens signed with a
//!   device key, shared access signatures, token files that rotate, fixed passwords.
//! - [`endpoint`]: where the cloud services listen, what they want as client id and user name, and what they do not take.
//! - [`sidecar`]: the refresher that keeps a stock Mosquitto's bridge supplied with fresh tokens.
//! - [`relay`]: the same bridge without Mosquitto's: no local client is dropped, and nothing is lost when a link is cut.
//! - [`spec`]: the configuration file that all of these share, read with every mistake at its place.

pub mod credential;
pub mod endpoint;
pub mod relay;
pub mod sidecar;
pub mod spec;
