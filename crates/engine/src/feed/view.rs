use super::Feed;
use crate::queue::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::QueueKey;

/// How one action's part of a feed stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Activations that wait, in the buffer or for a container on order.
    pub waiting: usize,
    /// The bytes that they hold.
    pub waiting_bytes: u64,
    /// Activations that containers have.
    pub in_flight: u32,
    /// Containers.
    pub containers: usize,
    /// Containers on order.
    pub creating: usize,
}

impl<M: Message> Feed<M> {
    /// How every action stands that has anything here.
    #[must_use]
    pub fn stats(&self) -> BTreeMap<Arc<QueueKey>, Stats> {
        let mut all: BTreeMap<Arc<QueueKey>, Stats> = BTreeMap::new();
        let assigned = self.orders.values().flat_map(|order| &order.assigned);
        for waiting in self.buffer.iter().chain(assigned) {
            let stats = all.entry(waiting.queue.clone()).or_default();
            stats.waiting += 1;
            stats.waiting_bytes += waiting.message.size();
        }
        for running in self.running.values() {
            all.entry(running.waiting.queue.clone()).or_default().in_flight += 1;
        }
        for worker in self.workers.values() {
            all.entry(worker.queue.clone()).or_default().containers += 1;
        }
        for order in self.orders.values() {
            all.entry(order.queue.clone()).or_default().creating += 1;
        }
        all
    }

    /// How many activations wait in the run buffer.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// What containers have, and those on order will have, in MB.
    #[must_use]
    pub fn memory_in_use(&self) -> u64 {
        self.used()
    }
}
