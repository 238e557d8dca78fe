//! Firing a trigger (TRG-07 to TRG-17).
//!
//! The answer goes out when the fire is on the disk. After it, each active rule invokes its action, checked as a request
//! of whoever fired would be, and the trigger's record says what came of each. The activation of every rule has its id
//! before anything is invoked: so a process that finds a fire unfinished knows which rules are done, and none fires
//! twice.

mod intent;

pub(super) use intent::is_fire;

use super::parameters::Defaults;
use super::primitive::keeps_records;
use super::{Call, blocking, check_payload};
use crate::Controller;
use crate::api::{ApiError, Asked, Reply, Target, trace};
use crate::entitlement;
use crate::identities::Caller;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use futures_util::stream;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use std::collections::HashSet;
use std::sync::Arc;
use store::{Intent, StoreError, Ticket};
use tokio::sync::{Semaphore, oneshot};
use types::json::{self, Raw};
use types::{
    Activation, ActivationId, ActivationResponse, Annotations, EntityPath, FullyQualifiedName, Parameter,
    Parameters, Privilege, RuleLinks, RuleStatus, SemVer, TraceContext, TransactionId,
};

/// Fires that go on after their answers at the same time, so that they hold this many payloads at the most. One more is refused with 503, and providers of feeds try that
/// again (FEED-03).
const FIRES: usize = 512;

/// Rules of one fire that are invoked at the same time; the others wait.
const RULES_AT_ONCE: usize = 16;

/// Where the headers of the firing request go (TRG-10).
const HEADERS: &str = "__ow_headers";

/// Places for fires that go on after their answers.
#[derive(Clone, Debug)]
pub(crate) struct Fires(Arc<Semaphore>);

impl Fires {
    pub(crate) fn new() -> Fires {
        Fires(Arc::new(Semaphore::new(FIRES)))
    }
}

/// One fire of a trigger.
#[derive(Debug)]
pub(super) struct Fire {
    /// The trigger's own activation.
    id: ActivationId,
    /// Who fires.
    caller: Arc<Caller>,
    /// The request.
    transaction: TransactionId,
    /// What is fired.
    trigger: FullyQualifiedName,
    /// Its version.
    version: SemVer,
    /// The trigger's parameters, with the headers of the request.
    parameters: Parameters,
    /// What the request carries: an object.
    payload: Option<Raw>,
    /// What every action gets, made of the two.
    arguments: Raw,
    /// What is to be done.
    rules: Vec<Shot>,
    /// When the request came, in milliseconds since 1970.
    received: u64,
    /// The step of a trace that all activations of its rules belong to.
    trace: TraceContext,
}

/// One rule of a trigger that fires.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Shot {
    /// The rule.
    rule: FullyQualifiedName,
    /// What it invokes.
    action: FullyQualifiedName,
    /// The id that the activation will have; `None`: the rule is inactive.
    activation: Option<ActivationId>,
}

/// What came of one rule, as the trigger's record says it (TRG-13).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    status_code: u8,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    activation_id: Option<ActivationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    rule: String,
    action: String,
}

impl Controller {
    /// `POST` on a trigger. The order of the checks is what clients see (ERR-18).
    pub(crate) async fn fire(&self, name: FullyQualifiedName, asked: Asked<'_>) -> Result<Reply, ApiError> {
        let Asked { caller, headers, payload, transaction, received, .. } = asked;
        entitlement::right(&caller, Privilege::Activate)?;
        let Some(_pass) = self.gate.enter() else { return Err(ApiError::unavailable()) };
        entitlement::admit_fire(&caller, received)?;
        entitlement::own(&caller, &name.path.namespace(), &name)?;
        check_payload(&caller, payload.length())?;
        let sent = payload.object_sent()?.map(Raw::apart);
        let wanted = self.wanted_callback(headers, &caller)?;
        drop(payload);
        let (_, trigger) = self.entities.trigger(&name).await?.ok_or_else(ApiError::not_found)?;
        if !trigger.rules.any_active() {
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        }
        let (id, span) = (self.new_activation_id(), self.ids.random());
        let shown = self.shown_headers(headers, &caller, id, received);
        let parameters = with_headers(&trigger.parameters, shown);
        let promise = self.promise_callback(id, &caller, wanted).await?;
        let fire = Fire {
            id,
            caller,
            transaction: transaction.clone(),
            trigger: name,
            version: trigger.version,
            arguments: arguments(&parameters, sent.clone())?,
            parameters,
            payload: sent,
            rules: self.shots(&trigger.rules),
            received,
            trace: trace(headers).unwrap_or_else(|| TraceContext::root(id.bits(), span)),
        };
        let id = self.accept_fire(fire).await?;
        if let Some(promise) = promise {
            promise.keep();
        }
        Ok(blocking::accepted(id))
    }

