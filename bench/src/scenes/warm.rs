//! Warm runs over HTTP: rates, and the platform's processor time.

use super::{Scene, file};
use crate::load::{self, Outcome, Template};
use crate::platform::{self, Platform};
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::{in_turn, interleaved};
use crate::settings::{CONNECTIONS, Settings};
use crate::yardstick::Yardstick;
use std::io;
use std::process::Command;

pub(super) const SCENE: Scene = Scene {
    name: "warm",
    metrics: &["B1", "B3", "B7", "B7a", "B7b"],
    about: "warm runs beside the functions' own servers and a bare hyper",
    quick: true,
    run,
};

/// Processes with which the yardstick of node does best on this class of machine.
const PROCESSORS: usize = 2;

/// What everything here is measured with.
struct Stage<'a> {
    settings: &'a Settings,
    platform: &'a Platform,
    node: [Template; 1],
    native: [Template; 1],
    plain: [Template; 1],
    hyper: Yardstick,
}

impl Stage<'_> {
    fn ours(&self, templates: &[Template], connections: usize) -> io::Result<Outcome> {
        self.platform.run(templates, connections, self.settings.period)
    }

    fn theirs(&self, yardstick: &Yardstick, connections: usize) -> io::Result<Outcome> {
        load::run(yardstick.address, &self.plain, connections, self.settings.period)
    }
}

fn run(settings: &Settings) -> io::Result<Findings> {
    let platform = &Platform::with_stem_cells(0)?;
    platform.put_node("node")?;
    platform.put_native("native")?;
    let stage = Stage {
        settings,
        platform,
        node: [platform.template("node")],
        native: [platform.template("native")],
        plain: [Template::post("/run", None, ("{\"value\":", "}"))],
        hyper: Yardstick::own("http")?,
    };
    // Until as many containers have come as will.
    stage.ours(&stage.node, CONNECTIONS)?;
    let processes = platform.functions("node").max(1);
    stage.ours(&stage.native, CONNECTIONS)?;
    let mut rows = node(&stage, processes)?;
    let native = interleaved(
        settings.rounds,
        || stage.ours(&stage.native, CONNECTIONS),
        || stage.theirs(&stage.hyper, CONNECTIONS),
    )?;
    rows.push(
        rates("B3", "warm blocking rate, native binary ÷ hyper as function", "ours", "hyper", &native)
            .aims(Bound::AtLeast(0.60), Bound::AtLeast(0.70)),
    );
    let all = native.iter().map(|(ours, _)| ours.rate).collect();
    rows.push(
        Row::value(
            "B7a",
            "activations of a native binary, generator included",
            Side::new("16 connections", "/s", all),
        )
        .aims(Bound::AtLeast(50_000.0), Bound::AtLeast(70_000.0)),
    );
    rows.extend(cost(&stage)?);
    Ok(Findings { rows, ..Findings::default() })
}

/// B1, against as many processes as the platform uses and against as many as do best.
fn node(stage: &Stage<'_>, processes: usize) -> io::Result<Vec<Row>> {
    let rounds = stage.settings.rounds;
    let start = |processes: usize| {
        Yardstick::start(Command::new("node").arg(file("functions/server.js")).arg(processes.to_string()))
    };
    let (direct, best) = (start(processes)?, start(PROCESSORS)?);
    for yardstick in [&direct, &best] {
        stage.theirs(yardstick, CONNECTIONS)?;
    }
    let mut rows = Vec::new();
    // How many containers came is no part of the row's name: it would be another row in another run.
    for (yardstick, count) in [(&direct, "as many".to_owned()), (&best, PROCESSORS.to_string())] {
        let pairs = interleaved(
            rounds,
            || stage.ours(&stage.node, CONNECTIONS),
            || stage.theirs(yardstick, CONNECTIONS),
        )?;
        let what =
            format!("warm blocking rate, Node.js in containers ÷ its own HTTP server with {count} processes");
        rows.push(
            rates("B1", &what, &format!("{processes} containers"), "node's server", &pairs)
                .aims(Bound::AtLeast(1.0), Bound::AtLeast(1.25)),
        );
    }
    Ok(rows)
}

fn rates(id: &str, what: &str, above: &str, below: &str, pairs: &[(Outcome, Outcome)]) -> Row {
    let (ours, theirs) = pairs.iter().map(|(a, b)| (a.rate, b.rate)).unzip();
    Row::ratio(id, what, Side::new(above, "/s", ours), Side::new(below, "/s", theirs))
}

/// B7, and what of it the disk costs: a blocking answer waits for its record to be there.
fn cost(stage: &Stage<'_>) -> io::Result<Vec<Row>> {
    let period = stage.settings.period;
    let echo = [Template::post("/", None, ("", ""))];
    let hasty = Platform::with(0, &["invoker.durable_answers=false".to_owned()])?;
    hasty.put_native("native")?;
    hasty.run(&stage.native, CONNECTIONS, period)?;
    let mut costs = in_turn(stage.settings.rounds, 3, |thing| match thing {
        0 => stage.platform.cost(&stage.native, CONNECTIONS, period),
        1 => hasty.cost(&stage.native, CONNECTIONS, period),
        _ => {
            let before = stage.hyper.cpu_time();
            let outcome = load::run(stage.hyper.address, &echo, CONNECTIONS, period)?;
            Ok(platform::micros_each(stage.hyper.cpu_time() - before, outcome.count))
        }
    })?
    .into_iter();
    let mut side = |what| Side::new(what, "µs", costs.next().unwrap_or_default());
    let (ours, without, hyper) = (side("ours"), side("ours"), side("hyper"));
    let what = "the platform's processor time for an activation ÷ that of a bare hyper exchange";
    Ok(vec![
        Row::ratio("B7", what, ours, hyper.clone()).aims(Bound::AtMost(2.0), Bound::AtMost(1.6)),
        Row::ratio("B7b", &format!("{what}, with answers that do not wait for the disk"), without, hyper),
    ])
}
