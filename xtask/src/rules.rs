//! Which rules of the REST API a test holds.
//!
//! A rule has an id such as `INV-06`. It is held by a test with the id in its name (`fn inv_06_an_array_is_the_body()`),
//! by such a part of a conformance suite, by a step of a conversation that names it (`rules = "INV-06"`), or by a transcript
//! (`Rules: CLI-02`); where we differ, `docs/compatibility.md` names it in the first column of a table below the heading that
//! says so.

use crate::{File, files};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The sections, and how many rules each has.
pub const SECTIONS: &str = "docs/reference/rules.toml";

/// Where it is said how we differ.
const DIFFERENCES: &str = "docs/compatibility.md";

/// The heading below which the differences stand.
const DIFFERENT: &str = "## What is different on purpose";

/// The id of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    section: String,
    number: u32,
}

impl Rule {
    /// Reads `INV-06`.
    fn parse(text: &str) -> Option<Rule> {
        let (section, number) = text.split_once('-')?;
        let letters = !section.is_empty() && section.bytes().all(|byte| byte.is_ascii_uppercase());
        let digits = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
        (letters && digits)
            .then(|| Some(Rule { section: section.to_owned(), number: number.parse().ok()? }))?
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.section, self.number)
    }
}

/// What there is, and what of it is held.
#[derive(Debug)]
pub struct Coverage {
    /// Every rule of the sections.
    pub all: BTreeSet<Rule>,
    /// Those that something names, and also names of rules that do not exist in their section.
    pub named: BTreeSet<Rule>,
}

impl Coverage {
    /// Looks through the whole repository.
    ///
    /// # Panics
    /// When the list of the sections cannot be read.
    #[must_use]
    pub fn of_repository() -> Coverage {
        let files = files();
        let sections = files.iter().find(|file| file.path == SECTIONS).expect("the list of the sections");
        let counts: BTreeMap<String, u32> = toml::from_str(&sections.text).expect("sections and numbers");
        let numbered = |(section, count): (&String, &u32)| -> Vec<Rule> {
            (1..=*count).map(|number| Rule { section: section.clone(), number }).collect()
        };
        let all = counts.iter().flat_map(numbered).collect();
        let mut named: BTreeSet<Rule> = files.iter().flat_map(rules_of).collect();
        named.retain(|rule| counts.contains_key(&rule.section));
        Coverage { all, named }
    }

    /// The rules that nothing holds.
    #[must_use]
    pub fn uncovered(&self) -> Vec<&Rule> {
        self.all.difference(&self.named).collect()
    }

    /// What is named and is no rule.
    #[must_use]
    pub fn unknown(&self) -> Vec<&Rule> {
        self.named.difference(&self.all).collect()
    }
}

/// The rules that a file holds.
fn rules_of(file: &File) -> Vec<Rule> {
    if file.path.ends_with(".rs") {
        // The parts of a suite become tests where the suite is used.
        let suite = file.path.contains("/conformance");
        tests(&file.text, suite).into_iter().flat_map(in_name).collect()
    } else if file.path.starts_with("tests/compat/conversations/") && file.path.ends_with(".toml") {
        let steps = file.text.lines().filter_map(|line| line.strip_prefix("rules = \""));
        steps.flat_map(|rules| rules.trim_end_matches('"').split(' ')).filter_map(Rule::parse).collect()
    } else if file.path.starts_with("tests/compat/cli/") && file.path.ends_with(".md") {
        let lines = file.text.lines().filter_map(|line| line.strip_prefix("Rules: "));
        lines.flat_map(|rules| rules.split(' ')).filter_map(Rule::parse).collect()
    } else if file.path == DIFFERENCES {
        let differences = file.text.split_once(DIFFERENT).map_or("", |(_, after)| after);
        let first_columns = differences.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
        first_columns.flat_map(|column| column.split([' ', ','])).filter_map(Rule::parse).collect()
    } else {
        Vec::new()
    }
}

/// The names of the functions that are tests; in a suite all are.
fn tests(text: &str, suite: bool) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line == "#[test]" || line.contains("::test]") || line.contains("::test(");
        } else if let Some((_, after)) = line.split_once("fn ") {
            let name = after.split(['(', '<']).next().unwrap_or_default();
            names.extend((is_test || suite).then_some(name));
            is_test = false;
        } else if !line.starts_with("//") {
            is_test = false;
        }
    }
    names
}

/// The rules in the name of a test.
fn in_name(name: &str) -> Vec<Rule> {
    let words: Vec<&str> = name.split('_').collect();
    let pairs = words.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?)));
    pairs
        .filter_map(|(section, number)| Rule::parse(&format!("{}-{number}", section.to_uppercase())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        rules_of(&file).iter().map(Rule::to_string).collect()
    }

    #[test]
    fn a_test_holds_the_rules_in_its_name() {
        let text = "#[test]\nfn inv_06_ns_12_it_works() {}\n
            #[tokio::test(start_paused = true)]\n#[ignore]\n    async fn web_01_x() {}\n
            fn err_01_no_test() {}\n#[must_use]\nfn err_02_none_either() {}\n";
        assert_eq!(found("crates/a/src/b.rs", text), ["INV-06", "NS-12", "WEB-01"]);
        assert_eq!(found("crates/a/src/b.md", text), [""; 0]);
    }

    #[test]
    fn a_step_of_a_conversation_holds_rules() {
        let text = "[[step]]\nrules = \"ACT-01 ACT-02\"\nshows = \"INV-01\"\n";
        assert_eq!(found("tests/compat/conversations/a.toml", text), ["ACT-01", "ACT-02"]);
        assert_eq!(found("examples/a.toml", text), [""; 0]);
    }

    #[test]
    fn a_transcript_holds_the_rules_at_its_head() {
        assert_eq!(found("tests/compat/cli/a.md", "# A\n\nRules: CLI-01 CLI-02\n"), ["CLI-01", "CLI-02"]);
        assert_eq!(found("docs/a.md", "Rules: CLI-01\n"), [""; 0]);
    }

    #[test]
    fn a_difference_is_named_in_the_first_column_of_its_table() {
        let text = "`INV-06` | x\n| ATV-22 | not yet |\n## What is different on purpose\n
            | rule | upstream |\n| THR-03, THR-07 | see CLS-10 |\n"
            .replace("            ", "");
        assert_eq!(found("docs/compatibility.md", &text), ["THR-03", "THR-07"]);
    }
}
