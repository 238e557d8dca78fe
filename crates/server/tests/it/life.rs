//! A server from its start to its end.

use crate::program::{DEADLINE, Server, read_answer};
use base::clock::{Clock, SystemClock};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const ACTIONS: &str = "/api/v1/namespaces/_/actions";

/// Creates an action that sleeps and then answers, on a runtime that every machine has.
fn create_sleeper(server: &Server, seconds: &str) {
    let code = format!("#!/bin/sh\\nsleep {seconds}\\necho '{{\\\"awake\\\": true}}'\\n");
    let body = format!(r#"{{"exec": {{"kind": "native:skeleton", "code": "{code}"}}}}"#);
    let (status, answer) = server.ask("PUT", &format!("{ACTIONS}/sleeper"), node::GUEST_KEY, &body);
    assert_eq!(status, 200, "{answer}");
}

/// Waits until a run of the action that sleeps so long has begun: then it is surely accepted. A sandbox' process is
/// seen from outside by its arguments.
fn until_sleeping(seconds: &str) {
    let clock = SystemClock::new();
    let end = clock.now() + DEADLINE;
    let wanted = format!("sleep\0{seconds}\0");
    let runs = || {
        let processes = std::fs::read_dir("/proc").expect("there are processes").flatten();
        let arguments = |process: std::fs::DirEntry| std::fs::read_to_string(process.path().join("cmdline"));
        processes.map(arguments).any(|arguments| arguments.is_ok_and(|text| text == wanted))
    };
    while !runs() {
        assert!(clock.now() < end, "the action does not run");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn std_06_a_new_server_can_be_used_as_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    assert!(server.banner.contains(&format!("--auth '{}'", node::GUEST_KEY)), "{}", server.banner);
    assert_eq!(server.ask("GET", "/ping", "", ""), (200, "pong".to_owned()));
    let (status, list) = server.ask("GET", ACTIONS, node::GUEST_KEY, "");
    assert_eq!((status, list.as_str()), (200, "[]"));
    let store = std::fs::metadata(dir.path().join("store")).unwrap();
    assert_eq!(store.permissions().mode() & 0o777, 0o700, "others can read the keys");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn usr_05_other_addresses_get_a_random_key_once() {
    let dir = tempfile::tempdir().unwrap();
    let key = {
        let server = Server::start(dir.path(), &["--host", "0.0.0.0"]);
        let after = server.banner.split("The key of guest").nth(1).expect("a key is shown");
        let key = after.lines().nth(1).expect("the key has a line of its own").trim().to_owned();
        assert_eq!(server.ask("GET", ACTIONS, &key, "").0, 200);
        assert_eq!(server.ask("GET", ACTIONS, node::GUEST_KEY, "").0, 401);
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
        key
    };
    let server = Server::start(dir.path(), &["--host", "0.0.0.0"]);
    assert!(!server.banner.contains(&key), "{}", server.banner);
    assert_eq!(server.ask("GET", ACTIONS, &key, "").0, 200);
}

#[test]
fn what_was_accepted_ends_before_the_server_does_and_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let id = {
        let server = Server::start(dir.path(), &[]);
        create_sleeper(&server, "2.0625");
        let invoke = format!("{ACTIONS}/sleeper");
        let (status, answer) = server.ask("POST", &invoke, node::GUEST_KEY, "{}");
        assert_eq!(status, 202, "{answer}");
        let blocking =
            server.send("POST", &format!("{invoke}?blocking=true&result=true"), node::GUEST_KEY, "{}");
        until_sleeping("2.0625");
        server.signal("INT");
        let (status, result) = read_answer(blocking);
        assert_eq!((status, result.as_str()), (200, r#"{"awake":true}"#));
        assert_eq!(server.wait().code(), Some(0));
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer["activationId"].as_str().unwrap().to_owned()
    };
    let server = Server::start(dir.path(), &[]);
    let path = format!("/api/v1/namespaces/_/activations/{id}/result");
    let (status, record) = server.ask("GET", &path, node::GUEST_KEY, "");
    assert_eq!(status, 200, "{record}");
    assert!(record.contains("awake"), "{record}");
}

#[test]
fn a_second_signal_stops_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--ephemeral"]);
    create_sleeper(&server, "50.0625");
    let _blocking = server.send("POST", &format!("{ACTIONS}/sleeper?blocking=true"), node::GUEST_KEY, "{}");
    until_sleeping("50.0625");
    server.signal("TERM");
    // The drain has begun when nothing new is accepted; `/ping` is not asked, because it needs a new connection.
    while std::net::TcpStream::connect(server.address).is_ok() {
        std::thread::yield_now();
    }
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}
