//! A store that is late or fails when a script says so, around any other store. For tests.

use crate::{
    ActivationQuery, ActivationStore, ArtifactStore, Attachment, Document, DocumentKind, EntityQuery, Intent,
    PutError, StoreError, Ticket, Unfinished,
};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use types::{Activation, ActivationId, Revision};

/// What can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`ArtifactStore::put`]
    Put,
    /// [`ArtifactStore::get`] and [`ArtifactStore::find`]
    Get,
    /// [`ArtifactStore::attachment`]
    Attachment,
    /// [`ArtifactStore::delete`]
    Delete,
    /// [`ArtifactStore::list`], [`ArtifactStore::count`] and [`ArtifactStore::scan`]
    List,
    /// [`ActivationStore::accept`]
    Accept,
    /// [`ActivationStore::started`]
    Started,
    /// [`ActivationStore::dismiss`]
    Dismiss,
    /// [`ActivationStore::store`]
    Store,
    /// [`ActivationStore::durable`] and [`ActivationStore::flush`]
    Durable,
    /// [`ActivationStore::get`]
    ReadRecord,
    /// [`ActivationStore::list`], [`ActivationStore::summaries`] and [`ActivationStore::count`]
    ListRecords,
}

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How long the call takes longer. Calls that do not await hold their thread meanwhile, as a slow disk would.
    pub delay: Duration,
    /// Whether, and when, it fails.
    pub failure: Option<Failure>,
}

/// How one call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is done.
    Before {
        /// What the error says of itself.
        retryable: bool,
    },
    /// All is done, and the caller does not learn of it.
    After,
}

impl Fault {
    /// Fails at once, with nothing done; another try could succeed.
    #[must_use]
    pub const fn fail() -> Fault {
        Fault { delay: Duration::ZERO, failure: Some(Failure::Before { retryable: true }) }
    }

    /// Does everything and fails then.
    #[must_use]
    pub const fn fail_after() -> Fault {
        Fault { delay: Duration::ZERO, failure: Some(Failure::After) }
    }

    /// Succeeds late.
    #[must_use]
    pub const fn late(delay: Duration) -> Fault {
        Fault { delay, failure: None }
    }
}

/// The script: what goes wrong next.
#[derive(Debug, Default)]
pub struct Faults {
    script: Mutex<HashMap<Operation, Script>>,
}

#[derive(Debug, Default)]
struct Script {
    next: VecDeque<Fault>,
    always: Option<Fault>,
}

impl Faults {
    /// Lets the next call that has no fault yet go wrong.
    pub fn next(&self, operation: Operation, fault: Fault) {
        self.script.lock().entry(operation).or_default().next.push_back(fault);
    }

    /// Lets every call go wrong that has no fault of its own, until it is called with `None`.
    pub fn always(&self, operation: Operation, fault: Option<Fault>) {
        self.script.lock().entry(operation).or_default().always = fault;
    }

    /// From now on nothing goes wrong.
    pub fn clear(&self) {
        self.script.lock().clear();
    }

    fn take(&self, operation: Operation) -> Option<Fault> {
        let mut script = self.script.lock();
        let script = script.get_mut(&operation)?;
        script.next.pop_front().or(script.always)
    }

    async fn run<T, E: From<StoreError>>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let Some(fault) = self.take(operation) else { return call.await };
        if !fault.delay.is_zero() {
            tokio::time::sleep(fault.delay).await;
        }
        if let Some(Failure::Before { retryable }) = fault.failure {
            return Err(error(operation, retryable).into());
        }
        let answer = call.await;
        after(operation, fault, answer)
    }

    fn run_now<T>(
        &self,
        operation: Operation,
        call: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(fault) = self.take(operation) else { return call() };
        if !fault.delay.is_zero() {
            std::thread::sleep(fault.delay);
        }
        if let Some(Failure::Before { retryable }) = fault.failure {
            return Err(error(operation, retryable));
        }
        after(operation, fault, call())
    }
}

fn after<T, E: From<StoreError>>(operation: Operation, fault: Fault, answer: Result<T, E>) -> Result<T, E> {
    if fault.failure == Some(Failure::After) { Err(error(operation, true).into()) } else { answer }
}

fn error(operation: Operation, retryable: bool) -> StoreError {
    StoreError { retryable, ..StoreError::new(format!("{operation:?}"), "a fault of the test's script") }
}

/// A store of either port, with a script of faults around it.
#[derive(Debug)]
pub struct Faulty<S> {
    store: S,
    faults: Arc<Faults>,
}

