/// Which owner of a queue speaks. A greater one replaces a smaller one; what a smaller one says is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// How many times an activation was handed to a container, counted from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub u32);

/// Why a container cannot be provided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreationFailure {
    /// The invoker has no room. Worth another try, elsewhere or later.
    NoResources,
    /// The invoker is going down. Worth another try elsewhere.
    ShuttingDown,
    /// The container could not be made. Worth another try. The text is for the record.
    Platform(String),
    /// It can never be made, and that is the developer's fault: the kind, the image, the limits.
    Developer(String),
    /// The action is no more.
    ActionMissing,
}

impl CreationFailure {
    /// Whether the same order could succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            CreationFailure::NoResources | CreationFailure::ShuttingDown | CreationFailure::Platform(_) => {
                true
            }
            CreationFailure::Developer(_) | CreationFailure::ActionMissing => false,
        }
    }
}

/// Why an activation was handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NackReason {
    /// The container was being paused or removed when it came.
    Leaving,
    /// The container broke before it started the activation.
    Broken,
    /// There is no such container.
    Unknown,
    /// The container is full: the scheduler counted its credit wrongly.
    NoCredit,
    /// A newer owner of the queue has spoken.
    StaleEpoch,
    /// The scheduler asked for it back before it was started.
    Recalled,
}
