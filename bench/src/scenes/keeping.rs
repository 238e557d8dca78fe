//! For how long containers are kept that have nothing to do: the invoker's policy beside others and beside the best that could
//! be, on made-up traces in virtual time.

use super::Scene;
use crate::keeping::alone::{self, Keeping};
use crate::keeping::capped::{self, Evicting};
use crate::keeping::traces::{Shape, Trace};
use crate::keeping::{Spent, ours};
use crate::report::{Bound, Curve, Findings, Line, Row, Side};
use crate::settings::Settings;
use crate::stats::Estimate;
use engine::proxy::Config;
use std::io;
use std::time::Duration;

pub(super) const SCENE: Scene = Scene {
    name: "keeping",
    metrics: &["B21", "B22", "Y10"],
    about: "how long idle containers are kept, beside other policies and the best there could be, in virtual time",
    quick: true,
    run,
};

/// Each trace is a round.
const FULL: (u64, Shape) = (7, Shape { functions: 500, rate: 2.0, hours: 24 });
const QUICK: (u64, Shape) = (5, Shape { functions: 300, rate: 1.0, hours: 12 });

/// Seconds of waiting for which a GB·s counts. With this one ten minutes are what a container of 256 MB is worth that takes
/// half a second to start, so that a fixed time of ten minutes looks as well as it can.
const PRICE: f64 = 1.0 / 300.0;
const PRICES: [f64; 6] = [1e-4, 3e-4, 1e-3, PRICE, 1e-2, 3e-2];
const TEN_MINUTES: Duration = Duration::from_secs(600);
/// Fixed times for the curve, in minutes.
const MINUTES: [u64; 7] = [1, 2, 5, 10, 20, 60, 240];
/// Memory for containers in MB, and the one that the table is about.
const MEMORY: [u64; 4] = [16 << 10, 24 << 10, 32 << 10, 48 << 10];
const TABLE_MEMORY: u64 = MEMORY[0];

fn run(settings: &Settings) -> io::Result<Findings> {
    let (seeds, shape) = if settings.quick { QUICK } else { FULL };
    let traces: Vec<Trace> = (1..=seeds).map(|seed| Trace::new(seed, &shape)).collect();
    let config = Config::default();
    let ours = traces.iter().map(|trace| ours::spend(trace, ours::UNLIMITED, config));
    let ours = ours.collect::<io::Result<Vec<Spent>>>()?;
    let mut rows = costs(&traces, &ours);
    rows.extend(equal_idle(&traces, &ours));
    let (capped, memory) = with_little_memory(&traces, config)?;
    rows.extend(capped);
    let curves = vec![cost_by_price(&traces, &ours), starts_by_idle(&traces, &ours), memory];
    Ok(Findings { rows, curves, notes: vec![note(&traces, &ours, config)] })
}

fn of(traces: &[Trace], keeping: Keeping) -> Vec<Spent> {
    traces.iter().map(|trace| alone::spend(trace, keeping)).collect()
}

