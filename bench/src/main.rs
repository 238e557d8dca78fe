//! `oxiwhisk-bench run`: measures, and prints the report. The other subcommands are the yardsticks, which it starts itself.

use clap::{Args, Parser, Subcommand};
use oxiwhisk_bench::report::{Findings, Machine, Report, Ticks, markdown};
use oxiwhisk_bench::scenes;
use oxiwhisk_bench::settings::Settings;
use oxiwhisk_bench::{cold, yardstick};
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

#[derive(Debug, Parser)]
#[command(name = "oxiwhisk-bench", about = "Measures OxiWhisk beside its yardsticks")]
enum Words {
    /// Measures and prints the report.
    Run(Run),
    /// Lists what can be measured.
    List,
    /// A yardstick, for its own use.
    #[command(subcommand, hide = true)]
    Serve(Yard),
}

#[derive(Debug, Subcommand)]
enum Yard {
    Http,
    Tcp,
    Starts { program: PathBuf },
}

#[derive(Debug, Args)]
struct Run {
    /// Scenes or metrics; none: all.
    names: Vec<String>,
    /// Only what fits into five minutes.
    #[arg(long)]
    quick: bool,
    /// How often each pair is measured.
    #[arg(long)]
    rounds: Option<usize>,
    /// How long each measurement takes, in milliseconds.
    #[arg(long)]
    period: Option<u64>,
    /// How many first runs are timed.
    #[arg(long)]
    starts: Option<usize>,
    /// Where the report goes as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// What to name as the command that made it.
    #[arg(long, default_value = "oxiwhisk-bench run")]
    command: String,
}

fn main() -> ExitCode {
    let done = match Words::parse() {
        Words::Run(run) => measure(&run),
        Words::List => list(),
        Words::Serve(Yard::Http) => yardstick::serve_http(),
        Words::Serve(Yard::Tcp) => yardstick::serve_tcp(),
        Words::Serve(Yard::Starts { program }) => cold::serve_starts(&program),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the list goes there")]
fn list() -> io::Result<()> {
    for scene in scenes::ALL {
        let quick = if scene.quick { "quick" } else { "" };
        println!("{:<14} {:<6} {:<24} {}", scene.name, quick, scene.metrics.join(" "), scene.about);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the report goes there")]
fn measure(run: &Run) -> io::Result<()> {
    let mut settings = if run.quick { Settings::quick() } else { Settings::full() };
    settings.rounds = run.rounds.unwrap_or(settings.rounds).max(1);
    settings.starts = run.starts.unwrap_or(settings.starts).max(1);
    settings.period = run.period.map_or(settings.period, Duration::from_millis);
    let scenes = scenes::select(&run.names, &settings)?;
    let ticks = Ticks::now();
    let mut machine = Machine::look();
    let mut found = Findings::default();
    for scene in scenes {
        let started = oxiwhisk_test_e2e::time::now();
        let Findings { rows, curves, notes } = (scene.run)(&settings)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", scene.name)))?;
        eprintln!("{} ({:.0} s)", scene.name, started.elapsed().as_secs_f64());
        found.rows.extend(rows);
        found.curves.extend(curves);
        found.notes.extend(notes);
    }
    machine.stolen = ticks.stolen_since();
    let Findings { rows, curves, notes } = found;
    let command = run.command.clone();
    let report = Report { commit: commit(), date: date(), command, machine, settings, rows, curves, notes };
    if let Some(path) = &run.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    println!("{}", markdown::whole(&report));
    Ok(())
}

/// What is checked out beside this program's sources.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(env!("CARGO_MANIFEST_DIR")).args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"]).is_empty();
    format!("{}{}", git(&["rev-parse", "--short", "HEAD"]), if changed { "+" } else { "" })
}

fn date() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
