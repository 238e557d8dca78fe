//! The port of shared state: keys with revisions, leases, and watches.
//!
//! [`Coordination`] is what a back end implements; [`Mirror`] is a watched local copy of a part of it, and [`Registry`]
//! keeps keys of this process there for as long as it lives. [`keys`] says which keys there are. [`Memory`] is the
//! implementation of a single process.
//!
//! This crate must not stand on the path of a warm activation: whoever needs to know something there reads a mirror.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod keys;
mod memory;
mod mirror;
mod registry;
mod watch;

pub use engine::kv::{Change, Condition, Entry, KeyState, LeaseId, Revision, Transaction, Write};
pub use memory::Memory;
pub use mirror::Mirror;
pub use registry::{Claim, Registry, Settings};
pub use watch::{Watch, WatchEnd, WatchSink};

use async_trait::async_trait;
use std::fmt;
use std::time::Duration;

/// A store of keys that all processes of a cluster share.
#[async_trait]
pub trait Coordination: Send + Sync + fmt::Debug {
    /// Reads one key.
    async fn get(&self, key: &str) -> Result<Option<Entry>, CoordinationError>;

    /// Reads every key that begins with `prefix`.
    async fn range(&self, prefix: &str) -> Result<Listing, CoordinationError>;

    /// Writes several keys, all or none.
    ///
    /// # Errors
    /// [`CoordinationError::LeaseGone`] when a write names a lease that has ended.
    async fn commit(&self, transaction: Transaction) -> Result<Outcome, CoordinationError>;

    /// Makes a lease that ends `ttl` after it was last kept alive, and takes its keys with it.
    async fn grant(&self, ttl: Duration) -> Result<LeaseId, CoordinationError>;

    /// Lets a lease last for its whole time again.
    ///
    /// # Errors
    /// [`CoordinationError::LeaseGone`] when it has ended. Any other error says nothing about the lease.
    async fn keep_alive(&self, lease: LeaseId) -> Result<(), CoordinationError>;

    /// Ends a lease now; one that has ended already is no error.
    async fn revoke(&self, lease: LeaseId) -> Result<(), CoordinationError>;

    /// Tells of every change later than `after` of a key that begins with `prefix`, without a gap.
    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch, CoordinationError>;
}

/// Keys as they were at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The revision.
    pub revision: Revision,
    /// In order of the keys.
    pub entries: Vec<Entry>,
}

/// What came of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Committed {
        /// The revision that it made.
        revision: Revision,
    },
    /// A condition did not hold, and nothing was written.
    Conflict {
        /// What is there of the keys of the conditions.
        entries: Vec<Entry>,
    },
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CoordinationError {
    /// The lease has ended.
    #[error("the lease has ended")]
    LeaseGone,
    /// The request breaks a limit of the store; the same one will never succeed.
    #[error("the request breaks a limit of the store: {0}")]
    Refused(String),
    /// The store cannot be reached. Whether it did what was asked is not known; another try is worth it.
    #[error("cannot {action}")]
    Unavailable {
        /// What was tried.
        action: String,
        /// What came of it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
