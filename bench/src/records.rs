//! The embedded store with many records, in a process of its own so that its memory can be told apart.

use crate::inside::store::{TOGETHER, namespace, record, start, take_in};
use crate::rounds::in_turn;
use crate::stats::{median, percentile};
use base::clock::{Clock, SystemClock};
use oxiwhisk_test_e2e::{processes, time};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::{ActivationQuery, Ticket};
use store_embedded::{Config, Stores, open};
use types::ByteSize;

/// Records in the store that the large one is compared with.
pub const SMALL: u64 = 10_000;
/// How often each query is timed in a round.
const CALLS: u32 = 100;
/// How long the store may take to drop what is too old.
const DROP_LIMIT: Duration = Duration::from_secs(60);

/// The queries, as what they ask for.
pub const QUERIES: [&str; 5] =
    ["the newest 200", "200 of one action", "200 up to a time", "200 since a time", "count"];

/// What one size of the store has shown.
#[derive(Debug, Deserialize, Serialize)]
pub struct Step {
    /// How many records there are.
    pub records: u64,
    /// What the records have added to the store's files, in bytes.
    pub disk: u64,
    /// Resident memory of the process, in bytes; a store of 10,000 records is in it.
    pub memory: u64,
    /// Seconds that each thousand records took to be accepted, started and stored, since the step before.
    pub thousand: f64,
    /// For each query what the small and the large store took, round by round.
    pub queries: Vec<[Times; 2]>,
}

/// Microseconds that a query took, round by round.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Times {
    /// The medians.
    pub p50: Vec<f64>,
    /// 99 of 100 took less than this.
    pub p99: Vec<f64>,
}

/// The whole.
#[derive(Debug, Deserialize, Serialize)]
pub struct Shown {
    /// Files of a closed store that never had records, in bytes.
    pub empty: u64,
    /// Files of a closed store whose records have all become too old, in bytes.
    pub emptied: u64,
    /// Sizes, smallest first.
    pub steps: Vec<Step>,
}

/// Fills a store in `dir` up to each of `sizes` and prints what it has shown as JSON.
///
/// # Errors
/// When the store fails.
#[expect(clippy::print_stdout, reason = "whoever started this reads it there")]
pub fn serve(dir: &Path, rounds: usize, sizes: &[u64]) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let shown = runtime.block_on(measure(dir, rounds, sizes))?;
    println!("{}", serde_json::to_string(&shown)?);
    Ok(())
}

async fn measure(dir: &Path, rounds: usize, sizes: &[u64]) -> io::Result<Shown> {
    let clock: Arc<dyn Clock> = SystemClock::shared();
    let (small_dir, large_dir) = (dir.join("small"), dir.join("large"));
    let keep = Duration::from_secs(30 * 24 * 60 * 60);
    let reopen = |dir: &Path, age: Duration| {
        let retention_size = ByteSize::mb(100 << 10);
        let config =
            Config { dir: Some(dir.to_owned()), retention_size, retention_age: age, ..Config::default() };
        open(&config, clock.clone()).map_err(io::Error::other)
    };
    let begin = clock.unix_millis() - sizes.iter().max().copied().unwrap_or(SMALL);
    drop(reopen(&large_dir, keep)?);
    let empty = bytes_below(&large_dir);
    let large = reopen(&large_dir, keep)?;
    let opened = bytes_below(&large_dir);
    let small = reopen(&small_dir, keep)?;
    fill(&small, 0, SMALL, begin).await?;
    let mut steps = Vec::new();
    let mut filled = 0;
    for &records in sizes {
        let started = time::now();
        fill(&large, filled, records, begin).await?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let thousand = started.elapsed().as_secs_f64() * 1000.0 / (records - filled).max(1) as f64;
        filled = records;
        let queries = queries(rounds, &small, (&large, records), begin)?;
        let disk = bytes_below(&large_dir).saturating_sub(opened);
        let memory = processes::resident_bytes(std::process::id());
        steps.push(Step { records, disk, memory, thousand, queries });
    }
    drop(large);
    let large = reopen(&large_dir, Duration::from_millis(1))?;
    // Dropping goes with what a server does all the time, so the store has something to do.
    let gone = time::poll(DROP_LIMIT, || {
        let usage = large.usage().ok()?;
        (usage.records < SMALL).then_some(())
    });
    if gone.is_none() {
        return Err(io::Error::other("records that are too old stay"));
    }
    drop(large);
    Ok(Shown { empty, emptied: bytes_below(&large_dir), steps })
}

/// Accepts, starts and stores records as a server does.
async fn fill(stores: &Stores, from: u64, to: u64, begin: u64) -> io::Result<()> {
    let activations = &stores.activations;
    let mut last = Ticket::default();
    let mut next = from;
    while next < to {
        let end = to.min(next + TOGETHER as u64);
        let made: Vec<_> =
            (next..end).map(|number| record(number, begin).map(Arc::new)).collect::<io::Result<_>>()?;
        last = take_in(stores, &made).await?;
        next = end;
    }
    activations.durable(last).await.map_err(io::Error::other)?;
    activations.flush().await.map_err(io::Error::other)
}

fn queries(rounds: usize, small: &Stores, large: (&Stores, u64), begin: u64) -> io::Result<Vec<[Times; 2]>> {
    let things = QUERIES.len() * 2;
    let found = in_turn(rounds, things, |thing| {
        let (stores, records) = if thing % 2 == 0 { (small, SMALL) } else { large };
        wait_for(query(stores, records, thing / 2, begin))
    })?;
    let times = |rounds: &[(f64, f64)]| Times {
        p50: rounds.iter().map(|(p50, _)| *p50).collect(),
        p99: rounds.iter().map(|(_, p99)| *p99).collect(),
    };
    Ok(found.chunks(2).map(|pair| [times(&pair[0]), times(&pair[1])]).collect())
}

/// Waits for a store's answer where the caller is in the runtime already.
fn wait_for<T>(answer: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(answer))
}

/// Median and p99 of a query, in microseconds, each time about another namespace, action or time.
async fn query(stores: &Stores, records: u64, kind: usize, begin: u64) -> io::Result<(f64, f64)> {
    let mut times = Vec::new();
    for call in 0..CALLS {
        let number = u64::from(call).wrapping_mul(0x9e37_79b9_7f4a_7c15) % records;
        let mut query = ActivationQuery {
            namespace: namespace(number),
            name: None,
            since: None,
            upto: None,
            skip: 0,
            limit: 200,
        };
        match kind {
            1 => query.name = Some(format!("pkg/action{}", number / 200 % 10)),
            2 => query.upto = Some(start(number, begin)),
            3 => query.since = Some(start(number, begin)),
            _ => {}
        }
        let started = time::now();
        if kind == 4 {
            stores.activations.count(&query).await.map_err(io::Error::other)?;
        } else {
            let found = stores.activations.summaries(&query).await.map_err(io::Error::other)?;
            if found.is_empty() {
                return Err(io::Error::other(format!("nothing found by {query:?}")));
            }
        }
        times.push(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    times.sort_unstable();
    Ok((percentile(&times, 0.5) / 1000.0, percentile(&times, 0.99) / 1000.0))
}

/// What all files below a directory take of the disk.
fn bytes_below(dir: &Path) -> u64 {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(kind) = entry.metadata() else { continue };
        sum += if kind.is_dir() { bytes_below(&entry.path()) } else { kind.blocks() * 512 };
    }
    sum
}

impl Times {
    /// The medians of the rounds.
    #[must_use]
    pub fn medians(&self) -> (f64, f64) {
        (median(&self.p50), median(&self.p99))
    }
}
