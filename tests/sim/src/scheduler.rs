//! The scheduler: its queues, its arbiters and its orders, wired as in production.

use crate::client::{End, Try};
use crate::invariants;
use crate::link::Way;
use crate::message::{Action, Activation};
use crate::plan::Plan;
use crate::world::{Delivery, Who, World};
use engine::arbiter::{self, Arbiter, ArbiterConfig};
use engine::creation::{self, Creation, CreationConfig};
use engine::placement::InvokerState;
use engine::proxy;
use engine::queue::{self, Message as _, Queue, Refusal, RefusalReason};
use machine::{Instant, Machine as _};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use types::{
    ActivationId, Attempt, ContainerId, ContainerRef, CreationFailure, CreationId, EntityName, Epoch,
    FullyQualifiedName, InvokerId, QueueKey, Revision,
};

/// At one moment the machines of a scheduler have less than this for each other.
const MOST_WORK: usize = 50_000;

/// One scheduler, and what is to be done in it.
#[derive(Debug)]
pub(crate) struct Scheduler {
    pub(crate) up: bool,
    pub(crate) epoch: u64,
    pub(crate) queues: BTreeMap<usize, Slot>,
    pub(crate) arbiters: Vec<Arbiter<usize>>,
    pub(crate) orders: Creation<Arc<Action>>,
    pub(crate) keys: Vec<Arc<QueueKey>>,
    by_key: BTreeMap<Arc<QueueKey>, usize>,
    limits: Vec<Option<u32>>,
    config: queue::QueueConfig,
    queues_made: u32,
    work: VecDeque<Work>,
}

/// One queue.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) queue: Queue<Activation>,
    pub(crate) serial: u32,
    /// The place in the order of acceptance of the last activation that was dispatched for the first time.
    pub(crate) last_first: u64,
}

/// What one machine of the scheduler has for another one, carried out in order.
#[derive(Debug)]
enum Work {
    ToQueue(usize, queue::Event<Activation>),
    FromQueue(usize, u32, queue::Command<Activation>),
    ToArbiter(usize, arbiter::Event<usize>),
    FromArbiter(arbiter::Command<usize>),
    ToOrders(creation::Event<Arc<Action>>),
    FromOrders(creation::Command<Arc<Action>>),
}

/// From a scheduler to an invoker.
#[derive(Clone, Debug)]
pub(crate) enum ToInvoker {
    Dispatch { container: ContainerId, attempt: Attempt, message: Activation, epoch: Epoch },
    Recall { container: ContainerId, activation: ActivationId, attempt: Attempt },
    Create { creation: CreationId, action: Arc<Action>, epoch: Epoch, insists: bool },
    Remove { container: ContainerId },
    Rest { container: ContainerId },
    RemoveOutdated { action: usize, up_to: Revision },
}

/// From an invoker to a scheduler.
#[derive(Clone, Debug)]
pub(crate) enum FromInvoker {
    Report { action: usize, revision: Revision, container: ContainerId, report: proxy::Report },
    Refused { creation: CreationId, failure: CreationFailure },
    Announce { free: u64, unused: u64, up: bool, orders: u64 },
}

impl Scheduler {
    pub(crate) fn new(plan: &Plan) -> Scheduler {
        let key = |(number, action): (usize, &crate::plan::ActionPlan)| {
            let path = format!("provider/action{number}");
            let action_name = FullyQualifiedName::parse(&path).expect("a name");
            let namespace = EntityName::new(&format!("ns{}", action.namespace)).expect("a name");
            Arc::new(QueueKey { namespace, action: action_name })
        };
        let keys: Vec<Arc<QueueKey>> = plan.actions.iter().enumerate().map(key).collect();
        let by_key = keys.iter().cloned().enumerate().map(|(number, key)| (key, number)).collect();
        Scheduler {
            up: false,
            epoch: 0,
            queues: BTreeMap::new(),
            arbiters: Vec::new(),
            orders: Creation::new(CreationConfig::default()),
            keys,
            by_key,
            limits: plan.namespaces.clone(),
            config: plan.queue.clone(),
            queues_made: 0,
            work: VecDeque::new(),
        }
    }

    /// Begins anew, as the next owner of all queues.
    pub(crate) fn start(&mut self) {
        self.up = true;
        self.epoch += 1;
        let arbiter = |limit: &Option<u32>| Arbiter::new(ArbiterConfig::default(), *limit);
        self.arbiters = self.limits.iter().map(arbiter).collect();
        self.orders = Creation::new(CreationConfig::default());
    }

    fn stop(&mut self) {
        self.up = false;
        self.queues.clear();
        self.work.clear();
    }

    pub(crate) fn action_of(&self, key: &Arc<QueueKey>) -> usize {
        self.by_key[key]
    }
}

