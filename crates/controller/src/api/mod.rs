//! From a request to a response.
//!
//! The order in which things are checked is what clients see: credentials, route and names, rights, throttles, ownership
//! or package, size, body and query, existence (ERR-18).

mod actions;
mod activations;
mod admin;
mod auth;
mod body;
mod callbacks;
mod common;
mod docs;
mod error;
mod events;
mod info;
pub(crate) mod measured;
mod metrics;
mod namespaces;
mod operator;
mod packages;
mod paths;
mod query;
mod respond;
mod rules;
mod trace;
mod triggers;
mod web;

pub(crate) use actions::Target;
pub(crate) use body::{Payload, Room};
pub(crate) use error::ApiError;
pub(crate) use info::Info;
pub(crate) use operator::Role;
pub(crate) use query::{Query, malformed, switch};
pub use respond::Body;
pub(crate) use respond::{Applied, Reply};
pub(crate) use trace::trace;
pub(crate) use web::Export;

use crate::identities::Caller;
use crate::{Controller, entitlement, follow};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri, request};
use paths::{Part, Resource, Route, Segment};
use std::borrow::Cow;
use std::sync::Arc;
use types::{EntityName, Privilege, TransactionId};

/// The longest path with query (HTTP-18).
const MAX_URI: usize = 8192;

/// The number of characters of a transaction id that the server makes (HTTP-11).
const TRANSACTION_LENGTH: usize = 32;

/// HTTP-12
const EXTRA_LOGGING: HeaderName = HeaderName::from_static("x-ow-extra-logging");

/// How much is kept of a body that nobody will look at. It is read all the same, so that a client that sends it before it
/// listens gets its answer.
const UNUSED_BODY: u64 = 0;

/// What handlers know of a request beside what it names.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// Who asks.
    pub(crate) caller: Arc<Caller>,
    /// The method.
    pub(crate) method: &'a Method,
    /// The headers.
    pub(crate) headers: &'a HeaderMap,
    /// The query parameters.
    pub(crate) query: Query<'a>,
    /// The body.
    pub(crate) payload: Payload,
    /// The request's id.
    pub(crate) transaction: &'a TransactionId,
    /// When it came, in milliseconds since 1970.
    pub(crate) received: u64,
}

impl Controller {
    /// Answers one request. Dropping the future (the client has gone) loses nothing that was accepted.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body,
    {
        let response = self.answer(request).await;
        self.observer.answered(response.status());
        response
    }

    async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body,
    {
        let received = self.clock.unix_millis();
        let (parts, body) = request.into_parts();
        let transaction = self.transaction(&parts);
        if transaction.extra_logging() {
            let (method, path) = (&parts.method, parts.uri.path());
            tracing::info!(%transaction, %method, path, "a request is followed closely");
        }
        let vanity = self.vanity(&parts);
        let route =
            vanity.as_deref().map_or_else(|| paths::parse(parts.uri.path()), |rest| Route::Web { rest });
        let route = match route {
            Route::Web { rest } => match web::parse(rest) {
                Some(path) => return self.web(path, &parts, body, transaction, received).await,
                None if vanity.is_some() => Route::Unknown,
                None => Route::UnknownApi,
            },
            route => route,
        };
        match route {
            Route::Admin { rest } => return self.admin(rest, &parts, body, transaction).await,
            Route::Operator { path } => return self.operator(path, &parts, &transaction),
            _ => {}
        }
        let cors = !matches!(route, Route::Root | Route::Ping | Route::Unknown);
        let outcome = match self.admit(&parts, &route).await {
            Admitted::Answered(outcome) => {
                drop(body::read(&parts.method, &parts.headers, body, UNUSED_BODY, &self.room).await);
                *outcome
            }
            Admitted::Caller(caller) => {
                let keep = self.kept_of_body(&parts.method, &caller);
                match body::read(&parts.method, &parts.headers, body, keep, &self.room).await {
                    Err(error) => Err(error),
                    Ok(payload) => {
                        let query = Query::new(parts.uri.query());
                        let (method, headers, transaction) = (&parts.method, &parts.headers, &transaction);
                        let asked = Asked { caller, method, headers, query, payload, transaction, received };
                        self.dispatch(route, asked).await
                    }
                }
            }
        };
        respond::respond(outcome, &transaction, &self.config.transaction_header, cors)
    }

