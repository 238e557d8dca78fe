//! Rules of the workspace that no compiler knows. Each test names every place that breaks its rule.

mod benchmarks;
mod dependencies;
mod documents;
mod rules;
mod sources;

use oxiwhisk_xtask::{File, files};
use std::path::{Path, PathBuf};

/// Every file of Rust.
fn sources() -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

/// The directories below `crates/`.
fn crates() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(oxiwhisk_xtask::root().join("crates")).expect("there are crates");
    let mut dirs: Vec<_> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    dirs.retain(|dir| dir.join("Cargo.toml").is_file());
    dirs.sort();
    dirs
}

fn read(path: &str) -> String {
    std::fs::read_to_string(oxiwhisk_xtask::root().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn name(dir: &Path) -> &str {
    dir.file_name().and_then(|name| name.to_str()).expect("a directory with a name in UTF-8")
}

/// Fails with all of them, if there are any.
fn none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}