impl<S> Faulty<S> {
    /// Wraps `store`; at first nothing goes wrong.
    pub fn new(store: S) -> Faulty<S> {
        Faulty { store, faults: Arc::default() }
    }

    /// The script.
    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    /// The store behind.
    pub fn inner(&self) -> &S {
        &self.store
    }
}

#[async_trait]
impl<S: ArtifactStore> ArtifactStore for Faulty<S> {
    async fn put(
        &self,
        document: Document,
        attachment: Option<Attachment>,
        expected: Option<Revision>,
    ) -> Result<Revision, PutError> {
        self.faults.run(Operation::Put, self.store.put(document, attachment, expected)).await
    }

    async fn get(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.faults.run(Operation::Get, self.store.get(id)).await
    }

    async fn find(&self, lookup: &str) -> Result<Option<Document>, StoreError> {
        self.faults.run(Operation::Get, self.store.find(lookup)).await
    }

    async fn attachment(&self, id: &str, revision: Revision) -> Result<Option<Attachment>, StoreError> {
        self.faults.run(Operation::Attachment, self.store.attachment(id, revision)).await
    }

    async fn delete(&self, id: &str, revision: Revision) -> Result<(), PutError> {
        self.faults.run(Operation::Delete, self.store.delete(id, revision)).await
    }

    async fn list(&self, query: &EntityQuery) -> Result<Vec<Document>, StoreError> {
        self.faults.run(Operation::List, self.store.list(query)).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, StoreError> {
        self.faults.run(Operation::List, self.store.count(query)).await
    }

    async fn scan(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.faults.run(Operation::List, self.store.scan(kind, after, limit)).await
    }
}

#[async_trait]
impl<S: ActivationStore> ActivationStore for Faulty<S> {
    fn accept(&self, intent: Intent) -> Result<Ticket, StoreError> {
        self.faults.run_now(Operation::Accept, || self.store.accept(intent))
    }

    fn started(&self, id: ActivationId) -> Result<Ticket, StoreError> {
        self.faults.run_now(Operation::Started, || self.store.started(id))
    }

    fn dismiss(&self, id: ActivationId) -> Result<Ticket, StoreError> {
        self.faults.run_now(Operation::Dismiss, || self.store.dismiss(id))
    }

    fn store(&self, record: Arc<Activation>) -> Result<Ticket, StoreError> {
        self.faults.run_now(Operation::Store, || self.store.store(record))
    }

    async fn durable(&self, ticket: Ticket) -> Result<Ticket, StoreError> {
        self.faults.run(Operation::Durable, self.store.durable(ticket)).await
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        self.store.unfinished()
    }

    async fn get(&self, namespace: &str, id: ActivationId) -> Result<Option<Bytes>, StoreError> {
        self.faults.run(Operation::ReadRecord, self.store.get(namespace, id)).await
    }

    async fn list(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError> {
        self.faults.run(Operation::ListRecords, self.store.list(query)).await
    }

    async fn summaries(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError> {
        self.faults.run(Operation::ListRecords, self.store.summaries(query)).await
    }

    async fn count(&self, query: &ActivationQuery) -> Result<u64, StoreError> {
        self.faults.run(Operation::ListRecords, self.store.count(query)).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.faults.run(Operation::Durable, self.store.flush()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryArtifactStore;

    fn document() -> Document {
        Document {
            id: "ns/a".to_owned(),
            kind: DocumentKind::Action,
            revision: Revision(0),
            updated: 1,
            body: Bytes::new(),
            summary: Bytes::new(),
            lookup: Vec::new(),
        }
    }

    #[tokio::test]
    async fn faults_come_in_their_order_and_then_no_more() {
        let store = Faulty::new(MemoryArtifactStore::new());
        store.faults().next(Operation::Put, Fault::fail());
        store.faults().next(Operation::Put, Fault::fail_after());
        assert!(matches!(store.put(document(), None, None).await, Err(PutError::Store(_))));
        assert!(store.get("ns/a").await.unwrap().is_none());
        assert!(matches!(store.put(document(), None, None).await, Err(PutError::Store(_))));
        assert!(store.get("ns/a").await.unwrap().is_some());
        assert!(matches!(store.put(document(), None, None).await, Err(PutError::Conflict)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_call_takes_its_time() {
        let store = Faulty::new(MemoryArtifactStore::new());
        store.faults().always(Operation::Get, Some(Fault::late(Duration::from_secs(5))));
        let before = tokio::time::Instant::now();
        store.get("ns/a").await.unwrap();
        assert_eq!(before.elapsed(), Duration::from_secs(5));
    }
}
