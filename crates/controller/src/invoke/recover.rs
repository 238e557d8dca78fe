//! Ending what an earlier process accepted and did not end.

use super::fire;
use super::intent;
use super::record;
use super::resolve::ResolvedAction;
use crate::Controller;
use crate::api::ApiError;
use crate::entities::PackageView;
use rpc::{ActivationMessage, ExecutableAction, Refusal};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use store::{StoreError, Unfinished};
use types::{ActivationId, EntityName, FullyQualifiedName, StatusCode};

/// For how long an activation that nobody takes is offered again, in all, and in which steps. After a start invokers
/// may not be there yet, and queues may be full of the other activations of the earlier process.
const PATIENCE: Duration = Duration::from_secs(300);
const FIRST_STEP: Duration = Duration::from_millis(20);
const LAST_STEP: Duration = Duration::from_secs(1);

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
    /// id, what had gets a record that says so, and fires of triggers go on where they were. To be called once, after schedulers and invokers were started; new
    /// invocations may be served meanwhile.
    ///
    /// The next revision of an action runs where the one that was invoked is no more; where there is none, the record
    /// says so (CLS-15).
    pub async fn recover(&self) -> Recovered {
        let mut recovered = Recovered::default();
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
                Ok(Some(message)) => waiting.push(message),
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

    /// The message to submit again; `None`: it has been ended.
    async fn prepare(&self, unfinished: Unfinished) -> Result<Option<Arc<ActivationMessage>>, StoreError> {
        let Unfinished { intent, started } = unfinished;
        let message = intent::read(&intent, self.id).map_err(|error| {
            StoreError::new(format!("read the intent of {}", intent.activation_id), error)
        })?;
        if started {
            self.end_unfinished(&message, StatusCode::WhiskError, record::LOST_RUN)?;
            return Ok(None);
        }
        match self.current_action(&message.action).await {
            Ok(Some(action)) => {
                let action = action.executable.clone();
                Ok(Some(Arc::new(ActivationMessage { action, ..message })))
            }
            Err(error) if error.status().is_server_error() => {
                Err(StoreError::new("read the action", error.text().to_owned()))
            }
            // It is no more, or something else has its name by now.
            Ok(None) | Err(_) => {
                self.end_unfinished(&message, StatusCode::ApplicationError, record::ACTION_GONE)?;
                Ok(None)
            }
        }
    }

    /// Offers activations, oldest first, until each is taken or cannot be. One that is refused does not hold up the
    /// others.
    async fn resubmit(&self, mut waiting: Vec<Arc<ActivationMessage>>, recovered: &mut Recovered) {
        let (mut waited, mut step) = (Duration::ZERO, FIRST_STEP);
        while !waiting.is_empty() {
            let mut refused = Vec::new();
            for message in waiting {
                let place = self.identities.readmit(&message.caller.namespace.name);
                match self.publish(message.clone(), None, place) {
                    Ok(()) => recovered.resubmitted += 1,
                    Err(refusal) if waited >= PATIENCE || refusal == Refusal::NoCapacity => {
                        let (status, text) = record::of_refusal(&refusal);
                        match self.end_unfinished(&message, status, text) {
                            Ok(()) => recovered.ended += 1,
                            Err(_) => recovered.left += 1,
                        }
                    }
                    Err(_) => refused.push(message),
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

    /// The action as it is now, reached as it was.
    async fn current_action(&self, old: &ExecutableAction) -> Result<Option<Arc<ResolvedAction>>, ApiError> {
        let generation = self.entities.generation();
        let through = old.binding.as_ref().unwrap_or(&old.name.path);
        let view = match through.package().map(EntityName::new).transpose()? {
            None => None,
            Some(package) => match self.entities.package(&through.namespace(), &package).await? {
                None => return Ok(None),
                Some(view) => Some(view),
            },
        };
        let path = format!("{through}/{}", old.name.name);
        let name = match view.as_ref().map(PackageView::path) {
            Some(path) => FullyQualifiedName::new(path, old.name.name.clone()),
            None => old.name.clone(),
        };
        self.entities.resolve(&path, &name, view.as_ref(), generation).await
    }

    /// Ends an activation of an earlier process with a record.
    fn end_unfinished(
        &self,
        message: &ActivationMessage,
        status: StatusCode,
        text: &str,
    ) -> Result<(), StoreError> {
        let record = Arc::new(record::unrun(message, status, text, self.clock.unix_millis()));
        self.activations.store(record.clone())?;
        self.ended(&message.caller, &record);
        Ok(())
    }
}
