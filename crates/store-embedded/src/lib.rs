//! The embedded, durable store: entities in a copy-on-write tree, records of activations in a journal and log-structured
//! trees, both in one directory that belongs to one process.
//!
//! ```text
//! dir/lock               held while the directory is open; names the process
//! dir/entities.redb      documents, their attachments, lists and counts
//! dir/journal/N.log      what was written of activations lately, in the order of writing
//! dir/records/           records that have left the journal, in segments of time
//! dir/records.redb       how far the journal has been moved, and what the segments hold
//! ```
//!
//! This crate must not export more than a configuration, one constructor and what it answers with.

mod codec;
mod config;
mod entities;
mod error;
mod journal;
mod lock;
mod reads;
mod records;

pub use config::Config;
pub use error::OpenError;

use base::clock::Clock;
use std::sync::Arc;
use store::memory::{MemoryActivationStore, MemoryArtifactStore, RecordLimits};
use store::{ActivationStore, ArtifactStore};

/// Both stores. When the last handle of both has gone, the directory is free for another process.
#[derive(Clone, Debug)]
pub struct Stores {
    /// Entities, subjects and limits.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// Intents and records of activations.
    pub activations: Arc<dyn ActivationStore>,
    records: Option<Arc<records::EmbeddedActivationStore>>,
}

/// How much the store of records holds, for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Records.
    pub records: u64,
    /// Segments of time that they are in.
    pub segments: u64,
    /// What the segments take on the disk, in bytes.
    pub segment_bytes: u64,
    /// What the journal takes on the disk, in bytes.
    pub journal_bytes: u64,
    /// What waits in memory to be moved from the journal into a segment, in bytes.
    pub pending_bytes: u64,
    /// Accepted activations without a record.
    pub open_intents: u64,
    /// Places where the journal was found damaged when it was opened.
    pub journal_gaps: u64,
}

impl Stores {
    /// How much there is; all zero for stores in memory.
    ///
    /// # Errors
    /// When the disk fails. It reads from the disk, and is not for the async threads.
    pub fn usage(&self) -> Result<Usage, store::StoreError> {
        self.records.as_ref().map_or(Ok(Usage::default()), |records| records.usage())
    }
}

/// Opens both stores, and makes them where there is nothing yet. It reads what a process that was killed had not moved
/// out of the journal, so it may take a second; it is not for the async threads.
///
/// # Errors
/// When the directory is in use, cannot be written, or holds what this version does not understand.
pub fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Stores, OpenError> {
    let Some(dir) = &config.dir else { return Ok(in_memory(config, clock)) };
    let lock = Arc::new(lock::DirectoryLock::acquire(dir)?);
    let artifacts = entities::EmbeddedArtifactStore::open(config, dir, lock.clone())?;
    let activations = Arc::new(records::EmbeddedActivationStore::open(config, dir, lock, clock)?);
    Ok(Stores {
        artifacts: Arc::new(artifacts),
        activations: activations.clone(),
        records: Some(activations),
    })
}

/// A door for `bench/gate`: writes a record's entry as the journal and the memory hold it, and answers with its length.
///
/// # Errors
/// When it cannot be written.
#[doc(hidden)]
pub fn measured_record(record: &types::Activation) -> Result<usize, store::StoreError> {
    records::encoded_length(record)
}

fn in_memory(config: &Config, clock: Arc<dyn Clock>) -> Stores {
    let limits =
        RecordLimits { records: usize::MAX, bytes: config.memory.as_bytes(), age: config.retention_age };
    Stores {
        artifacts: Arc::new(MemoryArtifactStore::new()),
        activations: Arc::new(MemoryActivationStore::new(clock, limits)),
        records: None,
    }
}
