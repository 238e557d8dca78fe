//! One action's queue for one namespace: what waits, which containers pull, and when to add or drop one.
//!
//! An activation is *accepted*, *waits*, is *dispatched* (an attempt, with a time to recall it), *started* and
//! *finished*. How it stays at one run at most:
//! - Until `Started` it may be dispatched again, but only on proof that the attempt before will never start: a `Nack`,
//!   the container's `Gone`, or the loss of its invoker. Silence proves nothing; a dispatch that is not heard of is
//!   recalled, again and again, until one of the three comes.
//! - Every attempt has a number. What is said about an older attempt, or by a container that does not have the
//!   activation, is ignored.
//! - From `Started` on it is never dispatched again, unless its action opted in. If its container goes, it is `Lost`.
//!
//! An update of the action takes effect at once: whatever still waits runs on the newest revision, older containers
//! finish what they have and go.
//!
//! This module must not place containers (`creation`), nor count those of other actions (`arbiter`).

mod backlog;
mod breaker;
mod command;
mod config;
pub mod decide;
mod deliver;
mod demand;
mod event;
mod fleet;
mod orders;
mod scale;
mod width;

#[cfg(test)]
mod tests;

pub use command::{Command, CreateRequest, DropReason, Refusal, RefusalReason};
pub use config::{BreakerConfig, QueueConfig};
pub use event::{ActionFacts, Event, Message};

use backlog::{Accepted, Backlog};
use breaker::Breaker;
use demand::Demand;
use fleet::Fleet;
use machine::{Instant, Machine};
use scale::Supply;
use std::sync::Arc;
use types::{ActivationId, ContainerRef, Revision};
use width::Width;

/// One action's queue for one namespace.
#[derive(Debug)]
pub struct Queue<M: Message> {
    /// Shared by all queues, so that what each of them reads of it is in the processor's cache already.
    config: Arc<QueueConfig>,
    phase: Phase,
    /// The newest revision that was seen; `None` before the first activation.
    live: Option<Live<M::Action>>,
    backlog: Backlog<M>,
    fleet: Fleet<M>,
    demand: Demand,
    breaker: Breaker,
    width: Width,
    supply: Supply,
    next_turn: u64,
    /// When to look for dispatches that were not heard of.
    sweep_at: Option<Instant>,
    /// When to look for containers that are not needed.
    surplus_at: Option<Instant>,
    /// When the queue, empty since a while, goes.
    retire_at: Option<Instant>,
}

/// Where a queue is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// The scheduler goes down: nothing new.
    Draining,
    /// Another scheduler owns the queue: what waits is handed over.
    Disowned,
    Retired,
}

/// The newest revision of the action.
#[derive(Debug)]
struct Live<A> {
    revision: Revision,
    action: A,
    facts: ActionFacts,
    /// Whether it was deleted.
    deleted: bool,
}

/// A queue in numbers, for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Activations that wait.
    pub waiting: usize,
    /// The bytes that they hold.
    pub waiting_bytes: u64,
    /// Activations that containers have.
    pub in_flight: u32,
    /// Containers that take activations.
    pub serving: u32,
    /// All containers, those that are leaving too.
    pub containers: usize,
    /// Containers on order.
    pub creating: usize,
}

impl<M: Message> Queue<M> {
    /// An empty queue. `number` must differ from that of any other queue of the scheduler: it is the upper half of the
    /// numbers of its orders.
    #[must_use]
    pub fn new(config: impl Into<Arc<QueueConfig>>, number: u32) -> Queue<M> {
        let config = config.into();
        let demand = Demand::new(config.durations, config.expected_start, config.expected_resume);
        Queue {
            config,
            phase: Phase::Serving,
            live: None,
            backlog: Backlog::new(),
            fleet: Fleet::new(),
            demand,
            breaker: Breaker::new(),
            width: Width::default(),
            supply: Supply::new(number),
            next_turn: 0,
            sweep_at: None,
            surplus_at: None,
            retire_at: None,
        }
    }

    /// Takes an activation, like [`Event::Submit`], but answers directly.
    ///
    /// # Errors
    /// When the queue does not take it. Nothing will be heard of it then.
    pub fn submit(&mut self, now: Instant, message: M, out: &mut Vec<Command<M>>) -> Result<(), Refusal> {
        self.tick(now, out);
        self.check_phase(now)?;
        self.see_revision(now, &message, out);
        self.demand.arrived(now);
        let free = self.free(now);
        if free.is_none() {
            self.check_room(now)?;
        }
        self.retire_at = None;
        let accepted = Accepted { message, turn: self.next_turn, since: now, attempts: 0 };
        self.next_turn += 1;
        if let Some(slot) = free.filter(|_| self.backlog.is_empty()) {
            self.dispatch(now, slot, accepted, out);
            return Ok(());
        }
        self.backlog.insert(accepted, &self.config);
        // Otherwise there is nobody to hand it to.
        if free.is_some() {
            self.pump(now, out);
        }
        self.settle(now, out);
        Ok(())
    }

