//! Metrics whose features are not there. They stand in the table so that nobody takes silence for success.

use super::Scene;
use crate::report::{Findings, Row};
use crate::settings::Settings;
use std::io;

pub(super) const SCENE: Scene = Scene {
    name: "missing",
    metrics: &["B35"],
    about: "what cannot be measured yet, and why",
    quick: true,
    run,
};

fn run(_: &Settings) -> io::Result<Findings> {
    let rows = vec![Row::not_built(
        "B35",
        "rate, added latency and memory ÷ upstream's on the same scripts and machine",
        "upstream was not run on such a machine",
        None,
    )];
    Ok(Findings { rows, ..Findings::default() })
}
