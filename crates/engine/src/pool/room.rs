//! Memory for orders: what is free, what is going, and what has to go.

use super::entry::{Entry, Rest, Stage};
use super::{Command, Pool, refuse};
use machine::Instant;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use types::{ContainerId, CreationFailure, QueueKey};

impl Pool {
    /// Sees to it that `need` MB will be free for one more waiting order, and answers whether they will be. Evicts the
    /// least recently used containers, and none that it does not have to.
    pub(super) fn make_room(&mut self, need: u64, out: &mut Vec<Command>) -> bool {
        let missing = need.saturating_sub(self.in_sight());
        let ranked = |(id, entry): (&ContainerId, &Entry)| {
            entry.eviction_rank().map(|rank| (rank, *id, entry.spec.memory))
        };
        let Some(victims) = enough(self.entries.iter().filter_map(ranked).collect(), missing) else {
            return false;
        };
        let mut spare = victims.iter().map(|(_, memory)| memory).sum::<u64>();
        for (container, memory) in victims {
            if spare - memory >= missing {
                spare -= memory;
            } else {
                self.evict(container, out);
            }
        }
        true
    }

    /// The same where no containers rest enough: takes them from those that have had their turn, which go as soon as what
    /// runs in them has ended. The queues that hold the most memory here give first, and of a queue's containers the one
    /// that has served longest.
    pub(super) fn claim_room(&mut self, now: Instant, need: u64, out: &mut Vec<Command>) -> bool {
        let mut held: BTreeMap<&QueueKey, u64> = BTreeMap::new();
        for entry in self.entries.values() {
            if let Some(tenant) = entry.tenant() {
                *held.entry(&tenant.queue).or_default() += entry.spec.memory;
            }
        }
        let share = |entry: &Entry| entry.tenant().and_then(|tenant| held.get(&*tenant.queue)).copied();
        let ranked = |(id, entry): (&ContainerId, &Entry)| {
            let over = entry.turn_over(now)?;
            Some(((Reverse(share(entry)), over), *id, entry.spec.memory))
        };
        let candidates = self.entries.iter().filter_map(ranked).collect();
        let missing = need.saturating_sub(self.in_sight());
        let Some(victims) = enough(candidates, missing) else { return false };
        for (container, _) in victims {
            if let Some(entry) = self.entries.get_mut(&container) {
                entry.stage = Stage::Leaving;
                out.push(Command::Remove { container });
            }
        }
        true
    }

    /// What is free and what will be soon, less what waiting orders will take.
    pub(super) fn in_sight(&self) -> u64 {
        let going = self.entries.values().filter(|entry| entry.is_going());
        let going: u64 = going.map(|entry| entry.spec.memory).sum();
        (self.config.memory - self.used + going).saturating_sub(self.waiting.memory())
    }

    pub(super) fn evict(&mut self, container: ContainerId, out: &mut Vec<Command>) {
        let Some(entry) = self.entries.get_mut(&container) else { return };
        match &mut entry.stage {
            Stage::Serving { rest, .. } => *rest = Rest::Evicted,
            stage => *stage = Stage::Leaving,
        }
        out.push(Command::Evict { container });
    }

    /// A container that was to leave has work: other memory is to be found for the orders that wait for it.
    pub(super) fn make_room_again(&mut self, out: &mut Vec<Command>) {
        for order in self.waiting.take_all(|_| true) {
            if self.make_room(order.spec.memory, out) {
                self.waiting.push(order);
            } else {
                refuse(order, CreationFailure::NoResources, out);
            }
        }
    }
}

/// The first ones that have so much memory together, if all have.
fn enough<Rank: Ord>(
    mut candidates: Vec<(Rank, ContainerId, u64)>,
    mut missing: u64,
) -> Option<Vec<(ContainerId, u64)>> {
    candidates.sort_unstable();
    let mut victims = Vec::new();
    for (_, container, memory) in candidates {
        if missing == 0 {
            break;
        }
        victims.push((container, memory));
        missing = missing.saturating_sub(memory);
    }
    (missing == 0).then_some(victims)
}
