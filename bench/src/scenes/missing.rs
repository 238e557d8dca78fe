//! Metrics whose features are not there. They stand in the table so that nobody takes silence for success.

use super::Scene;
use crate::report::{Bound, Findings, Row};
use crate::settings::Settings;
use std::io;

pub(super) const SCENE: Scene = Scene {
    name: "missing",
    metrics: &["B21", "B22", "B23", "B35"],
    about: "what cannot be measured yet, and why",
    quick: true,
    run,
};

fn run(_: &Settings) -> io::Result<Findings> {
    let no_policy =
        "containers are kept for a fixed time (`invoker.idle_container`); there is no policy yet to compare";
    let rows = vec![
        Row::not_built("B21", "cost of keeping containers ÷ the clairvoyant optimum", no_policy, None)
            .aims(Bound::AtMost(1.30), Bound::AtMost(1.20)),
        Row::not_built("B22", "cold starts at equal idle memory ÷ with a fixed time of 10 minutes", no_policy, None)
            .aims(Bound::AtMost(0.35), Bound::AtMost(0.25)),
        Row::not_built(
            "B23",
            "mean latency over a grid of run times, start times and loads ÷ an oracle that waits or creates",
            "the simulator finds faults of the protocol and has no clock of costs yet in which an oracle could run",
            None,
        )
        .aims(Bound::AtMost(1.10), Bound::AtMost(1.05)),
        Row::not_built(
            "B35",
            "rate, added latency and memory ÷ upstream's on the same scripts and machine",
            "upstream was not run on such a machine",
            None,
        ),
    ];
    Ok(Findings { rows, ..Findings::default() })
}
