//! Web actions (section WEB of the API rules): calls by anybody, as plain HTTP, on account of the action's owner.
//!
//! What is decided, is decided in functions without I/O: [`path`] reads the path, [`export`] what the action's annotations
//! say, [`arguments`] makes the action's arguments of a request, [`answer`] a response of its result, [`cors`] the headers
//! for browsers. This file leads a request through them.

mod answer;
mod arguments;
mod cors;
mod export;
mod media;
mod path;

pub(crate) use export::Export;
use path::Extension;
pub(super) use path::{WebPath, parse};

use super::error::ApiError;
use super::respond::{self, Body, Reply, Style};
use super::{Payload, UNUSED_BODY, auth, body, check_length, trace};
use crate::identities::Caller;
use crate::invoke::{Invocation, ResolvedAction, Waited, WebOutcome, check_payload};
use crate::{Controller, entitlement};
use answer::{Answer, Content};
use arguments::WebRequest;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, request};
use std::sync::Arc;
use types::TransactionId;

/// The methods that web actions have (WEB-01).
const METHODS: &str = "GET, DELETE, POST, PUT, HEAD, OPTIONS, PATCH";

/// Carries the secret of an action (WEB-07).
const SECRET: &str = "x-require-whisk-auth";

/// A request for a web action.
struct Call<'a> {
    path: WebPath<'a>,
    parts: &'a request::Parts,
    transaction: TransactionId,
    /// In milliseconds since 1970.
    received: u64,
}

/// A web action that is there, and on whose account it runs.
struct Called {
    action: Arc<ResolvedAction>,
    export: Arc<Export>,
    owner: Arc<Caller>,
}

impl Controller {
    /// What would stand behind `/api/v1/web/`, if the request is for a vanity host (WEB-42).
    pub(super) fn vanity(&self, parts: &request::Parts) -> Option<String> {
        let hosts = &self.config.vanity_hosts;
        if hosts.is_empty() {
            return None;
        }
        let header = || parts.headers.get(HOST).and_then(|value| value.to_str().ok());
        let host = parts.uri.authority().map(http::uri::Authority::as_str).or_else(header)?;
        path::of_vanity_host(hosts, host, parts.uri.path())
    }

    /// Answers a call of a web action.
    pub(super) async fn web<B: http_body::Body>(
        &self,
        path: WebPath<'_>,
        parts: &request::Parts,
        body: B,
        transaction: TransactionId,
        received: u64,
    ) -> Response<Body> {
        let call = Call { path, parts, transaction, received };
        let (outcome, cors) = match self.called(&call).await {
            Err(error) => {
                drop(body::read_any(&parts.headers, body, UNUSED_BODY, &self.room).await);
                (Err(error), false)
            }
            Ok(called) => {
                let allowed = called.owner.limits.payload.as_bytes();
                let outcome = match body::read_any(&parts.headers, body, allowed, &self.room).await {
                    Err(error) => Err(error),
                    Ok(payload) => self.call(&call, &called, payload).await,
                };
                // Upstream looks at the size before it looks at CORS (WEB-11).
                let is_too_large =
                    outcome.as_ref().is_err_and(|error| error.status() == StatusCode::PAYLOAD_TOO_LARGE);
                (outcome, !called.export.custom_options && !is_too_large)
            }
        };
        let mut reply =
            outcome.unwrap_or_else(|error| respond::of_error(&error, &call.transaction, Style::Pretty));
        if cors {
            reply = cors::allow(reply, &parts.headers);
        }
        respond::respond(Ok(reply), &call.transaction, &self.config.transaction_header, false)
    }

    /// Finds the action and its owner (WEB-04, WEB-05). Warm, this reads nothing.
    async fn called(&self, call: &Call<'_>) -> Result<Called, ApiError> {
        check_length(&call.parts.uri)?;
        if !METHODS.split(", ").any(|method| call.parts.method == method) {
            return Err(ApiError::method_not_allowed(METHODS));
        }
        let target = &call.path.target;
        let owner = self.identities.owner(&target.namespace).await?.ok_or_else(ApiError::not_found)?;
        let (action, export) = self.find_exported(target).await?;
        Ok(Called { action, export, owner })
    }

