//! Getting containers, and giving them back.

use super::decide::{Decision, Rules, Snapshot, Standing, decide, surplus};
use super::fleet::Slot;
use super::{Command, DropReason, Message, Phase, Queue, Refusal, RefusalReason};
use crate::arbiter::{Answer, DenialReason, NamespaceView, TokenRequest};
use crate::creation::StartFailure;
use machine::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use types::{ContainerRef, CreationId, InvokerId, Revision};

/// Containers on order, and the tokens for them.
#[derive(Debug)]
pub(super) struct Supply {
    number: u32,
    next_order: u32,
    pub(super) orders: BTreeMap<CreationId, Order>,
    /// Those of them that were asked back.
    pub(super) withdrawn: BTreeSet<CreationId>,
    /// Orders for the live revision.
    pub(super) orders_live: u32,
    /// Tokens that were asked for and not granted yet.
    asked: u32,
    /// Tokens that the arbiter wants back; those of containers that are leaving count as on their way.
    debt: u32,
    /// Whether it wants them only of containers for which nothing waits.
    idle_only: bool,
    namespace: NamespaceView,
    /// Paused containers of the live revision, which an order wakes.
    pub(super) paused: BTreeSet<ContainerRef>,
    pub(super) initialised: bool,
    /// Since when the namespace has had nothing to give.
    starved_since: Option<Instant>,
    /// Until when the namespace is known to have a limit of zero.
    no_capacity_until: Option<Instant>,
    /// Until when OpenWhisk's rules hold the namespace throttled; each decision renews it.
    throttled_until: Option<Instant>,
    /// Whether a decision waits for a fresh view of the namespace.
    observing: bool,
    check_at: Option<Instant>,
    ask_at: Option<Instant>,
}

/// A container on order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) revision: Revision,
    pub(super) since: Instant,
    /// When to insist on it, if nothing serves the queue then.
    pub(super) insist_at: Instant,
}

impl Supply {
    pub(super) fn new(number: u32) -> Supply {
        Supply {
            number,
            next_order: 0,
            orders: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
            orders_live: 0,
            asked: 0,
            debt: 0,
            idle_only: false,
            namespace: NamespaceView::default(),
            paused: BTreeSet::new(),
            initialised: false,
            starved_since: None,
            no_capacity_until: None,
            throttled_until: None,
            observing: false,
            check_at: None,
            ask_at: None,
        }
    }

    pub(super) fn creating(&self) -> usize {
        self.orders.len()
    }

    #[cfg(test)]
    pub(super) fn orders(&self) -> impl Iterator<Item = CreationId> {
        self.orders.keys().copied()
    }

    pub(super) const fn creating_live(&self) -> u32 {
        self.orders_live
    }

    /// Whether containers are on their way that nothing may be waiting for any more.
    pub(super) fn is_expecting(&self) -> bool {
        self.asked > 0 || self.orders.len() > self.withdrawn.len()
    }

    pub(super) const fn is_starved(&self) -> bool {
        self.starved_since.is_some()
    }

    pub(super) const fn deadlines(&self) -> [Option<Instant>; 2] {
        [self.check_at, self.ask_at]
    }

    pub(super) fn paused(&mut self, container: ContainerRef) {
        self.paused.insert(container);
    }

    pub(super) fn forget_paused(&mut self, container: ContainerRef) {
        self.paused.remove(&container);
    }

    pub(super) fn forget_paused_of(&mut self, invoker: InvokerId) {
        self.paused.retain(|container| container.invoker != invoker);
    }

    /// Orders and paused containers of older revisions are of no use any more.
    pub(super) fn new_revision(&mut self) {
        self.orders_live = 0;
        self.paused.clear();
        self.initialised = false;
    }

    pub(super) fn next_creation(&mut self) -> CreationId {
        let id = CreationId((u64::from(self.number) << 32) | u64::from(self.next_order));
        self.next_order = self.next_order.wrapping_add(1);
        id
    }
}

impl<M: Message> Queue<M> {
    /// Whether the queue takes an activation that has to wait.
    pub(super) fn check_room(&self, now: Instant) -> Result<(), Refusal> {
        let refuse = |reason, until| Err(Refusal { reason, until });
        let later = now + self.config.refusal_expiry;
        if let Some(until) = self.supply.no_capacity_until.filter(|until| now < *until) {
            return refuse(RefusalReason::NoCapacity, until);
        }
        if self.backlog.is_full() {
            return refuse(RefusalReason::QueueFull, later);
        }
        if self.has_supply() {
            return Ok(());
        }
        let grace = self.config.starvation_grace;
        if self.supply.starved_since.is_some_and(|since| now >= since + grace) {
            return refuse(RefusalReason::NamespaceThrottled, later);
        }
        if let Some(until) = self.supply.throttled_until.filter(|until| now < *until) {
            return refuse(RefusalReason::NamespaceThrottled, until);
        }
        match (self.breaker.failure(now), self.breaker.closed_until()) {
            (Some(StartFailure::NoInvokers), Some(until)) => refuse(RefusalReason::NoInvokers, until),
            _ => Ok(()),
        }
    }

