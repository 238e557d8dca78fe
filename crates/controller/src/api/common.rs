//! What the collections of entities have in common: pages of lists, bodies that are objects, sizes, answers to writes.

use super::body::Payload;
use super::error::ApiError;
use super::query::{Page, Query};
use super::respond::Reply;
use super::{counted, listed};
use crate::Controller;
use crate::identities::Caller;
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use store::{DocumentKind, EntityQuery};
use types::{Annotations, ByteSize, EntityName, EntityPath, Parameters};

/// A part of a body with its size and the greatest that it may have.
pub(super) type Measured = (&'static str, Option<u64>, ByteSize);

impl Payload {
    /// The body, which must be one JSON object of that form (ERR-02, ERR-13).
    pub(super) fn object<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let text = self
            .json(true)?
            .ok_or_else(|| ApiError::malformed("Request entity expected but not supplied"))?;
        let body: &RawValue = serde_json::from_str(text).map_err(|error| ApiError::malformed_json(&error))?;
        if !body.get().starts_with('{') {
            return Err(ApiError::malformed("JSON object expected"));
        }
        serde_json::from_str(body.get()).map_err(|error| ApiError::malformed_json(&error))
    }
}

/// The parameters and annotations of a body, for [`check_sizes`] (LIM-01).
pub(super) fn lists(
    caller: &Caller,
    parameters: Option<&Parameters>,
    annotations: Option<&Annotations>,
) -> [Measured; 2] {
    let allowed = caller.limits.parameters;
    [
        ("parameters", parameters.map(Parameters::size), allowed),
        ("annotations", annotations.map(Annotations::size), allowed),
    ]
}

/// LIM-01, ERR-12: the first that is too large.
pub(super) fn check_sizes(sizes: impl IntoIterator<Item = Measured>) -> Result<(), ApiError> {
    for (what, size, allowed) in sizes {
        if let Some(size) = size.filter(|size| *size > allowed.as_bytes()) {
            return Err(ApiError::too_large(what, size, allowed.as_bytes()));
        }
    }
    Ok(())
}

impl Controller {
    /// The parameters of a body as they are to be stored for an entity of that namespace: locked, if that is configured
    /// (ACT-33). `old` are those of the entity that is replaced.
    pub(super) fn locked(
        &self,
        namespace: &EntityName,
        given: Option<Parameters>,
        old: Option<&Parameters>,
    ) -> Result<Option<Parameters>, ApiError> {
        let locked = given.map(|given| self.secrets.parameters.lock(given, namespace.as_str(), old));
        locked.transpose().map_err(|error| ApiError::bad_request(error.to_string()))
    }

    /// A page of the summaries of one kind, or their number (LIST-01 to LIST-04).
    pub(super) async fn list_entities(
        &self,
        kind: DocumentKind,
        path: EntityPath,
        query: Query<'_>,
    ) -> Result<Reply, ApiError> {
        let collection = collection(kind);
        let Page { skip, limit, count } = query.page(collection)?;
        let query = EntityQuery { kind, path, skip, limit: Some(limit) };
        if count {
            return Ok(counted(collection, self.artifacts.count(&query).await?, skip));
        }
        let found = self.artifacts.list(&query).await?;
        Ok(listed(&found.into_iter().map(|document| document.summary).collect::<Vec<_>>()))
    }

    /// The answer to a PUT (ACT-03, ACT-31).
    pub(super) fn put_reply<T: Serialize>(&self, entity: &T) -> Result<Reply, ApiError> {
        if self.config.response_payload { Reply::of(entity) } else { Ok(Reply::empty(StatusCode::OK)) }
    }

    /// The answer to a DELETE (ACT-29, ACT-31).
    pub(super) fn delete_reply<T: Serialize>(&self, entity: &T) -> Result<Reply, ApiError> {
        if self.config.response_payload {
            Reply::of(entity)
        } else {
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
    }
}

/// The name of a collection in paths and in counts (LIST-03).
fn collection(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Action => "actions",
        DocumentKind::Trigger => "triggers",
        DocumentKind::Rule => "rules",
        DocumentKind::Package => "packages",
        DocumentKind::Subject => "subjects",
        DocumentKind::Limits => "limits",
        DocumentKind::Callback => "callbacks",
    }
}
