//! What only a store on the disk does with records: it is opened again, damaged, filled up, and told to forget.

use base::clock::{Clock, SystemClock, TestClock};
use bytes::Bytes;
use oxiwhisk_store_embedded::{Config, OpenError, Stores, open};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store::conformance::activation::{BEGIN, all, id, record};
use store::{ActivationQuery, Intent, StoreError};
use types::{Activation, ActivationId, ByteSize};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn config(dir: &Path) -> Config {
    Config { dir: Some(dir.to_owned()), retention_age: DAY * 36_500, ..Config::default() }
}

fn open_with(config: &Config) -> Stores {
    open(config, SystemClock::shared()).expect("the store opens")
}

/// A store that has done what it does when it is opened, and moves nothing by itself any more.
async fn open_idle(config: &Config) -> Stores {
    let stores = open_with(config);
    accept(&stores, id(BEGIN, 999));
    keep(&stores, record("other", "a", BEGIN, 999));
    stores.activations.flush().await.expect("the store is flushed");
    stores
}

fn keep(stores: &Stores, record: Activation) {
    stores.activations.store(Arc::new(record)).expect("the record is stored");
}

fn accept(stores: &Stores, activation_id: ActivationId) {
    let body = Bytes::from(format!("intent {activation_id}"));
    stores.activations.accept(Intent { activation_id, body }).expect("it is accepted");
}

async fn listed(stores: &Stores, query: &ActivationQuery) -> Vec<u64> {
    let records = stores.activations.list(query).await.expect("the list is read");
    let number = |text: &Bytes| {
        let record: Activation = serde_json::from_slice(text).expect("a list holds records");
        (record.activation_id.bits() & u128::from(u64::MAX)) as u64
    };
    records.iter().map(number).collect()
}

async fn count(stores: &Stores) -> u64 {
    stores.activations.count(&all("ns")).await.expect("it is counted")
}

/// The files of the journal with that ending, oldest first.
fn journal_files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("journal")).expect("the journal is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it is read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths
}

/// What the trees of all segments take on the disk. The tree `0` is the engine's own list of them, which it shortens
/// only when it is opened.
fn segments_on_disk(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir.join("records/keyspaces")).expect("the directory is there");
    let paths = entries.map(|entry| entry.expect("it is read").path());
    paths.filter(|path| !path.ends_with("0")).map(|path| disk_usage(&path)).sum()
}

/// How long the files are in which the trees of all segments keep their entries.
fn tables_on_disk(dir: &Path) -> u64 {
    let trees = std::fs::read_dir(dir.join("records/keyspaces")).expect("the directory is there");
    let paths = trees.map(|entry| entry.expect("it is read").path());
    let tables = paths.filter(|path| !path.ends_with("0")).map(|path| std::fs::read_dir(path.join("tables")));
    let lengths = tables.flatten().flatten().flatten().filter_map(|entry| Some(entry.metadata().ok()?.len()));
    lengths.sum()
}

/// What is being removed meanwhile takes nothing.
fn disk_usage(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(data) = path.symlink_metadata() else { return 0 };
    if !data.is_dir() {
        return data.blocks() * 512;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries.flatten().map(|entry| disk_usage(&entry.path())).sum()
}

#[tokio::test]
async fn atv_22_what_was_dismissed_is_not_unfinished() {
    let dir = tempfile::tempdir().expect("a directory");
    let stores = open_with(&config(dir.path()));
    for number in 1..=3 {
        accept(&stores, id(BEGIN, number));
    }
    stores.activations.started(id(BEGIN, 1)).expect("it is noted");
    stores.activations.dismiss(id(BEGIN, 1)).expect("it is noted");
    stores.activations.dismiss(id(BEGIN, 2)).expect("it is noted");
    // One that nobody accepted is no fault.
    stores.activations.dismiss(id(BEGIN, 9)).expect("it is noted");
    drop(stores);
    let stores = open_with(&config(dir.path()));
    let left: Vec<ActivationId> =
        stores.activations.unfinished().iter().map(|entry| entry.intent.activation_id).collect();
    assert_eq!(left, [id(BEGIN, 3)]);
    assert_eq!(count(&stores).await, 0);
}

#[tokio::test]
async fn everything_is_there_after_reopening_with_and_without_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let stores = open_with(&config(dir.path()));
        assert_eq!(count(&stores).await, round * 10);
        for at in 0..10 {
            keep(&stores, record("ns", "a", BEGIN + round * 10 + at, round * 10 + at));
        }
        if round.is_multiple_of(2) {
            stores.activations.flush().await.unwrap();
        }
    }
    let stores = open_with(&config(dir.path()));
    assert_eq!(listed(&stores, &all("ns")).await, (0..40).rev().collect::<Vec<_>>());
    assert_eq!(stores.usage().unwrap().journal_gaps, 0);
}

