//! The runs that were recorded: a line of JSON each, with no more than what comparing and trends need.

use super::{Bound, Machine, Outcome, Report, Row};
use crate::scenes::file;
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// Where they are, from the directory of the benchmarks.
pub const FILE: &str = "history/runs.jsonl";

/// How many are kept; the oldest go.
pub const MOST: usize = 200;

/// How many runs make a trend.
const TREND: usize = 3;

/// A run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Entry {
    /// The commit that was built.
    pub commit: String,
    /// The day, in UTC.
    pub date: String,
    /// The command that made it.
    pub command: String,
    /// Where it ran.
    pub machine: Machine,
    /// How often and how long was measured.
    pub settings: Settings,
    /// What came out.
    pub figures: Vec<Recorded>,
}

/// What came out of one row.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Recorded {
    /// The metric.
    pub id: String,
    /// What was measured.
    pub what: String,
    /// Median, lower and upper end of its interval.
    pub figure: [f64; 3],
    /// How many rounds there were.
    pub rounds: usize,
    /// What it is measured in; ratios have none, and only they can be compared between machines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Whether more of it is better; not known for what has no goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
}

impl Entry {
    /// What is kept of a run.
    #[must_use]
    pub fn of(report: &Report) -> Entry {
        let Report { commit, date, command, machine, settings, rows, .. } = report.clone();
        let figures = rows.iter().filter_map(Recorded::of).collect();
        Entry { commit, date, command, machine, settings, figures }
    }

    /// Whether that names its commit, shortened or in full.
    #[must_use]
    pub fn is_of(&self, commit: &str) -> bool {
        let own = self.commit.trim_end_matches('+');
        self.commit == commit || (commit.len() >= 4 && (own.starts_with(commit) || commit.starts_with(own)))
    }

    /// What was recorded of that row.
    #[must_use]
    pub fn find(&self, id: &str, what: &str) -> Option<&Recorded> {
        self.figures.iter().find(|recorded| recorded.id == id && recorded.what == what)
    }
}

impl Recorded {
    fn of(row: &Row) -> Option<Recorded> {
        let estimate = row.estimate()?;
        let unit = match &row.outcome {
            Outcome::Value { side, .. } => side.unit.clone(),
            _ => String::new(),
        };
        Some(Recorded {
            id: row.id.clone(),
            what: row.what.clone(),
            figure: [estimate.median, estimate.low, estimate.high].map(rounded),
            rounds: row.rounds(),
            unit,
            more: row.goal.map(|goal| matches!(goal, Bound::AtLeast(_))),
        })
    }
}

/// To four digits: more of them say nothing, and these lines are kept for ever.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// The file.
#[must_use]
pub fn path() -> PathBuf {
    file(FILE)
}

/// All recorded runs, the oldest first; none when nothing was ever recorded.
///
/// # Errors
/// A file that cannot be read, or a line that is no entry.
pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut entries = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let entry = serde_json::from_str(&line?).map_err(|error| {
            io::Error::other(format!("{}: line {} is no recorded run: {error}", path.display(), number + 1))
        })?;
        entries.push(entry);
    }
    Ok(entries)
}

/// Adds a run, and drops the oldest beyond [`MOST`].
///
/// # Errors
/// A file that cannot be read or written.
pub fn append(path: &Path, report: &Report) -> io::Result<()> {
    let mut entries = read(path)?;
    entries.push(Entry::of(report));
    entries.drain(..entries.len().saturating_sub(MOST));
    let mut text = String::new();
    for entry in &entries {
        text.push_str(&serde_json::to_string(entry)?);
        text.push('\n');
    }
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(path, text)
}

/// The medians of a row in the recorded runs of such a machine, the oldest first, and its own at the end, unless that run
/// is itself the last recorded. `None`: too few for a trend.
#[must_use]
pub fn trend(entries: &[Entry], report: &Report, row: &Row) -> Option<Vec<f64>> {
    let own = Entry::of(report);
    let runs = entries.iter().filter(|entry| entry.machine.is_like(&report.machine) && **entry != own);
    let recorded = runs.filter_map(|entry| entry.find(&row.id, &row.what));
    let mut medians: Vec<f64> = recorded.map(|recorded| recorded.figure[0]).collect();
    medians.push(own.find(&row.id, &row.what)?.figure[0]);
    (medians.len() >= TREND).then_some(medians)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn on(day: usize) -> Report {
        Report { date: format!("day {day}"), ..sample::report() }
    }

    #[test]
    fn a_line_keeps_what_counts_and_reads_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history/runs.jsonl");
        assert_eq!(read(&path).unwrap(), []);
        append(&path, &on(1)).unwrap();
        append(&path, &on(2)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.len() < 4000 && !text.contains("values"), "{text}");
        let entries = read(&path).unwrap();
        assert_eq!(entries[1], Entry::of(&on(2)));
        let b1 = entries[0].find("B1", "rate ÷ its own | server").unwrap();
        assert_eq!((b1.figure, b1.rounds, b1.more), ([1.667, 1.5, 1.833], 5, Some(true)));
        assert_eq!(entries[0].find("B4", "Wasm"), None, "it was not measured");
    }

    #[test]
    fn the_oldest_runs_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("runs.jsonl");
        let line = serde_json::to_string(&Entry::of(&on(0))).unwrap() + "\n";
        std::fs::write(&path, line.repeat(MOST + 5)).unwrap();
        append(&path, &on(1)).unwrap();
        let entries = read(&path).unwrap();
        assert_eq!(entries.len(), MOST);
        assert_eq!(entries.last().unwrap().date, "day 1");
    }

    #[test]
    fn a_broken_line_is_named_and_nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("runs.jsonl");
        std::fs::write(&path, "{\n").unwrap();
        let error = append(&path, &on(1)).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\n");
    }

    #[test]
    fn a_run_is_found_by_its_commit() {
        let entry = Entry { commit: "0123abc+".to_owned(), ..Entry::of(&on(1)) };
        assert!(entry.is_of("0123abc+") && entry.is_of("0123") && entry.is_of("0123abcdef0123"));
        assert!(!entry.is_of("012") && !entry.is_of("0124"));
    }

    #[test]
    fn a_trend_needs_three_runs_of_such_a_machine() {
        let row = &sample::report().rows[0];
        let entry = |day| Entry::of(&on(day));
        assert_eq!(trend(&[entry(1)], &on(3), row), None);
        assert_eq!(trend(&[entry(1), entry(2)], &on(3), row), Some(vec![1.667; 3]));
        assert_eq!(trend(&[entry(1), entry(2)], &on(2), row), None, "the run itself counts once");
        let mut other = entry(2);
        other.machine.processors = 64;
        assert_eq!(trend(&[entry(1), other], &on(3), row), None, "another machine does not count");
    }
}
