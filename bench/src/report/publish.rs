//! Where a report goes: files of their own, the two READMEs, the history.

use super::goals::{self, Limit};
use super::{Outcome, Report, bars, history, html, markdown, plot};
use crate::scenes::file;
use clap::Args;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// Where a report is to go, besides the standard output.
#[derive(Clone, Debug, Default, Args)]
pub struct Places {
    /// Where the report goes as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// A directory for the report as JSON, HTML and Markdown, and for the plots.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Puts the tables into the READMEs.
    #[arg(long)]
    pub write: bool,
    /// Adds the run to the history.
    #[arg(long)]
    pub record: bool,
}

/// Puts the report everywhere it is to go.
///
/// # Errors
/// A file that cannot be written, or a README without its markers.
pub fn publish(report: &Report, places: &Places) -> io::Result<()> {
    if let Some(path) = &places.json {
        std::fs::write(path, serde_json::to_string_pretty(report)?)?;
    }
    if places.record {
        history::append(&history::path(), report)?;
    }
    if let Some(directory) = &places.out {
        files(report, directory)?;
    }
    if places.write {
        let (full, short) = (markdown::whole(report, ""), short(report));
        for (path, name, text) in [("README.md", "results", &full), ("../README.md", "bench", &short)] {
            let path = file(path);
            let readme = std::fs::read_to_string(&path)?;
            let readme = between(&readme, name, text).ok_or_else(|| {
                io::Error::other(format!("{} has no <!-- {name} --> and <!-- /{name} -->", path.display()))
            })?;
            std::fs::write(&path, readme)?;
        }
    }
    Ok(())
}

fn files(report: &Report, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text);
    let recorded = history::read(&history::path())?;
    write("report.json", &serde_json::to_string_pretty(report)?)?;
    write("report.html", &html::page(report, &recorded))?;
    write("report.md", &markdown::whole(report, "overview.svg"))?;
    write("overview.svg", &bars::overview(report).file())?;
    for curve in &report.curves {
        write(&format!("{}.svg", curve.file_name()), &plot::curve(curve).file())?;
    }
    Ok(())
}

/// The text with other words between the markers of that name; `None` when it has no such markers.
#[must_use]
pub fn between(text: &str, name: &str, words: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n{end}{after}", words.trim()))
}

/// For the README of the project: the main metrics that were measured, whatever came out, and the names of those that were not.
#[must_use]
pub fn short(report: &Report) -> String {
    let Report { commit, date, command, machine, settings, rows, .. } = report;
    let mut text = format!(
        "Measured on {date} at commit {commit} with `{command}`: {machine}; {settings}, {}.\n",
        settings.intervals()
    );
    if machine.is_disturbed() {
        let _ = writeln!(text, "The machine was busy with other things as well ({}).", machine.disturbance());
    }
    let _ = writeln!(text, "\n{}.\n", Limit::of(report));
    text.push_str("| id | what | measured | goal | |\n|---|---|---|---|---|\n");
    for row in rows.iter().filter(|row| goals::is_main(row) && row.estimate().is_some()) {
        let (measured, _) = markdown::measured(row);
        let goal = row.goal.map(|goal| goal.to_string()).unwrap_or_default();
        let verdict = markdown::verdict(row);
        let what = markdown::cell(&row.what);
        let _ = writeln!(text, "| {} | {what} | {measured} | {goal} | {verdict} |", row.id);
    }
    let names = |wanted: fn(&Outcome) -> bool| {
        let mut ids: Vec<&str> = rows
            .iter()
            .filter(|row| goals::is_main(row) && wanted(&row.outcome))
            .map(|row| row.id.as_str())
            .collect();
        ids.dedup();
        ids.join(", ")
    };
    let missing = [
        ("Not built yet", names(|outcome| matches!(outcome, Outcome::NotBuilt { .. }))),
        (
            "Not to be measured on this machine",
            names(|outcome| matches!(outcome, Outcome::Unavailable { .. })),
        ),
    ];
    for (why, ids) in missing.iter().filter(|(_, ids)| !ids.is_empty()) {
        let _ = writeln!(text, "\n{why}: {ids}.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = "a\n<!-- bench -->\nold\n<!-- /bench -->\nz <!-- results -->";
        assert_eq!(
            between(text, "bench", "\nnew $1\n").unwrap(),
            "a\n<!-- bench -->\nnew $1\n<!-- /bench -->\nz <!-- results -->"
        );
        assert_eq!(between(text, "results", "x"), None, "it has no end");
    }

    #[test]
    fn the_short_table_hides_no_missed_goal_and_says_how_it_was_made() {
        let text = short(&sample::report());
        assert!(
            text.starts_with("Measured on 2026-11-26 at commit 0123abc with `bench/run --quick`"),
            "{text}"
        );
        assert!(text.contains("| B7 |") && text.contains("**missed**"), "{text}");
        assert!(!text.contains("| B24a |") && !text.contains("| B4 |"), "{text}");
        assert!(text.contains("Not built yet: B4."), "{text}");
        assert!(text.contains("Fraction of the physical limit: "), "{text}");
    }

    /// Whether every element ends, in the right order.
    fn is_well_formed(markup: &str) -> bool {
        let mut open = Vec::new();
        for tag in markup.split('<').skip(1) {
            let Some((tag, text)) = tag.split_once('>') else { return false };
            let name = tag.split([' ', '/', '\n']).find(|word| !word.is_empty()).unwrap_or_default();
            if tag.starts_with('/') {
                if open.pop() != Some(name) {
                    return false;
                }
            } else if !tag.ends_with('/') {
                open.push(name);
            }
            if text.contains('>') || tag.matches('"').count() % 2 == 1 {
                return false;
            }
        }
        open.is_empty()
    }

    #[test]
    fn pictures_are_well_formed() {
        assert!(is_well_formed("<a b=\"c\"><d/></a>"));
        assert!(
            !is_well_formed("<a><b></a></b>") && !is_well_formed("<a b=\"></a>") && !is_well_formed("<a>")
        );
        let report = sample::report();
        for picture in [bars::overview(&report), plot::curve(&report.curves[0]), bars::trend(&[1.0, 2.0])] {
            assert!(is_well_formed(&picture.file()), "{}", picture.file());
            assert!(is_well_formed(&picture.inline("x")), "{}", picture.inline("x"));
        }
    }

    #[test]
    fn all_files_are_written() {
        let directory = tempfile::tempdir().unwrap();
        files(&sample::report(), directory.path()).unwrap();
        for name in ["report.json", "report.html", "report.md", "overview.svg", "slides-actions.svg"] {
            assert!(directory.path().join(name).metadata().unwrap().len() > 500, "{name}");
        }
        let json = std::fs::read(directory.path().join("report.json")).unwrap();
        assert_eq!(serde_json::from_slice::<Report>(&json).unwrap().rows.len(), sample::report().rows.len());
    }
}
