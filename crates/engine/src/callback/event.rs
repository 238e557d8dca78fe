use std::time::Duration;
use types::ActivationId;

/// What happens to callbacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The activation was not accepted after all, so there will be nothing to tell.
    Withdrawn {
        /// Which.
        id: ActivationId,
    },
    /// The activation has ended and its record can be read.
    Ended {
        /// Which.
        id: ActivationId,
    },
    /// What came of [`super::Command::Try`].
    Tried {
        /// Which.
        id: ActivationId,
        /// What came of it.
        outcome: Outcome,
    },
}

/// What came of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is no record yet; nothing was sent.
    NotEnded,
    /// The receiver took it (2xx).
    Taken,
    /// The receiver wants nothing more (410).
    Gone,
    /// It did not get through, or was answered with something else.
    Failed {
        /// For how long to wait before the next try.
        wait: Duration,
    },
}
