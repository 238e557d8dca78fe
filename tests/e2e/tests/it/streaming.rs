//! Web actions that stream, with curl, and functions that wait for what the reader does.

use oxiwhisk_test_e2e::{Api, Options, Server};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Gives `first`, waits for a run that releases it, gives `second`.
const WAITING: [(&str, &str); 2] = [
    (
        "nodejs:default",
        "let go;
        async function* body() { yield 'first\\n'; await new Promise(done => { go = done }); yield Buffer.from('second\\n'); }
        function main({step}) {
            if (step === 'release') { if (go) go(); return {released: Boolean(go)} }
            return {statusCode: 207, headers: {'content-type': 'text/event-stream', 'x-own': 'yes'}, body: body()};
        }",
    ),
    (
        "python:default",
        "import threading
free = threading.Event()
def body():
    yield 'first\\n'
    free.wait()
    yield b'second\\n'
def main(args):
    if args.get('step') == 'release':
        free.set()
        return {'released': True}
    return {'statusCode': 207, 'headers': {'content-type': 'text/event-stream', 'x-own': 'yes'}, 'body': body()}
",
    ),
];

/// Never ends by itself; fails, or waits for ever, after some chunks.
const ENDLESS: [(&str, &str); 2] = [
    (
        "nodejs:default",
        "async function* body(args) {
            for (let n = 0; ; n++) {
                yield `${n}\\n`;
                if (n === 3 && args.what === 'fail') throw new Error('broke off');
                if (n === 3 && args.what === 'hang') await new Promise(() => {});
                if (n === 9 && args.what === 'end') return;
            }
        }
        function main(args) { return {body: body(args)} }",
    ),
    (
        "python:default",
        "import time
def body(what):
    n = 0
    while True:
        yield '%d\\n' % n
        if n == 3 and what == 'fail': raise ValueError('broke off')
        if n == 3 and what == 'hang': time.sleep(100)
        if n == 9 and what == 'end': return
        n += 1
def main(args): return {'body': body(args.get('what'))}
",
    ),
];

/// A curl that prints status and headers, and the body as it comes.
struct Curl {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    head: Vec<String>,
}

impl Curl {
    fn get(server: &Server, path: &str, accept: &str) -> Curl {
        let url = format!("http://{}/api/v1/web/guest/default/{path}", server.address());
        let accept = format!("Accept: {accept}");
        let mut command = Command::new("curl");
        command.args(["-s", "-N", "-i", "--max-time", "60", "-H", &accept, &url]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("curl");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut curl = Curl { child, lines, head: Vec::new() };
        while let Some(line) = curl.line().filter(|line| !line.trim().is_empty()) {
            curl.head.push(line.trim().to_ascii_lowercase());
        }
        curl
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn id(&self) -> String {
        self.header("x-openwhisk-activation-id").expect("HTTP-19").to_owned()
    }

    fn line(&mut self) -> Option<String> {
        self.lines.next().map(|line| line.expect("text"))
    }

    /// The rest of the body, and how curl ended: 0 when the response was whole.
    fn rest(mut self) -> (Vec<String>, Option<i32>) {
        let lines = std::iter::from_fn(|| self.line()).collect();
        (lines, self.child.wait().expect("curl can be waited for").code())
    }
}

impl Drop for Curl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn web(kind: &str, code: &str, limits: &Value) -> Value {
    let annotations = json!([{"key": "web-export", "value": true}]);
    json!({"exec": {"kind": kind, "code": code}, "limits": limits, "annotations": annotations})
}

fn result(record: &Value) -> &Value {
    &record["response"]["result"]
}

#[test]
fn a_chunk_is_there_before_the_function_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&Options::default().config(dir.path(), "[limits.concurrency]\nmax = 10\n"));
    let api = Api::guest(&server);
    for (kind, code) in WAITING {
        api.put("wait", &web(kind, code, &json!({"concurrency": 2})));
        let mut curl = Curl::get(&server, "wait", "*/*");
        assert!(curl.head[0].contains(" 207"), "{:?}", curl.head);
        assert!(curl.header("content-type").unwrap().starts_with("text/event-stream"));
        assert_eq!((curl.header("x-own"), curl.header("transfer-encoding")), (Some("yes"), Some("chunked")));
        assert_eq!(curl.header("access-control-allow-origin"), Some("*"), "WEB-10");
        let id = curl.id();
        assert_eq!(curl.line().as_deref(), Some("first"));
        assert!(api.record_now(&id).is_none(), "it has not ended");
        // Only now can the function go on.
        assert_eq!(api.result("wait", &json!({"step": "release"})), json!({"released": true}));
        assert_eq!(curl.rest(), (vec!["second".to_owned()], Some(0)));
        let expected = json!({"statusCode": 207, "headers": {"content-type": "text/event-stream", "x-own": "yes"},
            "streamed": {"bytes": 13, "complete": true}});
        assert_eq!(*result(&api.record(&id)), expected, "{kind}");
    }
}

#[test]
fn every_end_of_a_stream_has_its_record() {
    let server = Server::start(&Options::default());
    let api = Api::guest(&server);
    for (kind, code) in ENDLESS {
        api.put("endless", &web(kind, code, &json!({"timeout": 3000})));
        let mut curl = Curl::get(&server, "endless", "*/*");
        let id = curl.id();
        for n in 0..20 {
            assert_eq!(curl.line(), Some(n.to_string()), "{kind}");
        }
        drop(curl);
        let record = api.record(&id);
        assert_eq!(record["response"]["success"], true, "{record:#}");
        assert_eq!(result(&record)["streamed"]["complete"], false, "the client went away: {record:#}");

        for (what, text) in [("fail", "broke off"), ("hang", "exceeded its time limits of 3000 milliseconds")]
        {
            let curl = Curl::get(&server, &format!("endless?what={what}"), "*/*");
            let id = curl.id();
            let (lines, code) = curl.rest();
            assert_eq!(lines, ["0", "1", "2", "3"], "{kind} {what}");
            assert_ne!(code, Some(0), "the client sees that the rest is missing");
            let error = result(&api.record(&id))["error"].clone();
            assert!(error.to_string().contains(text), "{kind} {what}: {error}");
        }

        let refused = Curl::get(&server, "endless", "image/png");
        assert!(refused.head[0].contains(" 406"), "WEB-37 {:?}", refused.head);
        assert_eq!(result(&api.record(&refused.id()))["streamed"]["complete"], false);

        // Whoever does not come as the web gets all of it.
        let whole = api.result("endless", &json!({"what": "end"}));
        assert_eq!(whole, json!({"body": "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"}), "{kind}");
    }
}

#[test]
fn a_stream_that_the_server_does_not_survive_has_its_record_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(&Options::in_dir(dir.path()));
    let api = Api::guest(&server);
    let (kind, code) = ENDLESS[0];
    api.put("endless", &web(kind, code, &json!({})));
    let mut curl = Curl::get(&server, "endless?what=hang", "*/*");
    let id = curl.id();
    assert_eq!(curl.line().as_deref(), Some("0"));
    server.kill();
    drop(curl);
    let server = Server::start(&Options::in_dir(dir.path()));
    let record = Api::guest(&server).record(&id);
    assert_eq!(record["response"]["status"], "whisk internal error", "{record:#}");
}
