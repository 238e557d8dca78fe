//! Ending what an earlier process accepted and did not end.

use super::fire;
use super::intent;
use super::primitive::Ready;
use super::record::{self, Kind};
use super::resolve::ResolvedAction;
use super::streamed::Response;
use crate::Controller;
use crate::identities::Caller;
use bytes::Bytes;
use rpc::{ActivationMessage, Refusal};
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use store::{ActivationQuery, StoreError, Unfinished};
use types::{Activation, ActivationId, ActivationResponse, FullyQualifiedName, StatusCode};

/// For how long an activation that nobody takes is offered again, in all, and in which steps. After a start invokers
/// may not be there yet, and queues may be full of the other activations of the earlier process.
const PATIENCE: Duration = Duration::from_secs(300);
const FIRST_STEP: Duration = Duration::from_millis(20);
const LAST_STEP: Duration = Duration::from_secs(1);

/// How many records of a namespace are looked through for the parts of a sequence that was under way, the newest first.
const LOOKED_THROUGH: usize = 10_000;

/// What became of the activations of earlier processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Submitted again: they had not begun to run. Fires of triggers that went on count here too.
    pub resubmitted: usize,
    /// Ended with a record that says what was lost and why.
    pub ended: usize,
    /// Left for the next start, because they could be neither submitted nor recorded.
    pub left: usize,
}

impl Controller {
    /// Ends what earlier processes accepted and did not end: what had not begun to run is submitted again under its own
    /// id, what had gets a record that says so, and fires of triggers go on where they were. To be called once, after
    /// schedulers and invokers were started; new invocations may be served meanwhile.
    ///
    /// The next revision of an action runs where the one that was invoked is no more; where there is none, the record
    /// says so (CLS-15).
    pub async fn recover(&self) -> Recovered {
        let mut recovered = Recovered::default();
        if let Err(error) = self.callbacks.resume().await {
            tracing::error!(%error, "callbacks of earlier processes cannot be read; the next start tries again");
        }
        let (mut waiting, mut fires) = (Vec::new(), Vec::new());
        let all = self.activations.unfinished();
        let known: HashSet<ActivationId> = all.iter().map(|one| one.intent.activation_id).collect();
        for unfinished in all {
            let id = unfinished.intent.activation_id;
            if fire::is_fire(&unfinished.intent) {
                fires.push(unfinished.intent);
                continue;
            }
            match self.prepare(unfinished).await {
                Ok(Some(one)) => waiting.push(one),
                Ok(None) => recovered.ended += 1,
                Err(error) => {
                    tracing::error!(activation = %id, %error, "an activation of an earlier process is left unfinished");
                    recovered.left += 1;
                }
            }
        }
        self.resubmit(waiting, &mut recovered).await;
        for intent in fires {
            match self.recover_fire(&intent, &known).await {
                Ok(()) => recovered.resubmitted += 1,
                Err(error) => {
                    tracing::error!(activation = %intent.activation_id, %error, "a fire of an earlier process is left unfinished");
                    recovered.left += 1;
                }
            }
        }
        recovered
    }

    /// What is to be submitted again; `None`: it has been ended.
    async fn prepare(&self, unfinished: Unfinished) -> Result<Option<Waiting>, StoreError> {
        let Unfinished { intent, started } = unfinished;
        let (message, kind) = intent::read(&intent, self.id).map_err(|error| {
            StoreError::new(format!("read the intent of {}", intent.activation_id), error)
        })?;
        if started {
            let record = self.lost(&message, kind).await?;
            self.end_unfinished(&message, record)?;
            return Ok(None);
        }
        if self.identities.owner(&message.caller.namespace.name).await?.is_none() {
            self.end_unrun(&message, kind, record::BLOCKED)?;
            return Ok(None);
        }
        let old = &message.action;
        let through = old.binding.as_ref().unwrap_or(&old.name.path);
        let reached = FullyQualifiedName::new(through.clone(), old.name.name.clone());
        match self.action_at(&reached).await {
            Ok(Some(action)) => {
                let caller = self.identities.caller(message.caller.clone());
                let message = ActivationMessage { action: action.executable.clone(), ..message };
                Ok(Some(Waiting { action, caller, message: Arc::new(message) }))
            }
            Err(error) if error.status().is_server_error() => {
                Err(StoreError::new("read the action", error.text().to_owned()))
            }
            // It is no more, or something else has its name by now.
            Ok(None) | Err(_) => {
                self.end_unrun(&message, kind, record::ACTION_GONE)?;
                Ok(None)
            }
        }
    }

