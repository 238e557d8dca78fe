//! What the paths cost when that was written down last, and what may become of it.

use crate::environment::Environment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// How far instructions may be from the baseline, in percent. More is a regression; less is a better baseline that is to
/// be written down, or the next regression would hide in the difference.
pub(crate) const TOLERANCE: u64 = 3;

/// How far allocations may be from the baseline, for each operation: what comes and goes with the shape of a tree whose
/// keys are random. One more in twenty operations is seen, and of large ones, which are counted only a few dozen times, one
/// more in four.
pub(crate) fn chance(path: &str) -> f64 {
    if path.ends_with("-large") { 0.25 } else { 0.05 }
}

/// The costs of all paths, and where they were counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// Where.
    pub(crate) environment: Environment,
    /// By name.
    pub(crate) paths: BTreeMap<String, Cost>,
}

/// What one operation costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Instructions.
    pub(crate) instructions: u64,
    /// Allocations, to the hundredth: what grows with the number of operations adds a little.
    pub(crate) allocations: f64,
}

impl Cost {
    /// That of one of so many operations.
    pub(crate) fn of(operations: u64, instructions: u64, allocations: u64) -> Cost {
        let operations = operations.max(1);
        let hundredths = (allocations * 100 + operations / 2) / operations;
        Cost {
            instructions: (instructions + operations / 2) / operations,
            allocations: hundredths as f64 / 100.0,
        }
    }

    /// How many percent more instructions that is.
    pub(crate) fn change(self, now: Cost) -> f64 {
        (now.instructions as f64 / self.instructions.max(1) as f64 - 1.0) * 100.0
    }
}

impl Baseline {
    /// What was written down; `None`: nothing yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(file: &Path) -> Result<Option<Baseline>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        match std::fs::read(file) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| failed(&error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Writes it down.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(&error))?;
        std::fs::write(file, text + "\n").map_err(|error| failed(&error))
    }
}

/// What a comparison says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything is as it was.
    Held,
    /// What is out of bounds, a line each.
    Broken(Vec<String>),
    /// The counts were taken elsewhere, which alone makes them differ: in what. Nothing is checked.
    Elsewhere(Vec<String>),
}

/// Compares what was counted with what was written down.
pub(crate) fn verdict(before: &Baseline, now: &Baseline) -> Verdict {
    let differences = before.environment.differences(&now.environment);
    if !differences.is_empty() {
        return Verdict::Elsewhere(differences);
    }
    let broken = broken(before, now);
    if broken.is_empty() { Verdict::Held } else { Verdict::Broken(broken) }
}

/// What to do when a path has become better.
const BETTER: &str = "write the better baseline with bench/gate --write";

