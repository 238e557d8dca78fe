//! What a controller believes of one invoker's memory (scheduler D1): a semaphore of megabytes, with a pool of slots for
//! each action that runs several activations in one container.

use std::collections::BTreeMap;
use std::sync::Arc;
use types::QueueKey;

/// What one activation needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Its action, as its namespace invokes it.
    pub action: Arc<QueueKey>,
    /// The memory of one container, in MB.
    pub memory: u64,
    /// How many activations one container takes at a time; at least one.
    pub slots: u32,
}

/// The memory of one invoker that is not given away.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// In MB. Below nothing where more was given away than there is.
    free: i64,
    /// By action; only actions with several slots, and only while they have activations.
    pools: BTreeMap<Arc<QueueKey>, Slots>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slots {
    free: u32,
    /// Activations that have one.
    taken: u32,
}

impl Memory {
    pub(super) fn new(memory: u64) -> Memory {
        Memory { free: signed(memory), pools: BTreeMap::new() }
    }

    /// The memory was of another size: what was given away stays so.
    pub(super) fn resize(&mut self, from: u64, to: u64) {
        self.free += signed(to) - signed(from);
    }

    pub(super) const fn free(&self) -> i64 {
        self.free
    }

    /// Takes what an activation needs, if it is there.
    pub(super) fn try_acquire(&mut self, need: &Need) -> bool {
        let has_slot = need.slots > 1 && self.pools.get(&need.action).is_some_and(|pool| pool.free > 0);
        let grants = has_slot || self.free >= signed(need.memory);
        if grants {
            self.acquire(need);
        }
        grants
    }

    /// Takes what an activation needs, whether it is there or not.
    pub(super) fn acquire(&mut self, need: &Need) {
        if need.slots <= 1 {
            self.free -= signed(need.memory);
            return;
        }
        let pool = self.pools.entry(need.action.clone()).or_default();
        pool.taken += 1;
        if pool.free > 0 {
            pool.free -= 1;
        } else {
            // One container more, of which this activation takes one slot.
            pool.free = need.slots - 1;
            self.free -= signed(need.memory);
        }
    }

    /// Gives back what an activation had: its memory, or its slot, and the memory of a container as soon as there are
    /// as many free slots as one has.
    pub(super) fn release(&mut self, need: &Need) {
        if need.slots <= 1 {
            self.free += signed(need.memory);
            return;
        }
        let Some(pool) = self.pools.get_mut(&need.action) else { return };
        pool.taken -= 1;
        pool.free += 1;
        if pool.free.is_multiple_of(need.slots) {
            pool.free -= need.slots;
            self.free += signed(need.memory);
        }
        if pool.taken == 0 {
            self.pools.remove(&need.action);
        }
    }
}

fn signed(memory: u64) -> i64 {
    i64::try_from(memory).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{EntityName, FullyQualifiedName};

    fn need(action: &str, memory: u64, slots: u32) -> Need {
        let namespace = EntityName::new("guest").unwrap();
        let action = FullyQualifiedName::parse(&format!("guest/{action}")).unwrap();
        Need { action: Arc::new(QueueKey { namespace, action }), memory, slots }
    }

    #[test]
    fn d1_memory_is_granted_while_it_lasts_and_given_back() {
        let mut memory = Memory::new(512);
        let each = need("a", 256, 1);
        assert!(memory.try_acquire(&each) && memory.try_acquire(&each));
        assert!(!memory.try_acquire(&each));
        memory.release(&each);
        assert!(memory.try_acquire(&each));
        assert_eq!(memory.free(), 0);
    }

    #[test]
    fn d1_forced_memory_goes_below_nothing() {
        let mut memory = Memory::new(256);
        let each = need("a", 256, 1);
        memory.acquire(&each);
        memory.acquire(&each);
        assert_eq!(memory.free(), -256);
        memory.release(&each);
        assert!(!memory.try_acquire(&each));
        memory.release(&each);
        assert_eq!(memory.free(), 256);
    }

    #[test]
    fn d1_slots_share_the_memory_of_their_container() {
        let mut memory = Memory::new(512);
        let each = need("a", 256, 3);
        assert!((0..3).all(|_| memory.try_acquire(&each)));
        assert_eq!(memory.free(), 256);
        assert!(memory.try_acquire(&each));
        assert_eq!(memory.free(), 0);
        // Two slots of the second container are free: nothing else has room, this action has.
        assert!(!memory.try_acquire(&need("b", 256, 3)));
        memory.release(&each);
        // Three free slots are one container.
        assert_eq!(memory.free(), 256);
        (0..3).for_each(|_| memory.release(&each));
        assert_eq!(memory.free(), 512);
        assert!(memory.pools.is_empty(), "nothing is kept of an action without activations");
    }

    #[test]
    fn a_refused_activation_leaves_nothing_behind() {
        let mut memory = Memory::new(128);
        assert!(!memory.try_acquire(&need("a", 256, 5)));
        assert!(memory.pools.is_empty());
    }

    #[test]
    fn what_was_given_away_stays_so_when_the_size_changes() {
        let mut memory = Memory::new(512);
        memory.acquire(&need("a", 256, 1));
        memory.resize(512, 1024);
        assert_eq!(memory.free(), 768);
        memory.release(&need("a", 256, 1));
        assert_eq!(memory.free(), 1024);
    }
}
