//! How far the journal has been moved into segments, and what the segments hold. One transaction writes all of it, so a
//! batch is either moved as a whole or is moved again.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use store::ActivationQuery;
use types::ActivationId;

/// Single numbers.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// By the segment's number: when it was begun, how many records it has, their starts and ids from first to last.
const SEGMENTS: TableDefinition<'_, u64, (u64, u64, u64, u64, u128, u128)> = TableDefinition::new("segments");
/// By segment, namespace and path: how many records. The empty path stands for the whole namespace.
const COUNTS: TableDefinition<'_, (u64, &str, &str), u64> = TableDefinition::new("counts");
/// By segment and the batch's number: the first and the last id.
const BATCHES: TableDefinition<'_, (u64, u64), (u128, u128)> = TableDefinition::new("batches");

/// In [`NUMBERS`]: every entry of the journal up to this sequence has been moved.
const WATERMARK: &str = "watermark";
/// In [`NUMBERS`]: the form of these tables and of the segments.
const FORMAT: &str = "format";
/// It has no batches; see [`super::migration`].
const FIRST_FORMAT: u64 = 1;
const THIS_FORMAT: u64 = 2;

/// It is small, and read from front to back at most.
const CACHE: usize = 1 << 20;

/// Whatever the tree may say.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What is known of a segment's records. Starts and ids are from the first to the last; an extent without records has
/// the first after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// When its first batch was moved, in milliseconds since 1970.
    pub(crate) begun: u64,
    pub(crate) records: u64,
    pub(crate) starts: (u64, u64),
    pub(crate) ids: (u128, u128),
}

impl Extent {
    pub(crate) fn new(begun: u64) -> Extent {
        Extent { begun, records: 0, starts: (u64::MAX, 0), ids: (u128::MAX, 0) }
    }

    /// Makes it cover one record more.
    pub(crate) fn widen(&mut self, start: u64, id: u128) {
        self.records += 1;
        self.starts = (self.starts.0.min(start), self.starts.1.max(start));
        self.ids = (self.ids.0.min(id), self.ids.1.max(id));
    }
}

/// Records that were moved together; each is in their one part of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Later ones have greater numbers.
    pub(crate) number: u64,
    /// The first and the last.
    pub(crate) ids: (u128, u128),
}

impl Batch {
    /// Makes it cover one record more.
    pub(crate) fn widen(&mut self, id: ActivationId) {
        self.ids = (self.ids.0.min(id.bits()), self.ids.1.max(id.bits()));
    }

    pub(crate) fn may_have(&self, id: ActivationId) -> bool {
        (self.ids.0..=self.ids.1).contains(&id.bits())
    }
}

/// One batch that was moved into a segment.
#[derive(Debug)]
pub(crate) struct Moved<'a> {
    pub(crate) watermark: u64,
    /// The segment that took the records, what it holds with them, and the batch; `None` when there were none.
    pub(crate) segment: Option<(u64, Extent, Option<Batch>)>,
    /// How many records more, by namespace and path.
    pub(crate) counts: HashMap<(&'a str, &'a str), u64>,
}

pub(crate) struct Marks {
    database: Database,
    /// A segment was dropped, so the file has room that it does not need.
    has_dropped: AtomicBool,
}

impl Marks {
    pub(crate) fn open(path: &Path) -> Result<Marks, Fault> {
        let database = Database::builder().set_cache_size(CACHE).create(path)?;
        let transaction = database.begin_write()?;
        {
            transaction.open_table(SEGMENTS)?;
            transaction.open_table(COUNTS)?;
            transaction.open_table(BATCHES)?;
            let mut numbers = transaction.open_table(NUMBERS)?;
            let format = numbers.get(FORMAT)?.map(|format| format.value());
            match format {
                None => numbers.insert(FORMAT, THIS_FORMAT)?,
                Some(FIRST_FORMAT | THIS_FORMAT) => None,
                Some(other) => {
                    return Err(format!("it has format {other}; this server knows {THIS_FORMAT}").into());
                }
            };
        }
        transaction.commit()?;
        Ok(Marks { database, has_dropped: AtomicBool::new(false) })
    }

    /// Whether segments are still of the first format.
    pub(crate) fn is_first_format(&self) -> Result<bool, Fault> {
        let numbers = self.database.begin_read()?.open_table(NUMBERS)?;
        Ok(numbers.get(FORMAT)?.is_some_and(|format| format.value() == FIRST_FORMAT))
    }

