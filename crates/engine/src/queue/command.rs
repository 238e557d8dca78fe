use super::{ActionFacts, Message};
use crate::arbiter::TokenRequest;
use crate::creation::StartFailure;
use machine::Instant;
use std::time::Duration;
use types::{ActivationId, Attempt, ContainerRef, CreationFailure, CreationId, Revision, StatusCode};

/// What a queue asks for. The order within one answer matters; a shell carries it out from first to last.
#[derive(Clone, Debug)]
pub enum Command<M: Message> {
    /// Hand this activation to that container, which has room for it.
    Dispatch {
        /// Where.
        container: ContainerRef,
        /// For which time.
        attempt: Attempt,
        /// What; its action is the one that the container serves.
        message: M,
    },
    /// Ask for an activation back that was dispatched and not heard of since. The invoker answers `Nack` if this
    /// attempt has not started (and will not start it after that), and `Started` or `Finished` again if it has. It is
    /// repeated until one of these comes, or the container or its invoker is gone.
    Recall {
        /// Where it is.
        container: ContainerRef,
        /// Which.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
    },
    /// Order a container. The token for it is held already.
    Create(CreateRequest<M::Action>),
    /// This order is not needed any more. Where no invoker has it yet it fails as withdrawn.
    Withdraw {
        /// Which.
        creation: CreationId,
    },
    /// Nothing serves the queue, and this order has not been carried out: it is to be sent to an invoker even if none has
    /// room, so that one makes some. It is repeated until the order ends.
    Insist {
        /// Which.
        creation: CreationId,
    },
    /// Drop this container once it is idle; its `Gone` follows, also where there is no such container. It is repeated
    /// until then.
    Remove {
        /// Which.
        container: ContainerRef,
    },
    /// This container is more than is needed: pause it once it is idle, without waiting for its own idle time, or drop
    /// it where containers cannot be paused. `Idle` or `Gone` follows; if neither does, `Remove` will.
    Rest {
        /// Which.
        container: ContainerRef,
    },
    /// Drop every container of the action up to this revision, paused ones too, at every invoker, once it is idle.
    RemoveOutdated {
        /// Up to which revision, that one included.
        up_to: Revision,
    },
    /// The activation ends here without having been run: make its record.
    Drop {
        /// What.
        message: M,
        /// Why.
        reason: DropReason,
    },
    /// The activation was started and its container is gone, so nobody knows how far it came: make its record, a
    /// whisk error.
    Lost {
        /// What.
        message: M,
        /// Where.
        container: ContainerRef,
        /// The attempt.
        attempt: Attempt,
    },
    /// The activation was not started and belongs to the queue's next owner.
    HandOver {
        /// What.
        message: M,
    },
    /// Answer to [`super::Event::Submit`]: the activation was not taken.
    Refuse {
        /// What.
        message: M,
        /// Why.
        refusal: Refusal,
    },
    /// Tell the namespace's arbiter how many more containers this queue could use now. It replaces the request before.
    Request(TokenRequest),
    /// Give tokens back to the namespace's arbiter.
    Release {
        /// How many.
        count: u32,
    },
    /// The queue is empty and has no container: forget it. It refuses whatever is still submitted, with `Retired`.
    Retire,
}

/// An order for one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest<A> {
    /// Its number; the upper half is the queue's own number.
    pub creation: CreationId,
    /// The revision of the action.
    pub revision: Revision,
    /// The action.
    pub action: A,
    /// What placement must know about it.
    pub facts: ActionFacts,
}

/// Why a queue does not take an activation, and until when it would say the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// Whoever caches the answer forgets it then, so no refusal outlives its cause or its queue.
    pub until: Instant,
}

/// Why a queue does not take an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// It holds as many activations, or as many bytes, as it may (THR-07).
    QueueFull,
    /// The namespace has no container left for this action (THR-07).
    NamespaceThrottled,
    /// The namespace's limit is zero (CLS-18, THR-05).
    NoCapacity,
    /// No invoker can run it.
    NoInvokers,
    /// The scheduler is going down.
    ShuttingDown,
    /// Another scheduler owns the queue.
    Disowned,
    /// The queue has retired; a new one is to be made.
    Retired,
}

/// Why an activation ends without having been run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It waited for as long as anything may wait.
    Retention {
        /// How long that is.
        waited: Duration,
    },
    /// The namespace has no container for it (THR-07).
    Throttled {
        /// Whether it counts as the platform's fault; the operator chooses.
        whisk_error: bool,
    },
    /// The namespace's limit is zero (CLS-18).
    NoCapacity,
    /// No container could be provided.
    NoContainer(StartFailure),
    /// It was handed to so many containers, none of which started it, that something is wrong.
    Undeliverable {
        /// How many.
        attempts: u32,
    },
    /// The action was deleted before it could run (CLS-15).
    ActionDeleted,
}

impl DropReason {
    /// Whose fault the record says it was.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            DropReason::ActionDeleted
            | DropReason::NoContainer(StartFailure::Reported(CreationFailure::ActionMissing)) => {
                StatusCode::ApplicationError
            }
            DropReason::Throttled { whisk_error: false }
            | DropReason::NoCapacity
            | DropReason::NoContainer(StartFailure::Reported(CreationFailure::Developer(_))) => {
                StatusCode::DeveloperError
            }
            DropReason::Retention { .. }
            | DropReason::Throttled { whisk_error: true }
            | DropReason::NoContainer(_)
            | DropReason::Undeliverable { .. } => StatusCode::WhiskError,
        }
    }

    /// The error text of the record.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            DropReason::Retention { waited } => {
                format!("The activation was not started within {} milliseconds.", waited.as_millis())
            }
            DropReason::Throttled { .. } => "Too many concurrent requests in flight.".to_owned(),
            DropReason::NoCapacity => "The namespace limit is less than or equal to 0.".to_owned(),
            DropReason::NoContainer(failure) => failure.text(),
            DropReason::Undeliverable { attempts } => {
                format!("The activation was handed to {attempts} containers and none of them started it.")
            }
            DropReason::ActionDeleted => "Action could not be found or may have been deleted.".to_owned(),
        }
    }
}
