//! The native relay: two sessions, one at the local broker and one at the cloud, and the rules between them.
//!
//! A message is acknowledged at its source only when it is safe elsewhere: when the destination has acknowledged it
//! ([`Mode::Relay`]: the local broker's persistent session is the store), or when it is on the disk ([`Mode::Store`]).
//! Either way nothing at QoS 1 is lost when a link is cut; what was on its way at such a moment may arrive twice. A new
//! credential is used at the next connection; the relay does not yet renew one ahead of time. A rule's `retain` and
//! `order` are not looked at here: retained flags follow the destination, and each topic keeps its order.

mod counters;
mod drain;
mod lane;
mod message;
mod rollover;
mod routes;
mod run;
mod store;

pub use counters::{Dropped, LaneStatus};
pub use message::{HOPS, Lane, MOST_HOPS, Message, Properties};
pub use rollover::{Clocks, CredentialStatus, Rollover};
pub use routes::{Decision, Routes};
pub use run::{Handle, Mode, Relay, Side, Status};
pub use store::{
    Appended, Keeping, Opened, Store, StoreError, StoreOptions, StoreStatus, Stored, Sync, Table, WhenFull,
};
