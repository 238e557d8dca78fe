//! Completion callbacks: which one is tried when, and when to give up.
//!
//! A callback is promised before its activation is accepted, and forgotten when it is settled. In between it waits for the
//! end of the activation, is tried, and after failures tried again. One owner cannot take all the room.

mod command;
mod event;

pub use command::{Command, Verdict};
pub use event::{Event, Outcome};

use machine::{Instant, Machine, Timers};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use types::ActivationId;

/// How callbacks are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many may be promised at a time. At that many, requests with one more are refused.
    pub pending: usize,
    /// How many of those may be one owner's.
    pub pending_each: usize,
    /// How many are sent at a time; further ones wait.
    pub in_flight: usize,
    /// How many of those may be one owner's.
    pub in_flight_each: usize,
    /// How often one is sent at the most.
    pub tries: u32,
    /// For how long after its first failure one is sent again.
    pub age: Duration,
    /// How often a record is looked for whose end was not told.
    pub look: Duration,
    /// For how long an activation may take to end.
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            pending: 10_000,
            pending_each: 1_000,
            in_flight: 64,
            in_flight_each: 16,
            tries: 48,
            age: Duration::from_secs(6 * 3600),
            look: Duration::from_secs(60),
            patience: Duration::from_secs(24 * 3600),
        }
    }
}

/// There is no room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// For anybody.
    All,
    /// For this owner.
    Owner,
}

/// The callbacks of one controller.
#[derive(Debug)]
pub struct Callbacks {
    config: Config,
    entries: BTreeMap<ActivationId, Entry>,
    /// How many each owner has, in all and in flight.
    owners: BTreeMap<Arc<str>, Share>,
    /// Those that could be tried at once, in the order in which they came to it.
    ready: VecDeque<ActivationId>,
    /// When the others are to be tried, or looked for.
    timers: Timers<ActivationId>,
    in_flight: usize,
}

#[derive(Debug)]
struct Entry {
    owner: Arc<str>,
    since: Instant,
    /// Whether its end was told.
    ended: bool,
    in_flight: bool,
    failures: u32,
    first_failure: Option<Instant>,
}

#[derive(Debug, Default)]
struct Share {
    pending: usize,
    in_flight: usize,
}

impl Callbacks {
    /// None yet.
    #[must_use]
    pub const fn new(config: Config) -> Callbacks {
        Callbacks {
            config,
            entries: BTreeMap::new(),
            owners: BTreeMap::new(),
            ready: VecDeque::new(),
            timers: Timers::new(),
            in_flight: 0,
        }
    }

    /// Takes on one whose activation is about to be accepted.
    ///
    /// # Errors
    /// When there is no room; nothing happens then.
    pub fn promise(&mut self, now: Instant, id: ActivationId, owner: &Arc<str>) -> Result<(), Full> {
        if self.entries.len() >= self.config.pending {
            return Err(Full::All);
        }
        if self.owners.get(owner).is_some_and(|share| share.pending >= self.config.pending_each) {
            return Err(Full::Owner);
        }
        self.add(now, id, owner);
        self.timers.set(id, now + self.config.look);
        Ok(())
    }

    /// Takes on one that an earlier process had promised; whether its activation has ended is looked for at once.
    pub fn resume(&mut self, now: Instant, id: ActivationId, owner: &Arc<str>, out: &mut Vec<Command>) {
        self.add(now, id, owner);
        self.ready.push_back(id);
        self.try_more(out);
    }

    /// How many are promised and not settled.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.entries.len()
    }

    fn add(&mut self, now: Instant, id: ActivationId, owner: &Arc<str>) {
        let owner = owner.clone();
        self.owners.entry(owner.clone()).or_default().pending += 1;
        let (ended, in_flight, failures, first_failure) = (false, false, 0, None);
        self.entries.insert(id, Entry { owner, since: now, ended, in_flight, failures, first_failure });
    }

    fn ended(&mut self, id: ActivationId) {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| !entry.ended) else { return };
        entry.ended = true;
        // One that is being looked for is tried again if the look came too early.
        if self.timers.clear(&id) {
            self.ready.push_back(id);
        }
    }

    fn tried(&mut self, now: Instant, id: ActivationId, outcome: Outcome, out: &mut Vec<Command>) {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.in_flight) else { return };
        entry.in_flight = false;
        self.in_flight -= 1;
        if let Some(share) = self.owners.get_mut(&entry.owner) {
            share.in_flight -= 1;
        }
        let config = &self.config;
        match outcome {
            Outcome::NotEnded if entry.ended => {
                // The end was told while nothing was there to be read; the next look finds it, or it is kept nowhere.
                entry.ended = false;
                self.ready.push_back(id);
            }
            Outcome::NotEnded if now.since(entry.since) < config.patience => {
                self.timers.set(id, now + config.look);
            }
            Outcome::NotEnded => self.settle(id, Verdict::Withdrawn, 0, out),
            Outcome::Taken => self.settle(id, Verdict::Delivered, 1, out),
            Outcome::Gone => self.settle(id, Verdict::Gone, 1, out),
            Outcome::Failed { wait } => {
                entry.failures += 1;
                let first = *entry.first_failure.get_or_insert(now);
                let over = (now + wait).since(first) > config.age;
                if entry.failures >= config.tries || over {
                    self.settle(id, Verdict::GivenUp, 0, out);
                } else {
                    self.timers.set(id, now + wait);
                }
            }
        }
    }

    /// Forgets one; `sent`: how often it was sent beside the tries that failed.
    fn settle(&mut self, id: ActivationId, verdict: Verdict, sent: u32, out: &mut Vec<Command>) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.timers.clear(&id);
        if let Some(share) = self.owners.get_mut(&entry.owner) {
            share.pending -= 1;
            if entry.in_flight {
                share.in_flight -= 1;
                self.in_flight -= 1;
            }
            if share.pending == 0 {
                self.owners.remove(&entry.owner);
            }
        }
        out.push(Command::Settle { id, verdict, tries: entry.failures + sent });
    }

    /// Tries those that are ready, as far as there is room; one whose owner has no room lets others pass.
    fn try_more(&mut self, out: &mut Vec<Command>) {
        let mut at = 0;
        while self.in_flight < self.config.in_flight && at < self.ready.len() {
            let id = self.ready[at];
            let Some(entry) = self.entries.get_mut(&id).filter(|entry| !entry.in_flight) else {
                self.ready.remove(at);
                continue;
            };
            let share = self.owners.entry(entry.owner.clone()).or_default();
            if share.in_flight >= self.config.in_flight_each {
                at += 1;
                continue;
            }
            share.in_flight += 1;
            entry.in_flight = true;
            self.in_flight += 1;
            self.ready.remove(at);
            out.push(Command::Try { id, failures: entry.failures });
        }
    }
}

impl Machine for Callbacks {
    type Event = Event;
    type Command = Command;

    fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Withdrawn { id } => self.settle(id, Verdict::Withdrawn, 0, out),
            Event::Ended { id } => self.ended(id),
            Event::Tried { id, outcome } => self.tried(now, id, outcome, out),
        }
        self.tick(now, out);
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Command>) {
        while let Some(id) = self.timers.pop_due(now) {
            self.ready.push_back(id);
        }
        self.try_more(out);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}

#[cfg(test)]
mod tests;
