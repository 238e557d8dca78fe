use crate::queue::Slot;
use crate::service::Scheduler;
use engine::queue::Queue;
use rpc::{InvokerCapacity, QueueView, SchedulerOperations};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl SchedulerOperations for Scheduler {
    fn queues(&self) -> Vec<QueueView> {
        let view = |slot: &Arc<Slot>| {
            let stats = slot.look(Queue::stats);
            QueueView {
                queue: slot.key.clone(),
                waiting: stats.waiting,
                waiting_bytes: stats.waiting_bytes,
                in_flight: stats.in_flight,
                containers: stats.containers,
                creating: stats.creating,
            }
        };
        self.slots.pin().values().map(view).collect()
    }

    fn invokers(&self) -> Vec<InvokerCapacity> {
        self.invokers.lock().values().cloned().collect()
    }

    fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }
}
