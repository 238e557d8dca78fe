use machine::Instant;
use std::sync::Arc;
use std::time::Duration;
use types::{
    ActivationId, Attempt, CreationFailure, CreationId, Epoch, QueueKey, Revision, SchedulerId, StatusCode,
};

/// What can happen to one container.
///
/// Each [`Initialise`](super::Command::Initialise), [`Run`](super::Command::Run), and so on, is answered by exactly one
/// event of the group "from the container"; the shell sees to that with time limits of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    // From the pool.
    /// Serve this queue. Sent to stem cells, ready or not, and to paused containers.
    Assign(Box<Assignment>),
    /// Leave, after what runs has ended. Also the scheduler's order to remove this container.
    Remove,
    /// Leave if nothing runs; say [`Note::Working`](super::Note::Working) otherwise.
    Evict,
    /// Stay paused for so long before asking again; the answer to [`Note::Expired`](super::Note::Expired).
    Keep(Duration),
    /// The scheduler that gave the orders is lost. What runs goes on to its end; what has not begun is the scheduler's to
    /// hand out again. Then pause, to be had by whoever leads the queue next.
    Detach,

    // From the scheduler.
    /// Run this.
    Dispatch {
        /// Which activation.
        activation: ActivationId,
        /// For which time it is handed out.
        attempt: Attempt,
        /// Which owner of the queue speaks.
        epoch: Epoch,
    },

    /// Hand this activation back if it has not begun; say again that it has, otherwise. Answered by `Nack` or `Started`,
    /// or not at all where `Finished` has been reported already.
    Recall {
        /// Which activation.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
    },
    /// The container is more than is needed now: pause it as soon as nothing runs, without waiting for the idle time. To
    /// the scheduler it is idle already while its logs are taken.
    Rest,

    // From the container.
    /// It has been made and waits for code.
    Created,
    /// It could not be made; nothing is left of it.
    CreateFailed(CreationFailure),
    /// `/init` ended. Anything but [`StatusCode::Success`] means that the activation ends with this status and that
    /// the container is of no use: an error, a time-out, an end of the process, no memory, no code to be had.
    Initialised {
        /// The first activation.
        activation: ActivationId,
        /// How it ended.
        status: StatusCode,
        /// How long it took.
        took: Duration,
    },
    /// `/run` ended, in whatever way (CLS-02 to CLS-12).
    Ran {
        /// Which activation.
        activation: ActivationId,
        /// How it counts. Developer and whisk errors destroy the container (CLS-20).
        status: StatusCode,
        /// How long it took.
        took: Duration,
    },
    /// The logs of an activation were taken, as far as they could be.
    LogsTaken {
        /// Which activation.
        activation: ActivationId,
    },
    /// Its processes stand still.
    Paused,
    /// They could not be stopped.
    PauseFailed,
    /// Its processes run again.
    Resumed,
    /// They do not.
    ResumeFailed,
    /// Its main process ended, and nobody asked it to. Calls that are under way get their own answers.
    Ended,
    /// Nothing is left of it.
    Destroyed,
}

/// An order to serve a queue: what is needed to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its number.
    pub creation: CreationId,
    /// Who gave it, and hears of the container.
    pub scheduler: SchedulerId,
    /// Which owner of the queue speaks.
    pub epoch: Epoch,
    /// The queue.
    pub queue: Arc<QueueKey>,
    /// The revision of the action.
    pub revision: Revision,
    /// What the container must be like.
    pub spec: Spec,
    /// What is to become of it when nobody needs it.
    pub keep: Keep,
    /// Whether room is to be made for it, if there is none: nothing serves its queue.
    pub insists: bool,
    /// When the order came in.
    pub received: Instant,
}

/// What a container is like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spec {
    /// The kind of runtime.
    pub kind: Arc<str>,
    /// The image, for `blackbox`.
    pub image: Option<Arc<str>>,
    /// Its memory in MB.
    pub memory: u64,
    /// How many runs it takes at a time; at least one.
    pub slots: u32,
}

/// How many paused containers of an action a namespace keeps past their time, and for how long at a time. By default
/// none (B11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// How many, on each invoker.
    pub count: u32,
    /// For how long, before they are counted again.
    pub timeout: Duration,
}
