//! Raw starts of everything that others start functions with, first runs of Python, and two hundred first runs at once.

use super::{Scene, function};
use crate::cold::{self, Starter};
use crate::incumbents::{docker::Docker, docker::Root, is_missing};
use crate::load::Template;
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::{in_turn, interleaved};
use crate::settings::Settings;
use crate::stats::median;
use std::io;
use std::path::{Path, PathBuf};

pub(super) const SCENE: Scene = Scene {
    name: "starts",
    metrics: &["B13", "B15", "B16", "Y6"],
    about: "raw starts, first runs of Python, and two hundred first runs at once",
    quick: false,
    run,
};

/// Actions that are run for the first time at the same time.
const BURST: usize = 200;
/// Room for all of them; what they do not use is not taken from anybody.
const ROOM: &str = "invoker.memory=30 GB";
/// Bursts that are measured; each needs a server of its own.
const BURSTS: usize = 3;

fn run(settings: &Settings) -> io::Result<Findings> {
    let mut rows = python(settings)?;
    rows.push(burst(settings)?);
    rows.extend(raw(settings)?);
    Ok(Findings { rows, ..Findings::default() })
}

/// B13
fn python(settings: &Settings) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (cells, what) in [(2, "stem cell at hand"), (0, "none at hand")] {
        let platform = Platform::with_stem_cells(cells)?;
        let program = platform.python()?;
        let pairs = interleaved(
            settings.starts,
            || platform.first_run("python"),
            || cold::program_once(&program, &["-S", "-E", "-c", "0"]),
        )?;
        let (ours, raw) = pairs.into_iter().unzip();
        let what = format!("first run of a Python action, {what} ÷ `python3 -S -E -c 0`");
        let below = Side::new("python3 -S -E -c 0", "ms", raw);
        let row = Row::ratio("B13", &what, Side::new("first run", "ms", ours), below);
        // The goal is about a process that forks; a stem cell stands in for it, and a start without one has no goal.
        let goal = (Bound::AtMost(0.15), Bound::AtMost(0.08));
        rows.push(if cells > 0 { row.aims(goal.0, goal.1) } else { row });
    }
    Ok(rows)
}

/// B16
fn burst(settings: &Settings) -> io::Result<Row> {
    let mut starter = Starter::new(&function())?;
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64;
    let pairs = interleaved(
        BURSTS.min(settings.rounds),
        || {
            let platform = Platform::with(0, &[ROOM.to_owned()])?;
            let names: Vec<String> = (0..BURST).map(|number| format!("burst-{number}")).collect();
            for name in &names {
                platform.put_native(name)?;
            }
            let templates: Vec<Template> = names.iter().map(|name| platform.template(name)).collect();
            let (took, _) = platform.burst(&templates)?;
            Ok(took.as_secs_f64() * 1000.0)
        },
        || {
            let each = (0..settings.starts).map(|_| Ok(starter.once()?.processor));
            let each = median(&each.collect::<io::Result<Vec<f64>>>()?);
            Ok(each * BURST as f64 / processors)
        },
    )?;
    let (ours, raw) = pairs.into_iter().unzip();
    let what = format!(
        "{BURST} native actions run for the first time at once, until the last answer ÷ {BURST} times the processor \
         time of a raw start, over all processors"
    );
    Ok(Row::ratio("B16", &what, Side::new("ours", "ms", ours), Side::new("raw", "ms", raw))
        .aims(Bound::AtMost(1.5), Bound::AtMost(1.2)))
}

/// Y6, and with it what the docker lane will be measured against.
fn raw(settings: &Settings) -> io::Result<Vec<Row>> {
    let mut starter = Starter::new(&function())?;
    let python = crate::incumbents::find("python3", "python3")?;
    let python = interpreter(&python)?;
    let root = match Root::build() {
        Ok(root) => Some(root),
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(error),
    };
    let docker = root.as_ref().map(Docker::start);
    let nothing = || Err(crate::incumbents::missing("no C compiler to build a static program"));
    let mut rows = Vec::new();
    let mut add = |what: &str, measure: &mut dyn FnMut() -> io::Result<f64>| -> io::Result<()> {
        let found = in_turn(settings.starts, 1, |_| measure());
        rows.push(match found {
            Ok(found) => {
                let values = found.into_iter().next().unwrap_or_default();
                Row::value("Y6", what, Side::new("raw", "ms", values))
            }
            Err(error) if is_missing(&error) => Row::unavailable("Y6", what, &error.to_string()),
            Err(error) => return Err(error),
        });
        Ok(())
    };
    add("clone into namespaces, exec, first byte", &mut || Ok(starter.once()?.namespaces))?;
    add("the same, joining control groups", &mut || Ok(starter.once()?.groups))?;
    add("`node -e 0`", &mut cold::node_once)?;
    add("`python3 -S -E -c 0`", &mut || cold::program_once(&python, &["-S", "-E", "-c", "0"]))?;
    add("`bwrap` with all namespaces", &mut || root.as_ref().map_or_else(nothing, Root::bwrap_once))?;
    add("`crun run`", &mut || root.as_ref().map_or_else(nothing, Root::crun_once))?;
    let what = "`docker run --rm`";
    add(what, &mut || match &docker {
        Some(Ok(docker)) => docker.run_once(),
        Some(Err(error)) => Err(io::Error::new(error.kind(), error.to_string())),
        None => nothing(),
    })?;
    let run = rows.last().and_then(|row| match &row.outcome {
        crate::report::Outcome::Value { side, .. } => Some(side.clone()),
        _ => None,
    });
    let what = "first answer of a container from a local image ÷ `docker run --rm`";
    rows.push(
        Row::not_built("B15", what, "no containers from images", run)
            .aims(Bound::AtMost(0.15), Bound::AtMost(0.06)),
    );
    Ok(rows)
}

/// The interpreter itself: what stands first in the search path may be a script that looks for it.
fn interpreter(python: &Path) -> io::Result<PathBuf> {
    let output =
        std::process::Command::new(python).args(["-c", "import sys; print(sys.executable)"]).output()?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}
