//! Errors of syntax, found on this machine where it has the interpreter: beside the upload, which does not wait for it.

use super::wanted::One;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// What Python is asked to do with a file, without leaving anything behind.
const PYTHON: &str = "import ast, sys
try:
    ast.parse(open(sys.argv[1], encoding='utf-8').read(), sys.argv[1])
except SyntaxError as error:
    print(f'{error.lineno}:{error.offset}:{error.msg}')
";

/// Where an error is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misplaced {
    pub(super) file: PathBuf,
    pub(super) line: u32,
    pub(super) column: Option<u32>,
    pub(super) message: String,
}

/// The errors of the files that changed and belong to one of `actions`; of all their files where `all`.
pub(super) async fn all(changed: &BTreeSet<PathBuf>, all: bool, actions: Vec<One>) -> Vec<Misplaced> {
    let artifacts: Vec<PathBuf> = actions.into_iter().map(|one| one.artifact).collect();
    let whole = artifacts.iter().filter(|path| all && path.is_file()).cloned();
    let whole: Vec<PathBuf> = whole.collect();
    let mut errors = Vec::new();
    for artifact in &artifacts {
        let Ok(place) = artifact.canonicalize() else { continue };
        for path in changed.iter().chain(&whole) {
            let Ok(inner) = path.canonicalize() else { continue };
            if inner.is_file()
                && let Ok(below) = inner.strip_prefix(&place)
            {
                // Named as the user names it.
                let file = if below.as_os_str().is_empty() { artifact.clone() } else { artifact.join(below) };
                errors.extend(one(&file).await);
            }
        }
    }
    errors.dedup();
    errors
}

async fn one(file: &Path) -> Option<Misplaced> {
    if file.components().any(|part| part.as_os_str() == "node_modules") {
        return None;
    }
    match file.extension()?.to_str()? {
        "js" | "cjs" | "mjs" => node(&said("node", &["--check"], file).await?, file),
        "py" => python(&said("python3", &["-c", PYTHON], file).await?, file),
        _ => None,
    }
}

/// What an interpreter says of a file; nothing where there is no interpreter.
async fn said(program: &str, arguments: &[&str], file: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).arg(file).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// `FILE:LINE`, the line, carets below it, and further down `SyntaxError: …`.
fn node(text: &str, file: &Path) -> Option<Misplaced> {
    let message = text.lines().find(|line| line.starts_with("SyntaxError: "))?.to_owned();
    // Modules of the newer kind are not known by the ending `.js` alone.
    if message.contains("import statement") || message.contains("token 'export'") {
        return None;
    }
    let line = text.lines().next()?.rsplit(':').next()?.trim().parse().ok()?;
    let carets = text.lines().find(|line| line.trim_start().starts_with('^'));
    let column = carets.and_then(|line| line.find('^')).and_then(|at| u32::try_from(at + 1).ok());
    Some(Misplaced { file: file.to_owned(), line, column, message })
}

fn python(text: &str, file: &Path) -> Option<Misplaced> {
    let mut parts = text.trim().splitn(3, ':');
    let line = parts.next()?.parse().ok()?;
    let column = parts.next()?.parse().ok();
    let message = format!("SyntaxError: {}", parts.next()?);
    Some(Misplaced { file: file.to_owned(), line, column, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_what_interpreters_say() {
        let file = Path::new("/d/a.js");
        let text =
            "/d/a.js:3\n  return }\n         ^\n\nSyntaxError: Unexpected token '}'\n    at wrapSafe (x)\n";
        let found = node(text, file).unwrap();
        assert_eq!((found.line, found.column), (3, Some(10)));
        assert_eq!(found.message, "SyntaxError: Unexpected token '}'");
        assert_eq!(node("", file), None);
        let module = "/d/a.js:1\nimport x\n^\nSyntaxError: Cannot use import statement outside a module\n";
        assert_eq!(node(module, file), None);
        let found = python("1:9:'(' was never closed\n", Path::new("a.py")).unwrap();
        assert_eq!(
            (found.line, found.column, found.message.as_str()),
            (1, Some(9), "SyntaxError: '(' was never closed")
        );
    }
}
