//! A shared store is a store, so that wrappers can stand before one whose type is not known.

use crate::{
    ActivationQuery, ActivationStore, ArtifactStore, Attachment, Document, DocumentKind, EntityQuery, Intent,
    PutError, StoreError, Ticket, Unfinished,
};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use types::{Activation, ActivationId, Revision};

#[async_trait]
impl<S: ArtifactStore + ?Sized> ArtifactStore for Arc<S> {
    async fn put(
        &self,
        document: Document,
        attachment: Option<Attachment>,
        expected: Option<Revision>,
    ) -> Result<Revision, PutError> {
        (**self).put(document, attachment, expected).await
    }

    async fn get(&self, id: &str) -> Result<Option<Document>, StoreError> {
        (**self).get(id).await
    }

    async fn find(&self, lookup: &str) -> Result<Option<Document>, StoreError> {
        (**self).find(lookup).await
    }

    async fn attachment(&self, id: &str, revision: Revision) -> Result<Option<Attachment>, StoreError> {
        (**self).attachment(id, revision).await
    }

    async fn delete(&self, id: &str, revision: Revision) -> Result<(), PutError> {
        (**self).delete(id, revision).await
    }

    async fn list(&self, query: &EntityQuery) -> Result<Vec<Document>, StoreError> {
        (**self).list(query).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, StoreError> {
        (**self).count(query).await
    }

    async fn scan(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        (**self).scan(kind, after, limit).await
    }
}

#[async_trait]
impl<S: ActivationStore + ?Sized> ActivationStore for Arc<S> {
    fn accept(&self, intent: Intent) -> Result<Ticket, StoreError> {
        (**self).accept(intent)
    }

    fn started(&self, id: ActivationId) -> Result<Ticket, StoreError> {
        (**self).started(id)
    }

    fn dismiss(&self, id: ActivationId) -> Result<Ticket, StoreError> {
        (**self).dismiss(id)
    }

    fn store(&self, record: Arc<Activation>) -> Result<Ticket, StoreError> {
        (**self).store(record)
    }

    async fn durable(&self, ticket: Ticket) -> Result<Ticket, StoreError> {
        (**self).durable(ticket).await
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        (**self).unfinished()
    }

    async fn get(&self, namespace: &str, id: ActivationId) -> Result<Option<Bytes>, StoreError> {
        (**self).get(namespace, id).await
    }

    async fn list(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError> {
        (**self).list(query).await
    }

    async fn summaries(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError> {
        (**self).summaries(query).await
    }

    async fn count(&self, query: &ActivationQuery) -> Result<u64, StoreError> {
        (**self).count(query).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        (**self).flush().await
    }
}
