//! Counts what the hot paths cost: instructions, as callgrind counts them, and allocations. Neither depends on how busy
//! a machine is, so that a few percent more can fail a check. See `bench/gate` and `bench/README.md`.
//!
//! ```text
//! oxiwhisk-bench-instructions             measures every path and compares with the baselines
//! oxiwhisk-bench-instructions --write     ... and makes the results the baselines
//! oxiwhisk-bench-instructions path NAME   goes that path: what is run inside callgrind
//! ```

mod baseline;
mod callgrind;
mod counted;
mod environment;
mod paths;
mod report;

use baseline::{Baseline, Verdict};
use environment::Environment;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match *arguments {
        [] => check(false),
        ["--write"] => check(true),
        ["path", name] => paths::go(name),
        _ => Err(format!("usage: bench/gate [--write]; not: {}", arguments.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Measures every path; fails where one is out of bounds, unless the result is `write`n as the new baseline.
fn check(write: bool) -> Result<(), String> {
    let file = baseline_file();
    let here = Environment::here()?;
    let now = Baseline { paths: callgrind::measure(&paths::names())?, environment: here };
    let before = Baseline::read(&file)?;
    report::table(before.as_ref(), &now);
    if write {
        return now.write(&file);
    }
    let before = before.ok_or_else(|| format!("there is no {}: bench/gate --write", file.display()))?;
    match baseline::verdict(&before, &now) {
        Verdict::Held => Ok(()),
        Verdict::Broken(broken) => Err(report::broken(&broken)),
        Verdict::Elsewhere(differences) => {
            report::incomparable(&differences);
            Ok(())
        }
    }
}

fn baseline_file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../instructions.json"))
}
