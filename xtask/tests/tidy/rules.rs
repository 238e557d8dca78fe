//! Every rule of the API is held by a test, or it is said how we differ.

use crate::none;
use oxiwhisk_xtask::rules::Coverage;

#[test]
fn every_rule_is_held_by_a_test_or_by_the_list_of_differences() {
    let uncovered: Vec<String> =
        Coverage::of_repository().uncovered().iter().map(ToString::to_string).collect();
    none(&uncovered, "no test, no conversation and no difference names the rule");
}

#[test]
fn only_rules_that_exist_are_named() {
    let unknown: Vec<String> = Coverage::of_repository().unknown().iter().map(ToString::to_string).collect();
    none(&unknown, "there is no such rule");
}
