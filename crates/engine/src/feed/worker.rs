use crate::queue::Message;
use machine::Instant;
use std::sync::Arc;
use types::{ContainerId, CreationId, QueueKey, Revision};

/// An activation that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting<M> {
    pub(super) queue: Arc<QueueKey>,
    pub(super) message: M,
    /// How often it was handed to a container.
    pub(super) attempts: u32,
    pub(super) submitted: Instant,
}

/// An activation that a container has.
#[derive(Clone, Debug)]
pub(super) struct Running<M> {
    pub(super) container: ContainerId,
    pub(super) waiting: Waiting<M>,
    pub(super) started: bool,
}

/// A container, as the feed sees it.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) queue: Arc<QueueKey>,
    pub(super) revision: Revision,
    /// In MB.
    pub(super) memory: u64,
    pub(super) slots: u32,
    /// Activations that it has.
    pub(super) taken: u32,
    pub(super) state: State,
    /// When it was last given something, or gave something back.
    pub(super) used: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It takes activations.
    Serving,
    /// It stands still and can be had again by an order.
    Paused,
    /// It is to be had again by this order.
    Resuming(CreationId),
    /// It takes nothing more; its pause or end will be heard of.
    Closed,
    /// It was told to leave.
    Leaving,
}

/// A container that is on order, with the activations that it is for.
#[derive(Clone, Debug)]
pub(super) struct Ordered<M> {
    pub(super) queue: Arc<QueueKey>,
    pub(super) revision: Revision,
    /// In MB.
    pub(super) memory: u64,
    pub(super) slots: u32,
    /// The paused container that it is to resume, whose memory it has then.
    pub(super) resumes: Option<ContainerId>,
    /// At most `slots`.
    pub(super) assigned: Vec<Waiting<M>>,
}

impl Worker {
    pub(super) fn serves<M: Message>(&self, waiting: &Waiting<M>) -> bool {
        self.revision == waiting.message.revision() && self.queue == waiting.queue
    }

    pub(super) fn has_room(&self) -> bool {
        self.state == State::Serving && self.taken < self.slots
    }

    /// Whether it has nothing to do and can be dropped for another action's sake.
    pub(super) fn is_evictable(&self) -> bool {
        match self.state {
            State::Serving => self.taken == 0,
            State::Paused => true,
            State::Resuming(_) | State::Closed | State::Leaving => false,
        }
    }
}

impl<M: Message> Ordered<M> {
    pub(super) fn takes(&self, waiting: &Waiting<M>) -> bool {
        self.assigned.len() < self.slots as usize
            && self.revision == waiting.message.revision()
            && self.queue == waiting.queue
    }
}
