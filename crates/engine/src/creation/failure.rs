use std::fmt;
use types::CreationFailure;

/// Why an order for a container failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartFailure {
    /// No invoker is there that may run it.
    NoInvokers,
    /// No invoker carried it out before its deadline.
    Timeout,
    /// The queue took it back before any invoker had it.
    Withdrawn,
    /// What the last invoker said that was tried.
    Reported(CreationFailure),
}

impl StartFailure {
    /// Whether another order could succeed soon. If not, it is the developer who has to change something.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            StartFailure::NoInvokers | StartFailure::Timeout | StartFailure::Withdrawn => true,
            StartFailure::Reported(failure) => failure.is_retryable(),
        }
    }

    /// The error text of the records of the activations that waited for the container (CLS-13, CLS-14, CLS-15).
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            StartFailure::Reported(CreationFailure::Developer(text)) => text.clone(),
            StartFailure::Reported(CreationFailure::ActionMissing) => {
                "Action could not be found or may have been deleted.".to_owned()
            }
            StartFailure::NoInvokers
            | StartFailure::Timeout
            | StartFailure::Withdrawn
            | StartFailure::Reported(
                CreationFailure::NoResources | CreationFailure::ShuttingDown | CreationFailure::Platform(_),
            ) => "Failed to provision resources to run the action.".to_owned(),
        }
    }
}

impl fmt::Display for StartFailure {
    /// For the operator: what [`StartFailure::text`] hides from the user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartFailure::NoInvokers => f.write_str("no invoker may run it"),
            StartFailure::Timeout => f.write_str("no invoker provided it in time"),
            StartFailure::Withdrawn => f.write_str("it is not needed any more"),
            StartFailure::Reported(CreationFailure::NoResources) => f.write_str("the invoker has no room"),
            StartFailure::Reported(CreationFailure::ShuttingDown) => f.write_str("the invoker is going down"),
            StartFailure::Reported(CreationFailure::ActionMissing) => f.write_str("the action is no more"),
            StartFailure::Reported(
                CreationFailure::Platform(reason) | CreationFailure::Developer(reason),
            ) => f.write_str(reason),
        }
    }
}
