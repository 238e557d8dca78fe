use crate::{PutError, StoreError};
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use types::{EntityPath, Revision};

/// What a document is. Actions, triggers, rules and packages of a namespace share one space of names (ERR-11), so an id
/// does not tell; subjects and limits have ids of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// Lists newest first, with those in packages.
    Action,
    /// Lists newest first.
    Trigger,
    /// Lists newest first.
    Rule,
    /// Lists newest first.
    Package,
    /// A subject with its namespaces and keys (USR-01). Its id is `subject:NAME`; it has a lookup key for each uuid.
    Subject,
    /// The limits of a namespace (USR-01). Its id is `limits:NS`.
    Limits,
    /// A completion callback that was promised and is not settled. Its id is `callback:ACTIVATION`.
    Callback,
}

/// A stored document without its attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `ns/name`, `ns/pkg/name`, or what [`DocumentKind`] says.
    pub id: String,
    /// What it is.
    pub kind: DocumentKind,
    /// Which write made it; given by the store.
    pub revision: Revision,
    /// When it was written, in milliseconds since 1970; lists are ordered by it.
    pub updated: u64,
    /// Its text, for the caller to understand.
    pub body: Bytes,
    /// What a list shows of it.
    pub summary: Bytes,
    /// Other keys by which it is found; each is unique in the store.
    pub lookup: Vec<String>,
}

/// The bytes that belong to a document, such as an action's code. It lives and dies with the document.
pub type Attachment = Bytes;

/// Which documents a list shows.
#[derive(Clone, Debug)]
pub struct EntityQuery {
    /// What they are.
    pub kind: DocumentKind,
    /// Where they live. `ns` covers the packages in it, `ns/pkg` only that package (LIST-07, LIST-12).
    pub path: EntityPath,
    /// How many to pass over.
    pub skip: usize,
    /// How many at the most; `None`: all.
    pub limit: Option<usize>,
}

/// Where entities are kept.
///
/// Every write is durable when its call returns, unless the store was made to be ephemeral.
#[async_trait]
pub trait ArtifactStore: Send + Sync + fmt::Debug {
    /// Writes a document, whole, with its attachment. `expected` is the revision it replaces; `None`: it must not
    /// exist. An attachment of `None` keeps the old one. The document's own `revision` is not looked at. Answers the
    /// new revision, which is greater than all before it, those of deleted documents included.
    ///
    /// # Errors
    /// [`PutError::Conflict`] when `expected` does not fit; a lookup key that another document has counts as well.
    async fn put(
        &self,
        document: Document,
        attachment: Option<Attachment>,
        expected: Option<Revision>,
    ) -> Result<Revision, PutError>;

    /// The document of that id.
    async fn get(&self, id: &str) -> Result<Option<Document>, StoreError>;

    /// The document that has that lookup key.
    async fn find(&self, lookup: &str) -> Result<Option<Document>, StoreError>;

    /// The attachment of that document in that revision; `None` when the document has none, has gone, or has another
    /// revision by now.
    async fn attachment(&self, id: &str, revision: Revision) -> Result<Option<Attachment>, StoreError>;

    /// Deletes a document with its attachment.
    ///
    /// # Errors
    /// [`PutError::Conflict`] when it is not there in that revision.
    async fn delete(&self, id: &str, revision: Revision) -> Result<(), PutError>;

    /// Documents, newest `updated` first (LIST-04), those of the same time by id. Bodies are left empty: lists are made
    /// from summaries.
    async fn list(&self, query: &EntityQuery) -> Result<Vec<Document>, StoreError>;

    /// How many documents there are of that kind at that path; `skip` and `limit` are not looked at.
    async fn count(&self, query: &EntityQuery) -> Result<u64, StoreError>;

    /// Every document of that kind in order of id, for operators: `after` is the last id of the page before.
    async fn scan(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError>;
}

/// The paths in whose lists a document stands: `ns/pkg/name` in those of `ns` and of `ns/pkg`, `ns/name` in that of
/// `ns` (LIST-07). Subjects, limits and callbacks stand in none; operators find them by [`ArtifactStore::scan`].
pub fn list_paths(kind: DocumentKind, id: &str) -> impl Iterator<Item = &str> {
    let listed = !matches!(kind, DocumentKind::Subject | DocumentKind::Limits | DocumentKind::Callback);
    id.match_indices('/').filter(move |_| listed).map(|(at, _)| &id[..at])
}
