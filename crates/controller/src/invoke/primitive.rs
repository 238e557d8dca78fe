//! One activation of one action: made, noted as open, handed on.

use super::intent;
use super::parameters::Arguments;
use super::record;
use super::resolve::ResolvedAction;
use crate::Controller;
use crate::api::ApiError;
use crate::identities::{Caller, Place};
use crate::pending::Open;
use engine::pending::patience;
use rpc::{Ack, ActivationMessage, Outcome, Refusal};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use types::{Activation, ActivationId, TraceContext, TransactionId};

/// What an invocation needs, checked and complete.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The id that the activation will have.
    pub(crate) id: ActivationId,
    /// What is invoked.
    pub(crate) action: Arc<ResolvedAction>,
    /// By whom.
    pub(crate) caller: Arc<Caller>,
    /// With what.
    pub(crate) arguments: Arguments,
    /// The request.
    pub(crate) transaction: TransactionId,
    /// When it came, in milliseconds since 1970.
    pub(crate) received: u64,
    /// Its place in flight.
    pub(crate) place: Place,
    /// The activation that caused it.
    pub(crate) cause: Option<ActivationId>,
    /// The step of a trace that it belongs to: the request's, or that of the activation that caused it. `None`: a new
    /// trace begins with it.
    pub(crate) trace: Option<TraceContext>,
}

impl Controller {
    /// Accepts an invocation that nobody waits for (INV-04). The intent is on the disk before anything else happens, so
    /// that an id that was answered is never lost.
    pub(crate) async fn invoke_detached(&self, invocation: Invocation) -> Result<ActivationId, ApiError> {
        let (message, place) = self.message(invocation, false);
        let id = message.activation_id;
        let ticket = match message.journaled {
            true => Some(self.activations.accept(intent::write(&message)?)?),
            false => None,
        };
        // From here on a client that goes away does not stop it: the activation is submitted all the same.
        let accepted = Accepted { controller: self, message: Some(message), place: Some(place) };
        if let Some(ticket) = ticket
            && let Err(error) = self.activations.durable(ticket).await
        {
            accepted.refuse("The activation could not be written down.");
            return Err(error.into());
        }
        accepted.submit().map_err(refused)?;
        Ok(id)
    }

    /// An id that no other activation has.
    pub(crate) fn new_activation_id(&self) -> ActivationId {
        ActivationId::from_bits(self.ids.time_ordered())
    }

    /// Makes the message of an invocation.
    pub(super) fn message(&self, invocation: Invocation, blocking: bool) -> (Arc<ActivationMessage>, Place) {
        let Invocation { id, action, caller, arguments, transaction, received, place, cause, trace } =
            invocation;
        // A namespace that keeps no records gives up the promise that goes with them.
        let journaled = !blocking && keeps_records(&caller.identity);
        let span = self.ids.random();
        let message = Arc::new(ActivationMessage {
            activation_id: id,
            transaction_id: transaction,
            queue: action.queue_of(caller.namespace()),
            action: action.executable.clone(),
            caller: caller.identity.clone(),
            controller: self.id,
            blocking,
            payload: arguments.payload,
            environment: arguments.environment,
            cause,
            // The id of an activation identifies its trace as well as any other.
            trace: trace.map_or_else(|| TraceContext::root(id.bits(), span), |parent| parent.child(span)),
            received,
            accepted: self.clock.unix_nanos() / 1000,
            journaled,
        });
        (message, place)
    }

    /// Notes an activation as open and hands it on.
    pub(super) fn publish(
        &self,
        message: Arc<ActivationMessage>,
        waiter: Option<oneshot::Sender<Arc<Activation>>>,
        place: Place,
    ) -> Result<(), Refusal> {
        let id = message.activation_id;
        let deadline = self.clock.now() + patience(Duration::from_millis(message.action.limits.timeout));
        self.pending.open(deadline, Open { message: message.clone(), waiter, _place: place });
        self.balancer.publish(message).inspect_err(|_| drop(self.pending.close(id)))
    }

