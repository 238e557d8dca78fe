//! Two runs beside each other, metric by metric.

use super::Figure;
use super::history::{Entry, Recorded};
use std::fmt::{self, Write as _};

/// So many rounds there must be on both sides. Without any difference the ranges of twice four values are apart by chance in
/// 2 of 70 cases; of four and three, in 2 of 35.
const ROUNDS: usize = 4;

/// What two figures say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The intervals are apart, and the second is better.
    Better,
    /// The intervals are apart, and the second is worse.
    Worse,
    /// The intervals are apart, and which way is better is not known.
    Different,
    /// The intervals overlap.
    NoDifference,
    /// There are too few rounds for the intervals to mean anything.
    TooFewRounds,
    /// No ratio, and from machines that differ.
    OtherMachine,
    /// Measured only in the first run.
    OnlyFirst,
    /// Measured only in the second run.
    OnlySecond,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Better => "better",
            Verdict::Worse => "WORSE",
            Verdict::Different => "different",
            Verdict::NoDifference => "no difference",
            Verdict::TooFewRounds => "too few rounds",
            Verdict::OtherMachine => "not comparable",
            Verdict::OnlyFirst => "only in A",
            Verdict::OnlySecond => "only in B",
        })
    }
}

/// All of a comparison.
#[derive(Debug)]
pub struct Comparison<'a> {
    first: &'a Entry,
    second: &'a Entry,
    /// Each metric, in the order of the second run; those of the first alone at the end.
    pub lines: Vec<Compared<'a>>,
    /// Why the runs may not be comparable.
    pub warnings: Vec<String>,
}

/// One metric.
#[derive(Debug)]
pub struct Compared<'a> {
    /// In the first run.
    pub first: Option<&'a Recorded>,
    /// In the second run.
    pub second: Option<&'a Recorded>,
    /// What they say.
    pub verdict: Verdict,
}

impl<'a> Comparison<'a> {
    /// Of the second run with the first.
    #[must_use]
    pub fn of(first: &'a Entry, second: &'a Entry) -> Comparison<'a> {
        let alike = first.machine.is_like(&second.machine);
        let mut lines: Vec<Compared<'a>> = Vec::new();
        for after in &second.figures {
            let before = first.find(&after.id, &after.what);
            let verdict = before.map_or(Verdict::OnlySecond, |before| verdict(before, after, alike));
            lines.push(Compared { first: before, second: Some(after), verdict });
        }
        for before in &first.figures {
            if second.find(&before.id, &before.what).is_none() {
                lines.push(Compared { first: Some(before), second: None, verdict: Verdict::OnlyFirst });
            }
        }
        Comparison { first, second, lines, warnings: warnings(first, second) }
    }

    /// How many have that verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.lines.iter().filter(|line| line.verdict == verdict).count()
    }
}

/// What two figures of one metric say. Intervals that touch overlap.
fn verdict(before: &Recorded, after: &Recorded, alike: bool) -> Verdict {
    let ratios = before.unit.is_empty() && after.unit.is_empty();
    if !alike && !ratios {
        return Verdict::OtherMachine;
    }
    if before.rounds.min(after.rounds) < ROUNDS {
        return Verdict::TooFewRounds;
    }
    let ([_, low, high], [_, after_low, after_high]) = (before.figure, after.figure);
    let more = if after_low > high {
        true
    } else if after_high < low {
        false
    } else {
        return Verdict::NoDifference;
    };
    match after.more.or(before.more) {
        None => Verdict::Different,
        Some(better) if better == more => Verdict::Better,
        Some(_) => Verdict::Worse,
    }
}

fn warnings(first: &Entry, second: &Entry) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, one: String, other: String| {
        if one != other {
            found.push(format!("not the same {what}: {one} in A, {other} in B"));
        }
    };
    differ("machine", first.machine.to_string(), second.machine.to_string());
    differ("kernel", first.machine.kernel.clone(), second.machine.kernel.clone());
    differ("settings", first.settings.to_string(), second.settings.to_string());
    differ("command", format!("`{}`", first.command), format!("`{}`", second.command));
    for (name, entry) in [("A", first), ("B", second)] {
        if entry.commit.ends_with('+') {
            found.push(format!("{name} was built from a changed tree at {}", entry.commit));
        }
        if entry.machine.is_disturbed() {
            let load = entry.machine.load;
            let stolen = entry.machine.stolen * 100.0;
            found.push(format!(
                "{name} ran on a busy machine: load {load:.2}, {stolen:.1} % withheld by the host"
            ));
        }
    }
    found
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, entry) in [("A", self.first), ("B", self.second)] {
            writeln!(f, "{name}: {} of {}, `{}`", entry.commit, entry.date, entry.command)?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        let mut cells = vec![["id", "what", "A", "B", "change", "verdict"].map(str::to_owned)];
        cells.extend(self.lines.iter().map(cells_of));
        writeln!(f)?;
        table(&cells, f)?;
        let mut summary = String::new();
        for verdict in [
            Verdict::Better,
            Verdict::Worse,
            Verdict::Different,
            Verdict::NoDifference,
            Verdict::TooFewRounds,
            Verdict::OtherMachine,
            Verdict::OnlyFirst,
            Verdict::OnlySecond,
        ] {
            let count = self.count(verdict);
            if count > 0 {
                let comma = if summary.is_empty() { "" } else { ", " };
                write!(summary, "{comma}{count} {verdict}")?;
            }
        }
        writeln!(f, "\n{summary}")?;
        write!(
            f,
            "Better and worse are said where the intervals are apart. They hold what varied within a run; two runs of the \
             same commit can differ by more, so run each twice before you believe a small change."
        )
    }
}

