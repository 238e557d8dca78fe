use super::{LeaseId, Revision};
use std::sync::Arc;
use std::time::Duration;

/// What a store of keys can be asked. `request` comes back with the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Read one key.
    Get {
        /// Whose answer.
        request: u64,
        /// Which key.
        key: String,
    },
    /// Read every key that begins with `prefix`.
    Range {
        /// Whose answer.
        request: u64,
        /// How they begin.
        prefix: String,
    },
    /// Write several keys, all or none.
    Commit {
        /// Whose answer.
        request: u64,
        /// What to write under which conditions.
        transaction: Transaction,
    },
    /// Make a lease.
    Grant {
        /// Whose answer.
        request: u64,
        /// How long it lasts after it was last kept alive.
        ttl: Duration,
    },
    /// Let a lease last for its whole time again.
    KeepAlive {
        /// Whose answer.
        request: u64,
        /// Which.
        lease: LeaseId,
    },
    /// End a lease and delete its keys.
    Revoke {
        /// Whose answer.
        request: u64,
        /// Which.
        lease: LeaseId,
    },
    /// Tell of every change of a key that begins with `prefix`. There is no answer besides those changes.
    Watch {
        /// A number that no other open watch has.
        watch: u64,
        /// How the keys begin.
        prefix: String,
        /// Only changes later than this one.
        after: Revision,
    },
    /// Tell no more.
    Unwatch {
        /// Which.
        watch: u64,
    },
}

/// Writes that happen together, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// What must hold; all of it.
    pub when: Vec<Condition>,
    /// What is written then. Each key at most once.
    pub then: Vec<Write>,
}

/// What must hold of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The key.
    pub key: String,
    /// What is known of it.
    pub state: KeyState,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is not there.
    Absent,
    /// It is there since that revision, whatever was written to it later.
    CreatedAt(Revision),
    /// It was written last in that revision.
    ModifiedAt(Revision),
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Set a key.
    Put {
        /// Which.
        key: String,
        /// To what.
        value: Arc<[u8]>,
        /// The lease with which it goes. `None`: it stays until it is deleted.
        lease: Option<LeaseId>,
    },
    /// Delete a key. Where there is none, nothing happens.
    Delete {
        /// Which.
        key: String,
    },
}

impl Write {
    /// The key that it writes.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Write::Put { key, .. } | Write::Delete { key } => key,
        }
    }
}
