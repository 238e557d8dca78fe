//! The records on the disk, in segments of time that are dropped as a whole.
//!
//! A segment is three log-structured trees: whole records by id, summaries by namespace and start, and names by
//! namespace, path and start. They are written only by sorted batches that become durable as a whole, so the trees' own
//! journal stays empty, and there is nothing in it to replay.

use super::marks::{Extent, Fault, Marks, Moved};
use super::overlay::Overlay;
use crate::{Config, OpenError};
use bytes::Bytes;
use fjall::compaction::Leveled;
use fjall::config::CompressionPolicy;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions};
use parking_lot::{Mutex, RwLock};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use store::ActivationQuery;
use store::index::Place;
use types::ActivationId;

/// Into how many segments of equal age the retention is cut: this part of it a record may stay longer.
const SEGMENTS_OF_AGE: u64 = 16;
/// Into how many segments of equal size the retention is cut: this part of it goes at once.
const SEGMENTS_OF_SIZE: u64 = 32;
/// A segment is not longer than this: lists by namespace are merged within a segment, the more often the longer it is.
const LARGEST_SEGMENT: u64 = 256 << 20;
/// How many batches stand side by side in a tree before they are merged into the rest of the segment, which writes much
/// of that again. Each makes a list look into one place more.
const BATCHES_APART: u8 = 32;
/// How many files are held open.
const OPEN_FILES: usize = 256;
/// The least that the engine takes. It is not used: see the head of this file.
const ENGINE_JOURNAL: u64 = 64 << 20;

/// The disk that one segment may take, in bytes.
fn segment_size(config: &Config) -> u64 {
    (config.retention_size.as_bytes() / SEGMENTS_OF_SIZE).min(LARGEST_SEGMENT)
}

/// One segment. Its files go with the last handle, once it was dropped.
pub(crate) struct Segment {
    pub(crate) number: u64,
    records: Keyspace,
    summaries: Keyspace,
    names: Keyspace,
    extent: Mutex<Extent>,
}

/// All segments.
pub(crate) struct Segments {
    database: Database,
    marks: Marks,
    /// Newest first.
    list: RwLock<Arc<Vec<Arc<Segment>>>>,
    segment_size: u64,
    /// In bytes.
    retention_size: u64,
    /// In milliseconds.
    retention_age: u64,
}

/// The three trees of a segment.
const TREES: [&str; 3] = ["records", "summaries", "names"];

impl Segments {
    pub(crate) fn open(config: &Config, dir: &Path) -> Result<Segments, OpenError> {
        let marks_path = dir.join("records.redb");
        let marks = Marks::open(&marks_path).map_err(OpenError::content(&marks_path))?;
        let path = dir.join("records");
        let database = Database::builder(&path)
            .cache_size(config.record_cache.as_bytes())
            .max_journaling_size(ENGINE_JOURNAL)
            .max_cached_files(Some(OPEN_FILES))
            .worker_threads(1)
            .open()
            .map_err(OpenError::content(&path))?;
        let known = marks.segments().map_err(OpenError::content(&marks_path))?;
        let mut list = Vec::with_capacity(known.len());
        for (number, extent) in known.into_iter().rev() {
            let segment = Segment::open(&database, number, extent).map_err(OpenError::content(&path))?;
            list.push(Arc::new(segment));
        }
        let age = u64::try_from(config.retention_age.as_millis()).unwrap_or(u64::MAX);
        let segments = Segments {
            database,
            marks,
            list: RwLock::new(Arc::new(list)),
            segment_size: segment_size(config),
            retention_size: config.retention_size.as_bytes(),
            retention_age: age,
        };
        segments.remove_strays().map_err(OpenError::content(&path))?;
        Ok(segments)
    }

    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Every segment, newest first.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<Segment>>> {
        self.list.read().clone()
    }

