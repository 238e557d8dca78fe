//! What the controller remembers of the store, so that a warm request reads nothing.

use crate::entities::Entities;
use crate::identities::Identities;
use async_trait::async_trait;
use base::shared_map::SharedMap;
use parking_lot::Mutex;
use std::sync::Arc;
use store::{ArtifactStore, Attachment, Document, DocumentKind, EntityQuery, PutError, StoreError};
use types::Revision;

/// Entries of one cache. A full one is emptied and fills again with what is in use.
const CAPACITY: usize = 16 * 1024;

/// A bounded map of things that were read. What was read before an invalidation is never added after it.
pub(crate) struct Cache<V> {
    entries: SharedMap<Box<[u8]>, Arc<V>>,
    /// How often something was invalidated. Locked by whoever changes the entries; readers lock nothing.
    generation: Mutex<u64>,
}

/// When a reading began; see [`Cache::insert`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl<V> Cache<V> {
    pub(crate) fn new() -> Cache<V> {
        Cache { entries: SharedMap::default(), generation: Mutex::new(0) }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Arc<V>> {
        self.entries.pin().get(key).cloned()
    }

    /// To be taken before the store is read.
    pub(crate) fn generation(&self) -> Generation {
        Generation(*self.generation.lock())
    }

    /// Adds what was read since `generation`, unless something was invalidated in the meantime.
    pub(crate) fn insert(&self, key: &[u8], value: Arc<V>, generation: Generation) {
        // Held until the entry is there: an invalidation that comes later will find it.
        let now = self.generation.lock();
        if Generation(*now) != generation {
            return;
        }
        let entries = self.entries.pin();
        if entries.len() >= CAPACITY && !entries.contains_key(key) {
            entries.clear();
        }
        entries.insert(Box::from(key), value);
    }

    /// Drops every entry for which `stale` says so.
    pub(crate) fn invalidate(&self, stale: impl Fn(&V) -> bool) {
        let mut now = self.generation.lock();
        *now += 1;
        self.entries.pin().retain(|_, value| !stale(value));
    }
}

/// The artifact store; whoever writes through it makes the controller forget what it remembers of the document.
#[derive(Debug)]
pub(crate) struct Watched {
    store: Arc<dyn ArtifactStore>,
    identities: Arc<Identities>,
    entities: Arc<Entities>,
}

impl Watched {
    pub(crate) fn new(
        store: Arc<dyn ArtifactStore>,
        identities: Arc<Identities>,
        entities: Arc<Entities>,
    ) -> Watched {
        Watched { store, identities, entities }
    }

    fn changed(&self, id: &str) {
        if id.starts_with("subject:") || id.starts_with("limits:") {
            self.identities.forget();
        } else {
            self.entities.forget(id);
        }
    }
}

/// Tells of a change when it is dropped: also when a write fails or is given up half-way, because then nobody knows
/// whether it took place.
struct Change<'a>(&'a Watched, &'a str);

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.0.changed(self.1);
    }
}

#[async_trait]
impl ArtifactStore for Watched {
    async fn put(
        &self,
        document: Document,
        attachment: Option<Attachment>,
        expected: Option<Revision>,
    ) -> Result<Revision, PutError> {
        let id = document.id.clone();
        let _change = Change(self, &id);
        self.store.put(document, attachment, expected).await
    }

    async fn get(&self, id: &str) -> Result<Option<Document>, StoreError> {
        self.store.get(id).await
    }

    async fn find(&self, lookup: &str) -> Result<Option<Document>, StoreError> {
        self.store.find(lookup).await
    }

    async fn attachment(&self, id: &str, revision: Revision) -> Result<Option<Attachment>, StoreError> {
        self.store.attachment(id, revision).await
    }

    async fn delete(&self, id: &str, revision: Revision) -> Result<(), PutError> {
        let _change = Change(self, id);
        self.store.delete(id, revision).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_an_invalidation_is_not_added_after_it() {
        let cache = Cache::new();
        let before = cache.generation();
        cache.invalidate(|_| true);
        cache.insert(b"a", Arc::new(1), before);
        assert!(cache.get(b"a").is_none());
        cache.insert(b"a", Arc::new(2), cache.generation());
        assert_eq!(cache.get(b"a").as_deref(), Some(&2));
    }

    #[test]
    fn only_what_is_stale_goes() {
        let cache = Cache::new();
        for number in [1u8, 2] {
            cache.insert(&[number], Arc::new(number), cache.generation());
        }
        cache.invalidate(|value| *value == 1);
        assert!(cache.get(&[1]).is_none());
        assert!(cache.get(&[2]).is_some());
    }

    #[test]
    fn a_full_cache_is_emptied() {
        let cache = Cache::new();
        let total = CAPACITY + 2;
        for number in 0..total {
            cache.insert(&number.to_be_bytes(), Arc::new(number), cache.generation());
        }
        assert_eq!(cache.entries.len(), 2);
        assert!(cache.get(&(total - 1).to_be_bytes()).is_some());
    }
}
