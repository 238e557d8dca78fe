//! The activations that a controller has handed on and whose end it has not heard of.
//!
//! Each has a deadline, so that one whose acknowledgement got lost does not stay for ever. This module must not know who
//! waits for an activation or what is done when it is overdue.

use machine::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use types::ActivationId;

/// The least time limit that deadlines reckon with: what comes before the run (queueing, a cold start) does not shrink
/// with the action's own limit.
const LEAST_TIMEOUT: Duration = Duration::from_secs(60);

/// What is granted on top of twice the time limit.
const GRACE: Duration = Duration::from_secs(60);

/// How long after its submission an activation is given up, when its action may run for `timeout`. Initialisation and
/// run may take the whole limit each (RUN-13).
#[must_use]
pub fn patience(timeout: Duration) -> Duration {
    timeout.max(LEAST_TIMEOUT) * 2 + GRACE
}

/// Open activations, each with something of the caller's own.
#[derive(Clone, Debug)]
pub struct Pending<T> {
    entries: BTreeMap<ActivationId, Entry<T>>,
    by_deadline: BTreeSet<(Instant, ActivationId)>,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    deadline: Instant,
    value: T,
}

impl<T> Pending<T> {
    /// None.
    #[must_use]
    pub const fn new() -> Pending<T> {
        Pending { entries: BTreeMap::new(), by_deadline: BTreeSet::new() }
    }

    /// Adds an activation; answers what was there under the same id before.
    pub fn open(&mut self, id: ActivationId, deadline: Instant, value: T) -> Option<T> {
        let old = self.close(id);
        self.by_deadline.insert((deadline, id));
        self.entries.insert(id, Entry { deadline, value });
        old
    }

    /// What belongs to an activation that is open.
    #[must_use]
    pub fn get(&self, id: ActivationId) -> Option<&T> {
        self.entries.get(&id).map(|entry| &entry.value)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: ActivationId) -> Option<&mut T> {
        self.entries.get_mut(&id).map(|entry| &mut entry.value)
    }

    /// Takes an activation out. `None`: it is not open, or was closed before; the first end counts.
    pub fn close(&mut self, id: ActivationId) -> Option<T> {
        let entry = self.entries.remove(&id)?;
        self.by_deadline.remove(&(entry.deadline, id));
        Some(entry.value)
    }

    /// Takes out one activation whose deadline is at or before `now`, the earliest first.
    pub fn pop_overdue(&mut self, now: Instant) -> Option<(ActivationId, T)> {
        let &(deadline, id) = self.by_deadline.first()?;
        if deadline > now {
            return None;
        }
        self.close(id).map(|value| (id, value))
    }

    /// Everything that is open.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.values().map(|entry| &entry.value)
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<T> Default for Pending<T> {
    fn default() -> Pending<T> {
        Pending::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> ActivationId {
        ActivationId::from_bits(number)
    }

    #[test]
    fn the_first_end_counts() {
        let mut pending = Pending::new();
        assert!(pending.open(id(1), Instant::from_millis(5), "a").is_none());
        assert_eq!(pending.close(id(1)), Some("a"));
        assert_eq!(pending.close(id(1)), None);
        assert_eq!(pending.pop_overdue(Instant::FAR), None);
        assert!(pending.is_empty());
    }

    #[test]
    fn overdue_ones_come_earliest_first() {
        let mut pending = Pending::new();
        pending.open(id(1), Instant::from_millis(30), "late");
        pending.open(id(2), Instant::from_millis(10), "early");
        assert_eq!(pending.next_deadline(), Some(Instant::from_millis(10)));
        assert_eq!(pending.pop_overdue(Instant::from_millis(9)), None);
        assert_eq!(pending.pop_overdue(Instant::from_millis(30)), Some((id(2), "early")));
        assert_eq!(pending.pop_overdue(Instant::from_millis(30)), Some((id(1), "late")));
        assert_eq!(pending.next_deadline(), None);
    }

    #[test]
    fn an_id_is_open_once() {
        let mut pending = Pending::new();
        pending.open(id(1), Instant::from_millis(10), "old");
        assert_eq!(pending.open(id(1), Instant::from_millis(20), "new"), Some("old"));
        assert_eq!(pending.len(), 1);
        assert_eq!(pending.next_deadline(), Some(Instant::from_millis(20)));
        assert_eq!(pending.close(id(1)), Some("new"));
    }

    #[test]
    fn short_actions_are_granted_the_least_timeout() {
        assert_eq!(patience(Duration::from_millis(100)), Duration::from_secs(180));
        assert_eq!(patience(Duration::from_secs(300)), Duration::from_secs(660));
    }
}
