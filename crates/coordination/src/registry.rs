use crate::{
    Condition, Coordination, CoordinationError, Entry, KeyState, LeaseId, Outcome, Revision, Transaction,
    Write,
};
use base::clock::Clock;
use base::ids::IdSource;
use base::retry::Backoff;
use base::shutdown::{Phase, ShutdownWatch};
use base::task::{OnPanic, spawn};
use machine::Instant;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often a write is tried again because the lease ended under it.
const WRITE_ATTEMPTS: u32 = 3;

/// How the keys of this process are kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long the keys outlive the process, and how long the store may be out of reach before they go.
    pub ttl: Duration,
}

/// Keeps keys of this process in the store for as long as the process lives.
///
/// They hang on one lease. A failed keep-alive says nothing about the lease and never ends it; when the lease may end
/// soon or has ended, there is a new one, and the keys are put again under it. A key that was claimed keeps its epoch
/// that way; if somebody else has it by then, it is lost, and [`Registry::lost`] says so.
pub struct Registry {
    coordination: Arc<dyn Coordination>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdSource>,
    ttl: Duration,
    lease: tokio::sync::watch::Sender<LeaseId>,
    keys: Mutex<Keys>,
    /// The keeper has something to do.
    nudge: Notify,
    /// A key was lost.
    loss: Notify,
}

#[derive(Default)]
struct Keys {
    /// As many as this process publishes and claims.
    kept: BTreeMap<String, Kept>,
    lost: VecDeque<(String, Revision)>,
}

#[derive(Clone)]
struct Kept {
    value: Arc<[u8]>,
    /// The revision that made the key, if it was claimed.
    epoch: Option<Revision>,
    lease: LeaseId,
}

/// Whose a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Ours.
    Owned {
        /// The revision that made the key. Greater than that of every owner before.
        epoch: Revision,
    },
    /// Somebody else's.
    Held(Entry),
}

impl Registry {
    /// Makes the lease, and keeps it until the process stops.
    ///
    /// # Errors
    /// When the first lease cannot be had.
    pub async fn start(
        coordination: Arc<dyn Coordination>,
        settings: Settings,
        clock: Arc<dyn Clock>,
        ids: Arc<IdSource>,
        stop: ShutdownWatch,
    ) -> Result<Arc<Registry>, CoordinationError> {
        let lease = coordination.grant(settings.ttl).await?;
        let registry = Arc::new(Registry {
            coordination,
            clock,
            ids,
            ttl: settings.ttl,
            lease: tokio::sync::watch::Sender::new(lease),
            keys: Mutex::default(),
            nudge: Notify::new(),
            loss: Notify::new(),
        });
        let keeper = registry.clone().keep();
        spawn("coordination registry", OnPanic::Abort, async move {
            tokio::select! {
                biased;
                () = stop.reached(Phase::Stopped) => {}
                () = keeper => {}
            }
        });
        Ok(registry)
    }

    /// Sets a key that is this process's alone, and keeps it set.
    ///
    /// # Errors
    /// When it cannot be written now; it is not kept then.
    pub async fn publish(&self, key: &str, value: Arc<[u8]>) -> Result<(), CoordinationError> {
        let (outcome, lease) = self.put(key, &value, Vec::new()).await?;
        debug_assert!(matches!(outcome, Outcome::Committed { .. }), "there was no condition");
        self.note(key, Kept { value, epoch: None, lease });
        Ok(())
    }

    /// Takes a key if nobody has it, and keeps it.
    ///
    /// # Errors
    /// When the store does not answer. The key may have been taken then; another call tells.
    pub async fn claim(&self, key: &str, value: Arc<[u8]>) -> Result<Claim, CoordinationError> {
        loop {
            let absent = Condition { key: key.to_owned(), state: KeyState::Absent };
            let (outcome, lease) = self.put(key, &value, vec![absent]).await?;
            let epoch = match outcome {
                Outcome::Committed { revision } => revision,
                Outcome::Conflict { entries } => match entries.into_iter().next() {
                    // Nobody else has our lease, so it is from a call whose answer got lost.
                    Some(entry) if entry.lease == Some(lease) => entry.created,
                    Some(entry) => return Ok(Claim::Held(entry)),
                    None => continue,
                },
            };
            self.note(key, Kept { value, epoch: Some(epoch), lease });
            return Ok(Claim::Owned { epoch });
        }
    }

    /// Deletes a key that was published or claimed, unless somebody else has it by now.
    ///
    /// # Errors
    /// When the store does not answer. The key goes with the lease at the latest.
    pub async fn withdraw(&self, key: &str) -> Result<(), CoordinationError> {
        let Some(kept) = self.keys.lock().kept.remove(key) else { return Ok(()) };
        let when = match kept.epoch {
            None => Vec::new(),
            Some(epoch) => vec![Condition { key: key.to_owned(), state: KeyState::CreatedAt(epoch) }],
        };
        let then = vec![Write::Delete { key: key.to_owned() }];
        self.coordination.commit(Transaction { when, then }).await.map(|_| ())
    }