    /// The queue in numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            waiting: self.backlog.len(),
            waiting_bytes: self.backlog.bytes(),
            in_flight: self.fleet.in_flight(),
            serving: self.fleet.serving(),
            containers: self.fleet.len(),
            creating: self.supply.creating(),
        }
    }

    /// The container that has this activation, if one does. Looks at all of them.
    #[must_use]
    pub fn holder(&self, activation: ActivationId) -> Option<ContainerRef> {
        self.fleet.holder(activation)
    }

    /// How many tokens of the namespace it holds: one for each container, there or on order.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.fleet.len() + self.supply.creating()
    }

    fn check_phase(&self, now: Instant) -> Result<(), Refusal> {
        let reason = match self.phase {
            Phase::Serving => return Ok(()),
            Phase::Draining => RefusalReason::ShuttingDown,
            Phase::Disowned => RefusalReason::Disowned,
            Phase::Retired => RefusalReason::Retired,
        };
        Err(Refusal { reason, until: now + self.config.refusal_expiry })
    }

    /// A newer revision replaces the live one at once.
    fn see_revision(&mut self, now: Instant, message: &M, out: &mut Vec<Command<M>>) {
        let revision = message.revision();
        let before = match &self.live {
            Some(live) if live.revision >= revision => return,
            Some(live) => Some(live.revision),
            None => None,
        };
        let mut facts = message.facts();
        facts.concurrency = facts.concurrency.max(1);
        self.live = Some(Live { revision, action: message.action().clone(), facts, deleted: false });
        if let Some(up_to) = before {
            self.breaker = Breaker::new();
            self.demand.new_revision();
            self.width = Width::default();
            self.supply.new_revision();
            self.let_all_go(now);
            out.push(Command::RemoveOutdated { up_to });
        }
    }

    /// Drops everything that waits.
    fn drop_all(&mut self, reason: &DropReason, out: &mut Vec<Command<M>>) {
        while let Some(accepted) = self.backlog.pop(&self.config) {
            out.push(Command::Drop { message: accepted.message, reason: reason.clone() });
        }
    }

    fn retention(&self) -> std::time::Duration {
        match &self.live {
            Some(live) if live.facts.blackbox => self.config.blackbox_retention,
            _ => self.config.retention,
        }
    }

    /// When the first of those that wait has waited for too long.
    fn expiry(&self) -> Option<Instant> {
        self.backlog.front().map(|accepted| accepted.since + self.retention())
    }

    fn drop_expired(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        while self.expiry().is_some_and(|at| at <= now) {
            let Some(accepted) = self.backlog.pop(&self.config) else { return };
            // Whoever waits because the namespace has nothing left is told that, and not that time has passed.
            let reason = if self.supply.is_starved() && !self.has_supply() {
                DropReason::Throttled { whisk_error: self.config.throttled_is_whisk_error }
            } else {
                DropReason::Retention { waited: self.retention() }
            };
            out.push(Command::Drop { message: accepted.message, reason });
        }
    }

    /// Whether there is a container that takes activations, or one on order.
    fn has_supply(&self) -> bool {
        self.fleet.serving() > 0 || self.supply.creating_live() > 0
    }

    /// What follows from any change: hand over, give up, order, retire.
    fn settle(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        if self.phase == Phase::Disowned {
            while let Some(accepted) = self.backlog.pop(&self.config) {
                out.push(Command::HandOver { message: accepted.message });
            }
        }
        self.settle_deleted(now, out);
        self.give_up(now, out);
        self.plan(now, out);
        self.settle_end(now, out);
    }

    /// A deleted action's containers serve what waits, and go.
    fn settle_deleted(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        let Some(up_to) = self.live.as_ref().filter(|live| live.deleted).map(|live| live.revision) else {
            return;
        };
        if !self.has_supply() {
            self.drop_all(&DropReason::ActionDeleted, out);
        }
        if self.backlog.is_empty() && self.fleet.serving() > 0 {
            self.let_all_go(now);
            out.push(Command::RemoveOutdated { up_to });
        }
    }

    fn settle_end(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        let at_rest = self.backlog.is_empty() && self.fleet.in_flight() == 0;
        let is_empty = at_rest && self.fleet.len() == 0 && self.supply.creating() == 0;
        match self.phase {
            Phase::Serving if is_empty => {
                self.retire_at.get_or_insert(now + self.config.retire_after);
            }
            Phase::Serving => self.retire_at = None,
            Phase::Draining | Phase::Disowned if at_rest => {
                self.phase = Phase::Retired;
                out.push(Command::Retire);
            }
            Phase::Draining | Phase::Disowned | Phase::Retired => {}
        }
    }

    fn retire_if_due(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        if self.phase == Phase::Serving && self.retire_at.is_some_and(|at| at <= now) {
            self.phase = Phase::Retired;
            self.retire_at = None;
            out.push(Command::Retire);
        }
    }
}

