//! One segment: two log-structured trees.
//!
//! ```text
//! texts   batch, namespace, id  ->  a group of records from that one on, in the order of namespaces and ids
//! lists   place in a list       ->  number of a shape and what fills it: the summary of the record there
//!         number of a shape     ->  what summaries have in common
//! ```
//!
//! Each list has the summaries beside it, so a page of any list is read from one place. Groups of records are not
//! merged: what was moved together stays together, and a record is looked for in the batches that have ids around its own.

use super::group::{self, Groups, Texts};
use super::keys::{NO_LIST, bounds, key, place_of, shape_key, shape_number};
use super::marks::{Batch, Extent, Fault};
use super::overlay::Overlay;
use super::record::Record;
use super::shape::{self, Split};
use crate::codec::Fields;
use bytes::Bytes;
use fjall::compaction::Leveled;
use fjall::config::{BlockSizePolicy, CompressionPolicy, RestartIntervalPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::ActivationQuery;
use store::index::Place;
use types::ActivationId;

/// How many batches stand side by side in a tree before they are merged into the rest of the segment, which writes much
/// of that again. Each makes a list look into one place more.
const BATCHES_APART: u8 = 32;
/// From how many of them on the engine keeps writers waiting.
const WRITES_WAIT: usize = 20;
/// The size of a block of the lists, in bytes. A page takes a few of them.
const LIST_BLOCK: u32 = 16 << 10;
/// How many entries of a list there are for each key that stands there whole.
const LIST_RESTARTS: u8 = 64;
/// How many shapes a segment keeps; summaries of further ones stand there as they are.
const SHAPES: usize = 4096;
/// The number in the place of a shape's before a summary that has none.
const NO_SHAPE: u64 = 0;

/// The trees of a segment.
const TREES: [&str; 2] = ["texts", "lists"];

/// One segment. Its files go with the last handle, once it was dropped.
pub(crate) struct Segment {
    pub(crate) number: u64,
    texts: Keyspace,
    lists: Keyspace,
    pub(super) extent: Mutex<Extent>,
    /// Oldest first.
    batches: Mutex<Vec<Batch>>,
    /// How many parts of the lists stood side by side when that was looked at.
    apart: AtomicUsize,
}

/// How much of a segment is within a query's bounds of time.
pub(super) enum Covered {
    Not,
    Part,
    Whole,
}

/// The name of a segment's tree.
fn tree_name(number: u64, tree: &str) -> String {
    format!("{number:016}-{tree}")
}

/// The names of a segment's trees.
pub(super) fn tree_names(number: u64) -> [String; 2] {
    TREES.map(|tree| tree_name(number, tree))
}

impl Segment {
    pub(super) fn open(
        database: &Database,
        number: u64,
        extent: Extent,
        batches: Vec<Batch>,
    ) -> Result<Segment, Fault> {
        let options = || {
            KeyspaceCreateOptions::default()
                .compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(BATCHES_APART)))
                // Filters serve to see that a key is missing, which is asked of none.
                .expect_point_read_hits(true)
        };
        let lists = || {
            options()
                .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
                .data_block_size_policy(BlockSizePolicy::all(LIST_BLOCK))
                .data_block_restart_interval_policy(RestartIntervalPolicy::all(LIST_RESTARTS))
        };
        let groups =
            || options().data_block_compression_policy(CompressionPolicy::all(CompressionType::None));
        let [texts, lists_name] = tree_names(number);
        Ok(Segment {
            number,
            texts: database.keyspace(&texts, groups)?,
            lists: database.keyspace(&lists_name, lists)?,
            extent: Mutex::new(extent),
            batches: Mutex::new(batches),
            apart: AtomicUsize::new(0),
        })
    }

    pub(super) fn delete(&self, database: &Database) -> Result<(), Fault> {
        for tree in self.trees() {
            database.delete_keyspace(tree.clone())?;
        }
        Ok(())
    }

    fn trees(&self) -> [&Keyspace; 2] {
        [&self.texts, &self.lists]
    }

    pub(super) fn disk_space(&self) -> u64 {
        self.trees().into_iter().map(Keyspace::disk_space).sum()
    }

    /// The start of the newest record.
    pub(crate) fn last_start(&self) -> u64 {
        self.extent.lock().starts.1
    }

    /// Whether any record could be within the query's bounds of time.
    pub(crate) fn overlaps(&self, query: &ActivationQuery) -> bool {
        !matches!(self.covered_by(query), Covered::Not)
    }

    pub(super) fn covered_by(&self, query: &ActivationQuery) -> Covered {
        let (first, last) = self.extent.lock().starts;
        let (since, upto) = (query.since.unwrap_or(0), query.upto.unwrap_or(u64::MAX));
        if first > last || first > upto || last < since {
            Covered::Not
        } else if since <= first && last <= upto {
            Covered::Whole
        } else {
            Covered::Part
        }
    }

    /// Oldest first.
    pub(super) fn batches(&self) -> Vec<Batch> {
        self.batches.lock().clone()
    }

    /// What was written last, or is being written.
    pub(super) fn newest_batch(&self) -> Option<Batch> {
        self.batches.lock().last().copied()
    }

    pub(super) fn extent_with(&self, batch: &Overlay) -> Extent {
        let mut extent = *self.extent.lock();
        for record in batch.records() {
            extent.widen(record.start, record.id.bits());
        }
        extent
    }

    /// Whether there is a record of that id in that namespace.
    pub(super) fn contains(&self, namespace: &str, id: ActivationId) -> Result<bool, Fault> {
        for batch in self.batches_around(id) {
            if let Some((_, group)) = self.group(batch, namespace, id)?
                && group::ids(&group)?.contains(&id.bits())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes out the ids that have a record here. It reads all there is around them.
    pub(super) fn take_out(&self, ids: &mut HashSet<ActivationId>) -> Result<(), Fault> {
        let batches = self.batches();
        for batch in batches {
            if ids.iter().any(|id| batch.may_have(*id)) {
                for entry in
                    self.texts.range(text_key(batch.number, "", 0)..text_key(batch.number + 1, "", 0))
                {
                    for bits in group::ids(&entry.value()?)? {
                        ids.remove(&ActivationId::from_bits(bits));
                    }
                }
            }
        }
        Ok(())
    }

    /// The batches that may have a record of that id, newest first.
    fn batches_around(&self, id: ActivationId) -> Vec<u64> {
        let batches = self.batches.lock();
        batches.iter().rev().filter(|batch| batch.may_have(id)).map(|batch| batch.number).collect()
    }

    /// The only group of a batch that may have that record, after its key.
    fn group(
        &self,
        batch: u64,
        namespace: &str,
        id: ActivationId,
    ) -> Result<Option<(fjall::Slice, fjall::Slice)>, Fault> {
        let last = text_key(batch, namespace, id.bits());
        let mut groups = self.texts.range(text_key(batch, "", 0)..=last);
        Ok(groups.next_back().map(fjall::Guard::into_inner).transpose()?)
    }

    /// The places of the records that fit, in the order of lists, with what [`Reader::summary`] makes a summary of.
    pub(crate) fn places(
        &self,
        query: &ActivationQuery,
    ) -> impl Iterator<Item = Result<(Place, fjall::Slice), Fault>> + use<> {
        let entries = bounds(query).map(|bounds| self.lists.range(bounds));
        let query = query.clone();
        entries.into_iter().flatten().map(move |entry| {
            let (key, summary) = entry.into_inner()?;
            Ok((place_of(&key, &query)?, summary))
        })
    }

    pub(super) fn count_keys(&self, query: &ActivationQuery) -> Result<u64, Fault> {
        let Some(bounds) = bounds(query) else { return Ok(0) };
        let mut count = 0;
        for entry in self.lists.range(bounds) {
            entry.key()?;
            count += 1;
        }
        Ok(count)
    }

    /// Every shape that there is, with its number.
    pub(super) fn shapes(&self) -> Result<Shapes, Fault> {
        let mut numbers = FxHashMap::default();
        for entry in self.lists.range(shape_key(0)..=shape_key(u64::MAX)) {
            let (key, shape) = entry.into_inner()?;
            let number = shape_number(&key).ok_or("a shape has no number")?;
            numbers.insert(shape.to_vec().into_boxed_slice(), number);
        }
        Ok(Shapes { numbers })
    }

    /// Writes a batch, each tree's part durable as a whole. Texts come first: what a reader finds in a list leads it to
    /// those, so they must be there. A list that meets the same record in memory and here may take either. After a fault
    /// `shapes` may not be what is on the disk.
    pub(super) fn ingest(&self, number: u64, batch: &Overlay, shapes: &mut Shapes) -> Result<(), Fault> {
        self.ingest_texts(number, batch)?;
        let summaries = shapes.summaries_of(batch);
        let mut lists = self.lists.start_ingestion()?;
        for (namespace, places) in batch.index().by_namespace() {
            for &place in places {
                lists.write(key(namespace, None, place), summaries.get(place.1)?)?;
            }
        }
        for (namespace, path, places) in batch.index().by_path() {
            for &place in places {
                lists.write(key(namespace, Some(path), place), summaries.get(place.1)?)?;
            }
        }
        for (number, shape) in &summaries.new_shapes {
            lists.write(shape_key(*number), &**shape)?;
        }
        Ok(lists.finish()?)
    }

    /// Frees the disk of what was merged since this was called before. The engine keeps the files until its next
    /// merge, unless it writes something out of its memory, so it gets something that is in no list to write. It would
    /// keep whoever writes waiting where many parts stand side by side, for good if nothing more came; then it is left for
    /// later.
    pub(super) fn free_merged(&self) -> Result<(), Fault> {
        let (apart, before) = (self.lists.l0_table_count(), self.apart.load(Ordering::Relaxed));
        let has_merged = apart < before;
        if has_merged && apart >= WRITES_WAIT {
            return Ok(());
        }
        self.apart.store(apart, Ordering::Relaxed);
        if has_merged {
            self.lists.insert(NO_LIST, [])?;
            self.lists.rotate_memtable_and_wait()?;
        }
        Ok(())
    }

    /// Whether the engine is merging, or has ended a merge that [`Segment::free_merged`] has not seen.
    pub(super) fn is_merging(&self) -> bool {
        let apart = self.lists.l0_table_count();
        apart >= usize::from(BATCHES_APART) || apart < self.apart.load(Ordering::Relaxed)
    }

    fn ingest_texts(&self, number: u64, batch: &Overlay) -> Result<(), Fault> {
        let mut records: Vec<&Record> = batch.records().map(|record| &**record).collect();
        records.sort_unstable_by(|a, b| (&a.namespace, a.id).cmp(&(&b.namespace, b.id)));
        let mut marks = Batch { number, ids: (u128::MAX, 0) };
        for record in &records {
            marks.widen(record.id);
        }
        let mut texts = self.texts.start_ingestion()?;
        let mut groups = Groups::new(&records)?;
        while let Some((first, group)) = groups.next()? {
            texts.write(text_key(number, &first.namespace, first.id.bits()), group)?;
        }
        texts.finish()?;
        let mut batches = self.batches.lock();
        batches.retain(|batch| batch.number != number);
        batches.push(marks);
        Ok(())
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The key of a group that begins with that record.
fn text_key(batch: u64, namespace: &str, id: u128) -> Vec<u8> {
    let mut key = Vec::with_capacity(namespace.len() + 25);
    key.extend_from_slice(&batch.to_be_bytes());
    key.extend_from_slice(namespace.as_bytes());
    key.push(0);
    key.extend_from_slice(&id.to_be_bytes());
    key
}

/// The shapes of the segment that is written to.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    numbers: FxHashMap<Box<[u8]>, u64>,
}

/// The summaries that a batch's records have in lists.
struct Summaries {
    /// Shapes that the segment has not got yet.
    new_shapes: Vec<(u64, Box<[u8]>)>,
    bytes: Vec<u8>,
    /// Where they are in that.
    places: FxHashMap<ActivationId, Range<usize>>,
}

impl Summaries {
    fn get(&self, id: ActivationId) -> Result<&[u8], Fault> {
        let place = self.places.get(&id).ok_or("a record is listed and missing")?;
        Ok(&self.bytes[place.clone()])
    }
}

impl Shapes {
    fn summaries_of(&mut self, batch: &Overlay) -> Summaries {
        let mut made = Summaries { new_shapes: Vec::new(), bytes: Vec::new(), places: FxHashMap::default() };
        let mut parts = Split::default();
        for record in batch.records() {
            let has_shape = shape::split(&record.summary, record.id, record.start, &mut parts);
            let number = has_shape.then(|| self.number_of(&parts.shape, &mut made.new_shapes)).flatten();
            let begin = made.bytes.len();
            shape::put_number(&mut made.bytes, number.unwrap_or(NO_SHAPE));
            made.bytes.extend_from_slice(if number.is_some() { &parts.filling } else { &record.summary });
            made.places.insert(record.id, begin..made.bytes.len());
        }
        made
    }

    /// The number of a shape, which may be new. `None`: there are too many.
    fn number_of(&mut self, shape: &[u8], new: &mut Vec<(u64, Box<[u8]>)>) -> Option<u64> {
        if let Some(known) = self.numbers.get(shape) {
            return Some(*known);
        }
        let number = self.numbers.len() as u64 + 1;
        (self.numbers.len() < SHAPES).then(|| {
            new.push((number, shape.into()));
            self.numbers.insert(shape.into(), number);
            number
        })
    }
}

/// How many groups of texts one page keeps at hand: neighbours are in the same one, and batches may take turns.
const GROUPS_AT_HAND: usize = 4;

/// Reads the texts of one page, each shape once, and each group of neighbours once.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    shapes: HashMap<(u64, u64), fjall::Slice>,
    /// By segment and key.
    groups: VecDeque<(u64, fjall::Slice, Texts)>,
}

impl Reader {
    /// The summary of the record at that place.
    pub(crate) fn summary(
        &mut self,
        segment: &Segment,
        (Reverse(start), id): Place,
        summary: &[u8],
    ) -> Result<Bytes, Fault> {
        let mut fields = Fields::new(summary);
        let number = shape::number(&mut fields).ok_or("a summary is broken")?;
        if number == NO_SHAPE {
            return Ok(Bytes::copy_from_slice(fields.rest()));
        }
        let shape = match self.shapes.entry((segment.number, number)) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                let shape = segment.lists.get(shape_key(number))?;
                new.insert(shape.ok_or("a summary's shape is missing")?)
            }
        };
        let text = shape::join(shape, fields.rest(), id, start);
        Ok(Bytes::from(text.ok_or("a summary is not of its shape")?))
    }

    /// The text of a record, if the segment has it and it belongs to that namespace.
    pub(crate) fn text(
        &mut self,
        segment: &Segment,
        namespace: &str,
        id: ActivationId,
    ) -> Result<Option<Bytes>, Fault> {
        for batch in segment.batches_around(id) {
            let Some((key, group)) = segment.group(batch, namespace, id)? else { continue };
            let here =
                |(number, known, _): &(u64, fjall::Slice, Texts)| *number == segment.number && *known == key;
            if let Some((_, _, texts)) = self.groups.iter().find(|group| here(group)) {
                if let Some(text) = texts.get(namespace, id) {
                    return Ok(Some(text));
                }
                continue;
            }
            if !group::ids(&group)?.contains(&id.bits()) {
                continue;
            }
            let texts = Texts::read(&group)?;
            let text = texts.get(namespace, id);
            if self.groups.len() == GROUPS_AT_HAND {
                self.groups.pop_front();
            }
            self.groups.push_back((segment.number, key, texts));
            if text.is_some() {
                return Ok(text);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::conformance::activation::{BEGIN, id};

    #[test]
    fn what_was_merged_is_freed_later_where_the_engine_would_keep_writers_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::builder(dir.path()).open().unwrap();
        let segment = Segment::open(&database, 1, Extent::new(0), Vec::new()).unwrap();
        let mut shapes = segment.shapes().unwrap();
        let mut ingest = |number: u64| {
            let mut batch = Overlay::default();
            let (namespace, path) = ("ns".into(), "a".into());
            let text = Bytes::from_static(b"{}");
            let id = id(BEGIN + number, number);
            batch.insert(Record {
                id,
                start: BEGIN + number,
                namespace,
                path,
                summary: text.clone(),
                text: text.into(),
            });
            segment.ingest(number, &batch, &mut shapes).unwrap();
        };
        (1..=WRITES_WAIT as u64 + 2).for_each(&mut ingest);
        let apart = segment.lists.l0_table_count();
        assert!(apart >= WRITES_WAIT, "{apart}");
        // As if a merge had taken many more, while these came.
        segment.apart.store(2 * WRITES_WAIT, Ordering::Relaxed);
        segment.free_merged().unwrap();
        assert_eq!(segment.lists.l0_table_count(), apart, "nothing was written");
        assert!(segment.is_merging(), "it is looked at again");
    }
}
