//! The report as a page: one file that needs nothing else, no script, and no wide screen.

use super::bars::{self, Axis};
use super::goals::{Counts, Limit};
use super::history::{self, Entry};
use super::svg::{self, escape};
use super::{Figure, Outcome, Report, Row, Verdict, plot};
use crate::stats::Estimate;
use std::fmt::Write as _;

/// The page, with trends of the metrics from the recorded runs.
#[must_use]
pub fn page(report: &Report, recorded: &[Entry]) -> String {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>OxiWhisk benchmarks, {} at {}</title>\n\
         <style>{}{}</style>\n<main>\n",
        escape(&report.date),
        escape(&report.commit),
        svg::style(),
        include_str!("page.css")
    );
    head(report, &mut text);
    table(report, recorded, &mut text);
    curves(report, &mut text);
    notes(report, &mut text);
    repeat(report, &mut text);
    text.push_str("</main>\n</html>\n");
    text
}

fn head(report: &Report, text: &mut String) {
    let Report { commit, date, command, machine, settings, rows, .. } = report;
    let limit = Limit::of(report);
    let _ = writeln!(
        text,
        "<h1>OxiWhisk benchmarks</h1>\n<p class=\"about\">What the platform costs, beside what this machine can do at \
         all. Every ratio was taken in one run, in turn with its yardstick.</p>"
    );
    let fraction = limit.fraction.map_or_else(|| "none".to_owned(), |fraction| format!("{fraction:.2}"));
    let basis =
        if limit.measured.is_empty() { "none of its metrics was measured".to_owned() } else { limit.basis() };
    let _ = writeln!(
        text,
        "<div class=\"tiles\">\n<div class=\"tile wide\"><b>{fraction}</b> of the physical limit<small>{}</small></div>",
        escape(&basis)
    );
    let counts = Counts::of(rows);
    for (count, what, verdict) in [
        (counts.reached, "goals reached", Some(Verdict::Reached)),
        (counts.likely, "reached by the median", Some(Verdict::Likely)),
        (counts.missed, "missed", Some(Verdict::Missed)),
        (counts.not_built, "not built", None),
        (counts.unavailable, "not here", None),
    ] {
        let _ = writeln!(text, "<div class=\"tile\"><b>{count}</b> {}{what}</div>", mark(verdict));
    }
    let mut facts = vec![
        ("Commit", escape(commit)),
        ("Date", escape(date)),
        ("Command", format!("<code>{}</code>", escape(command))),
        ("Machine", escape(&format!("{machine}, Linux {}", machine.kernel))),
        ("Measured", escape(&format!("{settings}; {}", settings.intervals()))),
    ];
    let busy =
        if machine.is_disturbed() { " <strong>The machine was busy with other things.</strong>" } else { "" };
    facts.push(("Beside it", escape(&machine.disturbance()) + "." + busy));
    text.push_str("</div>\n<dl>\n");
    for (name, fact) in facts {
        let _ = writeln!(text, "<div><dt>{name}</dt><dd>{fact}</dd></div>");
    }
    text.push_str("</dl>\n");
}