/// What is out of bounds, a line each.
fn broken(before: &Baseline, now: &Baseline) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, cost) in &now.paths {
        let Some(old) = before.paths.get(name) else {
            broken.push(format!("{name} has no baseline: bench/gate --write"));
            continue;
        };
        let change = old.change(*cost);
        if cost.instructions * 100 > old.instructions * (100 + TOLERANCE) {
            broken.push(format!("{name} takes {change:.1} % more instructions"));
        } else if cost.instructions * 100 < old.instructions * (100 - TOLERANCE) {
            let less = -change;
            broken.push(format!("{name} takes {less:.1} % fewer instructions: {BETTER}"));
        }
        let (was, is) = (old.allocations, cost.allocations);
        let chance = chance(name);
        if is - was > chance {
            broken.push(format!("{name} allocates more often: {is} times instead of {was}"));
        } else if was - is > chance {
            broken.push(format!("{name} allocates less often, {is} times instead of {was}: {BETTER}"));
        }
    }
    let gone = before.paths.keys().filter(|name| !now.paths.contains_key(*name));
    broken.extend(gone.map(|name| format!("{name} is no more: bench/gate --write")));
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(paths: &[(&str, u64, u64)]) -> Baseline {
        let environment = Environment {
            rustc: String::new(),
            target: String::new(),
            processor: String::new(),
            libc: String::new(),
            valgrind: String::new(),
        };
        let cost = |(name, instructions, allocations): &(&str, u64, u64)| {
            ((*name).to_owned(), Cost::of(100, instructions * 100, *allocations))
        };
        Baseline { environment, paths: paths.iter().map(cost).collect() }
    }

    fn outcome(before: &[(&str, u64, u64)], now: &[(&str, u64, u64)]) -> Vec<String> {
        broken(&baseline(before), &baseline(now))
    }

    #[test]
    fn three_percent_either_way_pass_and_more_do_not() {
        for near in [970, 1000, 1030] {
            assert_eq!(outcome(&[("a", 1000, 0)], &[("a", near, 0)]), [""; 0], "{near}");
        }
        assert_eq!(outcome(&[("a", 1000, 0)], &[("a", 1031, 0)]), ["a takes 3.1 % more instructions"]);
        let better = "a takes 3.1 % fewer instructions: write the better baseline with bench/gate --write";
        assert_eq!(outcome(&[("a", 1000, 0)], &[("a", 969, 0)]), [better]);
    }

    #[test]
    fn one_allocation_more_in_ten_operations_is_seen_and_in_three_of_large_ones() {
        for (name, near, far) in [("a", 704, "7.1"), ("a-large", 720, "7.33")] {
            assert_eq!(outcome(&[(name, 9, 700)], &[(name, 9, near)]), [""; 0]);
            let more = format!("{name} allocates more often: {far} times instead of 7");
            let far = (far.parse::<f64>().unwrap() * 100.0).round() as u64;
            assert_eq!(outcome(&[(name, 9, 700)], &[(name, 9, far)]), [more]);
            assert_eq!(outcome(&[(name, 9, 700)], &[(name, 9, 600)]).len(), 1);
        }
    }

    /// As `bench/gate` does it: with the file, and a path that has become slower since.
    #[test]
    fn a_planted_regression_is_caught() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("instructions.json");
        baseline(&[("queue", 1000, 300), ("record", 500, 0)]).write(&file).unwrap();
        let before = Baseline::read(&file).unwrap().unwrap();
        assert_eq!(verdict(&before, &before), Verdict::Held);
        let planted = baseline(&[("queue", 1100, 400), ("record", 500, 0)]);
        let expected =
            ["queue takes 10.0 % more instructions", "queue allocates more often: 4 times instead of 3"];
        assert_eq!(verdict(&before, &planted), Verdict::Broken(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn counts_of_another_compiler_are_not_compared_however_far_they_are() {
        let before = baseline(&[("queue", 1000, 0)]);
        let mut now = baseline(&[("queue", 9000, 900)]);
        now.environment.rustc = "rustc 2.0.0".to_owned();
        let expected = vec!["rustc 2.0.0 here,  there".to_owned()];
        assert_eq!(verdict(&before, &now), Verdict::Elsewhere(expected));
    }

    #[test]
    fn every_part_of_the_environment_counts() {
        let here = baseline(&[]).environment;
        assert_eq!(here.differences(&here), [""; 0]);
        let changes: [fn(&mut Environment) -> &mut String; 5] = [
            |there| &mut there.rustc,
            |there| &mut there.target,
            |there| &mut there.processor,
            |there| &mut there.libc,
            |there| &mut there.valgrind,
        ];
        for change in changes {
            let mut there = here.clone();
            change(&mut there).push('x');
            assert_eq!(there.differences(&here), [" here, x there"]);
        }
    }

    #[test]
    fn a_path_that_came_or_went_wants_a_new_baseline() {
        let expected = ["b has no baseline: bench/gate --write", "a is no more: bench/gate --write"];
        assert_eq!(outcome(&[("a", 9, 0)], &[("b", 9, 0)]), expected);
    }
}
