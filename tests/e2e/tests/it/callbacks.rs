//! Completion callbacks with a real receiver: it fails first and takes it then, also when the server dies in between.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may as well panic")]

use oxiwhisk_test_e2e::api::{GUEST, basic};
use oxiwhisk_test_e2e::{Api, Client, Options, Request, Server, server, time};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What a receiver got.
#[derive(Debug)]
struct Call {
    headers: Vec<(String, String)>,
    body: String,
}

impl Call {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no {name} in {:?}", self.headers), |(_, value)| value)
    }
}

/// Listens at that port and answers with those statuses, the last one from then on.
fn receiver(port: u16, statuses: &'static [u16]) -> Receiver<Call> {
    // A server that was killed may have left connections to this port behind.
    let listener =
        time::eventually("the port is free", || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    let (sender, calls) = channel();
    std::thread::spawn(move || {
        let last = statuses.last().copied().unwrap_or(200);
        let statuses = statuses.iter().copied().chain(std::iter::repeat(last));
        for (status, stream) in statuses.zip(listener.incoming()) {
            if sender.send(answer(stream.unwrap(), status)).is_err() {
                return;
            }
        }
    });
    calls
}

fn answer(stream: TcpStream, status: u16) -> Call {
    let mut stream = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None if line.trim_end().is_empty() => break,
            // The first line.
            None => {}
        }
    }
    let mut call = Call { headers, body: String::new() };
    let length: u64 = call.header("content-length").parse().unwrap();
    (&mut stream).take(length).read_to_string(&mut call.body).unwrap();
    let text = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n");
    stream.get_mut().write_all(text.as_bytes()).unwrap();
    call
}

fn invoke(address: SocketAddr, port: u16) -> String {
    let request = Request::new("POST", "/api/v1/namespaces/_/actions/hello")
        .header("Authorization", &basic(GUEST))
        .header("X-OW-Callback", &format!("http://localhost:{port}/done?from=oxiwhisk"))
        .json(&json!({"name": "you"}));
    let answer = Client::new(address).send(&request).unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["activationId"].as_str().unwrap().to_owned()
}

const HELLO: &str = "function main({name}) { return {hello: name} }";

/// Whether the documented function takes the signature, run by the interpreter that it is written for.
fn verified_by(language: &str, call: &Call, secret: &str) -> bool {
    let (program, option, use_it) = match language {
        "js" => ("node", "-e", NODE),
        _ => ("python3", "-c", PYTHON),
    };
    let status = Command::new(program)
        .args([option, &documented(language, use_it)])
        .env("SECRET", secret)
        .env("SIGNATURE", call.header("x-ow-signature"))
        .env("BODY", &call.body)
        .status();
    status.unwrap().success()
}

/// Uses the documented function: each snippet of `docs/invoking.md` in that language, with a call of it after it.
fn documented(language: &str, call: &str) -> String {
    let page = include_str!("../../../../docs/invoking.md");
    let begin = format!("```{language}\n");
    let snippet = page.split_once(&begin).and_then(|(_, rest)| rest.split_once("```"));
    format!("{}\n{call}\n", snippet.unwrap_or_else(|| panic!("no {language} in the page")).0)
}

const NODE: &str = "const { SECRET, SIGNATURE, BODY } = process.env\n\
                    process.exit(isGenuine(SECRET, SIGNATURE, BODY) ? 0 : 1)";

const PYTHON: &str = "import os, sys\n\
                      it = [os.environ[name] for name in ('SECRET', 'SIGNATURE', 'BODY')]\n\
                      sys.exit(0 if is_genuine(it[0].encode(), it[1], it[2].encode()) else 1)";

