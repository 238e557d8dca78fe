//! The store with up to a million records, or ten: lists, queries, counts, memory, the disk, and what is left when all go.

use super::Scene;
use crate::records::{QUERIES, SMALL, Shown, Step};
use crate::report::{Bound, Curve, Findings, Line, Row, Side};
use crate::settings::Settings;
use crate::stats::Estimate;
use std::io;
use std::process::Command;

pub(super) const SCENE: Scene = Scene {
    name: "records",
    metrics: &["B30"],
    about: "lists, queries and the disk with up to a million records; ten with --large",
    quick: false,
    run,
};

const LARGE_SIZES: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
const QUICK_SIZES: [u64; 2] = [10_000, 100_000];
/// Bytes of the disk for each record that Elasticsearch took, as OpenWhisk's slides say (350 to 375, without replicas).
const ELASTICSEARCH_BYTES: f64 = 350.0;
/// Records in millions, and milliseconds of the statistics of one subject for the first time, as the slides say.
const ELASTICSEARCH_FIRST: [(f64, f64); 4] =
    [(1.0061e6, 1.0), (10.1086e6, 3.0), (52.3651e6, 19.0), (118.8401e6, 63.0)];

fn run(settings: &Settings) -> io::Result<Findings> {
    let sizes = match settings {
        Settings { large: true, .. } => &LARGE_SIZES[..],
        Settings { quick: true, .. } => &QUICK_SIZES[..],
        _ => &SIZES[..],
    };
    let scratch = tempfile::tempdir()?;
    let output = Command::new(std::env::current_exe()?)
        .args(["serve", "records"])
        .arg(scratch.path())
        .arg(settings.rounds.to_string())
        .args(sizes.iter().map(u64::to_string))
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let shown: Shown = serde_json::from_slice(&output.stdout)?;
    let Some(last) = shown.steps.last() else { return Ok(Findings::default()) };
    let mut rows = disk(&shown, last);
    rows.extend(times(last));
    Ok(Findings { rows, curves: vec![lists(&shown), memory(&shown)], notes: vec![slides(), speed(last)] })
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn disk(shown: &Shown, last: &Step) -> Vec<Row> {
    let each = last.disk as f64 / last.records as f64;
    let what =
        format!("disk for each of {} records ÷ what the slides say of Elasticsearch", named(last.records));
    let emptied = "disk of a store whose records have all gone ÷ of one that never had any";
    vec![
        Row::ratio(
            "B30",
            &what,
            Side::new("ours", "B", vec![each]),
            Side::new("Elasticsearch (slides)", "B", vec![ELASTICSEARCH_BYTES]),
        )
        .aims(Bound::AtMost(0.35), Bound::AtMost(0.2)),
        Row::ratio(
            "B30",
            emptied,
            Side::new("emptied", "KB", vec![shown.emptied as f64 / 1e3]),
            Side::new("empty", "KB", vec![shown.empty as f64 / 1e3]),
        )
        .aims(Bound::AtMost(1.02), Bound::AtMost(1.0)),
    ]
}

/// The large store beside the small one, and the goal for a list.
fn times(last: &Step) -> Vec<Row> {
    let named = named(last.records);
    let mut rows = Vec::new();
    for (what, [small, large]) in QUERIES.iter().zip(&last.queries) {
        rows.push(Row::ratio(
            "B30",
            &format!("{what} of {named} records ÷ of {}", self::named(SMALL)),
            Side::new(&named, "µs", large.p50.clone()),
            Side::new(&self::named(SMALL), "µs", small.p50.clone()),
        ));
        if *what == QUERIES[0] {
            let p99 = large.p99.iter().map(|micros| micros / 1000.0).collect();
            let row = Row::value(
                "B30",
                &format!("99 of 100 lists of the newest 200 of {named} records"),
                Side::new("summaries", "ms", p99),
            );
            rows.push(row.aims(Bound::AtMost(1.0), Bound::AtMost(0.3)));
        }
    }
    rows
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn lists(shown: &Shown) -> Curve {
    let line = |query: usize, name: String, p99: bool| Line {
        name,
        points: shown
            .steps
            .iter()
            .map(|step| {
                let times = &step.queries[query][1];
                let values = if p99 { &times.p99 } else { &times.p50 };
                let millis: Vec<f64> = values.iter().map(|micros| micros / 1000.0).collect();
                (step.records as f64, Estimate::of(&millis))
            })
            .collect(),
    };
    let mut lines: Vec<Line> =
        QUERIES.iter().enumerate().map(|(query, what)| line(query, (*what).to_owned(), false)).collect();
    lines.push(line(0, format!("{}, 99 of 100", QUERIES[0]), true));
    let points = ELASTICSEARCH_FIRST.iter().map(|(records, millis)| (*records, Estimate::of(&[*millis])));
    lines.push(Line {
        name: "Elasticsearch: the slides' first query, first time".to_owned(),
        points: points.collect(),
    });
    Curve {
        name: "records-queries".to_owned(),
        title: "Queries by the number of records".to_owned(),
        x: "records in the store".to_owned(),
        y: "ms".to_owned(),
        logarithmic: (true, true),
        lines,
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn memory(shown: &Shown) -> Curve {
    let line = |name: &str, of: fn(&Step) -> u64| Line {
        name: name.to_owned(),
        points: shown
            .steps
            .iter()
            .map(|step| (step.records as f64, Estimate::of(&[of(step) as f64 / f64::from(1 << 20)])))
            .collect(),
    };
    Curve {
        name: "records-bytes".to_owned(),
        title: "Memory and disk by the number of records".to_owned(),
        x: "records in the store".to_owned(),
        y: "MiB".to_owned(),
        logarithmic: (true, true),
        lines: vec![line("memory of the process", |step| step.memory), line("disk", |step| step.disk)],
    }
}

fn slides() -> String {
    "records: OpenWhisk's slides say of Elasticsearch on two nodes, for the first, second and third time, in ms: \
     statistics of one subject 1/0/0 at 1.0 million records, 3/2/2 at 10.1, 19/6/4 at 52.4, 63/16/7 at 118.8; counts by \
     namespace 13/11/1, 103/102/0, 387/307/0, 794/727/0; a histogram of an hour 5/6/8, 58/21/11, 75/43/24, 184/31/26; 350 to \
     375 bytes a record. Other queries on other machines: no ratio is made of the times."
        .to_owned()
}

fn speed(last: &Step) -> String {
    format!(
        "records: each thousand of the last step took {:.1} ms to be accepted, started and stored",
        last.thousand * 1000.0
    )
}

fn named(records: u64) -> String {
    match records {
        1_000_000.. => format!("{} million", records / 1_000_000),
        _ => format!("{},000", records / 1000),
    }
}
