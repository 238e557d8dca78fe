//! A read-through cache of documents and attachments.
//!
//! It holds what was read last, bounded in bytes, and must not answer with what this process has already written over:
//! every write through it invalidates. Of writes by other processes it learns through [`Cached::invalidate`].

use crate::{ArtifactStore, Attachment, Document, DocumentKind, EntityQuery, PutError, StoreError};
use async_trait::async_trait;
use parking_lot::RwLock;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use types::Revision;

/// What an entry costs beside its texts: map slots, the document's own fields.
const ENTRY_OVERHEAD: u64 = 400;

/// An artifact store with what was read last in memory.
///
/// Lists and counts always go to the store. That a document is missing is not remembered.
pub struct Cached<S> {
    store: S,
    /// How many bytes of documents and attachments are kept. When there are more, those that were not asked for lately
    /// go; one that would take more than a quarter is not kept at all.
    capacity: u64,
    entries: RwLock<Entries>,
}

#[derive(Default)]
struct Entries {
    by_id: HashMap<Arc<str>, Entry>,
    lookups: HashMap<Box<str>, Arc<str>>,
    /// Every id, in the order in which they come up for eviction.
    hand: VecDeque<Arc<str>>,
    bytes: u64,
    /// How often something was invalidated: what was read before the last time may be old, and is not kept.
    epoch: u64,
}

struct Entry {
    document: Arc<Document>,
    /// `None`: not read yet.
    attachment: Option<Option<Attachment>>,
    /// Asked for since the eviction passed by last.
    touched: AtomicBool,
}

impl Entry {
    fn bytes(&self) -> u64 {
        let document = &self.document;
        let lookups: usize = document.lookup.iter().map(|key| 2 * key.len()).sum();
        let texts = 2 * document.id.len() + document.body.len() + document.summary.len() + lookups;
        let attachment = self.attachment.iter().flatten().map(Attachment::len).sum::<usize>();
        ENTRY_OVERHEAD + (texts + attachment) as u64
    }
}

impl<S> Cached<S> {
    /// A cache before `store` that keeps up to `capacity` bytes.
    pub fn new(store: S, capacity: u64) -> Cached<S> {
        Cached { store, capacity, entries: RwLock::default() }
    }

    /// The document of that id, if it is in memory. Neither waits nor allocates.
    pub fn peek(&self, id: &str) -> Option<Arc<Document>> {
        self.entries.read().by_id.get(id).map(Entry::touch)
    }

    /// The document that has that lookup key, if it is in memory. Neither waits nor allocates.
    pub fn peek_lookup(&self, lookup: &str) -> Option<Arc<Document>> {
        let entries = self.entries.read();
        let id = entries.lookups.get(lookup)?;
        entries.by_id.get(id).map(Entry::touch)
    }

    /// Forgets the document of that id, because it was changed elsewhere.
    pub fn invalidate(&self, id: &str) {
        let mut entries = self.entries.write();
        entries.epoch += 1;
        entries.remove(id);
    }

    /// Forgets everything, because it is not known what was changed elsewhere.
    pub fn invalidate_all(&self) {
        let mut entries = self.entries.write();
        *entries = Entries { epoch: entries.epoch + 1, ..Entries::default() };
    }

    /// How many bytes are kept at the moment.
    pub fn bytes(&self) -> u64 {
        self.entries.read().bytes
    }

    /// The store behind.
    pub fn inner(&self) -> &S {
        &self.store
    }

    fn epoch(&self) -> u64 {
        self.entries.read().epoch
    }

    /// Keeps what was read since `epoch`, and answers with it.
    fn keep(&self, document: Document, epoch: u64) -> Arc<Document> {
        let document = Arc::new(document);
        let entry = Entry { document: document.clone(), attachment: None, touched: AtomicBool::new(false) };
        let mut entries = self.entries.write();
        if entries.epoch == epoch && entry.bytes() <= self.capacity / 4 {
            entries.insert(entry);
            entries.evict(self.capacity);
        }
        document
    }

