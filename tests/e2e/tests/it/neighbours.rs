//! What one action may take from another.

use oxiwhisk_test_e2e::{Api, Options, Server};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Room for one container of the actions here.
const ROOM_FOR_ONE: &str = "[invoker]\nmemory = \"512 MB\"\n";

const CODE: &str = "function main({n}) { return {n} }";

fn guest(dir: &std::path::Path, config: &str) -> (Server, Api) {
    let server = Server::start(&Options::default().config(dir, config));
    let api = Api::guest(&server);
    (server, api)
}

#[test]
fn an_action_that_is_called_all_the_time_keeps_no_other_one_out() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, api) = guest(dir.path(), ROOM_FOR_ONE);
    for name in ["busy", "other"] {
        let exec = json!({"kind": "nodejs:default", "code": CODE});
        api.put(name, &json!({"exec": exec, "limits": {"memory": 512}}));
    }
    let (stop, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let call_busy = || {
        while !stop.load(Ordering::Relaxed) {
            let n = calls.fetch_add(1, Ordering::Relaxed);
            assert_eq!(api.result("busy", &json!({"n": n})), json!({"n": n}));
        }
    };
    std::thread::scope(|scope| {
        let callers = [scope.spawn(call_busy), scope.spawn(call_busy)];
        while calls.load(Ordering::Relaxed) < 50 && !callers.iter().any(|caller| caller.is_finished()) {
            std::thread::yield_now();
        }
        let other = api.invoke("other", &json!({"n": -1}));
        let again = api.invoke("other", &json!({"n": -2}));
        stop.store(true, Ordering::Relaxed);
        assert_eq!((other.status, again.status), (200, 200), "{} {}", other.text(), again.text());
    });
}

#[test]
fn two_hundred_first_calls_at_once_are_all_answered_one_start_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let config = "[invoker]\nmemory = \"64 GB\"\nconcurrent_starts = 1\n";
    let (_server, api) = guest(dir.path(), config);
    let code = "#!/bin/bash\nwhile IFS= read -r line; do echo '{\"ok\":1}' >&3; done\n";
    let names: Vec<String> = (0..8).map(|number| format!("action{number}")).collect();
    for name in &names {
        api.put_code(name, "native:actionloop", code);
    }
    std::thread::scope(|scope| {
        for call in 0..200 {
            let (api, name) = (&api, &names[call % names.len()]);
            scope.spawn(move || assert_eq!(api.result(name, &json!({})), json!({"ok": 1})));
        }
    });
}
