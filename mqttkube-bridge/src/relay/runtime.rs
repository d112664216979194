//! The tokio runtime that suits a relay.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// So many messages and outcomes without a sleep between them are a flood.
const FLOOD: usize = 8;
/// How long a flood may gather. A source that sends 20 messages without an acknowledgement still gets 20,000 a second
/// through, one that sends 100 more than brokers can take.
const GATHER: Duration = Duration::from_micros(400);

thread_local! {
    /// Messages and outcomes that were handled on this thread since it last slept.
    static HANDLED: Cell<usize> = const { Cell::new(0) };
}

/// A runtime for a program that does nothing but relay: on one thread, which lets others go first before it sleeps.
///
/// All work waits for the network, or for the store, which has a thread of its own; a second thread would only add
/// wake-ups from one to the other. Brokers send a packet at a time, and would wake the relay for each of them. So in a flood
/// of messages the thread leaves them alone for 0.4 ms, as a network card does with its interrupts, and reads all at once;
/// that takes half of the work from it, and some from brokers on the same machine. A single message does not wait: then
/// the thread only yields, which costs less than a microsecond where a core is idle.
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
        .on_thread_park(before_sleep)
        .build()
}

/// A message or its outcome was handled. On other runtimes nobody asks for the number.
pub(super) fn handled() {
    HANDLED.set(HANDLED.get().saturating_add(1));
}

fn before_sleep() {
    if HANDLED.take() >= FLOOD {
        std::thread::sleep(GATHER);
    } else {
        std::thread::yield_now();
    }
}
