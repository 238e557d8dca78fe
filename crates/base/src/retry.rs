//! How long to wait before something is tried again.

use std::time::Duration;

/// Waiting times that double, with a random part so that many do not try again at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first one.
    pub first: Duration,
    /// None is longer than this.
    pub greatest: Duration,
}

impl Backoff {
    /// For calls to another process: from 50 ms to 5 s.
    pub const REMOTE: Backoff =
        Backoff { first: Duration::from_millis(50), greatest: Duration::from_secs(5) };

    /// For receivers of callbacks, which are somebody else's: from 1 s to 10 minutes.
    pub const CALLBACK: Backoff =
        Backoff { first: Duration::from_secs(1), greatest: Duration::from_secs(600) };

    /// How long to wait after `failures` failures in a row, of which the last one counts: between a half and the whole
    /// of the doubled time. `random` is 64 well-spread bits.
    #[must_use]
    pub fn after(self, failures: u32, random: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(32);
        let whole = self.first.saturating_mul(2u32.saturating_pow(doublings)).min(self.greatest);
        let half = whole / 2;
        let range = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        half + Duration::from_nanos(random % range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_double_up_to_the_greatest_and_keep_a_half() {
        let backoff = Backoff { first: Duration::from_millis(10), greatest: Duration::from_millis(55) };
        let bounds =
            |failures| (backoff.after(failures, 0).as_millis(), backoff.after(failures, u64::MAX / 3));
        assert_eq!(bounds(1).0, 5);
        assert_eq!(bounds(2).0, 10);
        assert_eq!(bounds(3).0, 20);
        assert_eq!(bounds(9).0, 27);
        assert_eq!(bounds(u32::MAX).0, 27);
        for (failures, whole) in [(1, 10), (2, 20), (3, 40), (4, 55)] {
            for random in [1, 12_345_678, u64::MAX] {
                let wait = backoff.after(failures, random);
                assert!(wait <= Duration::from_millis(whole) && wait >= Duration::from_millis(whole) / 2);
            }
        }
    }
}
