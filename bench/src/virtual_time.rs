//! Time that passes as fast as it can be computed: what happens next, and random numbers that a seed determines. What is
//! measured in it is the same in every run, on every machine.

use machine::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is to happen, the earliest first; of the same instant, what was noted first.
#[derive(Clone, Debug)]
pub struct Agenda<T> {
    items: BTreeMap<(Instant, u64), T>,
    noted: u64,
}

impl<T> Agenda<T> {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Agenda<T> {
        Agenda { items: BTreeMap::new(), noted: 0 }
    }

    /// Notes what is to happen then.
    pub fn at(&mut self, when: Instant, what: T) {
        self.noted += 1;
        self.items.insert((when, self.noted), what);
    }

    /// When something happens next.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.items.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out what happens next, if it does not happen after `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, T)> {
        let first = self.items.first_entry().filter(|first| first.key().0 <= now)?;
        let ((at, _), what) = first.remove_entry();
        Some((at, what))
    }
}

impl<T> Default for Agenda<T> {
    fn default() -> Agenda<T> {
        Agenda::new()
    }
}

/// Random numbers that a seed determines (`splitmix64`).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to 1, which is not reached.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a number of that type holds")]
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From one to the other, evenly.
    pub fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.unit()
    }

    /// The time between two things that happen at random, so long on average.
    pub fn gap(&mut self, mean: f64) -> f64 {
        -(1.0 - self.unit()).ln() * mean
    }

    /// One of them.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.draw() % from.len() as u64;
        from[usize::try_from(index).unwrap_or_default()]
    }
}

/// A time in seconds, which is never below zero.
#[must_use]
pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_of_the_same_instant_what_was_noted_first() {
        let mut agenda = Agenda::new();
        for (millis, what) in [(2, "c"), (1, "a"), (1, "b")] {
            agenda.at(Instant::from_millis(millis), what);
        }
        let mut next = |millis| agenda.pop_due(Instant::from_millis(millis)).map(|(_, what)| what);
        assert_eq!([next(1), next(1), next(1), next(2)], [Some("a"), Some("b"), None, Some("c")]);
    }

    #[test]
    fn random_gaps_have_their_mean_and_a_seed_gives_the_same_again() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            (0..10_000).map(|_| rng.gap(3.0)).sum::<f64>() / 10_000.0
        };
        assert!((draw(1) - 3.0).abs() < 0.2 && draw(1).total_cmp(&draw(1)).is_eq());
    }
}
