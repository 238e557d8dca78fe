//! How near the figures are to their goals, and to the physical limit.

use super::{Bound, Outcome, Report, Row, Verdict};
use std::fmt;

/// The metrics whose geometric mean is the fraction of the physical limit, and whether less of them is better.
const LIMIT: [(&str, bool); 10] = [
    ("B1", false),
    ("B3", false),
    ("B4", false),
    ("B6", false),
    ("B7", true),
    ("B11", true),
    ("B14", true),
    ("B17", false),
    ("B24", false),
    ("B21", true),
];

/// What the README of the project shows: the parts of the fraction, and what OpenWhisk's authors measured of theirs.
const MAIN: [&str; 22] = [
    "B1", "B2", "B3", "B4", "B6", "B7", "B8", "B10", "B11", "B12", "B14", "B17", "B18", "B19", "B21", "B24",
    "B26", "B27", "B28", "B29", "B31", "B33",
];

/// A figure over its goal, turned so that more is better: 1 is the goal, 2 twice as good. May be infinite, for nothing
/// where the less the better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fraction {
    /// Of the median.
    pub median: f64,
    /// Of the worse end of the interval.
    pub low: f64,
    /// Of its better end.
    pub high: f64,
    /// Of what would be near the physical limit.
    pub stretch: Option<f64>,
}

impl Fraction {
    /// Of a row with a figure and a goal.
    #[must_use]
    pub fn of(row: &Row) -> Option<Fraction> {
        let (estimate, goal) = (row.estimate()?, row.goal?);
        let (one, other) = (over(estimate.low, goal), over(estimate.high, goal));
        let stretch = row.stretch.map(|(Bound::AtLeast(value) | Bound::AtMost(value))| over(value, goal));
        Some(Fraction {
            median: over(estimate.median, goal),
            low: one.min(other),
            high: one.max(other),
            stretch,
        })
    }
}

fn over(value: f64, goal: Bound) -> f64 {
    match goal {
        Bound::AtLeast(least) | Bound::AtMost(least) if value.total_cmp(&least).is_eq() => 1.0,
        Bound::AtLeast(least) => (value / least).max(0.0),
        Bound::AtMost(_) if value <= 0.0 => f64::INFINITY,
        Bound::AtMost(most) => most / value,
    }
}

/// Whether the README of the project shows it.
#[must_use]
pub fn is_main(row: &Row) -> bool {
    MAIN.contains(&row.id.as_str())
}

/// How many rows came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By the whole interval.
    pub reached: usize,
    /// By the median alone.
    pub likely: usize,
    /// Not.
    pub missed: usize,
    /// Features that are not there.
    pub not_built: usize,
    /// What this machine cannot show.
    pub unavailable: usize,
}

impl Counts {
    /// Of these rows.
    #[must_use]
    pub fn of(rows: &[Row]) -> Counts {
        let mut counts = Counts::default();
        for row in rows {
            match (&row.outcome, row.verdict()) {
                (Outcome::NotBuilt { .. }, _) => counts.not_built += 1,
                (Outcome::Unavailable { .. }, _) => counts.unavailable += 1,
                (_, Some(Verdict::Reached)) => counts.reached += 1,
                (_, Some(Verdict::Likely)) => counts.likely += 1,
                (_, Some(Verdict::Missed)) => counts.missed += 1,
                (_, None) => {}
            }
        }
        counts
    }
}

/// The geometric mean of the metrics that say how near the physical limit the platform is.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The mean; `None` when none of them was measured.
    pub fraction: Option<f64>,
    /// The metrics in it, such as `1/B7`.
    pub measured: Vec<String>,
    /// Those that are not.
    pub missing: Vec<String>,
}

impl Limit {
    /// From what a run has measured. Of several rows of one metric the worst counts.
    #[must_use]
    pub fn of(report: &Report) -> Limit {
        let (mut logarithms, mut measured, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (id, inverse) in LIMIT {
            let medians = report.rows.iter().filter(|row| row.id == id).filter_map(|row| row.estimate());
            let turned =
                medians.map(|estimate| if inverse { 1.0 / estimate.median } else { estimate.median });
            let worst = turned.filter(|value| value.is_finite()).fold(f64::INFINITY, f64::min);
            let name = format!("{}{id}", if inverse { "1/" } else { "" });
            if worst.is_finite() && worst > 0.0 {
                logarithms.push(worst.ln());
                measured.push(name);
            } else {
                missing.push(name);
            }
        }
        let mean = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
        Limit { fraction: (!logarithms.is_empty()).then(|| mean.exp()), measured, missing }
    }

    /// What is in it and what is not.
    #[must_use]
    pub fn basis(&self) -> String {
        let measured = format!(
            "geometric mean of {}; of several rows of one metric the worst",
            self.measured.join(", ")
        );
        match self.missing.len() {
            0 => measured,
            missing => format!("{measured}; {missing} of 10 missing: {}", self.missing.join(", ")),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fraction {
            Some(fraction) => write!(f, "Fraction of the physical limit: {fraction:.2} ({})", self.basis()),
            None => f.write_str("Fraction of the physical limit: none of its metrics was measured"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn value(id: &str, values: &[f64], goal: Bound, stretch: Bound) -> Row {
        sample::value(id, values).aims(goal, stretch)
    }

    #[test]
    fn more_than_one_is_better_than_the_goal_in_both_directions() {
        let more = value("B1", &[0.5, 0.5], Bound::AtLeast(1.0), Bound::AtLeast(1.25));
        let fraction = Fraction::of(&more).unwrap();
        assert_eq!((fraction.median, fraction.stretch), (0.5, Some(1.25)));
        let less = value("B7", &[8.0, 4.0, 16.0], Bound::AtMost(2.0), Bound::AtMost(1.0));
        let fraction = Fraction::of(&less).unwrap();
        assert_eq!((fraction.median, fraction.low, fraction.high), (0.25, 0.125, 0.5));
        assert_eq!(fraction.stretch, Some(2.0));
    }

    #[test]
    fn nothing_where_less_is_better_has_no_end_and_is_the_goal_where_that_is_nothing() {
        let none = value("B33", &[0.0], Bound::AtMost(0.1), Bound::AtMost(0.02));
        assert_eq!(Fraction::of(&none).unwrap().median, f64::INFINITY);
        let lost = |lost| value("B28", &[lost], Bound::AtMost(0.0), Bound::AtMost(0.0));
        assert_eq!(Fraction::of(&lost(0.0)).unwrap().median, 1.0);
        assert_eq!(Fraction::of(&lost(3.0)).unwrap().median, 0.0);
    }

    #[test]
    fn the_fraction_of_the_limit_takes_the_worst_row_and_says_what_is_missing() {
        let mut report = sample::report();
        report.rows =
            vec![sample::value("B1", &[0.5]), sample::value("B1", &[2.0]), sample::value("B7", &[8.0])];
        let limit = Limit::of(&report);
        assert!((limit.fraction.unwrap() - 0.25).abs() < 1e-9, "the root of 0.5 * 1/8: {limit}");
        assert_eq!(limit.measured, ["B1", "1/B7"]);
        assert!(limit.to_string().contains("8 of 10 missing: B3, B4, B6, 1/B11"), "{limit}");
        report.rows.clear();
        assert_eq!(Limit::of(&report).fraction, None);
    }

    #[test]
    fn every_outcome_is_counted_once() {
        let counts = Counts::of(&sample::report().rows);
        let expected = Counts { reached: 2, likely: 1, missed: 2, not_built: 1, unavailable: 1 };
        assert_eq!(counts, expected);
    }
}
