//! `GET …/logs?follow=true` with curl, and real functions that wait for what the reader does.

use oxiwhisk_test_e2e::api::{GUEST, log_texts};
use oxiwhisk_test_e2e::{Api, Options, Server};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A run that waits logs its name, goes on when it is released, and logs that.
const ACTION: &str = "let go;
    function main({step, name}) {
        if (step === 'release') { go(); return {} }
        console.log(name);
        return new Promise(done => { go = done }).then(() => { console.log(name + ' goes on'); return {} });
    }";

/// A curl that prints what comes as it comes.
struct Curl {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Curl {
    fn follow(server: &Server, id: &str, accept: &str) -> Curl {
        let url =
            format!("http://{}/api/v1/namespaces/_/activations/{id}/logs?follow=true", server.address());
        let accept = format!("Accept: {accept}");
        let arguments = ["-sS", "-N", "--max-time", "60", "-u", GUEST, "-H", &accept, &url];
        let mut child = Command::new("curl").args(arguments).stdout(Stdio::piped()).spawn().expect("curl");
        let stdout = child.stdout.take().expect("a pipe");
        Curl { child, lines: BufReader::new(stdout).lines() }
    }

    fn line(&mut self) -> Option<String> {
        self.lines.next().map(|line| line.expect("text"))
    }
}

impl Drop for Curl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn lines_come_while_the_function_runs_one_at_a_time_or_beside_others() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&Options::default().config(dir.path(), "[limits.concurrency]\nmax = 10\n"));
    let api = Api::guest(&server);
    api.put(
        "wait",
        &json!({"exec": {"kind": "nodejs:default", "code": ACTION}, "limits": {"concurrency": 2}}),
    );
    let id = api.start("wait", &json!({"name": "first"}));
    let (mut text, mut events) =
        (Curl::follow(&server, &id, "*/*"), Curl::follow(&server, &id, "text/event-stream"));
    assert!(text.line().unwrap().ends_with(" stdout: first"));
    assert!(events.line().unwrap().ends_with(" stdout: first"));
    // Only now can the function end.
    api.result("wait", &json!({"step": "release"}));
    assert!(text.line().unwrap().ends_with(" stdout: first goes on"));
    assert_eq!(text.line(), None);
    let rest: Vec<String> = std::iter::from_fn(|| events.line()).collect();
    assert_eq!((&*rest[2], &*rest[3]), ("", "event: end"), "{rest:?}");
    assert!(rest[1].starts_with("data: ") && rest[1].ends_with(" stdout: first goes on"), "{rest:?}");

    // A run that is alone in its process, and that nobody follows to its end.
    let slow = "const fs = require('fs'); async function main() {
        console.log('before'); while (!fs.existsSync('/tmp/never')) await new Promise(done => setTimeout(done, 10)) }";
    let limits = json!({"exec": {"kind": "nodejs:default", "code": slow}, "limits": {"timeout": 3000}});
    api.put("alone", &limits);
    let id = api.start("alone", &json!({}));
    let mut curl = Curl::follow(&server, &id, "*/*");
    assert!(curl.line().unwrap().ends_with(" stdout: before"));
    drop(curl);
    let record = api.record(&id);
    assert_eq!(log_texts(&record)[0], "before");
    let mut curl = Curl::follow(&server, &id, "*/*");
    let after: Vec<String> = std::iter::from_fn(|| curl.line()).collect();
    assert_eq!(json!(after), record["logs"], "what has ended gives what is stored");
}
