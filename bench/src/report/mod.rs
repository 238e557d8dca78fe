//! What a run has found: rows of the table, curves, and what is known of the machine. Everything that is shown or compared
//! is made from this, and this is what is written as JSON.

pub mod bars;
pub mod compare;
pub mod goals;
pub mod history;
pub mod html;
mod machine;
pub mod markdown;
pub mod plot;
pub mod publish;
#[cfg(test)]
mod sample;
mod scale;
pub mod svg;

pub use machine::{Machine, Ticks, load_average};

use crate::settings::Settings;
use crate::stats::{Estimate, median};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A whole run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Report {
    /// The commit that was built, shortened; with `+` when the tree had changes.
    pub commit: String,
    /// The day, in UTC, as `2026-11-26`.
    pub date: String,
    /// The command that made it.
    pub command: String,
    /// Where it ran.
    pub machine: Machine,
    /// How often and how long was measured.
    pub settings: Settings,
    /// The table.
    pub rows: Vec<Row>,
    /// How something grows with something else.
    pub curves: Vec<Curve>,
    /// What else is worth knowing, a sentence each.
    pub notes: Vec<String>,
}

/// One line of the table.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Row {
    /// The id of the metric, such as `B1`.
    pub id: String,
    /// What is measured. Together with `id` it names the row in every run.
    pub what: String,
    /// What came out.
    pub outcome: Outcome,
    /// What is aimed at.
    pub goal: Option<Bound>,
    /// What would be near the physical limit.
    pub stretch: Option<Bound>,
}

/// What came of a metric.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The quotient of two sides that were measured in turn.
    Ratio {
        /// The median of the rounds' quotients.
        ratio: Estimate,
        /// Ours, as a rule.
        above: Side,
        /// The yardstick, as a rule.
        below: Side,
    },
    /// A figure that has no other side.
    Value {
        /// The median of the rounds.
        value: Estimate,
        /// The rounds.
        side: Side,
    },
    /// The feature is not there yet. Nothing is estimated; the yardstick may have been measured.
    NotBuilt {
        /// What is missing.
        why: String,
        /// What it will be measured against.
        yardstick: Option<Side>,
    },
    /// It cannot be measured on this machine.
    Unavailable {
        /// What is missing.
        why: String,
    },
}

/// One side of a ratio.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Side {
    /// What was measured.
    pub what: String,
    /// The unit of the values, such as `/s`, `µs`, `MiB`.
    pub unit: String,
    /// One value for each round.
    pub values: Vec<f64>,
}

/// What a figure is to be.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The more the better.
    AtLeast(f64),
    /// The less the better.
    AtMost(f64),
}

/// How something grows with something else, a line for each thing compared.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Curve {
    /// Names it in every run, such as `slides-actions`.
    pub name: String,
    /// The heading of its plot.
    pub title: String,
    /// What is varied, with its unit.
    pub x: String,
    /// What is measured, with its unit.
    pub y: String,
    /// Whether the axes are to be drawn in powers of ten.
    pub logarithmic: (bool, bool),
    /// The things compared.
    pub lines: Vec<Line>,
}

impl Curve {
    /// One whose axes are both drawn in powers of ten.
    #[must_use]
    pub fn logarithmic(name: &str, title: &str, (x, y): (&str, &str), lines: Vec<Line>) -> Curve {
        Curve {
            name: name.to_owned(),
            title: title.to_owned(),
            x: x.to_owned(),
            y: y.to_owned(),
            logarithmic: (true, true),
            lines,
        }
    }
}

/// One line of a curve.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Line {
    /// What it is of.
    pub name: String,
    /// Value of x; median of y with its interval.
    pub points: Vec<(f64, Estimate)>,
}

/// What a scene has found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Lines of the table.
    pub rows: Vec<Row>,
    /// Curves.
    pub curves: Vec<Curve>,
    /// Sentences.
    pub notes: Vec<String>,
}

impl Curve {
    /// Its name as far as it can be that of a file.
    #[must_use]
    pub fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
        self.name.chars().map(plain).collect()
    }
}

impl Side {
    /// The values of that side, one for each round.
    #[must_use]
    pub fn new(what: &str, unit: &str, values: Vec<f64>) -> Side {
        Side { what: what.to_owned(), unit: unit.to_owned(), values }
    }

    /// The median of its rounds.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(&self.values)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, Figure(self.median(), &self.unit))
    }
}

/// A number with its unit, as exact as it deserves.
#[derive(Debug)]
pub struct Figure<'a>(pub f64, pub &'a str);

impl fmt::Display for Figure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figure(value, unit) = self;
        let space = if unit.is_empty() || unit.starts_with('/') { "" } else { " " };
        let digits = match value.abs() {
            0.0 => 0,
            size if size >= 100.0 => 0,
            size if size >= 10.0 => 1,
            size if size >= 1.0 => 2,
            // Goals are as near as 0.95 and 0.99.
            size if size >= 0.1 => 3,
            // Two digits, wherever they begin.
            size => (1.0 - size.log10().floor()).min(12.0) as usize,
        };
        write!(f, "{value:.digits$}{space}{unit}")
    }
}

/// Sorts rows by the number of their metric, which is the order in which the goals are written down; rows of one metric stay
/// as they were measured.
pub fn in_order(rows: &mut [Row]) {
    rows.sort_by_key(|row| {
        let number = row.id.trim_start_matches('B');
        let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        (number[..digits].parse::<u32>().unwrap_or(u32::MAX), number[digits..].to_owned())
    });
}

