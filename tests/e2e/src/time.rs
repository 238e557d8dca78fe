//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a step of a test may take before it has failed: generous, for a busy machine with two cores.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(5);

/// Now, for durations.
#[expect(clippy::disallowed_methods, reason = "the harness measures a real server from outside")]
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970.
///
/// # Panics
/// If the machine's clock stands before 1970.
#[expect(clippy::disallowed_methods, reason = "the harness compares with the server's own time stamps")]
#[must_use]
pub fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970");
    u64::try_from(since.as_millis()).expect("the year is below half a billion")
}

/// Looks at `condition` until it gives something, at most `limit`.
pub fn poll<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let started = now();
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if started.elapsed() >= limit {
            return None;
        }
        std::thread::sleep(STEP);
    }
}

/// The same, and a condition that never holds fails the test.
///
/// # Panics
/// When the condition did not hold within [`PATIENCE`].
pub fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    poll(PATIENCE, condition).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain: {what}"))
}
