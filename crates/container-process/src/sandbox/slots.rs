//! Numbers for sandboxes: each stands for a user id, a pair of addresses, a directory and a name of cgroups.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// How many networks are kept at most.
const MOST_NETWORKS: usize = 64;

/// How many numbers whose addresses were used rest, before the first of them is given out again: the kernel takes its time
/// to forget a network, and others may still send to it.
const RESTING: usize = 256;

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
    /// What was given back with a network in which nothing was sent.
    networks: Vec<Slot>,
    /// What was given back without one.
    others: Vec<Slot>,
    /// What was given back after something was sent, the earliest first.
    used: VecDeque<Slot>,
}

/// A number that one has.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The number.
    pub number: u32,
    /// What is left of the sandbox that had it before.
    pub left: Option<Left>,
}

/// What the next sandbox of a number can use, and what takes the kernel longer to make than most else: an empty directory,
/// and a network.
#[derive(Debug)]
pub(crate) struct Left {
    /// The namespace, if there was one that is joined to this machine, and nothing was sent in it.
    pub network: Option<OwnedFd>,
}

impl Slots {
    pub(crate) fn new(limit: u32) -> Slots {
        Slots { limit, state: Mutex::default() }
    }

    /// A number that nobody has; `None` when all are taken.
    pub(crate) fn take(&self) -> Option<Slot> {
        let mut state = self.state.lock();
        if let Some(slot) = state.networks.pop().or_else(|| state.others.pop()) {
            return Some(slot);
        }
        if state.used.len() > RESTING || state.fresh == self.limit {
            return state.used.pop_front();
        }
        state.fresh += 1;
        Some(Slot { number: state.fresh - 1, left: None })
    }

    /// Takes a number back whose addresses nobody has used.
    pub(crate) fn give_back(&self, mut slot: Slot) {
        let mut state = self.state.lock();
        match &mut slot.left {
            Some(Left { network: Some(_) }) if state.networks.len() < MOST_NETWORKS => {
                state.networks.push(slot)
            }
            left => {
                // One too many goes here.
                if let Some(left) = left {
                    left.network = None;
                }
                state.others.push(slot);
            }
        }
    }

    /// Takes a number back whose addresses were used; the network is not.
    pub(crate) fn give_back_used(&self, slot: Slot) {
        self.state.lock().used.push_back(slot);
    }

    /// Lets go of all networks.
    pub(crate) fn forget_networks(&self) {
        let networks = std::mem::take(&mut self.state.lock().networks);
        let without = networks.into_iter().map(|slot| Slot { left: Some(Left { network: None }), ..slot });
        self.state.lock().others.extend(without);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(slots: &Slots) -> Option<u32> {
        slots.take().map(|slot| slot.number)
    }

    fn left(number: u32, has_network: bool) -> Slot {
        let network = has_network.then(|| std::fs::File::open("/dev/null").unwrap().into());
        Slot { number, left: Some(Left { network }) }
    }

    #[test]
    fn no_number_is_given_out_twice_and_there_is_a_last_one() {
        let slots = Slots::new(2);
        assert_eq!((number(&slots), number(&slots), number(&slots)), (Some(0), Some(1), None));
        slots.give_back(Slot { number: 1, left: None });
        assert_eq!((number(&slots), number(&slots)), (Some(1), None));
    }

    #[test]
    fn what_has_a_network_comes_first_and_what_was_used_last() {
        let slots = Slots::new(5);
        assert_eq!((0..3).filter_map(|_| number(&slots)).collect::<Vec<_>>(), [0, 1, 2]);
        slots.give_back_used(left(0, false));
        slots.give_back(left(1, true));
        slots.give_back(left(2, false));
        let first = slots.take().unwrap();
        assert!(first.number == 1 && first.left.is_some_and(|left| left.network.is_some()));
        let second = slots.take().unwrap();
        assert!(second.number == 2 && second.left.is_some_and(|left| left.network.is_none()));
        assert_eq!((number(&slots), number(&slots), number(&slots)), (Some(3), Some(4), Some(0)));
        assert_eq!(number(&slots), None);
    }

    #[test]
    fn those_that_were_used_rest_for_a_while_and_not_for_ever() {
        let slots = Slots::new(10_000);
        for _ in 0..RESTING + 100 {
            let taken = number(&slots).unwrap();
            slots.give_back_used(left(taken, false));
        }
        assert_eq!(slots.state.lock().fresh as usize, RESTING + 1, "then they come again");
    }

    #[test]
    fn no_more_networks_are_kept_than_there_may_be() {
        let slots = Slots::new(1000);
        for at in 0..MOST_NETWORKS as u32 + 10 {
            slots.give_back(left(at, true));
        }
        let state = slots.state.lock();
        assert_eq!((state.networks.len(), state.others.len()), (MOST_NETWORKS, 10));
        assert!(
            state.others.iter().all(|slot| slot.left.as_ref().is_some_and(|left| left.network.is_none()))
        );
    }
}