    /// Drops what waits when no container is there, none is coming, and none can be had.
    pub(super) fn give_up(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        if self.has_supply() || self.backlog.is_empty() || !self.breaker.gives_up(&self.config.breaker) {
            return;
        }
        if let Some(failure) = self.breaker.failure(now).cloned() {
            self.drop_all(&DropReason::NoContainer(failure), out);
        }
    }

    /// Decides whether to add containers.
    pub(super) fn plan(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        let is_over = matches!(self.phase, Phase::Disowned | Phase::Retired)
            || self.live.as_ref().is_none_or(|live| live.deleted);
        self.withdraw_surplus(out);
        if self.backlog.is_empty() || is_over {
            self.want_nothing(out);
            return;
        }
        // What waits although a container is free waits for the width of the queue.
        if self.fleet.best().is_some() {
            self.want_nothing(out);
            self.supply.check_at = Some(now + self.check_interval());
            return;
        }
        if !self.breaker.is_open(now) {
            self.supply.check_at = self.breaker.closed_until();
            return;
        }
        match &self.config.rules {
            Rules::Predictive(rules) => {
                self.supply.check_at = Some(now + rules.check_interval);
                self.insist(now, out);
                self.decide_now(now, out);
            }
            Rules::Upstream(rules) => {
                if self.supply.check_at.is_some_and(|at| now < at) {
                    return;
                }
                self.supply.check_at = Some(now + rules.check_interval);
                // The decision is made when the answer shows how the namespace stands.
                self.supply.observing = true;
                self.request(out);
            }
        }
    }

    fn want_nothing(&mut self, out: &mut Vec<Command<M>>) {
        self.supply.check_at = None;
        self.supply.ask_at = None;
        self.supply.starved_since = None;
        self.supply.observing = false;
        if self.supply.asked > 0 {
            self.supply.asked = 0;
            self.request(out);
        }
    }

    fn decide_now(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        let snapshot = self.snapshot(now);
        let wanted = match decide(&snapshot, &self.config.rules) {
            Decision::Skip => 0,
            Decision::Add(more) => more,
            Decision::Unthrottle => {
                self.supply.throttled_until = None;
                0
            }
            Decision::Throttle { drop, add } => {
                self.supply.throttled_until = Some(now + self.check_interval() * 2);
                if drop {
                    let whisk_error = self.config.throttled_is_whisk_error;
                    self.drop_all(&DropReason::Throttled { whisk_error }, out);
                }
                add
            }
            Decision::Pause => {
                self.supply.no_capacity_until = Some(now + self.config.refusal_expiry);
                self.drop_all(&DropReason::NoCapacity, out);
                0
            }
        };
        self.ask(wanted, out);
    }

    fn check_interval(&self) -> Duration {
        match &self.config.rules {
            Rules::Predictive(rules) => rules.check_interval,
            Rules::Upstream(rules) => rules.check_interval,
        }
    }

    fn snapshot(&mut self, now: Instant) -> Snapshot {
        let stale = match &self.config.rules {
            Rules::Predictive(_) => 0,
            Rules::Upstream(rules) => {
                // Stale is what has waited for longer than the threshold, so what came before that instant.
                let threshold = rules.stale_threshold.as_nanos() as u64;
                now.as_nanos()
                    .checked_sub(threshold)
                    .map_or(0, |at| self.backlog.before(Instant::from_nanos(at)))
            }
        };
        let facts = self.live.as_ref().map(|live| live.facts);
        let (ordered_for, oldest_order) = self.order_ages(now);
        let moved = self.demand.last_run();
        Snapshot {
            standing: self.standing(now),
            initialised: self.supply.initialised,
            waiting: count(self.backlog.len()),
            stale: count(stale),
            stalled: self.backlog.front().map_or(Duration::ZERO, |first| now - moved.max(first.since)),
            blocking: self.backlog.any_blocking(),
            in_flight: self.fleet.in_flight(),
            existing: self.fleet.serving(),
            creating: self.supply.orders_live,
            ordered_for,
            oldest_order,
            namespace_used: self.supply.namespace.used,
            namespace_limit: self.supply.namespace.limit,
            action_limit: facts.and_then(|facts| facts.instances),
            concurrency: facts.map_or(1, |facts| facts.concurrency),
            duration: self.demand.duration(),
            running_for: self.demand.running_for(now),
            arrivals: self.demand.arrivals(now),
            start: self.demand.start(),
            resume: self.demand.resume(),
            paused: count(self.supply.paused.len()),
            ramp: self.breaker.ramp(),
        }
    }

    /// For how long containers of the live revision have been on order: all together, and the first of them.
    fn order_ages(&self, now: Instant) -> (Duration, Duration) {
        if self.supply.orders_live == 0 {
            return (Duration::ZERO, Duration::ZERO);
        }
        let live = self.live.as_ref().map(|live| live.revision);
        let ages = self.supply.orders.values().filter(|order| Some(order.revision) == live);
        ages.fold((Duration::ZERO, Duration::ZERO), |(sum, longest), order| {
            let age = now - order.since;
            (sum + age, longest.max(age))
        })
    }