#[tokio::test]
async fn a_great_record_is_the_same_in_memory_on_the_disk_and_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let mut record = record("ns", "a", BEGIN, 1);
    let result: String = ('a'..='z').cycle().take(300_000).collect();
    record.response.result = Some(types::json::raw(&serde_json::json!({ "letters": result })));
    let (id, text) = (record.activation_id, serde_json::to_vec(&record).unwrap());
    let stores = open_idle(&config).await;
    keep(&stores, record);
    assert!(stores.activations.get("ns", id).await.unwrap().unwrap() == text, "in memory");
    assert!(stores.activations.list(&all("ns")).await.unwrap() == [text.clone()], "in a list");
    drop(stores);
    let stores = open_with(&config);
    assert!(stores.activations.get("ns", id).await.unwrap().unwrap() == text, "of the journal");
    stores.activations.flush().await.unwrap();
    assert!(stores.activations.get("ns", id).await.unwrap().unwrap() == text, "of a segment");
}

#[tokio::test]
async fn atv_24_the_first_record_stays_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let first = record("ns", "a", BEGIN, 1);
    {
        let stores = open_with(&config(dir.path()));
        keep(&stores, first.clone());
        stores.activations.flush().await.unwrap();
    }
    let stores = open_with(&config(dir.path()));
    keep(&stores, Activation { start: BEGIN + 5, ..first.clone() });
    let text = stores.activations.get("ns", first.activation_id).await.unwrap().unwrap();
    assert_eq!(text, serde_json::to_vec(&first).unwrap());
    assert_eq!(count(&stores).await, 1);
}

#[tokio::test]
async fn intents_without_a_record_come_back_until_a_record_ends_them() {
    let dir = tempfile::tempdir().unwrap();
    {
        let stores = open_with(&config(dir.path()));
        for number in [3, 1, 2] {
            accept(&stores, id(BEGIN, number));
        }
        stores.activations.started(id(BEGIN, 2)).unwrap();
        keep(&stores, record("ns", "a", BEGIN, 3));
    }
    for _ in 0..2 {
        let stores = open_with(&config(dir.path()));
        stores.activations.flush().await.unwrap();
        let unfinished = stores.activations.unfinished();
        let seen: Vec<_> =
            unfinished.iter().map(|entry| (entry.intent.activation_id, entry.started)).collect();
        assert_eq!(seen, [(id(BEGIN, 1), false), (id(BEGIN, 2), true)]);
        assert_eq!(unfinished[0].intent.body, format!("intent {}", id(BEGIN, 1)));
        assert!(stores.activations.unfinished().is_empty());
    }
    {
        let stores = open_with(&config(dir.path()));
        keep(&stores, record("ns", "a", BEGIN, 1));
        keep(&stores, record("ns", "a", BEGIN, 2));
    }
    assert!(open_with(&config(dir.path())).activations.unfinished().is_empty());
}

#[tokio::test]
async fn old_intents_do_not_keep_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let small = Config { journal_file_size: ByteSize::kb(4), ..config(dir.path()) };
    {
        let stores = open_with(&small);
        accept(&stores, id(BEGIN, 1));
        stores.activations.started(id(BEGIN, 1)).unwrap();
        for number in 2..500 {
            keep(&stores, record("ns", "a", BEGIN, number));
            if number.is_multiple_of(50) {
                stores.activations.flush().await.unwrap();
            }
        }
        stores.activations.flush().await.unwrap();
        assert!(journal_files(dir.path(), "log").len() <= 6, "{:?}", journal_files(dir.path(), "log"));
    }
    let stores = open_with(&small);
    let unfinished = stores.activations.unfinished();
    assert_eq!(unfinished.len(), 1);
    assert_eq!(unfinished[0].intent.body, format!("intent {}", id(BEGIN, 1)));
    assert!(unfinished[0].started);
}

/// Twenty records and one started, one waiting intent, in one file of the journal; nothing has been moved.
async fn write_journal(dir: &Path) -> PathBuf {
    let stores = open_idle(&config(dir)).await;
    accept(&stores, id(BEGIN, 100));
    for number in 0..20 {
        keep(&stores, record("ns", "a", BEGIN + number, number));
    }
    accept(&stores, id(BEGIN, 101));
    drop(stores);
    journal_files(dir, "log").pop().expect("there is a file")
}