impl World {
    /// Hands an activation to its queue, as a scheduler's shell does.
    pub(crate) fn submit(&mut self, message: Activation) -> Result<(), Refusal> {
        let number = message.action().number;
        loop {
            let made = &mut self.scheduler.queues_made;
            let config = &self.scheduler.config;
            let slot = self.scheduler.queues.entry(number).or_insert_with(|| {
                *made += 1;
                Slot { queue: Queue::new(config.clone(), *made), serial: *made, last_first: 0 }
            });
            let serial = slot.serial;
            let mut out = Vec::new();
            let answer = slot.queue.submit(self.now, message.clone(), &mut out);
            self.queue_said(number, serial, out);
            match answer {
                Err(refusal) if refusal.reason == RefusalReason::Retired => {
                    self.scheduler.queues.remove(&number);
                }
                answer => return answer,
            }
        }
    }

    fn queue_said(&mut self, action: usize, serial: u32, out: Vec<queue::Command<Activation>>) {
        self.scheduler.work.extend(out.into_iter().map(|command| Work::FromQueue(action, serial, command)));
        let deadline = self.scheduler.queues.get(&action).and_then(|slot| slot.queue.next_deadline());
        self.arm(Who::Queue { action, serial }, deadline);
    }

    fn orders_said(&mut self, out: Vec<creation::Command<Arc<Action>>>) {
        self.scheduler.work.extend(out.into_iter().map(Work::FromOrders));
        let (epoch, deadline) = (self.scheduler.epoch, self.scheduler.orders.next_deadline());
        self.arm(Who::Orders { epoch }, deadline);
    }

    pub(crate) fn tick_queue(&mut self, action: usize, serial: u32) {
        let mut out = Vec::new();
        match self.scheduler.queues.get_mut(&action) {
            Some(slot) if slot.serial == serial => slot.queue.tick(self.now, &mut out),
            _ => return,
        }
        self.queue_said(action, serial, out);
    }

    pub(crate) fn tick_orders(&mut self, epoch: u64) {
        if self.scheduler.up && self.scheduler.epoch == epoch {
            let mut out = Vec::new();
            self.scheduler.orders.tick(self.now, &mut out);
            self.orders_said(out);
        }
    }

    /// Carries out what the scheduler's machines have for each other.
    pub(crate) fn carry_on(&mut self) {
        let mut done = 0;
        while let Some(work) = self.scheduler.work.pop_front() {
            done += 1;
            if done > MOST_WORK {
                return self
                    .violate("progress", || format!("the scheduler's machines go on for ever: {work:?}"));
            }
            self.trace(|_| format!("  {work:?}"));
            match work {
                Work::ToQueue(action, event) => {
                    let mut out = Vec::new();
                    let Some(slot) = self.scheduler.queues.get_mut(&action) else { continue };
                    slot.queue.handle(self.now, event, &mut out);
                    let serial = slot.serial;
                    self.queue_said(action, serial, out);
                }
                Work::FromQueue(action, serial, command) => self.obey_queue(action, serial, command),
                Work::ToArbiter(namespace, event) => {
                    let mut out = Vec::new();
                    self.scheduler.arbiters[namespace].handle(self.now, event, &mut out);
                    self.scheduler.work.extend(out.into_iter().map(Work::FromArbiter));
                }
                Work::FromArbiter(arbiter::Command::Answer { queue, answer }) => {
                    self.tell_queue(queue, queue::Event::Tokens(answer));
                }
                Work::FromArbiter(arbiter::Command::Reclaim { queue, count, idle_only }) => {
                    self.tell_queue(queue, queue::Event::Reclaim { count, idle_only });
                }
                Work::ToOrders(event) => {
                    let mut out = Vec::new();
                    self.scheduler.orders.handle(self.now, event, &mut out);
                    self.orders_said(out);
                }
                Work::FromOrders(command) => self.obey_orders(command),
            }
        }
    }

    fn tell_queue(&mut self, action: usize, event: queue::Event<Activation>) {
        self.scheduler.work.push_back(Work::ToQueue(action, event));
    }

    fn tell_orders(&mut self, event: creation::Event<Arc<Action>>) {
        self.scheduler.work.push_back(Work::ToOrders(event));
    }

    fn tell_arbiter(&mut self, action: usize, event: arbiter::Event<usize>) {
        let namespace = self.plan.actions[action].namespace;
        self.scheduler.work.push_back(Work::ToArbiter(namespace, event));
    }

