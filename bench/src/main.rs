//! `oxiwhisk-bench run`: measures, and prints the report; `show` and `compare` are for what was measured before. The other subcommands are the yardsticks, which it starts itself.

use clap::{Args, Parser, Subcommand};
use oxiwhisk_bench::report::compare::{Comparison, Verdict};
use oxiwhisk_bench::report::history::{self, Entry};
use oxiwhisk_bench::report::publish::{self, Places};
use oxiwhisk_bench::report::{self, Findings, Machine, Report, Ticks, markdown};
use oxiwhisk_bench::scenes;
use oxiwhisk_bench::settings::Settings;
use oxiwhisk_bench::under_load::Shape;
use oxiwhisk_bench::{cold, records, round_trips, under_load, yardstick};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

#[derive(Debug, Parser)]
#[command(name = "oxiwhisk-bench", about = "Measures OxiWhisk beside its yardsticks")]
enum Words {
    /// Measures and prints the report.
    Run(Run),
    /// Lists what can be measured.
    List,
    /// Shows a report again that was written as JSON.
    Show {
        /// The report.
        report: PathBuf,
        #[command(flatten)]
        places: Places,
    },
    /// Sets two runs beside each other.
    Compare {
        /// A report as JSON, or the commit of a recorded run.
        first: String,
        /// A report as JSON, or the commit of a recorded run.
        second: String,
        /// Fails with 1 if a metric is worse in the second.
        #[arg(long)]
        fail_on_worse: bool,
    },
    /// Keeps a server under load while something else looks at it.
    #[command(hide = true)]
    Load {
        /// For how long.
        #[arg(long)]
        seconds: u64,
        /// Where the server's process id is written once the load begins.
        #[arg(long)]
        pid_file: PathBuf,
        #[command(flatten)]
        shape: Shape,
    },
    /// A yardstick, for its own use.
    #[command(subcommand, hide = true)]
    Serve(Yard),
}

#[derive(Debug, Subcommand)]
enum Yard {
    Http,
    Tcp,
    Pipe,
    Starts { program: PathBuf },
    Records { dir: PathBuf, rounds: usize, sizes: Vec<u64> },
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
    /// The largest sizes as well: ten million records, ten thousand queues.
    #[arg(long)]
    large: bool,
    #[command(flatten)]
    places: Places,
    /// What to name as the command that made it; this one, if nothing else.
    #[arg(long)]
    command: Option<String>,
}

fn main() -> ExitCode {
    let done = match Words::parse() {
        Words::Run(run) => measure(&run),
        Words::List => list(),
        Words::Show { report, places } => read(&report).and_then(|report| deliver(&report, &places)),
        Words::Load { seconds, pid_file, shape } => load(&pid_file, Duration::from_secs(seconds), &shape),
        Words::Compare { first, second, fail_on_worse } => return compare(&first, &second, fail_on_worse),
        Words::Serve(Yard::Http) => yardstick::serve_http(),
        Words::Serve(Yard::Tcp) => round_trips::serve_tcp(),
        Words::Serve(Yard::Pipe) => round_trips::serve_pipe(),
        Words::Serve(Yard::Starts { program }) => cold::serve_starts(&program),
        Words::Serve(Yard::Records { dir, rounds, sizes }) => records::serve(&dir, rounds, &sizes),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "what was done is said there")]
fn load(pid_file: &Path, period: Duration, shape: &Shape) -> io::Result<()> {
    println!("{}", under_load::serve(pid_file, period, shape)?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the list goes there")]
fn list() -> io::Result<()> {
    for scene in scenes::ALL {
        let quick = if scene.quick { "quick" } else { "" };
        println!("{:<14} {:<6} {:<24} {}", scene.name, quick, scene.metrics.join(" "), scene.about);
    }
    Ok(())
}

fn measure(run: &Run) -> io::Result<()> {
    let mut settings = if run.quick { Settings::quick() } else { Settings::full() };
    settings.rounds = run.rounds.unwrap_or(settings.rounds).max(1);
    settings.starts = run.starts.unwrap_or(settings.starts).max(1);
    settings.large = run.large;
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
    let Findings { mut rows, curves, notes } = found;
    report::in_order(&mut rows);
    let command = run.command.clone().unwrap_or_else(own_command);
    let report = Report { commit: commit(), date: date(), command, machine, settings, rows, curves, notes };
    deliver(&report, &run.places)
}

#[expect(clippy::print_stdout, reason = "the report goes there")]
fn deliver(report: &Report, places: &Places) -> io::Result<()> {
    println!("{}", markdown::whole(report, ""));
    publish::publish(report, places)
}

fn read(path: &Path) -> io::Result<Report> {
    let text = std::fs::read(path)?;
    serde_json::from_slice(&text)
        .map_err(|error| io::Error::other(format!("{} is no report: {error}", path.display())))
}

/// Fails with 1 where something is worse and that was asked for, with 2 where nothing can be compared.
#[expect(clippy::print_stdout, reason = "the comparison goes there")]
fn compare(first: &str, second: &str, fail_on_worse: bool) -> ExitCode {
    match (entry(first), entry(second)) {
        (Ok(first), Ok(second)) => {
            let comparison = Comparison::of(&first, &second);
            println!("{comparison}");
            ExitCode::from(u8::from(fail_on_worse && comparison.count(Verdict::Worse) > 0))
        }
        (Err(problem), _) | (_, Err(problem)) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

/// A report of that name, or the latest recorded run of that commit.
fn entry(name: &str) -> io::Result<Entry> {
    if Path::new(name).is_file() {
        return Ok(Entry::of(&read(Path::new(name))?));
    }
    let recorded = history::read(&history::path())?;
    let of_commit = |entry: &Entry| !name.is_empty() && entry.is_of(name);
    recorded.into_iter().rfind(of_commit).ok_or_else(|| {
        io::Error::other(format!(
            "{name:?} is neither a file nor the commit of a run in bench/{}",
            history::FILE
        ))
    })
}

fn own_command() -> String {
    let words: Vec<String> = std::env::args().skip(1).collect();
    format!("oxiwhisk-bench {}", words.join(" "))
}

/// What is checked out beside this program's sources.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(env!("CARGO_MANIFEST_DIR")).args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    // What a run itself writes does not change what the next one measures.
    let written = ["--", ":/", ":!/README.md", ":!/bench/README.md", ":!/bench/history"];
    let changed =
        !git(&[&["status", "--porcelain", "--untracked-files=no"], &written[..]].concat()).is_empty();
    format!("{}{}", git(&["rev-parse", "--short", "HEAD"]), if changed { "+" } else { "" })
}

fn date() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
