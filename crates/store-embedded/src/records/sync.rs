//! Bringing the journal to the disk: one thread, whose one sync serves all who wait.

use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{StoreError, Ticket};
use tokio::sync::watch;

/// How far the journal is on the disk.
#[derive(Clone, Debug, Default)]
struct Progress {
    synced: u64,
    failure: Option<Arc<str>>,
}

/// What the thread is asked for.
#[derive(Debug, Default)]
struct Asked {
    /// Something was written.
    dirty: bool,
    /// Somebody waits.
    urgent: bool,
    stop: bool,
}

/// Between those who write, those who wait, and the thread.
#[derive(Debug)]
pub(crate) struct SyncGate {
    /// The same as `asked.dirty`, so that only the first write after a sync takes the lock.
    dirty: AtomicBool,
    asked: Mutex<Asked>,
    wake: Condvar,
    /// Told after each sync, for threads that wait.
    done: Condvar,
    progress: watch::Sender<Progress>,
}

/// What the thread is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Sync,
    /// Sync for the last time.
    Stop,
}

impl SyncGate {
    /// Everything up to `synced` is on the disk already.
    pub(crate) fn new(synced: u64) -> SyncGate {
        SyncGate {
            dirty: AtomicBool::new(false),
            asked: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
            progress: watch::Sender::new(Progress { synced, failure: None }),
        }
    }

    /// Something was written.
    pub(crate) fn written(&self) {
        if !self.dirty.load(Ordering::Relaxed) && !self.dirty.swap(true, Ordering::Relaxed) {
            self.asked.lock().dirty = true;
            self.wake.notify_one();
        }
    }

    pub(crate) fn stop(&self) {
        self.asked.lock().stop = true;
        self.wake.notify_one();
        self.done.notify_all();
    }

    /// Waits until everything up to `ticket` is on the disk.
    pub(crate) async fn durable(&self, ticket: Ticket) -> Result<(), StoreError> {
        let mut progress = self.progress.subscribe();
        let reached = |progress: &Progress| progress.synced >= ticket.0;
        if !reached(&progress.borrow()) {
            self.asked.lock().urgent = true;
            self.wake.notify_one();
        }
        let end = progress.wait_for(|progress| reached(progress) || progress.failure.is_some()).await;
        match end.as_deref() {
            Ok(progress) if reached(progress) => Ok(()),
            Ok(progress) => {
                let why = progress.failure.as_deref().unwrap_or_default();
                Err(StoreError::new("bring the journal to the disk", why.to_owned()))
            }
            Err(_) => Err(StoreError::new("bring the journal to the disk", "the store is closed")),
        }
    }

    /// The same for a thread that may block. It fails too when the store is being closed.
    pub(crate) fn wait_durable(&self, sequence: u64) -> Result<(), StoreError> {
        let failed = |why: &str| StoreError::new("bring the journal to the disk", why.to_owned());
        let mut asked = self.asked.lock();
        loop {
            let progress = self.progress.borrow().clone();
            match progress.failure {
                _ if progress.synced >= sequence => return Ok(()),
                Some(why) => return Err(failed(&why)),
                None if asked.stop => return Err(failed("the store is being closed")),
                None => {}
            }
            asked.urgent = true;
            self.wake.notify_one();
            self.done.wait(&mut asked);
        }
    }

    /// For the thread: waits until there is something to do. What was written and is waited for by nobody may stay for
    /// `interval`.
    pub(crate) fn next_turn(&self, interval: Duration) -> Turn {
        let mut asked = self.asked.lock();
        while !asked.dirty && !asked.urgent && !asked.stop {
            self.wake.wait(&mut asked);
        }
        if !asked.urgent && !asked.stop {
            self.wake.wait_while_for(&mut asked, |asked| !asked.urgent && !asked.stop, interval);
        }
        (asked.dirty, asked.urgent) = (false, false);
        // What is written from here on may miss the sync that follows, and asks for another.
        self.dirty.store(false, Ordering::Relaxed);
        if asked.stop { Turn::Stop } else { Turn::Sync }
    }

    /// For the thread: everything up to `sequence` is on the disk.
    pub(crate) fn synced(&self, sequence: u64) {
        self.progress.send_modify(|progress| progress.synced = sequence);
        self.tell_threads();
    }

    /// For the thread: nobody knows what is on the disk.
    pub(crate) fn failed(&self, why: Arc<str>) {
        self.progress.send_modify(|progress| progress.failure = Some(why));
        self.tell_threads();
    }

    fn tell_threads(&self) {
        // Under the lock, so that nobody is between looking and waiting.
        let _asked = self.asked.lock();
        self.done.notify_all();
    }
}