    /// Keeps an attachment that was read since `epoch`, if its document is kept.
    fn keep_attachment(&self, id: &str, revision: Revision, attachment: Option<Attachment>, epoch: u64) {
        let size = attachment.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let mut entries = self.entries.write();
        if entries.epoch != epoch || size > self.capacity / 4 {
            return;
        }
        let Some(entry) = entries.by_id.get_mut(id) else { return };
        if entry.document.revision == revision && entry.attachment.is_none() {
            entry.attachment = Some(attachment);
            entries.bytes += size;
            entries.evict(self.capacity);
        }
    }
}

impl<S: ArtifactStore> Cached<S> {
    /// The document of that id, from memory or from the store.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load(&self, id: &str) -> Result<Option<Arc<Document>>, StoreError> {
        if let Some(document) = self.peek(id) {
            return Ok(Some(document));
        }
        let epoch = self.epoch();
        let found = self.store.get(id).await?;
        Ok(found.map(|document| self.keep(document, epoch)))
    }

    /// The document that has that lookup key, from memory or from the store.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load_lookup(&self, lookup: &str) -> Result<Option<Arc<Document>>, StoreError> {
        if let Some(document) = self.peek_lookup(lookup) {
            return Ok(Some(document));
        }
        let epoch = self.epoch();
        let found = self.store.find(lookup).await?;
        Ok(found.map(|document| self.keep(document, epoch)))
    }
}

impl<S: fmt::Debug> fmt::Debug for Cached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("store", &self.store)
            .field("capacity", &self.capacity)
            .field("bytes", &self.bytes())
            .finish()
    }
}

#[async_trait]
impl<S: ArtifactStore> ArtifactStore for Cached<S> {
    async fn put(
        &self,
        document: Document,
        attachment: Option<Attachment>,
        expected: Option<Revision>,
    ) -> Result<Revision, PutError> {
        let id = document.id.clone();
        let answer = self.store.put(document, attachment, expected).await;
        // Also after a fault: nobody knows then whether it was written, and a conflict means that what is here is old.
        self.invalidate(&id);
        answer
    }

    async fn get(&self, id: &str) -> Result<Option<Document>, StoreError> {
        Ok(self.load(id).await?.map(|document| Document::clone(&document)))
    }

    async fn find(&self, lookup: &str) -> Result<Option<Document>, StoreError> {
        Ok(self.load_lookup(lookup).await?.map(|document| Document::clone(&document)))
    }

    async fn attachment(&self, id: &str, revision: Revision) -> Result<Option<Attachment>, StoreError> {
        let epoch = {
            let entries = self.entries.read();
            if let Some(entry) = entries.by_id.get(id)
                && entry.document.revision == revision
                && let Some(attachment) = &entry.attachment
            {
                entry.touch();
                return Ok(attachment.clone());
            }
            entries.epoch
        };
        let attachment = self.store.attachment(id, revision).await?;
        self.keep_attachment(id, revision, attachment.clone(), epoch);
        Ok(attachment)
    }

    async fn delete(&self, id: &str, revision: Revision) -> Result<(), PutError> {
        let answer = self.store.delete(id, revision).await;
        self.invalidate(id);
        answer
    }

    async fn list(&self, query: &EntityQuery) -> Result<Vec<Document>, StoreError> {
        self.store.list(query).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, StoreError> {
        self.store.count(query).await
    }

    async fn scan(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.store.scan(kind, after, limit).await
    }
}

impl Entry {
    fn touch(&self) -> Arc<Document> {
        // A plain store would make the readers on other cores fetch the line again each time.
        if !self.touched.load(Ordering::Relaxed) {
            self.touched.store(true, Ordering::Relaxed);
        }
        self.document.clone()
    }
}

impl Entries {
    fn insert(&mut self, entry: Entry) {
        let id: Arc<str> = Arc::from(&*entry.document.id);
        if self.by_id.contains_key(&id) {
            // Another reader was faster, and nothing was written since.
            return;
        }
        for key in &entry.document.lookup {
            self.lookups.insert(Box::from(&**key), id.clone());
        }
        self.bytes += entry.bytes();
        self.hand.push_back(id.clone());
        self.by_id.insert(id, entry);
    }

