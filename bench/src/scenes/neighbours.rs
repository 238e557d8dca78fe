//! What one caller feels of another: 100 calls a second beside a neighbour that floods, and beside 50 new actions a second.

use super::{Scene, function};
use crate::designs::PULL;
use crate::load::{self, Template};
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::in_turn;
use crate::settings::Settings;
use crate::yardstick::Yardstick;
use oxiwhisk_test_e2e::api::basic;
use oxiwhisk_test_e2e::{Api, SYSTEM, time, zipped};
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) const SCENE: Scene = Scene {
    name: "neighbours",
    metrics: &["B25"],
    about: "a caller beside a neighbour that floods, and beside a storm of new actions",
    quick: false,
    run,
};

/// Calls of the victim, a second.
const VICTIM: f64 = 100.0;
/// Connections of the neighbour in a closed loop.
const FLOOD: usize = 64;
/// New actions, a second.
const NEW: f64 = 50.0;
/// As long as it takes for the slowest of 100 calls to be one of several.
const PERIOD: Duration = Duration::from_secs(5);

fn run(settings: &Settings) -> io::Result<Findings> {
    let platform = PULL.start(&[])?;
    let code = zipped::base64(&std::fs::read(function())?);
    let body = json!({"exec": {"kind": "native:actionloop", "code": code}, "limits": {"memory": 128}});
    let neighbour = Api::new(platform.address(), SYSTEM);
    neighbour.put("flood", &body);
    platform.put_native("victim")?;
    let victim = platform.template("victim");
    let flood = Template::post(&Platform::target("flood"), Some(&basic(SYSTEM)), ("", ""));
    platform.run(std::slice::from_ref(&victim), 1, settings.period)?;
    load::run(platform.address(), std::slice::from_ref(&flood), FLOOD, settings.period)?;
    let plain = Template::post("/run", None, ("{\"value\":", "}"));
    let (own, others) = (Yardstick::own("http")?, Yardstick::own("http")?);
    let sides = in_turn(settings.rounds, 5, |side| match side {
        0 => p99(platform.address(), &victim),
        1 => beside_flood((platform.address(), &victim), (platform.address(), &flood)),
        2 => beside_storm(&platform, &victim, &neighbour, &body),
        3 => p99(own.address, &plain),
        _ => beside_flood((own.address, &plain), (others.address, &plain)),
    })?;
    let [alone, flooded, stormed, direct, direct_flooded] = sides.as_slice() else {
        return Ok(Findings::default());
    };
    let ratios = |above: &[f64], below: &[f64]| above.iter().zip(below).map(|(a, b)| a / b).collect();
    let side = |what, values: &Vec<f64>| Side::new(what, "µs", values.clone());
    Ok(Findings {
        rows: vec![
            Row::ratio(
                "B25",
                "99 of 100 calls of a native action (100 a second) beside a flooding neighbour ÷ alone",
                side("beside", flooded),
                side("alone", alone),
            )
            .aims(Bound::AtMost(1.5), Bound::AtMost(1.2)),
            Row::ratio(
                "B25",
                "that quotient ÷ the same of two plain hyper processes, which share the processors fairly",
                Side::new("ours", "", ratios(flooded, alone)),
                Side::new("plain", "", ratios(direct_flooded, direct)),
            )
            .aims(Bound::AtMost(1.2), Bound::AtMost(1.05)),
            Row::ratio(
                "B25",
                "99 of 100 calls of a native action (100 a second) while 50 new actions a second come ÷ alone",
                side("beside", stormed),
                side("alone", alone),
            )
            .aims(Bound::AtMost(2.0), Bound::AtMost(1.5)),
        ],
        ..Findings::default()
    })
}

fn p99(address: SocketAddr, victim: &Template) -> io::Result<f64> {
    Ok(load::run_open(address, std::slice::from_ref(victim), VICTIM, PERIOD)?.p99)
}

fn beside_flood(victim: (SocketAddr, &Template), flood: (SocketAddr, &Template)) -> io::Result<f64> {
    std::thread::scope(|scope| {
        // A moment longer, so that the victim is never alone.
        let period = PERIOD + Duration::from_millis(200);
        let flooding = scope.spawn(move || load::run(flood.0, std::slice::from_ref(flood.1), FLOOD, period));
        let p99 = p99(victim.0, victim.1);
        flooding.join().unwrap_or_else(|_| Err(io::Error::other("the flood has panicked")))?;
        p99
    })
}

/// Meanwhile the neighbour makes and calls actions that nobody has seen.
fn beside_storm(
    platform: &Platform,
    victim: &Template,
    neighbour: &Api,
    body: &serde_json::Value,
) -> io::Result<f64> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let storm = scope.spawn(|| {
            let started = time::now();
            let mut names = Vec::new();
            for number in 0_u32.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("storm-{number}");
                neighbour.put(&name, body);
                neighbour.start(&name, &json!({}));
                names.push(name);
                let due = started + Duration::from_secs_f64(f64::from(number + 1) / NEW);
                std::thread::sleep(due.saturating_duration_since(time::now()));
            }
            names
        });
        let p99 = p99(platform.address(), victim);
        over.store(true, Ordering::Relaxed);
        let names = storm.join().map_err(|_| io::Error::other("the storm has panicked"))?;
        names.iter().for_each(|name| neighbour.delete(name));
        p99
    })
}
