//! Publishes that the broker answers with a reason code against them.

use std::time::Duration;

use tokio::time::Instant;

use super::Outbox;

/// Why the broker refused a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It will always (0x87, 0x90, 0x99).
    ForGood,
    /// It may be otherwise next time (0x80, 0x83, 0x91).
    ForNow,
    /// We send too much (0x97).
    Quota,
}

/// What becomes of a refused publish.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict<T> {
    /// It is tried again.
    Again,
    /// It is not.
    GivenUp(T),
    /// A newer one of the same topic waits.
    Superseded(T),
    /// It is none of ours.
    Unknown,
}

/// A refusal that may pass is believed after so many tries.
const TRIES: u32 = 4;
/// The first pause before a publish is tried again; each further one is four times as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause because of a quota.
const LONGEST_HOLD: Duration = Duration::from_secs(5);

impl<T> Outbox<T> {
    /// The broker refused a publish. Where it may take it later, it is tried again in its old place; else, and when it
    /// was tried often enough, its ticket is returned. A newer value that waits takes its place.
    pub(crate) fn refused(&mut self, packet_id: u16, why: Refused, now: Instant) -> Verdict<T> {
        let Some(sequence) = self.by_packet_id.remove(&packet_id) else {
            return Verdict::Unknown;
        };
        let Some(mut flying) = self.flying.remove(&sequence) else {
            return Verdict::Unknown;
        };
        self.strikes = 0;
        self.again.retain(|again| *again != sequence);
        let not_before = match why {
            Refused::ForGood => return Verdict::GivenUp(flying.ticket),
            Refused::ForNow if flying.refusals + 1 >= TRIES => return Verdict::GivenUp(flying.ticket),
            Refused::ForNow => Some(now + FIRST_PAUSE * 4_u32.pow(flying.refusals)),
            Refused::Quota => {
                let pause = FIRST_PAUSE
                    .saturating_mul(1 << self.full.min(6))
                    .min(LONGEST_HOLD);
                // Those that were refused together are one refusal.
                if self.hold.is_none_or(|end| end <= now) {
                    self.full += 1;
                    self.hold = Some(now + pause);
                }
                None
            }
        };
        if flying.publish.newest_wins && self.newest.contains_key(&flying.publish.topic) {
            return Verdict::Superseded(flying.ticket);
        }
        flying.refusals += u32::from(why == Refused::ForNow);
        self.delayed += usize::from(not_before.is_some());
        self.queue.insert(sequence, flying.waiting(not_before));
        Verdict::Again
    }
}
