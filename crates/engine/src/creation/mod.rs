//! A scheduler's orders for containers: each is placed, sent, placed anew when it fails, and given up at its deadline.
//!
//! Every order ends in exactly one `Created` or `Failed`. A container that comes of an order that has ended otherwise
//! is removed.
//!
//! This module must not decide how many containers an action needs (`queue`), nor how many it may have (`arbiter`).

mod command;
mod event;
mod failure;

pub use command::Command;
pub use event::Event;
pub use failure::StartFailure;

use crate::placement::{NoPlace, PlacementConfig, Request, View, place};
use crate::queue::CreateRequest;
use machine::{Instant, Machine, Timers};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use types::{ContainerRef, CreationFailure, CreationId, InvokerId, QueueKey, Revision};

/// An invoker that has had an order for less than this when its time is over is not what has failed: the order has waited
/// for something else.
const LEAST_TIME: Duration = Duration::from_secs(2);

/// The times of orders; upstream's values where it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct CreationConfig {
    /// How long an order is tried.
    pub deadline: Duration,
    /// By which factor longer where an image of the developer's may have to be pulled.
    pub blackbox_factor: u32,
    /// The wait before the second try; it doubles with each one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// How long an order is kept when no invoker might run it at all.
    pub no_invokers_after: Duration,
    /// How long an invoker that has failed is avoided, where there are others.
    pub avoid_for: Duration,
    /// Where containers may go.
    pub placement: PlacementConfig,
}

impl Default for CreationConfig {
    fn default() -> CreationConfig {
        CreationConfig {
            deadline: Duration::from_secs(20),
            blackbox_factor: 15,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_millis(1600),
            no_invokers_after: Duration::from_secs(3),
            avoid_for: Duration::from_secs(5),
            placement: PlacementConfig::default(),
        }
    }
}

/// The open orders of a scheduler. `A` is what is needed to run an action.
#[derive(Debug)]
pub struct Creation<A> {
    config: CreationConfig,
    view: View,
    orders: BTreeMap<CreationId, Order<A>>,
    timers: Timers<CreationId>,
    /// Paused containers by what they can serve. An order that is sent to one takes it out.
    paused: BTreeMap<(Arc<QueueKey>, Revision), BTreeSet<ContainerRef>>,
    whose: BTreeMap<ContainerRef, (Arc<QueueKey>, Revision)>,
    /// Until when an invoker that has failed is avoided.
    avoided: BTreeMap<InvokerId, Instant>,
}

#[derive(Debug)]
struct Order<A> {
    queue: Arc<QueueKey>,
    request: CreateRequest<A>,
    resources: Vec<String>,
    since: Instant,
    deadline: Instant,
    /// How often it was put off.
    tries: u32,
    place: Place,
    /// What was said about it last.
    failure: Option<StartFailure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Not placed: it waits for room or for its next try.
    Waiting,
    /// Sent to an invoker, which is to make room for it if it `insists`.
    Sent { invoker: InvokerId, since: Instant, insists: bool },
}

impl<A: Clone + fmt::Debug> Creation<A> {
    /// No orders and no invokers.
    #[must_use]
    pub const fn new(config: CreationConfig) -> Creation<A> {
        Creation {
            config,
            view: View::new(),
            orders: BTreeMap::new(),
            timers: Timers::new(),
            paused: BTreeMap::new(),
            whose: BTreeMap::new(),
            avoided: BTreeMap::new(),
        }
    }