    /// Notes that all segments are of this format, and which batches are in each.
    pub(crate) fn migrated(&self, batches: &[(u64, Batch)]) -> Result<(), Fault> {
        let transaction = self.database.begin_write()?;
        {
            transaction.open_table(NUMBERS)?.insert(FORMAT, THIS_FORMAT)?;
            let mut table = transaction.open_table(BATCHES)?;
            for (segment, batch) in batches {
                table.insert((*segment, batch.number), batch.ids)?;
            }
        }
        Ok(transaction.commit()?)
    }

    #[cfg(test)]
    pub(crate) fn pretend_first_format(&self) {
        let transaction = self.database.begin_write().unwrap();
        transaction.open_table(NUMBERS).unwrap().insert(FORMAT, FIRST_FORMAT).unwrap();
        transaction.commit().unwrap();
    }

    /// The batches of a segment, oldest first.
    pub(crate) fn batches(&self, segment: u64) -> Result<Vec<Batch>, Fault> {
        let batches = self.database.begin_read()?.open_table(BATCHES)?;
        let mut found = Vec::new();
        for entry in batches.range((segment, 0)..(segment + 1, 0))? {
            let (key, ids) = entry?;
            found.push(Batch { number: key.value().1, ids: ids.value() });
        }
        Ok(found)
    }

    pub(crate) fn watermark(&self) -> Result<u64, Fault> {
        let numbers = self.database.begin_read()?.open_table(NUMBERS)?;
        Ok(numbers.get(WATERMARK)?.map_or(0, |watermark| watermark.value()))
    }

    /// Every segment, oldest first.
    pub(crate) fn segments(&self) -> Result<Vec<(u64, Extent)>, Fault> {
        let segments = self.database.begin_read()?.open_table(SEGMENTS)?;
        let mut found = Vec::new();
        for entry in segments.iter()? {
            let (number, extent) = entry?;
            let (begun, records, first_start, last_start, first_id, last_id) = extent.value();
            let (starts, ids) = ((first_start, last_start), (first_id, last_id));
            found.push((number.value(), Extent { begun, records, starts, ids }));
        }
        Ok(found)
    }

    /// How many records a segment has of what the query is about, its bounds of time left aside.
    pub(crate) fn count(&self, segment: u64, query: &ActivationQuery) -> Result<u64, Fault> {
        let counts = self.database.begin_read()?.open_table(COUNTS)?;
        let key = (segment, &*query.namespace, query.name.as_deref().unwrap_or_default());
        Ok(counts.get(key)?.map_or(0, |count| count.value()))
    }

    pub(crate) fn moved(&self, moved: &Moved<'_>) -> Result<(), Fault> {
        let transaction = self.database.begin_write()?;
        {
            let mut numbers = transaction.open_table(NUMBERS)?;
            numbers.insert(WATERMARK, moved.watermark)?;
            if let Some((number, extent, batch)) = moved.segment {
                let (starts, ids) = (extent.starts, extent.ids);
                let value = (extent.begun, extent.records, starts.0, starts.1, ids.0, ids.1);
                transaction.open_table(SEGMENTS)?.insert(number, value)?;
                if let Some(batch) = batch {
                    transaction.open_table(BATCHES)?.insert((number, batch.number), batch.ids)?;
                }
                add_counts(&transaction, number, &moved.counts)?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Forgets a segment.
    pub(crate) fn dropped(&self, segment: u64) -> Result<(), Fault> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(SEGMENTS)?.remove(segment)?;
        let (first, after) = ((segment, "", ""), (segment + 1, "", ""));
        transaction.open_table(COUNTS)?.retain_in::<(u64, &str, &str), _>(first..after, |_, _| false)?;
        transaction.open_table(BATCHES)?.retain_in((segment, 0)..(segment + 1, 0), |_, _| false)?;
        transaction.commit()?;
        self.has_dropped.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        if !*self.has_dropped.get_mut() {
            return;
        }
        if let Err(error) = self.database.compact() {
            tracing::warn!(%error, "the marks of records take more of the disk than they need");
        }
    }
}

fn add_counts(
    transaction: &WriteTransaction,
    segment: u64,
    more: &HashMap<(&str, &str), u64>,
) -> Result<(), Fault> {
    let mut counts = transaction.open_table(COUNTS)?;
    let mut add = |namespace: &str, path: &str, more: u64| -> Result<(), Fault> {
        let key = (segment, namespace, path);
        let count = counts.get(key)?.map_or(0, |count| count.value());
        counts.insert(key, count + more)?;
        Ok(())
    };
    let mut namespaces: HashMap<&str, u64> = HashMap::new();
    for (&(namespace, path), &more) in more {
        *namespaces.entry(namespace).or_default() += more;
        add(namespace, path, more)?;
    }
    for (namespace, more) in namespaces {
        add(namespace, "", more)?;
    }
    Ok(())
}

impl std::fmt::Debug for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Marks").finish_non_exhaustive()
    }
}
