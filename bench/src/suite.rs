//! What is measured, and in which order.

mod platform;

use crate::cold::{self, Starter};
use crate::load::{self, Outcome, Template};
use crate::pipes::{Fleet, Program};
use crate::report::{self, Row};
use crate::stats::{Estimate, median};
use crate::yardstick::{self, Yardstick};
use platform::Platform;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How the suite runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often each pair is measured.
    pub rounds: usize,
    /// How long each measurement takes.
    pub period: Duration,
    /// How many first runs are timed.
    pub starts: usize,
}

/// Connections of the closed loop.
const CONNECTIONS: usize = 16;
/// Processes with which the yardstick of node does best on this class of machine.
const PROCESSORS: usize = 2;
/// Actions of the test of interference.
const MANY: usize = 100;

/// Runs everything and gives the table as Markdown.
///
/// # Errors
/// The first thing that fails, or that cheats.
pub fn run(settings: &Settings) -> io::Result<String> {
    let stolen = report::stolen();
    let mut rows = Vec::new();
    let mut notes = vec![idle()?];
    {
        let platform = Platform::with_stem_cells(0)?;
        rows.extend(warm(settings, &platform)?);
    }
    rows.extend(interference(settings)?);
    rows.extend(first_runs(settings)?);
    let now = report::stolen();
    let share = 100 * (now.0 - stolen.0) / (now.1 - stolen.1).max(1);
    notes.push(format!(
        "{} processors; load {:.2} at the end; {share} % of processor time withheld by the host; {} rounds of {:?}, medians",
        std::thread::available_parallelism()?,
        report::load_average(),
        settings.rounds,
        settings.period,
    ));
    Ok(report::markdown(&rows, &notes))
}

/// What an idle server without pre-started containers uses.
fn idle() -> io::Result<String> {
    let platform = Platform::with_stem_cells(0)?;
    // Idleness has no condition to wait for.
    std::thread::sleep(Duration::from_secs(2));
    let before = platform.cpu_time();
    std::thread::sleep(Duration::from_secs(10));
    let spent = platform.cpu_time().saturating_sub(before);
    Ok(format!(
        "idle, without stem cells: {:.1} MiB resident (the server), {:.3} % of a processor over 10 s; ready after {:?}",
        platform.resident_mib(),
        spent.as_secs_f64() * 10.0,
        platform.ready_after(),
    ))
}

/// The two sides of a ratio, measured in turn and in changing order.
fn interleaved<A, B>(
    rounds: usize,
    mut a: impl FnMut() -> io::Result<A>,
    mut b: impl FnMut() -> io::Result<B>,
) -> io::Result<Vec<(A, B)>> {
    let mut pairs = Vec::new();
    for round in 0..rounds {
        pairs.push(if round % 2 == 0 {
            let first = a()?;
            (first, b()?)
        } else {
            let first = b()?;
            (a()?, first)
        });
    }
    Ok(pairs)
}

fn rates(pairs: &[(Outcome, Outcome)]) -> (Vec<f64>, Vec<f64>) {
    pairs.iter().map(|(a, b)| (a.rate, b.rate)).unzip()
}

