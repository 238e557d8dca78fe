//! How cost grows with what there is: registered actions, queues, warm containers.

use super::{Scene, function};
use crate::designs::PULL;
use crate::load::Template;
use crate::platform::Platform;
use crate::report::{Bound, Curve, Findings, Line, Row, Side};
use crate::rounds::in_turn;
use crate::settings::{CONNECTIONS, Settings};
use crate::stats::{Estimate, median};
use oxiwhisk_test_e2e::{processes, time, zipped};
use serde_json::json;
use std::io;
use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub(super) const SCENE: Scene = Scene {
    name: "growth",
    metrics: &["B20", "B33"],
    about: "cost and memory by the number of registered actions, queues and warm containers",
    quick: false,
    run,
};

/// Up to how many there are of each.
struct Sizes {
    registered: &'static [usize],
    /// Warm containers; each takes real memory.
    containers: &'static [usize],
    /// Queues, of which the last of `containers` have a container.
    queues: usize,
}

const FULL: Sizes =
    Sizes { registered: &[1, 10, 100, 1_000, 10_000], containers: &[1, 10, 100, 1_000], queues: 4_000 };
/// Each queue without a container takes a start, and the end of a container before it.
const LARGE: Sizes = Sizes { queues: 10_000, ..FULL };
const QUICK: Sizes = Sizes { registered: &[1, 10, 100, 1_000], containers: &[1, 10, 100], queues: 1_000 };

/// In so many parts the last step of each is made; each part gives a slope.
const PARTS: usize = 5;
/// How many are registered, or started, at a time: one after the other, most of the time would be waiting for the disk and for
/// the kernel, which takes namespaces apart much faster when several are on their way out.
const AT_A_TIME: usize = 16;
/// The longest measurement. Processor time is counted, which needs no longer one.
const PERIOD: Duration = Duration::from_millis(500);
/// How often a list and a read are timed in a round.
const READS: usize = 20;
/// Room for the containers, by what they may take; native ones take little of it.
const MEMORY: &str = "128 GB";
/// How long nothing is done each time, to see what that costs.
const IDLE: Duration = Duration::from_secs(5);
/// A native action that is small, because there are many of it; it answers with its arguments.
const SCRIPT: &str = "#!/bin/sh\nwhile read -r call; do\n  value=${call#'{\"value\":'}\n  \
                      printf '%s\\n' \"${value%%\\}*}}\" >&3\ndone\n";

fn run(settings: &Settings) -> io::Result<Findings> {
    let sizes = match settings {
        Settings { large: true, .. } => LARGE,
        Settings { quick: true, .. } => QUICK,
        _ => FULL,
    };
    let settings = Settings { period: settings.period.min(PERIOD), ..settings.clone() };
    let mut found = registered(&settings, sizes.registered)?;
    let more = containers(&settings, &sizes)?;
    found.rows.extend(more.rows);
    found.curves.extend(more.curves);
    found.notes.extend(more.notes);
    Ok(found)
}

/// What one size has shown, round by round.
#[derive(Default)]
struct Size {
    /// The platform's processor time for an activation, in microseconds.
    cost: Vec<f64>,
    /// Medians of a list of 200 and of a read of one, in milliseconds.
    list: Vec<f64>,
    read: Vec<f64>,
    /// Memory of the server, in MiB.
    memory: f64,
}

/// What a number of warm containers has shown.
struct Warm {
    actions: usize,
    costs: Vec<f64>,
    memory: f64,
}

/// Adds those from `there` to `count` in parts, and gives for each part by how many KiB the server grew for each.
fn slopes(
    platform: &Platform,
    there: usize,
    count: usize,
    mut add: impl FnMut(Range<usize>) -> io::Result<()>,
) -> io::Result<Vec<f64>> {
    let mut slopes = Vec::new();
    let mut before = platform.resident_mib();
    let edge = |part: usize| there + (count - there) * part / PARTS;
    for part in (0..PARTS).map(|part| edge(part)..edge(part + 1)).filter(|part| !part.is_empty()) {
        let added = part.len();
        add(part)?;
        let now = platform.resident_mib();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        slopes.push((now - before) * 1024.0 / added as f64);
        before = now;
    }
    Ok(slopes)
}

/// Does something for each number, several at a time.
fn side_by_side(numbers: Range<usize>, each: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(numbers.start);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    each(number);
                }
            });
        }
    });
}

