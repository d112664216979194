//! What the engine remembers of commands that are over. All of it is bounded.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

use crate::binding::ItemRef;
use crate::event::Message;
use crate::hash::hash64;

/// Entries of each memory.
const LIMIT: usize = 4096;

/// Retained messages that were executed. More are not executed rather than executed twice.
const RETAINED_LIMIT: usize = 65_536;

/// The newest entries of a map, oldest first out.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }
}

/// Which retained messages were executed: each once per item, topic and payload.
#[derive(Debug, Default)]
pub(super) struct RetainedOnce(HashSet<u64>);

impl RetainedOnce {
    /// Whether to execute it now. It will not be executed again.
    pub(super) fn admit(&mut self, item: ItemRef, message: &Message) -> bool {
        let item = format!("{}/{item}", item.binding);
        let hash = hash64(&[item.as_bytes(), message.topic.as_bytes(), &message.payload]);
        self.0.len() < RETAINED_LIMIT && self.0.insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_goes_first() {
        let mut recent = Recent::default();
        for key in 0..=LIMIT {
            recent.insert(key, key);
            recent.insert(key, key + 1);
        }
        assert_eq!((recent.get(&0), recent.get(&1)), (None, Some(&2)));
        assert_eq!((recent.entries.len(), recent.order.len()), (LIMIT, LIMIT));
    }
}
