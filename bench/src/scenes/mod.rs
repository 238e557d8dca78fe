//! What is measured: scenes, each with the servers and yardsticks that it needs, for one or more metrics.

mod callers;
mod compose;
mod durable;
mod failover;
mod first_runs;
mod growth;
mod hops;
mod idle;
mod interference;
mod keeping;
mod missing;
mod neighbours;
mod parity;
mod payload;
mod queues;
mod records;
mod sandboxes;
mod slides;
mod starts;
mod waiting;
mod warm;
mod warm_python;

pub(crate) use compose::Rules;
pub(crate) use payload::put_talking;

use crate::report::Findings;
use crate::settings::Settings;
use std::io;
use std::path::{Path, PathBuf};

/// Something that is set up once, and the metrics that are measured there.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Its name on the command line.
    pub name: &'static str,
    /// The metrics that it measures, as far as their features are there.
    pub metrics: &'static [&'static str],
    /// What it is about, in a sentence.
    pub about: &'static str,
    /// Whether it is part of a quick run.
    pub quick: bool,
    /// Measures.
    pub run: fn(&Settings) -> io::Result<Findings>,
}

/// All scenes, in the order in which they are measured.
pub const ALL: &[Scene] = &[
    idle::SCENE,
    warm::SCENE,
    warm_python::SCENE,
    callers::SCENE,
    hops::SCENE,
    interference::SCENE,
    first_runs::SCENE,
    starts::SCENE,
    sandboxes::SCENE,
    queues::SCENE,
    durable::SCENE,
    failover::SCENE,
    slides::ACTIONS,
    slides::ALTERNATION,
    slides::PAUSES,
    slides::ONE_QUEUE,
    compose::SCENE,
    payload::SCENE,
    parity::SCENE,
    neighbours::SCENE,
    growth::SCENE,
    records::SCENE,
    keeping::SCENE,
    waiting::SCENE,
    missing::SCENE,
];

/// The scenes with those names, or that measure metrics of those names; without names all that `settings` ask for.
///
/// # Errors
/// A name that nothing has.
pub fn select(names: &[String], settings: &Settings) -> io::Result<Vec<Scene>> {
    let has = |scene: &Scene, name: &String| {
        scene.name == name || scene.metrics.iter().any(|metric| metric.eq_ignore_ascii_case(name))
    };
    if let Some(unknown) = names.iter().find(|name| !ALL.iter().any(|scene| has(scene, name))) {
        let known: Vec<&str> = ALL.iter().map(|scene| scene.name).collect();
        return Err(io::Error::other(format!(
            "nothing is called {unknown:?}; there are {} and the metrics that `bench/run --list` shows",
            known.join(", ")
        )));
    }
    let wanted = |scene: &&Scene| match names {
        [] => scene.quick || !settings.quick,
        names => names.iter().any(|name| has(scene, name)),
    };
    Ok(ALL.iter().filter(wanted).copied().collect())
}

/// The native function, which is built beside this program.
pub(crate) fn function() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name("oxiwhisk-bench-function")
}

/// A file of this directory, `bench/`.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_found_by_name_and_by_metric() {
        let names = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
            let scenes = select(&wanted, &Settings::quick());
            scenes.map(|scenes| scenes.iter().map(|scene| scene.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["warm"]).unwrap(), ["warm"]);
        assert_eq!(names(&["b24", "B1"]).unwrap(), ["warm", "interference"]);
        let error = names(&["B99"]).unwrap_err().to_string();
        assert!(error.contains("B99") && error.contains("warm"), "{error}");
    }

    #[test]
    fn no_two_scenes_have_the_same_name() {
        let mut names: Vec<&str> = ALL.iter().map(|scene| scene.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
