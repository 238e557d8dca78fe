use crate::{
    ArtifactStore, Attachment, Document, DocumentKind, EntityQuery, PutError, StoreError, list_paths,
};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::RwLock;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use types::Revision;

/// Entities in memory. It has no limit of its own: entities are what users made by hand, and each is bounded by the
/// API's limits.
#[derive(Default)]
pub struct MemoryArtifactStore {
    state: RwLock<State>,
}

/// One document with its attachment.
struct Stored {
    document: Document,
    attachment: Option<Attachment>,
}

/// The place of a document in a list: newest first, then by id.
type Place = (Reverse<u64>, String);

#[derive(Default)]
struct State {
    /// The revision given last; never falls, also when documents go.
    revision: u64,
    documents: HashMap<String, Stored>,
    lookups: HashMap<String, String>,
    lists: HashMap<(DocumentKind, String), BTreeSet<Place>>,
    kinds: BTreeMap<DocumentKind, BTreeSet<String>>,
}

impl MemoryArtifactStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> MemoryArtifactStore {
        MemoryArtifactStore::default()
    }
}

impl fmt::Debug for MemoryArtifactStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let documents = self.state.read().documents.len();
        f.debug_struct("MemoryArtifactStore").field("documents", &documents).finish()
    }
}

#[async_trait]
impl ArtifactStore for MemoryArtifactStore {
    async fn put(
        &self,
        document: Document,
        attachment: Option<Attachment>,
        expected: Option<Revision>,
    ) -> Result<Revision, PutError> {
        self.state.write().put(document, attachment, expected)
    }

    async fn get(&self, id: &str) -> Result<Option<Document>, StoreError> {
        Ok(self.state.read().documents.get(id).map(|stored| stored.document.clone()))
    }

    async fn find(&self, lookup: &str) -> Result<Option<Document>, StoreError> {
        let state = self.state.read();
        let stored = state.lookups.get(lookup).and_then(|id| state.documents.get(id));
        Ok(stored.map(|stored| stored.document.clone()))
    }

    async fn attachment(&self, id: &str, revision: Revision) -> Result<Option<Attachment>, StoreError> {
        let state = self.state.read();
        let stored = state.documents.get(id).filter(|stored| stored.document.revision == revision);
        Ok(stored.and_then(|stored| stored.attachment.clone()))
    }

    async fn delete(&self, id: &str, revision: Revision) -> Result<(), PutError> {
        let mut state = self.state.write();
        if state.documents.get(id).is_none_or(|stored| stored.document.revision != revision) {
            return Err(PutError::Conflict);
        }
        state.remove(id);
        Ok(())
    }

    async fn list(&self, query: &EntityQuery) -> Result<Vec<Document>, StoreError> {
        let state = self.state.read();
        let Some(places) = state.list(query) else { return Ok(Vec::new()) };
        let shown = places.iter().skip(query.skip).take(query.limit.unwrap_or(usize::MAX));
        let documents = shown.filter_map(|(_, id)| state.documents.get(id));
        Ok(documents.map(|stored| Document { body: Bytes::new(), ..stored.document.clone() }).collect())
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, StoreError> {
        Ok(self.state.read().list(query).map_or(0, |places| places.len() as u64))
    }

    async fn scan(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        let state = self.state.read();
        let Some(ids) = state.kinds.get(&kind) else { return Ok(Vec::new()) };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = ids.range::<str, _>((from, Bound::Unbounded)).take(limit);
        let documents = ids.filter_map(|id| state.documents.get(id));
        Ok(documents.map(|stored| stored.document.clone()).collect())
    }
}

impl State {
    fn put(
        &mut self,
        mut document: Document,
        attachment: Option<Attachment>,
        expected: Option<Revision>,
    ) -> Result<Revision, PutError> {
        let old = self.documents.get(&document.id);
        if old.map(|old| old.document.revision) != expected {
            return Err(PutError::Conflict);
        }
        let taken = |key: &String| self.lookups.get(key).is_some_and(|holder| *holder != document.id);
        if document.lookup.iter().any(taken) {
            return Err(PutError::Conflict);
        }
        let kept = self.remove(&document.id).and_then(|old| old.attachment);
        self.revision += 1;
        document.revision = Revision(self.revision);
        self.insert(Stored { document, attachment: attachment.or(kept) });
        Ok(Revision(self.revision))
    }

    fn insert(&mut self, stored: Stored) {
        let document = &stored.document;
        for key in &document.lookup {
            self.lookups.insert(key.clone(), document.id.clone());
        }
        for path in list_paths(document.kind, &document.id) {
            let list = self.lists.entry((document.kind, path.to_owned())).or_default();
            list.insert((Reverse(document.updated), document.id.clone()));
        }
        self.kinds.entry(document.kind).or_default().insert(document.id.clone());
        self.documents.insert(document.id.clone(), stored);
    }

    /// Takes a document out of everything.
    fn remove(&mut self, id: &str) -> Option<Stored> {
        let stored = self.documents.remove(id)?;
        let document = &stored.document;
        for key in &document.lookup {
            self.lookups.remove(key);
        }
        for path in list_paths(document.kind, &document.id) {
            let key = (document.kind, path.to_owned());
            if let Some(list) = self.lists.get_mut(&key) {
                list.remove(&(Reverse(document.updated), document.id.clone()));
                if list.is_empty() {
                    self.lists.remove(&key);
                }
            }
        }
        if let Some(ids) = self.kinds.get_mut(&document.kind) {
            ids.remove(id);
        }
        Some(stored)
    }

    fn list(&self, query: &EntityQuery) -> Option<&BTreeSet<Place>> {
        self.lists.get(&(query.kind, query.path.as_str().to_owned()))
    }
}
