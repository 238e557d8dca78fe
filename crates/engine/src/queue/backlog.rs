use super::{Message, QueueConfig};
use machine::Instant;
use std::collections::VecDeque;

/// An activation that the queue has accepted.
#[derive(Clone, Debug)]
pub(super) struct Accepted<M> {
    pub(super) message: M,
    /// Its place in the order of arrival.
    pub(super) turn: u64,
    /// When it came; retention counts from there, however often it is dispatched.
    pub(super) since: Instant,
    /// How many containers it was handed to so far.
    pub(super) attempts: u32,
}

/// What waits, in the order of arrival.
///
/// `full` changes only where the length does, so whatever empties the backlog also opens the queue again.
#[derive(Debug)]
pub(super) struct Backlog<M> {
    waiting: VecDeque<Accepted<M>>,
    bytes: u64,
    blocking: usize,
    caused: usize,
    full: bool,
}

impl<M: Message> Backlog<M> {
    pub(super) const fn new() -> Backlog<M> {
        Backlog { waiting: VecDeque::new(), bytes: 0, blocking: 0, caused: 0, full: false }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a client waits for one of them.
    pub(super) const fn any_blocking(&self) -> bool {
        self.blocking > 0
    }

    /// Whether another activation caused one of them.
    pub(super) const fn any_caused(&self) -> bool {
        self.caused > 0
    }

    /// Whether it takes nothing new: from its limit on, until it has shrunk to `reopen_at` of it.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn front(&self) -> Option<&Accepted<M>> {
        self.waiting.front()
    }

    /// How many came before `time`.
    pub(super) fn before(&self, time: Instant) -> usize {
        self.waiting.partition_point(|accepted| accepted.since < time)
    }

    /// Puts it where its turn is: the end for a new one, near the front for one that comes back.
    pub(super) fn insert(&mut self, accepted: Accepted<M>, config: &QueueConfig) {
        self.bytes += accepted.message.size();
        self.blocking += usize::from(accepted.message.blocking());
        self.caused += usize::from(accepted.message.caused());
        match self.waiting.back() {
            Some(last) if last.turn > accepted.turn => {
                let place = self.waiting.partition_point(|other| other.turn < accepted.turn);
                self.waiting.insert(place, accepted);
            }
            _ => self.waiting.push_back(accepted),
        }
        if self.waiting.len() >= config.max_waiting || self.bytes >= config.max_waiting_bytes {
            self.full = true;
        }
    }

    pub(super) fn pop(&mut self, config: &QueueConfig) -> Option<Accepted<M>> {
        let accepted = self.waiting.pop_front()?;
        self.bytes -= accepted.message.size();
        self.blocking -= usize::from(accepted.message.blocking());
        self.caused -= usize::from(accepted.message.caused());
        if self.full {
            let reopened = self.waiting.len() as f64 <= config.max_waiting as f64 * config.reopen_at
                && self.bytes as f64 <= config.max_waiting_bytes as f64 * config.reopen_at;
            self.full = !reopened;
        }
        Some(accepted)
    }
}
