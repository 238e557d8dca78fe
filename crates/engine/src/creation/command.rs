use super::StartFailure;
use machine::Instant;
use std::sync::Arc;
use std::time::Duration;
use types::{ContainerRef, CreationId, InvokerId, QueueKey, Revision};

/// What a scheduler's orders for containers ask for. `A` is what is needed to run an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<A> {
    /// Send the order to this invoker.
    Send {
        /// Where.
        invoker: InvokerId,
        /// Which order; a retry has the same number.
        creation: CreationId,
        /// For which queue.
        queue: Arc<QueueKey>,
        /// The action.
        action: A,
        /// When the order is given up.
        deadline: Instant,
        /// Whether the invoker is to make room for it: nothing serves its queue.
        insists: bool,
    },
    /// Tell the queue that its container is there (`queue::Event::Created`).
    Created {
        /// Which queue.
        queue: Arc<QueueKey>,
        /// Which order.
        creation: CreationId,
        /// The container.
        container: ContainerRef,
        /// The revision it serves.
        revision: Revision,
        /// How many activations it takes at a time.
        slots: u32,
        /// How long it took to provide, on the invoker.
        took: Duration,
    },
    /// Tell the queue that its order failed for good (`queue::Event::CreationFailed`).
    Failed {
        /// Which queue.
        queue: Arc<QueueKey>,
        /// Which order.
        creation: CreationId,
        /// Why.
        failure: StartFailure,
    },
    /// Drop this container: it came of an order that nobody waits for any more.
    Remove {
        /// Which.
        container: ContainerRef,
    },
}
