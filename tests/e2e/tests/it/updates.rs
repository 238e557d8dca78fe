//! Actions that change or go while they run.

use oxiwhisk_test_e2e::{Api, Options, Server};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

fn guest() -> (Server, Api) {
    let server = Server::start(&Options::default());
    let api = Api::guest(&server);
    (server, api)
}

/// Answers with `version` after some time.
fn slow(version: u32, ms: u32) -> String {
    format!(
        "function main() {{ return new Promise(done => setTimeout(() => done({{version: {version}}}), {ms})) }}"
    )
}

#[test]
fn a_run_under_way_ends_with_the_code_it_began_with() {
    let (_server, api) = guest();
    api.put_code("changing", "nodejs:default", &slow(1, 1500));
    // Warm, so that the run begins at once.
    api.result("changing", &json!({}));
    let old = api.start("changing", &json!({}));
    api.put_code("changing", "nodejs:default", &slow(2, 0));
    let new = api.recorded("changing", &json!({}));
    assert_eq!(new["response"]["result"], json!({"version": 2}));
    assert_eq!(new["version"], "0.0.2");
    let old = api.record(&old);
    assert_eq!(old["response"]["result"], json!({"version": 1}));
    assert_eq!(old["version"], "0.0.1");
}

#[test]
fn an_invocation_after_an_update_never_meets_the_old_code() {
    const UPDATES: u32 = 15;
    let (_server, api) = guest();
    api.put_code("changing", "nodejs:default", &slow(1, 5));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let record = api.invoke("changing", &json!({})).json();
                    let told = record["response"]["result"]["version"].as_u64();
                    let version =
                        record["version"].as_str().and_then(|text| text.rsplit('.').next()?.parse().ok());
                    // What was accepted just before an update may run newer code, because the old is gone, and says so.
                    assert_eq!(told, version, "the record names another version than ran: {record:#}");
                }
            });
        }
        for version in 2..=UPDATES {
            api.put_code("changing", "nodejs:default", &slow(version, 5));
            assert_eq!(api.result("changing", &json!({})), json!({"version": version}));
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn deleting_an_action_leaves_one_record_for_everything_accepted() {
    let (_server, api) = guest();
    api.put("leaving", &json!({"exec": {"kind": "nodejs:default", "code": slow(1, 300)}}));
    api.result("leaving", &json!({}));
    let accepted: Vec<String> = (0..12).map(|_| api.start("leaving", &json!({}))).collect();
    api.delete("leaving");
    assert_eq!(api.send("POST", "/actions/leaving", None).status, 404);
    for id in &accepted {
        let response = api.record(id)["response"].take();
        let deleted = json!({"error": "Action could not be found or may have been deleted."});
        assert!(
            response["result"] == json!({"version": 1}) || response["result"] == deleted,
            "neither run nor refused (CLS-15): {response}"
        );
    }
    let listed = api.send("GET", "/activations?limit=200&name=leaving", None).json();
    let ids: Vec<&Value> = listed.as_array().unwrap().iter().map(|item| &item["activationId"]).collect();
    for id in &accepted {
        assert_eq!(ids.iter().filter(|listed| **listed == id).count(), 1, "{id}");
    }
}

#[test]
fn an_action_made_again_runs_its_new_code() {
    let (_server, api) = guest();
    for version in 1..=3 {
        api.put_code("again", "nodejs:default", &slow(version, 0));
        assert_eq!(api.result("again", &json!({})), json!({"version": version}));
        api.delete("again");
    }
}

#[test]
fn a_change_of_kind_is_an_update_like_any_other() {
    let (_server, api) = guest();
    api.put_code("kind", "nodejs:default", "function main() { return {by: 'node'} }");
    assert_eq!(api.result("kind", &json!({})), json!({"by": "node"}));
    api.put_code("kind", "python:default", "def main(args):\n    return {'by': 'python'}\n");
    assert_eq!(api.result("kind", &json!({})), json!({"by": "python"}));
}