    /// Writes a fire down and lets it go on; a client that goes away does not stop it. Answers when it is on the disk.
    async fn accept_fire(&self, fire: Fire) -> Result<ActivationId, ApiError> {
        let Ok(place) = self.fires.0.clone().try_acquire_owned() else { return Err(ApiError::unavailable()) };
        let id = fire.id;
        let ticket = match keeps_records(&fire.caller.identity) {
            true => Some(self.activations.accept(intent::write(&fire)?)?),
            false => None,
        };
        let (written, answer) = oneshot::channel();
        self.go_on("fire a trigger", move |controller| async move {
            let outcome = controller.fire_written(&fire, ticket).await;
            let go_on = outcome.is_ok();
            // The client may have gone.
            drop(written.send(outcome));
            if go_on {
                controller.go_on_firing(&fire, &HashSet::new()).await;
            }
            drop(place);
        });
        match answer.await {
            Ok(outcome) => outcome.map(|()| id),
            // The task has gone with what it held: the process is stopping.
            Err(_) => Err(ApiError::unavailable()),
        }
    }

    /// Waits until a fire is on the disk. One that may be there or not gets a record, so that it does not begin with the
    /// next process.
    async fn fire_written(&self, fire: &Fire, ticket: Option<Ticket>) -> Result<(), ApiError> {
        let Some(ticket) = ticket else { return Ok(()) };
        let durable = self.activations.durable(ticket).await.map(drop);
        durable.map_err(|error| {
            let text = "The fire of the trigger could not be written down. No rule was fired.";
            let response = ActivationResponse::error(types::StatusCode::WhiskError, text);
            self.keep_fire(fire, &Arc::new(fire.record(response, Vec::new())));
            error.into()
        })
    }

    /// Fires the rules but for those whose activations are known already, and writes the record (TRG-12, TRG-17).
    pub(super) async fn go_on_firing(&self, fire: &Fire, known: &HashSet<ActivationId>) {
        let lines: Vec<_> = fire.rules.iter().map(|shot| self.line(fire, shot, known)).collect();
        let lines: Vec<String> = stream::iter(lines).buffered(RULES_AT_ONCE).collect().await;
        let result = Some(fire.payload.clone().unwrap_or_else(|| json::raw(&Map::new())));
        let response = ActivationResponse { status: types::StatusCode::Success, result, size: None };
        let record = Arc::new(fire.record(response, lines));
        self.keep_fire(fire, &record);
        self.ended(&fire.caller.identity, &record);
    }

    /// Keeps the record of a fire, for which nobody waits (ATV-22).
    fn keep_fire(&self, fire: &Fire, record: &Arc<Activation>) {
        self.keep_record(&fire.caller.identity, record, false, &fire.transaction);
    }

    /// Fires one rule, unless that is done, and says what came of it.
    async fn line(&self, fire: &Fire, shot: &Shot, known: &HashSet<ActivationId>) -> String {
        let outcome = match shot.activation {
            Some(id) if known.contains(&id) => Ok(id),
            Some(id) => self.shoot(fire, &shot.action, id).await,
            None => Err(ApiError::bad_request(format!(
                "Rule '{}' is inactive, action '{}' was not activated.",
                shot.rule, shot.action
            ))),
        };
        line(shot, &outcome)
    }

    /// Invokes the action of a rule, as whoever fired could (TRG-11).
    async fn shoot(
        &self,
        fire: &Fire,
        action: &FullyQualifiedName,
        id: ActivationId,
    ) -> Result<ActivationId, ApiError> {
        let target = Target::of(action);
        let (caller, received) = (fire.caller.clone(), self.clock.unix_millis());
        let length = fire.arguments.get().len() as u64;
        let admission = self.admit_invocation(&caller, &target, length, received).await?;
        let (payload, transaction) = (Some(fire.arguments.clone()), fire.transaction.clone());
        let trace = Some(fire.trace.clone());
        let call = Call { id, caller, payload, transaction, received, trace };
        self.invoke_of_rule(self.arrange(admission, call).await?).await
    }

