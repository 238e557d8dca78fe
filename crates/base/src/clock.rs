//! Time, passed in by constructor so that tests can move it.

use machine::Instant;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Monotonic time, for deadlines and durations.
    fn now(&self) -> Instant;

    /// Wall-clock time, in milliseconds since 1970, for records.
    fn unix_millis(&self) -> u64 {
        self.unix_nanos() / 1_000_000
    }

    /// Wall-clock time, in nanoseconds since 1970, for log lines.
    fn unix_nanos(&self) -> u64;
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic origin is now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn new() -> SystemClock {
        SystemClock { origin: std::time::Instant::now() }
    }

    /// The same, ready to be passed around.
    #[must_use]
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(SystemClock::new())
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    fn unix_nanos(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct TestClock {
    nanos: AtomicU64,
}

impl TestClock {
    /// What the wall clock says at the monotonic origin: 2025-01-01T00:00:00Z.
    pub const UNIX_ORIGIN: Duration = Duration::from_secs(1_735_689_600);

    /// A clock at its origin.
    #[must_use]
    pub fn new() -> Arc<TestClock> {
        Arc::new(TestClock::default())
    }

    /// Moves both clocks on.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.nanos.load(Ordering::SeqCst))
    }

    fn unix_nanos(&self) -> u64 {
        u64::try_from(TestClock::UNIX_ORIGIN.as_nanos()).unwrap_or(u64::MAX) + self.now().as_nanos()
    }
}
