use super::Message;
use super::backlog::Accepted;
use machine::Instant;
use std::collections::BTreeMap;
use types::{ActivationId, Attempt, ContainerRef, InvokerId};

/// Up to how many slots are looked through one after the other.
const FEW: usize = 4;

/// The containers of a queue, and what each of them has.
///
/// A container is counted here from `Created` until `Gone` (or until it is paused), and holds a token for as long.
#[derive(Debug)]
pub(super) struct Fleet<M> {
    /// Slots that are used again; `by_ref` finds them.
    slots: Vec<Option<Container<M>>>,
    vacant: Vec<usize>,
    by_ref: BTreeMap<ContainerRef, usize>,
    /// The serving containers that have room, the most recently used one last, so that the others can go idle.
    free: Vec<usize>,
    serving: u32,
    in_flight: u32,
    unstarted: u32,
}

/// Where a container is in the fleet. Valid until the container is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

#[derive(Debug)]
pub(super) struct Container<M> {
    pub(super) reference: ContainerRef,
    /// How many activations it takes at a time.
    room: u32,
    flights: Vec<Flight<M>>,
    state: State,
    /// Whether it is in `free`.
    listed: bool,
    /// When it last got or ended an activation.
    used: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It takes activations.
    Serving,
    /// It takes nothing more, and is asked to go (again) at that time unless it has.
    Leaving { remind: Instant },
    /// It is paused; what it was given meanwhile is on its way back.
    Parted,
}

/// An activation that a container has.
#[derive(Debug)]
pub(super) struct Flight<M> {
    pub(super) accepted: Accepted<M>,
    pub(super) started: bool,
    /// When to ask for it back, unless it has started.
    recall: Instant,
}

/// What is due in a fleet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Recall { container: ContainerRef, activation: ActivationId, attempt: Attempt },
    Remind { container: ContainerRef },
}

impl<M> Fleet<M> {
    pub(super) const fn new() -> Fleet<M> {
        Fleet {
            slots: Vec::new(),
            vacant: Vec::new(),
            by_ref: BTreeMap::new(),
            free: Vec::new(),
            serving: 0,
            in_flight: 0,
            unstarted: 0,
        }
    }

    /// How many containers there are, those that leave too.
    pub(super) fn len(&self) -> usize {
        self.by_ref.len()
    }

    /// How many containers take activations.
    pub(super) const fn serving(&self) -> u32 {
        self.serving
    }

    /// How many containers take nothing more and are still there.
    pub(super) fn leaving(&self) -> u32 {
        u32::try_from(self.by_ref.len()).unwrap_or(u32::MAX) - self.serving
    }

    /// How many activations containers have.
    pub(super) const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// How many containers have room.
    pub(super) fn with_room(&self) -> usize {
        self.free.len()
    }

    pub(super) fn find(&self, container: ContainerRef) -> Option<Slot> {
        // A look at a few containers costs less than one into a map, and most queues have no more.
        if self.slots.len() <= FEW {
            let is_it =
                |slot: &Option<Container<M>>| slot.as_ref().is_some_and(|it| it.reference == container);
            return self.slots.iter().position(is_it).map(Slot);
        }
        self.by_ref.get(&container).copied().map(Slot)
    }

    /// The container that has this activation.
    pub(super) fn holder(&self, activation: ActivationId) -> Option<ContainerRef>
    where
        M: Message,
    {
        let holds = |container: &&Container<M>| {
            container.flights.iter().any(|flight| flight.accepted.message.id() == activation)
        };
        self.slots.iter().flatten().find(holds).map(|container| container.reference)
    }

    /// The container that was used last, of those with room.
    pub(super) fn best(&self) -> Option<Slot> {
        self.free.last().copied().map(Slot)
    }

