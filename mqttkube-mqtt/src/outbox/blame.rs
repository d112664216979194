//! Publishes that make the broker hang up.

use super::{Outbox, SUSPICION};

/// How a connection ended, as far as what was on its way is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// For a reason that has nothing to do with it.
    Quiet,
    /// The broker closed it without a reason. One of MQTT 3.1.1 does so to a packet that it cannot bear.
    HungUp,
    /// A packet was too large (0x95).
    TooLarge,
    /// There was more on its way than the broker takes (0x93).
    Flooded,
}

/// After so many fruitless connections a publish that was alone on its way is given up, or nothing behind it would ever
/// be sent.
const CONVICTION: u32 = 10;

impl<T> Outbox<T> {
    /// The connection ended. Returns the publish that is to blame, if it is known: one that was too large, or alone on
    /// its way too often.
    pub(crate) fn cut(&mut self, cut: Cut) -> Option<T> {
        if self.flying.is_empty() {
            return None;
        }
        let sent = self.flying.len() - self.again.len();
        match cut {
            Cut::Quiet => return None,
            Cut::Flooded => {
                self.borne = (sent / 2).max(1);
                return None;
            }
            Cut::TooLarge if sent == 1 => {}
            Cut::TooLarge => {
                self.strikes = self.strikes.max(SUSPICION);
                return None;
            }
            Cut::HungUp => {
                self.strikes += 1;
                if self.strikes < CONVICTION {
                    return None;
                }
            }
        }
        self.strikes = 0;
        let packet_id = self
            .flying
            .first_key_value()
            .map(|(_, flying)| flying.packet_id)?;
        self.answered(packet_id)
    }
}
