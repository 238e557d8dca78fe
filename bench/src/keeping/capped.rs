//! Policies that choose which container goes when memory is needed.

use super::Spent;
use super::traces::Trace;
use crate::virtual_time::Agenda;
use machine::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// Which container goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evicting {
    /// The one that was used longest ago; and every one after that time.
    LeastRecent {
        /// For how long one is kept at most.
        kept: Duration,
    },
    /// The one with the least uses of its function times the time of a start for its memory, counted up from what the last
    /// one had that went, as Fuerst and Sharma (ASPLOS 2021) do.
    GreedyDual,
    /// The one whose memory by the time until it is needed is the greatest: Belady's rule, with sizes. Very good, and not
    /// proved to be the best.
    Clairvoyant,
}

/// A free container.
#[derive(Clone, Copy, Debug)]
struct Free {
    function: usize,
    since: Instant,
    /// When it is needed next.
    next: Option<Instant>,
    worth: f64,
}

/// What happens when, and what there is.
struct Room<'a> {
    trace: &'a Trace,
    evicting: Evicting,
    next_uses: Vec<Option<Instant>>,
    spent: Spent,
    used: u64,
    /// In the order in which they became free.
    free: BTreeMap<u64, Free>,
    /// Their numbers, by function.
    of_function: Vec<Vec<u64>>,
    uses: Vec<u32>,
    freed: u64,
    /// What the last one that went was worth.
    floor: f64,
}

/// The most memory that runs at a time, in MB: with less some would have to wait for others.
#[must_use]
pub fn busiest(trace: &Trace) -> u64 {
    let mut ends = Agenda::new();
    let (mut used, mut most) = (0, 0);
    for arrival in &trace.arrivals {
        while let Some((_, memory)) = ends.pop_due(arrival.at) {
            used -= memory;
        }
        let memory = trace.functions[arrival.function].memory;
        ends.at(arrival.at + arrival.run, memory);
        used += memory;
        most = most.max(used);
    }
    most
}

/// What a policy has come to with so many MB of memory.
#[must_use]
pub fn spend(trace: &Trace, memory: u64, evicting: Evicting) -> Spent {
    let knows = evicting == Evicting::Clairvoyant;
    let mut room = Room {
        trace,
        evicting,
        next_uses: if knows { trace.next_uses() } else { vec![None; trace.arrivals.len()] },
        spent: Spent { activations: trace.arrivals.len() as u64, ..Spent::default() },
        used: 0,
        free: BTreeMap::new(),
        of_function: vec![Vec::new(); trace.functions.len()],
        uses: vec![0; trace.functions.len()],
        freed: 0,
        floor: 0.0,
    };
    let mut ends = Agenda::new();
    for (number, arrival) in trace.arrivals.iter().enumerate() {
        while let Some((at, ended)) = ends.pop_due(arrival.at) {
            room.put(at, ended);
        }
        room.expire(arrival.at);
        room.take(arrival.at, arrival.function, memory);
        ends.at(arrival.at + arrival.run, number);
    }
    while let Some((at, ended)) = ends.pop_due(trace.end) {
        room.put(at, ended);
    }
    room.expire(trace.end);
    for container in std::mem::take(&mut room.free).into_values() {
        room.held(&container, trace.end);
    }
    room.spent
}

impl Room<'_> {
    /// An activation has ended.
    fn put(&mut self, now: Instant, ended: usize) {
        let function = self.trace.arrivals[ended].function;
        let about = &self.trace.functions[function];
        let worth = self.floor + f64::from(self.uses[function]) * about.start.as_secs_f64() / about.gb();
        self.freed += 1;
        self.of_function[function].push(self.freed);
        let free = Free { function, since: now, next: self.next_uses[ended], worth };
        self.free.insert(self.freed, free);
    }

    /// Those go that were kept for as long as they are.
    fn expire(&mut self, now: Instant) {
        let Evicting::LeastRecent { kept } = self.evicting else { return };
        while let Some((&number, free)) = self.free.first_key_value() {
            let until = free.since + kept;
            if until >= now {
                return;
            }
            self.remove(number, until);
        }
    }

    /// A container for an activation: a free one, or a new one in the place of others.
    fn take(&mut self, now: Instant, function: usize, memory: u64) {
        self.uses[function] = self.uses[function].saturating_add(1);
        if let Some(&number) = self.of_function[function].last() {
            self.of_function[function].pop();
            if let Some(free) = self.free.remove(&number) {
                self.held(&free, now);
            }
            return;
        }
        let about = self.trace.functions[function];
        while self.used + about.memory > memory {
            let Some(victim) = self.victim(now) else {
                self.spent.crowded += 1;
                break;
            };
            self.remove(victim, now);
        }
        self.used += about.memory;
        self.spent.start(&about);
    }

    fn victim(&mut self, now: Instant) -> Option<u64> {
        if let Evicting::LeastRecent { .. } = self.evicting {
            return self.free.first_key_value().map(|(number, _)| *number);
        }
        let rank = |free: &Free| match (self.evicting, free.next) {
            (Evicting::Clairvoyant, None) => f64::NEG_INFINITY,
            (Evicting::Clairvoyant, Some(next)) => {
                -(next - now).as_secs_f64() * self.trace.functions[free.function].gb()
            }
            _ => free.worth,
        };
        let least = self.free.iter().min_by(|(_, a), (_, b)| rank(a).total_cmp(&rank(b)));
        let (number, worth) = least.map(|(number, free)| (*number, free.worth))?;
        self.floor = self.floor.max(worth);
        Some(number)
    }

    fn remove(&mut self, number: u64, now: Instant) {
        let Some(free) = self.free.remove(&number) else { return };
        self.held(&free, now);
        self.used -= self.trace.functions[free.function].memory;
        let others = &mut self.of_function[free.function];
        others.retain(|other| *other != number);
        // A function is as good as new once the last of its containers has gone.
        if others.is_empty() {
            self.uses[free.function] = 0;
        }
    }

    fn held(&mut self, free: &Free, now: Instant) {
        self.spent.hold(&self.trace.functions[free.function], (now - free.since).as_secs_f64());
    }
}
