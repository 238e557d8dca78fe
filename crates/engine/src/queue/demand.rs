use machine::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// Over how long arrivals are counted.
const WINDOW: Duration = Duration::from_secs(1);
/// The longest run that counts as such.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// What was measured: how often activations come, how long runs and starts take.
#[derive(Debug)]
pub(super) struct Demand {
    arrivals: Arrivals,
    runs: Mean,
    history: Option<Duration>,
    /// When the first run began, as long as none has ended.
    first_run: Option<Instant>,
    last_run: Instant,
    /// How long a start is taken to be as long as none was seen to its end.
    expected_start: Duration,
    start: Estimate,
    /// How long the action's own code takes to be loaded; `None` before a run has ended.
    init: Option<Estimate>,
    resume: Estimate,
}

impl Demand {
    pub(super) fn new(durations: usize, start: Duration, resume: Duration) -> Demand {
        Demand {
            arrivals: Arrivals::default(),
            runs: Mean::new(durations),
            history: None,
            first_run: None,
            last_run: Instant::ZERO,
            expected_start: start,
            start: Estimate::Guess(start),
            init: None,
            resume: Estimate::Guess(resume),
        }
    }

    pub(super) fn arrived(&mut self, now: Instant) {
        self.arrivals.count(now);
    }

    /// Arrivals in a second.
    pub(super) fn arrivals(&mut self, now: Instant) -> f64 {
        self.arrivals.rate(now)
    }

    pub(super) fn dispatched(&mut self, now: Instant) {
        self.last_run = now;
        if self.first_run.is_none() {
            self.first_run = Some(now);
        }
    }

    /// When the last run began.
    pub(super) const fn last_run(&self) -> Instant {
        self.last_run
    }

    pub(super) fn finished(&mut self, run: Duration) {
        self.runs.add(run);
    }

    /// What the records say, until runs are measured.
    pub(super) fn remember(&mut self, run: Duration) {
        self.history = Some(run);
    }

    /// The mean duration of a run.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.runs.mean().or(self.history)
    }

    /// How long the first run has taken so far.
    pub(super) fn running_for(&self, now: Instant) -> Duration {
        self.first_run.map_or(Duration::ZERO, |since| now - since)
    }

    /// A new revision may take longer or shorter; what is known of the old one is the best guess.
    pub(super) fn new_revision(&mut self) {
        self.history = self.duration();
        self.runs.clear();
        self.first_run = None;
    }

    /// A container was provided.
    pub(super) fn provided(&mut self, took: Duration, resumed: bool) {
        let estimate = if resumed { &mut self.resume } else { &mut self.start };
        estimate.add(took);
    }

    /// A run has ended, before which its container had to initialise for so long, if it had to.
    pub(super) fn initialised(&mut self, init: Option<Duration>) {
        let estimate = self.init.get_or_insert(Estimate::Guess(Duration::ZERO));
        if let Some(init) = init {
            estimate.add(init);
        }
    }

    /// How long a start is expected to take, until the container can run something.
    pub(super) fn start(&self) -> Duration {
        match self.init {
            Some(init) => self.start.value() + init.value(),
            // A sandbox may be at hand at once and initialise for long.
            None => self.start.value().max(self.expected_start),
        }
    }

    /// How long waking a paused container is expected to take.
    pub(super) const fn resume(&self) -> Duration {
        self.resume.value()
    }
}

/// A time that was guessed, or the mean of those that were measured, in which the latest counts most.
#[derive(Clone, Copy, Debug)]
enum Estimate {
    Guess(Duration),
    Mean(Duration),
}

impl Estimate {
    fn add(&mut self, measured: Duration) {
        *self = Estimate::Mean(match *self {
            Estimate::Guess(_) => measured,
            Estimate::Mean(mean) => (mean * 3 + measured) / 4,
        });
    }

    const fn value(self) -> Duration {
        match self {
            Estimate::Guess(time) | Estimate::Mean(time) => time,
        }
    }
}

/// Arrivals in this window and the one before.
#[derive(Debug, Default)]
struct Arrivals {
    since: Instant,
    current: u32,
    previous: u32,
}

impl Arrivals {
    fn count(&mut self, now: Instant) {
        self.turn(now);
        self.current = self.current.saturating_add(1);
    }

    /// The window before counts for the part of it that still lies within the last second.
    fn rate(&mut self, now: Instant) -> f64 {
        self.turn(now);
        let part = (now - self.since).as_secs_f64() / WINDOW.as_secs_f64();
        (f64::from(self.previous) * (1.0 - part) + f64::from(self.current)) / WINDOW.as_secs_f64()
    }

    fn turn(&mut self, now: Instant) {
        let passed = now - self.since;
        if passed < WINDOW {
            return;
        }
        self.previous = if passed < WINDOW * 2 { self.current } else { 0 };
        self.current = 0;
        self.since = if passed < WINDOW * 2 { self.since + WINDOW } else { now };
    }
}

/// The mean of the last few values, in nanoseconds. The sum is taken of exactly what is kept.
#[derive(Debug)]
struct Mean {
    kept: VecDeque<u64>,
    sum: u64,
    most: usize,
}

impl Mean {
    fn new(most: usize) -> Mean {
        let most = most.max(1);
        Mean { kept: VecDeque::with_capacity(most), sum: 0, most }
    }

    fn add(&mut self, value: Duration) {
        if self.kept.len() == self.most {
            self.sum -= self.kept.pop_front().unwrap_or_default();
        }
        // No run takes a year; the bound keeps the sum from overflowing.
        let nanos = value.min(LONGEST).as_nanos() as u64;
        self.kept.push_back(nanos);
        self.sum += nanos;
    }

    fn mean(&self) -> Option<Duration> {
        let count = self.kept.len() as u64;
        (count > 0).then(|| Duration::from_nanos(self.sum / count))
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.sum = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Upstream kept the extremes of samples that had left the window, and its mean became negative.
        #[test]
        fn upstream_5396_the_mean_lies_between_the_kept_values(values in prop::collection::vec(0_u64..10_000, 1..60)) {
            let mut mean = Mean::new(10);
            for value in &values {
                mean.add(Duration::from_millis(*value));
            }
            let kept = &values[values.len().saturating_sub(10)..];
            let expected: u64 = kept.iter().sum::<u64>() * 1_000_000 / kept.len() as u64;
            prop_assert_eq!(mean.mean().unwrap().as_nanos() as u64, expected);
        }
    }

    #[test]
    fn arrivals_fade_within_two_windows() {
        let mut arrivals = Arrivals::default();
        for millis in 0..1000 {
            arrivals.count(Instant::from_millis(10_000 + millis));
        }
        let rate = |arrivals: &mut Arrivals, millis| arrivals.rate(Instant::from_millis(millis));
        assert!((rate(&mut arrivals, 11_000) - 1000.0).abs() < 2.0);
        assert!((rate(&mut arrivals, 11_500) - 500.0).abs() < 2.0);
        assert!(rate(&mut arrivals, 12_100) < 1.0);
    }
}
