//! Fills a store with records and says how long lists, counts, reads and reopening take.
//!
//! `cargo run --release -p oxiwhisk-store-embedded --example ten_million -- [RECORDS] [DIRECTORY]`; ten million records
//! by default, in a directory that is removed at the end unless one is named.

use base::clock::{Clock, SystemClock};
use oxiwhisk_store_embedded::{Config, Stores, open};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::{ActivationQuery, Intent, Ticket};
use types::{Activation, ActivationId, ByteSize};

/// How many namespaces the records are of; one of them has half of all.
const NAMESPACES: u64 = 100;

/// How many activations a second are imitated, by the starts of the records.
const RECORDS_A_SECOND: u64 = 1000;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let records = arguments.next().map_or(Ok(10_000_000), |text| text.parse())?;
    let temporary = tempfile::tempdir()?;
    let named = arguments.next();
    let dir = named.as_deref().map_or(temporary.path(), Path::new);
    let clock = SystemClock::shared();
    say(&format!("an open process has {} of memory", ByteSize::kb(resident_kb()?)));
    let stores = timed(&clock, "open an empty store", || reopen(dir, &clock))?;
    say(&format!("an open and empty store has {} KB of memory", resident_kb()?));
    let begin = clock.unix_millis() - records * 1000 / RECORDS_A_SECOND;
    fill(&stores, &clock, records, begin).await?;
    read(&stores, &clock, records, begin).await?;
    say(&format!("{:?}", stores.usage()?));
    say(&format!("{} KB of memory", resident_kb()?));
    timed(&clock, "flush and close", || {
        drop(stores);
        Ok(())
    })?;
    let stores = timed(&clock, "reopen", || reopen(dir, &clock))?;
    read(&stores, &clock, records, begin).await?;
    say(&format!("{} KB of memory", resident_kb()?));
    Ok(())
}

fn reopen(dir: &Path, clock: &Arc<dyn Clock>) -> Outcome<Stores> {
    let retention_size = ByteSize::mb(100 << 10);
    let config = Config { dir: Some(dir.to_owned()), retention_size, ..Config::default() };
    Ok(open(&config, clock.clone())?)
}

/// Accepts, starts and stores every record as a server does, one after the other.
async fn fill(stores: &Stores, clock: &Arc<dyn Clock>, records: u64, begin: u64) -> Outcome<()> {
    let activations = &stores.activations;
    let body = bytes::Bytes::from(vec![b'x'; 600]);
    let (mut in_accept, mut in_started, mut in_store) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut waited = Duration::ZERO;
    let mut slowest = Duration::ZERO;
    let cpu_before = cpu_time()?;
    let (mut of_caller, before) = (Duration::ZERO, clock.now());
    let mut last = Ticket::default();
    for number in 0..records {
        let record = Arc::new(record(number, begin));
        let (id, body) = (record.activation_id, body.clone());
        let thread_before = thread_cpu_time()?;
        let start = clock.now();
        retry(&mut waited, clock, || activations.accept(Intent { activation_id: id, body: body.clone() }))
            .await?;
        let accepted = clock.now();
        activations.started(id)?;
        let started = clock.now();
        last = activations.store(record)?;
        let stored = clock.now();
        of_caller += thread_cpu_time()? - thread_before;
        in_accept += accepted - start;
        in_started += started - accepted;
        in_store += stored - started;
        slowest = slowest.max(stored - started);
    }
    activations.durable(last).await?;
    let elapsed = clock.now() - before;
    activations.flush().await?;
    let cpu = cpu_time()? - cpu_before;
    let each = |time: Duration| time.as_secs_f64() * 1e6 / records as f64;
    say(&format!("{records} records in {elapsed:?}, waiting for the disk {waited:?} of it"));
    say(&format!(
        "wall time of the caller: accept {:.2} us, started {:.2} us, store {:.2} us (slowest {slowest:?})",
        each(in_accept - waited),
        each(in_started),
        each(in_store)
    ));
    say(&format!("processor time of the caller for all three: {:.2} us", each(of_caller)));
    say(&format!(
        "processor time of the whole process: {:.2} us for each, making the record included",
        each(cpu)
    ));
    Ok(())
}

