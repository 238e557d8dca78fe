//! Numbers for sandboxes: each stands for a user id, a pair of addresses, a directory and a name of cgroups.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// How many numbers at most are kept with what is left of their sandboxes; more are cleared.
const MOST_KEPT: usize = 64;

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
    /// What was given back as if new, the latest last.
    kept: Vec<Slot>,
    /// What else was given back, the earliest first: the kernel takes its time to forget a network.
    used: VecDeque<u32>,
}

/// A number that one has.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The number.
    pub number: u32,
    /// What is left of the sandbox that had it before.
    pub left: Option<Left>,
}

/// What the next sandbox of a number can use, and what has taken the kernel more time than anything else of the last one:
/// its directory, in which nothing is that differs from sandbox to sandbox, and its network.
#[derive(Debug)]
pub(crate) struct Left {
    /// The namespace, if it had one that is joined to this machine.
    pub network: Option<OwnedFd>,
}

impl Slots {
    pub(crate) fn new(limit: u32) -> Slots {
        Slots { limit, state: Mutex::default() }
    }

    /// A number that nobody has; `None` when all are taken.
    pub(crate) fn take(&self) -> Option<Slot> {
        let mut state = self.state.lock();
        if let Some(kept) = state.kept.pop() {
            return Some(kept);
        }
        let number = if state.fresh == self.limit {
            state.used.pop_front()?
        } else {
            state.fresh += 1;
            state.fresh - 1
        };
        Some(Slot { number, left: None })
    }

    /// Takes a number back, of which nothing is left on the machine.
    pub(crate) fn give_back(&self, number: u32) {
        self.state.lock().used.push_back(number);
    }

    /// Whether it is of use to keep what is left of a sandbox.
    pub(crate) fn has_room(&self) -> bool {
        self.state.lock().kept.len() < MOST_KEPT
    }

    /// Takes a number back with what is left.
    pub(crate) fn keep(&self, number: u32, left: Left) {
        self.state.lock().kept.push(Slot { number, left: Some(left) });
    }

    /// Lets go of all that was kept.
    pub(crate) fn forget(&self) {
        let kept = std::mem::take(&mut self.state.lock().kept);
        self.state.lock().used.extend(kept.iter().map(|slot| slot.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(slots: &Slots) -> Option<u32> {
        slots.take().map(|slot| slot.number)
    }

    #[test]
    fn no_number_is_given_out_twice_and_there_is_a_last_one() {
        let slots = Slots::new(2);
        assert_eq!((number(&slots), number(&slots), number(&slots)), (Some(0), Some(1), None));
        slots.give_back(1);
        assert_eq!((number(&slots), number(&slots)), (Some(1), None));
    }

    #[test]
    fn what_was_kept_comes_first_and_what_was_used_last() {
        let slots = Slots::new(4);
        assert_eq!((number(&slots), number(&slots)), (Some(0), Some(1)));
        slots.give_back(0);
        slots.keep(1, Left { network: None });
        let kept = slots.take().unwrap();
        assert_eq!((kept.number, kept.left.is_some()), (1, true));
        assert_eq!((number(&slots), number(&slots), number(&slots)), (Some(2), Some(3), Some(0)));
        assert_eq!(number(&slots), None);
    }
}
