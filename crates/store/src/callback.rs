//! How completion callbacks are stored from their promise until they are settled.

use crate::{Document, DocumentKind, StoreError};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use types::{ActivationId, EntityName, Revision};

/// What every id of such a document begins with; the activation's id follows.
const PREFIX: &str = "callback:";

/// A callback that was promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackDocument {
    /// Whose activation it is.
    pub namespace: EntityName,
    /// Where it goes.
    pub url: String,
    /// The secret that came with the request, sealed; `None`: it is signed with that of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// When it was promised, in milliseconds since 1970.
    pub promised: u64,
}

/// The document of an activation's callback.
///
/// # Errors
/// Never in practice: when it cannot be written as JSON.
pub fn document_for(id: ActivationId, callback: &CallbackDocument) -> Result<Document, StoreError> {
    let id = document_id(id);
    let body = serde_json::to_vec(callback).map_err(|error| StoreError::new(format!("write {id}"), error))?;
    Ok(Document {
        id,
        kind: DocumentKind::Callback,
        revision: Revision::default(),
        updated: callback.promised,
        body: Bytes::from(body),
        summary: Bytes::new(),
        lookup: Vec::new(),
    })
}

/// The id of the document of an activation's callback.
#[must_use]
pub fn document_id(id: ActivationId) -> String {
    format!("{PREFIX}{id}")
}

/// The callback in a document, and whose it is.
///
/// # Errors
/// When the document cannot be read.
pub fn read(document: &Document) -> Result<(ActivationId, CallbackDocument), StoreError> {
    let failed = || format!("read document {}", document.id);
    let id = document.id.strip_prefix(PREFIX).unwrap_or_default();
    let id = id.parse().map_err(|error: types::ActivationIdError| StoreError::new(failed(), error))?;
    let callback =
        serde_json::from_slice(&document.body).map_err(|error| StoreError::new(failed(), error))?;
    Ok((id, callback))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_read_as_it_was_written() {
        let id = ActivationId::from_bits(7);
        let namespace = EntityName::new("guest").unwrap();
        let (url, secret) = ("http://x/".to_owned(), Some("sealed".to_owned()));
        let callback = CallbackDocument { namespace, url, secret, promised: 5 };
        let document = document_for(id, &callback).unwrap();
        assert_eq!(read(&document).unwrap(), (id, callback));
        assert!(read(&Document { id: "callback:x".to_owned(), ..document.clone() }).is_err());
        assert!(read(&Document { body: Bytes::from_static(b"{}"), ..document }).is_err());
    }
}
