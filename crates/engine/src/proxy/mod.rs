//! One container's life: made, assigned, initialised, running, idle, paused, removed.
//!
//! The task that owns the container runs this machine and carries out its commands one after another; it ends with the
//! machine ([`Proxy::is_gone`]). It must not know what is in an activation, nor what other containers do: memory and
//! eviction are the pool's.

mod command;
mod config;
mod event;
mod serving;
#[cfg(test)]
mod tests;

pub use command::{Command, Note, Report};
pub use config::Config;
pub use event::{Assignment, Event, Keep, Spec};

use machine::{Instant, Machine};
use serving::{Closing, Next, Serving, cannot, nack};
use std::sync::Arc;
use std::time::Duration;
use types::{ActivationId, Attempt, Epoch, NackReason, QueueKey, Revision, SchedulerId};

/// The life of one container.
#[derive(Clone, Debug)]
pub struct Proxy {
    config: Config,
    tenant: Option<Tenant>,
    state: State,
}

/// Whom a container serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Who gave the last order, and hears its reports.
    pub scheduler: SchedulerId,
    /// The queue.
    pub queue: Arc<QueueKey>,
    /// The revision of the action.
    pub revision: Revision,
}

#[derive(Clone, Debug)]
enum State {
    /// It is being made, for somebody or as a stem cell.
    Creating { assignment: Option<Box<Assignment>>, leaving: bool },
    /// A stem cell: made, and of no revision yet.
    Clean,
    /// It takes activations, or finishes the last ones.
    Serving(Serving),
    /// Its processes are being stopped; what is to be done after that.
    Pausing { after: After },
    /// It stands still, and asks the pool what to do at `until`.
    Paused { until: Instant },
    /// Its processes are being started again; what is to be done after that.
    Resuming { after: After },
    /// It is being destroyed.
    Removing,
    /// Nothing is left.
    Gone,
}

/// What follows a pause or its end.
#[derive(Clone, Debug)]
enum After {
    /// It stays, or becomes, paused.
    Rest,
    /// It serves again.
    Serve(Box<Assignment>),
    /// It is removed.
    Leave,
}

impl Proxy {
    /// A container that is to be made: for an assignment, or as a stem cell.
    #[must_use]
    pub fn new(
        config: Config,
        spec: Spec,
        assignment: Option<Box<Assignment>>,
        out: &mut Vec<Command>,
    ) -> Proxy {
        out.push(Command::Create(spec));
        let tenant = assignment.as_deref().map(Tenant::of);
        Proxy { config, tenant, state: State::Creating { assignment, leaving: false } }
    }

    /// Whether nothing is left of the container and nothing follows.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    /// Whom it serves or served last: where its reports go. `None` for a stem cell.
    #[must_use]
    pub const fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    fn dispatch(&mut self, activation: ActivationId, attempt: Attempt, epoch: Epoch, out: &mut Vec<Command>) {
        let reason = match &mut self.state {
            State::Serving(serving) => return serving.dispatch(activation, attempt, epoch, out),
            // The dispatch crossed the report that the container is leaving.
            State::Pausing { .. } | State::Paused { .. } | State::Resuming { .. } | State::Removing => {
                NackReason::Leaving
            }
            State::Creating { .. } => NackReason::NoCredit,
            State::Clean | State::Gone => NackReason::Unknown,
        };
        out.push(nack(activation, attempt, reason));
    }

    fn assign(&mut self, now: Instant, order: Box<Assignment>, out: &mut Vec<Command>) {
        let tenant = Tenant::of(&order);
        match &mut self.state {
            State::Creating { assignment: vacant @ None, leaving: false } => *vacant = Some(order),
            State::Clean => {
                self.state = State::Serving(Serving::begin(&order, false, &self.config, now, out));
            }
            State::Pausing { after: after @ After::Rest } => *after = After::Serve(order),
            State::Paused { .. } => {
                out.push(Command::Resume);
                self.state = State::Resuming { after: After::Serve(order) };
            }
            // It broke, or was told to leave, before the order came.
            State::Creating { .. }
            | State::Pausing { .. }
            | State::Resuming { .. }
            | State::Serving(_)
            | State::Removing
            | State::Gone => return out.push(Command::Tell(Note::Returned(order))),
        }
        self.tenant = Some(tenant);
    }

