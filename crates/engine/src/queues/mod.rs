//! Who leads a queue: one scheduler, from the moment its key was created, and that moment is the *epoch*.
//!
//! Whatever is said about a queue carries an epoch. A smaller one than is known here is stale and refused; a greater
//! one means that the queue here has lost its ownership. A key that vanishes is created again at once, and until
//! somebody else's is seen the queue goes on: losing a lease for a moment must not stop it, and its old epoch protects
//! everybody from what it says if it was replaced meanwhile.
//!
//! This module must not route activations: who is not the owner is told who is, and never forwards twice.

mod command;
mod event;

pub use command::Command;
pub use event::Event;

use machine::{Instant, Machine, Timers};
use std::collections::BTreeMap;
use std::time::Duration;
use types::{Epoch, SchedulerId};

/// The times of claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuesConfig {
    /// The wait before a failed claim is tried again; it doubles with each one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// For how long a first claim is tried. A claim for a queue that we had owned is tried until it is answered.
    pub claim_for: Duration,
}

impl Default for QueuesConfig {
    fn default() -> QueuesConfig {
        QueuesConfig {
            first_wait: Duration::from_millis(50),
            longest_wait: Duration::from_secs(1),
            claim_for: Duration::from_secs(8),
        }
    }
}

/// What an epoch that somebody mentions says about a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the one under which we own the queue.
    Current,
    /// A newer one is known here.
    Stale,
    /// We own the queue under an older one: somebody else has replaced us.
    Newer,
    /// We do not own the queue.
    Unknown,
}

/// A scheduler's claims. `K` names a queue.
#[derive(Debug)]
pub struct Queues<K> {
    config: QueuesConfig,
    claims: BTreeMap<K, Claim>,
    /// When to try claims again.
    timers: Timers<K>,
    draining: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    /// Since when we own it; none as long as it was never ours.
    epoch: Option<Epoch>,
    /// The claim that is under way, if there is one.
    pending: Option<Pending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    since: Instant,
    tries: u32,
}

impl<K: Ord + Clone> Queues<K> {
    /// No claims.
    #[must_use]
    pub const fn new(config: QueuesConfig) -> Queues<K> {
        Queues { config, claims: BTreeMap::new(), timers: Timers::new(), draining: false }
    }

    /// Under which epoch we own a queue.
    #[must_use]
    pub fn epoch(&self, queue: &K) -> Option<Epoch> {
        self.claims.get(queue).and_then(|claim| claim.epoch)
    }

    /// What an epoch that somebody mentions says about a queue. The answer decides whether he is listened to.
    #[must_use]
    pub fn check(&self, queue: &K, epoch: Epoch) -> Standing {
        match self.epoch(queue) {
            None => Standing::Unknown,
            Some(ours) if epoch == ours => Standing::Current,
            Some(ours) if epoch < ours => Standing::Stale,
            Some(_) => Standing::Newer,
        }
    }

    fn wanted(&mut self, now: Instant, queue: K, out: &mut Vec<Command<K>>) {
        if self.claims.contains_key(&queue) {
            // It is ours, or whoever wants it hears of the claim that is under way.
            return;
        }
        if self.draining {
            out.push(Command::Refuse { queue });
            return;
        }
        let pending = Some(Pending { since: now, tries: 0 });
        self.claims.insert(queue.clone(), Claim { epoch: None, pending });
        out.push(Command::Claim { queue });
    }

    fn claimed(&mut self, queue: K, epoch: Epoch, out: &mut Vec<Command<K>>) {
        let Some(claim) = self.claims.get_mut(&queue) else {
            // Nobody wants it any more.
            out.push(Command::Release { queue, epoch });
            return;
        };
        claim.pending = None;
        self.timers.clear(&queue);
        if claim.epoch.is_none_or(|ours| ours < epoch) {
            claim.epoch = Some(epoch);
            out.push(Command::Open { queue, epoch });
        }
    }

    fn taken(&mut self, queue: K, owner: SchedulerId, epoch: Epoch, out: &mut Vec<Command<K>>) {
        let Some(claim) = self.claims.get(&queue) else { return };
        // An older owner's key may still be on its way through a watch.
        if claim.epoch.is_some_and(|ours| epoch < ours) {
            return;
        }
        if claim.epoch.is_some() {
            out.push(Command::Disown { queue: queue.clone() });
        }
        self.claims.remove(&queue);
        self.timers.clear(&queue);
        out.push(Command::Redirect { queue, owner, epoch });
    }

    fn claim_failed(&mut self, now: Instant, queue: K, out: &mut Vec<Command<K>>) {
        let Some(claim) = self.claims.get_mut(&queue) else { return };
        let Some(pending) = &mut claim.pending else { return };
        let wait = self.config.first_wait.saturating_mul(1 << pending.tries.min(16));
        pending.tries += 1;
        let next = now + wait.min(self.config.longest_wait);
        if claim.epoch.is_none() && next > pending.since + self.config.claim_for {
            self.claims.remove(&queue);
            out.push(Command::Refuse { queue });
        } else {
            self.timers.set(queue, next);
        }
    }

    fn vanished(&mut self, now: Instant, queue: K, epoch: Epoch, out: &mut Vec<Command<K>>) {
        let Some(claim) = self.claims.get_mut(&queue) else { return };
        if claim.epoch == Some(epoch) && claim.pending.is_none() {
            claim.pending = Some(Pending { since: now, tries: 0 });
            out.push(Command::Claim { queue });
        }
    }

    fn retired(&mut self, queue: K, out: &mut Vec<Command<K>>) {
        self.timers.clear(&queue);
        let claim = self.claims.remove(&queue);
        if let Some(epoch) = claim.and_then(|claim| claim.epoch) {
            out.push(Command::Release { queue, epoch });
        }
    }

    /// Claims that nobody has an answer to yet are given up; queues end by themselves.
    fn drain(&mut self, out: &mut Vec<Command<K>>) {
        self.draining = true;
        let never_ours = self.claims.iter().filter(|(_, claim)| claim.epoch.is_none());
        for queue in never_ours.map(|(queue, _)| queue.clone()).collect::<Vec<_>>() {
            self.claims.remove(&queue);
            self.timers.clear(&queue);
            out.push(Command::Refuse { queue });
        }
    }
}

impl<K: Ord + Clone> Machine for Queues<K> {
    type Event = Event<K>;
    type Command = Command<K>;

    fn handle(&mut self, now: Instant, event: Event<K>, out: &mut Vec<Command<K>>) {
        self.tick(now, out);
        match event {
            Event::Wanted { queue } => self.wanted(now, queue, out),
            Event::Claimed { queue, epoch } => self.claimed(queue, epoch, out),
            Event::Taken { queue, owner, epoch } => self.taken(queue, owner, epoch, out),
            Event::ClaimFailed { queue } => self.claim_failed(now, queue, out),
            Event::Vanished { queue, epoch } => self.vanished(now, queue, epoch, out),
            Event::Retired { queue } => self.retired(queue, out),
            Event::Drain => self.drain(out),
        }
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Command<K>>) {
        while let Some(queue) = self.timers.pop_due(now) {
            out.push(Command::Claim { queue });
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}

#[cfg(test)]
mod tests;
