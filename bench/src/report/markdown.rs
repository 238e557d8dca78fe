//! The report as Markdown.

use super::{Figure, Outcome, Report, Row, Verdict};
use std::fmt::Write as _;

/// The whole report.
#[must_use]
pub fn whole(report: &Report) -> String {
    let mut text = String::new();
    let Report { commit, date, command, machine, settings, .. } = report;
    let _ = writeln!(
        text,
        "Measured on {date} at commit {commit} with `{command}`: {} processors ({}), {} GiB, Linux {}; load {:.2} \
         before, {:.1} % of processor time withheld by the host; {} rounds of {:?}, medians with their 95 % intervals.\n",
        machine.processors,
        machine.processor,
        machine.memory / 1024,
        machine.kernel,
        machine.load,
        machine.stolen * 100.0,
        settings.rounds,
        settings.period,
    );
    text.push_str(&table(&report.rows));
    for curve in &report.curves {
        let _ = writeln!(text, "\n{} ({} by {})\n", curve.title, curve.y, curve.x);
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
        let (measured, from) = match &row.outcome {
            Outcome::Ratio { ratio, above, below } => (
                format!("**{:.2}** ({:.2} to {:.2})", ratio.median, ratio.low, ratio.high),
                format!("{above} ÷ {below}"),
            ),
            Outcome::Value { value, side } => (
                format!(
                    "**{}** ({} to {})",
                    Figure(value.median, &side.unit),
                    Figure(value.low, ""),
                    Figure(value.high, "")
                ),
                side.what.clone(),
            ),
            Outcome::NotBuilt { why, yardstick } => (
                "not built".to_owned(),
                yardstick.as_ref().map_or_else(|| why.clone(), |side| format!("{why}; {side}")),
            ),
            Outcome::Unavailable { why } => ("not here".to_owned(), why.clone()),
        };
        let goal = row.goal.map(|goal| goal.to_string()).unwrap_or_default();
        let verdict = match row.verdict() {
            Some(Verdict::Reached) => "reached",
            Some(Verdict::Likely) => "reached by the median",
            Some(Verdict::Missed) => "**missed**",
            None => "",
        };
        let _ = writeln!(text, "| {} | {} | {measured} | {from} | {goal} | {verdict} |", row.id, row.what);
    }
    text
}

fn points(curve: &super::Curve) -> String {
    let mut text = format!("| {} |", curve.x);
    for line in &curve.lines {
        let _ = write!(text, " {} |", line.name);
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(curve.lines.len()));
    text.push('\n');
    let mut all: Vec<f64> = curve.lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x)).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    for x in all {
        let _ = write!(text, "| {} |", Figure(x, ""));
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