impl Row {
    /// A ratio of two sides that were measured in turn.
    #[must_use]
    pub fn ratio(id: &str, what: &str, above: Side, below: Side) -> Row {
        let ratio = Estimate::of_ratio(&above.values, &below.values);
        Row::of(id, what, Outcome::Ratio { ratio, above, below })
    }

    /// A figure without another side.
    #[must_use]
    pub fn value(id: &str, what: &str, side: Side) -> Row {
        let value = Estimate::of(&side.values);
        Row::of(id, what, Outcome::Value { value, side })
    }

    /// A metric whose feature is missing.
    #[must_use]
    pub fn not_built(id: &str, what: &str, why: &str, yardstick: Option<Side>) -> Row {
        Row::of(id, what, Outcome::NotBuilt { why: why.to_owned(), yardstick })
    }

    /// A metric that this machine cannot show.
    #[must_use]
    pub fn unavailable(id: &str, what: &str, why: &str) -> Row {
        Row::of(id, what, Outcome::Unavailable { why: why.to_owned() })
    }

    /// With what is aimed at.
    #[must_use]
    pub fn aims(self, goal: Bound, stretch: Bound) -> Row {
        Row { goal: Some(goal), stretch: Some(stretch), ..self }
    }

    /// The figure that counts, if there is one.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        match &self.outcome {
            Outcome::Ratio { ratio, .. } => Some(*ratio),
            Outcome::Value { value, .. } => Some(*value),
            Outcome::NotBuilt { .. } | Outcome::Unavailable { .. } => None,
        }
    }

    /// How often it was measured; 0: not at all.
    #[must_use]
    pub fn rounds(&self) -> usize {
        match &self.outcome {
            Outcome::Ratio { above, below, .. } => above.values.len().min(below.values.len()),
            Outcome::Value { side, .. } => side.values.len(),
            Outcome::NotBuilt { .. } | Outcome::Unavailable { .. } => 0,
        }
    }

    /// The interval of its figure in words.
    #[must_use]
    pub fn interval(&self) -> Option<String> {
        let Estimate { low, high, .. } = self.estimate()?;
        // A single value has no interval, however exact the quotient of one looks.
        Some(if self.rounds() == 1 {
            "once".to_owned()
        } else {
            format!("{} to {}", Figure(low, ""), Figure(high, ""))
        })
    }

    /// Whether the goal is reached: by the whole interval, by its median alone, or not. `None`: nothing to compare.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        let (estimate, goal) = (self.estimate()?, self.goal?);
        let (worst, holds) = match goal {
            Bound::AtLeast(least) => (estimate.low >= least, estimate.median >= least),
            Bound::AtMost(most) => (estimate.high <= most, estimate.median <= most),
        };
        Some(match (worst, holds) {
            (true, _) => Verdict::Reached,
            (false, true) => Verdict::Likely,
            (false, false) => Verdict::Missed,
        })
    }

    fn of(id: &str, what: &str, outcome: Outcome) -> Row {
        Row { id: id.to_owned(), what: what.to_owned(), outcome, goal: None, stretch: None }
    }
}

/// How a figure stands to its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval reaches it.
    Reached,
    /// The median does; the interval does not exclude the contrary.
    Likely,
    /// The median does not.
    Missed,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtLeast(least) => write!(f, "≥ {least}"),
            Bound::AtMost(most) => write!(f, "≤ {most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_when_the_whole_interval_reaches_it() {
        let row = |values: Vec<f64>, goal| {
            Row::value("B0", "x", Side::new("ours", "", values)).aims(goal, goal).verdict()
        };
        assert_eq!(row(vec![1.1, 1.2, 1.3], Bound::AtLeast(1.0)), Some(Verdict::Reached));
        assert_eq!(row(vec![0.8, 1.2, 1.3], Bound::AtLeast(1.0)), Some(Verdict::Likely));
        assert_eq!(row(vec![0.8, 0.9, 1.3], Bound::AtLeast(1.0)), Some(Verdict::Missed));
        assert_eq!(row(vec![1.1, 1.2, 1.3], Bound::AtMost(2.0)), Some(Verdict::Reached));
        assert_eq!(row(vec![1.1, 2.1, 2.3], Bound::AtMost(2.0)), Some(Verdict::Missed));
        assert_eq!(Row::not_built("B4", "x", "no wasm", None).verdict(), None);
    }

    #[test]
    fn rows_are_in_the_order_of_their_numbers() {
        let mut rows = ["B24", "B8", "slides", "B24a", "B7", "B1"].map(|id| sample::value(id, &[1.0]));
        in_order(&mut rows);
        assert_eq!(rows.map(|row| row.id), ["B1", "B7", "B8", "B24", "B24a", "slides"]);
    }

    #[test]
    fn a_single_value_has_no_interval() {
        assert_eq!(sample::value("B1", &[1.0]).interval().unwrap(), "once");
        assert_eq!(sample::value("B1", &[1.0, 1.0]).interval().unwrap(), "1.00 to 1.00");
        assert_eq!(Row::not_built("B4", "x", "no wasm", None).interval(), None);
    }

    #[test]
    fn figures_are_as_exact_as_they_deserve() {
        let text = |value, unit| Figure(value, unit).to_string();
        assert_eq!(text(12_345.6, "/s"), "12346/s");
        assert_eq!(text(55.94, "µs"), "55.9 µs");
        assert_eq!(text(0.9949, ""), "0.995");
        assert_eq!(text(0.0071, "%"), "0.0071 %");
        assert_eq!(text(0.0, "%"), "0 %");
        assert_eq!(text(0.000_034, ""), "0.000034");
    }
}
