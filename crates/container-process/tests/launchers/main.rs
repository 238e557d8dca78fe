//! The launchers with every interpreter of this machine, over plain pipes and without a sandbox: so that what fails
//! here is the launcher's or the session's fault.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may as well panic")]

mod concurrent;
mod native;
mod nodejs;
mod python;
mod streamed;
mod support;

use container::Answer;
use container::line::{Dialect, Init};
use oxiwhisk_container_process::runtimes::{Config, RuntimeSpec, discover};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use support::{Bare, ENOUGH, text};

/// The kinds of a family that this machine has.
fn specs(family: &str) -> Vec<&'static RuntimeSpec> {
    static FOUND: OnceLock<Vec<Arc<RuntimeSpec>>> = OnceLock::new();
    let found = FOUND.get_or_init(|| discover(&Config::default()).specs);
    let specs: Vec<_> = found.iter().map(|spec| &**spec).filter(|spec| spec.family() == family).collect();
    assert!(!specs.is_empty(), "these tests need an interpreter of {family}");
    specs
}

/// The best interpreter of a family.
fn default_of(family: &str) -> &'static RuntimeSpec {
    specs(family).into_iter().find(|spec| spec.kind.default).expect("a default")
}

/// Starts the launcher of a kind from the source tree.
fn launch(spec: &RuntimeSpec) -> Bare {
    let launchers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtimes");
    let mut argv = spec.argv.clone();
    let launcher = argv.last_mut().expect("a launcher");
    *launcher = match spec.family() {
        "nodejs" => launchers.join("nodejs/launcher.js"),
        _ => launchers.join("python/launcher.py"),
    }
    .to_string_lossy()
    .into_owned();
    Bare::start(&argv, &spec.environment, (spec.command_fd, spec.result_fd), Dialect::Launcher)
}

/// Starts a launcher and has it load a source text.
async fn loaded(spec: &RuntimeSpec, code: &str) -> Bare {
    let bare = launch(spec);
    assert_eq!(init(&bare, code, "main").await, Ok(()), "{}", spec.kind.kind);
    bare
}

/// Has it load a source text; the error is what the launcher answers.
async fn init(bare: &Bare, code: &str, main: &str) -> Result<(), String> {
    let environment = [("__OW_NAMESPACE", "guest"), ("SECRET", "42")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    outcome(bare.session.init(&support::source(code, main, &environment), ENOUGH).await)
}

/// Writes files and has it load them as an unpacked archive.
async fn init_folder(
    bare: &Bare,
    files: &[(&str, &str)],
    main: &str,
) -> (tempfile::TempDir, Result<(), String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }
    let path = folder.path().to_str().unwrap();
    let init = Init { code: None, folder: Some(path), ..support::source("", main, &[]) };
    let loaded = outcome(bare.session.init(&init, ENOUGH).await);
    (folder, loaded)
}

fn outcome(answer: Answer) -> Result<(), String> {
    match answer {
        Answer::Reply { ok: true, .. } => Ok(()),
        Answer::Reply { ok: false, body, .. } => Err(error_of(&text(&body))),
        other => Err(format!("{other:?}")),
    }
}

/// The answer of a run that the launcher calls a failure.
async fn failure(bare: &Bare, value: &str) -> String {
    match bare.run(value).await {
        Answer::Reply { ok: false, body, .. } => error_of(&text(&body)),
        other => panic!("{other:?}"),
    }
}

fn error_of(body: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    value["error"].as_str().unwrap_or_else(|| panic!("no error in {body}")).to_owned()
}

/// Values that must come back as they went out.
const VALUES: &[&str] = &[
    "{}",
    r#"{"a":null,"b":[null,[],{}],"c":true,"d":-1.5,"e":""}"#,
    r#"{"text":"☃ \u0000 \u2028 \ud83d\ude00 \"quoted\" \\ / \n\r\t é"}"#,
    r#"{"":{"__proto__x":1}}"#,
    "[1,\"two\",{\"three\":3}]",
];

/// Compares JSON by value.
fn same(a: &str, b: &str) -> bool {
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    value(a) == value(b)
}

/// An object with one text, that takes exactly `length` bytes without blanks.
fn of_length(length: usize) -> String {
    let text = format!(r#"{{"data":"{}"}}"#, "x".repeat(length - r#"{"data":""}"#.len()));
    assert_eq!(text.len(), length);
    text
}
