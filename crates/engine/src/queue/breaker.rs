use super::config::BreakerConfig;
use crate::creation::StartFailure;
use machine::Instant;
use std::time::Duration;
use types::CreationFailure;

/// Holds creations back after failures, for one revision of the action: a container that cannot be made, or that
/// breaks on its first run, must not be ordered again and again at full speed (I14).
#[derive(Debug)]
pub(super) struct Breaker {
    /// Failed creations in a row.
    failures: u32,
    /// Broken containers in a row.
    crashes: u32,
    closed_until: Option<Instant>,
    last: Option<StartFailure>,
    /// Whether an activation has ended well.
    proven: bool,
    /// How many containers may be on order at a time until then: one, and one more for each that was made, so the
    /// number doubles from round to round.
    ramp: u32,
}

impl Breaker {
    pub(super) const fn new() -> Breaker {
        Breaker { failures: 0, crashes: 0, closed_until: None, last: None, proven: false, ramp: 1 }
    }

    pub(super) fn created(&mut self) {
        self.failures = 0;
        self.last = None;
        self.ramp = self.ramp.saturating_add(1);
        if self.crashes == 0 {
            self.closed_until = None;
        }
    }

    pub(super) fn finished_well(&mut self) {
        if self.proven && self.closed_until.is_none() {
            return;
        }
        *self = Breaker { proven: true, ramp: self.ramp, ..Breaker::new() };
    }

    pub(super) fn crashed(&mut self, now: Instant, config: &BreakerConfig) {
        self.crashes = self.crashes.saturating_add(1);
        // The next good run must clear the count.
        self.proven = false;
        self.ramp = 1;
        if let Some(excess) = self.crashes.checked_sub(config.free_crashes + 1) {
            let wait = doubled(config.first_wait, excess).min(config.longest_crash_wait);
            self.close_until(now + wait);
        }
    }

    /// A creation failed. Orders that were given together and fail together are one failure: a burst that finds no room
    /// says no more about the next order than a single one does.
    pub(super) fn failed(&mut self, now: Instant, failure: StartFailure, config: &BreakerConfig) {
        if !self.is_open(now) && self.last.is_some() {
            self.last = Some(failure);
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.proven = false;
        self.ramp = 1;
        let longest = match &failure {
            StartFailure::NoInvokers
            | StartFailure::Reported(CreationFailure::NoResources | CreationFailure::ShuttingDown) => {
                config.longest_wait_for_room
            }
            StartFailure::Timeout | StartFailure::Withdrawn | StartFailure::Reported(_) => {
                config.longest_wait
            }
        };
        let wait = doubled(config.first_wait, self.failures - 1).min(longest);
        self.close_until(now + wait);
        self.last = Some(failure);
    }

    /// Why the last creation failed, while no other one may be tried.
    pub(super) fn failure(&self, now: Instant) -> Option<&StartFailure> {
        self.last.as_ref().filter(|_| !self.is_open(now))
    }

    /// Whether the last creation failed.
    pub(super) const fn has_failed(&self) -> bool {
        self.last.is_some()
    }

    /// Whether what waits should not wait any longer for a container, when there is none.
    pub(super) fn gives_up(&self, config: &BreakerConfig) -> bool {
        self.last.as_ref().is_some_and(|failure| !failure.is_retryable())
            || self.failures >= config.give_up_after
    }

    /// Whether a container may be ordered now.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.closed_until.is_none_or(|until| now >= until)
    }

    /// Until when no container may be ordered.
    pub(super) const fn closed_until(&self) -> Option<Instant> {
        self.closed_until
    }

    /// How many containers may be on order at a time.
    pub(super) const fn ramp(&self) -> u32 {
        if self.proven { u32::MAX } else { self.ramp }
    }

    fn close_until(&mut self, until: Instant) {
        self.closed_until = self.closed_until.max(Some(until));
    }
}

/// `first` times two to the power of `times`, without overflow.
fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_that_fail_together_are_one_failure() {
        let config = BreakerConfig::default();
        let (mut breaker, now) = (Breaker::new(), Instant::from_millis(50));
        for _ in 0..20 {
            breaker.failed(now, StartFailure::Reported(CreationFailure::NoResources), &config);
        }
        assert_eq!(breaker.closed_until(), Some(now + config.first_wait));
        assert!(!breaker.gives_up(&config));
        let later = now + config.first_wait;
        breaker.failed(later, StartFailure::Timeout, &config);
        assert_eq!(breaker.closed_until(), Some(later + config.first_wait * 2));
    }

    #[test]
    fn want_of_room_does_not_shut_a_queue_for_long() {
        let config = BreakerConfig::default();
        let (mut breaker, mut now) = (Breaker::new(), Instant::from_millis(50));
        for _ in 0..10 {
            breaker.failed(now, StartFailure::NoInvokers, &config);
            let until = breaker.closed_until().unwrap();
            assert!(until <= now + config.longest_wait_for_room);
            now = until;
        }
        breaker.failed(now, StartFailure::Reported(CreationFailure::Platform(String::new())), &config);
        assert_eq!(breaker.closed_until(), Some(now + config.longest_wait));
    }
}
