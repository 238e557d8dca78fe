//! The containers of one namespace, as tokens: a queue orders a container only with a token for it.
//!
//! - Never more tokens than the namespace's limit are granted.
//! - Part of them is a reserve: only the first container of an action may use it, and the last one of it only where an
//!   activation waits that another one caused. So an action that has taken all it could, and whose runs wait for
//!   another action, does not keep that one from running. What is taken of the reserve is asked back from those who
//!   have more than one container, so that the next action finds it full.
//! - Above the first container, tokens go to whoever is farthest below its fair share. An action may hold more than its
//!   share as long as nobody else wants it; then it is asked for the surplus, which it pays when runs end.
//!
//! This module must not know activations; it sees what queues say that they could use.

mod command;
mod event;
mod shares;

pub use command::{Answer, Command, Denial, DenialReason, NamespaceView};
pub use event::{Event, TokenRequest};

use machine::{Instant, Machine};
use shares::{Claim, fair_shares};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a namespace's tokens are shared.
#[derive(Clone, Debug, PartialEq)]
pub struct ArbiterConfig {
    /// Which part of the limit, rounded up, is for first containers only. A limit of one has no reserve.
    pub reserve: f64,
    /// When a queue that was denied asks again, should it hear nothing before.
    pub ask_again_after: Duration,
}

impl Default for ArbiterConfig {
    fn default() -> ArbiterConfig {
        ArbiterConfig { reserve: 0.1, ask_again_after: Duration::from_secs(1) }
    }
}

/// The tokens of one namespace. `Q` names a queue; what queues are granted at the same moment is in their order.
#[derive(Debug)]
pub struct Arbiter<Q> {
    config: ArbiterConfig,
    limit: Option<u32>,
    used: u32,
    queues: BTreeMap<Q, Share>,
    next_turn: u64,
}

#[derive(Debug)]
struct Share {
    held: u32,
    request: TokenRequest,
    weight: u32,
    /// When it began to want something, in the order of all.
    turn: u64,
    /// What it was asked to give back and has not given yet.
    reclaimed: Reclaimed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reclaimed {
    count: u32,
    idle_only: bool,
}

impl Share {
    /// How many tokens it could still use.
    fn wants(&self) -> u32 {
        let room = self.request.instances.map_or(u32::MAX, |most| most.saturating_sub(self.held));
        self.request.want.min(room)
    }
}

impl<Q: Ord + Clone> Arbiter<Q> {
    /// The tokens of a namespace with this limit; `None`: any number.
    #[must_use]
    pub fn new(config: ArbiterConfig, limit: Option<u32>) -> Arbiter<Q> {
        Arbiter { config, limit, used: 0, queues: BTreeMap::new(), next_turn: 0 }
    }

    /// How the namespace stands.
    #[must_use]
    pub const fn view(&self) -> NamespaceView {
        NamespaceView { limit: self.limit, used: self.used }
    }

    /// Whether no queue is known, so that nothing is lost with the arbiter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// How many tokens a queue holds.
    #[must_use]
    pub fn held(&self, queue: &Q) -> u32 {
        self.queues.get(queue).map_or(0, |share| share.held)
    }

    fn share(&mut self, queue: Q) -> &mut Share {
        let turn = self.next_turn;
        self.queues.entry(queue).or_insert_with(|| Share {
            held: 0,
            request: TokenRequest::default(),
            weight: 1,
            turn,
            reclaimed: Reclaimed::default(),
        })
    }

    fn request(&mut self, now: Instant, queue: Q, request: TokenRequest, out: &mut Vec<Command<Q>>) {
        self.next_turn += 1;
        let turn = self.next_turn;
        let share = self.share(queue.clone());
        if share.request.want == 0 {
            share.turn = turn;
        }
        share.request = request;
        self.distribute(now, Some(&queue), out);
    }

    /// Who still wants something after giving back goes to the end of the line.
    fn release(&mut self, queue: &Q, count: u32) {
        self.next_turn += 1;
        if let Some(share) = self.queues.get_mut(queue) {
            let count = count.min(share.held);
            share.held -= count;
            share.turn = self.next_turn;
            share.reclaimed.count = share.reclaimed.count.saturating_sub(count);
            self.used -= count;
        }
    }

    /// Grants what can be granted, and asks for what must come back. `asker` gets an answer in any case.
    fn distribute(&mut self, now: Instant, asker: Option<&Q>, out: &mut Vec<Command<Q>>) {
        let mut granted: BTreeMap<Q, u32> = BTreeMap::new();
        let Some(limit) = self.limit else {
            for (queue, share) in self.queues.iter_mut().filter(|(_, share)| share.wants() > 0) {
                granted.insert(queue.clone(), share.wants());
            }
            self.grant(now, &granted, asker, out);
            return;
        };
        let targets = self.targets(limit);
        self.grant_firsts(limit, &mut granted);
        self.grant_more(limit, &targets, &mut granted);
        self.grant(now, &granted, asker, out);
        let is_short = self.used > limit || self.queues.values().any(|share| share.wants() > 0);
        self.reclaim(is_short.then_some(&targets), out);
    }

    fn reserve(&self, limit: u32) -> u32 {
        if limit < 2 { 0 } else { ((f64::from(limit) * self.config.reserve).ceil() as u32).min(limit - 1) }
    }

    /// What each queue would hold if everything were fair.
    fn targets(&self, limit: u32) -> BTreeMap<Q, u32> {
        let mut order: Vec<(&Q, &Share)> = self.queues.iter().collect();
        // Who has a container comes before who has none, so nobody's last one is taken.
        order.sort_by_key(|(_, share)| match share.held {
            0 => (true, Reverse(share.request.caused), share.turn),
            _ => (false, Reverse(false), 0),
        });
        let claims: Vec<Claim> = order
            .iter()
            .map(|(_, share)| Claim { demand: share.held + share.wants(), weight: share.weight })
            .collect();
        let shares = fair_shares(limit, self.reserve(limit), &claims);
        order.into_iter().map(|(queue, _)| queue.clone()).zip(shares).collect()
    }

