//! The tokio runtime that suits a relay.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A runtime for a program that does nothing but relay: on one thread, which lets others go first before it sleeps.
///
/// All work waits for the network, or for the store, which has a thread of its own; a second thread would only add
/// wake-ups from one to the other. Brokers send a packet at a time. Where they share a busy machine with the relay, it
/// would be woken for each of them; when it yields instead, as many as a broker has to say come with one read. On a
/// machine with an idle core yielding costs less than a microsecond.
///
/// ```
/// let answer = mqttkube_bridge::relay::runtime()?.block_on(async { 42 });
/// assert_eq!(answer, 42);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// When the operating system gives no selector for events.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .on_thread_park(std::thread::yield_now)
        .build()
}
