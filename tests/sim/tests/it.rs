//! Seeds, many and single.

use oxiwhisk_test_sim::{Report, Run, simulate};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many seeds the everyday test tries.
const SEEDS: u64 = 1_000;

/// How many failed seeds are explained.
const MOST_SHOWN: usize = 10;

/// How many lines of a failed run are shown.
const LAST_LINES: usize = 120;

fn explain(seed: u64, error: &str) -> String {
    format!(
        "seed {seed}: {error}\nrepeat it with: OXIWHISK_SIM_SEED={seed} cargo test -p oxiwhisk-test-sim one_seed -- --nocapture"
    )
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Runs all seeds on all cores, and says which failed.
fn run_all(seeds: &[u64]) -> Report {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((*seed, simulate(*seed, false).result));
        }
        done
    };
    let mut done: Vec<(u64, Result<Report, String>)> = std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a run does not panic")).collect()
    });
    done.sort_by_key(|(seed, _)| *seed);
    let mut total = Report::default();
    let mut failures = Vec::new();
    for (seed, result) in &done {
        match result {
            Ok(report) => total.add(report),
            Err(error) => failures.push(explain(*seed, error)),
        }
    }
    let shown = failures.iter().take(MOST_SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} of {} seeds failed\n{shown}", failures.len(), done.len());
    total
}

#[test]
fn a_thousand_seeds() {
    let first = number("OXIWHISK_SIM_FIRST").unwrap_or(0);
    let count = number("OXIWHISK_SIM_COUNT").unwrap_or(SEEDS);
    let seeds: Vec<u64> = (first..first + count).collect();
    let total = run_all(&seeds);
    println!("{total:?}");
    // A simulator in which little happens finds little.
    assert!(total.succeeded > total.accepted / 2, "{total:?}");
    assert!(total.accepted as u64 > count * 10, "{total:?}");
}

/// Seeds that once failed.
#[test]
fn old_seeds() {
    let lines = include_str!("../seeds.txt").lines();
    let seeds: Vec<u64> = lines.filter_map(|line| line.split('#').next()?.trim().parse().ok()).collect();
    assert!(!seeds.is_empty());
    run_all(&seeds);
}

/// The seed in `OXIWHISK_SIM_SEED`, with the end of its trace if it fails; with `OXIWHISK_SIM_TRACE` the whole of it.
#[test]
fn one_seed() {
    let seed = number("OXIWHISK_SIM_SEED").unwrap_or(1);
    let Run { result, trace } = simulate(seed, true);
    if std::env::var_os("OXIWHISK_SIM_TRACE").is_some() {
        println!("{trace}");
    }
    match result {
        Ok(report) => println!("{report:?}"),
        Err(error) => {
            let lines: Vec<&str> = trace.lines().collect();
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            panic!("{}\n{}", last.join("\n"), explain(seed, &error));
        }
    }
}

/// The same seed gives the same run, byte for byte, and another one another.
#[test]
fn a_seed_is_a_run() {
    for seed in [3, 17, 99] {
        let (first, second) = (simulate(seed, true), simulate(seed, true));
        assert!(first.trace.len() > 1_000);
        assert!(first.trace == second.trace, "seed {seed} gave two different runs");
        assert_ne!(first.trace, simulate(seed + 1, true).trace);
    }
}
