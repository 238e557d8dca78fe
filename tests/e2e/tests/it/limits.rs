//! Time, memory and size limits.

use oxiwhisk_test_e2e::api::{annotation, id_of};
use oxiwhisk_test_e2e::shape::assert_shape;
use oxiwhisk_test_e2e::{Api, Options, Server, time};
use serde_json::{Value, json};
use std::time::Duration;

/// The most that an invocation's body may have (LIM-02).
const LARGEST_PAYLOAD: usize = 1_048_576;

fn guest() -> (Server, Api) {
    let server = Server::start(&Options::default());
    let api = Api::guest(&server);
    (server, api)
}

/// A function that never ends when it is told so, by kind.
const ENDLESS: [(&str, &str); 4] = [
    ("nodejs:default", "function main({forever}) { while (forever); return {} }"),
    ("python:default", "def main(args):\n    while args.get('forever'): pass\n    return {}\n"),
    (
        "native:actionloop",
        "#!/bin/bash\nwhile IFS= read -r line; do case $line in *forever*) while :; do :; done;; *) echo {} >&3;; esac; \
         done\n",
    ),
    ("native:skeleton", "#!/bin/bash\ncase $1 in *forever*) while :; do :; done;; *) echo {};; esac\n"),
];

#[test]
fn cls_09_a_run_that_never_ends_is_stopped_at_its_limit() {
    let (_server, api) = guest();
    for (kind, code) in ENDLESS {
        let name = kind.replace(':', "-");
        api.put(&name, &json!({"exec": {"kind": kind, "code": code}, "limits": {"timeout": 500}}));
        assert_eq!(api.result(&name, &json!({})), json!({}), "{kind}");
        let answer = api.invoke(&name, &json!({"forever": true}));
        assert_eq!(answer.status, 502, "{kind}: {}", answer.text());
        let record = answer.json();
        assert_shape(
            &record["response"],
            &json!({"...": 0, "status": "action developer error",
                    "result": {"error": "The action exceeded its time limits of 500 milliseconds."}}),
        );
        assert_eq!(annotation(&record, "timeout"), Some(&Value::Bool(true)), "{kind}: {record:#}");
        let duration = record["duration"].as_u64().unwrap();
        assert!((500..5_000).contains(&duration), "{kind} ran {duration} ms");
        assert_eq!(api.result(&name, &json!({})), json!({}), "{kind}: a new container takes over");
    }
}

#[test]
fn cls_08_code_that_never_finishes_loading_is_stopped_at_its_limit() {
    let (_server, api) = guest();
    for (name, kind, code) in
        [("node", "nodejs:default", "while (true);"), ("python", "python:default", "while True: pass\n")]
    {
        api.put(name, &json!({"exec": {"kind": kind, "code": code}, "limits": {"timeout": 500}}));
        let record = api.invoke(name, &json!({})).json();
        assert_eq!(
            record["response"]["result"]["error"],
            "The action exceeded its time limits of 500 milliseconds during initialization.",
            "{kind}: {record:#}"
        );
        assert_eq!(annotation(&record, "timeout"), Some(&Value::Bool(true)), "{kind}");
    }
}

#[test]
fn cls_11_a_function_that_eats_its_memory_is_stopped_and_told_why() {
    let (_server, api) = guest();
    for (name, kind, code) in [
        (
            "node",
            "nodejs:default",
            "function main() { const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, kept.length)) }",
        ),
        (
            "python",
            "python:default",
            "def main(args):\n    kept = []\n    while True: kept.append(bytearray(b'x' * (8 << 20)))\n",
        ),
    ] {
        api.put(
            name,
            &json!({"exec": {"kind": kind, "code": code}, "limits": {"memory": 128, "timeout": 30_000}}),
        );
        let record = api.invoke(name, &json!({})).json();
        assert_eq!(record["response"]["status"], "action developer error", "{kind}: {record:#}");
        assert_eq!(
            record["response"]["result"]["error"], "The action exhausted its memory and was aborted.",
            "{kind}"
        );
    }
}

