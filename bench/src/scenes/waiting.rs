//! Whether to wait for a container or to create one: the queue's own rules beside an oracle, in virtual time.

use super::Scene;
use crate::report::{Bound, Curve, Findings, Line, Row, Side};
use crate::settings::Settings;
use crate::stats::{Estimate, median};
use crate::waiting::{Cell, RUNS, STARTS, grid, latency, oracle};
use engine::queue::decide::{Rules, UpstreamRules};
use std::io;

pub(super) const SCENE: Scene = Scene {
    name: "waiting",
    metrics: &["B23"],
    about: "waiting for a container or creating one, beside an oracle, in virtual time",
    quick: true,
    run,
};

/// Each seed is a round.
const SEEDS: u64 = 7;

/// A cell, and its mean latencies in milliseconds, seed by seed, of both rules and of the oracle.
struct Measured {
    cell: Cell,
    took: [Vec<f64>; 3],
}

fn run(_: &Settings) -> io::Result<Findings> {
    let rules = [Rules::default(), Rules::Upstream(UpstreamRules::default())];
    let mut cells = Vec::new();
    for cell in grid() {
        let mut took = [const { Vec::new() }; 3];
        for seed in 1..=SEEDS {
            for (took, rules) in took.iter_mut().zip(&rules) {
                took.push(latency(&cell, rules, seed)?.as_secs_f64() * 1000.0);
            }
            took[2].push(oracle(&cell, seed).as_secs_f64() * 1000.0);
        }
        cells.push(Measured { cell, took });
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
    let notes = vec![worst("the queue's rules", &cells, 0), worst("upstream's rules", &cells, 1)];
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
