//! What keeps the server from starting: a clear message, and a code for scripts (docs/operating/exit-codes.md).

use crate::program::{Ended, Server, command, run, run_command, taken_port};
use std::path::Path;

fn standalone(data_dir: &Path, arguments: &[&str]) -> Ended {
    let all = ["standalone", "--port", "0", "--data-dir", data_dir.to_str().expect("a path in UTF-8")];
    run(&[&all[..], arguments].concat())
}

#[test]
fn a_taken_port_ends_with_4() {
    let dir = tempfile::tempdir().unwrap();
    let (_listener, port) = taken_port();
    let data_dir = dir.path().to_str().unwrap();
    let ended = run(&["standalone", "--port", &port.to_string(), "--data-dir", data_dir, "--ephemeral"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let text = format!("cannot listen at 127.0.0.1:{port}; another program listens there");
    assert!(ended.stderr.contains(&text), "{}", ended.stderr);
}

#[test]
fn a_data_directory_that_cannot_be_made_ends_with_5() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let ended = standalone(&file.join("data"), &[]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot use the data directory"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--data-dir"), "{}", ended.stderr);
}

#[test]
fn a_data_directory_that_another_server_uses_ends_with_5() {
    let dir = tempfile::tempdir().unwrap();
    let _server = Server::start(dir.path(), &[]);
    let ended = standalone(dir.path(), &[]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.stderr.contains("is in use by process"), "{}", ended.stderr);
}

#[test]
fn a_broken_configuration_ends_with_3_and_all_its_faults() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("oxiwhisk.toml");
    std::fs::write(&file, "[server]\nport = \"high\"\nhots = \"::1\"\n[limits.memory]\nstd = \"3 GB\"\n")
        .unwrap();
    let config = file.to_str().unwrap();
    let mut command = command(&["standalone", "--config", config, "--host", "localhost"]);
    let ended = run_command(command.env("OXIWHISK_SERVER__MAX_CONNECTIONS", "0"));
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    for part in [
        "the configuration has 5 faults",
        "server.host (option --host)",
        "server.port (",
        "server.hots (",
        "did you mean server.host?",
        "server.max_connections (environment variable OXIWHISK_SERVER__MAX_CONNECTIONS)",
        "limits.memory.std (",
    ] {
        assert!(ended.stderr.contains(part), "no '{part}' in:\n{}", ended.stderr);
    }
}

#[test]
fn a_missing_configuration_file_ends_with_3() {
    let ended = run(&["standalone", "--config", "no-such-file.toml"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("no-such-file.toml"), "{}", ended.stderr);
}

#[test]
fn no_interpreter_at_all_ends_with_6_and_says_how_to_get_one() {
    let dir = tempfile::tempdir().unwrap();
    let ended = standalone(dir.path(), &["--set", "runtimes.search=false"]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert!(ended.stderr.contains("no usable interpreter was found"), "{}", ended.stderr);
    assert!(ended.stderr.contains("install"), "{}", ended.stderr);
}

#[test]
fn a_manifest_that_is_wrong_ends_with_3() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("runtimes.json");
    std::fs::write(&file, r#"{"runtimes": {"nodejs": [{"kind": "python:3"}]}}"#).unwrap();
    let ended = standalone(dir.path(), &["--manifest", file.to_str().unwrap()]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("kind 'python:3' is listed under family 'nodejs'"), "{}", ended.stderr);
}

#[test]
fn a_wrong_option_ends_with_2() {
    assert_eq!(run(&["standalone", "--prot", "1"]).code, 2);
    assert_eq!(run(&[]).code, 2);
}
