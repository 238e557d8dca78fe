//! Every rule of the API is held by a test, or it is said how we differ.

use crate::{none, read};
use oxiwhisk_xtask::rules::Coverage;
use std::collections::BTreeSet;

/// The rules that are still owed a test: a list that only shrinks.
const OWED: &str = "docs/reference/rules-owed.txt";

#[test]
fn every_rule_is_held_by_a_test_or_by_the_list_of_differences() {
    let text = read(OWED);
    let owed: BTreeSet<&str> = text.lines().collect();
    let coverage = Coverage::of_repository();
    let uncovered: Vec<String> = coverage.uncovered().iter().map(ToString::to_string).collect();
    let new: Vec<String> = uncovered.iter().filter(|rule| !owed.contains(&***rule)).cloned().collect();
    none(&new, "no test, no conversation and no difference names the rule");
    let held: Vec<String> = owed
        .iter()
        .filter(|rule| !uncovered.iter().any(|other| other == *rule))
        .map(|rule| (*rule).to_owned())
        .collect();
    none(&held, &format!("is held, and may go from {OWED}"));
}

#[test]
fn only_rules_that_exist_are_named() {
    let unknown: Vec<String> = Coverage::of_repository().unknown().iter().map(ToString::to_string).collect();
    none(&unknown, "there is no such rule");
}
