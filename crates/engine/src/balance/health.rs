//! How one invoker is, as a controller judges by its pings and by how its activations end (scheduler D2).

use super::Verdict;
use machine::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// So many ends of activations count.
const RING: usize = 10;
/// More bad ones than this among them, and the invoker gets no more work.
const TOLERATED: usize = 3;
/// After so long without a ping an invoker is offline.
pub const SILENCE: Duration = Duration::from_secs(10);
/// How often an invoker is tested that gets no work.
pub const TEST_EVERY: Duration = Duration::from_secs(60);

/// How an invoker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// It gets work.
    Healthy,
    /// The platform failed there too often, or nothing has shown yet that it works.
    Unhealthy,
    /// Too often nothing was heard of what it was given.
    Unresponsive,
    /// It does not say that it is there, or says that it takes nothing.
    Offline,
}

impl Health {
    /// As upstream's controllers call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Health::Healthy => "up",
            Health::Unhealthy => "unhealthy",
            Health::Unresponsive => "unresponsive",
            Health::Offline => "down",
        }
    }

    /// Whether it gets work.
    #[must_use]
    pub const fn is_usable(self) -> bool {
        matches!(self, Health::Healthy)
    }

    const fn is_tested(self) -> bool {
        matches!(self, Health::Unhealthy | Health::Unresponsive)
    }
}

/// One invoker under supervision.
#[derive(Clone, Debug)]
pub(super) struct Supervised {
    health: Health,
    /// What others were told that it is.
    told: Health,
    /// The newest verdicts, the oldest first.
    ring: VecDeque<Verdict>,
    pinged: Instant,
    /// When it is tested next, while it is.
    test_at: Option<Instant>,
}

impl Supervised {
    /// One that is trusted to work from the start: whoever starts it in this process has tried its container back end.
    pub(super) fn trusted(now: Instant) -> Supervised {
        let (health, told) = (Health::Healthy, Health::Healthy);
        Supervised { health, told, ring: VecDeque::new(), pinged: now, test_at: None }
    }

    /// One that must show first that it works, as upstream's: its first ping finds it unhealthy.
    pub(super) fn unproven(now: Instant) -> Supervised {
        Supervised { health: Health::Unhealthy, test_at: Some(now), ..Supervised::trusted(now) }
    }

    pub(super) const fn health(&self) -> Health {
        self.health
    }

    /// It says that it is there, and whether it takes work.
    pub(super) fn ping(&mut self, now: Instant, enabled: bool) {
        self.pinged = now;
        match self.health {
            Health::Offline if enabled => self.become_(now, Health::Unhealthy),
            _ if !enabled => self.become_(now, Health::Offline),
            _ => {}
        }
    }

    /// One of its activations has ended; answers whether it is to be tested at once.
    pub(super) fn verdict(&mut self, now: Instant, verdict: Verdict) -> bool {
        if self.ring.len() == RING {
            self.ring.pop_front();
        }
        self.ring.push_back(verdict);
        // Each test that succeeds takes one failure out of the ring, so one leads to the next.
        let again = verdict == Verdict::Success && self.health == Health::Unhealthy;
        if self.health != Health::Offline {
            self.become_(now, self.judged(verdict));
        }
        again && self.health != Health::Healthy
    }

    /// What it has become since this was asked last, if it is another than then.
    pub(super) fn take_change(&mut self) -> Option<Health> {
        let changed = std::mem::replace(&mut self.told, self.health) != self.health;
        changed.then_some(self.health)
    }

