//! Numbers for sandboxes: each stands for a user id, a pair of addresses, a directory and a name of cgroups.

use parking_lot::Mutex;
use std::collections::BTreeSet;

/// The numbers below a limit, each given out to one at a time.
#[derive(Debug)]
pub(crate) struct Slots {
    limit: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The least number that was never given out.
    fresh: u32,
    free: BTreeSet<u32>,
}

impl Slots {
    pub(crate) fn new(limit: u32) -> Slots {
        Slots { limit, state: Mutex::default() }
    }

    /// A number that nobody has; `None` when all are taken.
    pub(crate) fn take(&self) -> Option<u32> {
        let mut state = self.state.lock();
        if let Some(slot) = state.free.pop_first() {
            return Some(slot);
        }
        let slot = state.fresh;
        (slot < self.limit).then(|| {
            state.fresh += 1;
            slot
        })
    }

    /// Takes a number back, of which nothing is left on the machine.
    pub(crate) fn give_back(&self, slot: u32) {
        self.state.lock().free.insert(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_given_out_twice_and_there_is_a_last_one() {
        let slots = Slots::new(2);
        assert_eq!((slots.take(), slots.take(), slots.take()), (Some(0), Some(1), None));
        slots.give_back(1);
        assert_eq!((slots.take(), slots.take()), (Some(1), None));
    }
}
