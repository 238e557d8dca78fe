//! How much a namespace may ask for: requests in a minute, activations in flight (THR-01 to THR-06).
//!
//! Pure counting: the time comes in as an argument. This module must not know where limits come from or how a refusal
//! is worded to a client beyond its one sentence.

use std::fmt;

/// Milliseconds in a calendar minute.
const MINUTE: u64 = 60_000;

/// A request that is not let through. Its text is what clients compare (THR-01, THR-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttled {
    /// Too many in this calendar minute.
    Rate {
        /// This request's own number in the minute.
        count: u32,
        /// How many are let through.
        allowed: u32,
    },
    /// Too many have not ended.
    Concurrency {
        /// How many are in flight.
        count: u32,
        /// How many may be.
        allowed: u32,
    },
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Throttled::Rate { count, allowed } => {
                write!(f, "Too many requests in the last minute (count: {count}, allowed: {allowed}).")
            }
            Throttled::Concurrency { count, allowed } => {
                write!(f, "Too many concurrent requests in flight (count: {count}, allowed: {allowed}).")
            }
        }
    }
}

impl std::error::Error for Throttled {}

/// In how many seconds the next calendar minute has begun, when counts begin anew (THR-01).
#[must_use]
pub fn seconds_to_next_minute(unix_millis: u64) -> u32 {
    let left = MINUTE - unix_millis % MINUTE;
    u32::try_from(left.div_ceil(1000)).unwrap_or(u32::MAX)
}

/// How many requests came in the present calendar minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    minute: u64,
    count: u32,
}

impl Window {
    /// Counts one request at `unix_millis`, also when it is refused (THR-04). `None` lets any number through.
    ///
    /// # Errors
    /// When it is one more than `allowed` (THR-01).
    pub fn admit(&mut self, unix_millis: u64, allowed: Option<u32>) -> Result<(), Throttled> {
        let minute = unix_millis / MINUTE;
        if minute != self.minute {
            *self = Window { minute, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        match allowed {
            Some(allowed) if self.count > allowed => Err(Throttled::Rate { count: self.count, allowed }),
            Some(_) | None => Ok(()),
        }
    }
}

/// What one namespace may use. `None`: any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Activations started in a minute.
    pub invocations_per_minute: Option<u32>,
    /// Triggers fired in a minute.
    pub fires_per_minute: Option<u32>,
    /// Activations in flight.
    pub concurrent_invocations: Option<u32>,
}

impl Allowance {
    /// One controller's part of it, of `controllers` that share it: the even part of 1.2 times the whole, rounded up, but
    /// at least one, and all of it where there is only one controller (THR-06). Nothing stays nothing (THR-05).
    #[must_use]
    pub fn share(self, controllers: u32) -> Allowance {
        let part = |whole: Option<u32>| match whole {
            Some(whole) if whole > 0 && controllers > 1 => {
                let part = (u64::from(whole) * 12).div_ceil(10) / u64::from(controllers);
                Some(u32::try_from(part).unwrap_or(u32::MAX).max(1))
            }
            all => all,
        };
        Allowance {
            invocations_per_minute: part(self.invocations_per_minute),
            fires_per_minute: part(self.fires_per_minute),
            concurrent_invocations: part(self.concurrent_invocations),
        }
    }
}

/// What one namespace uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    invocations: Window,
    fires: Window,
    in_flight: u32,
}

impl Usage {
    /// Admits one invocation: first its rate, then the activations in flight (THR-04). Takes one place in flight, to be
    /// given back by [`Usage::ended`].
    ///
    /// # Errors
    /// When the namespace uses all that it may.
    pub fn admit_invocation(&mut self, unix_millis: u64, allowance: &Allowance) -> Result<(), Throttled> {
        self.invocations.admit(unix_millis, allowance.invocations_per_minute)?;
        match allowance.concurrent_invocations {
            Some(allowed) if self.in_flight >= allowed => {
                Err(Throttled::Concurrency { count: self.in_flight, allowed })
            }
            Some(_) | None => {
                self.began();
                Ok(())
            }
        }
    }

    /// Admits one fire of a trigger; fires have a window of their own (THR-02).
    ///
    /// # Errors
    /// When there were as many in this minute as there may be.
    pub fn admit_fire(&mut self, unix_millis: u64, allowance: &Allowance) -> Result<(), Throttled> {
        self.fires.admit(unix_millis, allowance.fires_per_minute)
    }

