//! Sandboxes without a server: how fast they come and go, and how fast they stop and go on.

use super::{Scene, function};
use crate::cold::Starter;
use crate::freezer::Frozen;
use crate::incumbents::{docker::Docker, docker::Root, is_missing};
use crate::inside::sandboxes::Sandboxes;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::{in_turn, interleaved};
use crate::settings::Settings;
use crate::stats::median;
use std::io;
use std::time::Duration;

pub(super) const SCENE: Scene = Scene {
    name: "sandboxes",
    metrics: &["B17", "B18"],
    about: "making and pausing sandboxes beside raw processes and Docker",
    quick: true,
    run,
};

/// Callers at a time, one for each processor of the class of machine that the goals are for.
const AT_ONCE: usize = 2;
/// Pauses whose median is one value.
const PAUSES: usize = 100;
/// The same of Docker, which takes some hundred times as long.
const DOCKER_PAUSES: usize = 5;

fn run(settings: &Settings) -> io::Result<Findings> {
    let ours = Sandboxes::open(&function())?;
    let mut rows = vec![made(settings, &ours)?];
    let frozen = Frozen::start(&function())?;
    let pauses = interleaved(
        settings.rounds,
        || Ok(median(&ours.pauses(PAUSES)?)),
        || {
            let pairs = (0..PAUSES).map(|_| Ok(frozen.once()? / 1000.0));
            Ok(median(&pairs.collect::<io::Result<Vec<f64>>>()?))
        },
    )?;
    let (with, without) = pauses.into_iter().unzip();
    rows.push(
        Row::ratio(
            "B18",
            "pausing a sandbox and letting it go on ÷ the same with the kernel's freezer alone",
            Side::new("ours", "ms", with),
            Side::new("freezer", "ms", without),
        )
        .aims(Bound::AtMost(1.3), Bound::AtMost(1.1)),
    );
    if !settings.quick {
        rows.extend(beside_docker(settings, &ours)?);
    }
    Ok(Findings { rows, ..Findings::default() })
}

/// B17, against raw processes.
fn made(settings: &Settings, ours: &Sandboxes) -> io::Result<Row> {
    let mut starters = Vec::new();
    for _ in 0..AT_ONCE {
        starters.push(Starter::new(&function())?);
    }
    let pairs = interleaved(
        settings.rounds,
        || ours.rate(AT_ONCE, settings.period),
        || raw_rate(&mut starters, settings.period),
    )?;
    let (with, without) = pairs.into_iter().unzip();
    let what = format!(
        "sandboxes made, used once and destroyed, {AT_ONCE} at a time ÷ processes in namespaces and control groups"
    );
    Ok(Row::ratio("B17", &what, Side::new("ours", "/s", with), Side::new("raw", "/s", without))
        .aims(Bound::AtLeast(0.6), Bound::AtLeast(0.8)))
}

fn raw_rate(starters: &mut [Starter], period: Duration) -> io::Result<f64> {
    std::thread::scope(|scope| {
        let running: Vec<_> =
            starters.iter_mut().map(|starter| scope.spawn(move || starter.rate(period))).collect();
        running.into_iter().try_fold(0.0, |sum, rate| {
            let rate = rate.join().unwrap_or_else(|_| Err(io::Error::other("a starter ended badly")))?;
            Ok(sum + rate)
        })
    })
}

/// B17 and B18, against Docker.
fn beside_docker(settings: &Settings, ours: &Sandboxes) -> io::Result<Vec<Row>> {
    let what = [
        "sandboxes made, used once and destroyed ÷ `docker run --rm`",
        "`docker pause` and `unpause` ÷ ours",
    ];
    let docker = match Root::build().and_then(|root| Docker::start(&root)) {
        Ok(docker) => docker,
        Err(error) if is_missing(&error) => {
            let why = error.to_string();
            return Ok(vec![Row::unavailable("B17", what[0], &why), Row::unavailable("B18", what[1], &why)]);
        }
        Err(error) => return Err(error),
    };
    let found = in_turn(settings.rounds, 4, |thing| match thing {
        0 => ours.rate(AT_ONCE, settings.period),
        1 => docker.run_rate(AT_ONCE, 2),
        2 => Ok(median(&docker.pauses(DOCKER_PAUSES)?)),
        _ => Ok(median(&ours.pauses(PAUSES)?)),
    })?;
    let side = |what: &str, unit: &str, thing: usize| Side::new(what, unit, found[thing].clone());
    Ok(vec![
        Row::ratio("B17", what[0], side("ours", "/s", 0), side("docker", "/s", 1))
            .aims(Bound::AtLeast(50.0), Bound::AtLeast(100.0)),
        Row::ratio("B18", what[1], side("docker", "ms", 2), side("ours", "ms", 3))
            .aims(Bound::AtLeast(500.0), Bound::AtLeast(1000.0)),
    ])
}
