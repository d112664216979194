//! Waiting for a condition with a deadline, never for a time.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// How long one look at a condition is apart from the next.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not hold within `deadline`; the message names `what`.
#[track_caller]
pub fn until(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> bool,
) -> impl Future<Output = ()> {
    until_some(deadline, what, move || condition().then_some(()))
}

/// Waits until `look` finds something and returns it.
///
/// # Panics
/// When nothing is found within `deadline`.
#[track_caller]
pub fn until_some<T>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> impl Future<Output = T> {
    until_ok(deadline, what, async move || look().ok_or("not yet"))
}

/// Asks `question` again and again until the answer is `Ok`, and returns it.
///
/// ```
/// # use std::time::Duration;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut asked = 0;
/// let answer = mqttkube_tests::wait::until_ok(Duration::from_secs(1), "the third answer", async || {
///     asked += 1;
///     if asked < 3 { Err("too early") } else { Ok(asked) }
/// });
/// assert_eq!(answer.await, 3);
/// # });
/// ```
///
/// # Panics
/// When no answer is `Ok` within `deadline`; the message holds the last error.
#[track_caller]
pub fn until_ok<T, E: Debug>(
    deadline: Duration,
    what: &str,
    mut question: impl AsyncFnMut() -> Result<T, E>,
) -> impl Future<Output = T> {
    // An async fn cannot track its caller, and the line of the test is what the reader needs.
    let asked_at = std::panic::Location::caller();
    async move {
        let end = Instant::now() + deadline;
        loop {
            match question().await {
                Ok(answer) => return answer,
                Err(error) if Instant::now() >= end => {
                    panic!("{asked_at}: no {what} within {deadline:?}: {error:?}")
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// The factor by which tests multiply their seeds, restarts and schedules: `MQTTKUBE_TEST_SCALE`, else 1.
///
/// # Panics
/// When the variable is set to something else than a number above zero.
pub fn scale() -> u32 {
    let Ok(text) = std::env::var("MQTTKUBE_TEST_SCALE") else {
        return 1;
    };
    match text.parse() {
        Ok(scale) if scale > 0 => scale,
        _ => panic!("MQTTKUBE_TEST_SCALE must be a number above zero, not {text}"),
    }
}
