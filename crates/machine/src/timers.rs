use crate::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// Deadlines by name: at most one for each key, the earliest known at once.
///
/// Setting and clearing cost a logarithm of the number of keys. For a handful of fixed timers an array of
/// `Option<Instant>` in the machine's own state is simpler still.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    by_key: BTreeMap<K, Instant>,
    by_time: BTreeSet<(Instant, K)>,
}

impl<K: Ord + Clone> Timers<K> {
    /// No deadline at all.
    #[must_use]
    pub const fn new() -> Timers<K> {
        Timers { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    /// Sets the deadline of `key`, in place of an earlier one.
    pub fn set(&mut self, key: K, at: Instant) {
        if let Some(old) = self.by_key.insert(key.clone(), at) {
            self.by_time.remove(&(old, key.clone()));
        }
        self.by_time.insert((at, key));
    }

    /// Removes the deadline of `key`; answers whether there was one.
    pub fn clear(&mut self, key: &K) -> bool {
        match self.by_key.remove(key) {
            Some(at) => self.by_time.remove(&(at, key.clone())),
            None => false,
        }
    }

    /// The deadline of `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Instant> {
        self.by_key.get(key).copied()
    }

    /// The earliest deadline of all.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out one key whose deadline is at or before `now`, the earliest first.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// Whether no deadline is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

impl<K: Ord + Clone> Default for Timers<K> {
    fn default() -> Timers<K> {
        Timers::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_deadline_and_the_earliest_comes_first() {
        let mut timers = Timers::new();
        timers.set("b", Instant::from_millis(20));
        timers.set("a", Instant::from_millis(30));
        timers.set("a", Instant::from_millis(10));
        assert_eq!(timers.next(), Some(Instant::from_millis(10)));
        assert_eq!(timers.pop_due(Instant::from_millis(9)), None);
        assert_eq!(timers.pop_due(Instant::from_millis(25)), Some("a"));
        assert_eq!(timers.pop_due(Instant::from_millis(25)), Some("b"));
        assert_eq!(timers.pop_due(Instant::FAR), None);
        assert!(timers.is_empty());
    }

    #[test]
    fn a_cleared_deadline_never_comes() {
        let mut timers = Timers::new();
        timers.set(1, Instant::from_millis(1));
        assert!(timers.clear(&1));
        assert!(!timers.clear(&1));
        assert_eq!(timers.pop_due(Instant::FAR), None);
    }
}