    /// Takes one place in flight without asking: for a component of a sequence (INV-20), or for what was accepted by an
    /// earlier process.
    pub fn began(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// Gives one place back.
    pub fn ended(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// How many activations are in flight.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether forgetting it changes nothing: nothing is in flight and its minutes are over.
    #[must_use]
    pub fn is_idle(&self, unix_millis: u64) -> bool {
        let minute = unix_millis / MINUTE;
        self.in_flight == 0 && self.invocations.minute != minute && self.fires.minute != minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance(per_minute: u32, concurrent: u32) -> Allowance {
        Allowance {
            invocations_per_minute: Some(per_minute),
            fires_per_minute: Some(per_minute),
            concurrent_invocations: Some(concurrent),
        }
    }

    #[test]
    fn thr_01_the_window_is_the_calendar_minute() {
        let mut window = Window::default();
        let late_in_minute_9 = 10 * MINUTE - 1;
        assert_eq!(window.admit(late_in_minute_9, Some(2)), Ok(()));
        assert_eq!(window.admit(late_in_minute_9, Some(2)), Ok(()));
        let refused = window.admit(late_in_minute_9, Some(2)).unwrap_err();
        assert_eq!(refused.to_string(), "Too many requests in the last minute (count: 3, allowed: 2).");
        assert_eq!(window.admit(10 * MINUTE, Some(2)), Ok(()));
    }

    #[test]
    fn thr_01_the_next_minute_has_begun_when_the_seconds_are_over() {
        assert_eq!(seconds_to_next_minute(0), 60);
        assert_eq!(seconds_to_next_minute(1), 60);
        assert_eq!(seconds_to_next_minute(59_000), 1);
        assert_eq!(seconds_to_next_minute(10 * MINUTE - 1), 1);
    }

    #[test]
    fn thr_02_fires_have_a_window_of_their_own() {
        let mut usage = Usage::default();
        usage.admit_invocation(0, &allowance(1, 9)).unwrap();
        assert_eq!(usage.admit_fire(0, &allowance(1, 9)), Ok(()));
        assert!(usage.admit_fire(0, &allowance(1, 9)).is_err());
    }

    #[test]
    fn thr_03_places_in_flight_are_given_back() {
        let mut usage = Usage::default();
        usage.admit_invocation(0, &allowance(9, 1)).unwrap();
        let refused = usage.admit_invocation(0, &allowance(9, 1)).unwrap_err();
        assert_eq!(refused.to_string(), "Too many concurrent requests in flight (count: 1, allowed: 1).");
        usage.ended();
        assert_eq!(usage.admit_invocation(0, &allowance(9, 1)), Ok(()));
        assert_eq!(usage.in_flight(), 1);
    }

    #[test]
    fn thr_04_rate_comes_first_and_refused_requests_count() {
        let mut usage = Usage::default();
        usage.admit_invocation(0, &allowance(2, 1)).unwrap();
        assert!(matches!(
            usage.admit_invocation(0, &allowance(2, 1)),
            Err(Throttled::Concurrency { count: 1, allowed: 1 })
        ));
        assert!(matches!(
            usage.admit_invocation(0, &allowance(2, 1)),
            Err(Throttled::Rate { count: 3, allowed: 2 })
        ));
    }

    #[test]
    fn thr_05_zero_lets_nothing_through() {
        let mut usage = Usage::default();
        assert!(matches!(usage.admit_invocation(0, &allowance(0, 1)), Err(Throttled::Rate { .. })));
        assert!(matches!(usage.admit_invocation(0, &allowance(9, 0)), Err(Throttled::Concurrency { .. })));
        let none = Allowance::default();
        assert_eq!(usage.admit_invocation(0, &none), Ok(()));
    }

    #[test]
    fn thr_06_several_controllers_share() {
        let whole = allowance(60, 30);
        assert_eq!(whole.share(1), whole);
        assert_eq!(whole.share(2), allowance(36, 18));
        assert_eq!(allowance(1, 1).share(9), allowance(1, 1));
        // 1.2 times 8 is rounded up to 10 before it is shared.
        assert_eq!(allowance(8, 3).share(5), allowance(2, 1));
        assert_eq!(allowance(0, 0).share(2), allowance(0, 0));
        assert_eq!(Allowance::default().share(3), Allowance::default());
    }

    #[test]
    fn an_idle_namespace_may_be_forgotten() {
        let mut usage = Usage::default();
        usage.admit_invocation(5 * MINUTE, &Allowance::default()).unwrap();
        usage.ended();
        assert!(!usage.is_idle(5 * MINUTE));
        assert!(usage.is_idle(6 * MINUTE));
        usage.began();
        assert!(!usage.is_idle(6 * MINUTE));
    }
}
