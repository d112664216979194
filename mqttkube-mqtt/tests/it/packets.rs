//! What passes over the wire, seen by a broker that follows a script. Each of these cases is a way in which a client
//! library has been seen to lose messages, stop, or loop.

mod connection;
mod publishing;
mod receiving;
mod subscribing;

use std::time::Duration;

const GRACE: Duration = Duration::from_millis(200);
