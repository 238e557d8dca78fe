//! The table of results.

use crate::stats::Estimate;
use std::fmt::Write as _;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// The id of the metric.
    pub id: &'static str,
    /// What is measured.
    pub what: String,
    /// The ratio.
    pub ratio: Estimate,
    /// Both sides of it, with their units.
    pub sides: String,
    /// What is aimed at.
    pub goal: &'static str,
}

/// The table as Markdown, with what is known of the machine.
#[must_use]
pub fn markdown(rows: &[Row], notes: &[String]) -> String {
    let mut text =
        String::from("| id | ratio | median (95 % interval) | from | goal |\n|---|---|---|---|---|\n");
    for Row { id, what, ratio, sides, goal } in rows {
        let Estimate { median, low, high } = ratio;
        let _ =
            writeln!(text, "| {id} | {what} | **{median:.2}** ({low:.2} to {high:.2}) | {sides} | {goal} |");
    }
    text.push('\n');
    for note in notes {
        let _ = writeln!(text, "- {note}");
    }
    text
}

/// The first of the three load averages.
#[must_use]
pub fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// Processor time that the host has withheld since the start of the machine, and all processor time, in ticks.
#[must_use]
pub fn stolen() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    (ticks.get(7).copied().unwrap_or(0), ticks.iter().sum())
}