/// The policies of others.
fn others(price: f64) -> [(&'static str, Keeping); 3] {
    [
        ("fixed 10 minutes", Keeping::Fixed(TEN_MINUTES)),
        ("hybrid histogram", Keeping::Histogram),
        ("until it costs as much as a start", Keeping::BreakEven { price }),
    ]
}

fn cost(name: &str, spent: &[Spent]) -> Side {
    Side::new(name, "s", spent.iter().map(|spent| spent.cost(PRICE)).collect())
}

fn cold(name: &str, spent: &[Spent]) -> Side {
    Side::new(name, "of 1,000", spent.iter().map(Spent::cold_of_thousand).collect())
}

/// B21, and the same for others.
fn costs(traces: &[Trace], ours: &[Spent]) -> Vec<Row> {
    let best = || cost("the clairvoyant", &of(traces, Keeping::Clairvoyant { price: PRICE }));
    let what = "cost of waiting for starts and of idle memory ÷ the clairvoyant optimum";
    let mut rows = vec![
        Row::ratio("B21", what, cost("ours", ours), best()).aims(Bound::AtMost(1.30), Bound::AtMost(1.20)),
    ];
    for (name, keeping) in others(PRICE) {
        let what = format!("{what}: {name}");
        rows.push(Row::ratio("Y10", &what, cost(name, &of(traces, keeping)), best()));
    }
    rows
}

/// B22: beside the fixed time that holds as much memory, which for a policy that is a fixed time itself is that one.
fn equal_idle(traces: &[Trace], ours: &[Spent]) -> Vec<Row> {
    let beside = |spent: &[Spent]| -> Vec<Spent> {
        let pairs = traces.iter().zip(spent);
        let fixed = pairs.map(|(trace, spent)| Keeping::Fixed(alone::fixed_with_idle(trace, spent.idle)));
        traces.iter().zip(fixed).map(|(trace, fixed)| alone::spend(trace, fixed)).collect()
    };
    let what = "cold starts ÷ of a fixed time with as much idle memory";
    let row = |id, what: &str, name: &str, spent: &[Spent]| {
        Row::ratio(id, what, cold(name, spent), cold("a fixed time", &beside(spent)))
    };
    let mut rows = vec![row("B22", what, "ours", ours).aims(Bound::AtMost(0.35), Bound::AtMost(0.25))];
    let best = ("the clairvoyant", Keeping::Clairvoyant { price: PRICE });
    for (name, keeping) in others(PRICE).into_iter().skip(1).chain([best]) {
        rows.push(row("Y10", &format!("{what}: {name}"), name, &of(traces, keeping)));
    }
    rows
}

/// B22: which container goes when memory is needed.
fn with_little_memory(traces: &[Trace], config: Config) -> io::Result<(Vec<Row>, Curve)> {
    let kept = TEN_MINUTES;
    let rules = [
        ("greedy-dual", Evicting::GreedyDual),
        ("clairvoyant, by size", Evicting::Clairvoyant),
        ("fixed 10 minutes, then the oldest", Evicting::LeastRecent { kept }),
    ];
    let mut rows = Vec::new();
    let mut points: Vec<Vec<(f64, Estimate)>> = vec![Vec::new(); rules.len() + 1];
    for memory in MEMORY {
        let ours = traces.iter().map(|trace| ours::spend(trace, memory, config));
        let mut sides = vec![cold("ours", &ours.collect::<io::Result<Vec<Spent>>>()?)];
        for (name, rule) in rules {
            let spent: Vec<Spent> = traces.iter().map(|trace| capped::spend(trace, memory, rule)).collect();
            sides.push(cold(name, &spent));
        }
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let gb = memory as f64 / 1024.0;
        for (points, side) in points.iter_mut().zip(&sides) {
            points.push((gb, Estimate::of(&side.values)));
        }
        if memory == TABLE_MEMORY {
            let goals = [(0.80, 0.60), (1.35, 1.2)];
            for (other, (goal, stretch)) in sides[1..].iter().zip(goals) {
                let what = format!("cold starts with {gb} GB for containers ÷ {}", other.what);
                let row = Row::ratio("B22", &what, sides[0].clone(), other.clone());
                rows.push(row.aims(Bound::AtMost(goal), Bound::AtMost(stretch)));
            }
        }
    }
    let names = ["ours"].into_iter().chain(rules.map(|(name, _)| name));
    let lines = names.zip(points).map(|(name, points)| Line { name: name.to_owned(), points });
    let curve = Curve::logarithmic(
        "keeping-memory",
        "Cold starts by the memory for containers",
        ("memory, GB", "cold starts of 1,000 activations"),
        lines.collect(),
    );
    Ok((rows, curve))
}

fn cost_by_price(traces: &[Trace], ours: &[Spent]) -> Curve {
    let best: Vec<Vec<Spent>> =
        PRICES.iter().map(|&price| of(traces, Keeping::Clairvoyant { price })).collect();
    let line = |name: &str, spent: &dyn Fn(f64) -> Vec<Spent>| Line {
        name: name.to_owned(),
        points: PRICES
            .iter()
            .zip(&best)
            .map(|(&price, best)| {
                let costs = |of: &[Spent]| of.iter().map(|spent| spent.cost(price)).collect::<Vec<f64>>();
                (price, Estimate::of_ratio(&costs(&spent(price)), &costs(best)))
            })
            .collect(),
    };
    let mut lines = vec![line("ours", &|_| ours.to_vec())];
    for (number, (name, _)) in others(PRICE).into_iter().enumerate() {
        lines.push(line(name, &|price| of(traces, others(price)[number].1)));
    }
    Curve::logarithmic(
        "keeping-cost",
        "Cost of keeping containers by the price of idle memory",
        ("seconds of waiting for a GB·s", "÷ the clairvoyant optimum"),
        lines,
    )
}

/// What more memory buys.
fn starts_by_idle(traces: &[Trace], ours: &[Spent]) -> Curve {
    let point = |spent: &[Spent]| {
        let idle: Vec<f64> = spent
            .iter()
            .zip(traces)
            .map(|(spent, trace)| spent.idle / (trace.end - machine::Instant::ZERO).as_secs_f64())
            .collect();
        (Estimate::of(&idle).median, Estimate::of(&cold("", spent).values))
    };
    let line = |name: &str, points: Vec<(f64, Estimate)>| Line { name: name.to_owned(), points };
    let by_price = |with: fn(f64) -> Keeping| PRICES.map(|price| point(&of(traces, with(price)))).to_vec();
    let fixed = MINUTES.map(|minutes| Keeping::Fixed(Duration::from_secs(60 * minutes)));
    Curve::logarithmic(
        "keeping-idle",
        "Cold starts by the memory that is idle",
        ("idle memory on average, GB", "cold starts of 1,000 activations"),
        vec![
            line("ours", vec![point(ours)]),
            line("fixed times", fixed.map(|keeping| point(&of(traces, keeping))).to_vec()),
            line("hybrid histogram", vec![point(&of(traces, Keeping::Histogram))]),
            line("until it costs as much as a start", by_price(|price| Keeping::BreakEven { price })),
            line("the clairvoyant", by_price(|price| Keeping::Clairvoyant { price })),
        ],
    )
}

fn note(traces: &[Trace], ours: &[Spent], config: Config) -> String {
    let activations: u64 = ours.iter().map(|spent| spent.activations).sum();
    let busiest = traces.iter().map(capped::busiest).max().unwrap_or_default();
    format!(
        "keeping: {} made-up traces with {activations} activations, at most {busiest} MB running at a time; ours is the \
         invoker's own machines, which keep a container for {:?} and, paused, for {:?} more",
        traces.len(),
        config.pause_grace,
        config.idle_container,
    )
}
