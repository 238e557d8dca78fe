//! A process that writes under load is killed at some instant, again and again; after each time everything that it was
//! told to be written is there once.

use base::clock::SystemClock;
use bytes::Bytes;
use oxiwhisk_store_embedded::{Config, Stores, open};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use store::conformance::activation::{BEGIN, all, id, record};
use store::conformance::artifact::document;
use store::{DocumentKind, Intent};
use types::{Activation, ActivationId, ByteSize, Revision};

const ROUNDS: u64 = 25;
const WRITERS: u64 = 3;
/// Tells the test below that it is the process to be killed: the directory, and the number of the round.
const VARIABLE: &str = "OXIWHISK_TEST_CRASH";

/// Small files and batches, so that every instant is one of moving, of a new file, or of a new segment.
fn config(dir: &Path) -> Config {
    Config {
        dir: Some(dir.to_owned()),
        retention_age: Duration::from_secs(100 * 365 * 24 * 60 * 60),
        retention_size: ByteSize::mb(10),
        move_size: ByteSize::kb(100),
        journal_file_size: ByteSize::kb(50),
        sync_interval: Duration::from_millis(5),
        ..Config::default()
    }
}

fn open_in(dir: &Path) -> Stores {
    let _ = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .try_init();
    open(&config(dir), SystemClock::shared()).expect("the store opens")
}

/// One number for each activation of all rounds.
fn number(round: u64, writer: u64, at: u64) -> u64 {
    (round * 10 + writer) << 32 | at
}

fn activation_id(number: u64) -> ActivationId {
    id(BEGIN + (number >> 32), number)
}

fn record_of(number: u64) -> Activation {
    record(if number.is_multiple_of(3) { "one" } else { "two" }, "pkg/a", BEGIN + (number >> 32), number)
}

fn body(number: u64) -> Bytes {
    Bytes::from(format!("intent {number} {}", "x".repeat(usize::try_from(number % 700).unwrap_or(0))))
}

/// Says that something was acknowledged. One write, so that a line is whole or not there.
fn say(line: &str) {
    let text = format!("\n@{line}\n");
    std::io::stdout().lock().write_all(text.as_bytes()).expect("the parent reads");
    std::io::stdout().flush().expect("the parent reads");
}

/// Not a test by itself: the process that is killed.
#[tokio::test(flavor = "multi_thread")]
async fn process_to_be_killed() {
    let Ok(order) = std::env::var(VARIABLE) else { return };
    let (round, dir) = order.split_once(':').unwrap();
    let round: u64 = round.parse().unwrap();
    let stores = open_in(Path::new(dir));
    say("open");
    // Half of what earlier processes left is ended, the other half is left once more.
    for unfinished in stores.activations.unfinished() {
        let number = u64::try_from(unfinished.intent.activation_id.bits() & u128::from(u64::MAX)).unwrap();
        assert_eq!(unfinished.intent.body, body(number));
        if number.is_multiple_of(2) {
            stores.activations.store(Arc::new(record_of(number))).unwrap();
            say(&format!("stored {number}"));
        }
    }
    for writer in 0..WRITERS {
        let activations = stores.activations.clone();
        std::thread::spawn(move || {
            for at in 0.. {
                let number = number(round, writer, at);
                let intent = Intent { activation_id: activation_id(number), body: body(number) };
                activations.accept(intent).unwrap();
                say(&format!("accepted {number}"));
                if at % 7 == 6 {
                    continue;
                }
                activations.started(activation_id(number)).unwrap();
                say(&format!("started {number}"));
                if at % 11 != 10 {
                    activations.store(Arc::new(record_of(number))).unwrap();
                    say(&format!("stored {number}"));
                }
            }
        });
    }
    let mut revision = stores.artifacts.get("ns/a").await.unwrap().map(|document| document.revision);
    for at in 0.. {
        let code = Bytes::from(vec![at as u8; 300_000]);
        let put = document(DocumentKind::Action, "ns/a", at);
        let new = stores.artifacts.put(put, Some(code), revision).await.unwrap();
        revision = Some(new);
        say(&format!("put {new}"));
    }
}

/// What the killed processes were told.
#[derive(Debug, Default)]
struct Told {
    accepted: BTreeSet<u64>,
    started: BTreeSet<u64>,
    stored: BTreeSet<u64>,
    put: u64,
}

impl Told {
    fn hear(&mut self, line: &str) -> bool {
        let Some((what, number)) = line.strip_prefix('@').and_then(|line| line.split_once(' ')) else {
            return line == "@open";
        };
        let Ok(number) = number.parse() else { return false };
        match what {
            "accepted" => self.accepted.insert(number),
            "started" => self.started.insert(number),
            "stored" => self.stored.insert(number),
            "put" => {
                self.put = number;
                true
            }
            _ => false,
        }
    }
}

fn start(dir: &Path, round: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("the test's own path"));
    command.args(["--exact", "process_to_be_killed", "--nocapture", "--test-threads=1"]);
    command.env(VARIABLE, format!("{round}:{}", dir.display()));
    command.stdout(Stdio::piped()).spawn().expect("the process starts")
}

