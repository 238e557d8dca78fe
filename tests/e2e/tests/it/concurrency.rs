//! RUN-16: many activations at a time in one process.

use oxiwhisk_test_e2e::api::log_texts;
use oxiwhisk_test_e2e::{Api, Options, Server, time};
use serde_json::{Value, json};

/// A run that waits goes on when another one, which must be in the same process for that, releases it.
const MEETINGS: [(&str, &str); 2] = [
    (
        "nodejs:default",
        "const waiting = [];
        async function main({step, name}) {
            console.log(name + ' is here');
            if (step === 'wait') await new Promise(go => waiting.push(go));
            if (step === 'release') { const n = waiting.length; waiting.splice(0).forEach(go => go()); return {n} }
            if (step === 'exit') process.exit(3);
            console.log(name + ' goes on');
            return {allowed: process.env.__OW_ALLOW_CONCURRENT};
        }",
    ),
    (
        "python:default",
        "import os, threading
free, waiting = threading.Semaphore(0), 0
def main(args):
    global waiting
    step, name = args.get('step'), args['name']
    print(name, 'is here')
    if step == 'wait':
        waiting += 1
        free.acquire()
    if step == 'release':
        n, waiting = waiting, 0
        for _ in range(n): free.release()
        return {'n': n}
    if step == 'exit': os._exit(3)
    print(name, 'goes on')
    return {'allowed': os.environ.get('__OW_ALLOW_CONCURRENT')}
",
    ),
];

/// A server that allows it, and an action of that kind with a warm container.
fn meeting(kind: &str, code: &str) -> (Server, Api, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(&Options::default().config(dir.path(), "[limits.concurrency]\nmax = 10\n"));
    let api = Api::guest(&server);
    let action = json!({"exec": {"kind": kind, "code": code}, "limits": {"concurrency": 10}});
    assert_eq!(api.put("meet", &action)["limits"]["concurrency"], 10);
    let warm = api.result("meet", &json!({"name": "first"}));
    assert_eq!(warm, json!({"allowed": "true"}), "RUN-05");
    (server, api, dir)
}

/// Starts runs that wait, and returns once all of them do.
fn start_waiting(api: &Api, names: &[&str]) -> Vec<String> {
    let start = |name: &&str| api.start("meet", &json!({"step": "wait", "name": name}));
    names.iter().map(start).collect()
}

#[test]
fn run_05_run_16_log_10_activations_overlap_in_one_process_and_each_has_its_own_lines() {
    for (kind, code) in MEETINGS {
        let (_server, api, _dir) = meeting(kind, code);
        let names = ["a", "b", "c"];
        let waiting = start_waiting(&api, &names);
        let mut left = names.len() as u64;
        time::eventually("all of them are released", || {
            let released = api.result("meet", &json!({"step": "release", "name": "releaser"}));
            left -= released["n"].as_u64().unwrap();
            (left == 0).then_some(())
        });
        for (id, name) in waiting.iter().zip(names) {
            let record = api.record(id);
            assert_eq!(record["response"]["success"], true, "{record:#}");
            assert_eq!(log_texts(&record), [format!("{name} is here"), format!("{name} goes on")], "{kind}");
        }
    }
}

#[test]
fn cls_10_a_crash_ends_every_activation_in_the_process_with_a_record() {
    for (kind, code) in MEETINGS {
        let (_server, api, _dir) = meeting(kind, code);
        let waiting = start_waiting(&api, &["a", "b"]);
        let exited = api.invoke("meet", &json!({"step": "exit", "name": "c"})).json();
        let text = "The action did not produce a valid response and exited unexpectedly.";
        let error = |record: &Value| record["response"]["result"]["error"].clone();
        assert_eq!(error(&exited), text, "{kind}");
        for id in waiting {
            assert_eq!(error(&api.record(&id)), text, "{kind}");
        }
        assert_eq!(api.result("meet", &json!({"name": "next"})), json!({"allowed": "true"}));
    }
}
