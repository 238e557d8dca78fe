//! Segments of the first format, written again in the one of now when the store is opened.
//!
//! The old format had three trees: whole records by id (`namespace, 0, text`), summaries and names. All that is needed is
//! in the first. What is written belongs to nobody until one transaction says that all is of the new format; if a process
//! ends before, the next one begins anew. The old trees are strays from then on.

use super::marks::{Batch, Extent, Fault, Marks};
use super::overlay::Overlay;
use super::record::Record;
use super::segment::{Segment, tree_names};
use bytes::Bytes;
use fjall::{Database, KeyspaceCreateOptions};
use types::Activation;

/// How much is written at a time, in bytes.
const BATCH: u64 = 6 << 20;

/// Migrates what is there, if it is of the first format.
pub(super) fn run(database: &Database, marks: &Marks) -> Result<(), Fault> {
    if !marks.is_first_format()? {
        return Ok(());
    }
    let mut all = Vec::new();
    for (number, extent) in marks.segments()? {
        tracing::info!(
            segment = number,
            records = extent.records,
            "records are written in this version's format"
        );
        remove_begun(database, number)?;
        let batches = migrate(database, number)?;
        all.extend(batches.into_iter().map(|batch| (number, batch)));
    }
    marks.migrated(&all)
}

/// Removes what an earlier process has begun.
fn remove_begun(database: &Database, number: u64) -> Result<(), Fault> {
    for name in tree_names(number) {
        if database.keyspace_exists(&name) {
            database.delete_keyspace(database.keyspace(&name, KeyspaceCreateOptions::default)?)?;
        }
    }
    Ok(())
}

/// Writes the records of one segment.
fn migrate(database: &Database, number: u64) -> Result<Vec<Batch>, Fault> {
    let old = database.keyspace(&old_tree(number), KeyspaceCreateOptions::default)?;
    let segment = Segment::open(database, number, Extent::new(0), Vec::new())?;
    let (mut batch, mut shapes) = (Overlay::default(), segment.shapes()?);
    let mut entries = old.iter();
    let mut more = true;
    // Fewer than there are records, so later batches, which the journal numbers by its entries, have greater numbers.
    for at in 1.. {
        while more && batch.bytes() < BATCH {
            match entries.next() {
                Some(entry) => batch.insert(read(&entry.value()?)?),
                None => more = false,
            }
        }
        if batch.is_empty() {
            break;
        }
        segment.ingest(at, &std::mem::take(&mut batch), &mut shapes)?;
    }
    Ok(segment.batches())
}

/// The name of the tree of whole records.
fn old_tree(number: u64) -> String {
    format!("{number:016}-records")
}

fn read(value: &[u8]) -> Result<Record, Fault> {
    let at = value.iter().position(|byte| *byte == 0).ok_or("a record has no namespace")?;
    let text = &value[at + 1..];
    let record: Activation = serde_json::from_slice(text)?;
    let mut summary = Vec::new();
    record.write_summary_json(&mut summary);
    Ok(Record {
        id: record.activation_id,
        start: record.start,
        namespace: std::str::from_utf8(&value[..at])?.into(),
        path: record.path_in_namespace().into_boxed_str(),
        summary: Bytes::from(summary),
        text: Bytes::copy_from_slice(text).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::marks::Moved;
    use super::*;
    use crate::{Config, Stores, open};
    use base::clock::SystemClock;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;
    use store::ActivationQuery;
    use store::conformance::activation::{BEGIN, all, record};

    const RECORDS: u64 = 300;

    fn reopen(dir: &Path) -> Stores {
        let retention_age = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        let config = Config { dir: Some(dir.to_owned()), retention_age, ..Config::default() };
        open(&config, SystemClock::shared()).unwrap()
    }

    fn kept(number: u64) -> Activation {
        record("ns", if number.is_multiple_of(3) { "pkg/a" } else { "b" }, BEGIN + number * 7 % 100, number)
    }

    /// Two segments as the first version wrote them.
    fn write_first_format(dir: &Path) {
        let marks = Marks::open(&dir.join("records.redb")).unwrap();
        let database = Database::builder(dir.join("records")).open().unwrap();
        for number in [1, 2] {
            let mut records: Vec<_> = (0..RECORDS).filter(|n| n % 2 == number - 1).map(kept).collect();
            records.sort_by_key(|record| record.activation_id);
            let old = database.keyspace(&old_tree(number), KeyspaceCreateOptions::default).unwrap();
            let mut writing = old.start_ingestion().unwrap();
            let mut extent = Extent::new(0);
            let mut counts = std::collections::HashMap::new();
            let paths: Vec<String> = records.iter().map(Activation::path_in_namespace).collect();
            for (record, path) in records.iter().zip(&paths) {
                let bits = record.activation_id.bits();
                extent.widen(record.start, bits);
                *counts.entry(("ns", &**path)).or_default() += 1;
                let text = serde_json::to_string(record).unwrap();
                writing.write(bits.to_be_bytes(), format!("ns\0{text}")).unwrap();
            }
            writing.finish().unwrap();
            marks
                .moved(&Moved { watermark: number * RECORDS, segment: Some((number, extent, None)), counts })
                .unwrap();
        }
        marks.pretend_first_format();
    }

    #[tokio::test]
    async fn records_of_the_first_format_are_all_there_and_go_on_being_there() {
        let dir = tempfile::tempdir().unwrap();
        write_first_format(dir.path());
        {
            // What a process left that was killed while it did this.
            let database = Database::builder(dir.path().join("records")).open().unwrap();
            let begun = Segment::open(&database, 1, Extent::new(0), Vec::new()).unwrap();
            let mut batch = Overlay::default();
            batch.insert(
                read(format!("ns\0{}", serde_json::to_string(&kept(0)).unwrap()).as_bytes()).unwrap(),
            );
            begun.ingest(9, &batch, &mut begun.shapes().unwrap()).unwrap();
        }
        for opened in 0..2 {
            let stores = reopen(dir.path());
            for number in 0..RECORDS + opened {
                let text = stores.activations.get("ns", kept(number).activation_id).await.unwrap().unwrap();
                assert_eq!(text, serde_json::to_vec(&kept(number)).unwrap());
            }
            let of_a = ActivationQuery { name: Some("pkg/a".to_owned()), ..all("ns") };
            let (found, counted) =
                (stores.activations.summaries(&of_a).await, stores.activations.count(&of_a).await);
            assert_eq!(
                (found.unwrap().len() as u64, counted.unwrap()),
                (RECORDS / 3 + opened, RECORDS / 3 + opened)
            );
            let listed = stores.activations.summaries(&all("ns")).await.unwrap();
            let mut newest: Vec<_> = (0..RECORDS + opened).map(kept).collect();
            newest.sort_by_key(|record| (std::cmp::Reverse(record.start), record.activation_id));
            for (text, record) in listed.iter().zip(&newest) {
                let mut summary = Vec::new();
                record.write_summary_json(&mut summary);
                assert_eq!(text, &summary);
            }
            assert_eq!(listed.len() as u64, RECORDS + opened);
            stores.activations.store(Arc::new(kept(RECORDS))).unwrap();
            stores.activations.flush().await.unwrap();
        }
        let database = Database::builder(dir.path().join("records")).open().unwrap();
        let trees: Vec<_> = database.list_keyspace_names().iter().map(|name| name.to_string()).collect();
        let known = [tree_names(1), tree_names(2), tree_names(3)].concat();
        assert!(trees.iter().all(|name| known.contains(name)), "{trees:?}");
    }
}
