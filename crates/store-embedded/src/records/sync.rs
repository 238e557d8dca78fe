//! Bringing the journal to the disk: one thread, whose one sync serves all who wait.
//!
//! A sync costs the processor more than an activation does, so where many wait it is worth gathering. As many writes as
//! there were in the last sync and came during it is how many callers there are; the thread waits for half of them, so
//! that one half's activations run while the other half's are on their way to the disk, and at most for as long as two
//! syncs take. A single caller is never kept waiting by that, since nobody else is to be expected.

use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store::{StoreError, Ticket};
use tokio::sync::watch;

/// The longest time for which a sync is put off to serve more writes.
const LONGEST_GATHERING: Duration = Duration::from_millis(1);

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
    /// Writes since the last sync began for which somebody waits, or may.
    writes: AtomicU64,
    /// With how many of them the thread gathers no longer; 0: it does not gather. Both are read and written in one order
    /// by all (`SeqCst`), so that either the last writer sees that the thread gathers, or the thread sees its write.
    enough: AtomicU64,
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

/// What the next sync waits for when somebody is in a hurry.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// So many writes.
    expected: u64,
    /// At most so long.
    patience: Duration,
}

impl SyncGate {
    /// Everything up to `synced` is on the disk already.
    pub(crate) fn new(synced: u64) -> SyncGate {
        SyncGate {
            dirty: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            enough: AtomicU64::new(0),
            asked: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
            progress: watch::Sender::new(Progress { synced, failure: None }),
        }
    }

    /// Something was written whose writer may wait for the disk.
    pub(crate) fn promised(&self) {
        let writes = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        self.written();
        if writes == self.enough.load(Ordering::SeqCst) {
            // Under the lock, so that the thread is not between looking and waiting.
            let _asked = self.asked.lock();
            self.wake.notify_one();
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

    /// Waits until everything up to `ticket` is on the disk, and answers how far it is by then.
    pub(crate) async fn durable(&self, ticket: Ticket) -> Result<Ticket, StoreError> {
        let mut progress = self.progress.subscribe();
        let reached = |progress: &Progress| progress.synced >= ticket.0;
        if !reached(&progress.borrow()) {
            let mut asked = self.asked.lock();
            if !std::mem::replace(&mut asked.urgent, true) {
                self.wake.notify_one();
            }
        }
        let end = progress.wait_for(|progress| reached(progress) || progress.failure.is_some()).await;
        match end.as_deref() {
            Ok(progress) if reached(progress) => Ok(Ticket(progress.synced)),
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
    /// `interval`. Where somebody waits it gathers.
    pub(crate) fn next_turn(&self, interval: Duration, group: &Group) -> Turn {
        let mut asked = self.asked.lock();
        while !asked.dirty && !asked.urgent && !asked.stop {
            self.wake.wait(&mut asked);
        }
        if !asked.urgent && !asked.stop {
            self.wake.wait_while_for(&mut asked, |asked| !asked.urgent && !asked.stop, interval);
        }
        if asked.urgent && !asked.stop && self.writes.load(Ordering::SeqCst) < group.expected {
            self.enough.store(group.expected, Ordering::SeqCst);
            let few = |asked: &mut Asked| !asked.stop && self.writes.load(Ordering::SeqCst) < group.expected;
            self.wake.wait_while_for(&mut asked, few, group.patience);
            self.enough.store(0, Ordering::Relaxed);
        }
        (asked.dirty, asked.urgent) = (false, false);
        // What is written from here on may miss the sync that follows, and asks for another.
        self.dirty.store(false, Ordering::Relaxed);
        if asked.stop { Turn::Stop } else { Turn::Sync }
    }

    /// For the thread: how many writes this sync serves, as it begins.
    pub(crate) fn begin(&self) -> u64 {
        self.writes.swap(0, Ordering::Relaxed)
    }

    /// For the thread: what to gather for, when a sync of `served` writes has taken `took`.
    pub(crate) fn group_after(&self, served: u64, took: Duration) -> Group {
        let callers = served + self.writes.load(Ordering::Relaxed);
        let expected = callers.div_ceil(2);
        Group { expected, patience: (took * 2).min(LONGEST_GATHERING) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_writer_is_not_kept_waiting() {
        let gate = SyncGate::new(0);
        gate.promised();
        let group = gate.group_after(gate.begin(), Duration::from_secs(1));
        gate.promised();
        gate.asked.lock().urgent = true;
        // It has the one write that it expects; if it expected more, it would wait for an hour.
        let group = Group { patience: Duration::from_secs(3600), ..group };
        assert_eq!(gate.next_turn(Duration::from_secs(3600), &group), Turn::Sync);
    }

    #[test]
    fn a_sync_expects_half_of_whoever_it_served_and_whoever_came_meanwhile() {
        let gate = SyncGate::new(0);
        (0..5).for_each(|_| gate.promised());
        let served = gate.begin();
        (0..2).for_each(|_| gate.promised());
        let group = gate.group_after(served, Duration::from_secs(1));
        assert_eq!((group.expected, group.patience), (4, LONGEST_GATHERING));
        // Two are there, and the other two never come: patience ends it.
        gate.asked.lock().urgent = true;
        assert_eq!(gate.next_turn(Duration::from_secs(3600), &group), Turn::Sync);
        let group = gate.group_after(gate.begin(), Duration::ZERO);
        assert_eq!(group.expected, 1, "who stays away is not expected again");
    }

    #[test]
    fn the_last_writer_who_is_expected_ends_the_gathering() {
        let gate = SyncGate::new(0);
        let group = Group { expected: 2, patience: Duration::from_secs(3600) };
        gate.promised();
        gate.asked.lock().urgent = true;
        std::thread::scope(|scope| {
            let turn = scope.spawn(|| gate.next_turn(Duration::from_secs(3600), &group));
            gate.promised();
            assert_eq!(turn.join().expect("the thread ends"), Turn::Sync);
        });
    }
}
