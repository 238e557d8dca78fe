//! Upstream's older load balancer: activations are pushed at invokers, each to the one that a hash of its action names or
//! the next one with room (scheduler D1), and invokers that fail get none (D2).
//!
//! For comparison with the pull scheduler, and for those who want it. It must not know containers: what it believes of an
//! invoker's memory is what it has sent there and not heard the end of.

mod command;
mod event;
pub mod hash;
mod health;
mod memory;

pub use command::Command;
pub use event::{Event, Verdict};
pub use health::{Health, SILENCE, TEST_EVERY};
pub use memory::Need;

use health::Supervised;
use machine::{Instant, Machine};
use memory::Memory;
use std::collections::BTreeMap;
use types::{ActivationId, InvokerId};

/// How invokers are shared out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Which part of the invokers, the first ones, runs actions of the platform's runtimes; from 0 to 1.
    pub managed_fraction: f64,
    /// Which part, the last ones, runs actions with images of their own; at least what the others leave.
    pub blackbox_fraction: f64,
    /// How many controllers share the invokers' memory.
    pub controllers: u32,
    /// The least memory that an action can have, in MB: a controller's share of an invoker is never less.
    pub least_memory: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config { managed_fraction: 0.9, blackbox_fraction: 0.1, controllers: 1, least_memory: 128 }
    }
}

/// An invoker at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub id: InvokerId,
    /// Its memory for containers, in MB.
    pub memory: u64,
    /// Whether it gets work before it has shown that it works.
    pub trusted: bool,
}

/// What is to be placed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The activation.
    pub activation: ActivationId,
    /// What it needs; the action's name is what is hashed.
    pub need: Need,
    /// Whether it runs in an image of its own.
    pub blackbox: bool,
    /// A random number, by which one invoker is taken where none has room.
    pub random: u64,
}

/// Where an activation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// There.
    pub invoker: InvokerId,
    /// Whether no invoker had room, so that it will wait there.
    pub overload: bool,
}

/// The invokers of one controller, and what it has placed there.
#[derive(Clone, Debug)]
pub struct Balance {
    config: Config,
    invokers: Vec<Invoker>,
    managed: Group,
    blackbox: Group,
    /// What has been placed and not ended. As many as the controller has open.
    placed: BTreeMap<ActivationId, Placed>,
    overloads: u64,
}

#[derive(Clone, Debug)]
struct Invoker {
    id: InvokerId,
    supervised: Supervised,
    /// This controller's share of its memory, in MB.
    share: u64,
    memory: Memory,
}

/// Invokers next to each other.
#[derive(Clone, Debug)]
struct Group {
    first: usize,
    count: usize,
    steps: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Placed {
    /// Its place among the invokers.
    at: usize,
    /// `None`: a test action, which takes no memory.
    need: Option<Need>,
}

impl Balance {
    /// Nothing is placed yet. The invokers are in the order of their ids.
    #[must_use]
    pub fn new(config: Config, members: &[Member], now: Instant) -> Balance {
        let invokers: Vec<Invoker> =
            members.iter().map(|member| Invoker::new(&config, member, now)).collect();
        let (managed, blackbox) = groups(&config, invokers.len());
        Balance { config, invokers, managed, blackbox, placed: BTreeMap::new(), overloads: 0 }
    }

    /// Finds an invoker for an activation and notes it as placed there. `None`: no invoker of its group is healthy.
    pub fn choose(&mut self, request: Request) -> Option<Choice> {
        let Request { activation, need, blackbox, random } = request;
        let group = if blackbox { &self.blackbox } else { &self.managed };
        if group.count == 0 {
            return None;
        }
        let key = &need.action;
        let hash = hash::action_hash(&key.namespace, &key.action);
        let step = group.steps[hash::place(hash, group.steps.len())];
        let mut at = hash::place(hash, group.count);
        // Upstream looks at the first two once more before it gives up.
        for _ in 0..group.count + 2 {
            let invoker = &mut self.invokers[group.first + at];
            if invoker.is_usable() && invoker.memory.try_acquire(&need) {
                return Some(self.place(activation, group.first + at, need, false));
            }
            at = (at + step) % group.count;
        }
        let healthy: Vec<usize> =
            (group.first..group.first + group.count).filter(|at| self.invokers[*at].is_usable()).collect();
        let picked = random.checked_rem(healthy.len() as u64)?;
        let at = healthy[usize::try_from(picked).unwrap_or_default()];
        self.overloads += 1;
        self.invokers[at].memory.acquire(&need);
        Some(self.place(activation, at, need, true))
    }

