//! Pausing and resuming through the platform. The slides say 37 pairs a second, 131 ms for one.

use crate::designs::PULL;
use crate::freezer::{Frozen, is_frozen};
use crate::load::Template;
use crate::platform::Platform;
use crate::report::{Findings, Row, Side};
use crate::rounds::in_turn;
use crate::scenes::function;
use crate::settings::{CONNECTIONS, Settings};
use oxiwhisk_test_e2e::{processes, time};
use serde_json::json;
use std::io;
use std::time::Duration;

/// So many actions in turn that each is paused again when its turn comes.
const ACTIONS: usize = 100;
/// Calls that are timed one by one in each round.
const CALLS: usize = 10;
/// How long a pause may take to come.
const PAUSE_LIMIT: Duration = Duration::from_secs(5);
const RESUMES: &str =
    "calls a second that each resume and pause one of 100 native containers ÷ raw freezer pairs";
const LATENCY: &str = "a call to a paused native container ÷ to one that rests";
const ADDED: &str = "what a resume adds to a call ÷ a raw freezer pair";

pub(super) fn run(settings: &Settings) -> io::Result<Findings> {
    let raw = match Frozen::start(&function()) {
        Ok(raw) => raw,
        Err(problem) => {
            let why = format!("the freezer of control groups cannot be used: {problem}");
            let rows = [RESUMES, LATENCY, ADDED].map(|what| Row::unavailable("E3", what, &why));
            return Ok(Findings { rows: rows.into(), ..Findings::default() });
        }
    };
    let pausing = PULL.start(&[("invoker.pause_grace", "1 ms".to_owned())])?;
    let resting = PULL.start(&[])?;
    for platform in [&pausing, &resting] {
        for number in 0..ACTIONS {
            platform.put_native(&name(number))?;
            platform.warm(&name(number))?;
        }
    }
    let mut rows = latencies(settings, &raw, &pausing, &resting)?;
    rows.push(resumes(settings, &raw, &pausing)?);
    Ok(Findings { rows, ..Findings::default() })
}

fn name(number: usize) -> String {
    format!("action-{number}")
}

/// Microseconds of calls that find the container of an action paused, and of calls that find one resting, beside the raw
/// freezer.
fn latencies(
    settings: &Settings,
    raw: &Frozen,
    pausing: &Platform,
    resting: &Platform,
) -> io::Result<Vec<Row>> {
    let sides = in_turn(settings.rounds, 3, |side| match side {
        0 => call(pausing, || all_paused(pausing).then_some(())),
        1 => call(resting, || Some(())),
        _ => pair(raw),
    })?;
    let [paused, rested, pair] = sides.as_slice() else { return Ok(Vec::new()) };
    let added = paused.iter().zip(rested).map(|(paused, rested)| paused - rested).collect();
    Ok(vec![
        Row::ratio(
            "E3",
            LATENCY,
            Side::new("paused", "µs", paused.clone()),
            Side::new("resting", "µs", rested.clone()),
        ),
        Row::ratio("E3", ADDED, Side::new("added", "µs", added), Side::new("freezer", "µs", pair.clone())),
    ])
}

/// The median time of a call, each when `ready` says so.
fn call(platform: &Platform, ready: impl Fn() -> Option<()>) -> io::Result<f64> {
    let mut times = Vec::new();
    for number in 0..CALLS {
        time::poll(PAUSE_LIMIT, &ready).ok_or_else(|| io::Error::other("a container is not paused"))?;
        let nonce = format!("{number}");
        let sent = time::now();
        let answer = platform.api().result(&name(number), &json!({"nonce": nonce}));
        times.push(sent.elapsed().as_secs_f64() * 1e6);
        if answer["nonce"] != nonce {
            return Err(io::Error::other(format!("not the answer to {nonce}: {answer}")));
        }
    }
    Ok(crate::stats::median(&times))
}

fn all_paused(platform: &Platform) -> bool {
    processes::functions(platform.pid()).iter().filter(|process| !is_node(process)).all(is_frozen)
}

/// The check of logs leaves a container of Node.js behind, which nobody calls.
fn is_node(process: &processes::Process) -> bool {
    process.program == "node"
}

fn pair(raw: &Frozen) -> io::Result<f64> {
    let times = (0..CALLS).map(|_| raw.once()).collect::<io::Result<Vec<f64>>>()?;
    Ok(crate::stats::median(&times))
}

fn resumes(settings: &Settings, raw: &Frozen, pausing: &Platform) -> io::Result<Row> {
    let templates: Vec<Template> = (0..ACTIONS).map(|number| pausing.template(&name(number))).collect();
    let mut seen = Vec::new();
    let sides = in_turn(settings.rounds, 2, |side| {
        if side == 1 {
            let started = time::now();
            let mut pairs = 0.0;
            while started.elapsed() < settings.period {
                raw.once()?;
                pairs += 1.0;
            }
            return Ok(pairs / started.elapsed().as_secs_f64());
        }
        std::thread::scope(|scope| {
            let load = scope.spawn(|| pausing.run(&templates, CONNECTIONS, settings.period));
            while !load.is_finished() {
                let functions = processes::functions(pausing.pid());
                let native = functions.iter().filter(|process| !is_node(process));
                let (frozen, going): (Vec<_>, Vec<_>) = native.partition(|process| is_frozen(process));
                seen.push((frozen.len(), going.len()));
                std::thread::sleep(settings.period / 10);
            }
            let outcome = load.join().unwrap_or_else(|_| Err(io::Error::other("the load has panicked")))?;
            Ok(outcome.rate)
        })
    })?;
    let frozen: usize = seen.iter().map(|(frozen, _)| frozen).sum();
    let all: usize = seen.iter().map(|(frozen, going)| frozen + going).sum();
    let mut sides = sides.into_iter();
    let (ours, theirs) = (sides.next().unwrap_or_default(), sides.next().unwrap_or_default());
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let share = 100.0 * frozen as f64 / all.max(1) as f64;
    let what = format!("calls ({share:.0} % of the containers were seen paused)");
    Ok(Row::ratio("E3", RESUMES, Side::new(&what, "/s", ours), Side::new("raw pairs", "/s", theirs)))
}