#[tokio::test]
async fn a_torn_end_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_journal(dir.path()).await;
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    for round in 0..2 {
        let stores = open_with(&config(dir.path()));
        assert_eq!(listed(&stores, &all("ns")).await, (0..20).rev().collect::<Vec<_>>());
        let unfinished = stores.activations.unfinished();
        assert_eq!(unfinished.len(), 1, "the intent that was cut is gone, in round {round}");
        assert!(!unfinished[0].started, "a torn end hides nothing");
        assert_eq!(stores.usage().unwrap().journal_gaps, 0);
    }
}

#[tokio::test]
async fn an_end_of_zeros_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_journal(dir.path()).await;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([0; 5000]);
    std::fs::write(&path, &bytes).unwrap();
    let stores = open_with(&config(dir.path()));
    assert_eq!((count(&stores).await, stores.activations.unfinished().len()), (20, 2));
    assert_eq!(stores.usage().unwrap().journal_gaps, 0);
}

#[tokio::test]
async fn damage_in_the_middle_is_said_and_the_rest_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_journal(dir.path()).await;
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&path, &bytes).unwrap();
    {
        let stores = open_with(&config(dir.path()));
        assert_eq!(stores.usage().unwrap().journal_gaps, 1);
        let records = listed(&stores, &all("ns")).await;
        assert_eq!(records.len(), 19, "{records:?}");
        let unfinished = stores.activations.unfinished();
        let started: Vec<_> = unfinished.iter().map(|entry| entry.started).collect();
        // Of the first one it is not known whether what is missing had started it.
        assert_eq!(started, [true, false]);
        stores.activations.flush().await.unwrap();
    }
    let stores = open_with(&config(dir.path()));
    assert_eq!(count(&stores).await, 19);
}

#[tokio::test]
async fn a_missing_file_is_said_and_the_rest_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let small = Config { journal_file_size: ByteSize::kb(1), ..config(dir.path()) };
    {
        let stores = open_idle(&small).await;
        for number in 0..20 {
            keep(&stores, record("ns", "a", BEGIN + number, number));
        }
    }
    let files = journal_files(dir.path(), "log");
    assert!(files.len() > 5);
    std::fs::remove_file(&files[3]).unwrap();
    let stores = open_with(&small);
    assert_eq!(stores.usage().unwrap().journal_gaps, 1);
    assert!((15..20).contains(&count(&stores).await));
}

#[test]
fn a_directory_in_use_is_refused_with_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let stores = open_with(&config(dir.path()));
    let error = open(&config(dir.path()), SystemClock::shared()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }));
    let text = error.to_string();
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    assert!(text.contains(&dir.path().display().to_string()), "{text}");
    drop(stores);
    open_with(&config(dir.path()));
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = open(&config(&file.join("data")), SystemClock::shared()).unwrap_err();
    assert!(error.to_string().contains("file/data"), "{error}");
}

#[tokio::test]
async fn records_that_are_too_old_go_and_the_disk_is_free_again() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let config = Config { retention_age: DAY * 16, ..config(dir.path()) };
    let stores = open(&config, clock.clone()).unwrap();
    let mut number = 0;
    for _ in 0..40 {
        for _ in 0..50 {
            keep(&stores, record("ns", "a", clock.unix_millis(), number));
            number += 1;
        }
        stores.activations.flush().await.unwrap();
        clock.advance(DAY);
    }
    stores.activations.flush().await.unwrap();
    let kept = count(&stores).await;
    assert!((16 * 50..=18 * 50).contains(&kept), "{kept} are kept of 16 days");
    assert_eq!(listed(&stores, &all("ns")).await.len() as u64, kept);
    let before = segments_on_disk(dir.path());
    clock.advance(DAY * 40);
    keep(&stores, record("ns", "a", clock.unix_millis(), number));
    stores.activations.flush().await.unwrap();
    stores.activations.flush().await.unwrap();
    assert_eq!(listed(&stores, &all("ns")).await, [number]);
    let after = segments_on_disk(dir.path());
    assert!(after < before / 3, "{after} bytes of {before} are left");
}

