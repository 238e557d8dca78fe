//! A report with something of everything, for tests.

use super::{Bound, Curve, Line, Machine, Report, Row, Side};
use crate::settings::Settings;
use crate::stats::Estimate;

pub(super) fn value(id: &str, values: &[f64]) -> Row {
    Row::value(id, &format!("what {id} is"), Side::new("ours", "", values.to_vec()))
}

pub(super) fn curve() -> Curve {
    let line = |name: &str, points: &[(f64, f64)]| Line {
        name: name.to_owned(),
        points: points
            .iter()
            .map(|(x, y)| (*x, Estimate { median: *y, low: y * 18.0 / 19.0, high: y * 20.0 / 19.0 }))
            .collect(),
    };
    Curve {
        name: "slides-actions".to_owned(),
        title: "Rate of many actions in turn".to_owned(),
        x: "actions".to_owned(),
        y: "activations, /s".to_owned(),
        logarithmic: (true, true),
        lines: vec![
            line("pull", &[(1.0, 19_000.0), (10.0, 18_050.0), (100.0, 17_100.0)]),
            line("sharding <hash>", &[(1.0, 9_500.0), (10.0, 950.0), (100.0, 95.0)]),
        ],
    }
}

/// Two goals are reached, one by the median, two missed; one metric is not built, one not to be had, one has no goal.
pub(super) fn report() -> Report {
    let ratio = |id: &str, what: &str, ours: &[f64], theirs: f64| {
        let theirs = Side::new("theirs <&>", "/s", vec![theirs; ours.len()]);
        Row::ratio(id, what, Side::new("ours", "/s", ours.to_vec()), theirs)
    };
    let aims = |row: Row, goal, stretch| row.aims(Bound::AtLeast(goal), Bound::AtLeast(stretch));
    let fifths = [90.0, 95.0, 100.0, 105.0, 110.0];
    Report {
        commit: "0123abc".to_owned(),
        date: "2026-11-26".to_owned(),
        command: "bench/run --quick".to_owned(),
        machine: Machine {
            processor: "A <processor>".to_owned(),
            processors: 2,
            memory: 24_000,
            kernel: "6.18.44".to_owned(),
            load: 0.1,
            stolen: 0.01,
        },
        settings: Settings::quick(),
        rows: vec![
            aims(ratio("B1", "rate ÷ its own | server", &fifths, 60.0), 1.0, 1.25),
            aims(ratio("B3", "rate ÷ hyper", &fifths, 160.0), 0.6, 0.7),
            ratio("B7", "processor time ÷ hyper", &[8.0, 7.9, 8.1, 8.2, 7.8], 1.0)
                .aims(Bound::AtMost(2.0), Bound::AtMost(1.6)),
            aims(ratio("B8", "half of the goal", &fifths, 200.0), 1.0, 1.2),
            value("B33", &[0.05]).aims(Bound::AtMost(0.1), Bound::AtMost(0.02)),
            value("B24a", &fifths),
            Row::not_built("B4", "Wasm", "no <Wasm> yet", None),
            Row::unavailable("B15", "Docker", "no daemon"),
        ],
        curves: vec![curve()],
        notes: vec!["a <note>".to_owned()],
    }
}
