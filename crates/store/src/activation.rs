use crate::StoreError;
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use types::{Activation, ActivationId};

/// What is kept of an activation before it runs, so that it is not lost with the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Its id.
    pub activation_id: ActivationId,
    /// Everything that is needed to submit it again, in a form of the caller's own.
    pub body: Bytes,
}

/// An intent of an earlier process that has no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// What was to be done.
    pub intent: Intent,
    /// Whether it had begun to run, so that it must not be run again.
    pub started: bool,
}

/// The place of one write in the store's order; see [`ActivationStore::durable`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Which records a list shows, newest `start` first (LIST-04).
#[derive(Clone, Debug)]
pub struct ActivationQuery {
    /// The namespace.
    pub namespace: String,
    /// `action` or `pkg/action` (ATV-03).
    pub name: Option<String>,
    /// Not before, in milliseconds since 1970, inclusive.
    pub since: Option<u64>,
    /// Not after, in milliseconds since 1970, inclusive.
    pub upto: Option<u64>,
    /// How many to pass over.
    pub skip: usize,
    /// How many at the most.
    pub limit: usize,
}

/// Where intents and records of activations are kept.
///
/// The four calls that write return at once, and what they wrote survives the end of this process from then on, also by
/// `kill -9`. That it survives a power cut too is what [`ActivationStore::durable`] waits for.
#[async_trait]
pub trait ActivationStore: Send + Sync + fmt::Debug {
    /// Notes that an activation was accepted.
    ///
    /// # Errors
    /// When it cannot be written; the activation must not be accepted then.
    fn accept(&self, intent: Intent) -> Result<Ticket, StoreError>;

    /// Notes that an accepted activation begins to run.
    ///
    /// # Errors
    /// When it cannot be written.
    fn started(&self, id: ActivationId) -> Result<Ticket, StoreError>;

    /// Ends the intent of that id, if there is one, without a record: the activation ended, and nobody wants to know how
    /// (ATV-22).
    ///
    /// # Errors
    /// When it cannot be written; the next process will take the activation for lost then.
    fn dismiss(&self, id: ActivationId) -> Result<Ticket, StoreError>;

    /// Keeps a record, and with it ends the intent of that id if there is one. Of two records with the same id the
    /// first one stays. The record can be read from now on.
    ///
    /// # Errors
    /// When it cannot be written.
    fn store(&self, record: Arc<Activation>) -> Result<Ticket, StoreError>;

    /// Waits until everything up to `ticket` is on the disk. Answers up to where everything is there by now: at least
    /// `ticket`.
    ///
    /// # Errors
    /// When the disk fails.
    async fn durable(&self, ticket: Ticket) -> Result<Ticket, StoreError>;

    /// The intents of earlier processes that have no record, oldest first. Each is handed out once; until a record ends
    /// it, the next process gets it again.
    fn unfinished(&self) -> Vec<Unfinished>;

    /// The record as JSON (ATV-06), if it belongs to that namespace.
    async fn get(&self, namespace: &str, id: ActivationId) -> Result<Option<Bytes>, StoreError>;

    /// Records as JSON, whole.
    async fn list(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError>;

    /// Summaries as JSON (LIST-11).
    async fn summaries(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError>;

    /// How many records fit; `skip` and `limit` are not looked at.
    async fn count(&self, query: &ActivationQuery) -> Result<u64, StoreError>;

    /// Writes out what is still in memory, for a clean stop.
    ///
    /// # Errors
    /// When the disk fails.
    async fn flush(&self) -> Result<(), StoreError>;
}
