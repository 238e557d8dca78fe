//! Triggers that are being fired while the server is killed.
//!
//! What must hold at the end: every fire whose id a client was given has a record; no rule was fired twice for one fire,
//! and what a record says was started is there.

use oxiwhisk_test_e2e::api::id_of;
use oxiwhisk_test_e2e::{Api, Options, Server, server, time};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Clients that fire at the same time, and how often each does.
const CLIENTS: u64 = 4;
const FIRES: u64 = 60;
/// After so many fires the server is killed, each time.
const KILL_AT: [u64; 3] = [40, 100, 170];
/// The rules of the trigger.
const RULES: [&str; 2] = ["fires-r1", "fires-r2"];
/// What one page of a list holds.
const PAGE: usize = 200;

#[test]
fn trg_11_trg_12_fires_outlive_the_server_and_fire_no_rule_twice() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { port: Some(server::free_port()), ..Options::in_dir(dir.path()) };
    let mut running = Server::start(&options);
    let api = Api::guest(&running);
    let put = |path: &str, body: &Value| {
        let answer = api.send("PUT", path, Some(body));
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    put("/triggers/fires", &json!({}));
    for rule in RULES {
        api.put_code(
            &format!("{rule}-action"),
            "nodejs:default",
            "function main({nonce}) { return {nonce} }",
        );
        let action = format!("/_/{rule}-action");
        put(&format!("/rules/{rule}"), &json!({"trigger": "/_/fires", "action": action}));
    }
    let accepted = storm(&options, &mut running);
    api.reset();
    println!("{} fires were accepted", accepted.len());
    // Each kill costs every client one answer at the most.
    assert!(accepted.len() as u64 >= CLIENTS * (FIRES - KILL_AT.len() as u64));
    let mut started = BTreeSet::new();
    for record in accepted.iter().map(|id| api.record(id)) {
        let lines: Vec<Value> = record["logs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| serde_json::from_str(line.as_str().unwrap()).unwrap())
            .collect();
        assert_eq!(lines.len(), RULES.len(), "{record}");
        for line in lines {
            assert_eq!(line["success"], true, "{record}");
            let id = line["activationId"].as_str().unwrap().to_owned();
            let activation = api.record(&id);
            assert_eq!(line["action"], format!("guest/{}", activation["name"].as_str().unwrap()));
            assert!(started.insert(id), "two fires have one activation: {record}");
        }
    }
    for rule in RULES {
        no_nonce_twice(&api, &format!("{rule}-action"));
    }
}

/// All clients fire, while the server is killed and started again. Gives the fires whose ids they were given.
fn storm(options: &Options, running: &mut Server) -> BTreeSet<String> {
    let address = running.address();
    let (fired, accepted) = (AtomicU64::new(0), Mutex::new(BTreeSet::new()));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (fired, accepted) = (&fired, &accepted);
            scope.spawn(move || {
                let api = Api::new(address, oxiwhisk_test_e2e::GUEST);
                for number in 0..FIRES {
                    let payload = json!({"nonce": format!("{client}-{number}")});
                    // Without an answer nobody knows what became of the fire.
                    match api.try_send("POST", "/triggers/fires", Some(&payload)) {
                        Ok(answer) if answer.status == 202 => {
                            accepted.lock().expect("no client failed").insert(id_of(&answer.json()));
                        }
                        Ok(answer) => panic!("{} {}", answer.status, answer.text()),
                        Err(_) => time::eventually("the next server", || {
                            api.reset();
                            api.try_send("GET", "/triggers", None).ok().map(drop)
                        }),
                    }
                    fired.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for kill_at in KILL_AT {
            time::eventually("fires", || (fired.load(Ordering::SeqCst) >= kill_at).then_some(()));
            running.kill();
            *running = Server::start(options);
        }
    });
    accepted.into_inner().expect("no client failed")
}

/// No two activations of the action were given the same nonce.
fn no_nonce_twice(api: &Api, action: &str) {
    let mut seen = BTreeSet::new();
    for page in 0.. {
        let target = format!("/activations?name={action}&docs=true&limit={PAGE}&skip={}", page * PAGE);
        let answer = api.send("GET", &target, None).json();
        let records = answer.as_array().expect("a list");
        for record in records {
            let result = &record["response"]["result"];
            // What was running when the server was killed has no result any more.
            if let Some(nonce) = result["nonce"].as_str() {
                assert!(seen.insert(nonce.to_owned()), "{action} ran twice for {nonce}");
            }
        }
        if records.len() < PAGE {
            break;
        }
    }
}