    /// Whether a segment has a record of that id.
    pub(crate) fn contains(&self, id: ActivationId) -> Result<bool, Fault> {
        for segment in self.all().iter().filter(|segment| segment.may_have(id)) {
            if segment.records.contains_key(id.bits().to_be_bytes())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The text of a record, if it belongs to that namespace.
    pub(crate) fn get(&self, namespace: &str, id: ActivationId) -> Result<Option<Bytes>, Fault> {
        for segment in self.all().iter().filter(|segment| segment.may_have(id)) {
            if let Some((owner, text)) = segment.record(id)? {
                return Ok((owner == namespace).then_some(text));
            }
        }
        Ok(None)
    }

    /// How many records fit; what is in memory only is not counted.
    pub(crate) fn count(&self, query: &ActivationQuery) -> Result<u64, Fault> {
        let mut count = 0;
        for segment in self.all().iter() {
            count += match segment.covered_by(query) {
                Covered::Not => 0,
                Covered::Whole => self.marks.count(segment.number, query)?,
                Covered::Part => segment.count_keys(query)?,
            };
        }
        Ok(count)
    }

    /// Moves a batch into the newest segment, or into a new one when that is full. It can be read from then on. When
    /// this fails, the same batch must be moved again before any other. `may_begin`: whether a new segment may be
    /// begun; not for what an earlier process may have moved in part.
    pub(crate) fn take(&self, batch: &Overlay, may_begin: bool, now: u64) -> Result<(), Fault> {
        if batch.is_empty() {
            return Ok(());
        }
        let newest = self.all().first().cloned();
        let segment = match newest {
            Some(newest) if !may_begin || !self.is_full(&newest, now) => newest,
            newest => self.begin_segment(newest.map_or(1, |newest| newest.number + 1), now)?,
        };
        // Readers look at the extent first, so it must cover the records before they can be seen.
        let with_batch = segment.extent_with(batch);
        segment.extent.lock().cover(&with_batch);
        segment.ingest(batch)
    }

    /// Notes that everything up to `watermark` has been moved, `batch` being the last of it.
    pub(crate) fn commit(&self, batch: &Overlay, watermark: u64) -> Result<(), Fault> {
        let newest = self.all().first().cloned().filter(|_| !batch.is_empty());
        let mut counts: HashMap<(&str, &str), u64> = HashMap::new();
        for (namespace, path, places) in batch.index().by_path() {
            counts.insert((namespace, path), places.len() as u64);
        }
        let segment = newest.as_ref().map(|newest| {
            let extent = newest.extent_with(batch);
            (newest.number, extent)
        });
        self.marks.moved(&Moved { watermark, segment, counts })?;
        if let (Some(newest), Some((_, extent))) = (newest, segment) {
            *newest.extent.lock() = extent;
        }
        Ok(())
    }

    /// Drops what is too old or too much; the disk is free again at once, or when the last reader has ended.
    pub(crate) fn retain(&self, now: u64) -> Result<(), Fault> {
        loop {
            let all = self.all();
            let Some(oldest) = all.last() else { return Ok(()) };
            let size: u64 = all.iter().map(|segment| segment.disk_space()).sum();
            let expired = oldest.last_start().saturating_add(self.retention_age) < now;
            if !expired && (size <= self.retention_size || all.len() == 1) {
                return Ok(());
            }
            let (number, records) = (oldest.number, oldest.extent.lock().records);
            tracing::info!(segment = number, records, expired, "records are dropped by retention");
            self.drop_oldest(oldest)?;
        }
    }

    /// In how many milliseconds the next segment is too old.
    pub(crate) fn next_expiry(&self, now: u64) -> Option<u64> {
        let all = self.all();
        let oldest = all.last()?;
        Some(oldest.last_start().saturating_add(self.retention_age).saturating_sub(now) + 1)
    }

    pub(crate) fn records(&self) -> u64 {
        self.all().iter().map(|segment| segment.extent.lock().records).sum()
    }

    pub(crate) fn disk_space(&self) -> u64 {
        self.all().iter().map(|segment| segment.disk_space()).sum()
    }

    fn is_full(&self, segment: &Segment, now: u64) -> bool {
        let age = now.saturating_sub(segment.extent.lock().begun);
        age >= self.retention_age / SEGMENTS_OF_AGE || segment.disk_space() >= self.segment_size
    }

    fn begin_segment(&self, number: u64, now: u64) -> Result<Arc<Segment>, Fault> {
        let segment = Arc::new(Segment::open(&self.database, number, Extent::new(now))?);
        let mut list = self.list.write();
        let rest = list.iter().cloned();
        *list = Arc::new(std::iter::once(segment.clone()).chain(rest).collect());
        Ok(segment)
    }

    fn drop_oldest(&self, oldest: &Segment) -> Result<(), Fault> {
        // What a process that is killed here leaves behind is a stray that the next one removes.
        self.marks.dropped(oldest.number)?;
        {
            let mut list = self.list.write();
            *list =
                Arc::new(list.iter().filter(|segment| segment.number != oldest.number).cloned().collect());
        }
        for tree in [&oldest.records, &oldest.summaries, &oldest.names] {
            self.database.delete_keyspace(tree.clone())?;
        }
        Ok(())
    }

    /// Removes trees that belong to no segment: of one that was being dropped, or whose first batch was being moved and
    /// is moved again.
    fn remove_strays(&self) -> Result<(), Fault> {
        let known = self.all();
        for name in self.database.list_keyspace_names() {
            let number = name.split_once('-').and_then(|(number, _)| number.parse::<u64>().ok());
            if number.is_none_or(|number| known.iter().all(|segment| segment.number != number)) {
                tracing::info!(name = &*name, "a tree that no segment knows is removed");
                let tree = self.database.keyspace(&name, KeyspaceCreateOptions::default)?;
                self.database.delete_keyspace(tree)?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Segments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segments").field("segments", &self.all().len()).finish_non_exhaustive()
    }
}

/// How much of a segment is within a query's bounds of time.
enum Covered {
    Not,
    Part,
    Whole,
}

impl Segment {
    fn open(database: &Database, number: u64, extent: Extent) -> Result<Segment, Fault> {
        let [records, summaries, names] = TREES;
        let tree = |name: &str, found_by_key: bool| {
            let options = || {
                KeyspaceCreateOptions::default()
                    .compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(BATCHES_APART)))
                    .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
                    // Filters serve to see that a key is missing, which is asked of records only.
                    .expect_point_read_hits(!found_by_key)
            };
            database.keyspace(&format!("{number:016}-{name}"), options)
        };
        Ok(Segment {
            number,
            records: tree(records, true)?,
            summaries: tree(summaries, false)?,
            names: tree(names, false)?,
            extent: Mutex::new(extent),
        })
    }

    /// The start of the newest record.
    pub(crate) fn last_start(&self) -> u64 {
        self.extent.lock().starts.1
    }

    /// Whether any record could be within the query's bounds of time.
    pub(crate) fn overlaps(&self, query: &ActivationQuery) -> bool {
        !matches!(self.covered_by(query), Covered::Not)
    }

    /// The namespace and the text of a record.
    pub(crate) fn record(&self, id: ActivationId) -> Result<Option<(String, Bytes)>, Fault> {
        let Some(value) = self.records.get(id.bits().to_be_bytes())? else { return Ok(None) };
        let at = value.iter().position(|byte| *byte == 0).ok_or("a record has no namespace")?;
        let namespace = std::str::from_utf8(&value[..at])?.to_owned();
        Ok(Some((namespace, Bytes::copy_from_slice(&value[at + 1..]))))
    }

    /// The summary of the record at that place.
    pub(crate) fn summary(&self, namespace: &str, place: Place) -> Result<Option<Bytes>, Fault> {
        let value = self.summaries.get(key(namespace, None, place))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    /// The places of the records that fit, in the order of lists, with summaries where they stand beside.
    pub(crate) fn places(
        &self,
        query: &ActivationQuery,
    ) -> impl Iterator<Item = Result<(Place, Option<fjall::Slice>), Fault>> + use<> {
        let has_summaries = query.name.is_none();
        let entries = bounds(query).map(|bounds| self.tree(query).range(bounds));
        entries.into_iter().flatten().map(move |entry| {
            let (key, summary) = entry.into_inner()?;
            Ok((place_of(&key)?, has_summaries.then_some(summary)))
        })
    }

    fn count_keys(&self, query: &ActivationQuery) -> Result<u64, Fault> {
        let Some(bounds) = bounds(query) else { return Ok(0) };
        let mut count = 0;
        for entry in self.tree(query).range(bounds) {
            entry.key()?;
            count += 1;
        }
        Ok(count)
    }

    /// The tree whose order is that of the query's list.
    fn tree(&self, query: &ActivationQuery) -> &Keyspace {
        if query.name.is_some() { &self.names } else { &self.summaries }
    }

    fn covered_by(&self, query: &ActivationQuery) -> Covered {
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

    fn may_have(&self, id: ActivationId) -> bool {
        let (first, last) = self.extent.lock().ids;
        (first..=last).contains(&id.bits())
    }

    fn disk_space(&self) -> u64 {
        self.records.disk_space() + self.summaries.disk_space() + self.names.disk_space()
    }

    fn extent_with(&self, batch: &Overlay) -> Extent {
        let mut extent = *self.extent.lock();
        for record in batch.records() {
            extent.widen(record.start, record.id.bits());
        }
        extent
    }

    /// Records come first, then summaries, then names: what a reader finds in one tree leads it into those before, so it
    /// must be there. A list that meets the same record in memory and here may take either.
    fn ingest(&self, batch: &Overlay) -> Result<(), Fault> {
        let mut records = self.records.start_ingestion()?;
        let mut value = Vec::new();
        for record in batch.by_id() {
            value.clear();
            value.extend_from_slice(record.namespace.as_bytes());
            value.push(0);
            value.extend_from_slice(&record.text);
            records.write(record.id.bits().to_be_bytes(), &*value)?;
        }
        records.finish()?;
        let record = |id| batch.get(id).ok_or("a record is listed and missing");
        let mut summaries = self.summaries.start_ingestion()?;
        for (namespace, places) in batch.index().by_namespace() {
            for &place in places {
                summaries.write(key(namespace, None, place), &*record(place.1)?.summary)?;
            }
        }
        summaries.finish()?;
        let mut names = self.names.start_ingestion()?;
        for (namespace, path, places) in batch.index().by_path() {
            for &place in places {
                names.write(key(namespace, Some(path), place), [])?;
            }
        }
        Ok(names.finish()?)
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Extent {
    /// Widens the bounds to those of `other`; the number of records stays.
    fn cover(&mut self, other: &Extent) {
        self.starts = (self.starts.0.min(other.starts.0), self.starts.1.max(other.starts.1));
        self.ids = (self.ids.0.min(other.ids.0), self.ids.1.max(other.ids.1));
    }
}

/// The key of a record in the order of lists. Names have no zero byte, so one ends each.
fn key(namespace: &str, path: Option<&str>, (Reverse(start), id): Place) -> Vec<u8> {
    let mut key = prefix(namespace, path, 24);
    key.extend_from_slice(&(!start).to_be_bytes());
    key.extend_from_slice(&id.bits().to_be_bytes());
    key
}

fn prefix(namespace: &str, path: Option<&str>, room: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(namespace.len() + path.map_or(0, str::len) + 2 + room);
    key.extend_from_slice(namespace.as_bytes());
    key.push(0);
    if let Some(path) = path {
        key.extend_from_slice(path.as_bytes());
        key.push(0);
    }
    key
}

/// The keys between which a query's records are; `None` when its bounds of time cross.
fn bounds(query: &ActivationQuery) -> Option<std::ops::RangeInclusive<Vec<u8>>> {
    let (since, upto) = (query.since.unwrap_or(0), query.upto.unwrap_or(u64::MAX));
    let path = query.name.as_deref();
    let first = key(&query.namespace, path, (Reverse(upto), ActivationId::from_bits(0)));
    let last = key(&query.namespace, path, (Reverse(since), ActivationId::from_bits(u128::MAX)));
    (since <= upto).then_some(first..=last)
}

fn place_of(key: &[u8]) -> Result<Place, Fault> {
    let at = key.len().checked_sub(24).ok_or("a key is too short")?;
    let mut fields = crate::codec::Fields::new(&key[at..]);
    let place = fields.u64().zip(fields.u128());
    let (start, id) = place.ok_or("a key is too short")?;
    Ok((Reverse(!start), ActivationId::from_bits(id)))
}
