//! Y10, B21, B22: how long containers are kept that have nothing to do. Traces are made up, time is virtual, and the policies of
//! others stand beside our own, which is the invoker's own machines.
//!
//! In all of them a container that is free takes an activation of its function, the one that was used last; else one is
//! started. A start costs time, but does not move the runs, so that every policy sees the same gaps and the best one can be
//! computed exactly.

pub mod alone;
pub mod capped;
pub mod ours;
pub mod traces;

/// What keeping and starting containers has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Activations.
    pub activations: u64,
    /// Those that had to wait for a start.
    pub cold: u64,
    /// The seconds that they waited.
    pub waited: f64,
    /// Memory by the time for which it was held for nothing, in GB·s.
    pub idle: f64,
    /// Activations for which there was no memory, because others were running.
    pub crowded: u64,
}

impl Spent {
    /// Both in one figure, in seconds: a GB·s of idle memory counts for so many seconds of waiting.
    #[must_use]
    pub fn cost(&self, price: f64) -> f64 {
        self.waited + price * self.idle
    }

    /// How many of a thousand activations had to wait.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    #[must_use]
    pub fn cold_of_thousand(&self) -> f64 {
        self.cold as f64 * 1000.0 / self.activations.max(1) as f64
    }

    fn start(&mut self, function: &traces::Function) {
        self.cold += 1;
        self.waited += function.start.as_secs_f64();
    }

    fn hold(&mut self, function: &traces::Function, seconds: f64) {
        self.idle += function.gb() * seconds.max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::alone::{Keeping, spend};
    use super::traces::{Arrival, Function, Shape, Trace};
    use super::{Spent, capped, ours};
    use machine::Instant;
    use std::time::Duration;

    const PRICE: f64 = 1.0 / 300.0;

    fn trace() -> Trace {
        Trace::new(7, &Shape { functions: 60, rate: 0.5, hours: 4 })
    }

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-6 * one.abs().max(other.abs()).max(1.0)
    }

    /// One function of 1024 MB that takes a second to start, called at those seconds for a tenth of a second each.
    fn calls(seconds: &[u64]) -> Trace {
        let arrival = |second: &u64| Arrival {
            at: Instant::from_millis(second * 1000),
            function: 0,
            run: Duration::from_millis(100),
        };
        Trace {
            functions: vec![Function { memory: 1024, start: Duration::from_secs(1) }],
            arrivals: seconds.iter().map(arrival).collect(),
            end: Instant::from_millis(1_000_000),
        }
    }

    #[test]
    fn nothing_is_cheaper_than_the_clairvoyant() {
        let trace = trace();
        let best = spend(&trace, Keeping::Clairvoyant { price: PRICE }).cost(PRICE);
        let fixed = [0, 1, 60, 600, 3600].map(|seconds| Keeping::Fixed(Duration::from_secs(seconds)));
        for keeping in fixed.into_iter().chain([Keeping::Histogram, Keeping::BreakEven { price: PRICE }]) {
            assert!(spend(&trace, keeping).cost(PRICE) >= best, "{keeping:?}");
        }
    }

    #[test]
    fn keeping_for_as_long_as_a_start_is_worth_costs_at_most_twice_the_best() {
        let trace = trace();
        let best = spend(&trace, Keeping::Clairvoyant { price: PRICE });
        // The first start of a container cannot be avoided, so it is part of both.
        let even = spend(&trace, Keeping::BreakEven { price: PRICE });
        let last = trace.functions.len() as f64 * 2.0;
        assert!(even.cost(PRICE) <= 2.0 * best.cost(PRICE) + last, "{even:?} {best:?}");
    }

    #[test]
    fn the_clairvoyant_keeps_where_that_is_cheaper_and_knows_the_last_use() {
        // With a second for 10 GB·s, a gap of 5 s is worth keeping, one of 20 s is not, and nothing after the last.
        let spent = spend(&calls(&[0, 5, 25]), Keeping::Clairvoyant { price: 0.1 });
        assert!((spent.cold, near(spent.idle, 4.9)) == (2, true), "{spent:?}");
        let fixed = spend(&calls(&[0, 5, 25]), Keeping::Fixed(Duration::from_secs(10)));
        assert!((fixed.cold, near(fixed.idle, 24.9)) == (2, true), "{fixed:?}");
    }

    /// What the server really does is what `invoker.pause_grace` and `invoker.idle_container` say together.
    #[test]
    fn the_machines_of_the_invoker_keep_for_a_fixed_time() {
        let config = engine::proxy::Config::default();
        let (trace, time) = (trace(), config.pause_grace + config.idle_container);
        let ours = ours::spend(&trace, ours::UNLIMITED, config).unwrap();
        let fixed = spend(&trace, Keeping::Fixed(time));
        assert_eq!((ours.cold, ours.activations, ours.crowded), (fixed.cold, fixed.activations, 0));
        assert!(near(ours.idle, fixed.idle) && near(ours.waited, fixed.waited), "{ours:?} {fixed:?}");
    }

    #[test]
    fn with_little_memory_the_machines_evict_what_was_used_longest_ago() {
        let trace = trace();
        let config = engine::proxy::Config::default();
        let kept = config.pause_grace + config.idle_container;
        let least = capped::busiest(&trace) * 2;
        let ours = ours::spend(&trace, least, config).unwrap();
        let lru = capped::spend(&trace, least, capped::Evicting::LeastRecent { kept });
        let free = ours::spend(&trace, ours::UNLIMITED, config).unwrap();
        assert!(ours.cold > free.cold && ours.idle < free.idle, "{ours:?} {free:?}");
        // The order of those that became free in the same instant is not the same, nor is 100 ms of rest.
        let ratio = ours.cold as f64 / lru.cold as f64;
        assert!((0.97..1.03).contains(&ratio), "{ours:?} {lru:?}");
    }

    #[test]
    fn who_knows_what_comes_starts_the_fewest_with_little_memory() {
        let trace = trace();
        let least = capped::busiest(&trace) * 2;
        let cold = |evicting| capped::spend(&trace, least, evicting).cold;
        let forever = Duration::from_secs(1 << 30);
        let knowing = cold(capped::Evicting::Clairvoyant);
        assert!(knowing < cold(capped::Evicting::GreedyDual));
        assert!(knowing < cold(capped::Evicting::LeastRecent { kept: forever }));
    }

    #[test]
    fn the_same_seed_gives_the_same_and_another_one_something_else() {
        let of = |seed| {
            let trace = Trace::new(seed, &Shape { functions: 20, rate: 0.1, hours: 2 });
            spend(&trace, Keeping::Histogram)
        };
        assert!(of(1) == of(1) && of(1) != of(2) && of(1) != Spent::default());
    }
}
