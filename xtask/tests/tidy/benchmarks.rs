//! No figure of the benchmarks stands without the command and the commit that made it.

use crate::{none, read};
use oxiwhisk_xtask::{File, files};

/// Where runs are recorded, and how many at most.
const HISTORY: (&str, usize) = ("bench/history/runs.jsonl", 200);

/// The names of the markers between which reports are put.
const MARKERS: [&str; 2] = ["results", "bench"];

/// The tables between markers that no line above says the origin of.
fn tables_without_origin(file: &File) -> Vec<String> {
    let mut broken = Vec::new();
    let (mut inside, mut known, mut in_table) = (None, false, false);
    for (number, line) in file.text.lines().enumerate() {
        if let Some(name) = MARKERS.iter().find(|name| line == format!("<!-- {name} -->")) {
            (inside, known) = (Some(name), false);
        } else if inside.is_some_and(|name| line == format!("<!-- /{name} -->")) {
            inside = None;
        }
        let table = line.starts_with('|');
        if inside.is_some() && table && !in_table && !known {
            broken.push(format!("{}:{}", file.path, number + 1));
        }
        in_table = table;
        known |= names_origin(line);
    }
    broken
}

/// `Measured on 2026-11-26 at commit 0123abc with `bench/run …``
fn names_origin(line: &str) -> bool {
    let word = |before: &str| line.split_once(before).map_or("", |(_, after)| after);
    let commit = word("at commit ").chars().take_while(char::is_ascii_hexdigit).count();
    let command = word("with `").split_once('`').map_or("", |(command, _)| command);
    line.starts_with("Measured on 2") && commit >= 7 && is_command(command)
}

/// The script, or the program that it starts.
fn is_command(text: &str) -> bool {
    ["bench/run", "oxiwhisk-bench run"].iter().any(|command| text.starts_with(command))
}

#[test]
fn every_table_of_figures_says_which_command_at_which_commit_made_it() {
    let all = files();
    let documents = all.iter().filter(|file| file.path.ends_with(".md"));
    let broken: Vec<String> = documents.flat_map(tables_without_origin).collect();
    none(&broken, "a table between markers without a line above that names its command and commit");
}

#[test]
fn the_readmes_have_their_markers() {
    for (path, name) in [("README.md", "bench"), ("bench/README.md", "results")] {
        let text = read(path);
        let at = |marker: String| text.find(&marker).unwrap_or_else(|| panic!("{path}: no {marker}"));
        assert!(at(format!("<!-- {name} -->")) < at(format!("<!-- /{name} -->")), "{path}");
    }
}

#[test]
fn every_recorded_run_names_its_command_commit_and_day_and_there_are_not_too_many() {
    let (path, most) = HISTORY;
    let all = files();
    let Some(file) = all.iter().find(|file| file.path == path) else {
        return;
    };
    let lines = file.text.lines().enumerate();
    let broken: Vec<String> = lines
        .filter(|(number, line)| *number >= most || !is_complete(line))
        .map(|(number, _)| format!("{path}:{}", number + 1))
        .collect();
    none(&broken, &format!("a line without command, commit or day, or beyond the {most}th"));
}

fn is_complete(line: &str) -> bool {
    let run: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    let text = |name: &str| run[name].as_str().unwrap_or_default();
    is_command(text("command")) && text("commit").len() >= 7 && text("date").len() == 10
}

#[test]
fn tables_without_origin_are_found() {
    let lines_of = |text: &str| {
        let file = File { path: "a.md".to_owned(), text: text.to_owned() };
        tables_without_origin(&file).len()
    };
    let origin = "Measured on 2026-11-26 at commit 0123abc with `bench/run --quick` on a machine";
    let table = "| a |\n|---|\n| 1 |";
    assert_eq!(lines_of(&format!("<!-- bench -->\n{origin}\n\n{table}\n\n{table}\n<!-- /bench -->")), 0);
    assert_eq!(lines_of(&format!("{origin}\n<!-- bench -->\n{table}\n<!-- /bench -->")), 1);
    assert_eq!(lines_of(&format!("<!-- results -->\n{table}\n\n{table}\n<!-- /results -->\n{table}")), 2);
    assert!(!names_origin("Measured on 2026-11-26 at commit 0123abc with ``"));
    assert!(!names_origin("Measured on 2026-11-26 at commit  with `bench/run`"));
    assert!(is_complete(r#"{"command":"bench/run","commit":"0123abc","date":"2026-11-26"}"#));
    assert!(!is_complete(r#"{"command":"","commit":"0123abc","date":"2026-11-26"}"#) && !is_complete("{"));
}
