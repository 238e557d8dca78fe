use machine::Instant;
use std::collections::BTreeMap;
use std::time::Duration;
use types::ContainerId;

/// For so long a start counts as one. What takes longer waits for something else than the processors, as an
/// initialisation does that connects to a database, and is not to keep others from starting.
pub(super) const START_PATIENCE: Duration = Duration::from_millis(100);

/// The containers that are being made or have their code loaded.
#[derive(Clone, Debug)]
pub(super) struct Starting {
    limit: usize,
    begun: BTreeMap<ContainerId, Instant>,
}

impl Starting {
    pub(super) fn new(limit: usize) -> Starting {
        // With no place at all nothing would ever start.
        Starting { limit: limit.max(1), begun: BTreeMap::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.begun.len() >= self.limit
    }

    pub(super) fn begin(&mut self, container: ContainerId, now: Instant) {
        self.begun.insert(container, now);
    }

    /// A start has ended, however it did.
    pub(super) fn end(&mut self, container: ContainerId) {
        self.begun.remove(&container);
    }

    /// Counts those no longer that take long.
    pub(super) fn expire(&mut self, now: Instant) {
        self.begun.retain(|_, since| now - *since < START_PATIENCE);
    }

    /// When one will not be counted any more.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.begun.values().min().map(|since| *since + START_PATIENCE)
    }
}
