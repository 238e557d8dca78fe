//! Runs each path in a process of its own inside callgrind.

use crate::baseline::Cost;
use crate::counted::REGION;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc;

/// The costs of all these paths.
///
/// # Errors
/// When one of them fails.
pub(crate) fn measure(names: &[&'static str]) -> Result<BTreeMap<String, Cost>, String> {
    let dir = tempfile::tempdir().map_err(|error| format!("cannot make a directory: {error}"))?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let waiting = Mutex::new(names.iter());
    let (done, costs) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (waiting, done, dir) = (&waiting, done.clone(), dir.path());
            scope.spawn(move || {
                // A worker that panicked has not harmed the list of names.
                let next = || waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                while let Some(name) = next() {
                    // Whoever collects is there until all have ended.
                    let _ = done.send(cost(name, dir).map(|cost| ((*name).to_owned(), cost)));
                }
            });
        }
    });
    drop(done);
    costs.into_iter().collect()
}

fn cost(name: &str, dir: &Path) -> Result<Cost, String> {
    let failed = |what: &dyn std::fmt::Display| format!("path '{name}': {what}");
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let counts = dir.join(name);
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={REGION}"))
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(program)
        .args(["path", name])
        // What lies in the environment moves the stack, and with it the course of copies.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir("/")
        .output()
        .map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&format_args!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr))));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [operations, allocations] = *numbers else { return Err(failed(&format_args!("it said '{said}'"))) };
    let counts = std::fs::read_to_string(&counts).map_err(|error| failed(&error))?;
    let instructions = total(&counts).filter(|total| *total > 0);
    let instructions = instructions.ok_or_else(|| failed(&"callgrind has counted nothing"))?;
    Ok(Cost::of(operations, instructions, allocations))
}

/// The sum over all functions in a file of callgrind's.
fn total(counts: &str) -> Option<u64> {
    counts
        .lines()
        .find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")))?
        .trim()
        .parse()
        .ok()
}
