//! Upstream's own test of throughput: 100 connections, an action that waits 175 ms.

use super::{Scene, file};
use crate::designs::PULL;
use crate::load::{self, Template};
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::in_turn;
use crate::settings::Settings;
use crate::yardstick::Yardstick;
use serde_json::json;
use std::io;
use std::process::Command;
use std::time::Duration;

pub(super) const SCENE: Scene = Scene {
    name: "parity",
    metrics: &["B34"],
    about: "upstream's test of throughput: 100 connections, an action of 175 ms",
    quick: false,
    run,
};

const CALLERS: usize = 100;
const MILLIS: f64 = 175.0;
const WAITS: &str = include_str!("../../functions/wait.js");
/// Upstream's setting for this test: one container may run all at once.
const CONCURRENCY: usize = 110;

fn run(settings: &Settings) -> io::Result<Findings> {
    let period = settings.period.max(Duration::from_secs(4));
    let platform = PULL.start(&[("limits.concurrency.max", "500".to_owned())])?;
    platform.put_script("one-each", WAITS);
    let limits = json!({"memory": 128, "concurrency": CONCURRENCY});
    platform
        .api()
        .put("together", &json!({"exec": {"kind": "nodejs:default", "code": WAITS}, "limits": limits}));
    let own = Yardstick::start(Command::new("node").arg(file("functions/server.js")).args(["1", "wait.js"]))?;
    let plain = [Template::post("/run", None, ("{\"value\":", "}"))];
    let sets = [[platform.template("one-each")], [platform.template("together")]];
    for set in &sets {
        // Until as many containers have come as will.
        load::run(platform.address(), set, CALLERS, period)?;
    }
    let rates = in_turn(settings.rounds, sets.len() + 1, |index| {
        let outcome = match sets.get(index) {
            Some(set) => platform.run(set, CALLERS, period)?,
            None => load::run(own.address, &plain, CALLERS, period)?,
        };
        Ok(outcome.rate)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let perfect = CALLERS as f64 * 1000.0 / MILLIS;
    let row = |name: &str, how: &str, rates: Vec<f64>| {
        let what = format!("Node.js action of 175 ms, 100 connections, {how} ÷ what arithmetic allows");
        let below = Side::new("100 ÷ 0.175 s", "/s", vec![perfect; rates.len()]);
        Row::ratio("B34", &what, Side::new(name, "/s", rates), below)
    };
    let mut rates = rates.into_iter();
    let mut next = || rates.next().unwrap_or_default();
    let each = row("ours", "one call in a container at a time", next());
    let together = row("ours", "110 calls in a container at a time", next());
    let rows = [each, together].map(|row| row.aims(Bound::AtLeast(0.995), Bound::AtLeast(0.999)));
    let own = row("its own server", "its own HTTP server without any platform", next());
    Ok(Findings { rows: rows.into_iter().chain([own]).collect(), ..Findings::default() })
}
