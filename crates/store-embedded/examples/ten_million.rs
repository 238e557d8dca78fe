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

/// How many activations are under way at a time.
const TOGETHER: u64 = 1000;

/// What one kind of call takes of the thread that calls.
struct Cost {
    name: &'static str,
    wall: Duration,
    processor: Duration,
}

impl Cost {
    fn new(name: &'static str) -> Cost {
        Cost { name, wall: Duration::ZERO, processor: Duration::ZERO }
    }

    fn measure<T>(&mut self, clock: &Arc<dyn Clock>, run: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let (wall, processor) = (clock.now(), thread_cpu_time()?);
        let answer = run()?;
        self.processor += thread_cpu_time()? - processor;
        self.wall += clock.now() - wall;
        Ok(answer)
    }

    fn say(&self, calls: u64) {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / calls as f64;
        let (wall, processor) = (each(self.wall), each(self.processor));
        say(&format!("{}: {processor:.2} us of the caller's processor, {wall:.2} us of time", self.name));
    }
}

/// Accepts, starts and stores every record as a server does, some of them under way at a time.
async fn fill(stores: &Stores, clock: &Arc<dyn Clock>, records: u64, begin: u64) -> Outcome<()> {
    let activations = &stores.activations;
    let body = bytes::Bytes::from(vec![b'x'; 600]);
    let mut costs =
        [Cost::new("make a record"), Cost::new("accept"), Cost::new("started"), Cost::new("store")];
    let [make, accept, started, store] = &mut costs;
    let (mut waited, mut last) = (Duration::ZERO, Ticket::default());
    let before = clock.now();
    for first in (0..records).step_by(usize::try_from(TOGETHER)?) {
        let numbers = first..records.min(first + TOGETHER);
        let made: Vec<Arc<Activation>> =
            make.measure(clock, || Ok(numbers.map(|number| Arc::new(record(number, begin))).collect()))?;
        wait_for_room(stores, clock, &mut waited).await?;
        accept.measure(clock, || {
            for record in &made {
                let intent = Intent { activation_id: record.activation_id, body: body.clone() };
                activations.accept(intent)?;
            }
            Ok(())
        })?;
        started.measure(clock, || {
            for record in &made {
                activations.started(record.activation_id)?;
            }
            Ok(())
        })?;
        store.measure(clock, || {
            for record in &made {
                last = activations.store(record.clone())?;
            }
            Ok(())
        })?;
    }
    activations.durable(last).await?;
    let elapsed = clock.now() - before;
    activations.flush().await?;
    say(&format!("{records} records in {elapsed:?}, waiting for the disk {waited:?} of it"));
    for cost in &costs {
        cost.say(records);
    }
    say_threads(records)
}

/// Waits while so much waits for the disk that the next thousand might not be taken.
async fn wait_for_room(stores: &Stores, clock: &Arc<dyn Clock>, waited: &mut Duration) -> Outcome<()> {
    let before = clock.now();
    while stores.usage()?.pending_bytes > Config::default().pending_size.as_bytes() * 9 / 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    *waited += clock.now() - before;
    Ok(())
}

/// What each thread has taken of the processor, for each record.
fn say_threads(records: u64) -> Outcome<()> {
    for entry in std::fs::read_dir("/proc/self/task")? {
        let path = entry?.path();
        let name = std::fs::read_to_string(path.join("comm"))?;
        let stat = std::fs::read_to_string(path.join("stat"))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        // User and system time, in ticks of 10 ms.
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        if ticks > 2 {
            let each = ticks as f64 * 1e4 / records as f64;
            say(&format!("thread {}: {each:.2} us of processor for each record", name.trim()));
        }
    }
    Ok(())
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