    /// How many orders are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.orders.len()
    }

    fn order(
        &mut self,
        now: Instant,
        queue: Arc<QueueKey>,
        request: CreateRequest<A>,
        resources: Vec<String>,
        out: &mut Vec<Command<A>>,
    ) {
        let factor = if request.facts.blackbox { self.config.blackbox_factor } else { 1 };
        let creation = request.creation;
        let order = Order {
            queue,
            request,
            resources,
            since: now,
            deadline: now + self.config.deadline * factor,
            tries: 0,
            place: Place::Waiting,
            failure: None,
        };
        self.orders.insert(creation, order);
        self.attempt(now, creation, false, out);
    }

    /// Places and sends an order, or puts it off. `insists`: it goes to an invoker without room, if none has any.
    fn attempt(&mut self, now: Instant, creation: CreationId, insists: bool, out: &mut Vec<Command<A>>) {
        self.avoided.retain(|_, until| *until > now);
        let Some(order) = self.orders.get_mut(&creation) else { return };
        let key = (order.queue.clone(), order.request.revision);
        let paused = self.paused.get(&key);
        let warm: Vec<InvokerId> = paused.into_iter().flatten().map(|container| container.invoker).collect();
        let avoid: Vec<InvokerId> = self.avoided.keys().copied().collect();
        let request = Request {
            namespace: &order.queue.namespace,
            affinity: affinity(&order.queue),
            memory: order.request.facts.memory,
            blackbox: order.request.facts.blackbox,
            resources: &order.resources,
            insists,
            warm: &warm,
            avoid: &avoid,
        };
        match place(&self.view, &request, &self.config.placement) {
            Ok(invoker) => self.send(now, creation, invoker, insists, out),
            Err(NoPlace::NoInvokers) => self.put_off(now, creation, StartFailure::NoInvokers, out),
            Err(NoPlace::NoRoom) => {
                self.put_off(now, creation, StartFailure::Reported(CreationFailure::NoResources), out);
            }
        }
    }

    fn send(
        &mut self,
        now: Instant,
        creation: CreationId,
        invoker: InvokerId,
        insists: bool,
        out: &mut Vec<Command<A>>,
    ) {
        let Some(order) = self.orders.get(&creation) else { return };
        let key = (order.queue.clone(), order.request.revision);
        let memory = order.request.facts.memory;
        let paused =
            self.paused.get(&key).and_then(|all| all.iter().find(|paused| paused.invoker == invoker));
        let warm = paused.copied();
        if let Some(container) = warm {
            self.forget_paused(container);
        }
        self.view.send(invoker, if warm.is_some() { 0 } else { memory });
        let Some(order) = self.orders.get_mut(&creation) else { return };
        order.place = Place::Sent { invoker, since: now, insists };
        self.timers.set(creation, order.deadline);
        out.push(Command::Send {
            invoker,
            creation,
            queue: order.queue.clone(),
            action: order.request.action.clone(),
            deadline: order.deadline,
            insists,
        });
    }

    /// Tries again later, or gives up.
    fn put_off(
        &mut self,
        now: Instant,
        creation: CreationId,
        failure: StartFailure,
        out: &mut Vec<Command<A>>,
    ) {
        let Some(order) = self.orders.get_mut(&creation) else { return };
        let wait = self.config.first_wait.saturating_mul(1 << order.tries.min(16));
        let end = match failure {
            StartFailure::NoInvokers => order.deadline.min(order.since + self.config.no_invokers_after),
            StartFailure::Timeout | StartFailure::Withdrawn | StartFailure::Reported(_) => order.deadline,
        };
        if !failure.is_retryable() || now >= end {
            self.fail(creation, failure, out);
            return;
        }
        order.place = Place::Waiting;
        order.tries += 1;
        order.failure = Some(failure);
        self.timers.set(creation, (now + wait.min(self.config.longest_wait)).min(end));
    }

    fn fail(&mut self, creation: CreationId, failure: StartFailure, out: &mut Vec<Command<A>>) {
        if let Some(order) = self.close(creation) {
            out.push(Command::Failed { queue: order.queue, creation, failure });
        }
    }

    /// Removes an order.
    fn close(&mut self, creation: CreationId) -> Option<Order<A>> {
        self.timers.clear(&creation);
        self.unplace(creation);
        self.orders.remove(&creation)
    }

    fn unplace(&mut self, creation: CreationId) {
        let Some(order) = self.orders.get_mut(&creation) else { return };
        if let Place::Sent { invoker, .. } = std::mem::replace(&mut order.place, Place::Waiting) {
            self.view.settle(invoker);
        }
    }

    fn is_at(&self, creation: CreationId, at: InvokerId) -> bool {
        let place = self.orders.get(&creation).map(|order| order.place);
        matches!(place, Some(Place::Sent { invoker, .. }) if invoker == at)
    }

    fn failed(
        &mut self,
        now: Instant,
        creation: CreationId,
        invoker: InvokerId,
        failure: CreationFailure,
        out: &mut Vec<Command<A>>,
    ) {
        // What an invoker says that the order was taken from is of no interest any more.
        if !self.is_at(creation, invoker) {
            return;
        }
        self.unplace(creation);
        if failure.is_retryable() {
            self.avoided.insert(invoker, now + self.config.avoid_for);
        }
        self.put_off(now, creation, StartFailure::Reported(failure), out);
    }

    fn forget_paused(&mut self, container: ContainerRef) {
        let Some(key) = self.whose.remove(&container) else { return };
        if let Some(all) = self.paused.get_mut(&key) {
            all.remove(&container);
            if all.is_empty() {
                self.paused.remove(&key);
            }
        }
    }

    /// New room: whoever waits for some tries again at once, in the order of the orders.
    fn invoker_has_changed(&mut self, now: Instant, out: &mut Vec<Command<A>>) {
        let starved = |order: &Order<A>| {
            order.place == Place::Waiting
                && matches!(
                    order.failure,
                    Some(StartFailure::NoInvokers | StartFailure::Reported(CreationFailure::NoResources))
                )
        };
        let waiting: Vec<CreationId> =
            self.orders.iter().filter(|(_, order)| starved(order)).map(|(creation, _)| *creation).collect();
        for creation in waiting {
            self.attempt_quietly(now, creation, false, out);
        }
    }

    fn insist(&mut self, now: Instant, creation: CreationId, out: &mut Vec<Command<A>>) {
        if self.orders.get(&creation).is_some_and(|order| order.place == Place::Waiting) {
            self.attempt_quietly(now, creation, true, out);
        }
    }

    /// Tries a waiting order out of turn; if there is still no place, it keeps its time.
    fn attempt_quietly(
        &mut self,
        now: Instant,
        creation: CreationId,
        insists: bool,
        out: &mut Vec<Command<A>>,
    ) {
        let at = self.timers.get(&creation);
        let tries = self.orders.get(&creation).map_or(0, |order| order.tries);
        self.attempt(now, creation, insists, out);
        if let (Some(at), Some(order)) = (at, self.orders.get_mut(&creation))
            && order.place == Place::Waiting
        {
            order.tries = tries;
            self.timers.set(creation, at);
        }
    }

    fn invoker_lost(&mut self, now: Instant, lost: InvokerId, out: &mut Vec<Command<A>>) {
        self.view.remove(lost);
        let paused: Vec<ContainerRef> =
            self.whose.keys().filter(|container| container.invoker == lost).copied().collect();
        for container in paused {
            self.forget_paused(container);
        }
        let there: Vec<CreationId> =
            self.orders.keys().filter(|creation| self.is_at(**creation, lost)).copied().collect();
        for creation in there {
            self.unplace(creation);
            self.attempt(now, creation, false, out);
        }
    }

    fn cancel(&mut self, queue: &QueueKey) {
        let of_queue: Vec<CreationId> = self
            .orders
            .iter()
            .filter(|(_, order)| *order.queue == *queue)
            .map(|(creation, _)| *creation)
            .collect();
        for creation in of_queue {
            self.close(creation);
        }
    }
}