    /// Adds a container; one that is known already is put into service again.
    pub(super) fn add(&mut self, reference: ContainerRef, room: u32, now: Instant) -> Slot {
        if let Some(slot) = self.find(reference) {
            self.reinstate(slot, room, now);
            return slot;
        }
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let container = Container {
            reference,
            room: room.max(1),
            flights: Vec::new(),
            state: State::Serving,
            listed: false,
            used: now,
        };
        self.slots[index] = Some(container);
        self.by_ref.insert(reference, index);
        self.serving += 1;
        self.list(Slot(index));
        Slot(index)
    }

    fn reinstate(&mut self, slot: Slot, room: u32, now: Instant) {
        let container = self.container_mut(slot);
        container.room = room.max(1);
        container.used = now;
        if container.state != State::Serving {
            container.state = State::Serving;
            self.serving += 1;
        }
        self.list(slot);
    }

    pub(super) fn reference(&self, slot: Slot) -> ContainerRef {
        self.container(slot).reference
    }

    pub(super) fn is_serving(&self, slot: Slot) -> bool {
        self.container(slot).state == State::Serving
    }

    /// Whether it has nothing to do.
    pub(super) fn is_idle(&self, slot: Slot) -> bool {
        self.container(slot).flights.is_empty()
    }

    /// Gives it an activation; it must be serving and have room.
    pub(super) fn board(&mut self, slot: Slot, accepted: Accepted<M>, recall: Instant, now: Instant) {
        let container = self.container_mut(slot);
        assert!(
            container.state == State::Serving && container.flights.len() < container.room as usize,
            "{:?} has no room",
            container.reference
        );
        container.flights.push(Flight { accepted, started: false, recall });
        container.used = now;
        let is_full = container.flights.len() == container.room as usize;
        self.in_flight += 1;
        self.unstarted += 1;
        if is_full {
            self.unlist(slot);
        }
    }

    /// Notes that an activation has started; answers whether this attempt was there and had not started before.
    pub(super) fn start(&mut self, slot: Slot, activation: ActivationId, attempt: Attempt) -> bool
    where
        M: Message,
    {
        let flight = self.container_mut(slot).flights.iter_mut().find(|flight| {
            flight.accepted.message.id() == activation && flight.accepted.attempts == attempt.0
        });
        match flight {
            Some(flight) if !flight.started => {
                flight.started = true;
                self.unstarted -= 1;
                true
            }
            _ => false,
        }
    }

    /// Takes an activation out of its container. `attempt` is checked where it is known.
    pub(super) fn land(
        &mut self,
        slot: Slot,
        activation: ActivationId,
        attempt: Option<Attempt>,
        now: Instant,
    ) -> Option<Flight<M>>
    where
        M: super::Message,
    {
        let container = self.container_mut(slot);
        let place = container.flights.iter().position(|flight| {
            flight.accepted.message.id() == activation
                && attempt.is_none_or(|attempt| flight.accepted.attempts == attempt.0)
        })?;
        let flight = container.flights.swap_remove(place);
        container.used = now;
        let is_serving = container.state == State::Serving;
        self.in_flight -= 1;
        self.unstarted -= u32::from(!flight.started);
        if is_serving {
            self.list(slot);
        }
        Some(flight)
    }

    /// The container has less room than it said: what it has is all it takes.
    pub(super) fn shrink(&mut self, slot: Slot) {
        let container = self.container_mut(slot);
        container.room = u32::try_from(container.flights.len()).unwrap_or(u32::MAX).max(1);
        if container.flights.len() >= container.room as usize {
            self.unlist(slot);
        }
    }

    /// Every other container with room is used before this one.
    pub(super) fn demote(&mut self, slot: Slot) {
        if self.container(slot).listed {
            self.unlist(slot);
            self.container_mut(slot).listed = true;
            self.free.insert(0, slot.0);
        }
    }

    /// The container takes nothing more. It is reminded to go at `remind`.
    pub(super) fn retire(&mut self, slot: Slot, remind: Instant) {
        match self.container(slot).state {
            State::Serving => {
                self.serving -= 1;
                self.unlist(slot);
            }
            State::Leaving { .. } => {}
            State::Parted => return,
        }
        self.container_mut(slot).state = State::Leaving { remind };
    }

