//! What a server costs that nobody uses.

use super::Scene;
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::settings::Settings;
use std::io;
use std::time::Duration;

pub(super) const SCENE: Scene = Scene {
    name: "idle",
    metrics: &["B19"],
    about: "memory and processor time of a server that does nothing",
    quick: true,
    run,
};

/// Java heaps that upstream's roles have by default: controller, invoker and scheduler 2 GiB each, Kafka 1 GiB.
const UPSTREAM_HEAPS_MIB: f64 = 7.0 * 1024.0;

fn run(settings: &Settings) -> io::Result<Findings> {
    let platform = Platform::with_stem_cells(0)?;
    let period = if settings.quick { Duration::from_secs(5) } else { Duration::from_secs(20) };
    // Idleness has no condition to wait for.
    std::thread::sleep(Duration::from_secs(2));
    let before = platform.cpu_time();
    std::thread::sleep(period);
    let spent = platform.cpu_time().saturating_sub(before);
    let resident = Side::new("resident, without stem cells", "MiB", vec![platform.resident_mib()]);
    let heaps = Side::new("heaps of upstream's roles, by its defaults", "MiB", vec![UPSTREAM_HEAPS_MIB]);
    let share = 100.0 * spent.as_secs_f64() / period.as_secs_f64();
    Ok(Findings {
        rows: vec![
            Row::ratio("B19", "memory of an idle server ÷ what upstream reserves", resident, heaps)
                .aims(Bound::AtMost(0.005), Bound::AtMost(0.003)),
            Row::value(
                "B33",
                "processor time of an idle server without containers",
                Side::new("of one processor", "%", vec![share]),
            )
            .aims(Bound::AtMost(0.1), Bound::AtMost(0.02)),
        ],
        notes: vec![format!("ready after {:.1} ms", platform.ready_after().as_secs_f64() * 1000.0)],
        ..Findings::default()
    })
}
