//! Upstream's own test of throughput: 100 connections, an action that waits 175 ms.

use super::Scene;
use crate::designs::PULL;
use crate::load;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::in_turn;
use crate::settings::Settings;
use serde_json::json;
use std::io;
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
const WAITS: &str = "function main(args) { return new Promise(done => setTimeout(() => done(args), 175)) }";
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
    let sets = [[platform.template("one-each")], [platform.template("together")]];
    for set in &sets {
        // Until as many containers have come as will.
        load::run(platform.address(), set, CALLERS, period)?;
    }
    let rates =
        in_turn(settings.rounds, sets.len(), |index| Ok(platform.run(&sets[index], CALLERS, period)?.rate))?;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let perfect = CALLERS as f64 * 1000.0 / MILLIS;
    let rows =
        rates.into_iter().zip(["one call in a container at a time", "110 calls in a container at a time"]);
    let rows = rows.map(|(rates, how)| {
        let what = format!("Node.js action of 175 ms, 100 connections, {how} ÷ what arithmetic allows");
        let below = Side::new("100 ÷ 0.175 s", "/s", vec![perfect; rates.len()]);
        Row::ratio("B34", &what, Side::new("ours", "/s", rates), below)
            .aims(Bound::AtLeast(0.995), Bound::AtLeast(0.999))
    });
    Ok(Findings { rows: rows.collect(), ..Findings::default() })
}