impl<A: Clone + fmt::Debug> Machine for Creation<A> {
    type Event = Event<A>;
    type Command = Command<A>;

    fn handle(&mut self, now: Instant, event: Event<A>, out: &mut Vec<Command<A>>) {
        self.tick(now, out);
        match event {
            Event::Order { queue, request, resources } => self.order(now, queue, request, resources, out),
            Event::Withdraw { creation } => {
                if self.orders.get(&creation).is_some_and(|order| order.place == Place::Waiting) {
                    self.fail(creation, StartFailure::Withdrawn, out);
                }
            }
            Event::Insist { creation } => self.insist(now, creation, out),
            Event::Cancel { queue } => self.cancel(&queue),
            Event::Created { creation, queue, container, revision, slots, took } => {
                self.forget_paused(container);
                if self.is_at(creation, container.invoker) {
                    self.close(creation);
                    out.push(Command::Created { queue, creation, container, revision, slots, took });
                } else {
                    out.push(Command::Remove { container });
                }
            }
            Event::Failed { creation, invoker, failure } => self.failed(now, creation, invoker, failure, out),
            Event::Paused { queue, revision, container } => {
                self.forget_paused(container);
                let key = (queue, revision);
                self.paused.entry(key.clone()).or_default().insert(container);
                self.whose.insert(container, key);
                self.invoker_has_changed(now, out);
            }
            Event::Gone { container } => {
                self.forget_paused(container);
                self.invoker_has_changed(now, out);
            }
            Event::Invoker(state) => {
                self.view.update(state);
                self.invoker_has_changed(now, out);
            }
            Event::InvokerLost { invoker } => self.invoker_lost(now, invoker, out),
        }
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Command<A>>) {
        while let Some(creation) = self.timers.pop_due(now) {
            let Some(order) = self.orders.get(&creation) else { continue };
            if now < order.deadline {
                self.attempt(now, creation, false, out);
                continue;
            }
            let is_late = match order.place {
                Place::Waiting => false,
                // What runs where room is made for it may take as long as it likes.
                Place::Sent { since, insists, .. } => !insists && now - since >= LEAST_TIME,
            };
            // A failure that was heard says more than that time has passed.
            let failure = order.failure.clone().filter(|_| !is_late);
            self.fail(creation, failure.unwrap_or(StartFailure::Timeout), out);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}

/// A number for a queue that is the same everywhere and always (FNV-1a of its name).
fn affinity(queue: &QueueKey) -> u64 {
    let bytes = queue.namespace.as_str().bytes().chain([0]).chain(queue.action.path.as_str().bytes());
    bytes
        .chain([0])
        .chain(queue.action.name.as_str().bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
