//! Web actions on the wire, where a client's library would hide what is sent.

use oxiwhisk_test_e2e::{Api, Options, Server};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a request on a connection of its own, and gives all that comes back.
fn exchange(server: &Server, method: &str, target: &str, host: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("the request goes out");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer comes");
    String::from_utf8(answer).expect("a text")
}

/// A server with a web action `says` that answers what it is told to.
fn server(options: &Options) -> Server {
    let server = Server::start(options);
    let code = "function main(args) { return args.result || {body: args.__ow_path} }";
    let action = json!({
        "exec": {"kind": "nodejs:default", "code": code},
        "annotations": [{"key": "web-export", "value": true}],
    });
    assert_eq!(Api::guest(&server).send("PUT", "/actions/says", Some(&action)).status, 200);
    server
}

#[test]
fn web_30_web_36_what_stands_on_the_wire() {
    let server = server(&Options::default());
    let says = |method: &str, result: &str| {
        let body = format!("{{\"result\":{result}}}");
        exchange(&server, method, "/api/v1/web/guest/default/says", "localhost", &body)
    };
    let unknown = says("POST", r#"{"statusCode":444,"body":"x"}"#);
    assert!(unknown.starts_with("HTTP/1.1 444 \r\n"), "{unknown}");
    assert!(unknown.ends_with("\r\n\r\nx"), "{unknown}");
    let known = says("POST", r#"{"statusCode":"418","body":"x"}"#);
    assert!(known.starts_with("HTTP/1.1 418 I'm a teapot\r\n"), "{known}");
    let empty = says("POST", "{}");
    assert!(empty.starts_with("HTTP/1.1 204 No Content\r\n"), "{empty}");
    assert!(empty.ends_with("\r\n\r\n") && !empty.contains("content-length"), "{empty}");
    // A body has a GET too, and a HEAD gets all but the body.
    let got = says("GET", r#"{"body":"from a body"}"#);
    assert!(got.ends_with("\r\n\r\nfrom a body"), "{got}");
    let head = says("HEAD", r#"{"body":"from a body"}"#);
    assert!(head.contains("content-length: 11\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    // An action has no say in how its answer is framed.
    let framed =
        says("POST", r#"{"headers":{"content-length":1,"transfer-encoding":"chunked"},"body":"whole"}"#);
    assert!(framed.contains("content-length: 5\r\n") && framed.ends_with("\r\n\r\nwhole"), "{framed}");
}

#[test]
fn web_42_a_namespace_has_a_host_of_its_own() {
    let options = Options::default().argument("--set").argument("controller.vanity_hosts=[\"oxi.example\"]");
    let server = server(&options);
    let get = |host: &str, target: &str| exchange(&server, "GET", target, host, "");
    let found = get("guest.OXI.example:443", "/default/says.text/a");
    assert!(found.starts_with("HTTP/1.1 200 OK\r\n") && found.ends_with("\r\n\r\n/a"), "{found}");
    assert!(get("guest.oxi.example", "/").starts_with("HTTP/1.1 404 "));
    assert!(get("guest.oxi.example", "/ping").starts_with("HTTP/1.1 404 "));
    assert!(get("oxi.example", "/ping").starts_with("HTTP/1.1 200 "));
}
