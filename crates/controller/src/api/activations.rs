//! Activation records (section ATV of the API rules). They can only be read (ATV-24).

use super::error::ApiError;
use super::paths::Part;
use super::query::{Query, malformed};
use super::respond::{Reply, accepts};
use super::{Asked, counted, listed};
use crate::identities::Caller;
use crate::{Controller, entitlement};
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::ActivationQuery;
use types::{ActivationId, EntityName};

impl Controller {
    /// ATV-01 to ATV-04
    pub(super) async fn list_activations(
        &self,
        caller: &Caller,
        namespace: &EntityName,
        query: Query<'_>,
    ) -> Result<Reply, ApiError> {
        entitlement::own(caller, namespace, namespace)?;
        let page = query.page("activations")?;
        let docs = query.switch("docs", false)?;
        let wanted = ActivationQuery {
            namespace: namespace.as_str().to_owned(),
            name: name_filter(query)?,
            since: time(query, "since")?,
            upto: time(query, "upto")?,
            skip: page.skip,
            limit: page.limit,
        };
        if page.count && docs {
            return Err(ApiError::bad_request("The parameter 'docs' is not permitted with 'count'."));
        }
        if page.count {
            return Ok(counted("activations", self.activations.count(&wanted).await?, page.skip));
        }
        let found = if docs {
            self.activations.list(&wanted).await?
        } else {
            self.activations.summaries(&wanted).await?
        };
        Ok(listed(&found))
    }

    /// ATV-05
    pub(super) async fn get_activation(
        &self,
        asked: &Asked<'_>,
        namespace: &EntityName,
        id: &str,
        part: Part,
    ) -> Result<Reply, ApiError> {
        entitlement::own(&asked.caller, namespace, format_args!("{namespace}/{id}"))?;
        let id: ActivationId = id.parse().map_err(|error| ApiError::bad_request(format!("{error}")))?;
        if part == Part::Logs {
            if asked.query.switch("follow", false)? {
                return self.follow_logs(namespace, id, asked.headers).await;
            }
            if !accepts(asked.headers, "application/json") {
                return Err(ApiError::not_acceptable("application/json"));
            }
        }
        let found = self.activations.get(namespace.as_str(), id).await?;
        let record = found.ok_or_else(ApiError::not_found)?;
        if part == Part::Record {
            return Ok(Reply::json(StatusCode::OK, record));
        }
        let parts: Parts<'_> =
            serde_json::from_slice(&record).map_err(|error| ApiError::corrupted(&error))?;
        let body = match part {
            Part::Logs => format!("{{\"logs\":{}}}", parts.logs.get()),
            Part::Result | Part::Record => parts.response.get().to_owned(),
        };
        Ok(Reply::json(StatusCode::OK, body))
    }
}

/// What is taken out of a record without reading the rest.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    response: &'a RawValue,
    #[serde(borrow)]
    logs: &'a RawValue,
}

/// ATV-03, ATV-25
fn name_filter(query: Query<'_>) -> Result<Option<String>, ApiError> {
    let Some(name) = query.get("name").filter(|name| !name.is_empty()) else { return Ok(None) };
    let segments: Vec<&str> = name.split('/').collect();
    if segments.len() > 2 || segments.contains(&"") {
        let text = format!("Parameter may be a 'simple' name or 'package-name/simple' name: {name}");
        return Err(malformed("name", &text));
    }
    for segment in segments {
        EntityName::new(segment).map_err(|error| malformed("name", &error.to_string()))?;
    }
    Ok(Some(name.into_owned()))
}

/// Milliseconds since 1970 (ATV-04). The text says seconds, and clients compare it (DEF-04).
fn time(query: Query<'_>, name: &str) -> Result<Option<u64>, ApiError> {
    let Some(value) = query.get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.parse::<i64>() {
        // What is before 1970 is before every record.
        Ok(millis) => Ok(Some(u64::try_from(millis).unwrap_or(0))),
        Err(_) => Err(malformed(name, &format!("Parameter is not a valid value for epoch seconds: {value}"))),
    }
}