/// B1, B3, B7, B8: warm runs over HTTP.
fn warm(settings: &Settings, platform: &Platform) -> io::Result<Vec<Row>> {
    let Settings { rounds, period, .. } = *settings;
    platform.put_node("node")?;
    platform.put_native("native")?;
    let node = [platform.template("node")];
    let native = [platform.template("native")];
    let plain = [Template::post("/run", None, ("{\"value\":", "}"))];
    let echo = [Template::post("/", None, ("", ""))];
    let hyper = Yardstick::own("http")?;
    let tcp = Yardstick::own("tcp")?;
    let on_platform = |templates: &[Template], connections| platform.run(templates, connections, period);

    // Until as many containers have come as will.
    on_platform(&node, CONNECTIONS)?;
    let processes = platform.functions("node").max(1);
    on_platform(&native, CONNECTIONS)?;
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions/server.js");
    let direct = Yardstick::start(Command::new("node").arg(&server).arg(processes.to_string()))?;
    // As many processes as processors are better for it than as many as there are callers.
    let best = Yardstick::start(Command::new("node").arg(&server).arg(PROCESSORS.to_string()))?;
    for yardstick in [&direct, &best] {
        load::run(yardstick.address, &plain, CONNECTIONS, period)?;
    }

    let b1 = interleaved(
        rounds,
        || on_platform(&node, CONNECTIONS),
        || load::run(direct.address, &plain, CONNECTIONS, period),
    )?;
    let b1_best = interleaved(
        rounds,
        || on_platform(&node, CONNECTIONS),
        || load::run(best.address, &plain, CONNECTIONS, period),
    )?;
    let b3 = interleaved(
        rounds,
        || on_platform(&native, CONNECTIONS),
        || load::run(hyper.address, &plain, CONNECTIONS, period),
    )?;
    let b7 = interleaved(
        rounds,
        || platform.cost(&native, CONNECTIONS, period),
        || {
            let before = hyper.cpu_time();
            let outcome = load::run(hyper.address, &echo, CONNECTIONS, period)?;
            Ok(platform::micros_each(hyper.cpu_time() - before, outcome.count))
        },
    )?;
    let mut rows = vec![
        compare(
            "B1",
            &format!("warm blocking rate, native node ÷ its own HTTP server, {processes} processes each"),
            &b1,
            "≥ 1.00",
        ),
        compare(
            "B1",
            &format!("the same ÷ its own HTTP server at its best, {PROCESSORS} processes"),
            &b1_best,
            "≥ 1.00",
        ),
        compare("B3", "warm blocking rate, native binary ÷ hyper as function", &b3, "≥ 0.60"),
    ];
    let (ours, theirs): (Vec<f64>, Vec<f64>) = b7.into_iter().unzip();
    rows.push(Row {
        id: "B7",
        what: "the platform's processor time for an activation ÷ a bare hyper exchange".to_owned(),
        ratio: Estimate::of_ratio(&ours, &theirs),
        sides: format!("{:.1} µs ÷ {:.1} µs", median(&ours), median(&theirs)),
        goal: "≤ 2.0",
    });
    rows.extend(wrk(settings, platform, &best)?);
    rows.push(added_latency(settings, platform, &native, &hyper, &plain, &tcp)?);
    Ok(rows)
}

fn compare(id: &'static str, what: &str, pairs: &[(Outcome, Outcome)], goal: &'static str) -> Row {
    let (above, below) = rates(pairs);
    let p99 = |side: fn(&(Outcome, Outcome)) -> f64| median(&pairs.iter().map(side).collect::<Vec<_>>());
    Row {
        id,
        what: what.to_owned(),
        ratio: Estimate::of_ratio(&above, &below),
        sides: format!(
            "{:.0}/s (p99 {:.0} µs) ÷ {:.0}/s (p99 {:.0} µs)",
            median(&above),
            p99(|pair| pair.0.p99),
            median(&below),
            p99(|pair| pair.1.p99),
        ),
        goal,
    }
}

/// B8: what the platform adds for a single caller, in round trips.
fn added_latency(
    settings: &Settings,
    platform: &Platform,
    native: &[Template],
    hyper: &Yardstick,
    plain: &[Template],
    tcp: &Yardstick,
) -> io::Result<Row> {
    let Settings { rounds, period, .. } = *settings;
    let pairs = interleaved(
        rounds,
        || Ok(platform.run(native, 1, period)?.p50),
        || {
            let direct = load::run(hyper.address, plain, 1, period)?.p50;
            Ok((direct, yardstick::round_trip(tcp.address, 256, period)?))
        },
    )?;
    let added: Vec<f64> = pairs.iter().map(|(ours, (direct, _))| ours - direct).collect();
    let trips: Vec<f64> = pairs.iter().map(|(_, (_, trip))| *trip).collect();
    let ours: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
    Ok(Row {
        id: "B8",
        what: "latency added for one caller (native binary − hyper as function) ÷ a TCP round trip"
            .to_owned(),
        ratio: Estimate::of_ratio(&added, &trips),
        sides: format!(
            "{:.1} µs added (of {:.1} µs) ÷ {:.1} µs",
            median(&added),
            median(&ours),
            median(&trips)
        ),
        goal: "≤ 2.0",
    })
}

