//! What of the journal is held in memory: the records that no segment has yet, and the intents that no record ends.

use super::record::Record;
use crate::journal::Position;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::ActivationQuery;
use store::index::{Place, RecordIndex};
use types::ActivationId;

/// Records that are in the journal only.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    by_id: HashMap<ActivationId, Arc<Record>>,
    index: RecordIndex,
    bytes: u64,
}

impl Overlay {
    /// Adds a record, unless there is one of that id.
    pub(crate) fn insert(&mut self, record: Record) {
        let id = record.id;
        if self.by_id.contains_key(&id) {
            return;
        }
        self.index.insert(&record.namespace, &record.path, record.start, id);
        self.bytes += record.bytes();
        self.by_id.insert(id, Arc::new(record));
    }

    pub(crate) fn get(&self, id: ActivationId) -> Option<&Arc<Record>> {
        self.by_id.get(&id)
    }

    pub(crate) fn index(&self) -> &RecordIndex {
        &self.index
    }

    /// Every record, in no order.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.by_id.values()
    }

    /// The first `limit` records that fit, in the order of lists.
    pub(crate) fn first(&self, query: &ActivationQuery, limit: usize) -> Vec<(Place, Arc<Record>)> {
        let places = self.index.places(query).take(limit);
        places.filter_map(|place| Some((place, self.by_id.get(&place.1)?.clone()))).collect()
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

/// An accepted activation that has no record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenIntent {
    /// Where its acceptance stands in the journal.
    pub(crate) position: Position,
    pub(crate) started: bool,
}

/// Every accepted activation that has no record.
#[derive(Debug, Default)]
pub(crate) struct Intents {
    by_id: HashMap<ActivationId, OpenIntent>,
    /// How many stand in each file of the journal.
    by_file: BTreeMap<u64, u64>,
}

impl Intents {
    /// Notes an acceptance; an earlier one of that id is replaced, but for having been started.
    pub(crate) fn accept(&mut self, id: ActivationId, position: Position) {
        let started = self.end(id).is_some_and(|old| old.started);
        self.by_id.insert(id, OpenIntent { position, started });
        *self.by_file.entry(position.file).or_default() += 1;
    }

    pub(crate) fn start(&mut self, id: ActivationId) {
        if let Some(intent) = self.by_id.get_mut(&id) {
            intent.started = true;
        }
    }

    /// Something of the journal is missing, which may have been that one of these was started.
    pub(crate) fn start_all(&mut self) {
        self.by_id.values_mut().for_each(|intent| intent.started = true);
    }

    pub(crate) fn end(&mut self, id: ActivationId) -> Option<OpenIntent> {
        let intent = self.by_id.remove(&id)?;
        if let Some(count) = self.by_file.get_mut(&intent.position.file) {
            *count -= 1;
            if *count == 0 {
                self.by_file.remove(&intent.position.file);
            }
        }
        Some(intent)
    }

    pub(crate) fn contains(&self, id: ActivationId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether an intent stands in that file of the journal.
    pub(crate) fn any_in(&self, file: u64) -> bool {
        self.by_file.contains_key(&file)
    }

    /// Up to `limit` of the intents that stand in that file of the journal.
    pub(crate) fn in_file(&self, file: u64, limit: usize) -> Vec<(ActivationId, OpenIntent)> {
        let intents = self.by_id.iter().filter(|(_, intent)| intent.position.file == file).take(limit);
        intents.map(|(id, intent)| (*id, *intent)).collect()
    }

    /// Every intent, in the order of ids, which is that of time.
    pub(crate) fn all(&self) -> Vec<(ActivationId, OpenIntent)> {
        let mut all: Vec<_> = self.by_id.iter().map(|(id, intent)| (*id, *intent)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }
}
