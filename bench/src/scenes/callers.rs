//! What a single caller waits for, and how long the unlucky ones wait when many come by a schedule.

use super::Scene;
use crate::load::{self, Outcome, Template};
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::round_trips::{Echo, Trips, Way};
use crate::rounds::{in_turn, interleaved};
use crate::settings::{CONNECTIONS, Settings};
use crate::spinners::Spinners;
use crate::yardstick::Yardstick;
use std::io;

pub(super) const SCENE: Scene = Scene {
    name: "callers",
    metrics: &["B8", "B8a", "B8b", "Y0"],
    about: "latency added for one caller, tails under an open load, and raw round trips",
    quick: false,
    run,
};

/// The bytes of a round trip: about those of a call or an answer without its headers.
const MESSAGE: usize = 256;
/// The part of its own greatest rate at which each side's tail is measured.
const UTILISATION: f64 = 0.7;

struct Stage<'a> {
    settings: &'a Settings,
    platform: Platform,
    /// Its answers do not wait for the disk.
    hasty: Platform,
    native: [Template; 1],
    plain: [Template; 1],
    hyper: Yardstick,
}

fn run(settings: &Settings) -> io::Result<Findings> {
    let platform = Platform::with_stem_cells(0)?;
    let hasty = Platform::with(0, &["invoker.durable_answers=false".to_owned()])?;
    for platform in [&platform, &hasty] {
        platform.put_native("native")?;
        platform.warm("native")?;
    }
    let stage = Stage {
        settings,
        native: [platform.template("native")],
        platform,
        hasty,
        plain: [Template::post("/run", None, ("{\"value\":", "}"))],
        hyper: Yardstick::own("http")?,
    };
    stage.platform.run(&stage.native, CONNECTIONS, settings.period)?;
    let mut rows = Vec::new();
    {
        let _awake = Spinners::start()?;
        rows.extend(one_caller(&stage, "processors kept awake by an idle-class thread")?);
    }
    rows.extend(one_caller(&stage, "processors may sleep")?);
    rows.push(without_disk(&stage)?);
    rows.push(tails(&stage)?);
    rows.extend(round_trips(settings)?);
    Ok(Findings { rows, ..Findings::default() })
}

/// B8: what the platform adds for a single caller, in round trips.
fn one_caller(stage: &Stage<'_>, how: &str) -> io::Result<Vec<Row>> {
    let Settings { rounds, period, .. } = *stage.settings;
    let mut echo = Echo::start(Way::Tcp)?;
    let pairs: Vec<(Outcome, (Outcome, Trips))> = interleaved(
        rounds,
        || stage.platform.run(&stage.native, 1, period),
        || {
            let direct = load::run(stage.hyper.address, &stage.plain, 1, period)?;
            Ok((direct, echo.measure(MESSAGE, period)?))
        },
    )?;
    let row = |what: &str, ours: fn(&Outcome) -> f64, trip: fn(&Trips) -> f64| {
        let added = pairs.iter().map(|(with, (without, _))| ours(with) - ours(without)).collect();
        let trips = pairs.iter().map(|(_, (_, trips))| trip(trips)).collect();
        let what = format!(
            "{what} added for one caller (native binary − hyper as function) ÷ that of a TCP round trip, {how}"
        );
        Row::ratio("B8", &what, Side::new("added", "µs", added), Side::new("round trip", "µs", trips))
    };
    Ok(vec![
        row("median latency", |outcome| outcome.p50, |trips| trips.p50)
            .aims(Bound::AtMost(2.0), Bound::AtMost(1.2)),
        row("99th percentile", |outcome| outcome.p99, |trips| trips.p99)
            .aims(Bound::AtMost(4.0), Bound::AtMost(2.5)),
    ])
}

/// B8b: how much of that is waiting for the disk.
fn without_disk(stage: &Stage<'_>) -> io::Result<Row> {
    let Settings { rounds, period, .. } = *stage.settings;
    let hasty = [stage.hasty.template("native")];
    let sides = in_turn(rounds, 3, |side| {
        Ok(match side {
            0 => stage.platform.run(&stage.native, 1, period)?.p50,
            1 => stage.hasty.run(&hasty, 1, period)?.p50,
            _ => load::run(stage.hyper.address, &stage.plain, 1, period)?.p50,
        })
    })?;
    let [with, without, plain] = sides.as_slice() else { return Err(io::Error::other("three sides")) };
    let added = |ours: &[f64]| ours.iter().zip(plain).map(|(ours, plain)| ours - plain).collect();
    let what = "median latency added for one caller where answers do not wait for the disk ÷ where they do";
    Ok(Row::ratio(
        "B8b",
        what,
        Side::new("without", "µs", added(without)),
        Side::new("with", "µs", added(with)),
    ))
}

/// B8a
fn tails(stage: &Stage<'_>) -> io::Result<Row> {
    let Settings { rounds, period, .. } = *stage.settings;
    let pairs = interleaved(
        rounds,
        || {
            let most = stage.platform.run(&stage.native, CONNECTIONS, period)?.rate;
            stage.platform.run_open(&stage.native, most * UTILISATION, period)
        },
        || {
            let most = load::run(stage.hyper.address, &stage.plain, CONNECTIONS, period)?.rate;
            load::run_open(stage.hyper.address, &stage.plain, most * UTILISATION, period)
        },
    )?;
    let (ours, theirs) = pairs.iter().map(|(ours, theirs)| (ours.p99, theirs.p99)).unzip();
    let what =
        "99th percentile by a schedule at 70 % of the own greatest rate ÷ the same of hyper as function";
    Ok(Row::ratio("B8a", what, Side::new("ours", "µs", ours), Side::new("hyper", "µs", theirs))
        .aims(Bound::AtMost(2.0), Bound::AtMost(1.5)))
}

/// Y0
fn round_trips(settings: &Settings) -> io::Result<Vec<Row>> {
    let mut echoes = Way::ALL.map(Echo::start).into_iter().collect::<io::Result<Vec<_>>>()?;
    let found =
        in_turn(settings.rounds, echoes.len(), |way| echoes[way].measure(MESSAGE, settings.period / 2))?;
    let mut rows = Vec::new();
    for (way, trips) in Way::ALL.into_iter().zip(&found) {
        for (what, of) in [("median", (|trips| trips.p50) as fn(&Trips) -> f64), ("least", |t| t.least)] {
            let side = Side::new("raw", "µs", trips.iter().map(of).collect());
            rows.push(Row::value("Y0", &format!("{what} round trip over {}", way.name()), side));
        }
    }
    Ok(rows)
}
