//! The older designs as settings: real functions under `sharding` with several invokers, and under `lean`.

use oxiwhisk_test_e2e::api::{annotation, basic};
use oxiwhisk_test_e2e::{Api, Client, Options, Request, Server, time};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Who may disable invokers here.
const OPERATOR: &str = "operator:password";

/// Four invokers of 512 MB each.
const SHARDING: &str = "[controller]\nbalancer = \"sharding\"\n[invoker]\ninstances = 4\nmemory = \"2 GB\"\n\
                        [operators]\ninvoker = \"operator:password\"\n[runtimes.stem_cells]\n";
/// One invoker of 512 MB.
const LEAN: &str = "[controller]\nbalancer = \"lean\"\n[invoker]\nmemory = \"512 MB\"\n\
                    [operators]\ninvoker = \"operator:password\"\n[runtimes.stem_cells]\n";
const PULL: &str = "[invoker]\ninstances = 4\nmemory = \"2 GB\"\n\
                    [operators]\ninvoker = \"operator:password\"\n[runtimes.stem_cells]\n";

const CODE: &str =
    "function main({ms = 0, nonce}) { return new Promise(done => setTimeout(() => done({nonce}), ms)) }";

/// A server with that configuration, whose data outlives it.
fn started(dir: &Path, config: &str) -> (Options, Server, Api) {
    let options = Options::in_dir(&dir.join("data")).config(dir, config);
    let server = Server::start(&options);
    let api = Api::guest(&server);
    (options, server, api)
}

fn put(api: &Api, name: &str, memory: u64) {
    let exec = json!({"kind": "nodejs:default", "code": CODE});
    api.put(name, &json!({"exec": exec, "limits": {"memory": memory}}));
}

fn operate(server: &Server, method: &str, path: &str) -> Value {
    let request = Request::new(method, path).header("Authorization", &basic(OPERATOR));
    let answer = Client::new(server.address()).send(&request).expect("the server answers");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    if method == "GET" { answer.json() } else { Value::Null }
}

/// On which invokers that action has containers.
fn homes(server: &Server, action: &str) -> BTreeSet<String> {
    let pool = operate(server, "GET", "/admin/v1/invoker/pool");
    let containers = pool["containers"].as_array().expect("a list of containers");
    let own = containers.iter().filter(|one| one["action"] == format!("guest/{action}"));
    own.map(|one| one["invoker"].as_str().expect("the name of an invoker").to_owned()).collect()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("action{number}")).collect()
}

#[test]
fn d1_every_action_has_one_home_among_the_invokers() {
    let dir = tempfile::tempdir().unwrap();
    let (_, server, api) = started(dir.path(), SHARDING);
    let up = json!({"invoker0": "up", "invoker1": "up", "invoker2": "up", "invoker3": "up"});
    assert_eq!(operate(&server, "GET", "/invokers"), up);
    let names = names(6);
    let mut all = BTreeSet::new();
    for name in &names {
        put(&api, name, 128);
        assert_eq!(api.result(name, &json!({"nonce": name})), json!({"nonce": name}));
        let homes = homes(&server, name);
        assert_eq!(homes.len(), 1, "{homes:?}");
        all.extend(homes);
    }
    assert!(all.len() > 1, "all actions are at {all:?}");
    for name in &names {
        let record = api.recorded(name, &json!({"nonce": 1}));
        assert_eq!(annotation(&record, "initTime"), None, "its home has it warm: {record:#}");
    }
    assert_eq!(operate(&server, "GET", "/pool")["memory"], 2048);
}

