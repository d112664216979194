//! The native relay: two sessions, one at the local broker and one at the cloud, and the rules between them.
//!
//! A message is acknowledged at its source only when it is safe elsewhere: when the destination has acknowledged it
//! ([`Mode::Relay`]: the local broker's persistent session is the store), or when it is on the disk ([`Mode::Store`]).
//! Either way nothing at QoS 1 is lost when a link is cut; what was on its way at such a moment may arrive twice.
//!
//! A [`Rollover`] keeps the cloud's session in fresh credentials: the next one is issued before the present one ends, its
//! connection is opened beside the old one, which first comes to rest, and takes the session over. Nothing is lost or
//! doubled by that, and the local side does not notice.
//!
//! The messages of one topic keep their order, but for one that is refused for now while others of its topic are on their
//! way already; those of a strict rule go one at a time. What the destination refuses for good goes to the dead letters and
//! holds up nothing.
//!
//! Rules that could take back what they have carried away are guarded by a count of bridges in a user property on MQTT 5,
//! and by remembering what was published on 3.1.1. Rules of which it can be told that they do not are left alone; so a
//! circle of two bridges that each carry one way only is not seen.
//!
//! A [`Gateway`] attaches the devices behind it on every connection, each with its own token, before their topics are used.
//!
//! ```no_run
//! use mqttkube_bridge::credential::{JwtSource, ScheduleOptions};
//! use mqttkube_bridge::endpoint::Endpoint;
//! use mqttkube_bridge::relay::{Mode, Relay, Rollover, Routes};
//! use mqttkube_mqtt::{Options, Tls, Version, connect};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::clearblade("my-project", "us-central1", "gadgets", "bridge");
//! let source = JwtSource::new(&std::fs::read("ec_private.pem")?, "my-project", 3_600)?;
//! let rollover = Rollover::new(Box::new(source), ScheduleOptions::default());
//! let cloud = Options::builder(&endpoint.host, &endpoint.client_id)
//!     .port(endpoint.port)
//!     .version(Version::V311)
//!     .tls(Tls::default())
//!     .credentials(rollover.credentials());
//! let local = Options::builder("127.0.0.1", "bridge");
//! let relay = Relay {
//!     local: connect(local.build()?),
//!     cloud: connect(cloud.build()?),
//!     routes: Routes::new(vec!["events/# out 1 gcp/ /devices/bridge/".parse()?], endpoint.limits.clone()),
//!     mode: Mode::Relay,
//!     dead_letter: None,
//! };
//! let (handle, run) = relay.start(async { drop(tokio::signal::ctrl_c().await) });
//! run.await; // beside whatever else the program does
//! println!("{:?}", handle.status());
//! # Ok(())
//! # }
//! ```

mod counters;
mod dead_letters;
mod drain;
mod echo;
mod gateway;
mod in_flight;
mod lane;
mod message;
mod rollover;
mod routes;
mod run;
mod runtime;
mod store;
mod turns;

pub use counters::{Dropped, LaneStatus, RuleStatus};
pub use gateway::{DeviceStatus, Gateway, GatewayStatus};
pub use message::{HOPS, Lane, MOST_HOPS, Message, Properties};
pub use rollover::{Clocks, CredentialStatus, Rollover};
pub use routes::{Decision, RelayRule, Routes};
pub use run::{Handle, Mode, Relay, Side, Status};
pub use runtime::runtime;
pub use store::{
    Appended, Keeping, Opened, Store, StoreError, StoreOptions, StoreStatus, Stored, Sync, Table, WhenFull,
};
