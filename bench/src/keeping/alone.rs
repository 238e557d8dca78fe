//! Policies that keep each container for a time of its own, with memory for all.

use super::Spent;
use super::traces::{Function, Trace};
use crate::virtual_time::Agenda;
use machine::Instant;
use std::time::Duration;

/// For how long a container is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keeping {
    /// Always as long.
    Fixed(Duration),
    /// As long as the gaps of its function were, 99 of 100, as Shahrad et al. (ATC 2020) do; where they say little, for ten
    /// minutes, and where most are longer than four hours, not at all. Nothing is started ahead of time.
    Histogram,
    /// Until keeping has cost what a start does.
    BreakEven {
        /// Seconds of waiting that a GB·s counts for.
        price: f64,
    },
    /// Knows when each container is needed next, and keeps it where that is cheaper than a start: the exact optimum.
    Clairvoyant {
        /// Seconds of waiting that a GB·s counts for.
        price: f64,
    },
}

/// Where a histogram says little.
const FALLBACK: Duration = Duration::from_secs(600);
/// Minutes that a histogram looks back over.
const BINS: usize = 240;
/// The least gaps that say something.
const ENOUGH: u64 = 10;
/// How uneven a histogram must be to say something: the standard deviation of its bins over their mean.
const UNEVEN: f64 = 2.0;
/// How much longer than the gaps a container is kept.
const MARGIN: f64 = 1.1;

/// A free container: since when, until when it is kept.
#[derive(Clone, Copy, Debug)]
struct Free {
    since: Instant,
    until: Instant,
}

/// What a policy has come to on a trace.
#[must_use]
pub fn spend(trace: &Trace, keeping: Keeping) -> Spent {
    let next_uses =
        if matches!(keeping, Keeping::Clairvoyant { .. }) { trace.next_uses() } else { Vec::new() };
    let mut spent = Spent { activations: trace.arrivals.len() as u64, ..Spent::default() };
    let mut ends = Agenda::new();
    let mut free: Vec<Vec<Free>> = vec![Vec::new(); trace.functions.len()];
    let mut known: Vec<Known> = trace.functions.iter().map(|_| Known::default()).collect();
    let freed = |now: Instant, ends: &mut Agenda<usize>, free: &mut Vec<Vec<Free>>, known: &mut [Known]| {
        while let Some((since, ended)) = ends.pop_due(now) {
            let number = trace.arrivals[ended].function;
            let function = &trace.functions[number];
            let until = match keeping {
                Keeping::Fixed(time) => since + time,
                Keeping::Histogram => since + known[number].kept(),
                Keeping::BreakEven { price } => since + break_even(function, price),
                // It is needed then, or goes at once.
                Keeping::Clairvoyant { price } => {
                    let until = since + break_even(function, price);
                    next_uses[ended].filter(|next| *next <= until).unwrap_or(since)
                }
            };
            known[number].last = Some(since);
            free[number].push(Free { since, until });
        }
    };
    for (number, arrival) in trace.arrivals.iter().enumerate() {
        freed(arrival.at, &mut ends, &mut free, &mut known);
        let function = &trace.functions[arrival.function];
        let there = &mut free[arrival.function];
        there.retain(|container| {
            let stays = container.until >= arrival.at;
            if !stays {
                spent.hold(function, (container.until - container.since).as_secs_f64());
            }
            stays
        });
        match there.pop() {
            Some(container) => spent.hold(function, (arrival.at - container.since).as_secs_f64()),
            None => spent.start(function),
        }
        known[arrival.function].called(arrival.at);
        ends.at(arrival.at + arrival.run, number);
    }
    freed(trace.end, &mut ends, &mut free, &mut known);
    for (function, there) in trace.functions.iter().zip(&free) {
        for container in there {
            spent.hold(function, (container.until.min(trace.end) - container.since).as_secs_f64());
        }
    }
    spent
}

/// The fixed time with which as much memory is held for nothing as that.
#[must_use]
pub fn fixed_with_idle(trace: &Trace, idle: f64) -> Duration {
    let (mut low, mut high) = (Duration::ZERO, trace.end - Instant::ZERO);
    for _ in 0..24 {
        let middle = (low + high) / 2;
        if spend(trace, Keeping::Fixed(middle)).idle < idle {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// For how long keeping is cheaper than a start.
fn break_even(function: &Function, price: f64) -> Duration {
    Duration::try_from_secs_f64(function.start.as_secs_f64() / (price * function.gb()))
        .unwrap_or(Duration::MAX)
}

/// What is known of the gaps of a function.
#[derive(Debug)]
struct Known {
    /// When the last run ended.
    last: Option<Instant>,
    minutes: [u64; BINS],
    squares: u64,
    within: u64,
    beyond: u64,
}

impl Default for Known {
    fn default() -> Known {
        Known { last: None, minutes: [0; BINS], squares: 0, within: 0, beyond: 0 }
    }
}

impl Known {
    fn called(&mut self, now: Instant) {
        let Some(last) = self.last.take() else { return };
        let minute = usize::try_from((now - last).as_secs() / 60).unwrap_or(BINS);
        match self.minutes.get_mut(minute) {
            Some(count) => {
                self.squares += 2 * *count + 1;
                *count += 1;
                self.within += 1;
            }
            None => self.beyond += 1,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn kept(&self) -> Duration {
        if self.within + self.beyond < ENOUGH {
            return FALLBACK;
        }
        if self.beyond > self.within {
            return Duration::ZERO;
        }
        let mean = self.within as f64 / BINS as f64;
        let variance = self.squares as f64 / BINS as f64 - mean * mean;
        if variance.max(0.0).sqrt() < UNEVEN * mean {
            return FALLBACK;
        }
        let mut left = self.within * 99 / 100;
        for (minute, count) in self.minutes.iter().enumerate() {
            if *count > left {
                return Duration::from_secs(60 * (minute as u64 + 1)).mul_f64(MARGIN);
            }
            left -= count;
        }
        FALLBACK
    }
}
