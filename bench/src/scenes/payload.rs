//! Large arguments and results, and logs.

use super::{Scene, file};
use crate::designs::PULL;
use crate::load::{self, Template};
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::in_turn;
use crate::settings::{CONNECTIONS, Settings};
use crate::yardstick::Yardstick;
use std::io;
use std::process::Command;

pub(super) const SCENE: Scene = Scene {
    name: "payload",
    metrics: &["B32"],
    about: "a megabyte in and out, and a log line for each call",
    quick: true,
    run,
};

/// What goes in and comes out; with the rest of a call it stays below the limit of 1 MiB.
const BYTES: usize = 1_000_000;
/// Callers of the large payload.
const CALLERS: usize = 4;
/// Processes with which the yardstick of node does best on this class of machine.
const PROCESSORS: usize = 2;

fn run(settings: &Settings) -> io::Result<Findings> {
    let platform = PULL.start(&[])?;
    platform.put_node("node")?;
    platform.put_native("native")?;
    let node =
        Yardstick::start(Command::new("node").arg(file("functions/server.js")).arg(PROCESSORS.to_string()))?;
    let hyper = Yardstick::own("http")?;
    let mut rows = Vec::new();
    for (name, kind, theirs, what) in [
        ("node", "Node.js", &node, "its own HTTP server with 2 processes"),
        ("native", "native binary", &hyper, "hyper as function"),
    ] {
        let row = megabytes(settings, &platform, name, theirs)?;
        let what = format!("1 MB in and out, {kind} ÷ {what}");
        let row = Row::ratio("B32", &what, row.0, row.1);
        rows.push(row.aims(Bound::AtLeast(0.8), Bound::AtLeast(0.95)));
    }
    rows.push(logs(settings, &platform)?);
    Ok(Findings { rows, ..Findings::default() })
}

/// Megabytes a second, in and out together.
fn megabytes(
    settings: &Settings,
    platform: &Platform,
    name: &str,
    theirs: &Yardstick,
) -> io::Result<(Side, Side)> {
    let data = "x".repeat(BYTES);
    let members = format!(",\"data\":\"{data}\"");
    let ours = [platform.template_with(name, &members)];
    // The same object as the value of a call.
    let plain = [Template::post("/run", None, ("{\"value\":{\"call\":", &format!("{members}}}}}")))];
    platform.run(&ours, CALLERS, settings.period)?;
    let sides = in_turn(settings.rounds, 2, |side| {
        let outcome = if side == 0 {
            platform.run(&ours, CALLERS, settings.period)?
        } else {
            load::run(theirs.address, &plain, CALLERS, settings.period)?
        };
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Ok(outcome.rate * 2.0 * BYTES as f64 / 1e6)
    })?;
    let mut sides = sides.into_iter();
    let mut next = |what| Side::new(what, "MB/s", sides.next().unwrap_or_default());
    Ok((next("ours"), next("direct")))
}

/// An action of Node.js that logs a line for each call.
pub(crate) fn put_talking(platform: &Platform, name: &str) {
    platform.put_script(name, "function main(args) { console.log(args.nonce); return args }");
}

fn logs(settings: &Settings, platform: &Platform) -> io::Result<Row> {
    put_talking(platform, "talks");
    let talks = [platform.template("talks")];
    let quiet = [platform.template("node")];
    for set in [&talks, &quiet] {
        platform.run(set, CONNECTIONS, settings.period)?;
    }
    let sides = in_turn(settings.rounds, 2, |side| {
        if side == 1 {
            return Ok(platform.run(&quiet, CONNECTIONS, settings.period)?.rate);
        }
        let outcome = platform.run(&talks, CONNECTIONS, settings.period)?;
        for (id, number) in outcome.ids.iter().step_by(1000) {
            let logs = platform.api().record(id)["logs"].to_string();
            if !logs.contains(&format!("{number:016}")) {
                return Err(io::Error::other(format!("not the log of request {number}: {logs}")));
            }
        }
        Ok(outcome.rate)
    })?;
    let [talks, quiet] = sides.as_slice() else { return Err(io::Error::other("two sides")) };
    let (talks, quiet) = (Side::new("a line", "/s", talks.clone()), Side::new("none", "/s", quiet.clone()));
    Ok(Row::ratio(
        "B32",
        "rate of a Node.js action that logs a line for each call ÷ of one that does not",
        talks,
        quiet,
    )
    .aims(Bound::AtLeast(0.9), Bound::AtLeast(0.97)))
}
