//! Upstream's older container pool: one run buffer for a whole invoker, and the choice of a container for its head
//! (scheduler D4).
//!
//! Activations are served strictly in the order in which they came. While the first one finds no container, all others
//! wait behind it, also those whose containers have nothing to do: that is how upstream's push design behaves, and what
//! the pull scheduler is for. The feed decides by what it believes of the invoker's memory; the invoker's own pool, which
//! knows stem cells, carries the orders out and may refuse them.
//!
//! It must not know the other invokers, nor how an activation came to this one.

mod command;
mod config;
mod event;
#[cfg(test)]
mod tests;
mod view;
mod worker;

pub use command::Command;
pub use config::Config;
pub use event::Event;
pub use view::Stats;

use crate::creation::StartFailure;
use crate::queue::{DropReason, Message, RefusalReason};
use machine::{Instant, Machine, Timers};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use types::{ActivationId, Attempt, ContainerId, CreationFailure, CreationId, NackReason, QueueKey};
use worker::{Ordered, Running, State, Waiting, Worker};

/// The activations and containers of one invoker.
#[derive(Clone, Debug)]
pub struct Feed<M: Message> {
    config: Config,
    /// The invoker's memory in MB; `None`: it has not been heard of yet, and what comes waits for it.
    memory: Option<u64>,
    /// Whether the invoker takes orders.
    up: bool,
    draining: bool,
    /// What waits, the oldest first. Bounded by `max_waiting` and `max_waiting_bytes`; what came back from a container is
    /// let in all the same.
    buffer: VecDeque<Waiting<M>>,
    buffered_bytes: u64,
    /// Until when each may wait that waits, in the buffer or for a container on order.
    expiry: Timers<ActivationId>,
    /// Bounded by the invoker's memory, as are orders and what runs.
    workers: BTreeMap<ContainerId, Worker>,
    by_queue: BTreeMap<Arc<QueueKey>, BTreeSet<ContainerId>>,
    orders: BTreeMap<CreationId, Ordered<M>>,
    running: BTreeMap<ActivationId, Running<M>>,
    next_creation: u64,
    /// No container is ordered before then.
    hold_until: Option<Instant>,
}

impl<M: Message> Feed<M> {
    /// A feed of an invoker that has not been heard of yet.
    #[must_use]
    pub fn new(config: Config) -> Feed<M> {
        Feed {
            config,
            memory: None,
            up: false,
            draining: false,
            buffer: VecDeque::new(),
            buffered_bytes: 0,
            expiry: Timers::new(),
            workers: BTreeMap::new(),
            by_queue: BTreeMap::new(),
            orders: BTreeMap::new(),
            running: BTreeMap::new(),
            next_creation: 0,
            hold_until: None,
        }
    }

    /// Takes an activation, which will end in exactly one of `Finished`, `Drop` and `Lost`.
    ///
    /// # Errors
    /// When it is not taken; nothing follows then.
    pub fn submit(
        &mut self,
        now: Instant,
        queue: Arc<QueueKey>,
        message: M,
        out: &mut Vec<Command<M>>,
    ) -> Result<(), RefusalReason> {
        if self.draining {
            return Err(RefusalReason::ShuttingDown);
        }
        let too_big = |memory| message.facts().memory > memory;
        if self.memory.is_some_and(|memory| !self.up || too_big(memory)) {
            return Err(RefusalReason::NoInvokers);
        }
        let full = self.buffer.len() >= self.config.max_waiting
            || self.buffered_bytes >= self.config.max_waiting_bytes;
        if full {
            return Err(RefusalReason::QueueFull);
        }
        let waiting = Waiting { queue, message, attempts: 0, submitted: now };
        // Behind others it waits, whatever is free.
        let left = if self.buffer.is_empty() { self.place(now, waiting, out) } else { Some(waiting) };
        if let Some(waiting) = left {
            self.await_turn(&waiting);
            self.buffered_bytes += waiting.message.size();
            self.buffer.push_back(waiting);
        }
        Ok(())
    }

    /// The container that has an activation.
    #[must_use]
    pub fn holder(&self, activation: ActivationId) -> Option<ContainerId> {
        self.running.get(&activation).map(|running| running.container)
    }

