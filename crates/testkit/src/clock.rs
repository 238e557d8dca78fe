use base::clock::{Clock, TestClock};
use machine::Instant;

/// A clock that goes with tokio's, also while that one is paused.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    origin: tokio::time::Instant,
}

impl TokioClock {
    /// A clock whose origin is now.
    #[must_use]
    pub fn new() -> TokioClock {
        TokioClock { origin: tokio::time::Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> TokioClock {
        TokioClock::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    fn unix_nanos(&self) -> u64 {
        u64::try_from(TestClock::UNIX_ORIGIN.as_nanos()).unwrap_or(u64::MAX) + self.now().as_nanos()
    }
}
