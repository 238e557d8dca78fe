use types::ActivationId;

/// What is to be done about callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Look for the record, and send it if it is there; [`super::Event::Tried`] answers.
    Try {
        /// Which.
        id: ActivationId,
        /// How many tries have failed before.
        failures: u32,
    },
    /// Forget it: nothing more will be sent.
    Settle {
        /// Which.
        id: ActivationId,
        /// Why.
        verdict: Verdict,
        /// How often it was sent.
        tries: u32,
    },
}

/// How a callback ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver took it.
    Delivered,
    /// The receiver wants nothing more.
    Gone,
    /// It was tried as often, or for as long, as it may be.
    GivenUp,
    /// The activation was not accepted after all, or its record never came.
    Withdrawn,
}
