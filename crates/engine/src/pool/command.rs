use crate::proxy::{Assignment, Spec};
use std::sync::Arc;
use std::time::Duration;
use types::{ContainerId, CreationFailure, CreationId, QueueKey, SchedulerId};

/// What the invoker is to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin a container: a task that runs [`Proxy::new`](crate::proxy::Proxy::new) with these.
    Start {
        /// Its id.
        container: ContainerId,
        /// What it is like.
        spec: Spec,
        /// What it is for; `None`: a stem cell.
        assignment: Option<Assignment>,
    },
    /// Tell the container to serve this queue: `proxy::Event::Assign`.
    Assign {
        /// Which container.
        container: ContainerId,
        /// What for.
        assignment: Assignment,
    },
    /// Tell the container to leave once it is idle: `proxy::Event::Remove`.
    Remove {
        /// Which container.
        container: ContainerId,
    },
    /// Tell the container to leave if it is idle: `proxy::Event::Evict`.
    Evict {
        /// Which container.
        container: ContainerId,
    },
    /// Tell the container to stay paused for so long: `proxy::Event::Keep`.
    Keep {
        /// Which container.
        container: ContainerId,
        /// For how long.
        time: Duration,
    },
    /// Tell the container that its scheduler is lost: `proxy::Event::Detach`.
    Detach {
        /// Which container.
        container: ContainerId,
    },
    /// Report to the scheduler that an order cannot be carried out.
    Refuse {
        /// Who gave it.
        scheduler: SchedulerId,
        /// For which queue.
        queue: Arc<QueueKey>,
        /// Which order.
        creation: CreationId,
        /// Why.
        failure: CreationFailure,
    },
    /// There is no container left, and there will be none: the answer to `Drain`, once.
    Drained,
}
