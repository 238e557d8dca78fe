//! Bad input of every kind over raw sockets: each gets the documented answer, and the next request is served.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may as well panic")]

use oxiwhisk_test_e2e::api::{GUEST, basic};
use oxiwhisk_test_e2e::processes;
use oxiwhisk_test_e2e::{Api, Client, Options, Request, Server, time};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// How long any of these answers may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Everything that comes until the server closes the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        // A server that has seen enough may break the connection off while more is on its way.
        Err(problem) => assert_eq!(problem.kind(), std::io::ErrorKind::ConnectionReset, "{problem}"),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends that and gives back what came.
fn talk(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    // The server may have answered and closed before all of it was sent.
    let _ = stream.write_all(bytes);
    rest(stream)
}

/// The same, saying that nothing more will come.
fn break_off(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    rest(stream)
}

fn is_served(server: &Server) {
    let answer = Client::new(server.address()).send(&Request::new("GET", "/ping")).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "pong"));
    assert_eq!(Api::guest(server).send("GET", "/actions", None).status, 200);
}

/// A request with the guest's key whose connection ends with the answer.
fn request(first: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let authorization = basic(GUEST);
    let head = format!(
        "{first} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {authorization}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// An invocation with that as its body.
fn invocation(body: &[u8]) -> Vec<u8> {
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    request("POST /api/v1/namespaces/_/actions/echo?blocking=true&result=true", &headers, body)
}

/// Sends each, compares the status and a part of the answer, and sees to it that the next request is served.
#[track_caller]
fn check(server: &Server, cases: &[(&str, Vec<u8>, u16, &str)]) {
    for (what, bytes, status, part) in cases {
        let answer = talk(server, bytes);
        let expected = [format!("HTTP/1.1 {status} "), format!("HTTP/1.0 {status} ")];
        let fits = expected.iter().any(|first| answer.starts_with(first)) && answer.contains(part);
        assert!(fits, "{what}: {status} with {part:?} expected, got {answer:?}");
        is_served(server);
    }
}

#[test]
fn http_18_what_is_no_request_is_refused() {
    let server = Server::start(&Options::default());
    let get = |first: &str, headers: &str| request(first, headers, b"");
    let many: String = (0..1000).map(|at| format!("X-{at}: y\r\n")).collect();
    check(
        &server,
        &[
            ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400, ""),
            ("a text", b"HELLO\r\n\r\n".to_vec(), 400, ""),
            ("a version that is none", b"GET /ping HTTP/9.9\r\n\r\n".to_vec(), 400, ""),
            ("HTTP/1.0", b"GET /ping HTTP/1.0\r\n\r\n".to_vec(), 200, "pong"),
            ("a NUL in the target", b"GET /pi\0ng HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 400, ""),
            ("a NUL in a header", get("GET /ping", "X: a\0b\r\n"), 400, ""),
            ("a folded header", get("GET /ping", "X: a\r\n b\r\n"), 400, ""),
            ("a header without a name", get("GET /ping", ": x\r\n"), 400, ""),
            ("a blank before the colon", get("GET /ping", "X : y\r\n"), 400, ""),
            ("a thousand headers", get("GET /ping", &many), 431, ""),
            ("a header of a megabyte", get("GET /ping", &format!("X: {}\r\n", "y".repeat(1 << 20))), 431, ""),
            (
                "a target that is too long",
                get(&format!("GET /api/v1/namespaces/_/actions/{}", "a".repeat(8200)), ""),
                414,
                "exceeds the limit of 8192 characters",
            ),
            ("a target of a megabyte", get(&format!("GET /{}", "a".repeat(1 << 20)), ""), 431, ""),
            ("the star", get("OPTIONS *", ""), 404, "could not be found"),
        ],
    );
}

#[test]
fn http_22_http_25_err_10_targets_are_taken_apart_with_care() {
    let server = Server::start(&Options::default());
    let get = |path: &str, headers: &str| request(&format!("GET /api/v1/namespaces/{path}"), headers, b"");
    let illegal = "The name of the entity contains illegal characters.";
    let nowhere = "The requested resource could not be found.";
    check(
        &server,
        &[
            ("a percent sign alone", get("_/actions/a%", ""), 400, illegal),
            ("digits that are none", get("_/actions/a%zz", ""), 400, illegal),
            ("a NUL", get("_/actions/a%00b", ""), 400, illegal),
            ("broken UTF-8", get("_/actions/a%ff%fe", ""), 400, illegal),
            ("a way up", get("_/actions/..%2f..%2fetc", ""), 400, illegal),
            ("two slashes", get("_//actions", ""), 404, nowhere),
            ("an empty name", get("_/actions//", ""), 404, nowhere),
            ("too many segments", get("_/actions/a/b/c", ""), 404, nowhere),
            ("a bad namespace", get("%20/actions", ""), 400, "The namespace contains illegal characters."),
            ("a bad query", get("_/actions?limit=%ff", ""), 400, "is not an integer for actions."),
            (
                "another type",
                get("_/actions", "Accept: text/xml\r\n"),
                406,
                "only available with these types",
            ),
            ("both", get("_/actions/a%00b", "Accept: text/xml\r\n"), 406, "only available with these types"),
        ],
    );
}

#[test]
fn http_23_err_12_lengths_that_are_wrong() {
    let server = Server::start(&Options::default());
    let api = Api::guest(&server);
    api.put_code("echo", "nodejs:default", "function main(args) { return args }");
    let post = |headers: &str, body: &[u8]| {
        let headers = format!("Content-Type: application/json\r\n{headers}");
        request("POST /api/v1/namespaces/_/actions/echo?blocking=true&result=true", &headers, body)
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    let incomplete = "The request was not sent completely.";
    check(
        &server,
        &[
            ("no number", post("Content-Length: x\r\n", b"{}"), 400, ""),
            ("a negative one", post("Content-Length: -2\r\n", b"{}"), 400, ""),
            ("one of 26 digits", post(&format!("Content-Length: {}\r\n", "9".repeat(26)), b"{}"), 400, ""),
            ("two that differ", post("Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"), 400, ""),
            ("a size that is none", post(chunked, b"ZZ\r\n{}\r\n0\r\n\r\n"), 400, incomplete),
            ("a size that is too great", post(chunked, b"fffffffffffffffff\r\n{}"), 400, incomplete),
            ("another encoding", post("Transfer-Encoding: gzip\r\n", b"{}"), 400, ""),
            ("good chunks", post(chunked, b"6\r\n{\"a\":1\r\n1\r\n}\r\n0\r\n\r\n"), 200, "{\"a\":1}"),
            // Before any of it was sent.
            (
                "more than may be",
                post("Content-Length: 60000000\r\n", b""),
                413,
                "Request larger than allowed: 60000000 > 52428800 bytes.",
            ),
            (
                "more than an activation takes, announced first",
                post("Expect: 100-continue\r\nContent-Length: 2000000\r\n", b""),
                413,
                "Request larger than allowed: 2000000 > 1048576 bytes.",
            ),
            (
                "more than an activation takes",
                post("Content-Length: 2000000\r\n", &vec![b' '; 2_000_000]),
                413,
                "Request larger than allowed: 2000000 > 1048576 bytes.",
            ),
            ("announced first", post("Expect: 100-continue\r\nContent-Length: 2\r\n", b"{}"), 100, "200 OK"),
        ],
    );
    for half in [post("Content-Length: 100\r\n", b"{\"a\":"), post(chunked, b"5\r\n{}")] {
        let answer = break_off(&server, &half);
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(incomplete), "{answer}");
        // And one that goes away without a word.
        let mut gone = connect(&server);
        gone.write_all(&half).unwrap();
        drop(gone);
        is_served(&server);
    }
}

#[test]
fn http_24_inv_02_err_13_bodies_that_are_wrong() {
    let server = Server::start(&Options::default());
    let api = Api::guest(&server);
    api.put_code("echo", "nodejs:default", "function main(args) { return args }");
    let malformed = "The request content was malformed:";
    let object = "JSON object expected";
    let deep = |open: &str, close: &str| {
        let middle = if close == "}" { "1" } else { "" };
        [open.repeat(100_000), middle.to_owned(), close.repeat(100_000)].concat().into_bytes()
    };
    let put = |body: Vec<u8>| {
        let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        request("PUT /api/v1/namespaces/_/actions/deep", &headers, &body)
    };
    let code = r#""exec":{"kind":"nodejs:default","code":"x"}"#;
    let annotated = |value: Vec<u8>| {
        let before = format!(r#"{{{code},"annotations":[{{"key":"a","value":"#);
        put([before.as_bytes(), &value, b"}]}"].concat())
    };
    let typed = request(
        "POST /api/v1/namespaces/_/actions/echo",
        "Content-Type: text/xml\r\nContent-Length: 4\r\n",
        b"<a/>",
    );
    check(
        &server,
        &[
            ("an array", invocation(b"[1]"), 400, object),
            ("a number", invocation(b"1"), 400, object),
            ("half a text", invocation(b"{\"a\":\"b"), 400, malformed),
            ("what follows", invocation(b"{} {}"), 400, malformed),
            ("a byte order mark", invocation(b"\xef\xbb\xbf{}"), 400, malformed),
            ("broken UTF-8", invocation(b"{\"a\":\"\xff\"}"), 400, malformed),
            ("a NUL", invocation(b"{\"a\":\"\0\"}"), 400, malformed),
            ("a number that is none", invocation(b"{\"a\":NaN}"), 400, malformed),
            ("a great number", invocation(b"{\"a\":1e999}"), 200, ""),
            // The function's own parser decides: the last one counts.
            ("a key that stands twice", invocation(br#"{"a":1,"a":2}"#), 200, r#"{"a":2}"#),
            ("deep arrays", invocation(&deep("[", "]")), 400, object),
            ("deep objects without an end", invocation(&deep("{\"a\":", "")), 400, malformed),
            ("another type", typed, 415, "Expected:\napplication/json".replace('\n', "\\n").leak()),
            ("a wrong type of a field", put(br#"{"exec":1}"#.to_vec()), 400, malformed),
            ("deep annotations", annotated(deep("[", "]")), 200, ""),
            ("deep annotations without an end", annotated(deep("[", "")), 400, malformed),
        ],
    );
    // A function may not cope with it, which is its own fault; the server does.
    let answer = talk(&server, &invocation(&deep("{\"a\":", "}")));
    assert!(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 502 "), "{:.300}", answer);
    is_served(&server);
    // What was stored that deep can be read, listed and deleted.
    assert_eq!(api.send("GET", "/actions/deep", None).status, 200);
    api.delete("deep");
}

#[test]
fn http_23_slow_clients_are_given_up_and_disturb_nobody() {
    let server = Server::start(&Options::default().argument("--set").argument("server.idle_timeout=2s"));
    let started = time::now();
    let mut heads: Vec<TcpStream> = (0..50).map(|_| connect(&server)).collect();
    for stream in &mut heads {
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: ").unwrap();
    }
    let mut body = connect(&server);
    let headers = "Content-Type: application/json\r\nContent-Length: 100\r\n";
    body.write_all(&request("POST /api/v1/namespaces/_/actions/a", headers, b"{\"a\":")).unwrap();
    // A drop now and then does not help a head.
    let mut dripping = connect(&server);
    let dripped = time::poll(LIMIT, || {
        is_served(&server);
        dripping.write_all(b"x").is_err().then_some(())
    });
    assert!(dripped.is_some(), "a head that never ends is read for ever");
    for stream in heads {
        rest(stream);
    }
    assert!(started.elapsed() < LIMIT);
    let late = rest(body);
    assert!(
        late.starts_with("HTTP/1.1 408 ") && late.contains("The request was not sent in time."),
        "{late}"
    );
}

#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let server = Server::start(&Options::default());
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    let last = "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let all = format!("{}{}{}{last}", one("/ping"), one("/nowhere"), one("/ping"));
    let answer = talk(&server, all.as_bytes());
    let statuses: Vec<&str> =
        answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "404", "200", "200"], "{answer}");
    is_served(&server);
}

#[test]
fn ten_thousand_idle_connections_cost_little_and_disturb_nobody() {
    const MANY: usize = 10_000;
    let server = Server::start(&Options::default());
    let api = Api::guest(&server);
    api.put_code("echo", "nodejs:default", "function main(args) { return args }");
    assert_eq!(api.result("echo", &json!({"n": 1})), json!({"n": 1}));
    let before = processes::resident_bytes(server.pid());
    let mut idle: Vec<TcpStream> = (0..MANY).map(|_| connect(&server)).collect();
    // Half of them have been used.
    for stream in idle.iter_mut().step_by(2) {
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 1024];
        let count = stream.read(&mut answer).unwrap();
        assert!(answer[..count].starts_with(b"HTTP/1.1 200"));
    }
    for n in 0..20 {
        assert_eq!(api.result("echo", &json!({"n": n})), json!({"n": n}));
    }
    let each = processes::resident_bytes(server.pid()).saturating_sub(before) / MANY as u64;
    println!("an idle connection takes {each} bytes of the server");
    assert!(each < 24 << 10, "an idle connection takes {each} bytes");
    drop(idle);
    is_served(&server);
}
