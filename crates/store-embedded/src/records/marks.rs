//! How far the journal has been moved into segments, and what the segments hold. One transaction writes all of it, so a
//! batch is either moved as a whole or is moved again.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::collections::HashMap;
use std::path::Path;
use store::ActivationQuery;

/// Single numbers.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// By the segment's number: when it was begun, how many records it has, their starts and ids from first to last.
const SEGMENTS: TableDefinition<'_, u64, (u64, u64, u64, u64, u128, u128)> = TableDefinition::new("segments");
/// By segment, namespace and path: how many records. The empty path stands for the whole namespace.
const COUNTS: TableDefinition<'_, (u64, &str, &str), u64> = TableDefinition::new("counts");

/// In [`NUMBERS`]: every entry of the journal up to this sequence has been moved.
const WATERMARK: &str = "watermark";
/// In [`NUMBERS`]: the form of these tables and of the segments.
const FORMAT: &str = "format";
const THIS_FORMAT: u64 = 1;

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

/// One batch that was moved into a segment.
#[derive(Debug)]
pub(crate) struct Moved<'a> {
    pub(crate) watermark: u64,
    /// The segment that took the records, and what it holds with them; `None` when there were none.
    pub(crate) segment: Option<(u64, Extent)>,
    /// How many records more, by namespace and path.
    pub(crate) counts: HashMap<(&'a str, &'a str), u64>,
}

pub(crate) struct Marks {
    database: Database,
}

impl Marks {
    pub(crate) fn open(path: &Path) -> Result<Marks, Fault> {
        let database = Database::builder().set_cache_size(CACHE).create(path)?;
        let transaction = database.begin_write()?;
        {
            transaction.open_table(SEGMENTS)?;
            transaction.open_table(COUNTS)?;
            let mut numbers = transaction.open_table(NUMBERS)?;
            let format = numbers.get(FORMAT)?.map(|format| format.value());
            match format {
                None => numbers.insert(FORMAT, THIS_FORMAT)?,
                Some(THIS_FORMAT) => None,
                Some(other) => {
                    return Err(format!("it has format {other}; this server knows {THIS_FORMAT}").into());
                }
            };
        }
        transaction.commit()?;
        Ok(Marks { database })
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
            if let Some((number, extent)) = moved.segment {
                let (starts, ids) = (extent.starts, extent.ids);
                let value = (extent.begun, extent.records, starts.0, starts.1, ids.0, ids.1);
                transaction.open_table(SEGMENTS)?.insert(number, value)?;
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
        Ok(transaction.commit()?)
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
