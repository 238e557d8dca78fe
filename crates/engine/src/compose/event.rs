use std::sync::Arc;
use std::time::Duration;
use types::{ActivationId, ActivationResponse, FullyQualifiedName};

/// What can happen to a running sequence or composition. `A` is the shell's own form of an action.
#[derive(Clone, Debug)]
pub enum Event<A> {
    /// The name stands for this.
    Found(Part<A>),
    /// Nothing has that name.
    Missing,
    /// The caller may not invoke what has that name.
    Forbidden,
    /// The part was handed on under this id.
    Handed(ActivationId),
    /// The part has ended.
    Ended {
        /// How.
        response: ActivationResponse,
        /// How long it took, in milliseconds.
        duration: u64,
    },
    /// The part did not end in the time that was granted.
    TimedOut,
    /// What the name stands for could not be found out, or nobody takes the part.
    Failed,
}

/// What one name stands for.
#[derive(Clone, Debug)]
pub enum Part<A> {
    /// An action that just runs.
    Simple {
        /// Which.
        action: A,
        /// How long it may run.
        timeout: Duration,
        /// Its memory in MB.
        memory: u64,
    },
    /// A sequence or a composition.
    Whole(Whole<A>),
}

/// What has parts.
#[derive(Clone, Debug)]
pub struct Whole<A> {
    /// Which action.
    pub action: A,
    /// The id of its activation.
    pub id: ActivationId,
    /// When it begins, in milliseconds since 1970.
    pub began: u64,
    /// How its parts are found.
    pub form: Form,
}

/// How the parts of something are found.
#[derive(Clone, Debug)]
pub enum Form {
    /// They are these, one after the other.
    Sequence(Arc<[FullyQualifiedName]>),
    /// The action itself is run between them and names the next one.
    Conductor {
        /// How long one run of it may take.
        timeout: Duration,
        /// Its memory in MB.
        memory: u64,
    },
}
