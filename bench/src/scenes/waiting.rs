//! Whether to wait for a container or to create one: the queue's own rules beside an oracle, in virtual time.

use super::Scene;
use crate::report::{Bound, Curve, Findings, Line, Row, Side};
use crate::settings::Settings;
use crate::stats::{Estimate, median};
use crate::waiting::{Cell, EPISODES, Outcome, RUNS, STARTS, grid, oracle, queue};
use engine::queue::decide::{Rules, UpstreamRules};
use std::io;
use std::time::Duration;

pub(super) const SCENE: Scene = Scene {
    name: "waiting",
    metrics: &["B23"],
    about: "waiting for a container or creating one, beside an oracle, in virtual time",
    quick: true,
    run,
};

/// Each seed is a round.
const SEEDS: u64 = 7;

/// A cell, and what came of it by both rules and by the oracle: its mean latencies in milliseconds, seed by seed, and the
/// containers that were created for all seeds.
struct Measured {
    cell: Cell,
    took: [Vec<f64>; 3],
    created: [u64; 3],
}

impl Measured {
    fn add(&mut self, side: usize, outcome: Outcome) {
        self.took[side].push(outcome.latency.as_secs_f64() * 1000.0);
        self.created[side] += outcome.created;
    }
}

fn run(_: &Settings) -> io::Result<Findings> {
    let rules = [Rules::default(), Rules::Upstream(UpstreamRules::default())];
    let mut cells = Vec::new();
    for cell in grid() {
        let mut measured = Measured { cell, took: [const { Vec::new() }; 3], created: [0; 3] };
        for seed in 1..=SEEDS {
            for (side, rules) in rules.iter().enumerate() {
                measured.add(side, queue(&cell, rules, seed)?);
            }
            measured.add(2, oracle(&cell, seed));
        }
        cells.push(measured);
    }
    let what =
        "mean latency over a grid of run times, start times and loads ÷ an oracle that waits or creates";
    let all: Vec<&Measured> = cells.iter().collect();
    let best = || Side::new("the oracle", "ms", geometric(&all, 2));
    let rows = vec![
        Row::ratio("B23", what, Side::new("the queue", "ms", geometric(&all, 0)), best())
            .aims(Bound::AtMost(1.10), Bound::AtMost(1.05)),
        Row::ratio(
            "B23 upstream",
            &format!("{what}, by upstream's rules"),
            Side::new("the queue", "ms", geometric(&all, 1)),
            best(),
        ),
    ];
    let curves = vec![
        curve(
            "waiting-run",
            "Latency by the time of a run",
            "run, ms",
            &cells,
            &RUNS.map(|run| {
                (run.as_secs_f64() * 1000.0, Box::new(move |cell: &Cell| cell.run == run) as Choice)
            }),
        ),
        curve(
            "waiting-start",
            "Latency by the time of a start",
            "start, ms",
            &cells,
            &STARTS.map(|start| {
                (start.as_secs_f64() * 1000.0, Box::new(move |cell: &Cell| cell.start == start) as Choice)
            }),
        ),
    ];
    let notes = vec![
        worst("the queue's rules", &cells, 0),
        worst("upstream's rules", &cells, 1),
        created(&cells, &RUNS.map(|run| (run, Box::new(move |cell: &Cell| cell.run == run) as Choice))),
    ];
    Ok(Findings { rows, curves, notes })
}

/// Whether a cell belongs to a point of a curve.
type Choice = Box<dyn Fn(&Cell) -> bool>;

/// For each seed the geometric mean over the cells, so that each counts alike.
fn geometric(cells: &[&Measured], side: usize) -> Vec<f64> {
    let seeds = cells.first().map_or(0, |cell| cell.took[side].len());
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let mean =
        |seed: usize| cells.iter().map(|cell| cell.took[side][seed].ln()).sum::<f64>() / cells.len() as f64;
    (0..seeds).map(|seed| mean(seed).exp()).collect()
}

fn curve(name: &str, title: &str, x: &str, cells: &[Measured], points: &[(f64, Choice)]) -> Curve {
    let line = |name: &str, side: usize| Line {
        name: name.to_owned(),
        points: points
            .iter()
            .map(|(x, choice)| {
                let of: Vec<&Measured> = cells.iter().filter(|measured| choice(&measured.cell)).collect();
                (*x, Estimate::of_ratio(&geometric(&of, side), &geometric(&of, 2)))
            })
            .collect(),
    };
    Curve {
        name: name.to_owned(),
        title: title.to_owned(),
        x: x.to_owned(),
        y: "mean latency ÷ the oracle's".to_owned(),
        logarithmic: (true, true),
        lines: vec![line("the queue's rules", 0), line("upstream's rules", 1)],
    }
}

fn worst(name: &str, cells: &[Measured], side: usize) -> String {
    let ratio = |cell: &Measured| median(&cell.took[side]) / median(&cell.took[2]);
    let worst = cells.iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    worst.map_or_else(String::new, |measured| {
        let Cell { run, start, load } = measured.cell;
        format!(
            "waiting: the worst of {} cells for {name} is {:.2} times the oracle's latency, with runs of {run:?}, starts of \
             {start:?} and {load} at a time",
            cells.len(),
            ratio(measured),
        )
    })
}

/// How many containers each side created for an episode, on average over the cells.
fn created(cells: &[Measured], runs: &[(Duration, Choice)]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let mean = |choice: &dyn Fn(&Cell) -> bool, side: usize| {
        let of: Vec<u64> =
            cells.iter().filter(|cell| choice(&cell.cell)).map(|cell| cell.created[side]).collect();
        of.iter().sum::<u64>() as f64 / (of.len() as u64 * SEEDS * EPISODES) as f64
    };
    let means = |choice: &dyn Fn(&Cell) -> bool| {
        format!("{:.1}, {:.1} and {:.1}", mean(choice, 0), mean(choice, 1), mean(choice, 2))
    };
    let by_run: Vec<String> =
        runs.iter().map(|(run, choice)| format!("{} for runs of {run:?}", means(choice))).collect();
    format!(
        "waiting: containers created for a hundred activations by the queue's rules, upstream's and the oracle: {}; {}",
        means(&|_| true),
        by_run.join("; ")
    )
}
