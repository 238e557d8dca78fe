//! An invoker's containers: memory, the choice of a container for an order, stem cells, eviction.
//!
//! It hears of a container only when it changes hands or comes to rest, never for a single activation. It must not know
//! activations.

mod cells;
mod command;
mod config;
mod entry;
mod event;
mod room;
mod starting;
#[cfg(test)]
mod tests;
mod view;
mod waiting;

pub use command::Command;
pub use config::{Config, Reactive, StemCells, TtlError};
pub use event::Event;
pub use view::{Starts, View, ViewStage};

use crate::proxy::{Assignment, Note, Spec};
use cells::{Cells, MOST_EXPIRED};
use entry::{Entry, Rest, Stage, Tenant};
use machine::{Instant, Machine};
use starting::Starting;
use std::collections::BTreeMap;
use types::{ContainerId, CreationFailure, QueueKey, Revision, SchedulerId};
use waiting::Waiting;

/// The containers of one invoker.
#[derive(Clone, Debug)]
pub struct Pool {
    config: Config,
    next_container: u64,
    entries: BTreeMap<ContainerId, Entry>,
    /// The memory of all entries, in MB. Never more than the configuration allows.
    used: u64,
    /// Orders that wait to be begun. They fit into what is free and what is going.
    waiting: Waiting,
    starting: Starting,
    cells: Cells,
    /// How many orders each scheduler has given.
    orders: BTreeMap<SchedulerId, u64>,
    phase: Phase,
    starts: Starts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
    Drained,
}

impl Pool {
    /// A pool without containers.
    #[must_use]
    pub fn new(config: Config) -> Pool {
        let plans = config.stem_cells.clone();
        let starting = Starting::new(config.concurrent_starts);
        let cells = Cells::new(plans, config.stem_cell_delay, config.check_interval);
        Pool {
            next_container: config.first_container.0,
            config,
            entries: BTreeMap::new(),
            used: 0,
            waiting: Waiting::default(),
            starting,
            cells,
            orders: BTreeMap::new(),
            phase: Phase::Serving,
            starts: Starts::default(),
        }
    }

    /// How many containers there are, of whatever kind.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The memory of all containers, in MB.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// The memory that an order could have, in MB: what is free, what is going, and what may be evicted for it.
    #[must_use]
    pub fn free(&self) -> u64 {
        let evictable = |entry: &&Entry| entry.eviction_rank().is_some();
        self.in_sight() + self.entries.values().filter(evictable).map(|entry| entry.spec.memory).sum::<u64>()
    }

    /// What of [`Pool::free`] an order could have without anything being evicted for it, in MB.
    #[must_use]
    pub fn unused(&self) -> u64 {
        self.in_sight()
    }

    /// How many orders of that scheduler it has received; what it says about its memory is with those deducted.
    #[must_use]
    pub fn orders_of(&self, scheduler: SchedulerId) -> u64 {
        self.orders.get(&scheduler).copied().unwrap_or_default()
    }

