use types::{Epoch, SchedulerId};

/// What can happen to a scheduler's claims. `K` names a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<K> {
    /// Something came for a queue that is not here.
    Wanted {
        /// Which.
        queue: K,
    },
    /// The transaction of a `Claim` made the key. Its creation revision is the epoch.
    Claimed {
        /// Which queue.
        queue: K,
        /// From when on we own it.
        epoch: Epoch,
    },
    /// The key is somebody else's, as a `Claim` or a watch has found.
    Taken {
        /// Which queue.
        queue: K,
        /// Whose.
        owner: SchedulerId,
        /// Since when.
        epoch: Epoch,
    },
    /// A `Claim` did not get through, and nobody knows whether it made the key.
    ClaimFailed {
        /// Which queue.
        queue: K,
    },
    /// A key of ours is gone: its lease ended, or somebody deleted it.
    Vanished {
        /// Which queue.
        queue: K,
        /// The key's creation revision.
        epoch: Epoch,
    },
    /// The queue has ended by itself.
    Retired {
        /// Which queue.
        queue: K,
    },
    /// The scheduler is going down: no new claims.
    Drain,
}