/// B1 once more with wrk as the generator, where it is installed.
fn wrk(settings: &Settings, platform: &Platform, direct: &Yardstick) -> io::Result<Option<Row>> {
    if Command::new("wrk").arg("--version").output().is_err() {
        return Ok(None);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions/post.lua");
    let seconds = settings.period.as_secs().max(1);
    let run = |url: &str, body: &str, authorization: Option<&str>| -> io::Result<f64> {
        let mut command = Command::new("wrk");
        command
            .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "-s"])
            .arg(&script)
            .arg(url);
        command.env("BODY", body);
        if let Some(value) = authorization {
            command.env("AUTHORIZATION", value);
        }
        let said = String::from_utf8_lossy(&command.output()?.stdout).into_owned();
        if said.contains("Non-2xx") {
            return Err(io::Error::other(said));
        }
        let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        rate.and_then(|rate| rate.trim().parse().ok()).ok_or_else(|| io::Error::other(said))
    };
    let ours = format!("{}{}", platform.url(), Platform::target("node"));
    let theirs = format!("http://{}/run", direct.address);
    let pairs = interleaved(
        settings.rounds,
        || run(&ours, "{\"nonce\":\"0\"}", Some(&platform.authorization())),
        || run(&theirs, "{\"value\":{\"nonce\":\"0\"}}", None),
    )?;
    let (above, below): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    Ok(Some(Row {
        id: "B1 (wrk)",
        what: "the same, at its best, with wrk, which checks no answers".to_owned(),
        ratio: Estimate::of_ratio(&above, &below),
        sides: format!("{:.0}/s ÷ {:.0}/s", median(&above), median(&below)),
        goal: "≥ 1.00",
    }))
}

/// B24: many actions in turn against one, beside the same processes driven directly.
fn interference(settings: &Settings) -> io::Result<Vec<Row>> {
    let names: Vec<String> = (0..MANY).map(|number| format!("many-{number}")).collect();
    let mut rows = Vec::new();
    let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtimes/nodejs/launcher.js");
    let code = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("functions/echo.js"))?;
    for (kind, program) in
        [("native", Program::ActionLoop(function())), ("nodejs", Program::Node { launcher, code })]
    {
        // A server for each kind: the containers of both would not fit at the same time.
        let platform = Platform::with_stem_cells(0)?;
        for name in names.iter().map(String::as_str).chain(["one"]) {
            if kind == "native" { platform.put_native(name)? } else { platform.put_node(name)? }
        }
        rows.extend(many_and_one(settings, &platform, &names, kind, &program)?);
    }
    Ok(rows)
}