    /// Whether it takes no more orders.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.phase != Phase::Serving
    }

    /// How many stem cells are ready.
    #[must_use]
    pub fn ready_stem_cells(&self) -> usize {
        self.entries.values().filter(|entry| matches!(entry.stage, Stage::Cell { ready: true, .. })).count()
    }

    /// Finds a container for an order (POOL-02), or refuses it.
    fn create(&mut self, now: Instant, order: Assignment, out: &mut Vec<Command>) {
        if self.phase != Phase::Serving {
            return refuse(order, CreationFailure::ShuttingDown, out);
        }
        if let Some(container) = self.warm(&order) {
            self.starts.warm += 1;
            return self.assign(now, container, order, out);
        }
        if let Some(container) = self.stem_cell(&order.spec) {
            self.starts.stem_cell += 1;
            self.assign(now, container, order, out);
            return self.cells.taken(now);
        }
        self.cells.missed(&order.spec);
        let memory = order.spec.memory;
        let has_room = self.make_room(memory, out) || order.insists && self.claim_room(now, memory, out);
        if !has_room {
            self.starts.refused += 1;
            return refuse(order, CreationFailure::NoResources, out);
        }
        self.starts.cold += 1;
        self.waiting.push(order);
    }

    /// A paused container of the same queue and exactly that revision (#5233): the one that was used last, so that the
    /// others can grow old.
    fn warm(&self, order: &Assignment) -> Option<ContainerId> {
        let parked = self.entries.iter().filter_map(|(container, entry)| match &entry.stage {
            Stage::Parked { tenant, since } if tenant.matches(order) => Some((*since, *container)),
            _ => None,
        });
        parked.max().map(|(_, container)| container)
    }

    /// A stem cell of the same kind and memory, one that is ready rather than one that is being made; with promotion
    /// else the smallest one that is bigger.
    fn stem_cell(&self, spec: &Spec) -> Option<ContainerId> {
        if spec.image.is_some() {
            return None;
        }
        let cells = self.entries.iter().filter_map(|(container, entry)| match entry.stage {
            Stage::Cell { ready, since } if entry.spec.kind == spec.kind => {
                let memory = entry.spec.memory;
                let fits = memory == spec.memory || (self.config.promotion && memory > spec.memory);
                fits.then_some((memory, !ready, since, *container))
            }
            _ => None,
        });
        cells.min().map(|(.., container)| container)
    }

    fn assign(
        &mut self,
        now: Instant,
        container: ContainerId,
        assignment: Assignment,
        out: &mut Vec<Command>,
    ) {
        if let Some(entry) = self.entries.get_mut(&container) {
            *entry = Entry::serving(entry.spec.clone(), &assignment, now);
            out.push(Command::Assign { container, assignment });
        }
    }

    /// Begins the orders whose memory is free now, as long as not too many are being started.
    fn start_waiting(&mut self, now: Instant, out: &mut Vec<Command>) {
        while !self.starting.is_full() {
            let Some(order) = self.waiting.pop(self.config.memory - self.used) else { return };
            let spec = order.spec.clone();
            let container = self.start(Entry::serving(spec, &order, now), Some(order), out);
            self.starting.begin(container, now);
        }
    }

    fn start(&mut self, entry: Entry, assignment: Option<Assignment>, out: &mut Vec<Command>) -> ContainerId {
        let container = ContainerId(self.next_container);
        self.next_container += 1;
        self.used += entry.spec.memory;
        assert!(self.used <= self.config.memory, "{} MB are in use, which is more than there are", self.used);
        out.push(Command::Start { container, spec: entry.spec.clone(), assignment });
        self.entries.insert(container, entry);
        container
    }

    fn note(&mut self, now: Instant, container: ContainerId, note: Note, out: &mut Vec<Command>) {
        // Made is not started: its code is loaded when its first activation comes.
        if note != Note::Created {
            self.starting.end(container);
        }
        // The order comes back even from a container that is gone already.
        if let Note::Returned(order) = note {
            if let Some(entry) = self.entries.get_mut(&container) {
                entry.stage = Stage::Leaving;
            }
            return self.create(now, *order, out);
        }
        let Some(entry) = self.entries.get_mut(&container) else { return };
        match note {
            Note::Created => {
                if let Stage::Cell { ready, since } = &mut entry.stage {
                    (*ready, *since) = (true, now);
                    self.cells.look_soon(now);
                }
            }
            Note::CreateFailed => {
                if matches!(entry.stage, Stage::Cell { .. }) {
                    self.cells.failed(now);
                }
                self.gone(now, container, out);
            }
            Note::Resting => {
                if let Stage::Serving { rest: rest @ Rest::Working, .. } = &mut entry.stage {
                    *rest = Rest::Resting(now);
                }
            }
            Note::Working => {
                if let Stage::Serving { rest, .. } = &mut entry.stage
                    && std::mem::replace(rest, Rest::Working) == Rest::Evicted
                {
                    self.make_room_again(out);
                }
            }
            Note::Parked => self.parked(now, container, out),
            Note::Expired => self.expired(container, out),
            Note::Initialised => entry.started(now),
            Note::Returned(_) => {}
            Note::Leaving => {
                if let Stage::Cell { .. } = std::mem::replace(&mut entry.stage, Stage::Leaving) {
                    self.cells.failed(now);
                }
            }
            Note::Gone => self.gone(now, container, out),
        }
    }

    fn parked(&mut self, now: Instant, container: ContainerId, out: &mut Vec<Command>) {
        let Some(entry) = self.entries.get_mut(&container) else { return };
        entry.stage = match std::mem::replace(&mut entry.stage, Stage::Leaving) {
            // The eviction reaches it in its pause.
            Stage::Serving { rest: Rest::Evicted, .. } => Stage::Leaving,
            Stage::Serving { tenant, .. } if self.phase == Phase::Serving => {
                Stage::Parked { tenant, since: now }
            }
            Stage::Serving { .. } => {
                out.push(Command::Remove { container });
                Stage::Leaving
            }
            stage => stage,
        };
    }

    /// Keeps a paused container past its time if its namespace has no more of them than it keeps. One decision after the
    /// other, so that containers of the same age do not all see the same count (E3-13).
    fn expired(&mut self, container: ContainerId, out: &mut Vec<Command>) {
        let Some(Entry { stage: Stage::Parked { tenant, .. }, .. }) = self.entries.get(&container) else {
            return;
        };
        let same = |entry: &&Entry| entry.tenant().is_some_and(|other| other.is_same(tenant));
        let count = self.entries.values().filter(same).count();
        let keep = tenant.keep;
        if count <= keep.count as usize && !keep.timeout.is_zero() {
            out.push(Command::Keep { container, time: keep.timeout });
        } else {
            self.remove(container, out);
        }
    }

    fn remove(&mut self, container: ContainerId, out: &mut Vec<Command>) {
        let Some(entry) = self.entries.get_mut(&container) else { return };
        entry.stage = match entry.stage {
            Stage::Serving { .. } | Stage::Closing => Stage::Closing,
            Stage::Cell { .. } | Stage::Parked { .. } | Stage::Leaving => Stage::Leaving,
        };
        out.push(Command::Remove { container });
    }

    fn gone(&mut self, now: Instant, container: ContainerId, out: &mut Vec<Command>) {
        if let Some(entry) = self.entries.remove(&container) {
            self.used -= entry.spec.memory;
        }
        self.cells.look_soon(now);
        self.finish_drain(out);
    }

    /// Removes the containers of a queue up to a revision: by comparing revisions, so that none of a newer one is hit,
    /// in whatever stage it is (E3-15).
    fn remove_outdated(&mut self, queue: &QueueKey, up_to: Revision, out: &mut Vec<Command>) {
        let outdated = |tenant: &Tenant| tenant.revision <= up_to && *tenant.queue == *queue;
        let hit = self.entries.iter().filter(|(_, entry)| entry.tenant().is_some_and(outdated));
        for container in hit.map(|(container, _)| *container).collect::<Vec<_>>() {
            self.remove(container, out);
        }
        let hit = self.waiting.take_all(|order| order.revision <= up_to && *order.queue == *queue);
        hit.into_iter().for_each(|order| refuse(order, CreationFailure::NoResources, out));
    }

    fn scheduler_lost(&mut self, scheduler: SchedulerId, out: &mut Vec<Command>) {
        self.orders.remove(&scheduler);
        self.waiting.take_all(|order| order.scheduler == scheduler);
        for (container, entry) in &self.entries {
            if let Stage::Serving { tenant, .. } = &entry.stage
                && tenant.scheduler == scheduler
            {
                out.push(Command::Detach { container: *container });
            }
        }
    }

    fn drain(&mut self, out: &mut Vec<Command>) {
        if self.phase != Phase::Serving {
            return;
        }
        self.phase = Phase::Draining;
        self.cells.close();
        let waiting = self.waiting.take_all(|_| true);
        waiting.into_iter().for_each(|order| refuse(order, CreationFailure::ShuttingDown, out));
        for container in self.entries.keys().copied().collect::<Vec<_>>() {
            self.remove(container, out);
        }
        self.finish_drain(out);
    }

    fn finish_drain(&mut self, out: &mut Vec<Command>) {
        if self.phase == Phase::Draining && self.entries.is_empty() {
            self.phase = Phase::Drained;
            out.push(Command::Drained);
        }
    }

    /// Begins one stem cell if one is missing, none is being made, and there is room without taking any from others.
    fn replenish(&mut self, now: Instant, out: &mut Vec<Command>) {
        if self.entries.values().any(|entry| matches!(entry.stage, Stage::Cell { ready: false, .. })) {
            return;
        }
        let free = self.config.memory - self.used;
        let room = free.saturating_sub(self.waiting.memory());
        let missing = self.cells.wants.iter().find(|want| {
            want.plan.memory <= room && self.cells_of(&want.plan).count() < want.target as usize
        });
        if let Some(spec) = missing.map(|want| want.plan.spec()) {
            self.start(Entry { spec, stage: Stage::Cell { ready: false, since: now } }, None, out);
        }
    }

    /// Removes stem cells that are too many and too old.
    fn expire_cells(&mut self, now: Instant, out: &mut Vec<Command>) {
        let mut expired = Vec::new();
        for want in &self.cells.wants {
            let Some(rule) = &want.plan.reactive else { continue };
            let surplus = self.cells_of(&want.plan).count().saturating_sub(want.target as usize);
            let old = self.cells_of(&want.plan).filter(|(_, since)| now - *since >= rule.ttl);
            expired.extend(old.take(surplus).map(|(container, _)| container));
        }
        expired.truncate(MOST_EXPIRED);
        expired.into_iter().for_each(|container| self.remove(container, out));
    }

    fn cells_of<'a>(&'a self, plan: &'a StemCells) -> impl Iterator<Item = (ContainerId, Instant)> + 'a {
        self.entries.iter().filter_map(|(container, entry)| match entry.stage {
            Stage::Cell { since, .. } if plan.fits(&entry.spec) => Some((*container, since)),
            _ => None,
        })
    }
}

fn refuse(order: Assignment, failure: CreationFailure, out: &mut Vec<Command>) {
    let Assignment { scheduler, queue, creation, .. } = order;
    out.push(Command::Refuse { scheduler, queue, creation, failure });
}

impl Machine for Pool {
    type Event = Event;
    type Command = Command;

    fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Create(order) => {
                *self.orders.entry(order.scheduler).or_default() += 1;
                self.create(now, order, out);
            }
            Event::RemoveOutdated { queue, up_to } => self.remove_outdated(&queue, up_to, out),
            Event::SchedulerLost(scheduler) => self.scheduler_lost(scheduler, out),
            Event::Note { container, note } => self.note(now, container, note, out),
            Event::Open => {
                self.phase = Phase::Serving;
                self.cells.open(now);
            }
            Event::Drain => self.drain(out),
        }
        self.tick(now, out);
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Command>) {
        self.starting.expire(now);
        self.start_waiting(now, out);
        if self.cells.is_check_due(now) {
            self.expire_cells(now, out);
        }
        if self.cells.is_due(now) {
            self.replenish(now, out);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let place = if self.waiting.is_empty() { None } else { self.starting.next_deadline() };
        place.into_iter().chain(self.cells.next_deadline()).min()
    }
}
