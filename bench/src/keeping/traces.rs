//! Made-up traces in the style of those that providers have published: few functions get most activations, many are called
//! less often than once in an hour; some by timers, some at random, some in bursts.

use crate::virtual_time::{Agenda, Rng, seconds};
use machine::Instant;
use std::time::Duration;

/// By which law a few functions get most activations: with 500 functions and two activations a second, four of five are
/// called less often than every twenty minutes.
const SKEW: f64 = 1.5;
/// MB of a function.
const MEMORY: [u64; 5] = [128, 128, 256, 256, 512];
/// Between which seconds a start takes; evenly in powers of ten.
const START: (f64, f64) = (0.05, 2.0);
/// The same for the mean run.
const RUN: (f64, f64) = (0.01, 2.0);
/// Minutes between two calls by a timer.
const PERIODS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 360.0, 720.0];
/// How many activations a burst has on average, and how many seconds are between them.
const BURST: (f64, f64) = (8.0, 0.5);

/// What a trace is like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many functions there are.
    pub functions: usize,
    /// How many activations come in a second, of all functions together.
    pub rate: f64,
    /// For how long.
    pub hours: u64,
}

/// A function, as far as its containers go.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The memory of a container, in MB.
    pub memory: u64,
    /// How long it takes to start.
    pub start: Duration,
}

/// An activation.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When it comes.
    pub at: Instant,
    /// For which function.
    pub function: usize,
    /// How long it runs.
    pub run: Duration,
}

/// A whole trace.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The functions.
    pub functions: Vec<Function>,
    /// The activations in their order.
    pub arrivals: Vec<Arrival>,
    /// When it ends.
    pub end: Instant,
}

/// How a function is called.
#[derive(Clone, Copy, Debug)]
enum Caller {
    Random,
    Timer,
    Bursts,
}

impl Function {
    /// The memory of a container, in GB.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    #[must_use]
    pub fn gb(&self) -> f64 {
        self.memory as f64 / 1024.0
    }
}

impl Trace {
    /// The trace of a seed.
    #[must_use]
    pub fn new(seed: u64, shape: &Shape) -> Trace {
        let mut rng = Rng::new(seed);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let length = (shape.hours * 3600) as f64;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let share = |rank: usize| (rank as f64).powf(-SKEW);
        let whole: f64 = (1..=shape.functions).map(share).sum();
        let (mut functions, mut arrivals) = (Vec::new(), Vec::new());
        for function in 0..shape.functions {
            let mean_gap = whole / share(function + 1) / shape.rate;
            let start = seconds(power(&mut rng, START));
            functions.push(Function { memory: rng.pick(&MEMORY), start });
            let mean_run = power(&mut rng, RUN);
            for at in calls(&mut rng, mean_gap, length) {
                let run = seconds(mean_run * rng.between(0.5, 1.5));
                arrivals.push(Arrival { at: Instant::ZERO + seconds(at), function, run });
            }
        }
        arrivals.sort_by_key(|arrival| (arrival.at, arrival.function));
        Trace { functions, arrivals, end: Instant::ZERO + seconds(length) }
    }

    /// For each activation: when its container is needed again, where each function takes the container that became free
    /// last. `None`: never.
    ///
    /// What a gap costs grows ever more slowly with its length, so no other way of choosing containers is cheaper.
    #[must_use]
    pub fn next_uses(&self) -> Vec<Option<Instant>> {
        let mut next = vec![None; self.arrivals.len()];
        let mut ends = Agenda::new();
        let mut free: Vec<Vec<usize>> = vec![Vec::new(); self.functions.len()];
        for (number, arrival) in self.arrivals.iter().enumerate() {
            while let Some((_, ended)) = ends.pop_due(arrival.at) {
                let ended: usize = ended;
                free[self.arrivals[ended].function].push(ended);
            }
            if let Some(last) = free[arrival.function].pop() {
                next[last] = Some(arrival.at);
            }
            ends.at(arrival.at + arrival.run, number);
        }
        next
    }
}

/// Evenly in powers of ten.
fn power(rng: &mut Rng, (least, most): (f64, f64)) -> f64 {
    least * (most / least).powf(rng.unit())
}

/// When a function is called, in seconds.
fn calls(rng: &mut Rng, mean_gap: f64, length: f64) -> Vec<f64> {
    let caller = rng.pick(&[Caller::Random, Caller::Random, Caller::Timer, Caller::Bursts]);
    let mut calls = Vec::new();
    let (size, pause) = BURST;
    let period = nearest(mean_gap);
    let mut at = match caller {
        Caller::Random => rng.gap(mean_gap),
        Caller::Timer => rng.between(0.0, period),
        Caller::Bursts => rng.gap(mean_gap * size),
    };
    while at < length {
        match caller {
            Caller::Random => {
                calls.push(at);
                at += rng.gap(mean_gap);
            }
            Caller::Timer => {
                // A timer is a little late now and then.
                calls.push(at + rng.between(0.0, 0.2));
                at += period;
            }
            Caller::Bursts => {
                let mut within = at;
                while within < length {
                    calls.push(within);
                    within += rng.gap(pause);
                    if rng.unit() < 1.0 / size {
                        break;
                    }
                }
                at += rng.gap(mean_gap * size);
            }
        }
    }
    calls
}

/// The usual period that is nearest, in seconds.
fn nearest(gap: f64) -> f64 {
    let distance = |minutes: &f64| (minutes * 60.0 / gap).ln().abs();
    let periods = PERIODS.iter().copied();
    60.0 * periods.min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_functions_get_most_activations_and_most_are_called_rarely() {
        let trace = Trace::new(3, &Shape { functions: 500, rate: 2.0, hours: 12 });
        let mut counts = vec![0_usize; 500];
        for arrival in &trace.arrivals {
            counts[arrival.function] += 1;
        }
        counts.sort_unstable();
        let rarely = counts.iter().filter(|count| **count <= 12 * 3).count();
        let most: usize = counts[450..].iter().sum();
        assert!(most * 10 > trace.arrivals.len() * 8, "{most} of {}", trace.arrivals.len());
        assert!(rarely > 300, "{rarely} functions are called at most every twenty minutes");
    }

    #[test]
    fn the_container_that_became_free_last_is_taken() {
        let arrival =
            |at, run| Arrival { at: Instant::from_millis(at), function: 0, run: Duration::from_millis(run) };
        let functions = vec![Function { memory: 128, start: Duration::ZERO }];
        let arrivals = vec![arrival(0, 10), arrival(1, 50), arrival(100, 1), arrival(100, 1)];
        let trace = Trace { functions, arrivals, end: Instant::from_millis(200) };
        let at = Some(Instant::from_millis(100));
        assert_eq!(trace.next_uses(), [at, at, None, None]);
    }
}