    /// Finds a container for an activation, or gives it back: a warm one with room; a paused one; one on order that has
    /// room; a new one, which the invoker makes of a stem cell if it has a fitting one. Where there is no memory for a
    /// new one, the least recently used idle containers are dropped, and it comes when they are gone.
    fn place(&mut self, now: Instant, waiting: Waiting<M>, out: &mut Vec<Command<M>>) -> Option<Waiting<M>> {
        let own = self.by_queue.get(&waiting.queue).into_iter().flatten();
        let own = own.filter_map(|id| Some((*id, self.workers.get(id)?)));
        let (mut warm, mut paused) = (None, None);
        for (id, worker) in own.filter(|(_, worker)| worker.serves(&waiting)) {
            if worker.has_room() {
                warm = warm.max(Some((worker.used, id)));
            } else if worker.state == State::Paused {
                paused = paused.max(Some((worker.used, id)));
            }
        }
        if let Some((_, container)) = warm {
            self.dispatch(now, container, waiting, out);
            return None;
        }
        if !self.up || self.hold_until.is_some_and(|until| until > now) {
            return Some(waiting);
        }
        if let Some((_, container)) = paused {
            self.order(now, waiting, Some(container), out);
            return None;
        }
        if let Some(order) = self.orders.values_mut().find(|order| order.takes(&waiting)) {
            let at = deadline(&self.config, &waiting);
            self.expiry.set(waiting.message.id(), at);
            order.assigned.push(waiting);
            return None;
        }
        if !self.make_room(waiting.message.facts().memory, out) {
            return Some(waiting);
        }
        self.order(now, waiting, None, out);
        None
    }

    fn dispatch(
        &mut self,
        now: Instant,
        container: ContainerId,
        mut waiting: Waiting<M>,
        out: &mut Vec<Command<M>>,
    ) {
        let Some(worker) = self.workers.get_mut(&container) else { return };
        worker.taken += 1;
        worker.used = now;
        waiting.attempts += 1;
        let (id, message) = (waiting.message.id(), waiting.message.clone());
        self.expiry.clear(&id);
        out.push(Command::Dispatch { container, attempt: Attempt(waiting.attempts), message });
        self.running.insert(id, Running { container, waiting, started: false });
    }

    fn order(
        &mut self,
        now: Instant,
        waiting: Waiting<M>,
        resumes: Option<ContainerId>,
        out: &mut Vec<Command<M>>,
    ) {
        let creation = CreationId(self.next_creation);
        self.next_creation += 1;
        if let Some(worker) = resumes.and_then(|container| self.workers.get_mut(&container)) {
            worker.state = State::Resuming(creation);
        }
        let (queue, facts) = (waiting.queue.clone(), waiting.message.facts());
        let (action, deadline) = (waiting.message.action().clone(), now + self.config.order_deadline);
        out.push(Command::Create { creation, queue: queue.clone(), action, deadline });
        self.await_turn(&waiting);
        let order = Ordered {
            queue,
            revision: waiting.message.revision(),
            memory: facts.memory,
            slots: facts.concurrency.max(1),
            resumes,
            assigned: vec![waiting],
        };
        self.orders.insert(creation, order);
    }

    /// Whether there is memory for one container more. Where there is none, drops the least recently used idle ones, if
    /// that will be enough together with those that are leaving already; their end is another chance.
    fn make_room(&mut self, need: u64, out: &mut Vec<Command<M>>) -> bool {
        let Some(memory) = self.memory else { return false };
        let used = self.used();
        if used + need <= memory {
            return true;
        }
        let of = |wanted: fn(&Worker) -> bool| {
            self.workers.values().filter(|worker| wanted(worker)).map(|worker| worker.memory).sum::<u64>()
        };
        let leaving = of(|worker| worker.state == State::Leaving);
        let mut missing = (used + need).saturating_sub(memory + leaving);
        if missing > of(Worker::is_evictable) {
            return false;
        }
        let idle = self.workers.iter().filter(|(_, worker)| worker.is_evictable());
        let mut idle: Vec<_> = idle.map(|(id, worker)| (worker.used, *id)).collect();
        idle.sort_unstable();
        for (_, container) in idle {
            if missing == 0 {
                break;
            }
            let Some(worker) = self.workers.get_mut(&container) else { continue };
            worker.state = State::Leaving;
            missing = missing.saturating_sub(worker.memory);
            out.push(Command::Remove { container });
        }
        false
    }

    /// What containers have, and those on order will have, in MB.
    fn used(&self) -> u64 {
        let there: u64 = self.workers.values().map(|worker| worker.memory).sum();
        let new = self.orders.values().filter(|order| order.resumes.is_none());
        there + new.map(|order| order.memory).sum::<u64>()
    }