#[test]
fn lim_02_a_payload_of_exactly_one_mebibyte_passes_and_one_byte_more_does_not() {
    let (_server, api) = guest();
    for (name, kind, code) in [
        ("node", "nodejs:default", "function main({text}) { return {length: text.length} }"),
        ("python", "python:default", "def main(args):\n    return {'length': len(args['text'])}\n"),
    ] {
        api.put_code(name, kind, code);
        let around = r#"{"text":""}"#.len();
        let path = format!("/actions/{name}?blocking=true&result=true");
        let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(LARGEST_PAYLOAD - around));
        assert_eq!(body.len(), LARGEST_PAYLOAD);
        let answer = api.send_raw("POST", &path, &body);
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        assert_eq!(answer.json(), json!({"length": LARGEST_PAYLOAD - around}), "{kind}");

        let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(LARGEST_PAYLOAD - around + 1));
        let answer = api.send_raw("POST", &path, &body);
        assert_eq!(answer.status, 413, "{kind}");
        assert_shape(
            &answer.json(),
            &json!({"error": "Request larger than allowed: 1048577 > 1048576 bytes.", "code": "{string}",
                    "reason": "too_large", "size": 1_048_577, "allowed": 1_048_576}),
        );
    }
}

#[test]
fn cls_12_a_result_up_to_the_limit_is_whole_and_beyond_it_an_application_error() {
    let (_server, api) = guest();
    for (name, kind, code) in [
        ("node", "nodejs:default", "function main({length}) { return {text: 'x'.repeat(length)} }"),
        ("python", "python:default", "def main(args):\n    return {'text': 'x' * args['length']}\n"),
        (
            "shell",
            "native:skeleton",
            "#!/bin/sh\nlength=$(printf %s \"$1\" | sed 's/[^0-9]//g')\nprintf '{\"text\": \"'; head -c \"$length\" \
             /dev/zero | tr '\\0' x; printf '\"}\\n'\n",
        ),
    ] {
        api.put_code(name, kind, code);
        let large = LARGEST_PAYLOAD - 64;
        let result = api.result(name, &json!({"length": large}));
        assert_eq!(result["text"].as_str().map(str::len), Some(large), "{kind}");

        let answer = api.invoke(name, &json!({"length": LARGEST_PAYLOAD + 1000}));
        assert_eq!(answer.status, 502, "{kind}");
        let record = answer.json();
        assert_shape(
            &record["response"],
            &json!({"...": 0, "status": "application error",
                    "result": {"error": "{prefix:The action produced a response that exceeded the allowed length: 10}"}}),
        );
        assert_eq!(
            api.result(name, &json!({"length": 3})),
            json!({"text": "xxx"}),
            "{kind}: the container goes on"
        );
    }
}

#[test]
fn inv_07_a_wait_that_is_over_leaves_the_activation_running() {
    let (_server, api) = guest();
    let sleeper =
        "function main({ms}) { return new Promise(done => setTimeout(() => done({slept: ms}), ms)) }";
    api.put_code("sleeper", "nodejs:default", sleeper);
    let started = time::now();
    let answer = api.send("POST", "/actions/sleeper?blocking=true&timeout=200", Some(&json!({"ms": 2000})));
    assert_eq!(answer.status, 202);
    assert!(started.elapsed() < Duration::from_millis(1900), "it waited for {:?}", started.elapsed());
    let record = api.record(&id_of(&answer.json()));
    assert_eq!(record["response"]["result"], json!({"slept": 2000}));
    assert_eq!(record["response"]["success"], true);
}

#[test]
fn a_fork_bomb_harms_only_itself() {
    let (_server, api) = guest();
    let bomb = "#!/bin/bash\nbomb() { bomb | bomb & }; bomb; sleep 1; echo '{\"done\": true}'\n";
    api.put("bomb", &json!({"exec": {"kind": "native:skeleton", "code": bomb}, "limits": {"timeout": 3000}}));
    api.put_code("other", "nodejs:default", "function main() { return {fine: true} }");
    let id = api.start("bomb", &json!({}));
    for _ in 0..10 {
        assert_eq!(api.result("other", &json!({})), json!({"fine": true}));
    }
    assert!(api.record(&id)["end"].is_u64());
}
