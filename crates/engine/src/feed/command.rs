use crate::queue::{DropReason, Message};
use machine::Instant;
use std::sync::Arc;
use types::{Attempt, ContainerId, CreationId, QueueKey};

/// What a feed asks for, in order.
#[derive(Clone, Debug)]
pub enum Command<M: Message> {
    /// Hand this activation to that container, which has room for it.
    Dispatch {
        /// Where.
        container: ContainerId,
        /// For which time.
        attempt: Attempt,
        /// What.
        message: M,
    },
    /// Order a container: a paused one of this action and revision where there is one, else a new one.
    Create {
        /// The number of the order.
        creation: CreationId,
        /// For which action and namespace.
        queue: Arc<QueueKey>,
        /// What is needed to run it.
        action: M::Action,
        /// Until when the order holds.
        deadline: Instant,
    },
    /// Drop this container, which has nothing to do, so that its memory can go to another action.
    Remove {
        /// Which.
        container: ContainerId,
    },
    /// The activation ends here without having been run: make its record.
    Drop {
        /// What.
        message: M,
        /// Why.
        reason: DropReason,
    },
    /// The activation was started and its container is gone, so nobody knows how far it came: make its record.
    Lost {
        /// What.
        message: M,
        /// Where.
        container: ContainerId,
    },
}