/// A server with that many registered actions beside one with a single one.
fn registered(settings: &Settings, counts: &[usize]) -> io::Result<Findings> {
    let (few, many) = (PULL.start(&[])?, PULL.start(&[])?);
    for platform in [&few, &many] {
        platform.put_native("called")?;
        platform.run(&[platform.template("called")], CONNECTIONS, settings.period)?;
    }
    let mut sizes: Vec<(usize, Size, Size)> = Vec::new();
    let mut there = 1;
    let mut each = Vec::new();
    for &count in counts {
        each = slopes(&many, there, count, |part| {
            side_by_side(part, |number| {
                many.put_script(&format!("registered-{number}"), "function main(args) { return args }");
            });
            Ok(())
        })?;
        there = count;
        let (mut alone, mut among) = (Size::default(), Size::default());
        in_turn(settings.rounds, 2, |side| {
            let (platform, size) = if side == 0 { (&few, &mut alone) } else { (&many, &mut among) };
            size.cost.push(platform.cost(&[platform.template("called")], CONNECTIONS, settings.period)?);
            size.list.push(reads(platform, "/actions?limit=200")?);
            size.read.push(reads(platform, "/actions/called?code=false")?);
            Ok(())
        })?;
        alone.memory = few.resident_mib();
        among.memory = many.resident_mib();
        sizes.push((count, alone, among));
    }
    Ok(told_of_registered(&sizes, each))
}

/// The median time of a read, in milliseconds.
fn reads(platform: &Platform, path: &str) -> io::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..READS {
        let sent = time::now();
        let answer = platform.api().try_send("GET", path, None)?;
        times.push(sent.elapsed().as_secs_f64() * 1000.0);
        if answer.status != 200 {
            return Err(io::Error::other(format!("{path}: {}", answer.text())));
        }
    }
    Ok(median(&times))
}

/// `each`: what the last ones took, in KiB.
fn told_of_registered(sizes: &[(usize, Size, Size)], each: Vec<f64>) -> Findings {
    let Some((count, alone, among)) = sizes.last() else { return Findings::default() };
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let line = |name: &str, of: &dyn Fn(&Size) -> Vec<f64>| Line {
        name: name.to_owned(),
        points: sizes.iter().map(|(count, _, size)| (*count as f64, Estimate::of(&of(size)))).collect(),
    };
    Findings {
        rows: vec![
            Row::ratio(
                "B20",
                &format!("the platform's time for an activation, {count} actions registered ÷ one"),
                Side::new("many", "µs", among.cost.clone()),
                Side::new("one", "µs", alone.cost.clone()),
            ),
            Row::value("B20", "memory of a registered action", Side::new("slope", "KiB", each))
                .aims(Bound::AtMost(1.5), Bound::AtMost(0.5)),
        ],
        curves: vec![
            Curve::logarithmic(
                "growth-registered",
                "An activation and reads by the number of registered actions",
                ("registered actions", "ms"),
                vec![
                    line("the platform's time for an activation", &|size| millis(&size.cost)),
                    line("list of 200 actions", &|size| size.list.clone()),
                    line("read of one action", &|size| size.read.clone()),
                ],
            ),
            Curve::logarithmic(
                "growth-registered-memory",
                "Memory of the server by the number of registered actions",
                ("registered actions", "MiB"),
                vec![line("server", &|size| vec![size.memory])],
            ),
        ],
        notes: Vec::new(),
    }
}

fn millis(micros: &[f64]) -> Vec<f64> {
    micros.iter().map(|micros| micros / 1000.0).collect()
}

/// Warm containers, each of an action of its own, and then queues without.
fn containers(settings: &Settings, sizes: &Sizes) -> io::Result<Findings> {
    let platform = PULL.start(&[
        ("invoker.memory", MEMORY.to_owned()),
        ("invoker.pause_grace", "1 h".to_owned()),
        ("scheduler.retire_after", "1 h".to_owned()),
    ])?;
    let code = zipped::base64(SCRIPT.as_bytes());
    let name = |number: usize| format!("warm-{number}");
    let add = |numbers: Range<usize>| {
        side_by_side(numbers.clone(), |number| {
            let exec = json!({"kind": "native:actionloop", "code": code});
            platform.api().put(&name(number), &json!({"exec": exec, "limits": {"memory": 128}}));
        });
        let all: Vec<Template> = numbers.map(|number| platform.template(&name(number))).collect();
        all.chunks(AT_A_TIME).try_for_each(|some| platform.burst(some).map(drop))
    };
    let mut points = Vec::new();
    let (mut there, mut each) = (0, Vec::new());
    for &count in sizes.containers {
        each = slopes(&platform, there, count, add)?;
        there = count;
        let all: Vec<Template> = (0..count).map(|number| platform.template(&name(number))).collect();
        let lanes = CONNECTIONS.min(count);
        platform.run(&all, lanes, settings.period)?;
        let costs = (0..settings.rounds).map(|_| platform.cost(&all, lanes, settings.period));
        let costs = costs.collect::<io::Result<Vec<f64>>>()?;
        points.push(Warm { actions: count, costs, memory: platform.resident_mib() });
    }
    let pss = sandbox_pss(&platform)?;
    let of_queue = slopes(&platform, there, sizes.queues, add)?;
    let mut found = told_of_containers(&points, each);
    found.rows.push(pss);
    found.rows.push(idle(&platform)?);
    let what = "memory of a queue without containers, with its action";
    let row = Row::value("B20", what, Side::new("slope", "KiB", of_queue));
    found.rows.push(row.aims(Bound::AtMost(2.5), Bound::AtMost(0.8)));
    Ok(found)
}