    fn remove(&mut self, out: &mut Vec<Command>) {
        match &mut self.state {
            State::Creating { assignment, leaving } => {
                *leaving = true;
                out.push(Command::Tell(Note::Leaving));
                if let Some(order) = assignment.take() {
                    out.push(cannot(order.creation));
                }
            }
            State::Serving(serving) => {
                if serving.closing() < Some(Closing::Removed) && !serving.is_idle() {
                    out.push(Command::Report(Report::Idle { paused: false }));
                }
                serving.close(Closing::Removed, out);
            }
            State::Pausing { after } | State::Resuming { after } => {
                out.push(Command::Tell(Note::Leaving));
                if let After::Serve(order) = std::mem::replace(after, After::Leave) {
                    out.push(cannot(order.creation));
                }
            }
            State::Clean | State::Paused { .. } => self.leave(out),
            State::Removing | State::Gone => {}
        }
    }

    /// Removes the container unless somebody needs it.
    fn evict(&mut self, out: &mut Vec<Command>) {
        let needed = match &self.state {
            State::Creating { assignment, .. } => assignment.is_some(),
            State::Serving(serving) => !serving.is_idle(),
            State::Pausing { after } | State::Resuming { after } => matches!(after, After::Serve(_)),
            State::Clean | State::Paused { .. } | State::Removing | State::Gone => false,
        };
        if needed {
            out.push(Command::Tell(Note::Working));
        } else {
            self.remove(out);
        }
    }

    fn detach(&mut self, out: &mut Vec<Command>) {
        match &mut self.state {
            State::Serving(serving) => serving.close(Closing::Parked, out),
            State::Creating { assignment, leaving } if assignment.is_some() => {
                // Nobody else can want it before it is there: it becomes what it would be without an order.
                *assignment = None;
                *leaving = true;
                out.push(Command::Tell(Note::Leaving));
            }
            State::Pausing { after: after @ After::Serve(_) } => {
                *after = After::Rest;
                out.push(Command::Tell(Note::Parked));
            }
            State::Resuming { after: after @ After::Serve(_) } => *after = After::Rest,
            _ => {}
        }
    }

    fn rest(&mut self, out: &mut Vec<Command>) {
        if let State::Serving(serving) = &mut self.state {
            serving.close(Closing::Parked, out);
        }
    }

    fn created(&mut self, now: Instant, out: &mut Vec<Command>) {
        let State::Creating { assignment, leaving } = &mut self.state else { return self.unexpected() };
        let (assignment, leaving) = (assignment.take(), *leaving);
        out.push(Command::Tell(Note::Created));
        self.state = match assignment {
            _ if leaving => return self.leave(out),
            None => State::Clean,
            Some(order) => State::Serving(Serving::begin(&order, false, &self.config, now, out)),
        };
    }

    fn create_failed(&mut self, failure: types::CreationFailure, out: &mut Vec<Command>) {
        let State::Creating { assignment, .. } = &mut self.state else { return self.unexpected() };
        if let Some(order) = assignment.take() {
            out.push(Command::Report(Report::CreationFailed { creation: order.creation, failure }));
        }
        out.push(Command::Tell(Note::CreateFailed));
        self.state = State::Gone;
    }

    fn paused(&mut self, now: Instant, out: &mut Vec<Command>) {
        let State::Pausing { after } = &mut self.state else { return self.unexpected() };
        self.state = match std::mem::replace(after, After::Rest) {
            After::Rest => State::Paused { until: now + self.config.idle_container },
            After::Leave => return self.leave(out),
            after @ After::Serve(_) => {
                out.push(Command::Resume);
                State::Resuming { after }
            }
        };
    }

    fn resumed(&mut self, now: Instant, out: &mut Vec<Command>) {
        let State::Resuming { after } = &mut self.state else { return self.unexpected() };
        match std::mem::replace(after, After::Rest) {
            After::Leave => self.leave(out),
            After::Rest => self.pause(out),
            After::Serve(order) => {
                self.state = State::Serving(Serving::begin(&order, true, &self.config, now, out));
            }
        }
    }

    /// The container is of no use: it cannot be paused or resumed.
    fn failed(&mut self, out: &mut Vec<Command>) {
        let (State::Pausing { after } | State::Resuming { after }) = &mut self.state else {
            return self.unexpected();
        };
        if let After::Serve(order) = std::mem::replace(after, After::Leave) {
            out.push(Command::Tell(Note::Returned(order)));
        }
        self.leave(out);
    }