    /// First containers may use the reserve.
    fn grant_firsts(&mut self, limit: u32, granted: &mut BTreeMap<Q, u32>) {
        let last = u32::from(self.reserve(limit) > 1);
        let mut firsts: Vec<(bool, u64, Q)> = self
            .queues
            .iter()
            .filter(|(_, share)| share.held == 0 && share.wants() > 0)
            .map(|(queue, share)| (!share.request.caused, share.turn, queue.clone()))
            .collect();
        firsts.sort();
        for (by_itself, _, queue) in firsts {
            let kept = if by_itself { last } else { 0 };
            if self.free(limit, granted) > kept {
                granted.insert(queue, 1);
            }
        }
    }

    /// More than the first up to the fair share, whoever is farthest below it first.
    fn grant_more(&mut self, limit: u32, targets: &BTreeMap<Q, u32>, granted: &mut BTreeMap<Q, u32>) {
        let reserve = self.reserve(limit);
        let mut below: Vec<(Reverse<u32>, u64, Q)> = Vec::new();
        for (queue, share) in &self.queues {
            let has = share.held + granted.get(queue).copied().unwrap_or(0);
            let target = targets.get(queue).copied().unwrap_or(0);
            if has > 0 && target > has {
                below.push((Reverse(target - has), share.turn, queue.clone()));
            }
        }
        below.sort();
        for (Reverse(missing), _, queue) in below {
            let free = self.free(limit, granted).saturating_sub(reserve);
            *granted.entry(queue).or_insert(0) += missing.min(free);
        }
    }

    fn free(&self, limit: u32, granted: &BTreeMap<Q, u32>) -> u32 {
        limit.saturating_sub(self.used + granted.values().sum::<u32>())
    }

    fn grant(
        &mut self,
        now: Instant,
        granted: &BTreeMap<Q, u32>,
        asker: Option<&Q>,
        out: &mut Vec<Command<Q>>,
    ) {
        self.used += granted.values().sum::<u32>();
        if let Some(limit) = self.limit {
            assert!(
                granted.values().all(|count| *count == 0) || self.used <= limit,
                "{} tokens of {limit}",
                self.used
            );
        }
        let namespace = self.view();
        let until = now + self.config.ask_again_after;
        for (queue, share) in &mut self.queues {
            let granted = granted.get(queue).copied().unwrap_or(0);
            share.held += granted;
            share.request.want -= granted;
            if granted > 0 || asker == Some(queue) {
                let denied = denial(self.limit, share).map(|reason| Denial { reason, until });
                let answer = Answer { granted, denied, namespace };
                out.push(Command::Answer { queue: queue.clone(), answer });
            }
        }
    }

    /// Asks those above their share for the surplus, as long as somebody is short of tokens. Where nobody has more than
    /// his share and somebody has none, asks for containers that have, or will have, nothing to do.
    fn reclaim(&mut self, targets: Option<&BTreeMap<Q, u32>>, out: &mut Vec<Command<Q>>) {
        let target = |queue: &Q, share: &Share| {
            targets.map_or(share.held, |targets| targets.get(queue).copied().unwrap_or(0))
        };
        let is_starving = self.queues.values().any(|share| share.held == 0 && share.wants() > 0);
        let has_surplus = self.queues.iter().any(|(queue, share)| share.held > target(queue, share));
        for (queue, share) in &mut self.queues {
            let surplus = share.held.saturating_sub(target(queue, share));
            let wanted = if is_starving && !has_surplus && share.held > 0 && share.request.want == 0 {
                Reclaimed { count: 1, idle_only: true }
            } else {
                Reclaimed { count: surplus, idle_only: false }
            };
            if wanted != share.reclaimed && (wanted.count, share.reclaimed.count) != (0, 0) {
                let Reclaimed { count, idle_only } = wanted;
                out.push(Command::Reclaim { queue: queue.clone(), count, idle_only });
            }
            share.reclaimed = wanted;
        }
    }
}

fn denial(limit: Option<u32>, share: &Share) -> Option<DenialReason> {
    if share.request.want == 0 {
        None
    } else if limit == Some(0) {
        Some(DenialReason::ZeroLimit)
    } else if share.wants() == 0 {
        Some(DenialReason::InstancesReached)
    } else {
        Some(DenialReason::Exhausted)
    }
}

impl<Q: Ord + Clone> Machine for Arbiter<Q> {
    type Event = Event<Q>;
    type Command = Command<Q>;

    fn handle(&mut self, now: Instant, event: Event<Q>, out: &mut Vec<Command<Q>>) {
        match event {
            Event::Request { queue, request } => self.request(now, queue, request, out),
            Event::Release { queue, count } => {
                self.release(&queue, count);
                self.distribute(now, None, out);
            }
            Event::Left { queue } => {
                let held = self.held(&queue);
                self.release(&queue, held);
                self.queues.remove(&queue);
                self.distribute(now, None, out);
            }
            Event::Limit { limit } => {
                self.limit = limit;
                self.distribute(now, None, out);
            }
            Event::Weight { queue, weight } => {
                self.share(queue).weight = weight.max(1);
                self.distribute(now, None, out);
            }
        }
    }

    /// Nothing becomes due: queues ask again by themselves.
    fn tick(&mut self, _: Instant, _: &mut Vec<Command<Q>>) {}

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

#[cfg(test)]
mod tests;
