//! Sequences and compositions across the end of the whole server.

use oxiwhisk_test_e2e::api::annotation;
use oxiwhisk_test_e2e::{Api, Options, Server, time};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many are begun before the server is killed.
const BEGUN: usize = 24;

/// Takes a moment, so that the server is killed in the middle of some.
const STEP: &str =
    "async function main({n}) { await new Promise(done => setTimeout(done, 40)); return {n: n + 1} }";

const CONDUCTOR: &str = "function main({n, from}) { from = from || n; return n < from + 3 ? {action: 'step', params: {n}, state: {from}} : {n} }";

#[test]
fn seq_17_con_15_after_kill_9_each_has_one_record_and_no_part_ran_twice() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::in_dir(dir.path());
    let mut server = Server::start(&options);
    let api = Api::guest(&server);
    api.put_code("step", "nodejs:default", STEP);
    let components = ["/_/step", "/_/step", "/_/step"];
    api.put("sequence", &json!({"exec": {"kind": "sequence", "components": components}}));
    let conductor = json!({"kind": "nodejs:default", "code": CONDUCTOR});
    let annotations = json!([{"key": "conductor", "value": true}]);
    api.put("composition", &json!({"exec": conductor, "annotations": annotations}));
    let begin = |at: usize| {
        let name = if at.is_multiple_of(2) { "sequence" } else { "composition" };
        (api.start(name, &json!({"n": at})), at)
    };
    let begun: Vec<(String, usize)> = (0..BEGUN).map(begin).collect();
    // Some have ended and some have not.
    time::eventually("the end of some", || api.record_now(&begun[BEGUN / 4].0));
    server.kill();

    let server = Server::start(&options);
    let api = Api::guest(&server);
    let mut lost = 0;
    for (id, at) in &begun {
        let record = api.record(id);
        let is_composition = !at.is_multiple_of(2);
        assert_eq!(annotation(&record, "kind"), Some(&json!("sequence")), "{record:#}");
        assert_eq!(annotation(&record, "conductor").is_some(), is_composition);
        if record["response"]["success"] == true {
            assert_eq!(record["response"]["result"], json!({"n": at + 3}));
            assert_eq!(record["logs"].as_array().unwrap().len(), if is_composition { 7 } else { 3 });
        } else {
            lost += 1;
            let text = record["response"]["result"]["error"].as_str().unwrap();
            assert!(text.contains("The server stopped while this activation was running."), "{text}");
        }
    }
    println!("{lost} of {BEGUN} were on their way when the server was killed");
    let records = all_records(&api);
    for (id, at) in &begun {
        let own = records.iter().filter(|record| record["activationId"] == **id);
        assert_eq!(own.count(), 1);
        // Each step of one is told by its result.
        let mut results: BTreeMap<String, usize> = BTreeMap::new();
        let caused = |record: &&Value| record["cause"] == **id && record["name"] == "step";
        for part in records.iter().filter(caused) {
            *results.entry(part["response"]["result"].to_string()).or_default() += 1;
        }
        assert!(results.values().all(|count| *count == 1), "{id} ({at}): {results:?}");
    }
}

fn all_records(api: &Api) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let path = format!("/activations?docs=true&limit=200&skip={}", all.len());
        let page: Vec<Value> =
            serde_json::from_value(api.send("GET", &path, None).json()).expect("a list of records");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
