//! What goes wrong, in the words that clients know (section ERR of the API rules).

use super::respond::Applied;
use http::StatusCode;
use std::borrow::Cow;
use std::fmt::Display;
use store::{PutError, StoreError};
use types::{ActivationId, NameError};

/// A request that is answered with an error body (ERR-01).
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    text: Cow<'static, str>,
    reason: Option<&'static str>,
    /// Apart, so that results stay small.
    extra: Box<Extra>,
    details: Details,
}

/// What the body says beside upstream's two fields and the reason, for programs: which limit, its value. Clients that do
/// not know a field pass over it.
pub(crate) type Details = Vec<(&'static str, serde_json::Value)>;

/// What an error says in its headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    /// How to authenticate (ERR-05).
    pub(crate) challenge: bool,
    /// In how many seconds to come back.
    pub(crate) retry_after: Option<u32>,
    /// Which methods there are.
    pub(crate) allow: Option<&'static str>,
    /// Which activation was made all the same (HTTP-19).
    pub(crate) activation: Option<ActivationId>,
    /// Which preference of the client counted.
    pub(crate) applied: Option<Applied>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { status, text: text.into(), reason: None, extra: Box::default(), details: Vec::new() }
    }

    /// The same, naming the activation that was made, in a header (HTTP-19) and in the body.
    pub(crate) fn for_activation(mut self, id: ActivationId) -> ApiError {
        self.extra.activation = Some(id);
        self
    }

    /// The same, saying which preference counted.
    pub(crate) fn applying(mut self, applied: Option<Applied>) -> ApiError {
        self.extra.applied = applied;
        self
    }

    /// The same, saying in how many seconds to come back.
    pub(crate) fn retry_after(mut self, seconds: u32) -> ApiError {
        self.extra.retry_after = Some(seconds);
        self
    }

    /// The same, with one more field in its body.
    pub(crate) fn detail(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> ApiError {
        self.details.push((name, value.into()));
        self
    }

    /// The same, with a code for programs that says why; texts are for people. The codes are listed in
    /// `docs/invoking.md`.
    pub(crate) fn because(mut self, reason: &'static str) -> ApiError {
        self.reason = Some(reason);
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    pub(crate) fn extra(&self) -> Extra {
        *self.extra
    }

    pub(crate) fn details(&self) -> &[(&'static str, serde_json::Value)] {
        &self.details
    }

    /// The same, asking for credentials (ERR-05).
    pub(crate) fn challenging(mut self) -> ApiError {
        self.extra.challenge = true;
        self
    }

    pub(crate) fn bad_request(text: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, text)
    }

    /// ERR-02
    pub(crate) fn malformed(detail: impl Display) -> ApiError {
        ApiError::bad_request(format!("The request content was malformed:\n{detail}"))
            .because("malformed_content")
    }

    /// What a JSON parser says; a text of our own comes without the place where it was raised.
    pub(crate) fn malformed_json(error: &serde_json::Error) -> ApiError {
        let text = error.to_string();
        match error.classify() {
            serde_json::error::Category::Data => {
                ApiError::malformed(text.split(" at line ").next().unwrap_or_default())
            }
            _ => ApiError::malformed(text),
        }
    }

    /// INV-13, WEB-18
    pub(crate) fn parameters_not_allowed() -> ApiError {
        let text = "Request defines parameters that are not allowed (e.g., reserved properties).";
        ApiError::bad_request(text).because("parameters_not_allowed")
    }

    /// ERR-05
    pub(crate) fn no_credentials() -> ApiError {
        let text = "The resource requires authentication, which was not supplied with the request";
        ApiError::new(StatusCode::UNAUTHORIZED, text).because("credentials_missing").challenging()
    }

    /// WEB-07: without a challenge, so that no browser asks its user for a key.
    pub(crate) fn closed_web_action() -> ApiError {
        let mut error = ApiError::no_credentials();
        error.extra.challenge = false;
        error
    }

    /// ERR-05
    pub(crate) fn bad_credentials() -> ApiError {
        let text = "The supplied authentication is invalid";
        ApiError::new(StatusCode::UNAUTHORIZED, text).because("credentials_invalid").challenging()
    }

    /// ERR-06
    pub(crate) fn forbidden() -> ApiError {
        let text = "The supplied authentication is not authorized to access this resource.";
        ApiError::new(StatusCode::FORBIDDEN, text).because("not_authorized")
    }

    /// ERR-06
    pub(crate) fn forbidden_resource(resource: impl Display) -> ApiError {
        let text = format!("The supplied authentication is not authorized to access '{resource}'.");
        ApiError::new(StatusCode::FORBIDDEN, text).because("not_authorized")
    }

    /// ERR-07
    pub(crate) fn forbidden_kind(kind: &str) -> ApiError {
        let text =
            format!("The supplied authentication is not authorized to access actions of kind '{kind}'.");
        ApiError::new(StatusCode::FORBIDDEN, text).because("kind_not_authorized")
    }

    /// ERR-08
    pub(crate) fn not_found() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "The requested resource does not exist.").because("not_found")
    }

    /// ERR-08: said by the entitlement layer.
    pub(crate) fn resource_not_found(resource: impl Display) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, format!("The requested resource '{resource}' does not exist."))
            .because("not_found")
    }

    /// ERR-08: no such route.
    pub(crate) fn no_route() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "The requested resource could not be found.")
            .because("no_such_route")
    }

    /// ERR-09, DEF-01
    pub(crate) fn method_not_allowed(methods: &'static str) -> ApiError {
        let text = format!("HTTP method not allowed, supported methods: {methods}");
        let mut error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, text).because("method_not_allowed");
        error.extra.allow = Some(methods);
        error
    }

    /// ERR-10
    pub(crate) fn not_acceptable(available: &str) -> ApiError {
        let text = format!("Resource representation is only available with these types:\n{available}");
        ApiError::new(StatusCode::NOT_ACCEPTABLE, text).because("not_acceptable")
    }

    /// ERR-11: created already.
    pub(crate) fn exists() -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "resource already exists").because("exists")
    }

    /// ERR-11: changed in the meantime.
    pub(crate) fn concurrent_change() -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "Concurrent modification to resource detected.")
            .because("concurrent_change")
    }

    /// ERR-11: something else has this name.
    pub(crate) fn conformance() -> ApiError {
        let text = "Resource by this name exists but is not in this collection.";
        ApiError::new(StatusCode::CONFLICT, text).because("other_kind")
    }

    /// ERR-12
    pub(crate) fn too_large(what: &str, size: u64, allowed: u64) -> ApiError {
        let text = format!("{what} larger than allowed: {size} > {allowed} bytes.");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, text)
            .because("too_large")
            .detail("size", size)
            .detail("allowed", allowed)
    }

    /// ERR-13
    pub(crate) fn unsupported_type() -> ApiError {
        let text = "The request's Content-Type is not supported. Expected:\napplication/json";
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).because("unsupported_type")
    }

    /// ERR-16. The cause is for the log, not for the client.
    pub(crate) fn internal(cause: &dyn std::error::Error) -> ApiError {
        let cause = with_sources(cause);
        tracing::error!(%cause, "a request failed");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "There was an internal server error.")
            .because("internal")
    }

    /// ERR-16. The cause is for the log, not for the client.
    pub(crate) fn corrupted(cause: &dyn std::error::Error) -> ApiError {
        let cause = with_sources(cause);
        tracing::error!(%cause, "a document cannot be read");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "Resource is corrupted and cannot be read.")
            .because("corrupted")
    }

    /// ERR-17
    pub(crate) fn unavailable() -> ApiError {
        let text = "The server is currently unavailable (because it is overloaded or down for maintenance).";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text).because("unavailable").retry_after(1)
    }

    /// ERR-14
    pub(crate) fn circular_binding(package: impl Display) -> ApiError {
        let text = format!("Package binding '{package}' contains a circular reference.");
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, text)
    }

    /// ERR-15
    pub(crate) fn throttled(text: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, text)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        ApiError::internal(&error)
    }
}

impl From<PutError> for ApiError {
    fn from(error: PutError) -> ApiError {
        match error {
            PutError::Conflict => ApiError::concurrent_change(),
            PutError::Store(error) => ApiError::internal(&error),
        }
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> ApiError {
        ApiError::bad_request(error.to_string())
    }
}

/// A fault with what caused it, in one line.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