    /// The container is paused: it can be removed once what it was given meanwhile has come back.
    pub(super) fn part(&mut self, slot: Slot) {
        self.retire(slot, Instant::FAR);
        self.container_mut(slot).state = State::Parted;
    }

    /// Whether it is paused and nothing is on its way back.
    pub(super) fn has_parted(&self, slot: Slot) -> bool {
        self.container(slot).state == State::Parted && self.is_idle(slot)
    }

    /// Every container takes nothing more, because its revision is outdated.
    pub(super) fn retire_all(&mut self, remind: Instant) {
        for slot in self.by_ref.values().copied().map(Slot).collect::<Vec<_>>() {
            self.retire(slot, remind);
        }
    }

    /// Removes a container, and answers what it had.
    pub(super) fn remove(&mut self, slot: Slot) -> (ContainerRef, Vec<Flight<M>>) {
        self.retire(slot, Instant::FAR);
        let container = self.slots[slot.0].take().expect("a slot is valid until its container is removed");
        self.by_ref.remove(&container.reference);
        self.vacant.push(slot.0);
        self.in_flight -= u32::try_from(container.flights.len()).unwrap_or(u32::MAX);
        self.unstarted -= container.flights.iter().map(|flight| u32::from(!flight.started)).sum::<u32>();
        (container.reference, container.flights)
    }

    /// The containers of one invoker.
    pub(super) fn of_invoker(&self, invoker: InvokerId) -> Vec<Slot> {
        self.by_ref
            .iter()
            .filter(|(reference, _)| reference.invoker == invoker)
            .map(|(_, index)| Slot(*index))
            .collect()
    }

    /// The serving containers without anything to do, the one that was used longest ago first.
    pub(super) fn idle(&self) -> impl Iterator<Item = (Slot, Instant)> {
        self.free
            .iter()
            .map(|index| Slot(*index))
            .filter(|slot| self.is_idle(*slot))
            .map(|slot| (slot, self.container(slot).used))
    }

    /// What is due at `now`, asked for again after `every`; and when something is due next.
    pub(super) fn sweep(
        &mut self,
        now: Instant,
        every: std::time::Duration,
        due: &mut Vec<Due>,
    ) -> Option<Instant>
    where
        M: super::Message,
    {
        let mut next: Option<Instant> = None;
        let mut soonest = |at: Instant| next = Some(next.map_or(at, |next| next.min(at)));
        for container in self.slots.iter_mut().flatten() {
            for flight in container.flights.iter_mut().filter(|flight| !flight.started) {
                if flight.recall <= now {
                    flight.recall = now + every;
                    due.push(Due::Recall {
                        container: container.reference,
                        activation: flight.accepted.message.id(),
                        attempt: Attempt(flight.accepted.attempts),
                    });
                }
                soonest(flight.recall);
            }
            if let State::Leaving { remind } = &mut container.state {
                if *remind <= now {
                    *remind = now + every;
                    if container.flights.is_empty() {
                        due.push(Due::Remind { container: container.reference });
                    }
                }
                soonest(*remind);
            }
        }
        next
    }

    fn list(&mut self, slot: Slot) {
        let container = self.container_mut(slot);
        if !container.listed && container.flights.len() < container.room as usize {
            container.listed = true;
            self.free.push(slot.0);
        }
    }

    fn unlist(&mut self, slot: Slot) {
        if !std::mem::take(&mut self.container_mut(slot).listed) {
            return;
        }
        // A container that has just been filled is the last one.
        if self.free.last() == Some(&slot.0) {
            self.free.pop();
        } else if let Some(place) = self.free.iter().rposition(|index| *index == slot.0) {
            self.free.remove(place);
        }
    }

    fn container(&self, slot: Slot) -> &Container<M> {
        self.slots[slot.0].as_ref().expect("a slot is valid until its container is removed")
    }

    fn container_mut(&mut self, slot: Slot) -> &mut Container<M> {
        self.slots[slot.0].as_mut().expect("a slot is valid until its container is removed")
    }
}