/// What it costs to do nothing for some time.
fn idle(platform: &Platform) -> io::Result<Row> {
    let (containers, queues) = (platform.processes(), platform.metric("oxiwhisk_scheduler_queues")?);
    // Idleness has no condition to wait for.
    std::thread::sleep(Duration::from_secs(3));
    let shares = (0..PARTS).map(|_| {
        let before = platform.cpu_time();
        std::thread::sleep(IDLE);
        100.0 * platform.cpu_time().saturating_sub(before).as_secs_f64() / IDLE.as_secs_f64()
    });
    let what = format!("processor time of an idle server with {containers} containers and {queues} queues");
    let side = Side::new("of one processor", "%", shares.collect());
    Ok(Row::value("B33", &what, side).aims(Bound::AtMost(0.1), Bound::AtMost(0.02)))
}

/// `each`: what the last ones took, in KiB.
fn told_of_containers(points: &[Warm], each: Vec<f64>) -> Findings {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let line = |name: &str, of: &dyn Fn(&Warm) -> Vec<f64>| Line {
        name: name.to_owned(),
        points: points.iter().map(|point| (point.actions as f64, Estimate::of(&of(point)))).collect(),
    };
    Findings {
        rows: vec![
            Row::value(
                "B20",
                "memory of the server for a warm container, with its action and queue",
                Side::new("slope", "KiB", each),
            )
            .aims(Bound::AtMost(4.5), Bound::AtMost(1.8)),
        ],
        curves: vec![
            Curve::logarithmic(
                "growth-containers",
                "An activation by the number of actions with warm containers, called in turn",
                ("actions", "µs"),
                vec![line("the platform's time for an activation", &|point| point.costs.clone())],
            ),
            Curve::logarithmic(
                "growth-containers-memory",
                "Memory of the server by the number of actions with warm containers",
                ("actions", "MiB"),
                vec![line("server", &|point| vec![point.memory])],
            ),
        ],
        notes: Vec::new(),
    }
}

/// The memory of a sandbox with everything that runs in it beside that of the same program alone, as the kernel divides
/// what is shared.
fn sandbox_pss(platform: &Platform) -> io::Result<Row> {
    let (mut inside, mut alone) = (Vec::new(), Vec::new());
    for number in 0..PARTS {
        let name = format!("weighed-{number}");
        platform.put_native(&name)?;
        let before: Vec<u32> = pids(platform);
        platform.warm(&name)?;
        // The greatest number is not the newest process: numbers begin anew at some time.
        let all = processes::functions(platform.pid());
        let exec =
            all.iter().find(|process| !before.contains(&process.pid)).ok_or(io::ErrorKind::NotFound)?;
        inside.push(pss_kib(exec.pid)? + pss_kib(exec.parent)?);
        alone.push(raw_pss()?);
    }
    let what = "memory of a native sandbox (PSS of all its processes) ÷ of the same program alone";
    let (inside, alone) = (Side::new("sandbox", "KiB", inside), Side::new("alone", "KiB", alone));
    Ok(Row::ratio("B20", what, inside, alone).aims(Bound::AtMost(1.03), Bound::AtMost(1.01)))
}

fn pids(platform: &Platform) -> Vec<u32> {
    processes::functions(platform.pid()).iter().map(|process| process.pid).collect()
}

fn raw_pss() -> io::Result<f64> {
    let mut raw = Command::new("sh")
        .args(["-c", "exec \"$0\" 3>/dev/null"])
        .arg(function())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let weighed = time::poll(Duration::from_secs(5), || {
        let program = std::fs::read_link(format!("/proc/{}/exe", raw.id())).ok()?;
        program.ends_with("oxiwhisk-bench-function").then_some(())
    });
    let alone = weighed.ok_or_else(|| io::ErrorKind::TimedOut.into()).and_then(|()| pss_kib(raw.id()));
    raw.kill()?;
    raw.wait()?;
    alone
}

fn pss_kib(pid: u32) -> io::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let number = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    number.ok_or_else(|| io::Error::other(format!("no Pss of {pid}")))
}