#[test]
fn a_receiver_that_fails_first_gets_the_record_in_the_end() {
    let server = Server::start(&Options::default());
    let api = Api::guest(&server);
    api.put_code("hello", "nodejs:default", HELLO);
    let port = server::free_port();
    let calls = receiver(port, &[503, 302, 200]);
    let id = invoke(server.address(), port);
    for attempt in ["1", "2", "3"] {
        let call = calls.recv_timeout(time::PATIENCE).unwrap();
        assert_eq!((call.header("x-openwhisk-activation-id"), call.header("x-ow-attempt")), (&*id, attempt));
        let record: Value = serde_json::from_str(&call.body).unwrap();
        assert_eq!(record["response"]["result"], json!({"hello": "you"}));
        let secret = api.send("GET", "/callbacks", None).json()["secret"].as_str().unwrap().to_owned();
        for language in ["js", "python"] {
            assert!(verified_by(language, &call, &secret), "{language}");
            assert!(!verified_by(language, &call, "another secret"), "{language}");
        }
    }
    let shown = time::eventually("it is settled", || {
        let shown = api.send("GET", "/callbacks", None).json()["callbacks"][0].clone();
        (shown["state"] == "delivered").then_some(shown)
    });
    assert_eq!((&shown["activationId"], &shown["tries"]), (&json!(id), &json!(3)));
}

#[test]
fn a_callback_outlives_the_server_between_the_end_and_the_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::in_dir(dir.path());
    let mut server = Server::start(&options);
    let api = Api::guest(&server);
    api.put_code("hello", "nodejs:default", HELLO);
    // Nobody listens there yet.
    let port = server::free_port();
    let ids: Vec<String> = (0..5).map(|_| invoke(server.address(), port)).collect();
    time::eventually("each was tried once", || {
        let shown = api.send("GET", "/callbacks", None).json();
        let tried =
            shown["callbacks"].as_array().unwrap().iter().filter(|one| one["tries"].as_u64() > Some(0));
        (tried.count() == ids.len()).then_some(())
    });
    server.kill();
    let calls = receiver(port, &[200]);
    let server = Server::start(&options);
    let mut told: Vec<String> = ids
        .iter()
        .map(|_| calls.recv_timeout(time::PATIENCE).unwrap().header("x-openwhisk-activation-id").to_owned())
        .collect();
    told.sort();
    let mut expected = ids;
    expected.sort();
    assert_eq!(told, expected);
    // And not once more.
    let api = Api::guest(&server);
    time::eventually("none is pending", || {
        let shown = api.send("GET", "/callbacks", None).json();
        shown["callbacks"].as_array().unwrap().iter().all(|one| one["state"] == "delivered").then_some(())
    });
    assert!(calls.recv_timeout(Duration::from_millis(200)).is_err());
}

#[test]
fn addresses_that_only_the_server_reaches_are_refused_where_others_reach_the_server() {
    let options = Options { host: Some("0.0.0.0".to_owned()), ..Options::default() };
    let dir = tempfile::tempdir().unwrap();
    let key = format!("{}:{}", "11111111-2222-3333-4444-555555555555", "k".repeat(64));
    let options = options.config(dir.path(), &format!("[users]\nme = \"{key}\"\n"));
    let server = Server::start(&options);
    let api = Api::new(server.address(), &key);
    api.put_code("hello", "nodejs:default", HELLO);
    let ask = |url: &str| {
        let request = Request::new("POST", "/api/v1/namespaces/_/actions/hello")
            .header("Authorization", &basic(&key))
            .header("X-OW-Callback", url);
        Client::new(server.address()).send(&request).unwrap()
    };
    let refused = ask("http://169.254.169.254/latest/meta-data");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("callbacks to 169.254.169.254 are not allowed"), "{}", refused.text());
    // A name is judged when it is called.
    let port = server::free_port();
    let calls = receiver(port, &[200]);
    assert_eq!(ask(&format!("http://localhost:{port}/")).status, 202);
    let error = time::eventually("it was tried", || {
        let shown = api.send("GET", "/callbacks", None).json();
        shown["callbacks"][0]["error"].as_str().map(str::to_owned)
    });
    assert!(error.ends_with("are not allowed"), "{error}");
    assert!(calls.try_recv().is_err());
}
