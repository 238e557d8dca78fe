//! Rules of the workspace that no compiler knows. Each test names every place that breaks its rule.

mod dependencies;
mod documents;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the repository.
struct File {
    /// From the top of the repository.
    path: String,
    text: String,
}

/// Every text file that is committed or about to be.
fn files() -> Vec<File> {
    let root = oxiwhisk_xtask::root();
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(&root).output().expect("git runs");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let list = String::from_utf8(output.stdout).expect("paths are UTF-8");
    // A file that was deleted and is still listed, and one that is no text, have nothing to check.
    let read = |path: &str| {
        let text = std::fs::read_to_string(root.join(path)).ok()?;
        Some(File { path: path.to_owned(), text })
    };
    list.lines().filter_map(read).collect()
}

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
