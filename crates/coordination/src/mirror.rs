use crate::{Change, Coordination, CoordinationError, Entry, Listing, Revision, Watch};
use base::ids::IdSource;
use base::retry::Backoff;
use base::shutdown::{Phase, ShutdownWatch};
use base::task::{OnPanic, spawn};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often a mirror is compared with what it mirrors, in case a back end lost a notice.
const RECONCILE: Duration = Duration::from_secs(300);

/// A local copy of all keys that begin with a prefix, kept fresh by a watch.
///
/// It is listed at a revision and watched from there, so it misses nothing. While the store cannot be reached it stays
/// as it was: a reader sees what was true last, never an empty cluster.
pub struct Mirror {
    prefix: String,
    view: RwLock<View>,
    changed: tokio::sync::watch::Sender<Revision>,
}

#[derive(Default)]
struct View {
    revision: Revision,
    entries: BTreeMap<String, Entry>,
}

impl Mirror {
    /// Lists the keys, and keeps the copy fresh until the process stops.
    ///
    /// # Errors
    /// When the first listing fails. Later failures are logged and mended.
    pub async fn start(
        coordination: Arc<dyn Coordination>,
        prefix: String,
        ids: Arc<IdSource>,
        stop: ShutdownWatch,
    ) -> Result<Arc<Mirror>, CoordinationError> {
        let listing = coordination.range(&prefix).await?;
        let changed = tokio::sync::watch::Sender::new(listing.revision);
        let mirror = Arc::new(Mirror { prefix, view: RwLock::default(), changed });
        mirror.replace(listing);
        let keeper = mirror.clone().keep(coordination, ids);
        spawn("coordination mirror", OnPanic::Abort, async move {
            tokio::select! {
                biased;
                () = stop.reached(Phase::Stopped) => {}
                () = keeper => {}
            }
        });
        Ok(mirror)
    }

    /// One key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Entry> {
        self.view.read().entries.get(key).cloned()
    }

    /// All keys, in order.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.view.read().entries.values().cloned().collect()
    }

    /// Sees the newest revision that the copy has; it moves with every change of a key.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<Revision> {
        self.changed.subscribe()
    }

    async fn keep(self: Arc<Mirror>, coordination: Arc<dyn Coordination>, ids: Arc<IdSource>) {
        let mut failures = 0;
        loop {
            let after = self.view.read().revision;
            let ended = match coordination.watch(&self.prefix, after).await {
                Ok(watch) => {
                    failures = 0;
                    self.follow(&*coordination, watch).await
                }
                Err(error) => Err(error),
            };
            // The watch has ended: whatever the reason, the truth is in a new listing.
            match ended.and(coordination.range(&self.prefix).await) {
                Ok(listing) => self.replace(listing),
                Err(error) => {
                    failures += 1;
                    tracing::warn!(prefix = self.prefix, error = %error, failures, "cannot watch shared keys");
                }
            }
            if failures > 0 {
                tokio::time::sleep(Backoff::REMOTE.after(failures, ids.random())).await;
            }
        }
    }

    /// Follows a watch until it ends.
    async fn follow(
        &self,
        coordination: &dyn Coordination,
        mut watch: Watch,
    ) -> Result<(), CoordinationError> {
        let mut reconcile = tokio::time::interval(RECONCILE);
        reconcile.reset();
        loop {
            tokio::select! {
                biased;
                changes = watch.next() => match changes {
                    Ok(changes) => self.apply(changes),
                    Err(_) => return Ok(()),
                },
                _ = reconcile.tick() => self.replace(coordination.range(&self.prefix).await?),
            }
        }
    }

    fn replace(&self, listing: Listing) {
        let mut view = self.view.write();
        if listing.revision < view.revision {
            return;
        }
        view.revision = listing.revision;
        view.entries = listing.entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
        drop(view);
        self.changed.send_replace(listing.revision);
    }

    /// Applies changes that are newer than the copy; after a listing the watch may still tell of older ones.
    fn apply(&self, changes: Vec<Change>) {
        let mut view = self.view.write();
        let known = view.revision;
        for change in changes.into_iter().filter(|change| change.revision() > known) {
            view.revision = change.revision();
            match change {
                Change::Put(entry) => {
                    view.entries.insert(entry.key.clone(), entry);
                }
                Change::Deleted { key, .. } => {
                    view.entries.remove(&key);
                }
            }
        }
        let newest = view.revision;
        drop(view);
        self.changed.send_replace(newest);
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
