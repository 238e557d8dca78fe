use types::{Epoch, SchedulerId};

/// What a scheduler's claims ask for. `K` names a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<K> {
    /// Create the queue's key under our lease unless there is one; answer `Claimed`, `Taken` or `ClaimFailed`. A key
    /// that is there and ours already, from a claim whose answer was lost, is `Claimed` with its epoch.
    Claim {
        /// Which queue.
        queue: K,
    },
    /// The queue is ours from this epoch on: make it, or go on with the one that is there under the new epoch.
    Open {
        /// Which queue.
        queue: K,
        /// Stamped on whatever it says from now on.
        epoch: Epoch,
    },
    /// Whoever wants the queue finds it there.
    Redirect {
        /// Which queue.
        queue: K,
        /// Whose it is.
        owner: SchedulerId,
        /// Since when.
        epoch: Epoch,
    },
    /// Whoever wants the queue cannot have it now: ownership could not be settled in time, or we are going down.
    Refuse {
        /// Which queue.
        queue: K,
    },
    /// The queue here has lost its ownership: `queue::Event::Disowned`.
    Disown {
        /// Which queue.
        queue: K,
    },
    /// Delete the key if its creation revision is still this one.
    Release {
        /// Which queue.
        queue: K,
        /// The key's creation revision.
        epoch: Epoch,
    },
}