    /// HTTP-11: the client's id, unless it begins like those of the system. HTTP-12 goes with it.
    fn transaction(&self, parts: &request::Parts) -> TransactionId {
        let given = parts.headers.get(&self.config.transaction_header).and_then(|value| value.to_str().ok());
        let transaction = match given {
            Some(given) if !given.is_empty() && !given.starts_with("sid_") => TransactionId::new(given),
            Some(_) | None => {
                // Letters and digits are text.
                let made = self.ids.alphanumeric::<TRANSACTION_LENGTH>();
                TransactionId::new(std::str::from_utf8(&made).unwrap_or_default())
            }
        };
        let extra = self.config.extra_logging
            && parts
                .headers
                .get(EXTRA_LOGGING)
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"on"));
        if extra { transaction.with_extra_logging() } else { transaction }
    }

    /// Answers what needs no credentials, and finds the caller of everything else.
    async fn admit(&self, parts: &request::Parts, route: &Route<'_>) -> Admitted {
        let open = match route {
            Route::Root => {
                Some(self.open(&parts.method, || Reply::json(StatusCode::OK, self.info.root.clone())))
            }
            Route::Ping => Some(self.open(&parts.method, || Reply::text("pong"))),
            Route::Unknown => Some(Err(ApiError::no_route())),
            // HTTP-15: any path, existing or not.
            _ if parts.method == Method::OPTIONS => Some(Ok(Reply::empty(StatusCode::OK))),
            Route::Api => {
                Some(self.open(&parts.method, || Reply::json(StatusCode::OK, self.info.api.clone())))
            }
            Route::Docs { rest } => Some(self.docs(&parts.method, rest)),
            Route::Namespaces | Route::InNamespace { .. } | Route::UnknownApi => None,
            Route::Web { .. } | Route::Admin { .. } | Route::Operator { .. } => {
                Some(Err(ApiError::no_route()))
            }
        };
        if let Err(error) = check_length(&parts.uri) {
            return Admitted::answered(Err(error));
        }
        if let Some(outcome) = open {
            return Admitted::answered(outcome);
        }
        match auth::authenticate(&self.identities, &parts.headers).await {
            Err(error) => Admitted::answered(Err(error)),
            Ok(_) if !takes_answers(route, &parts.headers) => {
                Admitted::answered(Err(ApiError::not_acceptable("application/json")))
            }
            Ok(caller) => Admitted::Caller(caller),
        }
    }

    /// A document that anybody may read.
    fn open(&self, method: &Method, reply: impl FnOnce() -> Reply) -> Result<Reply, ApiError> {
        if method == Method::GET { Ok(reply()) } else { Err(ApiError::method_not_allowed("GET")) }
    }

    /// An invocation with a body above the namespace's limit will be refused, so such a body is not kept (LIM-02).
    fn kept_of_body(&self, method: &Method, caller: &Caller) -> u64 {
        if method == Method::POST { caller.limits.payload.as_bytes() } else { u64::MAX }
    }

    /// Route and names, then the method, then the right that the method needs.
    async fn dispatch(&self, route: Route<'_>, asked: Asked<'_>) -> Result<Reply, ApiError> {
        let (namespace, resource) = match route {
            Route::Namespaces => {
                only_get(asked.method)?;
                return namespaces::list(&asked.caller);
            }
            Route::InNamespace { namespace, resource } => (namespace, resource),
            Route::Root
            | Route::Ping
            | Route::Api
            | Route::Docs { .. }
            | Route::Web { .. }
            | Route::Admin { .. }
            | Route::Operator { .. }
            | Route::UnknownApi
            | Route::Unknown => return Err(ApiError::no_route()),
        };
        let namespace = resolve_namespace(&namespace, &asked.caller)?;
        match resource {
            Resource::Action { .. } | Resource::PackagedAction { .. } => {
                self.dispatch_action(namespace, resource, asked).await
            }
            Resource::Package { name } => {
                let name = EntityName::new(&name)?;
                self.dispatch_package(namespace, name, asked).await
            }
            Resource::Trigger { name } => {
                let name = EntityName::new(&name)?;
                self.dispatch_trigger(namespace, name, asked).await
            }
            Resource::Rule { name } => {
                let name = EntityName::new(&name)?;
                self.dispatch_rule(namespace, name, asked).await
            }
            Resource::Actions
            | Resource::Packages
            | Resource::Triggers
            | Resource::Rules
            | Resource::ActionsOfPackage { .. }
            | Resource::Activations
            | Resource::Activation { .. }
            | Resource::Limits
            | Resource::LimitsEntity
            | Resource::Callbacks => self.dispatch_reading(namespace, resource, asked).await,
        }
    }

    /// Everything that can only be read.
    async fn dispatch_reading(
        &self,
        namespace: EntityName,
        resource: Resource<'_>,
        asked: Asked<'_>,
    ) -> Result<Reply, ApiError> {
        let package = match &resource {
            Resource::ActionsOfPackage { package } => Some(EntityName::new(package)?),
            _ => None,
        };
        only_get(asked.method)?;
        let (caller, query) = (&*asked.caller, asked.query);
        entitlement::right(caller, Privilege::Read)?;
        match (resource, package) {
            (Resource::ActionsOfPackage { .. }, Some(package)) => {
                self.list_package(caller, &namespace, &package, query).await
            }
            (Resource::Packages, _) => self.list_packages(caller, &namespace, query).await,
            (Resource::Triggers, _) => self.list_triggers(caller, &namespace, query).await,
            (Resource::Rules, _) => self.list_rules(caller, &namespace, query).await,
            (Resource::Activations, _) => self.list_activations(caller, &namespace, query).await,
            (Resource::Activation { id, part }, _) => {
                self.get_activation(&asked, &namespace, &id, part).await
            }
            (Resource::Limits, _) => namespaces::limits(caller, &namespace),
            (Resource::LimitsEntity, _) => namespaces::limits_entity(),
            (Resource::Callbacks, _) => self.list_callbacks(caller, &namespace),
            (
                Resource::Actions
                | Resource::ActionsOfPackage { .. }
                | Resource::Action { .. }
                | Resource::PackagedAction { .. }
                | Resource::Package { .. }
                | Resource::Trigger { .. }
                | Resource::Rule { .. },
                _,
            ) => self.list_actions(caller, &namespace, query).await,
        }
    }

    /// An action that is named.
    async fn dispatch_action(
        &self,
        namespace: EntityName,
        resource: Resource<'_>,
        asked: Asked<'_>,
    ) -> Result<Reply, ApiError> {
        let allowed = resource.methods();
        let target = actions::Target::new(namespace, resource)?;
        match *asked.method {
            Method::POST => self.invoke(target, asked).await,
            Method::GET => self.get_action(target, asked).await,
            Method::PUT => self.put_action(target, asked).await,
            Method::DELETE => self.delete_action(target, asked).await,
            _ => Err(ApiError::method_not_allowed(allowed)),
        }
    }
}

