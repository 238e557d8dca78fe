//! Entities in a copy-on-write tree: one thread writes, puts that wait together become durable together, and reads look
//! at snapshots.

mod tables;
mod writer;

use crate::lock::DirectoryLock;
use crate::reads::Reads;
use crate::{Config, OpenError};
use async_trait::async_trait;
use redb::Database;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use store::{ArtifactStore, Attachment, Document, DocumentKind, EntityQuery, PutError, StoreError};
use types::Revision;
use writer::{Write, Writer};

/// [`ArtifactStore`] on the disk.
pub(crate) struct EmbeddedArtifactStore {
    database: Arc<Database>,
    writer: Writer,
    reads: Reads,
    _lock: Arc<DirectoryLock>,
}

impl EmbeddedArtifactStore {
    pub(crate) fn open(
        config: &Config,
        dir: &Path,
        lock: Arc<DirectoryLock>,
    ) -> Result<EmbeddedArtifactStore, OpenError> {
        let path = dir.join("entities.redb");
        let cache = usize::try_from(config.entity_cache.as_bytes()).unwrap_or(usize::MAX);
        let database = Database::builder().set_cache_size(cache).create(&path);
        let database = Arc::new(database.map_err(OpenError::content(&path))?);
        tables::prepare(&database).map_err(OpenError::content(&path))?;
        let writer =
            Writer::start(database.clone()).map_err(OpenError::file("start the writer of", &path))?;
        Ok(EmbeddedArtifactStore { database, writer, reads: Reads::new(), _lock: lock })
    }

    async fn read<T, F>(&self, what: String, read: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Database) -> Result<T, tables::Fault> + Send + 'static,
        T: Send + 'static,
    {
        let database = self.database.clone();
        self.reads.run(move || read(&database).map_err(|fault| StoreError::new(what, fault))).await
    }
}

impl fmt::Debug for EmbeddedArtifactStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedArtifactStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl ArtifactStore for EmbeddedArtifactStore {
    async fn put(
        &self,
        document: Document,
        attachment: Option<Attachment>,
        expected: Option<Revision>,
    ) -> Result<Revision, PutError> {
        self.writer.write(Write::Put { document, attachment, expected }).await
    }

    async fn get(&self, id: &str) -> Result<Option<Document>, StoreError> {
        let id = id.to_owned();
        self.read(format!("read {id}"), move |database| tables::get(database, &id)).await
    }

    async fn find(&self, lookup: &str) -> Result<Option<Document>, StoreError> {
        // A lookup key may be a secret, so it does not go into the error's text.
        let lookup = lookup.to_owned();
        self.read("find a document".to_owned(), move |database| tables::find(database, &lookup)).await
    }

    async fn attachment(&self, id: &str, revision: Revision) -> Result<Option<Attachment>, StoreError> {
        let id = id.to_owned();
        let what = format!("read the attachment of {id}");
        self.read(what, move |database| tables::attachment(database, &id, revision)).await
    }

    async fn delete(&self, id: &str, revision: Revision) -> Result<(), PutError> {
        self.writer.write(Write::Delete { id: id.to_owned(), revision }).await.map(|_| ())
    }

    async fn list(&self, query: &EntityQuery) -> Result<Vec<Document>, StoreError> {
        let query = query.clone();
        self.read(format!("list {}", query.path), move |database| tables::list(database, &query)).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, StoreError> {
        let query = query.clone();
        self.read(format!("count {}", query.path), move |database| tables::count(database, &query)).await
    }

    async fn scan(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        let after = after.map(str::to_owned);
        let what = format!("scan documents of kind {kind:?}");
        self.read(what, move |database| tables::scan(database, kind, after.as_deref(), limit)).await
    }
}
