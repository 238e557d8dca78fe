//! Running what has parts: sequences and compositions. What runs next is decided by `engine::compose`; here it is done.

use super::on_the_way::Passage;
use super::parameters::Arguments;
use super::primitive::{Invocation, Ready};
use super::record::Ended;
use super::resolve::ResolvedAction;
use crate::Controller;
use crate::api::{ApiError, Target};
use crate::identities::{Caller, Place};
use engine::compose::{Command, Composition, Event, Finished, Form, Part, Scope, Whole};
use rpc::{ActivationMessage, Refusal};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use types::json::Raw;
use types::{Activation, ActivationId, FullyQualifiedName};

impl Controller {
    /// Runs something with parts to its end, in a task of its own: it goes on when the client does not wait any more.
    pub(super) fn compose(
        &self,
        ready: Ready,
        form: Form,
        waiter: Option<oneshot::Sender<Arc<Activation>>>,
    ) -> Result<(), Refusal> {
        let passage = self.on_the_way.enter(&ready.message)?;
        self.go_on("composition", move |controller| async move {
            let message = ready.message.clone();
            let record = Way::new(&controller, ready, passage).run(form).await;
            controller.tell(&message, waiter, &record);
        });
        Ok(())
    }
}

/// One sequence or composition, with everything inside it.
struct Way<'a> {
    controller: &'a Controller,
    action: Arc<ResolvedAction>,
    caller: Arc<Caller>,
    message: Arc<ActivationMessage>,
    /// The place in flight of the request, which the first activation takes (INV-20).
    place: Option<Place>,
    /// The arguments of a conductor's first run: they were laid over its own parameters when it was invoked.
    first: Option<Arguments>,
    passage: Passage,
}