    /// Where an activation was placed.
    #[must_use]
    pub fn invoker_of(&self, activation: ActivationId) -> Option<InvokerId> {
        self.placed.get(&activation).map(|placed| self.invokers[placed.at].id)
    }

    /// How every invoker is.
    pub fn health(&self) -> impl Iterator<Item = (InvokerId, Health)> {
        self.invokers.iter().map(|invoker| (invoker.id, invoker.supervised.health()))
    }

    /// What this controller believes is free of an invoker's memory, in MB; below nothing where it is overloaded.
    #[must_use]
    pub fn free(&self, id: InvokerId) -> Option<i64> {
        self.invokers.iter().find(|invoker| invoker.id == id).map(|invoker| invoker.memory.free())
    }

    /// How often no invoker had room.
    #[must_use]
    pub const fn overloads(&self) -> u64 {
        self.overloads
    }

    fn place(&mut self, activation: ActivationId, at: usize, need: Need, overload: bool) -> Choice {
        self.placed.insert(activation, Placed { at, need: Some(need) });
        Choice { invoker: self.invokers[at].id, overload }
    }

    fn ping(&mut self, now: Instant, id: InvokerId, enabled: bool, memory: u64) {
        let Some(invoker) = self.invokers.iter_mut().find(|invoker| invoker.id == id) else { return };
        let share = share(&self.config, memory);
        invoker.memory.resize(invoker.share, share);
        invoker.share = share;
        invoker.supervised.ping(now, enabled);
    }

    fn ended(
        &mut self,
        now: Instant,
        activation: ActivationId,
        verdict: Option<Verdict>,
        out: &mut Vec<Command>,
    ) {
        let Some(Placed { at, need }) = self.placed.remove(&activation) else { return };
        let invoker = &mut self.invokers[at];
        if let Some(need) = need {
            invoker.memory.release(&need);
        }
        if let Some(verdict) = verdict
            && invoker.supervised.verdict(now, verdict)
        {
            out.push(Command::Test { invoker: invoker.id });
        }
    }
}

impl Invoker {
    fn new(config: &Config, member: &Member, now: Instant) -> Invoker {
        let share = share(config, member.memory);
        let supervised = if member.trusted { Supervised::trusted(now) } else { Supervised::unproven(now) };
        Invoker { id: member.id, supervised, share, memory: Memory::new(share) }
    }

    fn is_usable(&self) -> bool {
        self.supervised.health().is_usable()
    }
}

/// One controller's share of an invoker's memory.
fn share(config: &Config, memory: u64) -> u64 {
    (memory / u64::from(config.controllers.max(1))).max(config.least_memory)
}

/// The first invokers run managed actions, the last ones those with images; both groups have one at least, so that few
/// invokers are in both.
fn groups(config: &Config, count: usize) -> (Group, Group) {
    if count == 0 {
        let none = Group { first: 0, count: 0, steps: Vec::new() };
        return (none.clone(), none);
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "there are few invokers, and a part of them is between none and all"
    )]
    let part =
        |fraction: f64, round: fn(f64) -> f64| (round(count as f64 * fraction) as usize).clamp(1, count);
    let managed_fraction = config.managed_fraction.clamp(0.0, 1.0);
    let blackbox_fraction = config.blackbox_fraction.min(1.0).max(1.0 - managed_fraction);
    let managed = part(managed_fraction, f64::ceil);
    let blackbox = part(blackbox_fraction, f64::floor);
    let group = |first, count| Group { first, count, steps: hash::step_sizes(count) };
    (group(0, managed), group(count - blackbox, blackbox))
}

impl Machine for Balance {
    type Event = Event;
    type Command = Command;

    fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Ping { invoker, enabled, memory } => self.ping(now, invoker, enabled, memory),
            Event::Ended { activation, verdict } => self.ended(now, activation, verdict, out),
            Event::Testing { invoker, activation } => {
                if let Some(at) = self.invokers.iter().position(|one| one.id == invoker) {
                    self.placed.insert(activation, Placed { at, need: None });
                }
            }
        }
        self.tick(now, out);
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Command>) {
        for invoker in &mut self.invokers {
            if invoker.supervised.tick(now) {
                out.push(Command::Test { invoker: invoker.id });
            }
            if let Some(health) = invoker.supervised.take_change() {
                out.push(Command::Changed { invoker: invoker.id, health });
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.invokers.iter().filter_map(|invoker| invoker.supervised.next_deadline()).min()
    }
}

#[cfg(test)]
mod tests;
