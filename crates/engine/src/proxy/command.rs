use super::{Assignment, Spec};
use std::time::Duration;
use types::{ActivationId, Attempt, CreationFailure, CreationId, NackReason, Revision};

/// What one container's task is to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make it. `Created` or `CreateFailed` follows.
    Create(Spec),
    /// Fetch the code and send `/init`, for this activation, as a part of which it counts. `Initialised` follows.
    Initialise {
        /// The first activation.
        activation: ActivationId,
    },
    /// Send `/run`. `Ran` follows.
    Run {
        /// Which activation.
        activation: ActivationId,
    },
    /// Take what was logged since the last time. `LogsTaken` follows.
    TakeLogs {
        /// Whose logs these are.
        activation: ActivationId,
    },
    /// The activation is over: make its record and tell its controller. Comes exactly once for each activation that was
    /// reported as started, after its logs were taken.
    Finish {
        /// Which activation.
        activation: ActivationId,
    },
    /// Stop its processes. `Paused` or `PauseFailed` follows.
    Pause,
    /// Let them run again. `Resumed` or `ResumeFailed` follows.
    Resume,
    /// End it and remove every trace. `Destroyed` follows, whatever happens. No other call is under way then, except the
    /// wait for its end.
    Destroy,
    /// Tell the scheduler.
    Report(Report),
    /// Tell the pool, before anything that stands behind this in the list.
    Tell(Note),
}

/// What the scheduler of the container's queue is told; the shell adds the container and the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The order was carried out: the container has credit for `slots` activations.
    Created {
        /// Which order.
        creation: CreationId,
        /// The revision it serves.
        revision: Revision,
        /// How many activations it takes at a time.
        slots: u32,
        /// How long it took to provide.
        took: Duration,
    },
    /// The order cannot be carried out.
    CreationFailed {
        /// Which order.
        creation: CreationId,
        /// Why.
        failure: CreationFailure,
    },
    /// The activation begins now, with `/init` where that comes first: user code runs from here on.
    Started {
        /// Which activation.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
    },
    /// The run ended and the container has room for another activation, if it is healthy.
    Finished {
        /// Which activation.
        activation: ActivationId,
        /// How long initialisation took, where there was one.
        init: Option<Duration>,
        /// How long the run took; zero where initialisation failed.
        run: Duration,
        /// Whether the container goes on; if not, `Gone` follows.
        healthy: bool,
    },
    /// The container did not start this activation and will not.
    Nack {
        /// Which activation.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
        /// Why.
        reason: NackReason,
    },
    /// It takes nothing more for now.
    Idle {
        /// Whether it is kept, paused, and can be had by a creation order.
        paused: bool,
    },
    /// Nothing runs in it and nothing ever will. What is left of it is being removed.
    Gone,
}

/// What a container tells its pool. No activation of a busy container causes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// It has been made.
    Created,
    /// Its code has been loaded.
    Initialised,
    /// It could not be made, and is gone.
    CreateFailed,
    /// Nothing has run in it for a little while: it may be evicted.
    Resting,
    /// Something runs again, or still: it may not be evicted. Only after `Resting`, or instead of obeying an eviction.
    Working,
    /// It is being paused, and can be assigned again to the queue and revision that it served.
    Parked,
    /// It has been paused for as long as is usual: keep it or remove it.
    Expired,
    /// It cannot serve this order after all; another container is to be found for it.
    Returned(Box<Assignment>),
    /// Nothing runs in it and nothing will: it is on its way out, and its memory will be free soon.
    Leaving,
    /// Nothing is left of it: its memory is free.
    Gone,
}