fn cells_of(line: &Compared<'_>) -> [String; 6] {
    let figure = |recorded: Option<&Recorded>| match recorded {
        Some(Recorded { figure: [median, ..], unit, rounds: 1, .. }) => {
            format!("{} (once)", Figure(*median, unit))
        }
        Some(Recorded { figure: [median, low, high], unit, .. }) => {
            format!("{} ({} to {})", Figure(*median, unit), Figure(*low, ""), Figure(*high, ""))
        }
        None => String::new(),
    };
    let change = match (line.first, line.second) {
        (Some(before), Some(after)) if before.figure[0] > 0.0 => {
            format!("{:+.1} %", (after.figure[0] / before.figure[0] - 1.0) * 100.0)
        }
        (Some(before), Some(after)) => format!("{:+.2}", after.figure[0] - before.figure[0]),
        _ => String::new(),
    };
    let named = line.second.or(line.first);
    let (id, what) = named.map_or_else(Default::default, |named| (named.id.clone(), named.what.clone()));
    [id, what, figure(line.first), figure(line.second), change, line.verdict.to_string()]
}

/// As Markdown whose columns are aligned.
fn table(rows: &[[String; 6]], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    for (number, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            write!(f, "| {cell:<width$} ")?;
        }
        writeln!(f, "|")?;
        if number == 0 {
            for width in widths {
                write!(f, "|{:-<1$}", "", width + 2)?;
            }
            writeln!(f, "|")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn figure(figure: [f64; 3], more: Option<bool>) -> Recorded {
        Recorded { id: "B1".to_owned(), what: "x".to_owned(), figure, rounds: 5, unit: String::new(), more }
    }

    #[test]
    fn only_intervals_that_are_apart_make_a_verdict() {
        let said = |before, after, more| verdict(&figure(before, more), &figure(after, more), true);
        let (low, middle, high) = ([1.0, 0.9, 1.1], [1.2, 1.1, 1.3], [2.0, 1.9, 2.1]);
        assert_eq!(said(low, high, Some(true)), Verdict::Better);
        assert_eq!(said(high, low, Some(true)), Verdict::Worse);
        assert_eq!(said(low, high, Some(false)), Verdict::Worse);
        assert_eq!(said(high, low, Some(false)), Verdict::Better);
        assert_eq!(said(low, high, None), Verdict::Different);
        assert_eq!(said(low, middle, Some(true)), Verdict::NoDifference, "they touch");
    }

    #[test]
    fn one_measurement_makes_no_verdict() {
        let few = Recorded { rounds: 1, ..figure([1.0, 1.0, 1.0], Some(true)) };
        assert_eq!(verdict(&few, &figure([2.0, 2.0, 2.0], Some(true)), true), Verdict::TooFewRounds);
    }

    #[test]
    fn what_is_no_ratio_is_not_compared_between_machines() {
        let absolute = Recorded { unit: "/s".to_owned(), ..figure([1.0, 0.9, 1.1], Some(true)) };
        let other = Recorded { unit: "/s".to_owned(), ..figure([9.0, 8.0, 10.0], Some(true)) };
        assert_eq!(verdict(&absolute, &other, false), Verdict::OtherMachine);
        assert_eq!(verdict(&absolute, &other, true), Verdict::Better);
        let ratios = (figure([1.0, 0.9, 1.1], Some(true)), figure([2.0, 1.9, 2.1], Some(true)));
        assert_eq!(verdict(&ratios.0, &ratios.1, false), Verdict::Better);
    }

    #[test]
    fn what_differs_between_the_runs_is_said() {
        let first = Entry::of(&sample::report());
        let mut second = first.clone();
        assert_eq!(Comparison::of(&first, &second).warnings, [""; 0]);
        second.machine.processors = 64;
        second.machine.load = 3.0;
        second.settings.rounds = 3;
        second.command.push_str(" --rounds 3");
        second.commit.push('+');
        let text = Comparison::of(&first, &second).to_string();
        for what in ["machine", "settings", "command"] {
            assert!(text.contains(&format!("warning: not the same {what}")), "{what}: {text}");
        }
        assert!(
            text.contains("B was built from a changed tree") && text.contains("B ran on a busy machine"),
            "{text}"
        );
        assert!(!text.contains("same kernel"), "{text}");
    }

    #[test]
    fn what_only_one_run_has_is_listed() {
        let first = Entry::of(&sample::report());
        let mut second = first.clone();
        second.figures.remove(0);
        second.figures[0].what = "something else".to_owned();
        let comparison = Comparison::of(&first, &second);
        assert_eq!(comparison.count(Verdict::OnlySecond), 1);
        assert_eq!(comparison.count(Verdict::OnlyFirst), 2);
        assert!(comparison.to_string().contains("1 only in B"), "{comparison}");
    }
}