fn many_and_one(
    settings: &Settings,
    platform: &Platform,
    names: &[String],
    kind: &str,
    program: &Program,
) -> io::Result<Vec<Row>> {
    let Settings { rounds, period, .. } = *settings;
    let many: Vec<Template> = names.iter().map(|name| platform.template(name)).collect();
    let one = [platform.template("one")];
    for name in names {
        platform.warm(name)?;
    }
    platform.run(&many, CONNECTIONS, period)?;
    let before = platform.processes();
    platform.run(&one, CONNECTIONS, period)?;
    let processes = platform.processes().saturating_sub(before).clamp(1, CONNECTIONS);
    let mut direct_many = Fleet::start(program, MANY)?;
    let mut direct_one = Fleet::start(program, processes)?;
    let ours = interleaved(
        rounds,
        || Ok(platform.run(&many, CONNECTIONS, period)?.rate),
        || Ok(platform.run(&one, CONNECTIONS, period)?.rate),
    )?;
    let theirs = interleaved(
        rounds,
        || direct_many.rate(CONNECTIONS, period),
        || direct_one.rate(CONNECTIONS, period),
    )?;
    let (many, one): (Vec<f64>, Vec<f64>) = ours.into_iter().unzip();
    let (plain_many, plain_one): (Vec<f64>, Vec<f64>) = theirs.into_iter().unzip();
    let quotient =
        |above: &[f64], below: &[f64]| above.iter().zip(below).map(|(a, b)| a / b).collect::<Vec<_>>();
    let (with, without) = (quotient(&many, &one), quotient(&plain_many, &plain_one));
    Ok(vec![
        Row {
            id: "100 ÷ 1",
            what: format!("rate of {MANY} {kind} actions in turn ÷ one action"),
            ratio: Estimate::of(&with),
            sides: format!("{:.0}/s ÷ {:.0}/s", median(&many), median(&one)),
            goal: "≥ 0.90",
        },
        Row {
            id: "B24",
            what: format!(
                "the same ÷ the same of plain {kind} processes over their pipes ({MANY} ÷ {processes})"
            ),
            ratio: Estimate::of_ratio(&with, &without),
            sides: format!("plain: {:.0}/s ÷ {:.0}/s", median(&plain_many), median(&plain_one)),
            goal: "≥ 0.95",
        },
    ])
}

/// B11, B12: the first run of an action that was never seen.
fn first_runs(settings: &Settings) -> io::Result<Vec<Row>> {
    let mut starter = Starter::new(&function())?;
    let with_cells = Platform::with_stem_cells(2)?;
    let mut rows = Vec::new();

    let native = interleaved(settings.starts, || with_cells.first_run("native"), || starter.once())?;
    let ours: Vec<f64> = native.iter().map(|(ours, _)| *ours).collect();
    for (what, raw) in [
        ("in namespaces", native.iter().map(|(_, (raw, _))| *raw).collect::<Vec<_>>()),
        ("in namespaces and control groups", native.iter().map(|(_, (_, raw))| *raw).collect()),
    ] {
        let what = format!("first run of a native binary ÷ clone, exec and first byte {what}");
        rows.push(first_run_row("B11", what, &ours, &raw, "≤ 1.5"));
    }
    let node = interleaved(settings.starts, || with_cells.first_run("nodejs"), cold::node_once)?;
    let (ours, raw): (Vec<f64>, Vec<f64>) = node.into_iter().unzip();
    rows.push(first_run_row(
        "B12",
        "first run of a node action, stem cell at hand ÷ `node -e 0`".to_owned(),
        &ours,
        &raw,
        "≤ 0.05",
    ));
    drop(with_cells);

    let without = Platform::with_stem_cells(0)?;
    let node = interleaved(settings.starts, || without.first_run("nodejs"), cold::node_once)?;
    let (ours, raw): (Vec<f64>, Vec<f64>) = node.into_iter().unzip();
    rows.push(first_run_row(
        "B12",
        "first run of a node action, none at hand ÷ `node -e 0`".to_owned(),
        &ours,
        &raw,
        "≤ 1.15",
    ));
    Ok(rows)
}

fn first_run_row(id: &'static str, what: String, ours: &[f64], raw: &[f64], goal: &'static str) -> Row {
    let ratio = Estimate::of_ratio(ours, raw);
    Row { id, what, ratio, sides: format!("{:.2} ms ÷ {:.2} ms", median(ours), median(raw)), goal }
}

/// The native function, which is built beside this program.
fn function() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name("oxiwhisk-bench-function")
}