/// Repeats what the store refuses because too much waits for the disk.
async fn retry<T>(
    waited: &mut Duration,
    clock: &Arc<dyn Clock>,
    call: impl Fn() -> Result<T, store::StoreError>,
) -> Outcome<T> {
    loop {
        match call() {
            Ok(answer) => return Ok(answer),
            Err(error) if error.retryable => {
                let before = clock.now();
                tokio::time::sleep(Duration::from_millis(5)).await;
                *waited += clock.now() - before;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn read(stores: &Stores, clock: &Arc<dyn Clock>, records: u64, begin: u64) -> Outcome<()> {
    let activations = &stores.activations;
    let all = |limit| ActivationQuery {
        namespace: "ns0".to_owned(),
        name: None,
        since: None,
        upto: None,
        skip: 0,
        limit,
    };
    let middle = begin + records * 500 / RECORDS_A_SECOND;
    let queries = [
        ("the newest 200", all(200)),
        ("200 of one action", ActivationQuery { name: Some("pkg/action1".to_owned()), ..all(200) }),
        ("200 from the middle", ActivationQuery { upto: Some(middle), ..all(200) }),
        ("200 behind 10,000", ActivationQuery { skip: 10_000, ..all(200) }),
        ("200 of a small namespace", ActivationQuery { namespace: "ns77".to_owned(), ..all(200) }),
    ];
    for (what, query) in queries {
        for round in ["cold", "warm"] {
            let before = clock.now();
            let found = activations.summaries(&query).await?.len();
            let summaries = clock.now() - before;
            let before = clock.now();
            let whole = activations.list(&query).await?.len();
            let list = clock.now() - before;
            say(&format!("{what}, {round}: {found} summaries {summaries:?}, {whole} records {list:?}"));
        }
    }
    for (what, query) in [
        ("all of a namespace", all(0)),
        ("one action", ActivationQuery { name: Some("pkg/action1".to_owned()), ..all(0) }),
        (
            "the last second",
            ActivationQuery { since: Some(begin + records * 1000 / RECORDS_A_SECOND - 1000), ..all(0) },
        ),
        ("the older half", ActivationQuery { upto: Some(middle), ..all(0) }),
    ] {
        let before = clock.now();
        let count = activations.count(&query).await?;
        say(&format!("count {what}: {count} in {:?}", clock.now() - before));
    }
    let before = clock.now();
    let gets = 1000;
    for at in 0..gets {
        let number = at * (records / gets).max(1) % records;
        let found = activations.get(&namespace(number), id(number, begin)).await?;
        assert!(found.is_some(), "record {number} is there");
    }
    say(&format!("get: {:?} each, spread over all", (clock.now() - before) / u32::try_from(gets)?));
    Ok(())
}

fn namespace(number: u64) -> String {
    // Half of all are of the first.
    format!("ns{}", if number.is_multiple_of(2) { 0 } else { number / 2 % NAMESPACES })
}

fn start(number: u64, begin: u64) -> u64 {
    begin + number * 1000 / RECORDS_A_SECOND
}

fn id(number: u64, begin: u64) -> ActivationId {
    let spread = u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    ActivationId::from_bits(u128::from(start(number, begin)) << 80 | spread)
}

/// A record as a warm Node action leaves it, of about 1 KB.
fn record(number: u64, begin: u64) -> Activation {
    let (namespace, start, id) = (namespace(number), start(number, begin), id(number, begin));
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let action = number / 200 % 10;
    let text = format!(
        r#"{{"namespace":"{namespace}","name":"action{action}","version":"0.0.7","subject":"{namespace}",
        "activationId":"{id}","start":{start},"end":{end},"duration":{duration},
        "response":{{"result":{{"payload":"{spread:016x}{spread:064b}","list":[1,2,3,{number}]}},"size":180,
        "status":"success","success":true}},
        "logs":["2026-11-22T07:15:00.123456Z stdout: request {number} took {duration} ms",
        "2026-11-22T07:15:00.123789Z stdout: answer {spread:x}"],
        "annotations":[{{"key":"path","value":"{namespace}/pkg/action{action}"}},
        {{"key":"kind","value":"nodejs:20"}},{{"key":"waitTime","value":{wait}}},{{"key":"timeout","value":false}},
        {{"key":"limits","value":{{"timeout":60000,"memory":256,"logs":10,"concurrency":1}}}}],"publish":false}}"#,
        end = start + spread % 50,
        duration = spread % 50,
        wait = spread % 7,
    );
    serde_json::from_str(&text).expect("the record is valid")
}

fn timed<T>(clock: &Arc<dyn Clock>, what: &str, run: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let before = clock.now();
    let answer = run()?;
    say(&format!("{what}: {:?}", clock.now() - before));
    Ok(answer)
}

fn resident_kb() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn cpu_time() -> Outcome<Duration> {
    processor_time(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn thread_cpu_time() -> Outcome<Duration> {
    processor_time(libc::CLOCK_THREAD_CPUTIME_ID)
}

#[expect(unsafe_code, reason = "the standard library does not tell processor time")]
fn processor_time(clock: libc::clockid_t) -> Outcome<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to `time` only, which lives throughout.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(Duration::new(u64::try_from(time.tv_sec)?, u32::try_from(time.tv_nsec)?))
}

#[expect(clippy::print_stdout, reason = "this program is run to see what it prints")]
fn say(text: &str) {
    println!("{text}");
}
