use crate::root;
use std::process::Command;

/// A file of the repository.
#[derive(Clone, Debug)]
pub struct File {
    /// From the top of the repository.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// Every text file that is committed or about to be.
///
/// # Panics
/// When git does not list them.
#[must_use]
pub fn files() -> Vec<File> {
    let root = root();
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
