//! Waiting for the end of an activation, and telling the client of it (INV-05 to INV-10).

use super::intent;
use super::primitive::{Invocation, keeps_records, refused};
use super::record::{self, Kind};
use super::streamed::Response;
use super::wish::Wish;
use crate::Controller;
use crate::api::{ApiError, Body, Reply};
use crate::config::WaitOver;
use http::StatusCode;
use rpc::ActivationMessage;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use types::{Activation, ActivationId, json};

/// What came of waiting for an activation.
#[derive(Clone, Debug)]
pub(crate) enum Waited {
    /// It has ended.
    Ended(Arc<Activation>),
    /// It goes on (INV-07).
    Running(ActivationId),
}

impl Controller {
    /// Hands an invocation on and waits for its end, up to `wait`. When the client goes away meanwhile, the activation
    /// goes on and its record is stored as ever.
    pub(crate) async fn invoke_waiting(
        &self,
        invocation: Invocation,
        wait: Duration,
    ) -> Result<Waited, ApiError> {
        self.check_parts(&invocation).await?;
        let ready = self.ready(invocation, true);
        let (message, kind) = (ready.message.clone(), Kind::of(&ready.action));
        let (sender, mut receiver) = oneshot::channel();
        self.start(ready, Some(sender), Response::Whole).map_err(refused)?;
        match tokio::time::timeout(wait, &mut receiver).await {
            Ok(Ok(record)) => Ok(Waited::Ended(record)),
            // The wait is over, or whoever closed the entry did not say how it ended.
            Err(_) | Ok(Err(_)) => self.waited(&message, kind, receiver).await,
        }
        .map_err(|error| error.for_activation(message.activation_id))
    }

    /// Writes an intent for an activation that goes on, whose id a client is to be given.
    pub(super) async fn promise(&self, message: &ActivationMessage, kind: Kind) -> Result<(), ApiError> {
        if keeps_records(&message.caller) {
            self.activations.accept(intent::write(message, &json::plain(&*message.caller), kind)?)?;
            // It may be running, so that another process must not run it again.
            let ticket = self.activations.started(message.activation_id)?;
            self.activations.durable(ticket).await?;
        }
        Ok(())
    }

    /// The wait is over (INV-07). Before the client gets the id, an intent is written that outlives this process: what
    /// is going on must end in a record too.
    pub(super) async fn waited(
        &self,
        message: &ActivationMessage,
        kind: Kind,
        mut receiver: oneshot::Receiver<Arc<Activation>>,
    ) -> Result<Waited, ApiError> {
        let id = message.activation_id;
        // A completion may have been lost though the record was stored (INV-17).
        let namespace = message.caller.namespace.name.as_str();
        if let Some(stored) = self.activations.get(namespace, id).await? {
            let record: Activation =
                serde_json::from_slice(&stored).map_err(|error| ApiError::corrupted(&error))?;
            return Ok(Waited::Ended(Arc::new(record)));
        }
        self.promise(message, kind).await?;
        // From here on whoever ends it knows that nobody waits, and that the client was answered with the id alone.
        receiver.close();
        match receiver.try_recv() {
            Ok(record) => {
                // The record may have come before the intent; the first record stays, and now ends the intent too.
                self.keep_of(message, &record, true);
                Ok(Waited::Ended(record))
            }
            Err(_) => Ok(Waited::Running(id)),
        }
    }
}

/// `{"activationId": id}` (INV-04, INV-07)
pub(super) fn accepted(id: ActivationId) -> Reply {
    Reply::json(StatusCode::ACCEPTED, format!("{{\"activationId\":\"{id}\"}}")).for_activation(id)
}

/// What is answered when the wait is over: the id alone, or an error for clients that would take a 202 for success
/// (INV-07).
pub(super) fn running(id: ActivationId, wish: &Wish) -> Result<Reply, ApiError> {
    match wish.wait_over {
        WaitOver::Accepted => Ok(accepted(id)),
        WaitOver::GatewayTimeout => {
            let millis = wish.wait.as_millis();
            let text = format!("The activation did not end within {millis} milliseconds; it goes on.");
            let error = ApiError::new(StatusCode::GATEWAY_TIMEOUT, text).because("wait_over");
            Err(error.for_activation(id).applying(wish.applied))
        }
    }
}

/// INV-05, INV-06, INV-08, INV-09
pub(super) fn finished(record: &Activation, result_only: bool) -> Reply {
    let status = match record.response.status {
        types::StatusCode::Success => StatusCode::OK,
        types::StatusCode::ApplicationError | types::StatusCode::DeveloperError => StatusCode::BAD_GATEWAY,
        types::StatusCode::WhiskError => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let body = match &record.response.result {
        Some(result) if result_only || result.starts_with('[') => Body::new(result.clone().into_bytes()),
        None if result_only => Body::new("{}"),
        Some(_) | None => record::as_answer(record),
    };
    Reply::json_body(status, body).for_activation(record.activation_id)
}