    /// Looks at the time; answers whether it is to be tested.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        if self.health != Health::Offline && now - self.pinged >= SILENCE {
            self.become_(now, Health::Offline);
        }
        let due = self.test_at.is_some_and(|at| at <= now);
        if due {
            self.test_at = Some(now + TEST_EVERY);
        }
        due
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let silent = (self.health != Health::Offline).then_some(self.pinged + SILENCE);
        [silent, self.test_at].into_iter().flatten().min()
    }

    fn judged(&self, newest: Verdict) -> Health {
        let count = |verdict| self.ring.iter().filter(|one| **one == verdict).count();
        if count(Verdict::SystemError) > TOLERATED {
            return Health::Unhealthy;
        }
        if count(Verdict::Timeout) > TOLERATED {
            return Health::Unresponsive;
        }
        let few = self.ring.len() <= TOLERATED;
        match newest {
            Verdict::SystemError if few => Health::Unhealthy,
            Verdict::Timeout if few => Health::Unresponsive,
            Verdict::Success | Verdict::SystemError | Verdict::Timeout => Health::Healthy,
        }
    }

    fn become_(&mut self, now: Instant, health: Health) {
        if self.health == health {
            return;
        }
        self.health = health;
        self.test_at = health.is_tested().then_some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Instant = Instant::ZERO;

    fn after(invoker: &mut Supervised, verdicts: &[(Verdict, usize)]) -> Health {
        for (verdict, times) in verdicts {
            (0..*times).for_each(|_| {
                invoker.verdict(T0, *verdict);
            });
        }
        invoker.health()
    }

    #[test]
    fn d2_an_unproven_invoker_is_tested_until_it_succeeds() {
        let mut invoker = Supervised::unproven(T0);
        assert_eq!(invoker.health(), Health::Unhealthy);
        assert!(invoker.tick(T0));
        assert!(!invoker.tick(T0), "once, and then every minute");
        let minute = T0 + TEST_EVERY;
        invoker.ping(minute, true);
        assert!(invoker.tick(minute));
        assert!(!invoker.verdict(minute, Verdict::Success), "it is healthy: no further test");
        assert_eq!(invoker.health(), Health::Healthy);
        assert!(!invoker.tick(minute + (SILENCE - Duration::from_millis(1))));
    }

    #[test]
    fn d2_more_than_three_errors_of_ten_are_too_many() {
        let mut invoker = Supervised::trusted(T0);
        assert_eq!(after(&mut invoker, &[(Verdict::Success, 7), (Verdict::SystemError, 3)]), Health::Healthy);
        assert_eq!(after(&mut invoker, &[(Verdict::SystemError, 1)]), Health::Unhealthy);
        assert!(invoker.tick(T0), "it is tested at once");
        // The errors must leave the ring; each success asks for the next test until then.
        for _ in 0..6 {
            assert!(invoker.verdict(T0, Verdict::Success));
        }
        assert!(!invoker.verdict(T0, Verdict::Success));
        assert_eq!(invoker.health(), Health::Healthy);
    }

    #[test]
    fn d2_more_than_three_timeouts_of_ten_make_it_unresponsive() {
        let mut invoker = Supervised::trusted(T0);
        assert_eq!(after(&mut invoker, &[(Verdict::Success, 4), (Verdict::Timeout, 3)]), Health::Healthy);
        assert_eq!(after(&mut invoker, &[(Verdict::Timeout, 1)]), Health::Unresponsive);
        assert!(!invoker.verdict(T0, Verdict::Success), "only an unhealthy one is tested again at once");
    }

    #[test]
    fn d2_with_few_results_one_error_is_enough() {
        let mut invoker = Supervised::trusted(T0);
        assert_eq!(
            after(&mut invoker, &[(Verdict::Success, 2), (Verdict::SystemError, 1)]),
            Health::Unhealthy
        );
        let mut invoker = Supervised::trusted(T0);
        assert_eq!(after(&mut invoker, &[(Verdict::Timeout, 1)]), Health::Unresponsive);
        assert_eq!(after(&mut invoker, &[(Verdict::Success, 3)]), Health::Healthy);
        let mut invoker = Supervised::trusted(T0);
        assert_eq!(after(&mut invoker, &[(Verdict::Success, 3), (Verdict::SystemError, 1)]), Health::Healthy);
    }

    #[test]
    fn d2_silence_and_a_refusal_make_it_offline_and_a_ping_unhealthy() {
        let mut invoker = Supervised::trusted(T0);
        assert!(!invoker.tick(T0 + (SILENCE - Duration::from_millis(1))));
        assert_eq!(invoker.health(), Health::Healthy);
        assert_eq!(invoker.next_deadline(), Some(T0 + SILENCE));
        assert!(!invoker.tick(T0 + SILENCE));
        assert_eq!(invoker.health(), Health::Offline);
        assert_eq!(
            after(&mut invoker, &[(Verdict::Success, 5)]),
            Health::Offline,
            "late results change nothing"
        );
        invoker.ping(T0 + SILENCE, false);
        assert_eq!(invoker.health(), Health::Offline);
        invoker.ping(T0 + SILENCE, true);
        assert_eq!(invoker.health(), Health::Unhealthy);
        assert!(invoker.tick(T0 + SILENCE));
        invoker.verdict(T0 + SILENCE, Verdict::Success);
        assert_eq!(invoker.health(), Health::Healthy);
        invoker.ping(T0 + SILENCE, false);
        assert_eq!(invoker.health(), Health::Offline);
    }
}
