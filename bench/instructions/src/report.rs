//! What is said to people.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program is a command")]

use crate::baseline::{Baseline, TOLERANCE};

/// What each path costs, beside what it did.
pub(crate) fn table(before: Option<&Baseline>, now: &Baseline) {
    println!("| path | instructions | before | change | allocations | before |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (name, cost) in &now.paths {
        let (is, allocations) = (cost.instructions, cost.allocations);
        match before.and_then(|before| before.paths.get(name)) {
            None => println!("| {name} | {is} | | | {allocations} | |"),
            Some(old) => {
                let (was, change, allocated) = (old.instructions, old.change(*cost), old.allocations);
                println!("| {name} | {is} | {was} | {change:+.1} % | {allocations} | {allocated} |");
            }
        }
    }
}

/// Why the baselines say nothing here.
pub(crate) fn incomparable(differences: &[String]) {
    println!("Nothing is checked: the baselines were counted elsewhere ({}).", differences.join("; "));
    println!("bench/gate --write counts new ones.");
}

/// What is out of bounds.
pub(crate) fn broken(broken: &[String]) -> String {
    let bounds = format!(
        "Allowed are {TOLERANCE} % of instructions either way, and as many allocations as before (but for chance)."
    );
    format!("{}\n{bounds}", broken.join("\n"))
}

/// Why nothing could be said, or what is wrong.
pub(crate) fn complain(error: &str) {
    eprintln!("{error}");
}

/// What a path that was gone cost: operations and allocations.
pub(crate) fn went(operations: u64, allocations: u64) {
    println!("{operations} {allocations}");
}