/// What comes of a request before its body is read.
enum Admitted {
    /// Nothing more is needed.
    Answered(Box<Result<Reply, ApiError>>),
    /// Who asks.
    Caller(Arc<Caller>),
}

impl Admitted {
    fn answered(outcome: Result<Reply, ApiError>) -> Admitted {
        Admitted::Answered(Box::new(outcome))
    }
}

/// HTTP-18
fn check_length(uri: &Uri) -> Result<(), ApiError> {
    if uri.path_and_query().is_none_or(|uri| uri.as_str().len() <= MAX_URI) {
        return Ok(());
    }
    let text = "The length of the request's URI exceeds the limit of 8192 characters.";
    Err(ApiError::new(StatusCode::URI_TOO_LONG, text).because("uri_too_long"))
}

/// Whether the client takes what such a request is answered with (ERR-10).
fn takes_answers(route: &Route<'_>, headers: &HeaderMap) -> bool {
    let logs = |resource: &Resource<'_>| matches!(resource, Resource::Activation { part: Part::Logs, .. });
    let streamed = matches!(route, Route::InNamespace { resource, .. } if logs(resource));
    respond::accepts(headers, "application/json")
        || (streamed && [follow::LINES, follow::EVENTS].iter().any(|kind| respond::accepts(headers, kind)))
}

/// HTTP-03
fn resolve_namespace(segment: &Segment<'_>, caller: &Caller) -> Result<EntityName, ApiError> {
    if segment == "_" || **segment == *caller.namespace().as_str() {
        return Ok(caller.namespace().clone());
    }
    EntityName::new(segment).map_err(|error| error.of_namespace().into())
}

fn only_get(method: &Method) -> Result<(), ApiError> {
    if method == Method::GET { Ok(()) } else { Err(ApiError::method_not_allowed("GET")) }
}

/// A list made of JSON texts.
fn listed<T: AsRef<[u8]>>(items: &[T]) -> Reply {
    let length: usize = items.iter().map(|item| item.as_ref().len() + 1).sum();
    let mut body = Vec::with_capacity(length + 1);
    body.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(item.as_ref());
    }
    body.push(b']');
    Reply::json(StatusCode::OK, Bytes::from(body))
}

/// LIST-03
fn counted(collection: &str, count: u64, skip: usize) -> Reply {
    let left = count.saturating_sub(skip as u64);
    Reply::json(StatusCode::OK, Cow::from(format!("{{\"{collection}\":{left}}}")).into_owned())
}
