//! Our own messages that a broker sends back. MQTT 5 has no-local against it; MQTT 3.1.1 has nothing, and where the rules
//! would carry such a message on, it has to be known again. Pure.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash as _, Hasher as _};

/// The messages that were published at one broker lately and have not come back, by their digest.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    /// How many of each are expected.
    expected: HashMap<u64, u32>,
    /// All of them, the oldest first, also those that have come back.
    order: VecDeque<u64>,
}

impl Echoes {
    /// Beyond that the oldest are forgotten. A broker sends back what it was sent, in order, so there are never many more
    /// than it has on its way.
    const MOST: usize = 8_192;

    /// A message is published.
    pub(super) fn sent(&mut self, topic: &str, payload: &[u8]) {
        let digest = digest(topic, payload);
        *self.expected.entry(digest).or_default() += 1;
        self.order.push_back(digest);
        if self.order.len() > Self::MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.take(oldest);
        }
    }

    /// A message has arrived. True: it is one of ours.
    pub(super) fn came_back(&mut self, topic: &str, payload: &[u8]) -> bool {
        let digest = digest(topic, payload);
        if !self.take(digest) {
            return false;
        }
        // Usually it is the oldest.
        if let Some(at) = self.order.iter().position(|other| *other == digest) {
            self.order.remove(at);
        }
        true
    }

    fn take(&mut self, digest: u64) -> bool {
        let Some(count) = self.expected.get_mut(&digest) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            self.expected.remove(&digest);
        }
        true
    }
}

fn digest(topic: &str, payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (topic, payload).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_known_again_once() {
        let mut echoes = Echoes::default();
        echoes.sent("t", b"1");
        echoes.sent("t", b"1");
        assert!(!echoes.came_back("t", b"2"));
        assert!(!echoes.came_back("u", b"1"));
        assert!(echoes.came_back("t", b"1"));
        assert!(echoes.came_back("t", b"1"));
        assert!(!echoes.came_back("t", b"1"), "somebody else's");
        assert_eq!((echoes.expected.len(), echoes.order.len()), (0, 0));
    }

    #[test]
    fn memory_is_bounded_when_nothing_comes_back() {
        let mut echoes = Echoes::default();
        for number in 0..3 * Echoes::MOST {
            echoes.sent("t", &number.to_le_bytes());
        }
        assert_eq!(
            (echoes.expected.len(), echoes.order.len()),
            (Echoes::MOST, Echoes::MOST)
        );
        assert!(!echoes.came_back("t", &0_usize.to_le_bytes()), "it is forgotten");
        assert!(echoes.came_back("t", &(3 * Echoes::MOST - 1).to_le_bytes()));
    }
}