    fn obey_queue(&mut self, action: usize, serial: u32, command: queue::Command<Activation>) {
        use queue::Command;
        match command {
            Command::Dispatch { container, attempt, message } => {
                self.dispatch(action, container, attempt, message);
            }
            Command::Recall { container, activation, attempt } => {
                let recall = ToInvoker::Recall { container: container.container, activation, attempt };
                self.send_to_invoker(place(container), recall);
            }
            Command::Insist { creation } => self.tell_orders(creation::Event::Insist { creation }),
            Command::Withdraw { creation } => self.tell_orders(creation::Event::Withdraw { creation }),
            Command::Create(request) => {
                let queue = self.scheduler.keys[action].clone();
                self.tell_orders(creation::Event::Order { queue, request, resources: Vec::new() });
            }
            Command::Remove { container } => self.send_remove(container),
            Command::Rest { container } => {
                let rest = ToInvoker::Rest { container: container.container };
                self.send_to_invoker(place(container), rest);
            }
            Command::RemoveOutdated { up_to } => {
                for invoker in 0..self.invokers.len() {
                    self.send_to_invoker(invoker, ToInvoker::RemoveOutdated { action, up_to });
                }
            }
            Command::Drop { message, reason } => {
                self.ack(message.id(), End::Dropped(format!("{reason:?}")));
            }
            Command::Lost { message, .. } => self.ack(message.id(), End::Lost),
            Command::HandOver { message } | Command::Refuse { message, .. } => {
                self.violate("scheduler", || format!("{} was handed over or refused late", message.id()));
            }
            Command::Request(request) => {
                self.tell_arbiter(action, arbiter::Event::Request { queue: action, request });
            }
            Command::Release { count } => {
                self.tell_arbiter(action, arbiter::Event::Release { queue: action, count });
            }
            Command::Retire => {
                if self.scheduler.queues.get(&action).is_some_and(|slot| slot.serial == serial) {
                    self.scheduler.queues.remove(&action);
                }
                self.tell_arbiter(action, arbiter::Event::Left { queue: action });
                let queue = self.scheduler.keys[action].clone();
                self.tell_orders(creation::Event::Cancel { queue });
            }
        }
    }

    fn dispatch(&mut self, action: usize, container: ContainerRef, attempt: Attempt, message: Activation) {
        let (id, invoker) = (message.id(), place(container));
        invariants::one_run::at_dispatch(self, id);
        invariants::fifo::at_dispatch(self, action, id, attempt);
        let link = &self.invokers[invoker].link;
        self.oracle.known_mut(id).attempts.push(Try {
            attempt,
            invoker,
            container: container.container,
            reported: false,
            started: false,
            heard: false,
            settled: false,
            lost: !link.up,
        });
        let (container, epoch) = (container.container, Epoch(self.scheduler.epoch));
        self.send_to_invoker(invoker, ToInvoker::Dispatch { container, attempt, message, epoch });
    }

    fn send_remove(&mut self, container: ContainerRef) {
        let remove = ToInvoker::Remove { container: container.container };
        self.send_to_invoker(place(container), remove);
    }

    fn ack(&mut self, id: ActivationId, ended: End) {
        let delay = self.delay();
        self.after(delay, Delivery::Ack { id, ended });
    }

    fn obey_orders(&mut self, command: creation::Command<Arc<Action>>) {
        use creation::Command;
        match command {
            Command::Send { invoker, creation, action, insists, .. } => {
                let epoch = Epoch(self.scheduler.epoch);
                let create = ToInvoker::Create { creation, action, epoch, insists };
                self.send_to_invoker(invoker.0 as usize, create);
            }
            Command::Created { queue, creation, container, revision, slots, took } => {
                let event = queue::Event::Created { creation, container, revision, slots, took };
                self.tell_queue(self.scheduler.action_of(&queue), event);
            }
            Command::Failed { queue, creation, failure } => {
                let event = queue::Event::CreationFailed { creation, failure };
                self.tell_queue(self.scheduler.action_of(&queue), event);
            }
            Command::Remove { container } => self.send_remove(container),
        }
    }

    /// What an invoker says, handed on as a scheduler's shell does.
    pub(crate) fn hear_invoker(&mut self, invoker: usize, what: FromInvoker) {
        let id = InvokerId(invoker as u32);
        match what {
            FromInvoker::Announce { free, unused, up, orders } => {
                let memory = self.plan.invokers[invoker].memory;
                let (tags, dedicated) = (Vec::new(), Vec::new());
                let state = InvokerState { id, up, memory, free, unused, orders, tags, dedicated };
                self.tell_orders(creation::Event::Invoker(state));
            }
            FromInvoker::Refused { creation, failure } => {
                self.tell_orders(creation::Event::Failed { creation, invoker: id, failure });
            }
            FromInvoker::Report { action, revision, container, report } => {
                let container = ContainerRef { invoker: id, container };
                self.hear_report(action, revision, container, report);
            }
        }
    }

