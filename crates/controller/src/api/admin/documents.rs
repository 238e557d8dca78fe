//! What is in the store, document by document, as `wskadmin db get` shows it.

use super::AdminAsked;
use super::subjects::view;
use crate::Controller;
use crate::api::{ApiError, Reply};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use store::subject::read_subject;
use store::{Document, DocumentKind};

/// The kinds that can be looked at, by the names of their collections. Promised callbacks hold secrets of their callers
/// and are shown to those.
pub(super) const KINDS: [(&str, DocumentKind); 6] = [
    ("actions", DocumentKind::Action),
    ("packages", DocumentKind::Package),
    ("triggers", DocumentKind::Trigger),
    ("rules", DocumentKind::Rule),
    ("subjects", DocumentKind::Subject),
    ("limits", DocumentKind::Limits),
];

/// Some documents of one kind, in order of id.
#[derive(Serialize)]
struct Page {
    documents: Vec<Row>,
    /// Behind which id the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    /// In milliseconds since 1970.
    updated: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Box<RawValue>>,
}

impl Controller {
    /// The documents of a kind behind the id `after`, at most `limit`; with what is in them where `docs` says so.
    pub(super) async fn list_documents(
        &self,
        kind: DocumentKind,
        asked: &AdminAsked<'_>,
    ) -> Result<Reply, ApiError> {
        let page = asked.query.page("documents")?;
        let with_docs = asked.query.switch("docs", false)?;
        let after = asked.query.get("after");
        let found = self.artifacts.scan(kind, after.as_deref(), page.limit).await?;
        let is_full = found.len() == page.limit;
        let after = found.last().filter(|_| is_full).map(|last| last.id.clone());
        let row = |document: Document| {
            let shown = with_docs.then(|| shown(&document)).transpose()?;
            Ok(Row { id: document.id, updated: document.updated, document: shown })
        };
        let documents = found.into_iter().map(row).collect::<Result<Vec<Row>, ApiError>>()?;
        Reply::of(&Page { documents, after })
    }
}

/// The document as it is stored; of a subject without what its keys are kept as.
fn shown(document: &Document) -> Result<Box<RawValue>, ApiError> {
    let shown = match document.kind {
        DocumentKind::Subject => {
            let subject = read_subject(document).map_err(|error| ApiError::corrupted(&error))?;
            to_raw_value(&view(&subject, None))
        }
        _ => serde_json::from_slice(&document.body),
    };
    shown.map_err(|error| ApiError::corrupted(&error))
}
