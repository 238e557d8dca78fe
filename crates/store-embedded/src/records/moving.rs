//! When the journal's records are moved into segments, and what waits for it.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;
use store::StoreError;
use tokio::sync::watch;

/// How far the journal has been moved.
#[derive(Clone, Debug, Default)]
struct Progress {
    moved: u64,
    /// How many attempts have failed, and why the last one did.
    failures: u64,
    reason: String,
}

#[derive(Debug, Default)]
struct Asked {
    /// Up to which sequence somebody wants everything moved. What has been moved by then is not moved for a second time,
    /// so a request that comes while a move is under way begins another one only for what that one leaves.
    upto: u64,
    stop: bool,
}

/// Between those who write, those who wait, and the thread that moves.
#[derive(Debug)]
pub(crate) struct MoveGate {
    asked: Mutex<Asked>,
    wake: Condvar,
    progress: watch::Sender<Progress>,
}

impl MoveGate {
    pub(crate) fn new(moved: u64) -> MoveGate {
        let progress = watch::Sender::new(Progress { moved, ..Progress::default() });
        MoveGate { asked: Mutex::default(), wake: Condvar::new(), progress }
    }

    /// There is enough to be moved, up to `sequence`.
    pub(crate) fn request(&self, sequence: u64) {
        let mut asked = self.asked.lock();
        asked.upto = asked.upto.max(sequence);
        drop(asked);
        self.wake.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.asked.lock().stop = true;
        self.wake.notify_one();
    }

    /// Waits until everything up to `sequence` has been moved, or one more attempt has failed.
    pub(crate) async fn moved(&self, sequence: u64) -> Result<(), StoreError> {
        let mut progress = self.progress.subscribe();
        let before = progress.borrow().failures;
        self.request(sequence);
        let closed = |_| StoreError::new("move records out of the journal", "the store is closed");
        let done = |progress: &Progress| progress.moved >= sequence || progress.failures > before;
        let end = progress.wait_for(done).await.map_err(closed)?;
        if end.moved >= sequence {
            return Ok(());
        }
        Err(StoreError {
            retryable: true,
            ..StoreError::new("move records out of the journal", end.reason.clone())
        })
    }

    /// For the thread: waits until something is asked for, at the most for `limit`. False: it is to end.
    pub(crate) fn next_turn(&self, limit: Option<Duration>) -> bool {
        let mut asked = self.asked.lock();
        let idle = |asked: &mut Asked| asked.upto <= self.progress.borrow().moved && !asked.stop;
        match limit {
            None => self.wake.wait_while(&mut asked, idle),
            Some(limit) => {
                self.wake.wait_while_for(&mut asked, idle, limit);
            }
        }
        !asked.stop
    }

    /// For the thread: waits before another attempt. False: it is to end.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let mut asked = self.asked.lock();
        self.wake.wait_while_for(&mut asked, |asked| !asked.stop, time);
        !asked.stop
    }

    /// For the thread: everything up to `sequence` has been moved.
    pub(crate) fn done(&self, sequence: u64) {
        self.progress.send_modify(|progress| progress.moved = progress.moved.max(sequence));
    }

    /// For the thread: an attempt has failed.
    pub(crate) fn failed(&self, reason: String) {
        self.progress.send_modify(|progress| {
            progress.failures += 1;
            progress.reason = reason;
        });
    }
}
