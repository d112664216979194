//! Small numbers that name things inside one running engine.
//!
//! All of them are indices or counters: they mean nothing in another process and are never sent anywhere.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A kind of object, as an index into the kinds of the plan.
    KindId(u32)
}
id! {
    /// A watch on the API server, as an index into the watches of the plan.
    WatchId(u32)
}
id! {
    /// One delivery of a message. The caller numbers deliveries; a redelivery gets a new number.
    MessageId(u64)
}
id! {
    /// One call to the API server. A repeated call gets a new number, so a late answer cannot be mistaken for
    /// the answer to the repetition.
    JobId(u64)
}
