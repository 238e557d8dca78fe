//! What is promised to outlive a power cut: accepting, and keeping records.

use super::{Scene, file};
use crate::append;
use crate::incumbents::{self, etcd::Etcd};
use crate::inside::store;
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::{in_turn, interleaved};
use crate::settings::Settings;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use types::Activation;

pub(super) const SCENE: Scene = Scene {
    name: "durable",
    metrics: &["B29", "B30", "Y9"],
    about: "accepting and keeping durably, beside bare appends, etcd and SQLite",
    quick: false,
    run,
};

/// Writers, connections and clients of etcd: that many wait at a time for their own to be on the disk.
const WRITERS: usize = 64;
/// What upstream's Elasticsearch takes for a record, in bytes.
const ELASTICSEARCH: f64 = 350.0;
/// Records that are taken in for each second of a period.
const RECORDS: f64 = 50_000.0;

fn run(settings: &Settings) -> io::Result<Findings> {
    let mut rows = accepts(settings)?;
    let (more, count) = ingest(settings)?;
    rows.extend(more);
    let notes = vec![format!("B30: {count} records of about 1 KB in each round")];
    Ok(Findings { rows, notes, ..Findings::default() })
}

/// B29
fn accepts(settings: &Settings) -> io::Result<Vec<Row>> {
    let Settings { rounds, period, .. } = *settings;
    let scratch = tempfile::tempdir()?;
    let platform = Platform::with_stem_cells(0)?;
    platform.put_native("native")?;
    let template = [platform.accepted("native")];
    // Until as many containers have come as will.
    platform.run(&template, WRITERS, period)?;
    let etcd = match Etcd::start(1) {
        Ok(etcd) => Ok(etcd),
        Err(error) if incumbents::is_missing(&error) => Err(error.to_string()),
        Err(error) => return Err(error),
    };
    let things = if etcd.is_ok() { 4 } else { 3 };
    let found = in_turn(rounds, things, |thing| match (thing, &etcd) {
        (0, _) => Ok(platform.run(&template, WRITERS, period)?.rate),
        (1, _) => append::rate(scratch.path(), WRITERS, store::INTENT, period),
        (2, _) => store::accepts(tempfile::tempdir()?.path(), WRITERS, period),
        (_, Ok(etcd)) => etcd.put_rate(WRITERS, period),
        (_, Err(_)) => Ok(0.0),
    })?;
    let side = |what: &str, thing: usize| Side::new(what, "/s", found[thing].clone());
    let what = |under: &str| format!("activations accepted durably over HTTP, {WRITERS} callers ÷ {under}");
    let (ours, appends) = ("accepted", "appends");
    let against = what("group appends with fdatasync");
    let mut rows = vec![
        Row::ratio("B29", &against, side(ours, 0), side(appends, 1))
            .aims(Bound::AtLeast(0.7), Bound::AtLeast(0.85)),
        Row::ratio(
            "B29",
            &format!(
                "intents made durable by the store alone, {WRITERS} callers ÷ group appends with fdatasync"
            ),
            side("the store in process", 2),
            side(appends, 1),
        ),
    ];
    let against = what("puts of a single etcd");
    rows.push(match etcd {
        Ok(_) => Row::ratio("B29", &against, side(ours, 0), side("etcd", 3)),
        Err(why) => Row::unavailable("B29", &against, &why),
    });
    if let Some(last) = rows.pop() {
        rows.push(last.aims(Bound::AtLeast(100.0), Bound::AtLeast(300.0)));
    }
    rows.push(Row::value("Y9", "notes of 600 bytes appended durably", side("group append", 1)));
    Ok(rows)
}

/// B30, as far as it is about taking in.
fn ingest(settings: &Settings) -> io::Result<(Vec<Row>, usize)> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    let count = (RECORDS * settings.period.as_secs_f64()) as u64;
    let records = store::records(count.max(5000))?;
    let scratch = tempfile::tempdir()?;
    let source = scratch.path().join("records");
    write(&source, &records)?;
    let pairs = interleaved(
        settings.rounds,
        || store::ingest(tempfile::tempdir()?.path(), &records),
        || sqlite(&source, records.len()),
    )?;
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let column =
        |side: &[store::Ingest], of: fn(&store::Ingest) -> f64| side.iter().map(of).collect::<Vec<_>>();
    let what = "records taken in, each accepted, started and stored ÷ SQLite with a write-ahead log, 1000 records in a \
                transaction";
    let rates = |side: &[store::Ingest]| column(side, |ingest| ingest.rate);
    let bytes = |side: &[store::Ingest]| column(side, |ingest| ingest.bytes);
    let elasticsearch =
        Side::new("Elasticsearch, by upstream's figures", "bytes", vec![ELASTICSEARCH; ours.len()]);
    let rows = vec![
        Row::ratio(
            "B30",
            what,
            Side::new("ours", "/s", rates(&ours)),
            Side::new("SQLite", "/s", rates(&theirs)),
        )
        .aims(Bound::AtLeast(3.0), Bound::AtLeast(6.0)),
        Row::ratio(
            "B30",
            "disk for each record ÷ what Elasticsearch takes",
            Side::new("ours", "bytes", bytes(&ours)),
            elasticsearch,
        )
        .aims(Bound::AtMost(0.35), Bound::AtMost(0.2)),
        Row::ratio(
            "B30",
            "disk for each record ÷ what SQLite takes",
            Side::new("ours", "bytes", bytes(&ours)),
            Side::new("SQLite", "bytes", bytes(&theirs)),
        ),
    ];
    Ok((rows, records.len()))
}

fn write(path: &Path, records: &[Arc<Activation>]) -> io::Result<()> {
    let mut text = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, &**record)?;
        text.push(b'\n');
    }
    std::fs::write(path, text)
}

fn sqlite(source: &Path, count: usize) -> io::Result<store::Ingest> {
    let scratch = tempfile::tempdir()?;
    let output = Command::new(incumbents::find("python3", "python3")?)
        .arg(file("yardsticks/sqlite_batches.py"))
        .arg(source)
        .arg(scratch.path().join("database"))
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut words = said.split_whitespace().map(str::parse::<f64>);
    let (Some(Ok(seconds)), Some(Ok(bytes))) = (words.next(), words.next()) else {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    };
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let count = count as f64;
    Ok(store::Ingest { rate: count / seconds, bytes: bytes / count })
}
