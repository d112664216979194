//! The native relay: two sessions, one at the local broker and one at the cloud, and the rules between them.
//!
//! A message is acknowledged at its source only when it is safe elsewhere: when the destination has acknowledged it, or
//! when it is in the durable [`Store`].

mod message;
mod store;

pub use message::{HOPS, Lane, MOST_HOPS, Message, Properties};
pub use store::{
    Appended, Keeping, Opened, Store, StoreError, StoreOptions, StoreStatus, Stored, Sync, Table, WhenFull,
};
