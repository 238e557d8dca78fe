//! PROXY-01 to PROXY-03, RUN and LOG with Node.js.

use super::support::{ACTIVATION, Bare, ENOUGH, LOG_LIMIT, RESULT_LIMIT};
use super::{VALUES, default_of, failure, init, init_folder, launch, of_length, same, specs};
use container::Answer;
use std::time::Duration;
use types::ByteSize;

async fn loaded(code: &str) -> Bare {
    super::loaded(default_of("nodejs"), code).await
}

#[tokio::test]
async fn every_version_runs_functions() {
    for spec in specs("nodejs") {
        let bare = super::loaded(spec, "const main = async args => { console.log('hi'); return args }").await;
        for value in VALUES {
            let result = bare.result(value).await;
            assert!(same(&result, value), "{result} for {value}");
            assert_eq!(bare.lines().await, ["out hi"]);
        }
    }
}

#[tokio::test]
async fn payloads_of_a_mebibyte_come_back_whole_whatever_the_way() {
    for code in ["function main(args) { return args }", "async function main(args) { return args }"] {
        let bare = loaded(code).await;
        let limit = usize::try_from(RESULT_LIMIT).unwrap();
        for length in [100, 65_535, 65_536, 65_537, limit] {
            let value = of_length(length);
            assert!(bare.result(&value).await == value, "{length}");
        }
    }
}

