//! The report as Markdown.

use super::goals::Limit;
use super::{Figure, Outcome, Report, Row, Verdict};
use crate::stats::Estimate;
use std::fmt::Write as _;

/// The whole report. With plots beside it, they are shown: `overview` is the file of the overview, and the others are named
/// after their curves.
#[must_use]
pub fn whole(report: &Report, overview: &str) -> String {
    let mut text = String::new();
    let Report { commit, date, command, machine, settings, .. } = report;
    let _ = writeln!(
        text,
        "Measured on {date} at commit {commit} with `{command}`: {machine}, Linux {}; {}; {settings}, {}.\n\n\
         {}.\n",
        machine.kernel,
        machine.disturbance(),
        settings.intervals(),
        Limit::of(report),
    );
    if !overview.is_empty() {
        let _ = writeln!(text, "![Fraction of the goal for each metric]({overview})\n");
    }
    text.push_str(&table(&report.rows));
    for curve in &report.curves {
        let _ = writeln!(text, "\n{} ({} by {})\n", curve.title, curve.y, curve.x);
        if !overview.is_empty() {
            let _ = writeln!(text, "![{}]({}.svg)\n", curve.title, curve.file_name());
        }
        text.push_str(&points(curve));
    }
    text.push('\n');
    for note in &report.notes {
        let _ = writeln!(text, "- {note}");
    }
    text
}

/// The table.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from("| id | what | measured | from | goal | |\n|---|---|---|---|---|---|\n");
    for row in rows {
        let (measured, from) = measured(row);
        let goal = row.goal.map(|goal| goal.to_string()).unwrap_or_default();
        let (what, from) = (cell(&row.what), cell(&from));
        let _ = writeln!(text, "| {} | {what} | {measured} | {from} | {goal} | {} |", row.id, verdict(row));
    }
    text
}

/// What came out, and what it is made from.
pub(super) fn measured(row: &Row) -> (String, String) {
    let figure = |estimate: &Estimate, unit: &str| {
        format!("**{}** ({})", Figure(estimate.median, unit), row.interval().unwrap_or_default())
    };
    match &row.outcome {
        Outcome::Ratio { ratio, above, below } => (figure(ratio, ""), format!("{above} ÷ {below}")),
        Outcome::Value { value, side } => (figure(value, &side.unit), side.what.clone()),
        Outcome::NotBuilt { why, yardstick } => (
            "not built".to_owned(),
            yardstick.as_ref().map_or_else(|| why.clone(), |side| format!("{why}; {side}")),
        ),
        Outcome::Unavailable { why } => ("not here".to_owned(), why.clone()),
    }
}

/// How it stands to its goal.
pub(super) fn verdict(row: &Row) -> &'static str {
    match row.verdict() {
        Some(Verdict::Reached) => "reached",
        Some(Verdict::Likely) => "reached by the median",
        Some(Verdict::Missed) => "**missed**",
        None => "",
    }
}

/// A text that does not end its cell.
pub(super) fn cell(words: &str) -> String {
    words.replace('|', "\\|").replace('\n', " ")
}

fn points(curve: &super::Curve) -> String {
    let mut text = format!("| {} |", cell(&curve.x));
    for line in &curve.lines {
        let _ = write!(text, " {} |", cell(&line.name));
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(curve.lines.len()));
    text.push('\n');
    let mut all: Vec<f64> = curve.lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x)).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    for x in all {
        let at = if x.fract() == 0.0 { format!("{x:.0}") } else { Figure(x, "").to_string() };
        let _ = write!(text, "| {at} |");
        for line in &curve.lines {
            let here = line.points.iter().find(|(at, _)| at.total_cmp(&x).is_eq());
            let _ = match here {
                Some((_, y)) => write!(
                    text,
                    " {} ({} to {}) |",
                    Figure(y.median, ""),
                    Figure(y.low, ""),
                    Figure(y.high, "")
                ),
                None => write!(text, " |"),
            };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn missed_goals_and_what_is_not_built_are_in_the_table() {
        let text = whole(&sample::report(), "");
        assert!(text.contains("| B7 | processor time ÷ hyper | **8.00** (7.80 to 8.20) |"), "{text}");
        assert!(text.contains("| ≤ 2 | **missed** |"), "{text}");
        assert!(text.contains("| B4 | Wasm | not built | no <Wasm> yet |"), "{text}");
        assert!(text.contains("rate ÷ its own \\| server"), "a bar ends no cell: {text}");
        assert!(!text.contains("!["), "no plots beside it");
    }

    #[test]
    fn plots_are_shown_where_they_are() {
        let text = whole(&sample::report(), "overview.svg");
        assert!(text.contains("(overview.svg)") && text.contains("(slides-actions.svg)"), "{text}");
    }
}
