use crate::arbiter::Answer;
use crate::creation::StartFailure;
use std::fmt;
use std::time::Duration;
use types::{ActivationId, Attempt, ContainerRef, CreationId, InvokerId, NackReason, Revision};

/// An activation, as far as its queue looks at it. Cloning it must be cheap: a reference count.
pub trait Message: Clone + fmt::Debug {
    /// What is needed to run the action. The queue hands it on and never looks into it. Cloning it must be cheap.
    type Action: Clone + fmt::Debug;

    /// Its id.
    fn id(&self) -> ActivationId;
    /// The revision of the action that it was made for.
    fn revision(&self) -> Revision;
    /// That action.
    fn action(&self) -> &Self::Action;
    /// What the queue must know about that action. Asked for only when the revision is new to the queue.
    fn facts(&self) -> ActionFacts;
    /// The bytes that it holds on to.
    fn size(&self) -> u64;
    /// Whether a client waits for its end.
    fn blocking(&self) -> bool;
    /// Whether another activation caused it, and may be waiting for it in a container of the same namespace.
    fn caused(&self) -> bool;
    /// Whether it may be run again after it was started and lost: the action has opted in to at-least-once.
    fn repeatable(&self) -> bool;
    /// The same activation, to be run by another revision of the action.
    #[must_use]
    fn with_action(&self, action: &Self::Action) -> Self;
}

/// What a queue must know about one revision of its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionFacts {
    /// How many activations one container runs at a time; at least one.
    pub concurrency: u32,
    /// How many containers the action may have at a time; `None`: as many as its namespace.
    pub instances: Option<u32>,
    /// The memory of one container, in MB.
    pub memory: u64,
    /// Whether it runs in an image of the developer's, which may have to be pulled first.
    pub blackbox: bool,
}

/// What can happen to a queue.
#[derive(Clone, Debug)]
pub enum Event<M> {
    /// A controller hands over an activation. Either it is refused at once, or it will end in exactly one of
    /// `Finished`, `Drop`, `Lost` and `HandOver`. [`super::Queue::submit`] does the same and answers directly.
    Submit {
        /// The activation.
        message: M,
    },
    /// An order for a container was carried out. It has room for `slots` activations.
    Created {
        /// Which order.
        creation: CreationId,
        /// The container.
        container: ContainerRef,
        /// The revision it serves.
        revision: Revision,
        /// How many activations it takes at a time.
        slots: u32,
        /// How long it took to provide.
        took: Duration,
    },
    /// An order was given up for good, after all retries.
    CreationFailed {
        /// Which order.
        creation: CreationId,
        /// Why.
        failure: StartFailure,
    },
    /// The user's code is about to see the activation: an invoker says so *before* `/init`, where the container still
    /// needs one, else before `/run`. From here on the activation must not be handed to another container.
    Started {
        /// The container.
        container: ContainerRef,
        /// The activation.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
    },
    /// The run ended, its result is on its way, and the container has room again.
    Finished {
        /// The container.
        container: ContainerRef,
        /// The activation.
        activation: ActivationId,
        /// How long initialisation took, where there was one.
        init: Option<Duration>,
        /// How long the run took.
        run: Duration,
        /// Whether the container goes on; if not, `Gone` follows.
        healthy: bool,
    },
    /// The container did not start this activation and never will.
    Nack {
        /// The container.
        container: ContainerRef,
        /// The activation.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
        /// Why.
        reason: NackReason,
    },
    /// The container takes nothing more for now, because it is paused or being removed. Dispatches that cross this
    /// come back as `Nack`.
    Idle {
        /// The container.
        container: ContainerRef,
        /// Whether it is kept, paused, and can be had again by an order.
        paused: bool,
    },
    /// The container is no more. Nothing that it had not started will ever be started by it.
    Gone {
        /// The container.
        container: ContainerRef,
    },
    /// Every container of this invoker is gone. The shell may say so only when it is sure that nothing will be
    /// started there any more: the process has ended, or its lease has, on which it fences itself.
    InvokerLost {
        /// The invoker.
        invoker: InvokerId,
    },
    /// The namespace's arbiter answers a `Request`, or grants later what it could not grant at once.
    Tokens(Answer),
    /// The namespace's arbiter wants tokens back, as soon as the activations that hold them have ended. It replaces
    /// what was asked before.
    Reclaim {
        /// How many.
        count: u32,
        /// Whether it means only containers for which nothing waits, now or later.
        idle_only: bool,
    },
    /// How long the action's runs took before this queue was made, from its records. Counts until runs are measured.
    History {
        /// The mean.
        run: Duration,
    },
    /// The action was deleted, and this was its last revision (CLS-15).
    Deleted {
        /// The revision.
        revision: Revision,
    },
    /// The scheduler is going down: refuse what is new, serve what is there, then `Retire`.
    Drain,
    /// Another scheduler owns the queue now: hand over whatever no container has, then `Retire` once the rest ended.
    Disowned,
}