    /// Ends an activation that was open with a record that is made here.
    fn end_here(&self, open: Open, status: types::StatusCode, text: &str) {
        let record = Arc::new(record::unrun(&open.message, status, text, self.clock.unix_millis()));
        self.keep(&open.message.caller, record.clone());
        self.finish(open, record);
    }

    /// Tells whoever waits. Nobody may be waiting any more; the record is stored, so nothing is lost.
    fn finish(&self, open: Open, record: Arc<Activation>) {
        self.ended(&open.message.caller, &record);
        if let Some(waiter) = open.waiter {
            drop(waiter.send(record));
        }
    }

    /// Stores a record that is made here.
    pub(super) fn keep(&self, caller: &types::Identity, record: Arc<Activation>) {
        let id = record.activation_id;
        if keeps_records(caller)
            && let Err(error) = self.activations.store(record)
        {
            tracing::error!(activation = %id, %error, "a record was not stored");
        }
    }

    /// Ends activations whose end was never heard of.
    pub(crate) fn sweep(&self) {
        let now = self.clock.now();
        while let Some(open) = self.pending.pop_overdue(now) {
            tracing::warn!(activation = %open.message.activation_id, "no completion came; giving it up");
            self.end_here(open, types::StatusCode::WhiskError, record::LOST_COMPLETION);
        }
    }
}

impl rpc::ControllerLink for Controller {
    fn ack(&self, ack: Ack) {
        // None: it was given up, or has ended before; the first end counts.
        let Some(open) = self.pending.close(ack.activation_id) else { return };
        match ack.outcome {
            Outcome::Finished(record) => self.finish(open, record),
            Outcome::Dropped { status, error } => self.end_here(open, status, &error),
        }
    }
}

/// ATV-22
pub(super) fn keeps_records(identity: &types::Identity) -> bool {
    identity.limits.store_activations != Some(false)
}

/// What a client is told when nobody takes its activation (THR-07, ERR-17).
pub(super) fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::QueueFull => ApiError::throttled("Too many requests").because("queue_full").retry_after(1),
        Refusal::NamespaceThrottled => ApiError::throttled("Too many requests")
            .because("no_container")
            .detail("limit", "concurrentInvocations")
            .retry_after(1),
        Refusal::NoCapacity => {
            ApiError::throttled("Too many concurrent requests in flight (count: 0, allowed: 0).")
                .because("concurrency_limit")
                .detail("limit", "concurrentInvocations")
                .detail("allowed", 0)
                .detail("count", 0)
        }
        Refusal::ShuttingDown | Refusal::NoInvokers => ApiError::unavailable(),
    }
}

/// An activation whose intent is being written. It is submitted even when the request is dropped in between, because
/// the intent may be on the disk already.
struct Accepted<'a> {
    controller: &'a Controller,
    message: Option<Arc<ActivationMessage>>,
    place: Option<Place>,
}

impl Accepted<'_> {
    /// Hands it on. One that is refused gets a record, which ends its intent.
    fn submit(mut self) -> Result<(), Refusal> {
        self.submit_once()
    }

    fn submit_once(&mut self) -> Result<(), Refusal> {
        let (Some(message), Some(place)) = (self.message.take(), self.place.take()) else { return Ok(()) };
        let published = self.controller.publish(message.clone(), None, place);
        if let Err(refusal) = &published {
            let (status, text) = record::of_refusal(refusal);
            self.end(&message, status, text);
        }
        published
    }

    /// Gives it up with a record.
    fn refuse(mut self, text: &str) {
        if let Some(message) = self.message.take() {
            self.end(&message, types::StatusCode::WhiskError, text);
        }
    }

    fn end(&self, message: &ActivationMessage, status: types::StatusCode, text: &str) {
        if message.journaled {
            let record = record::unrun(message, status, text, self.controller.clock.unix_millis());
            self.controller.ended(&message.caller, &record);
            self.controller.keep(&message.caller, Arc::new(record));
        }
    }
}

impl Drop for Accepted<'_> {
    fn drop(&mut self) {
        drop(self.submit_once());
    }
}
