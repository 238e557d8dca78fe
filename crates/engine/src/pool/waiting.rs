use crate::proxy::Assignment;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::QueueKey;

/// Orders that are accepted and whose containers have not been begun: their memory is being freed, or others are being
/// started before them.
///
/// Queues take turns (start-time fair queueing): the orders of a queue have turns one after the other, beginning with the
/// present one. So an order of a queue that has few of them never waits behind all those of a queue that has many.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    /// By turn, and then as they came.
    orders: BTreeMap<(u64, u64), Assignment>,
    /// The queues that have orders here.
    queues: BTreeMap<Arc<QueueKey>, Line>,
    /// The turn of the order that was begun last.
    turn: u64,
    /// How many orders have come.
    came: u64,
    memory: u64,
}

/// The orders of one queue.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    count: usize,
    /// The turn of the last one.
    last: u64,
}

impl Waiting {
    pub(super) fn push(&mut self, order: Assignment) {
        let line = self.queues.entry(order.queue.clone()).or_default();
        let turn = if line.count == 0 { self.turn } else { line.last + 1 };
        *line = Line { count: line.count + 1, last: turn };
        self.memory += order.spec.memory;
        self.orders.insert((turn, self.came), order);
        self.came += 1;
    }

    /// Takes the order whose turn is next of those that need no more memory than that.
    pub(super) fn pop(&mut self, memory: u64) -> Option<Assignment> {
        let (place, _) = self.orders.iter().find(|(_, order)| order.spec.memory <= memory)?;
        let place = *place;
        // One that did not fit and was passed over keeps its turn.
        self.turn = self.turn.max(place.0);
        self.take(place)
    }

    /// Takes all for which that holds, in their turns.
    pub(super) fn take_all(&mut self, wanted: impl Fn(&Assignment) -> bool) -> Vec<Assignment> {
        let hit = self.orders.iter().filter(|(_, order)| wanted(order)).map(|(place, _)| *place);
        let hit: Vec<_> = hit.collect();
        hit.into_iter().filter_map(|place| self.take(place)).collect()
    }

    /// What all of them need, in MB.
    pub(super) const fn memory(&self) -> u64 {
        self.memory
    }

    pub(super) fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    fn take(&mut self, place: (u64, u64)) -> Option<Assignment> {
        let order = self.orders.remove(&place)?;
        self.memory -= order.spec.memory;
        if let Some(line) = self.queues.get_mut(&order.queue) {
            line.count -= 1;
            if line.count == 0 {
                self.queues.remove(&order.queue);
            }
        }
        Some(order)
    }
}