    /// Waits until a claimed key is lost; answers it and the epoch that has ended. Each loss is told once.
    pub async fn lost(&self) -> (String, Revision) {
        loop {
            let told = self.loss.notified();
            if let Some(lost) = self.keys.lock().lost.pop_front() {
                return lost;
            }
            told.await;
        }
    }

    /// Ends the lease, so that others see at once that this process goes.
    ///
    /// # Errors
    /// When the store does not answer; the lease ends by itself then.
    pub async fn close(&self) -> Result<(), CoordinationError> {
        self.keys.lock().kept.clear();
        let lease = *self.lease.borrow();
        self.coordination.revoke(lease).await
    }

    /// Puts a key under the lease; answers the lease that was used.
    async fn put(
        &self,
        key: &str,
        value: &Arc<[u8]>,
        when: Vec<Condition>,
    ) -> Result<(Outcome, LeaseId), CoordinationError> {
        let mut leases = self.lease.subscribe();
        for _ in 1..WRITE_ATTEMPTS {
            let lease = *leases.borrow_and_update();
            match self.coordination.commit(transaction(key, value, lease, when.clone())).await {
                Err(CoordinationError::LeaseGone) => {
                    self.nudge.notify_one();
                    // The keeper makes a new one as soon as the store answers.
                    let _ = tokio::time::timeout(self.ttl, leases.changed()).await;
                }
                other => return other.map(|outcome| (outcome, lease)),
            }
        }
        let lease = *leases.borrow_and_update();
        let outcome = self.coordination.commit(transaction(key, value, lease, when)).await?;
        Ok((outcome, lease))
    }

    fn note(&self, key: &str, kept: Kept) {
        let outdated = kept.lease != *self.lease.borrow();
        self.keys.lock().kept.insert(key.to_owned(), kept);
        if outdated {
            self.nudge.notify_one();
        }
    }

    async fn keep(self: Arc<Registry>) {
        let mut alive = self.clock.now();
        let mut failures = 0;
        loop {
            let wait = match failures {
                0 => self.ttl / 3,
                _ => Backoff::REMOTE.after(failures, self.ids.random()).min(self.ttl / 3),
            };
            tokio::select! {
                biased;
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
            match self.renew(alive).await {
                Ok(()) => {
                    alive = self.clock.now();
                    failures = 0;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(error = %error, failures, "cannot keep the lease alive");
                }
            }
        }
    }

    /// Keeps the lease alive, or replaces it, and moves keys that are under an older one.
    async fn renew(&self, alive: Instant) -> Result<(), CoordinationError> {
        let lease = *self.lease.borrow();
        let overdue = self.clock.now() - alive > self.ttl / 2;
        let gone = match self.coordination.keep_alive(lease).await {
            Ok(()) => false,
            Err(CoordinationError::LeaseGone) => true,
            // The old lease is not given up: it may well live on. The keys are put under another one in time.
            Err(error) if !overdue => return Err(error),
            Err(_) => true,
        };
        if gone {
            let new = self.coordination.grant(self.ttl).await?;
            tracing::info!("the keys of this process move to a new lease");
            self.lease.send_replace(new);
        }
        self.move_keys().await
    }

    async fn move_keys(&self) -> Result<(), CoordinationError> {
        let lease = *self.lease.borrow();
        let outdated: Vec<(String, Kept)> = {
            let keys = self.keys.lock();
            let outdated = keys.kept.iter().filter(|(_, kept)| kept.lease != lease);
            outdated.map(|(key, kept)| (key.clone(), kept.clone())).collect()
        };
        for (key, kept) in outdated {
            let when = match kept.epoch {
                None => Vec::new(),
                Some(epoch) => vec![Condition { key: key.clone(), state: KeyState::CreatedAt(epoch) }],
            };
            let outcome = self.coordination.commit(transaction(&key, &kept.value, lease, when)).await?;
            let keys = &mut *self.keys.lock();
            match (outcome, kept.epoch) {
                (Outcome::Conflict { .. }, Some(epoch)) => {
                    if keys.kept.remove(&key).is_some() {
                        keys.lost.push_back((key, epoch));
                        self.loss.notify_one();
                    }
                }
                _ => {
                    if let Some(kept) = keys.kept.get_mut(&key) {
                        kept.lease = lease;
                    }
                }
            }
        }
        Ok(())
    }
}

fn transaction(key: &str, value: &Arc<[u8]>, lease: LeaseId, when: Vec<Condition>) -> Transaction {
    let put = Write::Put { key: key.to_owned(), value: value.clone(), lease: Some(lease) };
    Transaction { when, then: vec![put] }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("lease", &*self.lease.borrow()).finish_non_exhaustive()
    }
}
