//! The first run of an action that was never seen.

use super::{Scene, function};
use crate::cold::{self, Starter};
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::interleaved;
use crate::settings::Settings;
use std::io;

pub(super) const SCENE: Scene = Scene {
    name: "first-runs",
    metrics: &["B11", "B12"],
    about: "cold starts beside raw starts of the same programs",
    quick: true,
    run,
};

fn run(settings: &Settings) -> io::Result<Findings> {
    let mut rows = Vec::new();
    let with_cells = Platform::with_stem_cells(2)?;
    let mut starter = Starter::new(&function())?;
    let native = interleaved(settings.starts, || with_cells.first_run("native"), || starter.once())?;
    let ours: Vec<f64> = native.iter().map(|(ours, _)| *ours).collect();
    for (what, raw) in [
        ("namespaces", native.iter().map(|(_, raw)| raw.namespaces).collect::<Vec<_>>()),
        ("namespaces and control groups", native.iter().map(|(_, raw)| raw.groups).collect()),
    ] {
        let below = Side::new("clone, exec, first byte", "ms", raw);
        let what = format!("first run of a native binary ÷ the same binary in {what}");
        rows.push(
            Row::ratio("B11", &what, Side::new("first run", "ms", ours.clone()), below)
                .aims(Bound::AtMost(1.5), Bound::AtMost(1.2)),
        );
    }
    rows.push(
        node(settings, &with_cells, "stem cell at hand")?.aims(Bound::AtMost(0.05), Bound::AtMost(0.03)),
    );
    drop(with_cells);
    let without = Platform::with_stem_cells(0)?;
    rows.push(node(settings, &without, "none at hand")?.aims(Bound::AtMost(1.15), Bound::AtMost(1.05)));
    Ok(Findings { rows, ..Findings::default() })
}

fn node(settings: &Settings, platform: &Platform, what: &str) -> io::Result<Row> {
    let pairs = interleaved(settings.starts, || platform.first_run("nodejs"), cold::node_once)?;
    let (ours, raw) = pairs.into_iter().unzip();
    let what = format!("first run of a Node.js action, {what} ÷ `node -e 0`");
    Ok(Row::ratio("B12", &what, Side::new("first run", "ms", ours), Side::new("node -e 0", "ms", raw)))
}