    fn hear_report(
        &mut self,
        action: usize,
        revision: Revision,
        container: ContainerRef,
        report: proxy::Report,
    ) {
        use proxy::Report;
        use queue::Event;
        let queue = self.scheduler.keys[action].clone();
        let event = match report {
            Report::Created { creation, revision, slots, took } => {
                let created = creation::Event::Created { creation, queue, container, revision, slots, took };
                return self.tell_orders(created);
            }
            Report::CreationFailed { creation, failure } => {
                let invoker = container.invoker;
                return self.tell_orders(creation::Event::Failed { creation, invoker, failure });
            }
            Report::Started { activation, attempt } => {
                self.hear_of(activation, |this| this.attempt == attempt, |this| this.heard = true);
                Event::Started { container, activation, attempt }
            }
            Report::Finished { activation, init, run, healthy } => {
                let place = (place(container), container.container);
                let here = |this: &Try| (this.invoker, this.container) == place;
                self.hear_of(activation, here, |this| this.settled = true);
                Event::Finished { container, activation, init, run, healthy }
            }
            Report::Nack { activation, attempt, reason } => {
                self.hear_of(activation, |this| this.attempt == attempt, |this| this.settled = true);
                Event::Nack { container, activation, attempt, reason }
            }
            Report::Idle { paused } => {
                if paused {
                    self.tell_orders(creation::Event::Paused { queue, revision, container });
                }
                Event::Idle { container, paused }
            }
            Report::Gone => {
                self.tell_orders(creation::Event::Gone { container });
                Event::Gone { container }
            }
        };
        self.tell_queue(action, event);
    }

    /// Writes down for the oracle what the scheduler has heard of an attempt.
    fn hear_of(&mut self, id: ActivationId, which: impl Fn(&Try) -> bool, what: impl Fn(&mut Try)) {
        self.oracle.known_mut(id).attempts.iter_mut().filter(|this| which(this)).for_each(what);
    }

    pub(crate) fn deleted(&mut self, action: usize, revision: Revision) {
        if self.scheduler.up {
            self.tell_queue(action, queue::Event::Deleted { revision });
        }
    }

    pub(crate) fn set_limit(&mut self, namespace: usize, limit: Option<u32>) {
        self.scheduler.limits[namespace] = limit;
        self.limits_changed[namespace] = self.now;
        if self.scheduler.up {
            self.scheduler.work.push_back(Work::ToArbiter(namespace, arbiter::Event::Limit { limit }));
        }
    }

    /// The scheduler hears that an invoker can start nothing any more of what it was given.
    pub(crate) fn invoker_lost(&mut self, invoker: usize, epoch: u64) {
        if !self.scheduler.up || self.scheduler.epoch != epoch {
            return;
        }
        let invoker = InvokerId(invoker as u32);
        for action in self.scheduler.queues.keys().copied().collect::<Vec<_>>() {
            self.tell_queue(action, queue::Event::InvokerLost { invoker });
        }
        self.tell_orders(creation::Event::InvokerLost { invoker });
    }

    pub(crate) fn crash_scheduler(&mut self) {
        if !self.scheduler.up {
            return;
        }
        self.scheduler.stop();
        for invoker in 0..self.invokers.len() {
            self.lose_link(invoker, false);
            let incarnation = self.invokers[invoker].incarnation;
            let heard = self.rng.millis(1, 1_000);
            self.after(heard, Delivery::SchedulerLost { invoker, incarnation });
        }
        // What waited there was in its memory only.
        for known in self.oracle.all_mut() {
            known.excused |= known.accepted.is_some() && known.records.is_empty();
        }
        let back = self.rng.millis(1_500, 6_000);
        self.after(back, Delivery::RestartScheduler);
    }

    /// Cuts a link. What was on its way is lost, and what it was about is excused; so is what an invoker that dies has
    /// run and made no record of, whether or not the scheduler has heard of its end.
    pub(crate) fn lose_link(&mut self, invoker: usize, dies: bool) {
        self.invokers[invoker].link.cut();
        for known in self.oracle.all_mut() {
            let unrecorded = dies && known.records.is_empty();
            let here = |this: &&mut Try| this.invoker == invoker && (unrecorded || !this.settled);
            for this in known.attempts.iter_mut().filter(here) {
                this.lost = true;
                known.excused = true;
            }
        }
    }

    /// When the last message that is on its way to the scheduler will have arrived.
    pub(crate) fn flushed(&mut self, invoker: usize) -> Instant {
        let now = self.now;
        self.invokers[invoker].link.arrival(Way::ToScheduler, now, std::time::Duration::ZERO)
    }
}

fn place(container: ContainerRef) -> usize {
    container.invoker.0 as usize
}
