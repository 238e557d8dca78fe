use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// A point in time, in nanoseconds since an origin that the shell chose (its own start, or a simulation's zero).
///
/// It is monotonic and means nothing outside the process that made it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The origin.
    pub const ZERO: Instant = Instant(0);
    /// Later than everything: some 584 years after the origin.
    pub const FAR: Instant = Instant(u64::MAX);

    /// The instant `nanos` after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// The instant `millis` after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Instant {
        Instant(millis * 1_000_000)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The earliest of these deadlines, if there is one. [`Instant::FAR`] counts as none.
    ///
    /// Machines ask for it at every event, so it does without a branch for each.
    #[must_use]
    pub fn earliest<const N: usize>(deadlines: [Option<Instant>; N]) -> Option<Instant> {
        let earliest =
            deadlines.iter().fold(Instant::FAR, |earliest, at| earliest.min(at.unwrap_or(Instant::FAR)));
        (earliest < Instant::FAR).then_some(earliest)
    }

    /// How long after `earlier` this is; zero where it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates at [`Instant::FAR`].
    fn add(self, duration: Duration) -> Instant {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(nanos))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Instant::FAR {
            return f.write_str("far");
        }
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_never_go_below_zero() {
        let early = Instant::from_millis(1);
        let late = Instant::from_millis(4);
        assert_eq!(late - early, Duration::from_millis(3));
        assert_eq!(early - late, Duration::ZERO);
    }

    #[test]
    fn the_earliest_is_found_wherever_it_stands() {
        let (early, late) = (Some(Instant::from_millis(1)), Some(Instant::from_millis(4)));
        assert_eq!(Instant::earliest([late, None, early]), early);
        assert_eq!(Instant::earliest([early, late, None]), early);
        assert_eq!(Instant::earliest([None, Some(Instant::FAR)]), None);
    }

    #[test]
    fn sums_stop_at_far() {
        assert_eq!(Instant::from_millis(1) + Duration::MAX, Instant::FAR);
    }
}
