//! One activation of one action: made, noted as open, handed on.

use super::intent;
use super::parameters::Arguments;
use super::record::{self, Kind};
use super::resolve::ResolvedAction;
use super::streamed::Response;
use crate::Controller;
use crate::api::ApiError;
use crate::balancer::End;
use crate::identities::{Caller, Place};
use crate::pending::Open;
use engine::compose::Form;
use engine::pending::patience;
use rpc::{Ack, ActivationMessage, Outcome, Refusal};
use std::sync::Arc;
use std::time::Duration;
use store::Ticket;
use tokio::sync::oneshot;
use types::{Activation, ActivationId, Identity, TraceContext, TransactionId};

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
    /// Whether its response may come in pieces.
    pub(crate) streams: bool,
    /// The step of a trace that it belongs to: the request's, or that of the activation that caused it. `None`: a new
    /// trace begins with it.
    pub(crate) trace: Option<TraceContext>,
}

/// What comes of an action whose limits are not allowed any more (LIM-11).
const LIMITS_INVALID: &str = "a configured action limit is invalid.";

/// An activation that can be handed on.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) action: Arc<ResolvedAction>,
    pub(super) caller: Arc<Caller>,
    pub(super) message: Arc<ActivationMessage>,
    pub(super) place: Place,
}

impl Controller {
    /// Accepts an invocation that nobody waits for (INV-04). The intent is on the disk before anything else happens, so
    /// that an id that was answered is never lost.
    pub(crate) async fn invoke_detached(&self, invocation: Invocation) -> Result<ActivationId, ApiError> {
        self.detach(invocation, true).await
    }

    /// The same for a rule of a fire that is on the disk. The intent is only written: a power cut that takes it leaves the
    /// fire, which goes on with this rule then.
    pub(super) async fn invoke_of_rule(&self, invocation: Invocation) -> Result<ActivationId, ApiError> {
        self.detach(invocation, false).await
    }

    async fn detach(&self, invocation: Invocation, durable: bool) -> Result<ActivationId, ApiError> {
        self.check_parts(&invocation).await?;
        let ready = self.ready(invocation, false);
        let id = ready.message.activation_id;
        let ticket = match ready.message.journaled {
            true => Some(self.activations.accept(intent::write(
                &ready.message,
                ready.caller.written(),
                Kind::of(&ready.action),
            )?)?),
            false => None,
        };
        // From here on a client that goes away does not stop it: the activation is submitted all the same.
        let accepted = Accepted { controller: self, ready: Some(ready) };
        if durable
            && let Some(ticket) = ticket
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

    /// INV-19
    pub(super) async fn check_parts(&self, invocation: &Invocation) -> Result<(), ApiError> {
        match &invocation.action.form {
            Some(Form::Sequence(components)) => self.may_use(&invocation.caller, components).await,
            Some(Form::Conductor { .. }) | None => Ok(()),
        }
    }

    /// Makes the message of an invocation.
    pub(super) fn ready(&self, invocation: Invocation, blocking: bool) -> Ready {
        let Invocation { id, action, caller, arguments, transaction, received, place, cause, streams, trace } =
            invocation;
        // A namespace that keeps no records gives up the promise that goes with them. The id of a part is known to
        // nobody before the whole has ended.
        let journaled = !blocking && cause.is_none() && keeps_records(&caller.identity);
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
            locks: arguments.locks,
            cause,
            // The id of an activation identifies its trace as well as any other.
            trace: trace.map_or_else(|| TraceContext::root(id.bits(), span), |parent| parent.child(span)),
            received,
            accepted: self.clock.unix_nanos() / 1000,
            streams,
            journaled,
        });
        Ready { action, caller, message, place }
    }

    /// Hands an activation on: to the balancer, or to what runs its parts.
    pub(super) fn start(
        &self,
        ready: Ready,
        waiter: Option<oneshot::Sender<Arc<Activation>>>,
        response: Response,
    ) -> Result<(), Refusal> {
        if let Some(form) = ready.action.form.clone() {
            return self.compose(ready, form, waiter);
        }
        // The limits may be lower now than they were when the action was written (LIM-11).
        let allowed = ready.caller.limits.check(&ready.message.action.limits).is_ok();
        let open = Open { message: ready.message, waiter, response, _place: ready.place };
        if allowed {
            return self.publish_open(open);
        }
        self.end_here(open, types::StatusCode::DeveloperError, LIMITS_INVALID);
        Ok(())
    }

    /// Notes an activation as open and hands it on.
    pub(super) fn publish(
        &self,
        message: Arc<ActivationMessage>,
        waiter: Option<oneshot::Sender<Arc<Activation>>>,
        place: Place,
    ) -> Result<(), Refusal> {
        self.publish_open(Open { message, waiter, response: Response::Whole, _place: place })
    }

    fn publish_open(&self, open: Open) -> Result<(), Refusal> {
        let message = open.message.clone();
        let id = message.activation_id;
        if message.transaction_id.extra_logging() {
            let (transaction, namespace) = (&message.transaction_id, &message.caller.namespace.name);
            let ActivationMessage { action, blocking, journaled, .. } = &*message;
            tracing::info!(%transaction, activation = %id, %namespace, action = %action.name, version = %action.version, kind = &*action.kind, blocking, journaled, "an activation is handed on");
        }
        let deadline = self.clock.now() + patience(Duration::from_millis(message.action.limits.timeout));
        self.pending.open(deadline, open);
        self.balancer.publish(message).inspect_err(|_| drop(self.pending.close(id)))
    }

    /// Ends an activation that was open with a record that is made here.
    fn end_here(&self, open: Open, status: types::StatusCode, text: &str) {
        let record =
            Arc::new(record::unrun(&open.message, Kind::Simple, status, text, self.clock.unix_millis()));
        self.keep_of(&open.message, &record, open.message.blocking);
        self.finish(open, record);
    }

    fn finish(&self, open: Open, record: Arc<Activation>) {
        self.ended(&open.message.caller, &record);
        let transaction = &open.message.transaction_id;
        if transaction.extra_logging() {
            let (id, status, duration) = (record.activation_id, record.response.status, record.duration);
            tracing::info!(%transaction, activation = %id, status = status.text(), duration, "an activation has ended");
        }
        open.response.end(&record);
        self.tell(&open.message, open.waiter, &record);
    }

    /// Tells whoever waits. Nobody may be waiting any more; then its client has the id alone, and the record is kept as
    /// that of a call that nobody waits for (ATV-22).
    pub(super) fn tell(
        &self,
        message: &ActivationMessage,
        waiter: Option<oneshot::Sender<Arc<Activation>>>,
        record: &Arc<Activation>,
    ) {
        let told = waiter.is_none_or(|waiter| waiter.send(record.clone()).is_ok());
        if !told && !self.keeps(record, true, &message.transaction_id) {
            self.keep_of(message, record, false);
        }
    }

    fn keeps(&self, record: &Activation, blocking: bool, transaction: &TransactionId) -> bool {
        self.config.keeping.keeps(blocking, record.response.status, transaction.extra_logging())
    }

    /// Stores the record of that activation, or ends its intent without one where records like it are not kept.
    pub(super) fn keep_of(
        &self,
        message: &ActivationMessage,
        record: &Arc<Activation>,
        blocking: bool,
    ) -> Option<Ticket> {
        self.keep_record(&message.caller, record, blocking, &message.transaction_id)
    }

    /// Stores a record that is made here, or ends its intent without one where records like it are not kept (ATV-22).
    /// `blocking`: whether the client is answered with how it ended. `None`: nothing was written.
    pub(super) fn keep_record(
        &self,
        caller: &Identity,
        record: &Arc<Activation>,
        blocking: bool,
        transaction: &TransactionId,
    ) -> Option<Ticket> {
        let id = record.activation_id;
        if !keeps_records(caller) {
            return None;
        }
        let written = match self.keeps(record, blocking, transaction) {
            true => self.activations.store(record.clone()),
            false => self.activations.dismiss(id),
        };
        let failed = |error: &_| tracing::error!(activation = %id, %error, "the end of an activation was not written down");
        written.inspect_err(failed).ok()
    }

    /// Ends activations whose end was never heard of.
    pub(crate) fn sweep(&self) {
        let now = self.clock.now();
        while let Some(open) = self.pending.pop_overdue(now) {
            let (activation, trace) = (open.message.activation_id, open.message.trace.trace_id().to_string());
            self.balancer.ended(activation, End::GivenUp);
            tracing::warn!(%activation, trace, "no completion came; giving it up");
            self.end_here(open, types::StatusCode::WhiskError, record::LOST_COMPLETION);
        }
    }
}