impl<M: Message> Machine for Queue<M> {
    type Event = Event<M>;
    type Command = Command<M>;

    fn handle(&mut self, now: Instant, event: Event<M>, out: &mut Vec<Command<M>>) {
        self.tick(now, out);
        match event {
            Event::Submit { message } => {
                if let Err(refusal) = self.submit(now, message.clone(), out) {
                    out.push(Command::Refuse { message, refusal });
                }
            }
            Event::Started { container, activation, attempt } => {
                if let Some(slot) = self.fleet.find(container) {
                    self.fleet.start(slot, activation, attempt);
                }
            }
            Event::Finished { container, activation, init, run, healthy } => {
                self.demand.initialised(init);
                self.finished(now, container, activation, run, healthy, out);
            }
            Event::Nack { container, activation, attempt, reason } => {
                self.nacked(now, container, activation, attempt, reason, out);
            }
            Event::Created { creation, container, revision, slots, took } => {
                self.created(now, creation, container, revision, slots, took, out);
            }
            Event::CreationFailed { creation, failure } => self.creation_failed(now, creation, failure, out),
            Event::Idle { container, paused } => self.idle(now, container, paused, out),
            Event::Gone { container } => self.gone(now, container, out),
            Event::InvokerLost { invoker } => self.invoker_lost(now, invoker, out),
            Event::Tokens(answer) => self.tokens_answered(now, answer, out),
            Event::Reclaim { count, idle_only } => self.reclaim(now, count, idle_only, out),
            Event::History { run } => self.demand.remember(run),
            Event::Deleted { revision } => self.deleted(now, revision, out),
            Event::Drain => self.leave(now, Phase::Draining, out),
            Event::Disowned => self.leave(now, Phase::Disowned, out),
        }
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        debug_assert_eq!(
            self.is_due(now),
            self.next_deadline().is_some_and(|at| at <= now),
            "one list of deadlines"
        );
        if self.is_due(now) {
            self.act_upon_deadlines(now, out);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let [check_at, ask_at] = self.supply.deadlines();
        Instant::earliest([self.sweep_at, self.surplus_at, self.retire_at, self.expiry(), check_at, ask_at])
    }
}

impl<M: Message> Queue<M> {
    /// Whether [`Machine::next_deadline`] has come. This is asked at every event, and mostly it has not.
    fn is_due(&self, now: Instant) -> bool {
        let has_come = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let [check_at, ask_at] = self.supply.deadlines();
        has_come(self.sweep_at)
            || has_come(self.surplus_at)
            || has_come(self.retire_at)
            || has_come(self.expiry())
            || has_come(check_at)
            || has_come(ask_at)
    }

    /// Apart from [`Machine::tick`], because at most events there is nothing to act upon.
    #[cold]
    fn act_upon_deadlines(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        self.sweep_if_due(now, out);
        self.rest_surplus_if_due(now, out);
        self.drop_expired(now, out);
        self.ask_again_if_due(now, out);
        self.retire_if_due(now, out);
        self.pump(now, out);
        self.settle(now, out);
    }

    fn leave(&mut self, now: Instant, phase: Phase, out: &mut Vec<Command<M>>) {
        match (self.phase, phase) {
            (Phase::Retired, _) | (Phase::Disowned, Phase::Draining) => return,
            _ => self.phase = phase,
        }
        self.retire_at = None;
        self.settle(now, out);
    }

    fn deleted(&mut self, now: Instant, revision: Revision, out: &mut Vec<Command<M>>) {
        match &mut self.live {
            Some(live) if live.revision <= revision => live.deleted = true,
            _ => return,
        }
        self.settle(now, out);
    }
}
