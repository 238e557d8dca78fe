//! Warm runs of Python beside the servers of its own world.

use super::Scene;
use crate::incumbents::{Daemon, is_missing, servers::Python};
use crate::load::{self, Template};
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::{in_turn, interleaved};
use crate::settings::{CONNECTIONS, Settings};
use std::io;

pub(super) const SCENE: Scene = Scene {
    name: "warm-python",
    metrics: &["B2"],
    about: "warm runs of Python beside uvicorn and granian",
    quick: false,
    run,
};

/// Processes with which a server of Python's does best on this class of machine, one for each processor.
const PROCESSORS: usize = 2;
/// How often each candidate is measured before the best one is chosen.
const TRIALS: usize = 2;

fn run(settings: &Settings) -> io::Result<Findings> {
    let what =
        format!("warm blocking rate, Python ÷ the best of uvicorn and granian with {PROCESSORS} processes");
    let mut servers: Vec<(Python, Daemon)> = Vec::new();
    for python in Python::ALL {
        match python.start(PROCESSORS) {
            Ok(daemon) => servers.push((python, daemon)),
            Err(error) if is_missing(&error) => {
                let rows = vec![Row::unavailable("B2", &what, &error.to_string())];
                return Ok(Findings { rows, ..Findings::default() });
            }
            Err(error) => return Err(error),
        }
    }
    let plain = [Template::post("/run", None, ("{\"value\":", "}"))];
    let direct = |daemon: &Daemon| load::run(daemon.address, &plain, CONNECTIONS, settings.period);
    let trials = in_turn(TRIALS, servers.len(), |index| Ok(direct(&servers[index].1)?.rate))?;
    let last = |index: usize| trials[index].last().copied().unwrap_or_default();
    let best = (0..servers.len()).max_by(|a, b| last(*a).total_cmp(&last(*b))).unwrap_or(0);
    let (python, server) = servers.swap_remove(best);
    // The others would only take memory.
    drop(servers);
    let platform = Platform::with_stem_cells(0)?;
    platform.put_python("python")?;
    let template = [platform.template("python")];
    platform.run(&template, CONNECTIONS, settings.period)?;
    let pairs = interleaved(
        settings.rounds,
        || Ok(platform.run(&template, CONNECTIONS, settings.period)?.rate),
        || Ok(direct(&server)?.rate),
    )?;
    let (ours, theirs) = pairs.into_iter().unzip();
    let row = Row::ratio("B2", &what, Side::new("ours", "/s", ours), Side::new(python.name(), "/s", theirs));
    Ok(Findings { rows: vec![row.aims(Bound::AtLeast(1.5), Bound::AtLeast(2.5))], ..Findings::default() })
}