/// Runs a process, kills it some time after it has opened the store, and answers with what it was told.
fn run_and_kill(dir: &Path, round: u64, told: &mut Told) {
    let mut child = start(dir, round);
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut killer = None;
    for line in output.lines() {
        // The last line may be cut in the middle; it was not whole, so it does not count.
        let Ok(line) = line else { break };
        if told.hear(&line) && killer.is_none() {
            let pid = child.id();
            killer = Some(std::thread::spawn(move || {
                // Most die while they still move what the one before has left, some long after.
                let more = if round.is_multiple_of(5) { 500 } else { 0 };
                std::thread::sleep(Duration::from_millis(3 + round * 37 % 140 + more));
                let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
                assert!(killed.expect("kill runs").success(), "the process ended by itself");
            }));
        }
    }
    killer.expect("the process has opened the store").join().expect("it is killed");
    assert!(!child.wait().expect("it has ended").success());
}

/// Every record of both namespaces: its number and its text.
async fn records(stores: &Stores) -> BTreeMap<u64, Bytes> {
    let mut found = BTreeMap::new();
    for namespace in ["one", "two"] {
        let listed = stores.activations.list(&all(namespace)).await.expect("the list is read");
        let count = stores.activations.count(&all(namespace)).await.expect("it is counted");
        assert_eq!(listed.len() as u64, count, "records of {namespace}");
        let summaries = stores.activations.summaries(&all(namespace)).await.expect("the list is read");
        assert_eq!(summaries.len(), listed.len());
        for text in listed {
            let record: Activation = serde_json::from_slice(&text).expect("it is a record");
            let number = (record.activation_id.bits() & u128::from(u64::MAX)) as u64;
            assert!(found.insert(number, text).is_none(), "record {number} is there twice");
        }
    }
    found
}

async fn check(stores: &Stores, told: &Told) {
    let records = records(stores).await;
    for (number, text) in &records {
        let expected = serde_json::to_vec(&record_of(*number)).expect("it is JSON");
        assert_eq!(*text, expected, "record {number}");
    }
    for number in &told.stored {
        assert!(records.contains_key(number), "record {number} was acknowledged and is missing");
    }
    let unfinished = stores.activations.unfinished();
    assert!(stores.activations.unfinished().is_empty(), "each is handed out once");
    let mut seen = BTreeSet::new();
    let mut last = None;
    for entry in &unfinished {
        let id = entry.intent.activation_id;
        assert!(last.replace(id) < Some(id), "oldest first");
        let number = (id.bits() & u128::from(u64::MAX)) as u64;
        assert!(seen.insert(number), "intent {number} is there twice");
        assert_eq!(entry.intent.body, body(number));
        assert!(!records.contains_key(&number), "intent {number} has a record");
        if told.started.contains(&number) {
            assert!(entry.started, "{number} was started");
        }
        let at = number & u64::from(u32::MAX);
        if at % 7 == 6 {
            assert!(!entry.started, "{number} was not started");
        }
    }
    for number in told.accepted.difference(&told.stored) {
        assert!(seen.contains(number) || records.contains_key(number), "intent {number} is lost");
    }
    let document = stores.artifacts.get("ns/a").await.expect("the store answers");
    let revision = document.as_ref().map_or(Revision(0), |document| document.revision);
    // Each of the two processes since the last check may have been killed before it could say so.
    assert!((told.put..=told.put + 2).contains(&revision.0), "{revision} and {}", told.put);
    if let Some(document) = document {
        let code = stores.artifacts.attachment("ns/a", revision).await.expect("the store answers");
        let expected = vec![document.updated as u8; 300_000];
        assert!(code.expect("it has code") == expected, "the code belongs to the document");
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_by_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    for round in 1..=ROUNDS {
        run_and_kill(dir.path(), round, &mut told);
        // Every other round the next process is the first to see what was left.
        if round.is_multiple_of(2) || round == ROUNDS {
            let stores = open_in(dir.path());
            check(&stores, &told).await;
            let usage = stores.usage().unwrap();
            assert_eq!(usage.journal_gaps, 0, "kill -9 leaves no gap");
            if round.is_multiple_of(4) {
                stores.activations.flush().await.unwrap();
                let usage = stores.usage().unwrap();
                assert_eq!(usage.pending_bytes, 0);
            }
        }
    }
    let stores = open_in(dir.path());
    check(&stores, &told).await;
    let usage = stores.usage().unwrap();
    println!(
        "{} records stored, {} accepted, {} entities put; {usage:?}",
        told.stored.len(),
        told.accepted.len(),
        told.put
    );
    assert!(told.stored.len() > 1000, "the processes had time to write");
    assert!(usage.segments > 0, "and to move");
}

#[test]
fn a_killed_process_does_not_keep_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    run_and_kill(dir.path(), 90, &mut Told::default());
    drop(open_in(dir.path()));
}