    /// Serves what waits, in its order, until the first one finds no container.
    fn serve(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        while let Some(head) = self.buffer.pop_front() {
            let size = head.message.size();
            if let Some(head) = self.place(now, head, out) {
                self.buffer.push_front(head);
                return;
            }
            self.buffered_bytes -= size;
        }
    }

    fn await_turn(&mut self, waiting: &Waiting<M>) {
        self.expiry.set(waiting.message.id(), deadline(&self.config, waiting));
    }

    /// Puts something at the head that came back without having been run, unless that happened too often.
    fn take_back(&mut self, waiting: Waiting<M>, out: &mut Vec<Command<M>>) {
        let Waiting { attempts, .. } = waiting;
        if attempts >= self.config.max_attempts {
            self.expiry.clear(&waiting.message.id());
            out.push(Command::Drop {
                message: waiting.message,
                reason: DropReason::Undeliverable { attempts },
            });
            return;
        }
        self.await_turn(&waiting);
        self.buffered_bytes += waiting.message.size();
        self.buffer.push_front(waiting);
    }

    fn created(
        &mut self,
        now: Instant,
        creation: CreationId,
        container: ContainerId,
        slots: u32,
        out: &mut Vec<Command<M>>,
    ) {
        let Some(order) = self.orders.remove(&creation) else {
            // It was ordered by nobody who is there.
            return out.push(Command::Remove { container });
        };
        self.release_resumed(&order, creation, Some(container));
        let Ordered { queue, revision, memory, assigned, .. } = order;
        let memory = self.workers.get(&container).map_or(memory, |worker| worker.memory);
        let state = State::Serving;
        self.by_queue.entry(queue.clone()).or_default().insert(container);
        let worker = Worker { queue, revision, memory, slots: slots.max(1), taken: 0, state, used: now };
        self.workers.insert(container, worker);
        let room = (slots.max(1) as usize).min(assigned.len());
        let mut assigned = VecDeque::from(assigned);
        assigned.drain(..room).for_each(|waiting| self.dispatch(now, container, waiting, out));
        assigned.into_iter().rev().for_each(|waiting| self.take_back(waiting, out));
    }

    fn creation_failed(
        &mut self,
        now: Instant,
        creation: CreationId,
        failure: CreationFailure,
        out: &mut Vec<Command<M>>,
    ) {
        let Some(order) = self.orders.remove(&creation) else { return };
        self.release_resumed(&order, creation, None);
        match failure {
            CreationFailure::NoResources | CreationFailure::ShuttingDown => {
                self.hold_until = Some(now + self.config.retry_after);
                order.assigned.into_iter().rev().for_each(|waiting| self.take_back(waiting, out));
            }
            CreationFailure::Platform(_) | CreationFailure::Developer(_) | CreationFailure::ActionMissing => {
                for waiting in order.assigned {
                    self.expiry.clear(&waiting.message.id());
                    let reason = DropReason::NoContainer(StartFailure::Reported(failure.clone()));
                    out.push(Command::Drop { message: waiting.message, reason });
                }
            }
        }
    }

    /// The paused container of an order that another one was found for, or none.
    fn release_resumed(&mut self, order: &Ordered<M>, creation: CreationId, got: Option<ContainerId>) {
        let Some(resumed) = order.resumes.filter(|resumed| got != Some(*resumed)) else { return };
        if let Some(worker) = self.workers.get_mut(&resumed)
            && worker.state == State::Resuming(creation)
        {
            // The invoker preferred another paused one, or this one is broken, of which it will be heard.
            worker.state = if got.is_some() { State::Paused } else { State::Closed };
        }
    }

    fn finished(&mut self, now: Instant, container: ContainerId, activation: ActivationId, healthy: bool) {
        let known = self.running.get(&activation).is_some_and(|running| running.container == container);
        if known {
            self.running.remove(&activation);
        }
        let Some(worker) = self.workers.get_mut(&container) else { return };
        if known {
            worker.taken = worker.taken.saturating_sub(1);
            worker.used = now;
        }
        if !healthy && worker.state == State::Serving {
            worker.state = State::Closed;
        }
    }

