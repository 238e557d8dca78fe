//! What upstream's roles answer to operators (section ADM of the API rules).
//!
//! Here one process has all roles, so where the paths of upstream's roles are the same they mean the controller:
//! `/disable`, `/enable`, `/isEnabled`, `/activation/count`. Every role is reached as `/admin/v1/ROLE/…` too.

use super::auth;
use super::error::ApiError;
use super::respond::{self, Body, Reply};
use crate::Controller;
use http::header::{ACCESS_CONTROL_ALLOW_METHODS, AUTHORIZATION};
use http::{HeaderValue, Method, Response, StatusCode, request};
use rpc::{InvokerCapacity, InvokerOperations, PoolView, SchedulerOperations};
use secrets::Credential;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{InvokerId, TransactionId};

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Controller,
    Scheduler,
    Invoker,
}

/// What is asked of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Metrics,
    Events,
    Ready,
    Invokers,
    HealthyInvokers,
    ReadyInvokers,
    Activations(Role),
    ActivationCount(Role),
    IsEnabled(Role),
    SetEnabled(Role, bool),
    IsInvokerEnabled(InvokerId),
    SetInvokerEnabled(InvokerId, bool),
    Pool,
    PoolCount,
    State,
    Queues,
    QueueCount,
}

/// ADM-05
const CORS_METHODS: HeaderValue = HeaderValue::from_static("OPTIONS, GET, POST");

impl Question {
    /// What a path means. `None`: nothing.
    fn of(path: &str) -> Option<Question> {
        use Role::{Controller, Scheduler};
        let path = path.strip_suffix('/').unwrap_or(path);
        Some(match path {
            "/metrics" => Question::Metrics,
            "/admin/v1/events" => Question::Events,
            "/ready" => Question::Ready,
            "/invokers" => Question::Invokers,
            "/invokers/healthy/count" => Question::HealthyInvokers,
            "/invokers/ready" => Question::ReadyInvokers,
            "/pool" | "/admin/v1/invoker/pool" => Question::Pool,
            "/pool/count" | "/admin/v1/invoker/pool/count" => Question::PoolCount,
            "/state" | "/admin/v1/scheduler/state" => Question::State,
            "/queue" | "/queues" | "/admin/v1/scheduler/queue" => Question::Queues,
            "/queue/count" | "/queues/count" | "/admin/v1/scheduler/queue/count" => Question::QueueCount,
            "/activation" | "/admin/v1/controller/activation" => Question::Activations(Controller),
            "/activation/count" | "/admin/v1/controller/activation/count" => {
                Question::ActivationCount(Controller)
            }
            "/admin/v1/scheduler/activation/count" => Question::ActivationCount(Scheduler),
            _ => return Question::of_enabling(path),
        })
    }

    /// What a path about taking work means: of a role, or of one invoker of several.
    fn of_enabling(path: &str) -> Option<Question> {
        let (role, verb) = match path.strip_prefix("/admin/v1/") {
            Some(rest) => rest.split_once('/')?,
            None => ("controller", path.strip_prefix('/')?),
        };
        let role = match role {
            "controller" => Role::Controller,
            "scheduler" => Role::Scheduler,
            "invoker" => Role::Invoker,
            _ => return None,
        };
        let (number, verb) = match verb.split_once('/') {
            Some((number, verb)) if role == Role::Invoker => (Some(InvokerId(number.parse().ok()?)), verb),
            Some(_) => return None,
            None => (None, verb),
        };
        Some(match (verb, number) {
            ("isEnabled", None) => Question::IsEnabled(role),
            ("enable", None) => Question::SetEnabled(role, true),
            ("disable", None) => Question::SetEnabled(role, false),
            ("isEnabled", Some(id)) => Question::IsInvokerEnabled(id),
            ("enable", Some(id)) => Question::SetInvokerEnabled(id, true),
            ("disable", Some(id)) => Question::SetInvokerEnabled(id, false),
            _ => return None,
        })
    }

    /// The method that goes with it.
    fn method(self) -> Method {
        let sets = matches!(self, Question::SetEnabled(..) | Question::SetInvokerEnabled(..));
        if sets { Method::POST } else { Method::GET }
    }

    /// Whose credentials it needs. `None`: upstream asks for none.
    fn role(self) -> Option<Role> {
        match self {
            Question::Metrics
            | Question::Ready
            | Question::Invokers
            | Question::HealthyInvokers
            | Question::ReadyInvokers
            | Question::Activations(Role::Controller)
            | Question::ActivationCount(Role::Controller) => None,
            Question::Events => Some(Role::Controller),
            Question::Activations(role)
            | Question::ActivationCount(role)
            | Question::IsEnabled(role)
            | Question::SetEnabled(role, _) => Some(role),
            Question::Pool
            | Question::PoolCount
            | Question::IsInvokerEnabled(_)
            | Question::SetInvokerEnabled(..) => Some(Role::Invoker),
            Question::State | Question::Queues | Question::QueueCount => Some(Role::Scheduler),
        }
    }
}

