use crate::proxy::{Assignment, Note};
use std::sync::Arc;
use types::{ContainerId, QueueKey, Revision, SchedulerId};

/// What can happen to the containers of one invoker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The scheduler orders a container.
    Create(Assignment),
    /// The scheduler wants every container of this queue gone up to this revision, that one included, once it is idle.
    RemoveOutdated {
        /// The queue.
        queue: Arc<QueueKey>,
        /// Up to which revision.
        up_to: Revision,
    },
    /// The link to this scheduler broke: nothing that it ordered is awaited any more.
    SchedulerLost(SchedulerId),
    /// A container says something.
    Note {
        /// Which container.
        container: ContainerId,
        /// What.
        note: Note,
    },
    /// Take orders, and keep the stem cells that the configuration asks for, from now on. Until the first time there are
    /// none; after a `Drain` it is undone.
    Open,
    /// Take no more orders and remove everything, each container once it is idle.
    Drain,
}