    fn nack(
        &mut self,
        container: ContainerId,
        activation: ActivationId,
        attempt: Attempt,
        reason: NackReason,
        out: &mut Vec<Command<M>>,
    ) {
        let this = |running: &Running<M>| {
            running.container == container && running.waiting.attempts == attempt.0 && !running.started
        };
        if !self.running.get(&activation).is_some_and(this) {
            return;
        }
        let Some(running) = self.running.remove(&activation) else { return };
        if let Some(worker) = self.workers.get_mut(&container) {
            worker.taken = worker.taken.saturating_sub(1);
            if worker.state == State::Serving {
                worker.state = State::Closed;
            }
        }
        if reason == NackReason::Unknown {
            self.gone(container, out);
        }
        self.take_back(running.waiting, out);
    }

    fn idle(&mut self, container: ContainerId, paused: bool) {
        let Some(worker) = self.workers.get_mut(&container) else { return };
        match worker.state {
            State::Serving | State::Closed | State::Paused => {
                worker.state = if paused { State::Paused } else { State::Closed };
            }
            State::Resuming(_) | State::Leaving => {}
        }
    }

    fn gone(&mut self, container: ContainerId, out: &mut Vec<Command<M>>) {
        let Some(worker) = self.workers.remove(&container) else { return };
        if let Some(own) = self.by_queue.get_mut(&worker.queue) {
            own.remove(&container);
            if own.is_empty() {
                self.by_queue.remove(&worker.queue);
            }
        }
        for order in self.orders.values_mut().filter(|order| order.resumes == Some(container)) {
            order.resumes = None;
        }
        if worker.taken == 0 {
            return;
        }
        let here = self.running.iter().filter(|(_, running)| running.container == container);
        let here: Vec<ActivationId> = here.map(|(id, _)| *id).collect();
        for running in here.iter().rev().filter_map(|id| self.running.remove(id)).collect::<Vec<_>>() {
            let Running { waiting, started, .. } = running;
            if started {
                out.push(Command::Lost { message: waiting.message, container });
            } else {
                self.take_back(waiting, out);
            }
        }
    }

    fn expire(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        while let Some(id) = self.expiry.pop_due(now) {
            let Some(waiting) = self.take_waiting(id) else { continue };
            let reason = DropReason::Retention { waited: now - waiting.submitted };
            out.push(Command::Drop { message: waiting.message, reason });
        }
    }

    fn take_waiting(&mut self, id: ActivationId) -> Option<Waiting<M>> {
        let is = |waiting: &Waiting<M>| waiting.message.id() == id;
        // The oldest expire first, so this is short.
        if let Some(at) = self.buffer.iter().position(is) {
            let waiting = self.buffer.remove(at)?;
            self.buffered_bytes -= waiting.message.size();
            return Some(waiting);
        }
        self.orders.values_mut().find_map(|order| {
            let at = order.assigned.iter().position(is)?;
            Some(order.assigned.remove(at))
        })
    }
}

/// Until when it may wait.
fn deadline<M: Message>(config: &Config, waiting: &Waiting<M>) -> Instant {
    let blackbox = waiting.message.facts().blackbox;
    waiting.submitted + if blackbox { config.blackbox_retention } else { config.retention }
}

impl<M: Message> Machine for Feed<M> {
    type Event = Event;
    type Command = Command<M>;

    fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Command<M>>) {
        match event {
            Event::Invoker { up, memory } => {
                self.up = up;
                self.memory = Some(memory);
            }
            Event::Created { creation, container, revision: _, slots } => {
                self.created(now, creation, container, slots, out);
            }
            Event::CreationFailed { creation, failure } => self.creation_failed(now, creation, failure, out),
            Event::Started { activation, attempt } => {
                if let Some(running) = self.running.get_mut(&activation)
                    && running.waiting.attempts == attempt.0
                {
                    running.started = true;
                }
            }
            Event::Finished { container, activation, run: _, healthy } => {
                self.finished(now, container, activation, healthy);
            }
            Event::Nack { container, activation, attempt, reason } => {
                self.nack(container, activation, attempt, reason, out);
            }
            Event::Idle { container, paused } => self.idle(container, paused),
            Event::Gone { container } => self.gone(container, out),
            Event::Drain => self.draining = true,
        }
        self.tick(now, out);
        self.serve(now, out);
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        self.expire(now, out);
        if self.hold_until.is_some_and(|until| until <= now) {
            self.hold_until = None;
            self.serve(now, out);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        [self.expiry.next(), self.hold_until].into_iter().flatten().min()
    }
}