    /// Offers activations, oldest first, until each is taken or cannot be. One that is refused does not hold up the
    /// others.
    async fn resubmit(&self, mut waiting: Vec<Waiting>, recovered: &mut Recovered) {
        let (mut waited, mut step) = (Duration::ZERO, FIRST_STEP);
        while !waiting.is_empty() {
            let mut refused = Vec::new();
            for one in waiting {
                match self.start(one.ready(), None, Response::Whole) {
                    Ok(()) => recovered.resubmitted += 1,
                    Err(refusal) if waited >= PATIENCE || refusal == Refusal::NoCapacity => {
                        let (status, text) = record::of_refusal(&refusal);
                        let (kind, now) = (Kind::of(&one.action), self.clock.unix_millis());
                        let record = record::unrun(&one.message, kind, status, text, now);
                        match self.end_unfinished(&one.message, record) {
                            Ok(()) => recovered.ended += 1,
                            Err(_) => recovered.left += 1,
                        }
                    }
                    Err(_) => refused.push(one),
                }
            }
            waiting = refused;
            if !waiting.is_empty() {
                tokio::time::sleep(step).await;
                waited += step;
                step = (step * 2).min(LAST_STEP);
            }
        }
    }

    /// The record of what was running when the server stopped.
    async fn lost(&self, message: &ActivationMessage, kind: Kind) -> Result<Activation, StoreError> {
        let now = self.clock.unix_millis();
        if kind == Kind::Simple {
            return Ok(record::unrun(message, kind, StatusCode::WhiskError, record::LOST_RUN, now));
        }
        let parts = self.known_parts(message).await?;
        let response = ActivationResponse::error(StatusCode::WhiskError, record::LOST_ON_THE_WAY);
        Ok(record::unrun_parts(message, kind, &parts, response, now))
    }

    /// The parts of a sequence or composition that have records, in the order in which they ran.
    async fn known_parts(&self, message: &ActivationMessage) -> Result<Vec<ActivationId>, StoreError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Summary {
            activation_id: ActivationId,
            cause: Option<ActivationId>,
        }
        let query = ActivationQuery {
            namespace: message.caller.namespace.name.to_string(),
            name: None,
            since: Some(message.received),
            upto: None,
            skip: 0,
            limit: LOOKED_THROUGH,
        };
        let summaries = self.activations.summaries(&query).await?;
        let read = |text: &Bytes| serde_json::from_slice::<Summary>(text).ok();
        let caused = |summary: &Summary| summary.cause == Some(message.activation_id);
        let mut parts: Vec<ActivationId> =
            summaries.iter().filter_map(read).filter(caused).map(|summary| summary.activation_id).collect();
        // Ids are in the order of time.
        parts.sort_unstable();
        Ok(parts)
    }

    /// Ends an activation of an earlier process that must not be run any more.
    fn end_unrun(&self, message: &ActivationMessage, kind: Kind, text: &str) -> Result<(), StoreError> {
        let now = self.clock.unix_millis();
        let record = record::unrun(message, kind, StatusCode::ApplicationError, text, now);
        self.end_unfinished(message, record)
    }

    /// Ends an activation of an earlier process.
    fn end_unfinished(&self, message: &ActivationMessage, record: Activation) -> Result<(), StoreError> {
        let record = Arc::new(record);
        self.activations.store(record.clone())?;
        self.ended(&message.caller, &record);
        Ok(())
    }
}

/// An activation of an earlier process that is to be handed on.
struct Waiting {
    action: Arc<ResolvedAction>,
    caller: Arc<Caller>,
    message: Arc<ActivationMessage>,
}

impl Waiting {
    /// For one try.
    fn ready(&self) -> Ready {
        let (action, caller, message) = (self.action.clone(), self.caller.clone(), self.message.clone());
        Ready { place: caller.place_of_accepted(), action, caller, message }
    }
}
