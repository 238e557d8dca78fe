//! Intents and records of activations: first in the journal and in memory, then in segments on the disk.
//!
//! A write is one entry in the journal and one slot in memory, under one short lock. Two threads do the rest: one
//! brings the journal to the disk, the other moves what is in memory into the newest segment and drops the files of
//! the journal that nothing needs any more.

mod group;
mod keys;
mod list;
mod marks;
mod migration;
mod mover;
mod moving;
mod overlay;
mod record;
mod recovery;
mod segment;
mod segments;
mod shape;
mod sync;

use crate::journal::{Frame, Journal};
use crate::lock::DirectoryLock;
use crate::reads::Reads;
use crate::{Config, OpenError, Usage};
use async_trait::async_trait;
use base::clock::Clock;
use bytes::Bytes;
use list::{InMemory, Shown};
use moving::MoveGate;
use overlay::{Intents, Overlay};
use parking_lot::{Mutex, RwLock};
use record::Encoded;
use segments::Segments;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use store::{ActivationQuery, ActivationStore, Intent, StoreError, Ticket, Unfinished};
use sync::SyncGate;
use types::{Activation, ActivationId};

/// How much more than an acceptance a record may find waiting in memory before it is refused: what runs already shall
/// be able to end.
const RECORDS_BEYOND: u64 = 4;

/// [`ActivationStore`] on the disk.
pub(crate) struct EmbeddedActivationStore {
    shared: Arc<Shared>,
    mover: Option<JoinHandle<()>>,
    syncer: Option<JoinHandle<()>>,
}

/// What callers, readers and both threads see.
struct Shared {
    front: Mutex<Front>,
    segments: Segments,
    /// Held for writing while a batch goes from memory to the disk, so that who counts does not count it twice.
    counting: RwLock<()>,
    sync: SyncGate,
    moving: MoveGate,
    reads: Reads,
    clock: Arc<dyn Clock>,
    limits: Limits,
    journal_gaps: u64,
    _lock: Arc<DirectoryLock>,
}

/// The configuration as it is needed at every write.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// In bytes, as are the others.
    move_size: u64,
    pending_size: u64,
    sync_interval: Duration,
}

/// What is behind the short lock.
struct Front {
    journal: Journal,
    /// Takes what is written.
    active: Overlay,
    /// Is being moved to the disk.
    moving: Option<Arc<Overlay>>,
    /// With which sequence that ends.
    moving_upto: Option<u64>,
    intents: Intents,
    /// What an earlier process left open, until it is asked for.
    unfinished: Vec<Unfinished>,
}

impl Front {
    fn pending(&self) -> u64 {
        self.active.bytes() + self.moving.as_ref().map_or(0, |moving| moving.bytes())
    }

    fn record(&self, id: ActivationId) -> Option<&Arc<record::Record>> {
        self.active.get(id).or_else(|| self.moving.as_ref()?.get(id))
    }
}

/// How long the entry of a record is, which is written for that.
pub(crate) fn encoded_length(record: &Activation) -> Result<usize, StoreError> {
    record::encode(record).map(|encoded| encoded.into_record().bytes() as usize)
}

impl EmbeddedActivationStore {
    pub(crate) fn open(
        config: &Config,
        dir: &Path,
        lock: Arc<DirectoryLock>,
        clock: Arc<dyn Clock>,
    ) -> Result<EmbeddedActivationStore, OpenError> {
        let segments = Segments::open(config, dir)?;
        let recovered = recovery::recover(config, dir, &segments)?;
        let moved = recovered.watermark;
        let shared = Arc::new(Shared {
            sync: SyncGate::new(recovered.front.journal.sequence()),
            front: Mutex::new(recovered.front),
            segments,
            counting: RwLock::new(()),
            moving: MoveGate::new(moved),
            reads: Reads::new(),
            clock,
            limits: Limits {
                move_size: config.move_size.as_bytes(),
                pending_size: config.pending_size.as_bytes(),
                sync_interval: config.sync_interval,
            },
            journal_gaps: recovered.gaps,
            _lock: lock,
        });
        let start = |name: &str, run: fn(&Shared)| {
            let shared = shared.clone();
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread.spawn(move || run(&shared)).map_err(OpenError::file("start a thread for", dir))
        };
        let syncer = Some(start("store-sync", mover::sync)?);
        let mover = Some(start("store-move", mover::run)?);
        Ok(EmbeddedActivationStore { shared, mover, syncer })
    }

