use crate::placement::InvokerState;
use crate::queue::CreateRequest;
use std::sync::Arc;
use std::time::Duration;
use types::{ContainerRef, CreationFailure, CreationId, InvokerId, QueueKey, Revision};

/// What can happen to a scheduler's orders for containers. `A` is what is needed to run an action.
#[derive(Clone, Debug)]
pub enum Event<A> {
    /// A queue orders a container.
    Order {
        /// Which queue.
        queue: Arc<QueueKey>,
        /// What it wants.
        request: CreateRequest<A>,
        /// Tags that the invoker must have.
        resources: Vec<String>,
    },
    /// The queue does not need this order any more. If no invoker has it, it fails as withdrawn; else it takes its course.
    Withdraw {
        /// Which order.
        creation: CreationId,
    },
    /// Nothing serves the queue, and others leave no room: if no invoker has the order, it goes to one that is to make some.
    Insist {
        /// Which order.
        creation: CreationId,
    },
    /// The queue has retired or was disowned: its open orders are dropped, and what comes of them is removed.
    Cancel {
        /// Which queue.
        queue: Arc<QueueKey>,
    },
    /// An invoker carried an order out.
    Created {
        /// Which order.
        creation: CreationId,
        /// For which queue, as the invoker says.
        queue: Arc<QueueKey>,
        /// The container.
        container: ContainerRef,
        /// The revision it serves.
        revision: Revision,
        /// How many activations it takes at a time.
        slots: u32,
        /// How long it took to provide.
        took: Duration,
    },
    /// An invoker cannot carry an order out.
    Failed {
        /// Which order.
        creation: CreationId,
        /// Who says so.
        invoker: InvokerId,
        /// Why.
        failure: CreationFailure,
    },
    /// A container was paused and can be had again.
    Paused {
        /// Whose.
        queue: Arc<QueueKey>,
        /// The revision it serves.
        revision: Revision,
        /// The container.
        container: ContainerRef,
    },
    /// A container is no more.
    Gone {
        /// The container.
        container: ContainerRef,
    },
    /// An invoker is there, or says how it stands now.
    Invoker(InvokerState),
    /// An invoker is no more, and all its containers with it.
    InvokerLost {
        /// Which.
        invoker: InvokerId,
    },
}
