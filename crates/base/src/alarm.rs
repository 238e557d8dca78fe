//! Waking machines that their callers drive themselves.
//!
//! A machine under a lock has no task of its own to sleep in. Its shell asks an [`Alarm`] to be called at the machine's
//! next deadline; the call re-reads the deadline, so one that has moved later in the meantime costs one idle call and no
//! bookkeeping on the way.

use crate::clock::Clock;
use crate::shutdown::{Phase, ShutdownWatch};
use machine::Instant;
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// Calls back with a key at a time. One task serves any number of keys.
#[derive(Debug)]
pub struct Alarm<K> {
    clock: Arc<dyn Clock>,
    calls: Mutex<BinaryHeap<Reverse<Call<K>>>>,
    sooner: Notify,
}

/// The earliest wake-up that one machine has asked for, so that a later one is not asked for again.
#[derive(Debug)]
pub struct Armed(AtomicU64);

struct Call<K> {
    at: Instant,
    key: K,
}

impl Armed {
    /// None asked for.
    #[must_use]
    pub const fn new() -> Armed {
        Armed(AtomicU64::new(u64::MAX))
    }

    /// Whether no call that was asked for comes in time for this deadline.
    pub(crate) fn misses(&self, deadline: Option<Instant>) -> bool {
        deadline.is_some_and(|at| at.as_nanos() < self.0.load(Ordering::Acquire))
    }

    /// To be called when the alarm rings, before the machine's deadline is read.
    pub fn rung(&self) {
        self.0.store(u64::MAX, Ordering::Release);
    }
}

impl Default for Armed {
    fn default() -> Armed {
        Armed::new()
    }
}

impl<K: Send + 'static> Alarm<K> {
    /// An alarm without calls.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Alarm<K>> {
        Arc::new(Alarm { clock, calls: Mutex::new(BinaryHeap::new()), sooner: Notify::new() })
    }

    /// Asks for a call at `deadline`, unless `armed` says that an earlier or the same one is on its way. The key is made
    /// only when it is needed.
    pub fn arm(&self, armed: &Armed, deadline: Option<Instant>, key: impl FnOnce() -> K) {
        let Some(at) = deadline.filter(|_| armed.misses(deadline)) else { return };
        armed.0.store(at.as_nanos(), Ordering::Release);
        let mut calls = self.calls.lock();
        let first = calls.peek().is_none_or(|Reverse(call)| at < call.at);
        calls.push(Reverse(Call { at, key: key() }));
        drop(calls);
        if first {
            self.sooner.notify_one();
        }
    }

    /// Rings until the process stops.
    pub async fn run(self: Arc<Alarm<K>>, stop: ShutdownWatch, ring: impl Fn(K) + Send) {
        loop {
            while let Some(key) = self.due() {
                ring(key);
            }
            let next = self.calls.lock().peek().map(|Reverse(call)| call.at);
            tokio::select! {
                biased;
                () = stop.reached(Phase::Stopped) => return,
                () = self.sooner.notified() => {}
                () = self.sleep_until(next) => {}
            }
        }
    }

    fn due(&self) -> Option<K> {
        let mut calls = self.calls.lock();
        if calls.peek()?.0.at > self.clock.now() {
            return None;
        }
        calls.pop().map(|Reverse(call)| call.key)
    }

    async fn sleep_until(&self, at: Option<Instant>) {
        match at {
            None => std::future::pending().await,
            Some(at) => tokio::time::sleep(at - self.clock.now()).await,
        }
    }
}

impl<K> PartialEq for Call<K> {
    fn eq(&self, other: &Call<K>) -> bool {
        self.at == other.at
    }
}

impl<K> Eq for Call<K> {}

impl<K> PartialOrd for Call<K> {
    fn partial_cmp(&self, other: &Call<K>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Call<K> {
    fn cmp(&self, other: &Call<K>) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl<K> fmt::Debug for Call<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call at {:?}", self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::shutdown::Shutdown;
    use crate::task::{OnPanic, spawn};
    use std::time::Duration;

    #[tokio::test]
    async fn calls_come_in_the_order_of_their_times() {
        let clock = SystemClock::shared();
        let (send, mut seen) = tokio::sync::mpsc::channel(8);
        let shutdown = Shutdown::new();
        let alarm = Alarm::new(clock.clone());
        let watch = shutdown.watch();
        spawn("alarm", OnPanic::Log, alarm.clone().run(watch, move |key| send.try_send(key).unwrap()));
        let (first, second) = (Armed::new(), Armed::new());
        alarm.arm(&second, Some(clock.now() + Duration::from_millis(20)), || "second");
        alarm.arm(&first, Some(clock.now() + Duration::from_millis(5)), || "first");
        alarm.arm(&first, Some(clock.now() + Duration::from_secs(60)), || "never asked for");
        assert_eq!(seen.recv().await, Some("first"));
        assert_eq!(seen.recv().await, Some("second"));
    }
}