impl Controller {
    /// Answers an operator.
    pub(super) fn operator(
        &self,
        path: &str,
        parts: &request::Parts,
        transaction: &TransactionId,
    ) -> Response<Body> {
        let outcome = match Question::of(path) {
            None => Err(ApiError::no_route()),
            Some(_) if parts.method == Method::OPTIONS => Ok(Reply::empty(StatusCode::OK)),
            Some(question) => self.asked(question, parts),
        };
        let mut response = respond::respond(outcome, transaction, &self.config.transaction_header, true);
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, CORS_METHODS);
        response
    }

    fn asked(&self, question: Question, parts: &request::Parts) -> Result<Reply, ApiError> {
        let method = question.method();
        if parts.method != method {
            let only = if method == Method::POST { "POST" } else { "GET" };
            return Err(ApiError::method_not_allowed(only));
        }
        self.may_operate(question, &parts.headers)?;
        match question {
            Question::Metrics => self.metrics(),
            Question::Events => self.events(parts),
            Question::Ready => self.readiness(),
            Question::Invokers => Reply::of(&self.invoker_states()),
            Question::HealthyInvokers => Reply::of(&self.healthy_invokers().0),
            Question::ReadyInvokers => self.invoker_readiness(),
            Question::Activations(_) => Reply::of(&self.activations_in_flight()),
            Question::ActivationCount(Role::Scheduler) => {
                let waiting: usize = self.scheduler()?.queues().iter().map(|queue| queue.waiting).sum();
                Reply::of(&waiting)
            }
            Question::ActivationCount(_) => Reply::of(&self.pending.len()),
            Question::IsEnabled(role) => Reply::of(&json!({ "isEnabled": self.is_enabled(role)? })),
            Question::SetEnabled(role, enabled) => self.set_enabled(role, enabled),
            Question::Pool => Reply::of(&self.pool()?),
            Question::PoolCount => {
                let count: usize =
                    self.invokers()?.iter().map(|invoker| invoker.pool().containers.len()).sum();
                Reply::of(&count)
            }
            Question::IsInvokerEnabled(id) => {
                Reply::of(&json!({ "isEnabled": self.invoker(id)?.is_enabled() }))
            }
            Question::SetInvokerEnabled(id, enabled) => {
                self.invoker(id)?.set_enabled(enabled);
                Ok(enabling(&id.to_string(), enabled))
            }
            Question::State => {
                let queues = self.scheduler()?.queues();
                let creating: usize = queues.iter().map(|queue| queue.creating).sum();
                // Upstream writes these numbers as texts.
                Reply::of(&json!({
                    "queue": queues.len().to_string(),
                    "creationCount": creating.to_string(),
                }))
            }
            Question::Queues => Reply::of(&self.queues()?),
            Question::QueueCount => Reply::of(&self.scheduler()?.queues().len()),
        }
    }

    /// Whether this is for everybody, or comes with an operator's credentials (ADM-02).
    fn may_operate(&self, question: Question, headers: &http::HeaderMap) -> Result<(), ApiError> {
        let operators = &self.config.operators;
        let open = match question {
            Question::Ready => true,
            Question::Metrics => self.config.metrics.as_ref().is_none_or(|metrics| metrics.open),
            other => other.role().is_none() && operators.open,
        };
        let role = question.role().unwrap_or(Role::Controller);
        let shown = headers.get(AUTHORIZATION).and_then(|header| auth::basic_text(header.as_bytes()));
        let fits = |credential: &Credential| shown.as_ref().is_some_and(|shown| credential.fits(shown));
        if open || operators.credential(role).is_some_and(fits) || self.admin_authorised(headers).is_ok() {
            return Ok(());
        }
        Err(ApiError::new(StatusCode::UNAUTHORIZED, "username or password are wrong.").challenging())
    }

    /// Whether requests should come here: for those who spread them, and for supervisors.
    fn readiness(&self) -> Result<Reply, ApiError> {
        let mut reasons = Vec::new();
        if !self.gate.is_open() {
            reasons.push(if self.gate.is_enabled() { "the server is stopping" } else { "disabled" });
        }
        if !self.invokers_are_ready() {
            reasons.push("too few invokers are up");
        }
        if self.operated.scheduler.as_ref().is_some_and(|scheduler| !scheduler.is_enabled()) {
            reasons.push("the scheduler is disabled");
        }
        let body = json!({ "ready": reasons.is_empty(), "reasons": reasons });
        let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Ok(Reply::json(status, body.to_string()))
    }

    fn known_invokers(&self) -> Vec<InvokerCapacity> {
        self.operated.scheduler.as_ref().map(|scheduler| scheduler.invokers()).unwrap_or_default()
    }

    /// A balancer that watches over the invokers knows more than whether they are there.
    fn invoker_states(&self) -> BTreeMap<String, &'static str> {
        if let Some(supervisor) = self.balancer.supervisor() {
            let health = supervisor.health().into_iter();
            return health.map(|(invoker, health)| (invoker.to_string(), health.name())).collect();
        }
        let state =
            |invoker: InvokerCapacity| (invoker.invoker.to_string(), if invoker.up { "up" } else { "down" });
        self.known_invokers().into_iter().map(state).collect()
    }

    /// How many are up, and how many there are.
    pub(super) fn healthy_invokers(&self) -> (usize, usize) {
        let all = self.invoker_states();
        (all.values().filter(|state| **state == "up").count(), all.len())
    }

    /// DEF-05: the exact fraction; where there is none, none is ready.
    fn invokers_are_ready(&self) -> bool {
        let (healthy, all) = self.healthy_invokers();
        all > 0 && healthy as u64 * 100 >= all as u64 * u64::from(self.config.operators.ready_percent)
    }

    fn invoker_readiness(&self) -> Result<Reply, ApiError> {
        let (healthy, all) = self.healthy_invokers();
        if self.invokers_are_ready() {
            return Reply::of(&json!({ "healthy": format!("{healthy}/{all}") }));
        }
        let body = json!({ "unhealthy": format!("{}/{all}", all - healthy) });
        Ok(Reply::json(StatusCode::INTERNAL_SERVER_ERROR, body.to_string()))
    }

    fn activations_in_flight(&self) -> Vec<Value> {
        let all = self.pending.all();
        let shown = all.iter().map(|message| {
            json!({
                "activationId": message.activation_id,
                "namespace": message.caller.namespace.name,
                "action": message.action.name.to_string(),
                "blocking": message.blocking,
                "received": message.received,
            })
        });
        shown.collect()
    }

    /// All invokers' containers.
    fn pool(&self) -> Result<Value, ApiError> {
        let pools: Vec<PoolView> = self.invokers()?.iter().map(|invoker| invoker.pool()).collect();
        let all = pools.iter().flat_map(|pool| pool.containers.iter().map(move |one| (pool.invoker, one)));
        let containers = all.map(|(invoker, container)| {
            json!({
                "containerId": container.container.to_string(),
                "invoker": invoker.to_string(),
                "kind": container.kind,
                "memory": container.memory,
                "state": container.stage.name(),
                "namespace": container.queue.as_ref().map(|queue| queue.namespace.clone()),
                "action": container.queue.as_ref().map(|queue| queue.action.to_string()),
            })
        });
        let containers: Vec<Value> = containers.collect();
        let sum = |of: fn(&PoolView) -> u64| pools.iter().map(of).sum::<u64>();
        let (memory, used) = (sum(|pool| pool.memory), sum(|pool| pool.used));
        Ok(json!({ "memory": memory, "used": used, "containers": containers }))
    }

    fn queues(&self) -> Result<Vec<Value>, ApiError> {
        let mut queues = self.scheduler()?.queues();
        queues.sort_by_cached_key(|view| view.queue.to_string());
        let shown = queues.iter().map(|view| {
            json!({
                "invocationNamespace": view.queue.namespace,
                "fqn": view.queue.action.to_string(),
                "waiting": view.waiting,
                "waitingBytes": view.waiting_bytes,
                "inFlight": view.in_flight,
                "containers": view.containers,
                "creating": view.creating,
            })
        });
        Ok(shown.collect())
    }

    fn is_enabled(&self, role: Role) -> Result<bool, ApiError> {
        Ok(match role {
            Role::Controller => self.gate.is_enabled(),
            Role::Scheduler => self.scheduler()?.is_enabled(),
            Role::Invoker => self.invokers()?.iter().all(|invoker| invoker.is_enabled()),
        })
    }

    fn set_enabled(&self, role: Role, enabled: bool) -> Result<Reply, ApiError> {
        let name = match role {
            Role::Controller => {
                self.gate.set_enabled(enabled);
                "controller"
            }
            Role::Scheduler => {
                self.scheduler()?.set_enabled(enabled);
                "scheduler"
            }
            Role::Invoker => {
                self.invokers()?.iter().for_each(|invoker| invoker.set_enabled(enabled));
                "invoker"
            }
        };
        Ok(enabling(name, enabled))
    }

    fn scheduler(&self) -> Result<&Arc<dyn SchedulerOperations>, ApiError> {
        self.operated.scheduler.as_ref().ok_or_else(ApiError::no_route)
    }

    fn invokers(&self) -> Result<&[Arc<dyn InvokerOperations>], ApiError> {
        let all = &self.operated.invokers;
        if all.is_empty() { Err(ApiError::no_route()) } else { Ok(all) }
    }

    fn invoker(&self, id: InvokerId) -> Result<&Arc<dyn InvokerOperations>, ApiError> {
        let mut all = self.operated.invokers.iter();
        all.find(|invoker| invoker.pool().invoker == id).ok_or_else(ApiError::no_route)
    }
}

/// What is answered to who enables or disables something.
fn enabling(name: &str, enabled: bool) -> Reply {
    tracing::warn!(role = name, enabled, "an operator has changed what is served");
    Reply::text(format!("{name} is {}", if enabled { "enabled" } else { "disabled" }))
}