#[tokio::test]
async fn what_was_merged_takes_no_disk_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let stores = open_idle(&config(dir.path())).await;
    let mut number = 0;
    let mut add = async |records: u64| {
        for _ in 0..records {
            keep(&stores, record("ns", "a", BEGIN + number, number));
            number += 1;
        }
        stores.activations.flush().await.unwrap();
    };
    // More than twice as many batches as stand side by side before they are merged.
    for _ in 0..70 {
        add(200).await;
    }
    // Nothing more is moved.
    for _ in 0..200 {
        let known = stores.usage().unwrap().segment_bytes;
        // Of small files a part is not counted by the store.
        if tables_on_disk(dir.path()) <= known * 3 / 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!(
        "{} bytes of {} are on the disk in vain",
        tables_on_disk(dir.path()),
        stores.usage().unwrap().segment_bytes
    );
}

#[tokio::test]
async fn the_oldest_records_go_when_they_take_too_much() {
    let dir = tempfile::tempdir().unwrap();
    let limit = ByteSize::mb(2);
    let small = Config { retention_size: limit, move_size: ByteSize::kb(100), ..config(dir.path()) };
    let stores = open_with(&small);
    let mut state = 1_u64;
    for number in 0..4000 {
        let mut record = record("ns", "a", BEGIN + number, number);
        // Some text that no compression makes short.
        let noise: String = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{:08x}", state >> 32)
        })
        .take(200)
        .collect();
        record.logs = vec![noise];
        keep(&stores, record);
        if number % 200 == 199 {
            stores.activations.flush().await.unwrap();
        }
    }
    stores.activations.flush().await.unwrap();
    let usage = stores.usage().unwrap();
    assert!(usage.segment_bytes <= limit.as_bytes(), "{usage:?}");
    assert!(usage.segment_bytes >= limit.as_bytes() / 2, "{usage:?}");
    let kept = listed(&stores, &all("ns")).await;
    assert_eq!(kept[0], 3999);
    assert!(kept.is_sorted_by(|a, b| a == &(b + 1)), "the newest are kept, without a hole");
    assert_eq!(count(&stores).await, kept.len() as u64);
    let on_disk = segments_on_disk(dir.path());
    assert!(on_disk < limit.as_bytes() * 3 / 2, "{on_disk} bytes are on the disk");
}

#[tokio::test]
async fn what_waits_for_the_disk_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let tight = Config { pending_size: ByteSize::kb(20), move_size: ByteSize::mb(100), ..config(dir.path()) };
    let stores = open_with(&tight);
    let mut stored = 0;
    let refused: StoreError = loop {
        match stores.activations.store(Arc::new(record("ns", "a", BEGIN, stored))) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 10_000, "nothing is ever refused");
    };
    assert!(refused.retryable);
    let intent = Intent { activation_id: id(BEGIN, 1 << 40), body: Bytes::new() };
    // What was refused asks for a move, after which there is room again.
    let deadline = SystemClock::new();
    while let Err(error) = stores.activations.accept(intent.clone()) {
        assert!(error.retryable && deadline.now().as_nanos() < 30_000_000_000, "{error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(count(&stores).await, stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_counts_are_right_while_records_are_written_and_moved() {
    let dir = tempfile::tempdir().unwrap();
    let restless = Config {
        move_size: ByteSize::kb(20),
        journal_file_size: ByteSize::kb(10),
        retention_size: ByteSize::mb(100),
        ..config(dir.path())
    };
    let stores = open_with(&restless);
    let (written, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = {
        let (stores, written, done) = (stores.clone(), written.clone(), done.clone());
        std::thread::spawn(move || {
            for number in 0..6000 {
                keep(&stores, record("ns", "a", BEGIN + number * 7919 % 1000, number));
                written.store(number + 1, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    while !done.load(Ordering::SeqCst) {
        let before = written.load(Ordering::SeqCst);
        let numbers = listed(&stores, &all("ns")).await;
        let counted = count(&stores).await;
        let after = written.load(Ordering::SeqCst) + 1;
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), numbers.len(), "none is listed twice");
        assert!(
            sorted.iter().take_while(|number| **number < before).count() as u64 == before,
            "all are listed"
        );
        assert!((before..=after).contains(&counted), "{before} {counted} {after}");
    }
    writer.join().unwrap();
    assert_eq!(count(&stores).await, 6000);
}

#[tokio::test]
async fn reopening_takes_no_longer_than_the_journal_is() {
    let dir = tempfile::tempdir().unwrap();
    let records = 200_000;
    let clock = SystemClock::new();
    {
        let stores = open_with(&config(dir.path()));
        for number in 0..records {
            let record = Arc::new(record("ns", "a", BEGIN + number, number));
            while stores.activations.store(record.clone()).is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    let before = clock.now();
    let stores = open_with(&config(dir.path()));
    println!("reopened with {records} records in {:?}", clock.now() - before);
    assert_eq!(count(&stores).await, records);
}
