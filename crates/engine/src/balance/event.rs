use types::{ActivationId, InvokerId};

/// What can happen to the invokers of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An invoker says that it is there.
    Ping {
        /// Which.
        invoker: InvokerId,
        /// Whether it takes work.
        enabled: bool,
        /// Its memory for containers, in MB.
        memory: u64,
    },
    /// An activation that was placed has ended; the first end counts.
    Ended {
        /// Which.
        activation: ActivationId,
        /// What it says about its invoker; `None`: nothing.
        verdict: Option<Verdict>,
    },
    /// A test action that was asked for runs as this activation.
    Testing {
        /// Where.
        invoker: InvokerId,
        /// Which.
        activation: ActivationId,
    },
}

/// What the end of an activation says about the invoker that had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The invoker did its part, whatever the action did.
    Success,
    /// The platform failed.
    SystemError,
    /// Nothing was heard of it in its time.
    Timeout,
}