    pub(crate) fn usage(&self) -> Result<Usage, StoreError> {
        let shared = &self.shared;
        let (journal_bytes, pending_bytes, open_intents, in_memory) = {
            let _counting = shared.counting.read();
            let front = shared.front.lock();
            let moving = front.moving.as_ref().map_or(0, |moving| moving.records().count());
            let records = front.active.records().count() + moving;
            (front.journal.bytes(), front.pending(), front.intents.len() as u64, records as u64)
        };
        Ok(Usage {
            records: in_memory + shared.segments.records(),
            segments: shared.segments.all().len() as u64,
            segment_bytes: shared.segments.disk_space(),
            journal_bytes,
            pending_bytes,
            open_intents,
            journal_gaps: shared.journal_gaps,
        })
    }

    async fn page(&self, query: &ActivationQuery, shown: Shown) -> Result<Vec<Bytes>, StoreError> {
        let (shared, query) = (self.shared.clone(), query.clone());
        let what = format!("list activations of {}", query.namespace);
        let read = move || {
            let memory = shared.in_memory(&query);
            list::page(memory, &shared.segments, &query, shown).map_err(|fault| StoreError::new(what, fault))
        };
        self.shared.reads.run(read).await
    }
}

impl Drop for EmbeddedActivationStore {
    fn drop(&mut self) {
        // The one that moves may wait for the other's sync, so it ends first.
        self.shared.moving.stop();
        join(self.mover.take());
        self.shared.sync.stop();
        join(self.syncer.take());
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    if thread.is_some_and(|thread| thread.join().is_err()) {
        tracing::error!("a thread of the record store panicked");
    }
}

impl fmt::Debug for EmbeddedActivationStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedActivationStore")
            .field("segments", &self.shared.segments)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ActivationStore for EmbeddedActivationStore {
    fn accept(&self, intent: Intent) -> Result<Ticket, StoreError> {
        let id = intent.activation_id;
        let entry = record::accept_entry(id, &intent.body, false);
        let mut entry =
            entry.ok_or_else(|| StoreError::new(format!("accept {id}"), "it is longer than 4 GB"))?;
        self.shared.accept(id, &mut entry)
    }

    fn started(&self, id: ActivationId) -> Result<Ticket, StoreError> {
        let entry = record::started_entry(id);
        let mut entry = entry.ok_or_else(|| StoreError::new(format!("start {id}"), "it is too long"))?;
        let mut front = self.shared.front.lock();
        let position = front.journal.append(&mut entry)?;
        front.intents.start(id);
        drop(front);
        self.shared.sync.written();
        Ok(Ticket(position.sequence))
    }

    fn dismiss(&self, id: ActivationId) -> Result<Ticket, StoreError> {
        let entry = record::dismissed_entry(id);
        let mut entry = entry.ok_or_else(|| StoreError::new(format!("dismiss {id}"), "it is too long"))?;
        let mut front = self.shared.front.lock();
        if !front.intents.contains(id) {
            return Ok(Ticket(front.journal.sequence()));
        }
        let position = front.journal.append(&mut entry)?;
        front.intents.end(id);
        drop(front);
        self.shared.sync.written();
        Ok(Ticket(position.sequence))
    }

    fn store(&self, record: Arc<Activation>) -> Result<Ticket, StoreError> {
        self.shared.store(record.activation_id, record::encode(&record)?)
    }

    async fn durable(&self, ticket: Ticket) -> Result<Ticket, StoreError> {
        self.shared.sync.durable(ticket).await
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        std::mem::take(&mut self.shared.front.lock().unfinished)
    }

    async fn get(&self, namespace: &str, id: ActivationId) -> Result<Option<Bytes>, StoreError> {
        let in_memory = self.shared.front.lock().record(id).cloned();
        if let Some(record) = in_memory {
            return Ok((*record.namespace == *namespace).then(|| record.text.whole()));
        }
        let (shared, namespace) = (self.shared.clone(), namespace.to_owned());
        let failed = move |fault| StoreError::new(format!("read activation {id}"), fault);
        self.shared.reads.run(move || shared.segments.get(&namespace, id).map_err(failed)).await
    }

    async fn list(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError> {
        self.page(query, Shown::Whole).await
    }

    async fn summaries(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError> {
        self.page(query, Shown::Summary).await
    }

    async fn count(&self, query: &ActivationQuery) -> Result<u64, StoreError> {
        let (shared, query) = (self.shared.clone(), query.clone());
        self.shared.reads.run(move || shared.count(&query)).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        let sequence = self.shared.front.lock().journal.sequence();
        self.durable(Ticket(sequence)).await?;
        self.shared.moving.moved(sequence).await
    }
}

impl Shared {
    fn accept(&self, id: ActivationId, entry: &mut Frame) -> Result<Ticket, StoreError> {
        let mut front = self.front.lock();
        if front.pending() > self.limits.pending_size {
            return Err(self.too_much_pending(&front, &format!("accept {id}")));
        }
        let position = front.journal.append(entry)?;
        front.intents.accept(id, position);
        drop(front);
        self.sync.promised();
        Ok(Ticket(position.sequence))
    }

    fn store(&self, id: ActivationId, mut encoded: Encoded) -> Result<Ticket, StoreError> {
        let mut front = self.front.lock();
        if front.pending() > self.limits.pending_size.saturating_mul(RECORDS_BEYOND) {
            return Err(self.too_much_pending(&front, &format!("keep the record of {id}")));
        }
        // An open intent has no record. Without one, which is rare, the disk must be asked too, and under the lock, so
        // that no other record of that id comes in between; ids being of time, it nearly always knows without reading.
        if !front.intents.contains(id) && self.has_record(&front, encoded.namespace(), id)? {
            return Ok(Ticket(front.journal.sequence()));
        }
        let position = front.journal.append(&mut encoded.frame)?;
        front.intents.end(id);
        front.active.insert(encoded.into_record());
        let is_enough = front.active.bytes() >= self.limits.move_size && front.moving.is_none();
        drop(front);
        self.sync.promised();
        if is_enough {
            self.moving.request(position.sequence);
        }
        Ok(Ticket(position.sequence))
    }

    fn has_record(&self, front: &Front, namespace: &str, id: ActivationId) -> Result<bool, StoreError> {
        let failed = |fault| StoreError::new(format!("look for the record of {id}"), fault);
        Ok(front.record(id).is_some() || self.segments.contains(namespace, id).map_err(failed)?)
    }

    fn too_much_pending(&self, front: &Front, action: &str) -> StoreError {
        self.moving.request(front.journal.sequence());
        let text = "too much waits to be moved to the disk; is the disk full, or too slow?";
        StoreError { retryable: true, ..StoreError::new(action, text) }
    }

    /// What is in memory of a query's list; at first what takes writes, then what is being moved.
    fn in_memory(&self, query: &ActivationQuery) -> Vec<InMemory> {
        let (active, moving) = {
            let front = self.front.lock();
            (list::in_memory(&front.active, query), front.moving.clone())
        };
        let moving = moving.map(|moving| list::in_memory(&moving, query));
        std::iter::once(active).chain(moving).collect()
    }

    fn count(&self, query: &ActivationQuery) -> Result<u64, StoreError> {
        let _counting = self.counting.read();
        let in_memory = {
            let front = self.front.lock();
            let moving = front.moving.as_ref().map_or(0, |moving| moving.index().count(query));
            front.active.index().count(query) + moving
        };
        let failed = |fault| StoreError::new(format!("count activations of {}", query.namespace), fault);
        Ok(in_memory + self.segments.count(query).map_err(failed)?)
    }
}

#[cfg(test)]
mod tests;