fn mark(verdict: Option<Verdict>) -> String {
    verdict.map_or_else(String::new, |verdict| {
        let symbol = bars::symbol(Some(verdict), 6.0, 6.0);
        format!("<svg class=\"mark\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">{symbol}</svg>")
    })
}

fn table(report: &Report, recorded: &[Entry], text: &mut String) {
    let axis = Axis::of_bars(&report.rows);
    let trends: Vec<Option<Vec<f64>>> =
        report.rows.iter().map(|row| history::trend(recorded, report, row)).collect();
    let any = trends.iter().any(Option::is_some);
    text.push_str(
        "<h2>Metrics</h2>\n<p>Each bar is the interval as a fraction of the goal, in powers of ten: the solid line is the \
         goal, right of it is better, the dashed line would be near the physical limit.</p>\n<table>\n<thead><tr>\
         <th>id<th>what<th class=\"number\">measured<th>beside its goal<th class=\"number\">goal\
         <th class=\"number\">stretch<th>verdict",
    );
    text.push_str(if any { "<th>trend</tr></thead>\n<tbody>\n" } else { "</tr></thead>\n<tbody>\n" });
    for (row, trend) in report.rows.iter().zip(&trends) {
        line(row, &axis, text);
        if any {
            let drawn =
                trend.as_ref().map(|values| bars::trend(values).inline("trend-line")).unwrap_or_default();
            let _ = write!(text, "<td data-is=\"trend\">{drawn}");
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody>\n</table>\n");
}

fn line(row: &Row, axis: &Axis, text: &mut String) {
    let figure = |estimate: &Estimate, unit: &str| {
        format!(
            "<b>{}</b> <span class=\"range-text\">{}</span>",
            escape(&Figure(estimate.median, unit).to_string()),
            row.interval().unwrap_or_default()
        )
    };
    let (measured, from) = match &row.outcome {
        Outcome::Ratio { ratio, above, below } => (figure(ratio, ""), format!("{above} ÷ {below}")),
        Outcome::Value { value, side } => (figure(value, &side.unit), side.what.clone()),
        Outcome::NotBuilt { why, yardstick } => (
            "not built".to_owned(),
            yardstick.as_ref().map_or_else(|| why.clone(), |side| format!("{why}; {side}")),
        ),
        Outcome::Unavailable { why } => ("not here".to_owned(), why.clone()),
    };
    let bound = |bound: Option<super::Bound>| bound.map(|bound| bound.to_string()).unwrap_or_default();
    let bar = bars::bar(row, axis).map(|bar| bar.inline("bar")).unwrap_or_default();
    let verdict = row.verdict();
    let word = match verdict {
        Some(Verdict::Reached) => "reached",
        Some(Verdict::Likely) => "reached by the median",
        Some(Verdict::Missed) => "missed",
        None => "",
    };
    let _ = write!(
        text,
        "<tr><td class=\"id\">{}<td class=\"what\">{}<small>{}</small><td class=\"number\" data-is=\"measured\">{measured}\
         <td data-is=\"\">{bar}<td class=\"number\" data-is=\"goal\">{}<td class=\"number\" data-is=\"stretch\">{}\
         <td data-is=\"verdict\" class=\"verdict\">{}{word}",
        escape(&row.id),
        escape(&row.what),
        escape(&from),
        bound(row.goal),
        bound(row.stretch),
        mark(verdict)
    );
}

fn curves(report: &Report, text: &mut String) {
    if report.curves.is_empty() {
        return;
    }
    text.push_str(
        "<h2>Curves</h2>\n<p>Points are medians, bands their intervals.</p>\n<div class=\"plots\">\n",
    );
    for curve in &report.curves {
        let _ = writeln!(text, "<figure>{}</figure>", plot::curve(curve).inline("plot"));
    }
    text.push_str("</div>\n");
}

fn notes(report: &Report, text: &mut String) {
    if report.notes.is_empty() {
        return;
    }
    text.push_str("<h2>Notes</h2>\n<ul>\n");
    for note in &report.notes {
        let _ = writeln!(text, "<li>{}", escape(note));
    }
    text.push_str("</ul>\n");
}

fn repeat(report: &Report, text: &mut String) {
    let changed = if report.commit.ends_with('+') {
        "<p>The tree had changes that are in no commit, so this run cannot be repeated exactly.</p>\n"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "<h2>Again</h2>\n<p>In a clone, on an idle machine:</p>\n<pre><code>git checkout {}\n{}</code></pre>\n{changed}\
         <p>A goal is <em>reached</em> when the whole interval reaches it; <em>by the median</em> when the interval does \
         not exclude the contrary. <code>bench/compare A B</code> sets two runs beside each other. What the yardsticks \
         are and what every round checks is in <code>bench/README.md</code>.</p>",
        escape(report.commit.trim_end_matches('+')),
        escape(&report.command)
    );
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_page_needs_nothing_else_and_no_text_is_markup() {
        let page = page(&sample::report(), &[]);
        for foreign in ["<script", "<link", "src=", "href=", "url(", "@import", "http://", "https://"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        for raw in ["<processor>", "<&>", "<Wasm>", "<note>", "<hash>"] {
            assert!(!page.contains(raw), "{raw}");
        }
        assert!(page.contains("a &lt;note&gt;") && page.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn every_row_and_curve_is_there_with_its_verdict() {
        let page = page(&sample::report(), &[]);
        assert_eq!(page.matches("<tr><td class=\"id\">").count(), sample::report().rows.len());
        assert_eq!(page.matches("class=\"bar\"").count(), 5);
        assert_eq!(page.matches("class=\"plot\"").count(), 1);
        assert_eq!(page.matches("</svg>missed").count(), 3, "two rows and the tile");
        assert!(page.contains("bench/run --quick</code></pre>"));
    }

    #[test]
    fn trends_appear_with_the_third_run() {
        let other = |date: &str| Entry::of(&Report { date: date.to_owned(), ..sample::report() });
        assert!(!page(&sample::report(), &[other("a")]).contains("trend</tr>"));
        let page = page(&sample::report(), &[other("a"), other("b")]);
        assert_eq!(page.matches("class=\"trend-line\"").count(), 6, "of all that were measured");
    }
}
