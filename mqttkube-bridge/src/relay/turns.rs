//! Messages that go one at a time. Pure.

use std::collections::{HashMap, VecDeque};

/// Messages of strict rules that wait for the one before them.
#[derive(Debug)]
pub(super) struct Turns<T> {
    /// A rule is in here while one of its messages is on its way.
    waiting: HashMap<usize, VecDeque<T>>,
    count: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            waiting: HashMap::new(),
            count: 0,
        }
    }
}

impl<T> Turns<T> {
    /// It is the message's turn, and it is given back, or it waits.
    pub(super) fn ask(&mut self, rule: usize, message: T) -> Option<T> {
        if let Some(queue) = self.waiting.get_mut(&rule) {
            queue.push_back(message);
            self.count += 1;
            return None;
        }
        self.waiting.insert(rule, VecDeque::new());
        Some(message)
    }

    /// The message on its way has arrived, or never will. Returns the next one.
    pub(super) fn next(&mut self, rule: usize) -> Option<T> {
        let next = self.waiting.get_mut(&rule)?.pop_front();
        if next.is_some() {
            self.count -= 1;
        } else {
            self.waiting.remove(&rule);
        }
        next
    }

    /// How many wait.
    pub(super) const fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_rule_go_one_by_one_and_those_of_another_beside_them() {
        let mut turns = Turns::default();
        assert_eq!(turns.ask(0, 'a'), Some('a'));
        assert_eq!(turns.ask(0, 'b'), None);
        assert_eq!(turns.ask(1, 'x'), Some('x'));
        assert_eq!(turns.ask(0, 'c'), None);
        assert_eq!(turns.len(), 2);
        assert_eq!(turns.next(0), Some('b'));
        assert_eq!(turns.next(0), Some('c'));
        assert_eq!((turns.next(0), turns.len()), (None, 0));
        assert_eq!(turns.ask(0, 'd'), Some('d'), "it is free again");
    }
}