    /// Its main process ended by itself.
    fn ended(&mut self, out: &mut Vec<Command>) {
        match &mut self.state {
            State::Serving(serving) => serving.close(Closing::Broken, out),
            State::Pausing { after } | State::Resuming { after } => {
                if let After::Serve(order) = std::mem::replace(after, After::Leave) {
                    out.push(Command::Tell(Note::Returned(order)));
                }
            }
            State::Clean | State::Paused { .. } => self.leave(out),
            State::Creating { .. } | State::Removing | State::Gone => {}
        }
    }

    /// Stops the processes; from now on the container can be had by an order for the same queue and revision.
    fn pause(&mut self, out: &mut Vec<Command>) {
        // The pool first: an order for a container may be the scheduler's answer to the report.
        out.push(Command::Tell(Note::Parked));
        out.push(Command::Report(Report::Idle { paused: true }));
        out.push(Command::Pause);
        self.state = State::Pausing { after: After::Rest };
    }

    /// Ends the container. Nothing runs in it.
    fn leave(&mut self, out: &mut Vec<Command>) {
        out.push(Command::Tell(Note::Leaving));
        if !matches!(self.state, State::Creating { .. } | State::Clean) {
            out.push(Command::Report(Report::Gone));
        }
        out.push(Command::Destroy);
        self.state = State::Removing;
    }

    fn destroyed(&mut self, out: &mut Vec<Command>) {
        let State::Removing = self.state else { return self.unexpected() };
        out.push(Command::Tell(Note::Gone));
        self.state = State::Gone;
    }

    fn keep(&mut self, now: Instant, time: Duration) {
        if let State::Paused { until } = &mut self.state {
            *until = now + time;
        }
    }

    /// An answer to a call that was not made: a fault of the shell, and harmless.
    fn unexpected(&self) {
        debug_assert!(false, "an answer that nobody asked for in {:?}", self.state);
    }
}

impl Tenant {
    fn of(order: &Assignment) -> Tenant {
        Tenant { scheduler: order.scheduler, queue: order.queue.clone(), revision: order.revision }
    }
}

impl Machine for Proxy {
    type Event = Event;
    type Command = Command;

    fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Dispatch { activation, attempt, epoch } => self.dispatch(activation, attempt, epoch, out),
            Event::Assign(order) => self.assign(now, order, out),
            Event::Remove => self.remove(out),
            Event::Evict => self.evict(out),
            Event::Keep(time) => self.keep(now, time),
            Event::Detach => self.detach(out),
            Event::Rest => self.rest(out),
            Event::Recall { activation, attempt } => match &mut self.state {
                State::Serving(serving) => serving.recall(activation, attempt, out),
                State::Gone => out.push(nack(activation, attempt, NackReason::Unknown)),
                _ => out.push(nack(activation, attempt, NackReason::Recalled)),
            },
            Event::Created => self.created(now, out),
            Event::CreateFailed(failure) => self.create_failed(failure, out),
            Event::Initialised { activation, status, took } => match &mut self.state {
                State::Serving(serving) => serving.initialised(activation, status, took, &self.config, out),
                _ => self.unexpected(),
            },
            Event::Ran { activation, status, took } => match &mut self.state {
                State::Serving(serving) => serving.ran(activation, status, took, out),
                _ => self.unexpected(),
            },
            Event::LogsTaken { activation } => match &mut self.state {
                State::Serving(serving) => serving.logs_taken(activation, &self.config, now, out),
                _ => self.unexpected(),
            },
            Event::Paused => self.paused(now, out),
            Event::Resumed => self.resumed(now, out),
            Event::PauseFailed | Event::ResumeFailed => self.failed(out),
            Event::Ended => self.ended(out),
            Event::Destroyed => self.destroyed(out),
        }
        self.tick(now, out);
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Command>) {
        match &mut self.state {
            State::Serving(serving) => match serving.tick(&self.config, now, out) {
                Next::Serve => {}
                Next::Pause => self.pause(out),
                Next::Leave => self.leave(out),
            },
            State::Paused { until } if *until <= now => {
                *until = now + self.config.idle_container;
                out.push(Command::Tell(Note::Expired));
            }
            _ => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Serving(serving) => serving.check_at(),
            State::Paused { until } => Some(*until),
            _ => None,
        }
    }
}