#[test]
fn d2_an_invoker_that_takes_nothing_is_passed_by_until_a_test_action_has_run_there() {
    let dir = tempfile::tempdir().unwrap();
    let (_, server, api) = started(dir.path(), SHARDING);
    let name = "moving";
    put(&api, name, 128);
    api.result(name, &json!({"nonce": 1}));
    let home = homes(&server, name).pop_first().expect("it has run somewhere");
    let number = home.trim_start_matches("invoker");
    operate(&server, "POST", &format!("/admin/v1/invoker/{number}/disable"));
    assert_eq!(api.result(name, &json!({"nonce": 2})), json!({"nonce": 2}), "at another invoker");
    time::eventually("it counts as down", || {
        (operate(&server, "GET", "/invokers")[&home] == "down").then_some(())
    });
    assert!(!homes(&server, name).contains(&home));
    operate(&server, "POST", &format!("/admin/v1/invoker/{number}/enable"));
    time::eventually("it has passed its test", || {
        (operate(&server, "GET", "/invokers")[&home] == "up").then_some(())
    });
    api.result(name, &json!({"nonce": 3}));
    assert!(homes(&server, name).contains(&home), "it is its home again");
}

#[test]
fn d4_two_actions_with_room_for_one_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let (_, server, api) = started(dir.path(), LEAN);
    put(&api, "a", 512);
    put(&api, "b", 512);
    for nonce in 0..4 {
        for name in ["a", "b"] {
            let record = api.recorded(name, &json!({"nonce": nonce}));
            assert_eq!(record["response"]["result"], json!({"nonce": nonce}));
            assert!(annotation(&record, "initTime").is_some(), "the other one had its place: {record:#}");
        }
    }
    assert_eq!(operate(&server, "GET", "/invokers"), json!({"invoker0": "up"}));
}

/// Everything that was accepted ends in a record, and what had not begun is run after a crash.
fn survives_a_crash(config: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let (options, mut server, api) = started(dir.path(), config);
    let names = names(3);
    for name in &names {
        put(&api, name, 256);
        api.result(name, &json!({"nonce": "warm"}));
    }
    // Far more than there is room for at once.
    let mut accepted = Vec::new();
    for round in 0..8 {
        for name in &names {
            let nonce = format!("{name}-{round}");
            accepted.push((api.start(name, &json!({"ms": 700, "nonce": nonce})), nonce));
        }
    }
    time::eventually("some of them have ended", || api.record_now(&accepted[0].0));
    server.kill();

    let server = Server::start(&options);
    let api = Api::guest(&server);
    let (mut ran, mut lost) = (0, 0);
    for (id, nonce) in &accepted {
        let response = api.record(id)["response"].take();
        if response["success"] == true {
            assert_eq!(response["result"], json!({"nonce": nonce}), "{response}");
            ran += 1;
        } else {
            assert_eq!(response["status"], "whisk internal error", "{response}");
            lost += 1;
        }
    }
    // No more were running than there is room for.
    assert!(lost <= 8, "{lost} were lost, {ran} ran");
}

#[test]
fn accepted_activations_survive_a_crash_under_sharding() {
    survives_a_crash(SHARDING);
}

#[test]
fn accepted_activations_survive_a_crash_under_lean() {
    survives_a_crash(LEAN);
}

#[test]
fn accepted_activations_survive_a_crash_with_several_pulling_invokers() {
    survives_a_crash(PULL);
}

#[test]
fn every_activation_of_a_burst_ends_in_its_own_record() {
    for config in [SHARDING, LEAN] {
        let dir = tempfile::tempdir().expect("a directory");
        let (_, server, api) = started(dir.path(), config);
        let names = names(5);
        names.iter().for_each(|name| put(&api, name, 256));
        std::thread::scope(|scope| {
            let (api, names) = (&api, &names);
            for client in 0..6 {
                scope.spawn(move || {
                    for call in 0..10 {
                        let nonce = format!("{client}-{call}");
                        let name = &names[(client + call) % names.len()];
                        assert_eq!(api.result(name, &json!({"nonce": nonce})), json!({"nonce": nonce}));
                    }
                });
            }
        });
        assert_eq!(operate(&server, "GET", "/activation/count"), 0);
    }
}