impl Way<'_> {
    fn new(controller: &Controller, ready: Ready, passage: Passage) -> Way<'_> {
        let Ready { action, caller, message, place } = ready;
        let conducts = matches!(action.form, Some(Form::Conductor { .. }));
        let first = conducts.then(|| Arguments {
            payload: message.payload.clone(),
            environment: message.environment.clone(),
            locks: message.locks.clone(),
        });
        Way { controller, action, caller, message, place: Some(place), first, passage }
    }

    /// The record, which is stored; on the disk, if a client waits and such answers are to be durable.
    async fn run(mut self, form: Form) -> Arc<Activation> {
        let mut out = Vec::new();
        let mut composition = self.begin(form, &mut out);
        let mut commands = VecDeque::from(std::mem::take(&mut out));
        while let Some(command) = commands.pop_front() {
            match command {
                Command::Find { name, checked } => {
                    composition.handle(self.find(&name, checked).await, &mut out);
                }
                Command::Invoke { action, payload, cause, wait } => {
                    match self.hand_on(action, payload.as_ref(), cause) {
                        Err(error) => {
                            tracing::debug!(activation = %self.message.activation_id, ?error, "a part was refused");
                            composition.handle(Event::Failed, &mut out);
                        }
                        Ok((id, end)) => {
                            composition.handle(Event::Handed(id), &mut out);
                            composition.handle(self.end_of(id, end, wait).await, &mut out);
                        }
                    }
                }
                Command::Finish(finished) if finished.outermost => return self.finish(finished).await,
                Command::Finish(finished) => drop(self.keep(&finished)),
            }
            self.passage.note(composition.parts());
            commands.extend(out.drain(..));
        }
        unreachable!("a composition asks for something until its outermost end")
    }

    fn begin(
        &self,
        form: Form,
        out: &mut Vec<Command<Arc<ResolvedAction>>>,
    ) -> Composition<Arc<ResolvedAction>> {
        let scope =
            Scope { limit: self.caller.limits.sequence_length, caller: self.caller.namespace().clone() };
        let (id, began) = (self.message.activation_id, self.controller.clock.unix_millis());
        let whole = Whole { action: self.action.clone(), id, began, form };
        Composition::begin(scope, whole, Some(self.message.payload.clone()), out)
    }

    /// What a name stands for (SEQ-11, CON-07).
    async fn find(&self, name: &FullyQualifiedName, checked: bool) -> Event<Arc<ResolvedAction>> {
        let found = if checked {
            match self.controller.find_invocable(&self.caller, &Target::of(name)).await {
                Ok(found) => self.controller.read(found).await,
                Err(error) if error.status().is_server_error() => return Event::Failed,
                Err(_) => return Event::Forbidden,
            }
        } else {
            self.controller.action_at(name).await
        };
        match found {
            Ok(Some(action)) if action.deprecated => Event::Failed,
            Ok(Some(action)) => Event::Found(self.part(action)),
            Err(error) if error.status().is_server_error() => Event::Failed,
            // There is nothing of that name, or no action.
            Ok(None) | Err(_) => Event::Missing,
        }
    }

    fn part(&self, action: Arc<ResolvedAction>) -> Part<Arc<ResolvedAction>> {
        let limits = action.executable.limits;
        match action.form.clone() {
            None => {
                Part::Simple { action, timeout: Duration::from_millis(limits.timeout), memory: limits.memory }
            }
            Some(form) => {
                let id = self.controller.new_activation_id();
                Part::Whole(Whole { action, id, began: self.controller.clock.unix_millis(), form })
            }
        }
    }

    /// Hands one activation on.
    fn hand_on(
        &mut self,
        action: Arc<ResolvedAction>,
        payload: Option<&Raw>,
        cause: ActivationId,
    ) -> Result<(ActivationId, oneshot::Receiver<Arc<Activation>>), ApiError> {
        let controller = self.controller;
        let place = match self.place.take() {
            None => self.caller.place_of_accepted(),
            Some(place) => {
                // From here on another process must not begin it again.
                if self.message.journaled {
                    controller.activations.started(self.message.activation_id)?;
                }
                place
            }
        };
        let arguments = match self.first.take() {
            None => action.defaults.pass(payload),
            Some(first) => first,
        };
        let invocation = Invocation {
            id: controller.new_activation_id(),
            action,
            caller: self.caller.clone(),
            arguments,
            transaction: self.message.transaction_id.clone(),
            received: controller.clock.unix_millis(),
            place,
            cause: Some(cause),
            streams: false,
            trace: Some(self.message.trace.clone()),
        };
        let ready = controller.ready(invocation, self.message.blocking);
        let (id, (sender, receiver)) = (ready.message.activation_id, oneshot::channel());
        controller.publish(ready.message, Some(sender), ready.place).map_err(super::primitive::refused)?;
        Ok((id, receiver))
    }

    /// Waits for the end of an activation (SEQ-10, CON-12).
    async fn end_of(
        &self,
        id: ActivationId,
        end: oneshot::Receiver<Arc<Activation>>,
        wait: Duration,
    ) -> Event<Arc<ResolvedAction>> {
        let ended = match tokio::time::timeout(wait, end).await {
            Ok(Ok(record)) => Some(record),
            // Only the completion may have been lost, and not the record (INV-17).
            Ok(Err(_)) | Err(_) => self.stored(id).await,
        };
        match ended {
            None => Event::TimedOut,
            Some(record) => {
                let response = record.response.clone();
                let wall = record.end.unwrap_or(record.start).saturating_sub(record.start);
                Event::Ended { response, duration: record.duration.unwrap_or(wall) }
            }
        }
    }

    async fn stored(&self, id: ActivationId) -> Option<Arc<Activation>> {
        let namespace = self.caller.namespace().as_str();
        match self.controller.activations.get(namespace, id).await {
            Ok(record) => serde_json::from_slice(&record?).ok().map(Arc::new),
            Err(error) => {
                tracing::error!(activation = %id, %error, "the record of a part cannot be read");
                None
            }
        }
    }

    /// The whole has ended.
    async fn finish(&self, finished: Finished<Arc<ResolvedAction>>) -> Arc<Activation> {
        let (record, ticket) = self.keep(&finished);
        let waits = self.message.blocking && self.controller.config.durable_answers;
        if let Some(ticket) = ticket.filter(|_| waits)
            && let Err(error) = self.controller.activations.durable(ticket).await
        {
            tracing::error!(activation = %record.activation_id, %error, "a record is not on the disk");
        }
        record
    }

    /// Stores the record of a sequence or composition that has ended.
    fn keep(&self, finished: &Finished<Arc<ResolvedAction>>) -> (Arc<Activation>, Option<store::Ticket>) {
        let caller = &*self.message.caller;
        let record = Ended {
            id: finished.id,
            action: &finished.action.executable,
            caller,
            conductor: finished.conductor,
            cause: finished.cause,
            received: if finished.outermost { self.message.received } else { finished.began },
            began: finished.began,
            end: self.controller.clock.unix_millis(),
            duration: finished.duration,
            memory: finished.memory,
            parts: &finished.parts,
            response: finished.response.clone(),
            trace: &self.message.trace,
        };
        let record = Arc::new(record.record());
        let ticket = self.controller.keep_of(&self.message, &record, self.message.blocking);
        self.controller.ended(caller, &record);
        (record, ticket)
    }
}