    /// Ends a fire of an earlier process (see the head of this module): `unfinished` are the activations of that process
    /// that have not ended; those that have have records.
    ///
    /// # Errors
    /// When it cannot be found out which rules are done. The fire is left for the next start then.
    pub(super) async fn recover_fire(
        &self,
        intent: &Intent,
        unfinished: &HashSet<ActivationId>,
    ) -> Result<(), StoreError> {
        let fire = intent::read(intent, &self.identities)?;
        let namespace = fire.caller.namespace().as_str();
        let mut known = HashSet::new();
        for id in fire.rules.iter().filter_map(|shot| shot.activation) {
            if unfinished.contains(&id) || self.activations.get(namespace, id).await?.is_some() {
                known.insert(id);
            }
        }
        self.go_on_firing(&fire, &known).await;
        Ok(())
    }

    /// What is to be done for each rule, active or not.
    fn shots(&self, rules: &RuleLinks) -> Vec<Shot> {
        let shot = |(rule, link): (&FullyQualifiedName, &types::RuleLink)| Shot {
            rule: rule.clone(),
            action: link.action.clone(),
            activation: (link.status == RuleStatus::Active).then(|| self.new_activation_id()),
        };
        rules.0.iter().map(shot).collect()
    }

    /// The headers of a request as functions see them (TRG-10, DEF-12): lower-case names, one text for each. Where keys
    /// are not handed on to functions, the credentials are short-lived ones of whoever fires.
    fn shown_headers(&self, headers: &HeaderMap, caller: &Caller, fire: ActivationId, received: u64) -> Raw {
        let mut shown = Map::new();
        for name in headers.keys() {
            let values = headers.get_all(name).iter();
            let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            shown.insert(name.as_str().to_owned(), values.join(", ").into());
        }
        if !self.secrets.hand_on
            && let Some(credentials) = shown.get_mut(AUTHORIZATION.as_str())
        {
            let deadline = received.saturating_add(self.config.limits.timeout.max);
            let key = self.secrets.key_for(&caller.identity, fire, deadline);
            *credentials = format!("Basic {}", STANDARD.encode(key.to_string())).into();
        }
        json::raw(&shown)
    }
}

impl Fire {
    /// The trigger's record (TRG-12): it has no end.
    fn record(&self, response: ActivationResponse, logs: Vec<String>) -> Activation {
        let mut annotations = Annotations::new();
        annotations.push("traceId", json::id(self.trace.trace_id()));
        Activation {
            namespace: EntityPath::of_namespace(self.caller.namespace()),
            name: self.trigger.name.clone(),
            version: self.version,
            subject: self.caller.identity.subject.clone(),
            activation_id: self.id,
            cause: None,
            start: self.received,
            end: None,
            duration: None,
            response,
            logs,
            annotations,
            publish: false,
        }
    }
}

/// What every action gets: the trigger's parameters, the headers, and over both the payload (TRG-10).
fn arguments(parameters: &Parameters, payload: Option<Raw>) -> Result<Raw, ApiError> {
    Defaults::new(parameters, false).merge(payload).map(|arguments| arguments.payload)
}

/// The parameters of a trigger with the headers over them. All of them go with each run: a trigger initialises nothing.
fn with_headers(parameters: &Parameters, headers: Raw) -> Parameters {
    let mut all: Parameters =
        parameters.iter().map(|parameter| Parameter { init: false, ..parameter.clone() }).collect();
    all.set(Parameter { key: Arc::from(HEADERS), value: headers, init: false, encryption: None });
    all
}

/// TRG-13, TRG-14, TRG-15
fn line(shot: &Shot, outcome: &Result<ActivationId, ApiError>) -> String {
    let status = match outcome {
        Ok(_) => types::StatusCode::Success,
        Err(error) if error.status().is_server_error() => types::StatusCode::WhiskError,
        Err(_) => types::StatusCode::ApplicationError,
    };
    let line = Line {
        status_code: status as u8,
        success: outcome.is_ok(),
        activation_id: outcome.as_ref().ok().copied(),
        error: outcome.as_ref().err().map(ApiError::text),
        rule: shot.rule.to_string(),
        action: shot.action.to_string(),
    };
    json::raw(&line).get().to_owned()
}
