//! Numbers for sandboxes: each stands for a user id, a pair of addresses, a directory and a name of cgroups.

use parking_lot::Mutex;
use std::collections::VecDeque;

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
    /// What was given back, the earliest first: the kernel takes its time to forget a network.
    free: VecDeque<u32>,
}

impl Slots {
    pub(crate) fn new(limit: u32) -> Slots {
        Slots { limit, state: Mutex::default() }
    }

    /// A number that nobody has; `None` when all are taken.
    pub(crate) fn take(&self) -> Option<u32> {
        let mut state = self.state.lock();
        if state.fresh == self.limit {
            return state.free.pop_front();
        }
        state.fresh += 1;
        Some(state.fresh - 1)
    }

    /// Takes a number back, of which nothing is left on the machine.
    pub(crate) fn give_back(&self, slot: u32) {
        self.state.lock().free.push_back(slot);
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
