//! The best single hop in front of a function's own server, and a runtime that others run in production: what lanes that are
//! not built yet will be measured against.

use super::{Scene, file};
use crate::incumbents::{hop::Hop, or_unavailable, servers::Workerd, wasm};
use crate::load::{self, Template};
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::in_turn;
use crate::settings::{CONNECTIONS, Settings};
use crate::yardstick::Yardstick;
use std::io;
use std::net::SocketAddr;
use std::process::Command;

pub(super) const SCENE: Scene = Scene {
    name: "hops",
    metrics: &["B4", "B5", "B6", "B14", "Y3", "Y4", "Y5"],
    about: "nginx and haproxy in front of a function's own server, workerd, and wasm instances in a loop",
    quick: false,
    run,
};

/// Processes with which the server of node does best on this class of machine.
const PROCESSORS: usize = 2;
/// Workers of a proxy, of which the better number is taken.
const WORKERS: [usize; 2] = [1, 2];

fn run(settings: &Settings) -> io::Result<Findings> {
    let plain = [Template::post("/run", None, ("{\"value\":", "}"))];
    let rate = |address: SocketAddr| Ok(load::run(address, &plain, CONNECTIONS, settings.period)?.rate);
    let mut rows = hops(settings, rate)?;
    let what = "warm rate of a wasm action ÷ workerd";
    let workerd = || {
        let workerd = Workerd::start()?;
        let found = in_turn(settings.rounds, 1, |_| rate(workerd.daemon.address))?;
        let side = Side::new("workerd", "/s", found.into_iter().next().unwrap_or_default());
        Ok(vec![
            Row::not_built("B5", what, "no wasm runtime", Some(side))
                .aims(Bound::AtLeast(1.3), Bound::AtLeast(2.0)),
        ])
    };
    rows.extend(or_unavailable("B5", what, workerd())?);
    rows.extend(instances(settings, rate)?);
    Ok(Findings { rows, ..Findings::default() })
}

/// B4, B14 and Y5: what a lane that runs WebAssembly in the server will be measured against.
fn instances(settings: &Settings, rate: impl Fn(SocketAddr) -> io::Result<f64>) -> io::Result<Vec<Row>> {
    const WHY: &str = "no wasm runtime";
    let hyper = Yardstick::own("http")?;
    let direct = in_turn(settings.rounds, 1, |_| rate(hyper.address))?;
    let side = Side::new("hyper", "/s", direct.into_iter().next().unwrap_or_default());
    let what = "warm rate of a wasm action, a fresh instance for each request ÷ a bare hyper";
    let mut rows =
        vec![Row::not_built("B4", what, WHY, Some(side)).aims(Bound::AtLeast(0.65), Bound::AtLeast(0.75))];
    let what = "instantiating a wasm action in the server ÷ instantiating alone";
    let measured = || {
        let found = in_turn(settings.rounds, 1, |_| wasm::measure(settings.period / 2))?.concat();
        let micros = found.iter().map(|found| found.micros).collect();
        let rates = found.iter().map(|found| found.rate).collect();
        let loops = "wasm modules instantiated and called in a loop, in one thread";
        Ok(vec![
            Row::not_built("B14", what, WHY, Some(Side::new("alone", "µs", micros)))
                .aims(Bound::AtMost(1.3), Bound::AtMost(1.1)),
            Row::value("Y5", loops, Side::new("a fresh instance for each call", "/s", rates)),
        ])
    };
    rows.extend(or_unavailable("B14", what, measured())?);
    Ok(rows)
}

/// B6 and Y3
fn hops(settings: &Settings, rate: impl Fn(SocketAddr) -> io::Result<f64>) -> io::Result<Vec<Row>> {
    const WHY: &str = "no containers that are spoken to over HTTP";
    let server =
        Yardstick::start(Command::new("node").arg(file("functions/server.js")).arg(PROCESSORS.to_string()))?;
    let direct = in_turn(settings.rounds, 1, |_| rate(server.address))?;
    let side = Side::new("its own server", "/s", direct.into_iter().next().unwrap_or_default());
    let what = "warm rate of a container over HTTP ÷ its own server";
    let mut rows =
        vec![Row::not_built("B6", what, WHY, Some(side)).aims(Bound::AtLeast(0.6), Bound::AtLeast(0.7))];
    type Start = fn(SocketAddr, usize) -> io::Result<Hop>;
    for (name, start) in [("nginx", Hop::nginx as Start), ("haproxy", Hop::haproxy)] {
        let what = format!("warm rate of a container over HTTP ÷ {name} before its own server");
        let measured = || {
            let mut proxies = Vec::new();
            for workers in WORKERS {
                proxies.push(start(server.address, workers)?);
            }
            let found = in_turn(settings.rounds, 3, |thing| {
                rate(if thing == 2 { server.address } else { proxies[thing].address() })
            })?;
            let side = |name: &str, thing: usize| Side::new(name, "/s", found[thing].clone());
            let best = usize::from(side(name, 1).median() > side(name, 0).median());
            let hop = format!("{name} before its own server ÷ the server alone");
            let workers = format!("{name}, workers: {}", WORKERS[best]);
            Ok(vec![
                Row::not_built("B6", &what, WHY, Some(side(&workers, best)))
                    .aims(Bound::AtLeast(0.95), Bound::AtLeast(1.1)),
                Row::ratio("Y3", &hop, side(&workers, best), side("alone", 2)),
            ])
        };
        rows.extend(or_unavailable("B6", &what, measured())?);
    }
    Ok(rows)
}
