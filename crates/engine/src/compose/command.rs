use std::time::Duration;
use types::json::Raw;
use types::{ActivationId, ActivationResponse, FullyQualifiedName};

/// What a running sequence or composition asks for. `A` is the shell's own form of an action.
#[derive(Clone, Debug)]
pub enum Command<A> {
    /// Say what this name stands for. `Found`, `Missing`, `Forbidden` or `Failed` answers.
    Find {
        /// The name.
        name: FullyQualifiedName,
        /// Whether the caller's right to invoke it is to be checked: a conductor may name anything, the components of a
        /// sequence were checked before.
        checked: bool,
    },
    /// Run this action. `Handed` answers and then `Ended` or `TimedOut`; or `Failed` alone.
    Invoke {
        /// Which.
        action: A,
        /// What it is given over its own parameters; an array is given alone (SEQ-04, SEQ-05).
        payload: Option<Raw>,
        /// The activation that causes it (SEQ-15, CON-14).
        cause: ActivationId,
        /// How long to wait for its end (SEQ-10, CON-12).
        wait: Duration,
    },
    /// A sequence or composition has ended: the whole, or one that was a part.
    Finish(Finished<A>),
}

/// A sequence or composition that has ended.
#[derive(Clone, Debug)]
pub struct Finished<A> {
    /// Which action.
    pub action: A,
    /// The id of its activation.
    pub id: ActivationId,
    /// The activation that caused it; `None` for the topmost one.
    pub cause: Option<ActivationId>,
    /// Whether it is the whole, so that nothing follows.
    pub outermost: bool,
    /// Whether a conductor drove it.
    pub conductor: bool,
    /// When it began, in milliseconds since 1970.
    pub began: u64,
    /// How it ended.
    pub response: ActivationResponse,
    /// Its parts in their order (SEQ-14, CON-13).
    pub parts: Vec<ActivationId>,
    /// How long its parts took together, in milliseconds (SEQ-16).
    pub duration: u64,
    /// The greatest memory of a part in MB; `None`: none has run (ATV-21).
    pub memory: Option<u64>,
}