    /// Lets entries go until the capacity is kept: each that comes up goes unless it was asked for since the last time.
    fn evict(&mut self, capacity: u64) {
        while self.bytes > capacity {
            let Some(id) = self.hand.pop_front() else { return };
            match self.by_id.get(&id) {
                Some(entry) if entry.touched.swap(false, Ordering::Relaxed) => self.hand.push_back(id),
                Some(_) => self.forget(&id),
                None => {}
            }
        }
    }

    fn remove(&mut self, id: &str) {
        if self.by_id.contains_key(id) {
            self.forget(id);
            self.hand.retain(|held| &**held != id);
        }
    }

    /// Takes an entry out, but for its place in the order of eviction.
    fn forget(&mut self, id: &str) {
        let Some(entry) = self.by_id.remove(id) else { return };
        self.bytes -= entry.bytes();
        for key in &entry.document.lookup {
            self.lookups.remove(&**key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, Faulty, Operation};
    use crate::memory::MemoryArtifactStore;
    use bytes::Bytes;

    fn document(id: &str, size: usize) -> Document {
        Document {
            id: id.to_owned(),
            kind: DocumentKind::Action,
            revision: Revision(0),
            updated: 1,
            body: Bytes::from(vec![b'x'; size]),
            summary: Bytes::new(),
            lookup: vec![format!("key of {id}")],
        }
    }

    type Store = Cached<Faulty<MemoryArtifactStore>>;

    fn cached(capacity: u64) -> Store {
        Cached::new(Faulty::new(MemoryArtifactStore::new()), capacity)
    }

    /// Fails the next read of the store, so that only the cache can answer.
    fn only_cache(store: &Store) {
        store.inner().faults().next(Operation::Get, Fault::fail());
    }

    #[tokio::test]
    async fn what_was_read_is_answered_without_the_store() {
        let store = cached(1 << 20);
        let revision = store.put(document("ns/a", 10), None, None).await.unwrap();
        assert!(store.peek("ns/a").is_none());
        store.load("ns/a").await.unwrap().unwrap();
        only_cache(&store);
        assert_eq!(store.load("ns/a").await.unwrap().unwrap().revision, revision);
        assert_eq!(store.peek_lookup("key of ns/a").unwrap().id, "ns/a");
        store.invalidate("ns/a");
        assert!(store.load("ns/a").await.is_err());
        assert!(store.peek_lookup("key of ns/a").is_none());
        assert_eq!(store.bytes(), 0);
    }

    #[tokio::test]
    async fn what_was_not_asked_for_lately_goes_first() {
        let store = cached(4 * (ENTRY_OVERHEAD + 1000) + 500);
        for id in ["ns/a", "ns/b", "ns/c", "ns/d", "ns/e"] {
            store.put(document(id, 900), None, None).await.unwrap();
        }
        for id in ["ns/a", "ns/b", "ns/c", "ns/d"] {
            store.load(id).await.unwrap().unwrap();
        }
        store.peek("ns/a").unwrap();
        store.load("ns/e").await.unwrap().unwrap();
        assert!(store.peek("ns/b").is_none());
        assert!(store.peek("ns/a").is_some() && store.peek("ns/e").is_some());
        assert!(store.bytes() <= store.capacity);
    }

    #[tokio::test]
    async fn what_is_too_big_is_not_kept() {
        let store = cached(10_000);
        let revision = store.put(document("ns/a", 10), Some(Bytes::from(vec![1; 5000])), None).await.unwrap();
        store.load("ns/a").await.unwrap().unwrap();
        let bytes = store.bytes();
        assert_eq!(store.attachment("ns/a", revision).await.unwrap().unwrap().len(), 5000);
        assert_eq!(store.bytes(), bytes);
    }

    #[tokio::test]
    async fn what_was_read_before_a_write_is_not_kept() {
        let store = cached(1 << 20);
        let revision = store.put(document("ns/a", 10), None, None).await.unwrap();
        let epoch = store.epoch();
        let old = store.inner().get("ns/a").await.unwrap().unwrap();
        store.put(document("ns/a", 20), None, Some(revision)).await.unwrap();
        store.keep(old, epoch);
        assert!(store.peek("ns/a").is_none());
        assert_eq!(store.load("ns/a").await.unwrap().unwrap().body.len(), 20);
    }
}
