//! `wsk dev`: a save is live, runs are shown with their places, and a server that goes away comes back.

use oxiwhisk_test_e2e::{Api, Options, Server, Wsk};
use serde_json::json;

/// A function that answers `version`.
fn function(version: u32) -> String {
    format!(
        "function main(p) {{ console.log('version {version}'); return {{ version: {version}, got: p.n }} }}\n"
    )
}

#[test]
fn a_save_is_live_and_a_run_shows_result_and_logs() {
    let server = Server::start(&Options::default());
    let (wsk, api) = (Wsk::guest(&server), Api::guest(&server));
    wsk.write("hello.js", &function(1));
    let mut dev = wsk.dev(&["hello.js", "--web", "true"]);
    assert_eq!(dev.hears("created")["name"], "hello");
    assert!(dev.hears("url")["url"].as_str().unwrap().ends_with("/web/guest/default/hello"));
    assert_eq!(dev.hears("watching")["actions"], json!(["hello"]));

    dev.types("hello {\"n\": 7}");
    assert_eq!(dev.hears("log")["line"], "version 1");
    assert_eq!(dev.hears("result")["result"], json!({"version": 1, "got": 7}));

    wsk.write("hello.js", &function(2));
    dev.hears("updated");
    assert_eq!(api.result("hello", &json!({}))["version"], 2);
    // It was invoked by somebody else.
    assert_eq!(dev.hears("log")["line"], "version 2");

    // An empty line is the same again.
    dev.types("");
    assert_eq!(dev.hears("result")["result"]["version"], 2);
    assert!(dev.quits().success());
    assert_eq!(api.result("hello", &json!({}))["version"], 2, "the action stays");
}

#[test]
fn errors_are_shown_where_they_happened() {
    let server = Server::start(&Options::default());
    let wsk = Wsk::guest(&server);
    wsk.write("src/bad.js", &function(1));
    wsk.write("src/odd.py", "def main(args):\n    return {'x': 1}\n");
    let mut dev = wsk.dev(&["src", "--clean"]);
    assert_eq!(dev.hears("watching")["actions"], json!(["bad", "odd"]));

    wsk.write("src/bad.js", "function main() {\n  return }}\n");
    let error = dev.hears("error");
    assert_eq!((error["file"].as_str(), error["line"].as_u64()), (Some("src/bad.js"), Some(2)));
    wsk.write("src/odd.py", "def main(args):\n    return (\n");
    let error = dev.hears("error");
    assert_eq!((error["file"].as_str(), error["line"].as_u64()), (Some("src/odd.py"), Some(2)));

    // A trace names the file of this machine.
    wsk.write("src/bad.js", "function main() {\n  throw new Error('here') }\n");
    dev.hears("updated");
    dev.types("bad");
    while !dev.hears("log")["line"].as_str().unwrap().contains("(src/bad.js:2:") {}
    assert_eq!(dev.hears("result")["status"], "action developer error");

    assert!(dev.quits().success());
    assert_eq!(wsk.json(&["action", "list"]), json!([]), "what was created is gone");
}

#[test]
fn a_server_that_comes_back_gets_what_changed_meanwhile() {
    let scratch = tempfile::tempdir().unwrap();
    let mut server = Server::start(&Options::in_dir(scratch.path()));
    let wsk = Wsk::guest(&server);
    wsk.write("hello.js", &function(1));
    let mut dev = wsk.dev(&["hello.js"]);
    dev.hears("watching");
    let port = server.address().port();
    server.kill();
    assert!(dev.hears("message")["message"].as_str().unwrap().contains("does not answer"));
    wsk.write("hello.js", &function(2));
    let server = Server::start(&Options { port: Some(port), ..Options::in_dir(scratch.path()) });
    dev.hears("updated");
    assert_eq!(Api::guest(&server).result("hello", &json!({}))["version"], 2);
    assert!(dev.quits().success());
}

#[test]
fn a_project_is_deployed_and_follows_its_manifest_and_its_code() {
    let server = Server::start(&Options::default());
    let (wsk, api) = (Wsk::guest(&server), Api::guest(&server));
    let manifest = |actions: &str| {
        format!(
            "packages:\n  p:\n    actions:\n{actions}    triggers: {{t: {{}}}}\n    rules: {{r: {{trigger: t, action: a}}}}\n"
        )
    };
    let (a, b) = ("      a: {function: a.js, inputs: {n: 1}}\n", "      b: {function: lib}\n");
    wsk.write("a.js", &function(1));
    wsk.write("lib/package.json", "{\"main\": \"index.js\"}");
    wsk.write("lib/index.js", "exports.main = () => require('./more.js')\n");
    wsk.write("lib/more.js", "module.exports = {more: 1}\n");
    wsk.write("manifest.yaml", &manifest(&format!("{a}{b}")));
    let mut dev = wsk.dev(&["--clean"]);
    assert_eq!(dev.hears("watching")["actions"], json!(["p/a", "p/b"]));
    assert_eq!(api.result("p/b", &json!({})), json!({"more": 1}));

    wsk.write("lib/more.js", "module.exports = {more: 2}\n");
    assert_eq!(dev.hears("updated")["name"], "p/b");
    assert_eq!(api.result("p/b", &json!({})), json!({"more": 2}));

    wsk.write("manifest.yaml", &manifest(&a.replace("n: 1", "n: 5")));
    assert_eq!(dev.hears("updated")["name"], "p/a");
    assert_eq!(dev.hears("deleted")["name"], "p/b");
    assert_eq!(api.result("p/a", &json!({}))["got"], 5);

    wsk.write("manifest.yaml", "packages: [");
    assert!(dev.hears("error")["message"].as_str().unwrap().contains("manifest.yaml"));
    assert!(dev.quits().success());
    let left = wsk.json(&["namespace", "get"]);
    assert_eq!(left, json!({"actions": [], "packages": [], "rules": [], "triggers": []}));
}
