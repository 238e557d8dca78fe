//! Seeds, many and single.

use oxiwhisk_test_sim::{Report, Run, simulate};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many seeds the everyday test tries.
const SEEDS: u64 = 1_000;

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
fn run_all(seeds: impl Iterator<Item = u64>) -> Report {
    let seeds: Vec<u64> = seeds.collect();
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    let total = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    match simulate(*seed, false).result {
                        Ok(report) => total.lock().unwrap().add(&report),
                        Err(error) => failures.lock().unwrap().push((*seed, error)),
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let shown: Vec<String> = failures.iter().take(10).map(|(seed, error)| explain(*seed, error)).collect();
    assert!(failures.is_empty(), "{} of {} seeds failed\n{}", failures.len(), seeds.len(), shown.join("\n"));
    total.into_inner().unwrap()
}

#[test]
fn a_thousand_seeds() {
    let first = number("OXIWHISK_SIM_FIRST").unwrap_or(0);
    let count = number("OXIWHISK_SIM_COUNT").unwrap_or(SEEDS);
    let total = run_all(first..first + count);
    println!("{total:?}");
    // A simulator in which little happens finds little.
    assert!(total.succeeded > total.accepted / 2, "{total:?}");
    assert!(total.accepted as u64 > count * 10, "{total:?}");
}

/// Seeds that once failed.
#[test]
fn old_seeds() {
    let lines = include_str!("../seeds.txt").lines();
    let seeds = lines.filter_map(|line| line.split('#').next()?.trim().parse().ok());
    run_all(seeds);
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