    /// A full queue counts as running: upstream's rules add no container to one that is throttled, which then never
    /// empties.
    fn standing(&self, now: Instant) -> Standing {
        if self.phase == Phase::Draining {
            Standing::Removing
        } else if self.supply.throttled_until.is_some_and(|until| now < until) {
            Standing::NamespaceThrottled
        } else if !self.has_supply() && self.breaker.has_failed() {
            Standing::Flushing
        } else {
            Standing::Running
        }
    }

    /// Tells the arbiter what is wanted, unless it has been told much the same already.
    fn ask(&mut self, wanted: u32, out: &mut Vec<Command<M>>) {
        let asked = self.supply.asked;
        let is_news = if wanted > asked { wanted / 2 >= asked } else { wanted <= asked / 2 };
        if wanted != asked && is_news {
            self.supply.asked = wanted;
            self.request(out);
        }
    }

    fn request(&self, out: &mut Vec<Command<M>>) {
        let Some(live) = &self.live else { return };
        out.push(Command::Request(TokenRequest {
            want: self.supply.asked,
            instances: live.facts.instances,
            caused: self.backlog.any_caused(),
            revision: live.revision,
        }));
    }

    pub(super) fn ask_again_if_due(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        if self.supply.ask_at.is_some_and(|at| at <= now) {
            self.supply.ask_at = None;
            self.request(out);
        }
    }

    pub(super) fn tokens_answered(&mut self, now: Instant, answer: Answer, out: &mut Vec<Command<M>>) {
        self.supply.namespace = answer.namespace;
        self.supply.asked = self.supply.asked.saturating_sub(answer.granted);
        self.supply.ask_at = answer.denied.map(|denial| denial.until);
        self.order(now, answer.granted, out);
        match answer.denied.map(|denial| denial.reason) {
            Some(DenialReason::Exhausted) if !self.has_supply() => {
                self.supply.starved_since.get_or_insert(now);
            }
            Some(DenialReason::ZeroLimit) => {
                self.supply.no_capacity_until = self.supply.ask_at;
                self.supply.asked = 0;
                self.drop_all(&DropReason::NoCapacity, out);
            }
            Some(DenialReason::Exhausted | DenialReason::InstancesReached) | None => {
                self.supply.starved_since = None;
            }
        }
        if std::mem::take(&mut self.supply.observing) {
            self.decide_now(now, out);
        }
        self.settle(now, out);
    }

    /// Gives tokens back. They count towards what the arbiter wants back, whatever freed them.
    pub(super) fn release(&mut self, count: u32, out: &mut Vec<Command<M>>) {
        self.supply.debt = self.supply.debt.saturating_sub(count);
        out.push(Command::Release { count });
    }

    pub(super) fn reclaim(&mut self, now: Instant, count: u32, idle_only: bool, out: &mut Vec<Command<M>>) {
        let missing = count.saturating_sub(self.fleet.leaving());
        let idle: Vec<Slot> = self.fleet.idle().map(|(slot, _)| slot).take(missing as usize).collect();
        for slot in idle {
            self.rest(now, slot, out);
        }
        self.supply.debt = count;
        self.supply.idle_only = idle_only;
        self.settle(now, out);
    }

    /// A container that has just ended its last activation pays what the arbiter wants back.
    pub(super) fn repay_with(&mut self, now: Instant, slot: Slot, out: &mut Vec<Command<M>>) {
        let is_owed = self.supply.debt > 0 && self.supply.debt > self.fleet.leaving();
        let may_pay = !self.supply.idle_only || self.backlog.is_empty();
        if is_owed && may_pay && self.fleet.is_serving(slot) && self.fleet.is_idle(slot) {
            self.rest(now, slot, out);
        }
    }

    fn rest(&mut self, now: Instant, slot: Slot, out: &mut Vec<Command<M>>) {
        self.let_go(now, slot);
        out.push(Command::Rest { container: self.fleet.reference(slot) });
    }

    /// Looks for containers that are not needed, some time after the last one became free.
    pub(super) fn watch_surplus(&mut self, now: Instant) {
        if self.fleet.with_room() > 1 && self.surplus_at.is_none() {
            self.surplus_at = Some(now + self.config.surplus_after);
        }
    }

    pub(super) fn rest_surplus_if_due(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        if self.surplus_at.is_none_or(|at| at > now) {
            return;
        }
        self.surplus_at = None;
        let snapshot = self.snapshot(now);
        let surplus = surplus(&snapshot, &self.config.rules) as usize;
        let unused = |used: Instant| now - used >= self.config.surplus_after;
        let idle: Vec<Slot> =
            self.fleet.idle().filter(|(_, used)| unused(*used)).map(|(slot, _)| slot).take(surplus).collect();
        for slot in idle {
            self.rest(now, slot, out);
        }
        self.watch_surplus(now);
    }
}

/// A number of things as it is counted here; more than four thousand million do not fit into memory.
pub(super) fn count(things: usize) -> u32 {
    u32::try_from(things).unwrap_or(u32::MAX)
}