#[tokio::test]
async fn cls_12_a_longer_result_is_cut_and_counted() {
    let bare = loaded("function main(args) { return {data: 'x'.repeat(args.n)} }").await;
    for n in [1_048_566, 5_000_000] {
        let Answer::Reply { ok: true, body, cut_from: Some(length) } =
            bare.run(&format!("{{\"n\":{n}}}")).await
        else {
            panic!("not cut");
        };
        assert_eq!(length, n + 11);
        assert_eq!(body.len() as u64, RESULT_LIMIT);
    }
    assert_eq!(bare.result("{\"n\":1}").await, r#"{"data":"x"}"#, "the next run is as usual");
}

#[tokio::test]
async fn the_entry_point_may_be_declared_or_exported_in_any_way() {
    for (code, main) in [
        ("function main() { return {at: 1} }", "main"),
        ("const main = () => ({at: 1})", "main"),
        ("exports.main = () => ({at: 1})", "main"),
        ("module.exports = {main: () => ({at: 1})}", "main"),
        ("function niam() { return {at: 1} } // a comment at the end", "niam"),
        ("const h = {go: () => ({at: 1})}", "h.go"),
        ("exports.h = {go: () => ({at: 1})}", "h.go"),
        ("'use strict'; let main = function () { return {at: this === undefined ? 1 : 0} }", "main"),
        ("export function main() { return {at: 1} }", "main"),
        (
            "import fs from 'node:fs'; export const main = async () => ({at: fs.existsSync('/') ? 1 : 0})",
            "main",
        ),
        ("import fs from 'fs'; function main() { return {at: 1} }", "main"),
        ("const at = await Promise.resolve(1); export function main() { return {at} }", "main"),
        ("export default {main: () => ({at: 1})}", "main"),
        (
            "const crypto = require('crypto'); exports.main = () => ({at: crypto.randomBytes(1).length})",
            "main",
        ),
    ] {
        let bare = launch(default_of("nodejs"));
        assert_eq!(init(&bare, code, main).await, Ok(()), "{code}");
        assert_eq!(bare.result("{}").await, r#"{"at":1}"#, "{code}");
    }
}

#[tokio::test]
async fn proxy_02_what_cannot_be_loaded_says_why() {
    let start = "Initialization has failed due to: ";
    for (code, main, text) in [
        ("function main( {", "main", "SyntaxError"),
        ("function other() {}", "main", "Action entrypoint 'main' is not a function."),
        ("const main = 3", "main", "Action entrypoint 'main' is not a function."),
        ("function main() {}", "main()", "Name of main function is not valid."),
        ("throw new Error('at load')", "main", "Error: at load"),
        ("require('nothing-like-it')", "main", "Cannot find module 'nothing-like-it'"),
        ("export function main( {", "main", "SyntaxError"),
        ("import x from 'nothing-like-it'; export function main() {}", "main", "nothing-like-it"),
    ] {
        let bare = launch(default_of("nodejs"));
        let error = init(&bare, code, main).await.unwrap_err();
        assert!(error.starts_with(start) && error.contains(text), "{code}: {error}");
        assert!(bare.lines().await.iter().any(|line| line.contains("Error during initialization:")));
    }
}

#[tokio::test]
async fn proxy_01_calls_out_of_order_are_refused() {
    let bare = launch(default_of("nodejs"));
    assert_eq!(failure(&bare, "{}").await, "System not initialized.");
    assert_eq!(init(&bare, "", "main").await.unwrap_err(), "Missing main/no code to execute.");
    assert_eq!(init(&bare, "function main() {}", "main").await, Ok(()));
    let twice = init(&bare, "function main() {}", "main").await;
    assert_eq!(twice.unwrap_err(), "Cannot initialize the action more than once.");
    assert_eq!(bare.result("{}").await, "{}");
}

#[tokio::test]
async fn proxy_02_results_and_failures() {
    let bare = loaded(
        "function main({what}) { switch (what) {
            case 'undefined': return;
            case 'text': return 'x';
            case 'number': return 7;
            case 'function': return main;
            case 'null': return null;
            case 'array': return [1];
            case 'circular': { const c = {}; c.c = c; return c }
            case 'bigint': return {n: 1n};
            case 'error': return {error: 'sorry'};
            case 'throw': throw new Error('oops');
            case 'reject': return Promise.reject({code: 7});
            case 'reject text': return Promise.reject('why');
            case 'reject nothing': return Promise.reject();
            case 'reject error': return Promise.reject(Object.assign(new TypeError('no'), {code: 'E', deep: {f() {}}}));
            case 'resolve undefined': return Promise.resolve();
            case 'resolve text': return Promise.resolve('x');
            case 'thenable': return {then(done) { setTimeout(done, 1, {late: true}) }};
        } }",
    )
    .await;
    for (what, expected) in [
        ("undefined", "+{}"),
        ("text", r#"-{"error":"The action did not return a dictionary."}"#),
        ("number", r#"-{"error":"The action did not return a dictionary."}"#),
        ("function", r#"-{"error":"The action did not return a dictionary."}"#),
        ("null", "+null"),
        ("array", "+[1]"),
        ("error", r#"+{"error":"sorry"}"#),
        ("throw", r#"-{"error":"An error has occurred: Error: oops"}"#),
        ("reject", r#"+{"error":{"code":7}}"#),
        ("reject text", r#"+{"error":"why"}"#),
        ("reject nothing", r#"+{"error":{}}"#),
        ("resolve undefined", "+{}"),
        ("resolve text", r#"-{"error":"The action did not return a dictionary."}"#),
        ("thenable", r#"+{"late":true}"#),
    ] {
        assert_eq!(marked(&bare, what).await, expected, "{what}");
    }
    let error = marked(&bare, "reject error").await;
    assert!(error.starts_with(r#"+{"error":{"name":"TypeError","message":"no","stack":"#), "{error}");
    assert!(error.ends_with(r#""code":"E","deep":{}}}"#), "{error}");
    for what in ["circular", "bigint"] {
        assert!(marked(&bare, what).await.starts_with(r#"-{"error":"An error has occurred: TypeError"#));
    }
    bare.logs().await;
    marked(&bare, "throw").await;
    assert!(bare.lines().await[0].starts_with("err Error: oops"));
}

/// The answer with its mark.
async fn marked(bare: &Bare, what: &str) -> String {
    match bare.run(&format!(r#"{{"what":"{what}"}}"#)).await {
        Answer::Reply { ok, body, .. } => format!("{}{}", if ok { '+' } else { '-' }, super::text(&body)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn run_04_run_07_the_environment_is_set_at_init_and_for_each_run() {
    let bare = loaded(
        "const early = process.env.SECRET + process.env.__OW_NAMESPACE;
         function main() { const e = process.env; return {early, id: e.__OW_ACTIVATION_ID, name: e.__OW_ACTION_NAME,
            version: e.__OW_ACTION_VERSION, deadline: e.__OW_DEADLINE, tid: e.__OW_TRANSACTION_ID,
            path: typeof e.PATH, foreign: e.NODE_EXTRA_CA_CERTS} }",
    )
    .await;
    let expected = r#"{"early":"42guest","id":"00ff","name":"/guest/hello","version":"0.0.1","deadline":"17","tid":"tid","path":"string"}"#;
    assert_eq!(bare.result("{}").await, expected);
    let mut request = super::support::request("{}");
    request.context[3].1 = "11aa".into();
    let Answer::Reply { body, .. } = bare.session.run(&request, ENOUGH).await else { panic!() };
    assert!(super::text(&body).contains(r#""id":"11aa""#));
}

#[tokio::test]
async fn proxy_03_archives() {
    let package = r#"{"main":"lib/start.js"}"#;
    let module = r#"{"type":"module","main":"start.js"}"#;
    let exporting = "exports.main = () => ({at: require('dep').at, here: require('fs').existsSync('data')})";
    let dep = ("node_modules/dep/index.js", "exports.at = 1");
    for (files, main) in [
        (vec![("index.js", exporting), dep, ("data", "")], "main"),
        (vec![("package.json", package), ("lib/start.js", exporting), dep, ("data", "")], "main"),
        (vec![("package.json", "{}"), ("index.js", exporting), dep, ("data", "")], "main"),
        (vec![("other.js", exporting), dep, ("data", "")], "other.main"),
        (
            vec![
                ("package.json", module),
                (
                    "start.js",
                    "import {at} from 'dep'; import {here} from './b.js'; export const main = () => ({at, here})",
                ),
                ("b.js", "import fs from 'fs'; export const here = fs.existsSync('data')"),
                ("node_modules/dep/package.json", r#"{"type":"module","exports":"./x.js"}"#),
                ("node_modules/dep/x.js", "export const at = 1"),
                ("data", ""),
            ],
            "main",
        ),
        (
            vec![
                ("index.mjs", "import dep from 'dep'; export const main = () => ({at: dep.at, here: true})"),
                dep,
            ],
            "main",
        ),
        (
            vec![("package.json", "{}"), ("index.js", "export const main = () => ({at: 1, here: true})")],
            "main",
        ),
    ] {
        let bare = launch(default_of("nodejs"));
        let (_folder, loaded) = init_folder(&bare, &files, main).await;
        assert_eq!(loaded, Ok(()), "{files:?}");
        assert_eq!(bare.result("{}").await, r#"{"at":1,"here":true}"#, "{files:?}");
    }
    for (files, text) in [
        (vec![("main.js", "")], "Zipped actions must contain either package.json or index.js at the root."),
        (vec![("index.js", "exports.other = 1")], "Action entrypoint 'main' is not a function."),
        (vec![("package.json", r#"{"main":"gone.js"}"#)], "Cannot find module"),
    ] {
        let bare = launch(default_of("nodejs"));
        let (_folder, loaded) = init_folder(&bare, &files, "main").await;
        let error = loaded.unwrap_err();
        assert!(error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn log_10_each_run_has_its_own_lines() {
    let bare = loaded(
        "let n = 0; console.log('loading');
         function main() { n += 1; console.log('a' + n); console.error('b' + n); process.stdout.write('no end');
            setImmediate(() => console.error('after ' + n)); return {} }",
    )
    .await;
    assert_eq!(bare.lines().await, ["out loading"]);
    bare.result("{}").await;
    let first = bare.lines().await;
    // What comes after the answer may be seen with this run or with the next one.
    let late = first.iter().any(|line| line.ends_with("after 1"));
    for line in ["out a1", "out no end", "err b1"] {
        assert!(first.contains(&line.to_owned()), "{first:?}");
    }
    bare.result("{}").await;
    let second = bare.lines().await;
    assert!(second.contains(&"out a2".to_owned()), "{second:?}");
    assert!(late || second.contains(&"err after 1".to_owned()), "{second:?}");
}

#[tokio::test]
async fn cls_09_an_endless_loop_is_given_up_and_its_log_is_kept() {
    let bare = loaded("function main() { console.log('before'); for (;;) {} }").await;
    assert_eq!(bare.run_within("{}", Duration::from_millis(300)).await, Answer::TimedOut);
    assert_eq!(bare.lines().await, ["out before"]);
    assert!(matches!(bare.run("{}").await, Answer::Exited { .. }), "the session is spent");
}

#[tokio::test]
async fn a_promise_that_nothing_would_resolve_waits_for_its_limit() {
    let bare = loaded("function main() { return new Promise(() => {}) }").await;
    assert_eq!(bare.run_within("{}", Duration::from_millis(200)).await, Answer::TimedOut);
}

#[tokio::test]
async fn cls_10_exits_and_crashes_are_seen() {
    for code in [
        "function main() { console.log('bye'); process.exit(3) }",
        "async function main() { console.log('bye'); process.exit(3) }",
        "function main() { console.log('bye'); process.kill(process.pid, 'SIGKILL'); return new Promise(() => {}) }",
        "function main() { console.log('bye'); setTimeout(() => { throw new Error('late') }, 1); return new Promise(() => {}) }",
        "function main() { console.log('bye'); Promise.reject(new Error('x')); return new Promise(() => {}) }",
    ] {
        let bare = loaded(code).await;
        assert!(matches!(bare.run("{}").await, Answer::Exited { .. }), "{code}");
        assert_eq!(bare.lines().await[0], "out bye", "{code}");
    }
    let bare = launch(default_of("nodejs"));
    let error = init(&bare, "process.exit(1)", "main").await.unwrap_err();
    assert!(error.starts_with("Exited"), "{error}");
}

#[tokio::test]
async fn an_exception_after_the_answer_ends_the_process_but_not_the_answer() {
    let mut bare =
        loaded("function main() { setTimeout(() => { throw new Error('late') }, 5); return {ok: 1} }").await;
    assert_eq!(bare.result("{}").await, r#"{"ok":1}"#);
    assert_eq!(bare.exit_code(), Some(1));
    assert!(matches!(bare.run("{}").await, Answer::Exited { .. }));
    assert!(bare.lines().await.iter().any(|line| line.contains("Error: late")));
}

#[tokio::test]
async fn what_runs_in_the_background_goes_on_between_runs() {
    let bare = loaded(
        "let ticks = 0; setInterval(() => { ticks += 1 }, 1);
         function main({wait}) { return {ticks} }",
    )
    .await;
    let ticks =
        |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap()["ticks"].as_u64().unwrap();
    let first = ticks(bare.result("{}").await);
    let deadline = tokio::time::Instant::now() + ENOUGH;
    // Not one tick for each run, but as many as time allows: some pass while nothing is asked.
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if ticks(bare.result("{}").await) >= first + 5 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the timer starves");
    }
    let value = of_length(300_000);
    assert!(bare.result(&value).await.contains("ticks"), "large commands come through the event loop too");
}

#[tokio::test]
async fn log_05_a_flood_never_holds_the_function_up() {
    let bare = loaded(
        "function main({lines}) { const line = 'x'.repeat(1023) + '\\n';
            for (let i = 0; i < lines; i++) process.stdout.write(line); return {done: true} }",
    )
    .await;
    // 100 MB through a pipe of 64 KiB.
    assert_eq!(bare.result(r#"{"lines":100000}"#).await, r#"{"done":true}"#);
    let logs = bare.session.logs(ACTIVATION, ByteSize::bytes(LOG_LIMIT)).await;
    assert!(logs.truncated);
    let kept: usize = logs.lines.iter().map(|line| line.text.len() + 40).sum();
    assert!(kept as u64 <= LOG_LIMIT && kept as u64 > LOG_LIMIT - 2000, "{kept}");
    bare.result(r#"{"lines":1}"#).await;
    assert_eq!(bare.lines().await.len(), 1, "the next run starts afresh");
}

#[tokio::test]
async fn the_function_cannot_reach_the_wire_by_accident() {
    let bare = loaded(
        "const fs = require('fs');
         function main() { console.log('+{\"fake\":true}'); return {stdin: fs.readFileSync(0).length} }",
    )
    .await;
    assert_eq!(bare.result("{}").await, r#"{"stdin":0}"#);
    let bare = loaded(
        "JSON.parse = JSON.stringify = () => 'no'; require('fs').writeSync = require('fs').readSync = null;
         function main() { return {fine: true} }",
    )
    .await;
    assert_eq!(bare.result("{}").await, r#"{"fine":true}"#);
    assert_eq!(bare.result("{}").await, r#"{"fine":true}"#);
}

#[tokio::test]
async fn a_runtime_may_answer_before_it_has_read_everything_and_logs_while_it_reads() {
    // A megabyte out while a megabyte comes in, and a log that fills its pipe on the way.
    let bare = loaded(
        "function main(args) { for (let i = 0; i < 300; i++) console.log('y'.repeat(1000)); return args }",
    )
    .await;
    let value = of_length(1 << 20);
    assert!(bare.result(&value).await == value);
    assert_eq!(bare.lines().await.len(), 300);
}
