use crate::api::Role;
use crate::balancer::Scheduling;
use base::clock::Clock;
use base::ids::IdSource;
use http::HeaderName;
use rpc::Operated;
use secrets::{Credential, Secrets};
use std::sync::Arc;
use std::time::Duration;
use store::{ActivationStore, ArtifactStore};
use types::{ByteSize, ControllerId, Keeping, RuntimeManifest, SystemLimits, UserLimits};
use webhook::Webhook;

/// What an operator can choose.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the platform allows.
    pub limits: SystemLimits,
    /// What of that a namespace may use that has no limits of its own (LIM-10).
    pub namespace_defaults: UserLimits,
    /// The build's date, for `wsk property get --apibuild` (HTTP-05).
    pub build: String,
    /// The build's number (HTTP-05).
    pub build_number: String,
    /// The greatest time that a blocking invocation waits (INV-03).
    pub max_wait: Duration,
    /// What a blocking invocation is answered that has not ended by then, unless the request says otherwise.
    pub wait_over: WaitOver,
    /// The header that carries transaction ids (HTTP-11).
    pub transaction_header: HeaderName,
    /// The kinds that may be created by namespaces without a list of their own; `None`: all (AUTH-13).
    pub allowed_kinds: Option<Vec<String>>,
    /// Whether new actions get the annotation `provide-api-key: false` (ACT-25).
    pub withhold_api_key: bool,
    /// Whether actions of shared packages can be invoked only, and not read (ACT-32).
    pub execute_only: bool,
    /// Whether answers to PUT and DELETE carry the entity (ACT-31).
    pub response_payload: bool,
    /// The hosts whose subdomains are namespaces, in lower case: `NAMESPACE.HOST` serves nothing but the web actions of
    /// that namespace (WEB-42).
    pub vanity_hosts: Vec<String>,
    /// How many controllers share the limits of a namespace (THR-06).
    pub controllers: u32,
    /// For how long an identity is used before it is read again, so that a key that another process revoked goes
    /// (AUTH-17).
    pub identity_cache: Duration,
    /// How much of entities and code is kept in memory.
    pub artifact_cache: ByteSize,
    /// The operator's credential; `None`: nobody is the operator, and the admin API refuses everybody.
    pub admin: Option<Credential>,
    /// How much the bodies of requests may take together; small ones are not counted.
    pub body_memory: ByteSize,
    /// Which records are kept (ATV-22).
    pub keeping: Keeping,
    /// Whether `X-OW-EXTRA-LOGGING: on` is obeyed (HTTP-12).
    pub extra_logging: bool,
    /// Who operates the platform (section ADM of the API rules).
    pub operators: Operators,
    /// Whether the blocking answer of a sequence or composition waits until its record is on the disk.
    pub durable_answers: bool,
    /// How completion callbacks are treated.
    pub callbacks: engine::callback::Config,
    /// What `GET /metrics` shows; `None`: nothing (ADM-03).
    pub metrics: Option<Metrics>,
}

/// Who operates the platform beside those with the admin credential. Each credential is that of `user:password`.
#[derive(Clone, Debug)]
pub struct Operators {
    /// Whether everybody may ask what upstream tells everybody: invokers, and activations in flight.
    pub open: bool,
    /// Who may disable the controller.
    pub controller: Option<Credential>,
    /// Who may look at the scheduler, and disable it.
    pub scheduler: Option<Credential>,
    /// Who may look at the invoker, and disable it.
    pub invoker: Option<Credential>,
    /// How many percent of the invokers must be up for the platform to be ready (ADM-01).
    pub ready_percent: u32,
}

impl Default for Operators {
    fn default() -> Operators {
        Operators { open: true, controller: None, scheduler: None, invoker: None, ready_percent: 100 }
    }
}

impl Operators {
    pub(crate) fn credential(&self, role: Role) -> Option<&Credential> {
        match role {
            Role::Controller => self.controller.as_ref(),
            Role::Scheduler => self.scheduler.as_ref(),
            Role::Invoker => self.invoker.as_ref(),
        }
    }
}

/// What is counted for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// How many actions have numbers of their own; all further ones share theirs.
    pub most_actions: usize,
    /// Whether everybody may read them, or only an operator.
    pub open: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            limits: SystemLimits::default(),
            namespace_defaults: UserLimits::default(),
            build: String::from("unknown"),
            build_number: String::from(env!("CARGO_PKG_VERSION")),
            max_wait: Duration::from_secs(60),
            wait_over: WaitOver::Accepted,
            transaction_header: HeaderName::from_static("x-request-id"),
            allowed_kinds: None,
            withhold_api_key: true,
            execute_only: false,
            response_payload: true,
            vanity_hosts: Vec::new(),
            controllers: 1,
            identity_cache: Duration::from_secs(60),
            artifact_cache: ByteSize::mb(16),
            admin: None,
            callbacks: engine::callback::Config::default(),
            body_memory: ByteSize::mb(256),
            keeping: Keeping::default(),
            extra_logging: false,
            operators: Operators::default(),
            durable_answers: true,
            metrics: None,
        }
    }
}

/// What a client is told when it has waited for as long as it may, and the activation has not ended (INV-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitOver {
    /// 202 and the activation id, as upstream does.
    Accepted,
    /// 504 and an error body that names the activation, for clients that take every 2xx for success.
    GatewayTimeout,
}

/// What a controller stands on.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Entities, subjects and limits.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// Intents and records.
    pub activations: Arc<dyn ActivationStore>,
    /// Where activations are handed on to.
    pub scheduling: Scheduling,
    /// The other roles of this process, for operators.
    pub operated: Operated,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Activation and transaction ids.
    pub ids: Arc<IdSource>,
    /// The kinds that there are.
    pub runtimes: Arc<RuntimeManifest>,
    /// How keys are kept, and which short-lived ones are good.
    pub secrets: Arc<Secrets>,
    /// What speaks to receivers of completion callbacks.
    pub webhook: Arc<dyn Webhook>,
    /// Which controller this is.
    pub id: ControllerId,
}