    /// Runs the action and makes a response of its result (WEB-09).
    async fn call(&self, call: &Call<'_>, called: &Called, payload: Payload) -> Result<Reply, ApiError> {
        let Called { action, export, owner } = called;
        let (method, headers) = (&call.parts.method, &call.parts.headers);
        let Some(_pass) = self.gate.enter() else { return Err(ApiError::unavailable()) };
        entitlement::run_exported(owner, &call.path.target, action)?;
        // The owner's limits count those of anybody (THR-08).
        let place = entitlement::admit(owner, call.received)?;
        check_payload(owner, payload.length())?;
        let is_options = method == Method::OPTIONS;
        if is_options && !export.custom_options {
            return Ok(Reply::empty(StatusCode::OK));
        }
        let user = self.user(headers).await;
        let secret = headers.get(SECRET).map(HeaderValue::as_bytes);
        // An action that answers OPTIONS itself must be able to say what it takes (WEB-12).
        if !is_options && !export.admits(secret, user.is_some()) {
            return Err(ApiError::closed_web_action());
        }
        let request = WebRequest {
            method,
            headers,
            rest: call.path.rest,
            query: call.parts.uri.query(),
            user: user.as_deref().map(Caller::namespace),
            body: payload.bytes(),
        };
        let arguments = match export.raw {
            true => arguments::raw(&request)?,
            false => arguments::cooked(&request, |name| action.defaults.is_immutable(name))?,
        };
        let arguments = action.defaults.pass(Some(&arguments));
        // Its bytes are in the arguments now; its room is for other requests while this one waits.
        drop(payload);
        let invocation = Invocation {
            id: self.new_activation_id(),
            action: action.clone(),
            caller: owner.clone(),
            arguments,
            transaction: call.transaction.clone(),
            received: call.received,
            place,
            cause: None,
            streams: action.streams,
            trace: trace(headers),
        };
        self.run_exported(call.path.extension, headers, invocation).await
    }

    /// Runs an invocation and makes a response of what comes of it.
    async fn run_exported(
        &self,
        extension: Extension,
        headers: &HeaderMap,
        invocation: Invocation,
    ) -> Result<Reply, ApiError> {
        let id = invocation.id;
        match self.invoke_web(invocation, self.config.max_wait).await? {
            // WEB-20
            WebOutcome::Waited(Waited::Running(id)) => {
                let error = ApiError::new(StatusCode::ACCEPTED, "Response not yet ready.");
                Err(error.because("not_ready").for_activation(id))
            }
            WebOutcome::Begun(begun) => {
                let answer = answer::of_head(extension, &begun.head)
                    .and_then(|answer| self.check_type(answer, headers));
                match answer {
                    Ok(answer) => Ok(self.reply(answer, |_| self.body_of(begun))?.for_activation(id)),
                    Err(error) => {
                        self.refuse(&begun);
                        Err(error.for_activation(id))
                    }
                }
            }
            WebOutcome::Waited(Waited::Ended(record)) => {
                let id = record.activation_id;
                answer::of_activation(extension, &record)
                    .and_then(|answer| self.check_type(answer, headers))
                    .and_then(|answer| self.reply(answer, Body::new))
                    .map(|reply| reply.for_activation(id))
                    .map_err(|error| error.for_activation(id))
            }
        }
    }

    /// Whoever has valid credentials; others count as nobody (WEB-06).
    async fn user(&self, headers: &HeaderMap) -> Option<Arc<Caller>> {
        if !headers.contains_key(AUTHORIZATION) {
            return None;
        }
        auth::authenticate(&self.identities, headers).await.ok()
    }

    /// Whether the client takes the type of an answer (WEB-37). Faults are told whatever the client takes.
    fn check_type(&self, answer: Answer, request: &HeaderMap) -> Result<Answer, ApiError> {
        if let Some(Content { media, .. }) = &answer.body {
            let essence = media.split(';').next().unwrap_or_default();
            if answer.status.as_u16() < 400 && !respond::accepts(request, essence) {
                return Err(ApiError::not_acceptable(media));
            }
        }
        Ok(answer)
    }

    /// What goes out.
    fn reply(&self, answer: Answer, body_of: impl FnOnce(Bytes) -> Body) -> Result<Reply, ApiError> {
        let Answer { status, mut headers, body } = answer;
        // These say which request and which activation it was, and no action can say otherwise.
        headers.remove(&self.config.transaction_header);
        headers.remove(respond::ACTIVATION_ID);
        let reply = match body {
            None => Reply::empty(status),
            Some(content) => {
                let media =
                    HeaderValue::from_str(&content.media).map_err(|error| ApiError::internal(&error))?;
                Reply::new(status, body_of(content.bytes), Some(media))
            }
        };
        Ok(reply.headers(headers))
    }
}