impl rpc::ControllerLink for Controller {
    fn ack(&self, ack: Ack) {
        // None: it was given up, or has ended before; the first end counts.
        let Some(open) = self.pending.close(ack.activation_id) else { return };
        self.balancer.ended(ack.activation_id, End::Heard(&ack.outcome));
        match ack.outcome {
            Outcome::Finished(record) => self.finish(open, record),
            Outcome::Dropped { status, error } | Outcome::Expired { status, error } => {
                self.end_here(open, status, &error)
            }
        }
    }

    fn lines(&self, lines: rpc::Lines) {
        self.followers.lines(lines);
    }

    fn piece(&self, piece: rpc::Piece) {
        let (container, activation) = (piece.container, piece.activation);
        if !self.pending.take_piece(piece) {
            self.balancer.flow(container, activation, rpc::Flow::Stop);
        }
    }
}

/// ATV-22
pub(super) fn keeps_records(identity: &Identity) -> bool {
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
    ready: Option<Ready>,
}

impl Accepted<'_> {
    /// Hands it on. One that is refused gets a record, which ends its intent.
    fn submit(mut self) -> Result<(), Refusal> {
        self.submit_once()
    }

    fn submit_once(&mut self) -> Result<(), Refusal> {
        let Some(ready) = self.ready.take() else { return Ok(()) };
        let (message, kind) = (ready.message.clone(), Kind::of(&ready.action));
        let started = self.controller.start(ready, None, Response::Whole);
        if let Err(refusal) = &started {
            let (status, text) = record::of_refusal(refusal);
            self.end(&message, kind, status, text);
        }
        started
    }

    /// Gives it up with a record.
    fn refuse(mut self, text: &str) {
        if let Some(ready) = self.ready.take() {
            self.end(&ready.message, Kind::of(&ready.action), types::StatusCode::WhiskError, text);
        }
    }

    fn end(&self, message: &ActivationMessage, kind: Kind, status: types::StatusCode, text: &str) {
        if message.journaled {
            let now = self.controller.clock.unix_millis();
            let record = Arc::new(record::unrun(message, kind, status, text, now));
            self.controller.ended(&message.caller, &record);
            self.controller.keep_of(message, &record, false);
        }
    }
}

impl Drop for Accepted<'_> {
    fn drop(&mut self) {
        drop(self.submit_once());
    }
}
