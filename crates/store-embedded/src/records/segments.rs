//! The records on the disk, in segments of time that are dropped as a whole.
//!
//! Segments are written only by sorted batches that become durable as a whole, so there is nothing of records in the
//! trees' own journal, and next to nothing to replay.

use super::marks::{Extent, Fault, Marks, Moved};
use super::migration;
use super::overlay::Overlay;
use super::segment::{Covered, Reader, Segment, Shapes, tree_names};
use crate::{Config, OpenError};
use bytes::Bytes;
use fjall::{Database, KeyspaceCreateOptions};
use parking_lot::{Mutex, RwLock};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use store::ActivationQuery;
use types::ActivationId;

/// Into how many segments of equal age the retention is cut: this part of it a record may stay longer.
const SEGMENTS_OF_AGE: u64 = 16;
/// Into how many segments of equal size the retention is cut: this part of it goes at once.
const SEGMENTS_OF_SIZE: u64 = 32;
/// A segment is not longer than this: lists by namespace are merged within a segment, the more often the longer it is.
const LARGEST_SEGMENT: u64 = 256 << 20;
/// How many files are held open.
const OPEN_FILES: usize = 256;
/// The least that the engine takes. It is not used: see the head of this file.
const ENGINE_JOURNAL: u64 = 64 << 20;

/// The disk that one segment may take, in bytes.
fn segment_size(config: &Config) -> u64 {
    (config.retention_size.as_bytes() / SEGMENTS_OF_SIZE).min(LARGEST_SEGMENT)
}

/// All segments.
pub(crate) struct Segments {
    database: Database,
    marks: Marks,
    /// Newest first.
    list: RwLock<Arc<Vec<Arc<Segment>>>>,
    /// The shapes of the newest segment, after its number; `None` until they are needed, and after a fault.
    shapes: Mutex<Option<(u64, Shapes)>>,
    segment_size: u64,
    /// In bytes.
    retention_size: u64,
    /// In milliseconds.
    retention_age: u64,
}

impl Segments {
    pub(crate) fn open(config: &Config, dir: &Path) -> Result<Segments, OpenError> {
        let marks_path = dir.join("records.redb");
        let marks = Marks::open(&marks_path).map_err(OpenError::content(&marks_path))?;
        let path = dir.join("records");
        let known = marks.segments().map_err(OpenError::content(&marks_path))?;
        if known.is_empty() && path.exists() {
            // What trees there are belong to no segment, and the engine's own list of trees is longer than need be.
            std::fs::remove_dir_all(&path).map_err(OpenError::file("remove", &path))?;
        }
        let database = Database::builder(&path)
            .cache_size(config.record_cache.as_bytes())
            .max_journaling_size(ENGINE_JOURNAL)
            .max_cached_files(Some(OPEN_FILES))
            .worker_threads(1)
            .open()
            .map_err(OpenError::content(&path))?;
        migration::run(&database, &marks).map_err(OpenError::content(&path))?;
        let mut list = Vec::with_capacity(known.len());
        for (number, extent) in known.into_iter().rev() {
            let batches = marks.batches(number).map_err(OpenError::content(&marks_path))?;
            let segment =
                Segment::open(&database, number, extent, batches).map_err(OpenError::content(&path))?;
            list.push(Arc::new(segment));
        }
        let age = u64::try_from(config.retention_age.as_millis()).unwrap_or(u64::MAX);
        let segments = Segments {
            database,
            marks,
            list: RwLock::new(Arc::new(list)),
            shapes: Mutex::default(),
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

    /// Whether a segment has a record of that id, and of that namespace.
    pub(crate) fn contains(&self, namespace: &str, id: ActivationId) -> Result<bool, Fault> {
        for segment in self.around(id) {
            if segment.contains(namespace, id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes out the ids that have a record, in whatever namespace. It may read all records that there are.
    pub(crate) fn take_out(&self, ids: &mut HashSet<ActivationId>) -> Result<(), Fault> {
        self.all().iter().try_for_each(|segment| segment.take_out(ids))
    }

    /// The text of a record, if it belongs to that namespace.
    pub(crate) fn get(&self, namespace: &str, id: ActivationId) -> Result<Option<Bytes>, Fault> {
        for segment in self.around(id) {
            if let Some(text) = Reader::default().text(&segment, namespace, id)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// The segments that may have a record of that id, newest first.
    fn around(&self, id: ActivationId) -> impl Iterator<Item = Arc<Segment>> {
        let may_have = move |segment: &Arc<Segment>| {
            let (first, last) = segment.extent.lock().ids;
            (first..=last).contains(&id.bits())
        };
        let all = self.all();
        let segments: Vec<_> = all.iter().filter(|segment| may_have(segment)).cloned().collect();
        segments.into_iter()
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
    /// begun; not for what an earlier process may have moved in part. `number`: greater than those of earlier batches.
    pub(crate) fn take(&self, batch: &Overlay, number: u64, may_begin: bool, now: u64) -> Result<(), Fault> {
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
        let mut known = self.shapes.lock();
        let mut shapes = match known.take() {
            Some((number, shapes)) if number == segment.number => shapes,
            _ => segment.shapes()?,
        };
        segment.ingest(number, batch, &mut shapes)?;
        *known = Some((segment.number, shapes));
        Ok(())
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
            (newest.number, extent, newest.newest_batch())
        });
        self.marks.moved(&Moved { watermark, segment, counts })?;
        if let (Some(newest), Some((_, extent, _))) = (newest, segment) {
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

    /// Frees what the disk holds in vain.
    pub(crate) fn free_merged(&self) -> Result<(), Fault> {
        self.all().iter().try_for_each(|segment| segment.free_merged())
    }

    /// Whether the engine is merging, or has ended a merge whose disk is not free yet.
    pub(crate) fn is_merging(&self) -> bool {
        self.all().iter().any(|segment| segment.is_merging())
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
        let segment = Arc::new(Segment::open(&self.database, number, Extent::new(now), Vec::new())?);
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
        oldest.delete(&self.database)
    }

    /// Removes trees that belong to no segment: of one that was being dropped, or whose first batch was being moved and
    /// is moved again.
    fn remove_strays(&self) -> Result<(), Fault> {
        let known: HashSet<String> =
            self.all().iter().flat_map(|segment| tree_names(segment.number)).collect();
        for name in self.database.list_keyspace_names() {
            if !known.contains(&*name) {
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

impl Extent {
    /// Widens the bounds to those of `other`; the number of records stays.
    fn cover(&mut self, other: &Extent) {
        self.starts = (self.starts.0.min(other.starts.0), self.starts.1.max(other.starts.1));
        self.ids = (self.ids.0.min(other.ids.0), self.ids.1.max(other.ids.1));
    }
}
