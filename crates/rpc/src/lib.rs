//! The verbs that cross roles, and the links that carry them.
//!
//! A verb never waits for its effect: it hands a message on and returns. What comes of it is another message the other
//! way. So a direct call and a stream to another machine can carry the same verbs, and no lock of one role is held while
//! another one works.
//!
//! This crate must not hold state.

mod directory;
mod message;
mod operate;
mod record;

pub use directory::{Directory, LocalDirectory};
pub use message::{
    Ack, ActivationMessage, CreateOrder, ExecutableAction, Flow, Follow, InvokerCapacity, Lines, Order,
    Outcome, Part, Piece, Refusal, Remembered, Report, ReportKind, STREAM_WINDOW, Texts,
};
pub use operate::{InvokerOperations, Operated, PoolView, QueueView, SchedulerOperations};
pub use record::{Phases, Run};
pub use types::{Attempt, CreationFailure, Epoch, NackReason};

use std::fmt;
use std::sync::Arc;
use types::{ActivationId, ContainerRef, InvokerId, SchedulerId};

/// What a scheduler takes.
pub trait SchedulerLink: Send + Sync + fmt::Debug {
    /// From a controller: an activation to be queued. Exactly one [`Ack`] follows for every one that was accepted.
    ///
    /// # Errors
    /// When the queue does not take it; nothing follows then.
    fn submit(&self, message: Arc<ActivationMessage>) -> Result<(), Refusal>;

    /// From a controller: to be passed on to the container that has the activation, if one does.
    fn follow(&self, follow: Follow);

    /// From a controller: to be passed on to that container, how the response of an activation goes on.
    fn flow(&self, container: ContainerRef, activation: ActivationId, flow: Flow);

    /// From an invoker: what happened to a container or to an activation in it.
    fn report(&self, from: InvokerId, report: Report);

    /// From an invoker: how it stands now; the first time, that it is there.
    fn announce(&self, capacity: InvokerCapacity);
}

/// What an invoker takes.
pub trait InvokerLink: Send + Sync + fmt::Debug {
    /// From a scheduler: a container to make or to drop, an activation to run.
    fn order(&self, from: SchedulerId, order: Order);
}

/// What a controller takes.
pub trait ControllerLink: Send + Sync + fmt::Debug {
    /// How an activation ended. The first one for an id counts.
    fn ack(&self, ack: Ack);

    /// From an invoker: what an activation that is under way has logged.
    fn lines(&self, lines: Lines);

    /// From an invoker: a piece of the response of an activation that is under way.
    fn piece(&self, piece: Piece);
}
