//! Triggers and what firing them does (section TRG).

use crate::kit::{Answer, Kit, OTHER, Script, credentials, eventually};
use controller::{Config, Recovered};
use rpc::Refusal;
use secrets::Secrets;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use store::{ActivationStore, Intent};
use types::{ActivationId, StatusCode, UserLimits};

const NOT_HERE: &str = "The requested resource does not exist.";

/// A rule of the guest from trigger `t`, which is made if it is not there.
async fn rule(kit: &Kit, name: &str, action: &str) {
    kit.put("/triggers/t", "{}").await;
    let made =
        kit.put(&format!("/rules/{name}"), &format!(r#"{{"trigger":"/_/t","action":"{action}"}}"#)).await;
    assert_eq!(made.status, 200, "{}", made.text);
}

async fn deactivate(kit: &Kit, name: &str) {
    let answer = kit.post(&format!("/rules/{name}"), r#"{"status":"inactive"}"#).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
}

/// The trigger's record, which comes a moment after the answer (TRG-17).
async fn record(kit: &Kit, fired: &Answer) -> Value {
    assert_eq!(fired.status, 202, "{}", fired.text);
    let id = fired.activation();
    assert_eq!(fired.json, json!({"activationId": id}));
    eventually("the end of the fire", || kit.activations.intents.lock().is_empty()).await;
    let record = kit.get(&format!("/activations/{id}")).await;
    assert_eq!(record.status, 200, "{}", record.text);
    record.json
}

/// The log lines of a trigger's record, read.
fn lines(record: &Value) -> Vec<Value> {
    let logs = record["logs"].as_array().unwrap();
    logs.iter().map(|line| serde_json::from_str(line.as_str().unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn trg_01_trg_02_a_trigger_is_created() {
    let kit = Kit::new().await;
    let made = kit.put("/triggers/t", "{}").await;
    let plain = json!({"namespace": "guest", "name": "t", "parameters": [], "limits": {}, "version": "0.0.1",
        "publish": false, "annotations": [], "updated": made.json["updated"]});
    assert_eq!((made.status, &made.json), (200, &plain));
    assert_eq!(kit.get("/triggers/t").await.json, plain);
    kit.put("/triggers/t", "{}").await.is_error(409, "resource already exists");
    let body = r#"{"parameters":[{"key":"a","value":1}],"limits":{},"version":"1.0.0","publish":true,"annotations":[{"key":"k","value":2}],"x":1}"#;
    let full = kit.put("/triggers/u", body).await;
    assert_eq!((&full.json["version"], &full.json["publish"]), (&json!("1.0.0"), &json!(true)));
    assert_eq!(full.json["parameters"], json!([{"key": "a", "value": 1}]));
}

#[tokio::test]
async fn trg_03_trg_04_an_update_replaces_what_it_names_and_keeps_the_rules() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.put("/triggers/t", r#"{"parameters":[{"key":"a","value":1}],"annotations":[{"key":"k","value":1}]}"#)
        .await;
    rule(&kit, "r", "/_/a").await;
    let kept = kit.put("/triggers/t?overwrite=true", "{}").await;
    let rules = json!({"guest/r": {"action": {"path": "guest", "name": "a"}, "status": "active"}});
    assert_eq!((&kept.json["version"], &kept.json["rules"]), (&json!("0.0.2"), &rules));
    assert_eq!(kept.json["parameters"], json!([{"key": "a", "value": 1}]));
    let body = r#"{"parameters":[],"annotations":[{"key":"l","value":2}]}"#;
    let replaced = kit.put("/triggers/t?overwrite=true", body).await;
    assert_eq!(replaced.json["parameters"], json!([]));
    assert_eq!(replaced.json["annotations"], json!([{"key": "l", "value": 2}]));
    assert_eq!(replaced.json["rules"], rules);
    deactivate(&kit, "r").await;
    assert_eq!(kit.get("/triggers/t").await.json["rules"]["guest/r"]["status"], "inactive");
}

#[tokio::test]
async fn trg_05_a_feed_has_a_name() {
    let kit = Kit::new().await;
    let feed = |value: &str| format!(r#"{{"annotations":[{{"key":"feed","value":{value}}}]}}"#);
    for (at, good) in ["\"/whisk.system/alarms/alarm\"", "\"ns/feed\"", "\"feed\""].iter().enumerate() {
        assert_eq!(kit.put(&format!("/triggers/t{at}"), &feed(good)).await.status, 200, "{good}");
    }
    for bad in ["true", "\"\"", "\"a$/b\"", "{}"] {
        kit.put("/triggers/bad", &feed(bad)).await.is_error(400, "Feed name is not valid");
    }
    assert_eq!(kit.put("/triggers/t0?overwrite=true", &feed("true")).await.status, 200);
}

#[tokio::test]
async fn trg_06_a_trigger_is_deleted() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    rule(&kit, "r", "/_/a").await;
    let deleted = kit.own("DELETE", "/triggers/t").send().await;
    assert_eq!((deleted.status, &deleted.json["name"]), (200, &json!("t")));
    kit.own("DELETE", "/triggers/t").send().await.is_error(404, NOT_HERE);
    assert_eq!(kit.get("/rules/r").await.json["status"], "inactive");
    kit.post("/triggers/t", "{}").await.is_error(404, NOT_HERE);
}

#[tokio::test]
async fn list_08_auth_11_triggers_are_listed_for_their_owner() {
    let kit = Kit::new().await;
    kit.put("/triggers/t", r#"{"parameters":[{"key":"a","value":1}]}"#).await;
    let listed = kit.get("/triggers").await;
    let summary = json!({"namespace": "guest", "name": "t", "version": "0.0.1", "publish": false,
        "annotations": [], "updated": listed.json[0]["updated"]});
    assert_eq!(listed.json, json!([summary]));
    assert_eq!(kit.get("/triggers?count=true").await.json, json!({"triggers": 1}));
    for method in ["GET", "PUT", "DELETE", "POST"] {
        let path = "/api/v1/namespaces/guest/triggers/t";
        let refused = kit.request(method, path).key(OTHER).json("{}").send().await;
        refused.is_error(403, "The supplied authentication is not authorized to access 'guest/t'.");
    }
    let refused = kit.request("GET", "/api/v1/namespaces/guest/triggers").key(OTHER).send().await;
    refused.is_error(403, "The supplied authentication is not authorized to access 'guest'.");
}

#[tokio::test]
async fn trg_07_trg_18_what_is_no_fire() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    rule(&kit, "r", "/_/a").await;
    let malformed = "The request content was malformed:\nJSON object expected";
    kit.post("/triggers/t", "[1]").await.is_error(400, malformed);
    assert_eq!(kit.post("/triggers/t/x", "{}").await.status, 404);
    assert_eq!(kit.own("POST", "/triggers/t").send().await.status, 202);
    assert_eq!(kit.post("/triggers/t?blocking=true", "{}").await.status, 202);
    // LIM-03: size is checked before it is looked for.
    let great = format!(r#"{{"x":"{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(kit.post("/triggers/none", &great).await.status, 413);
    kit.action("guest/other", "").await;
    let other_kind = "Resource by this name exists but is not in this collection.";
    kit.post("/triggers/other", "{}").await.is_error(409, other_kind);
}

#[tokio::test]
async fn trg_08_without_an_active_rule_nothing_happens() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.put("/triggers/t", "{}").await;
    let nothing = async || {
        let fired = kit.post("/triggers/t", "{}").await;
        assert_eq!((fired.status, fired.text.as_str()), (204, ""));
        assert_eq!(fired.header("x-openwhisk-activation-id"), None);
    };
    nothing().await;
    rule(&kit, "r", "/_/a").await;
    deactivate(&kit, "r").await;
    nothing().await;
    assert!(kit.scheduler.submitted().is_empty());
    assert_eq!(kit.get("/activations").await.json, json!([]));
}

#[tokio::test]
async fn trg_09_trg_12_trg_13_trg_16_a_fire_has_a_record_that_names_what_it_started() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.put("/triggers/t", r#"{"parameters":[{"key":"default","value":1}],"version":"3.0.0"}"#).await;
    rule(&kit, "r", "/_/a").await;
    let fired = kit.post("/triggers/t", r#"{"n": 1.0}"#).await;
    let record = record(&kit, &fired).await;
    let id = kit.scheduler.last().activation_id;
    let line =
        json!({"statusCode": 0, "success": true, "activationId": id, "rule": "guest/r", "action": "guest/a"});
    let expected = json!({
        "namespace": "guest", "name": "t", "version": "3.0.0", "subject": "guest", "activationId": fired.activation(),
        "start": record["start"], "publish": false, "logs": record["logs"],
        "annotations": [{"key": "traceId", "value": fired.activation()}],
        "response": {"result": {"n": 1.0}, "status": "success", "success": true},
    });
    assert_eq!(record, expected);
    assert_eq!(lines(&record), [line]);
    assert!(!record["logs"][0].as_str().unwrap().contains(' '), "{record}");
    let message = kit.scheduler.last();
    assert_eq!((message.cause, message.blocking), (None, false));
    let summary = kit.get("/activations?name=t").await;
    assert_eq!(summary.json[0]["activationId"], json!(fired.activation()));
    assert!(summary.json[0].get("statusCode").is_none());
    // A fire without a body has an empty result.
    let fired = kit.own("POST", "/triggers/t").send().await;
    assert_eq!(self::record(&kit, &fired).await["response"]["result"], json!({}));
}

#[tokio::test]
async fn trg_10_def_12_the_payload_wins_over_headers_and_parameters() {
    let kit = Kit::new().await;
    kit.action("guest/a", r#""parameters":[{"key":"a","value":"action"},{"key":"b","value":"action"}]"#)
        .await;
    let parameters = r#"{"parameters":[{"key":"b","value":"trigger"},{"key":"c","value":"trigger","init":true},{"key":"d","value":"trigger"}]}"#;
    kit.put("/triggers/t", parameters).await;
    rule(&kit, "r", "/_/a").await;
    let fire = kit.own("POST", "/triggers/t").json(r#"{"d":"payload"}"#).header("x-thing", "value");
    record(&kit, &fire.send().await).await;
    let message = kit.scheduler.last();
    let given: Value = serde_json::from_str(message.payload.get()).unwrap();
    assert_eq!((&given["a"], &given["b"]), (&json!("action"), &json!("trigger")));
    assert_eq!((&given["c"], &given["d"]), (&json!("trigger"), &json!("payload")));
    let given = &given["__ow_headers"];
    assert_eq!((&given["x-thing"], &given["content-type"]), (&json!("value"), &json!("application/json")));
    assert!(message.environment.is_none());
    let fired = kit.post("/triggers/t", r#"{"__ow_headers":7}"#).await;
    record(&kit, &fired).await;
    let given: Value = serde_json::from_str(kit.scheduler.last().payload.get()).unwrap();
    assert_eq!(given["__ow_headers"], 7);
}

/// The credentials that an action finds when its rule was fired.
async fn shown_credentials(kit: &Kit) -> String {
    kit.action("guest/a", "").await;
    rule(kit, "r", "/_/a").await;
    record(kit, &kit.post("/triggers/t", "{}").await).await;
    let given: Value = serde_json::from_str(kit.scheduler.last().payload.get()).unwrap();
    given["__ow_headers"]["authorization"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn def_12_functions_see_credentials_that_work_for_a_while() {
    let kit = Kit::new().await;
    let shown = shown_credentials(&kit).await;
    assert_ne!(shown, credentials("guest"));
    let with = async |credentials: &str| {
        let request = kit.own("GET", "/actions/a").anonymous().header("authorization", credentials);
        request.send().await.status
    };
    assert_eq!(with(&shown).await, 200);
    // The longest time limit of an action, and the grace.
    kit.clock.advance(Duration::from_secs(300 + 60));
    assert_eq!(with(&shown).await, 401);
}

#[tokio::test]
async fn def_12_functions_see_the_callers_own_credentials_where_keys_are_handed_on() {
    let secrets = Secrets { hand_on: true, ..Secrets::for_tests() };
    let kit = Kit::with_secrets(Config::default(), secrets).await;
    assert_eq!(shown_credentials(&kit).await, credentials("guest"));
}

#[tokio::test]
async fn trg_11_inv_15_rules_reach_bindings_and_packages_of_others() {
    let kit = Kit::new().await;
    kit.package("other/p", true, "{}", r#"[{"key":"k","value":"package"}]"#).await;
    kit.action("other/p/x", "").await;
    kit.put("/packages/b", r#"{"binding":{"namespace":"other","name":"p"}}"#).await;
    rule(&kit, "r1", "/other/p/x").await;
    rule(&kit, "r2", "/_/b/x").await;
    let record = record(&kit, &kit.post("/triggers/t", "{}").await).await;
    let actions: Vec<Value> = lines(&record).iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions, [json!("other/p/x"), json!("guest/b/x")]);
    let submitted = kit.scheduler.submitted();
    let bindings: Vec<Option<String>> =
        submitted.iter().map(|message| message.action.binding.as_ref().map(ToString::to_string)).collect();
    assert_eq!(bindings, [None, Some("guest/b".to_owned())]);
    for message in submitted {
        assert_eq!(message.queue.to_string(), "guest:other/p/x");
        assert!(message.payload.get().contains(r#""k":"package""#));
        assert_eq!(message.caller.namespace.name.as_str(), "guest");
    }
    // What is no longer shared cannot be reached any more.
    kit.package("other/p", false, "{}", "[]").await;
    let record = self::record(&kit, &kit.post("/triggers/t", "{}").await).await;
    let lines = lines(&record);
    assert_eq!(lines[0]["error"], "The supplied authentication is not authorized to access 'other/p'.");
    assert_eq!(lines[1]["error"], "The supplied authentication is not authorized to access 'guest/b'.");
    assert_eq!((&lines[0]["statusCode"], &lines[0]["success"]), (&json!(1), &json!(false)));
}

#[tokio::test]
async fn trg_11_thr_08_rules_are_throttled_as_requests_are() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    rule(&kit, "r1", "/_/a").await;
    rule(&kit, "r2", "/_/a").await;
    kit.limit(UserLimits { invocations_per_minute: Some(1), ..UserLimits::default() }).await;
    let record = record(&kit, &kit.post("/triggers/t", "{}").await).await;
    let lines = lines(&record);
    assert_eq!(lines[0]["success"], true);
    let text = "Too many requests in the last minute (count: 2, allowed: 1).";
    let refused =
        json!({"statusCode": 1, "success": false, "error": text, "rule": "guest/r2", "action": "guest/a"});
    assert_eq!(lines[1], refused);
}

#[tokio::test]
async fn trg_11_what_a_rule_passes_on_has_the_size_of_a_request() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    let half = "x".repeat(600 << 10);
    kit.put("/triggers/t", &format!(r#"{{"parameters":[{{"key":"a","value":"{half}"}}]}}"#)).await;
    rule(&kit, "r", "/_/a").await;
    let fired = kit.post("/triggers/t", &format!(r#"{{"b":"{half}"}}"#)).await;
    let record = record(&kit, &fired).await;
    let error = lines(&record)[0]["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("Request larger than allowed: ") && error.ends_with(" > 1048576 bytes."),
        "{error}"
    );
}

#[tokio::test]
async fn trg_14_trg_15_a_line_for_each_rule_says_what_came_of_it() {
    let kit = Kit::new().await;
    for action in ["a", "gone"] {
        kit.action(&format!("guest/{action}"), "").await;
    }
    rule(&kit, "r1", "/_/a").await;
    rule(&kit, "r2", "/_/gone").await;
    rule(&kit, "r3", "/_/a").await;
    deactivate(&kit, "r3").await;
    kit.own("DELETE", "/actions/gone").send().await;
    let found = record(&kit, &kit.post("/triggers/t", "{}").await).await;
    let id = kit.scheduler.last().activation_id;
    let inactive = "Rule 'guest/r3' is inactive, action 'guest/a' was not activated.";
    let expected = [
        json!({"statusCode": 0, "success": true, "activationId": id, "rule": "guest/r1", "action": "guest/a"}),
        json!({"statusCode": 1, "success": false, "error": NOT_HERE, "rule": "guest/r2", "action": "guest/gone"}),
        json!({"statusCode": 1, "success": false, "error": inactive, "rule": "guest/r3", "action": "guest/a"}),
    ];
    assert_eq!(lines(&found), expected);
    kit.scheduler.will(Script::Refuse(Refusal::NoInvokers));
    let found = record(&kit, &kit.post("/triggers/t", "{}").await).await;
    let unavailable =
        "The server is currently unavailable (because it is overloaded or down for maintenance).";
    assert_eq!(
        (&lines(&found)[0]["statusCode"], &lines(&found)[0]["error"]),
        (&json!(3), &json!(unavailable))
    );
}

#[tokio::test]
async fn thr_02_fires_per_minute() {
    let kit = Kit::new().await;
    kit.put("/triggers/t", "{}").await;
    kit.limit(UserLimits { fires_per_minute: Some(1), ..UserLimits::default() }).await;
    assert_eq!(kit.post("/triggers/t", "{}").await.status, 204);
    // ERR-18: before ownership and existence.
    for path in ["guest/triggers/none", "other/triggers/t"] {
        let refused = kit.request("POST", &format!("/api/v1/namespaces/{path}")).send().await;
        assert_eq!(refused.status, 429, "{path}");
        let text = refused.json["error"].as_str().unwrap();
        assert!(text.starts_with("Too many requests in the last minute (count: "), "{text}");
        assert_eq!(refused.json["limit"], "firesPerMinute");
    }
    // Invocations have a window of their own.
    kit.action("guest/a", "").await;
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
    kit.clock.advance(Duration::from_secs(60));
    assert_eq!(kit.post("/triggers/t", "{}").await.status, 204);
}

#[tokio::test]
async fn atv_22_a_namespace_without_records_fires_all_the_same() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    rule(&kit, "r", "/_/a").await;
    kit.limit(UserLimits { store_activations: Some(false), ..UserLimits::default() }).await;
    let fired = kit.post("/triggers/t", "{}").await;
    assert_eq!(fired.status, 202);
    eventually("the rule's activation", || !kit.scheduler.submitted().is_empty()).await;
    assert!(kit.activations.intents.lock().is_empty());
}

#[tokio::test]
async fn a_fire_is_answered_only_when_it_is_on_the_disk() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    rule(&kit, "r", "/_/a").await;
    kit.activations.disk.forget_permits(1000);
    let call = kit.post("/triggers/t", "{}");
    let check = async {
        eventually("the intent", || !kit.activations.intents.lock().is_empty()).await;
        assert!(kit.scheduler.submitted().is_empty());
        kit.activations.disk.add_permits(2);
    };
    let (answer, ()) = tokio::join!(call, check);
    assert_eq!(answer.status, 202);
    record(&kit, &answer).await;
}

#[tokio::test]
async fn a_client_that_goes_while_the_fire_is_written_loses_nothing() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    rule(&kit, "r", "/_/a").await;
    kit.activations.disk.forget_permits(1000);
    {
        let call = kit.post("/triggers/t", "{}");
        let check = eventually("the intent", || !kit.activations.intents.lock().is_empty());
        tokio::select! {
            _ = call => panic!("the disk is not ready"),
            () = check => {}
        }
    }
    kit.activations.disk.add_permits(2);
    eventually("the rule's activation", || kit.scheduler.submitted().len() == 1).await;
}

#[tokio::test]
async fn a_disk_that_fails_accepts_no_fire() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    rule(&kit, "r", "/_/a").await;
    *kit.activations.broken.lock() = true;
    kit.post("/triggers/t", "{}").await.is_error(500, "There was an internal server error.");
    assert!(kit.scheduler.submitted().is_empty());
}

/// A fire of two rules that was cut off.
struct Interrupted {
    kit: Kit,
    /// The fire's own activation.
    fire: ActivationId,
    /// The activations of its rules, in their order.
    rules: Vec<ActivationId>,
    /// Everything that was written down in the course of it.
    intents: BTreeMap<ActivationId, (Intent, bool)>,
}

impl Interrupted {
    async fn new() -> Interrupted {
        let kit = Kit::new().await;
        kit.action("guest/a", "").await;
        rule(&kit, "r1", "/_/a").await;
        rule(&kit, "r2", "/_/a").await;
        kit.scheduler.will(Script::Silence);
        kit.activations.disk.forget_permits(1000);
        let call = kit.post("/triggers/t", r#"{"n":1}"#);
        let check = async {
            eventually("the intent", || !kit.activations.intents.lock().is_empty()).await;
            let written = kit.activations.intents.lock().clone();
            kit.activations.disk.add_permits(1);
            written
        };
        let (answer, mut intents) = tokio::join!(call, check);
        let fire = answer.activation();
        let body: Value = serde_json::from_slice(&intents[&fire].0.body).unwrap();
        let rules = body["rules"].as_array().unwrap().iter();
        let rules = rules.map(|rule| rule["activation"].as_str().unwrap().parse().unwrap()).collect();
        eventually("both rules", || kit.scheduler.submitted().len() == 2).await;
        intents.extend(kit.activations.intents.lock().clone());
        Interrupted { kit, fire, rules, intents }
    }

    /// The next process, where the first `done` rules had been fired.
    fn restarted(&self, done: usize) -> Kit {
        let mut intents = self.intents.clone();
        for id in &self.rules[done..] {
            intents.remove(id);
        }
        self.kit.restarted_with(intents)
    }

    async fn lines(&self, next: &Kit) -> Vec<Value> {
        let record = next.get(&format!("/activations/{}", self.fire)).await;
        assert_eq!(record.json["response"]["result"], json!({"n": 1}), "{}", record.text);
        lines(&record.json)
    }
}

fn submitted(kit: &Kit) -> BTreeSet<ActivationId> {
    let submitted = kit.scheduler.submitted();
    let ids: BTreeSet<ActivationId> = submitted.iter().map(|message| message.activation_id).collect();
    assert_eq!(ids.len(), submitted.len(), "a rule was fired twice");
    ids
}

#[tokio::test]
async fn an_interrupted_fire_goes_on_and_fires_no_rule_twice() {
    let before = Interrupted::new().await;
    for done in 0..=2 {
        let next = before.restarted(done);
        // What was fired before is submitted again, because it had not begun; the fire itself goes on.
        let resubmitted = done + 1;
        assert_eq!(next.controller.recover().await, Recovered { resubmitted, ended: 0, left: 0 });
        assert_eq!(submitted(&next), before.rules.iter().copied().collect(), "with {done} rules done");
        let payloads: BTreeSet<String> =
            next.scheduler.submitted().iter().map(|message| message.payload.get().to_owned()).collect();
        assert_eq!(payloads.len(), 1, "{payloads:?}");
        let lines = before.lines(&next).await;
        let ids: Vec<&Value> = lines.iter().map(|line| &line["activationId"]).collect();
        assert_eq!(ids, [&json!(before.rules[0]), &json!(before.rules[1])]);
        assert!(next.activations.intents.lock().is_empty());
    }
}

#[tokio::test]
async fn a_rule_whose_activation_has_ended_is_not_fired_again() {
    let before = Interrupted::new().await;
    let next = before.restarted(0);
    let first =
        before.kit.scheduler.submitted().into_iter().find(|m| m.activation_id == before.rules[0]).unwrap();
    let record = before.kit.scheduler.record(&first, StatusCode::Success, "{}");
    next.activations.store(Arc::new(record)).unwrap();
    assert_eq!(next.controller.recover().await, Recovered { resubmitted: 1, ended: 0, left: 0 });
    assert_eq!(submitted(&next), BTreeSet::from([before.rules[1]]));
    let lines = before.lines(&next).await;
    assert_eq!((&lines[0]["activationId"], &lines[0]["success"]), (&json!(before.rules[0]), &json!(true)));
}

#[tokio::test]
async fn trg_11_trg_16_a_rule_may_fire_a_sequence() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    let sequence = r#"{"exec":{"kind":"sequence","components":["/_/a","/_/a"]}}"#;
    assert_eq!(kit.put("/actions/s", sequence).await.status, 200);
    rule(&kit, "r", "/_/s").await;
    let record = record(&kit, &kit.post("/triggers/t", r#"{"n":1}"#).await).await;
    let lines = lines(&record);
    assert_eq!((&lines[0]["success"], &lines[0]["action"]), (&json!(true), &json!("guest/s")));
    eventually("both components", || kit.scheduler.submitted().len() == 2).await;
    let id = lines[0]["activationId"].as_str().unwrap().to_owned();
    let causes: BTreeSet<String> =
        kit.scheduler.submitted().iter().map(|message| message.cause.unwrap().to_string()).collect();
    assert_eq!(causes, BTreeSet::from([id.clone()]));
    let sequence = kit.get(&format!("/activations/{id}")).await;
    assert!(sequence.json.get("cause").is_none(), "{}", sequence.text);
}

#[tokio::test]
async fn err_17_more_fires_than_there_is_room_for_are_refused() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    rule(&kit, "r", "/_/a").await;
    kit.activations.disk.forget_permits(1000);
    let fires = (0..513).map(|_| kit.post("/triggers/t", "{}"));
    let release = async {
        eventually("as many as there may be", || kit.activations.intents.lock().len() == 512).await;
        kit.activations.disk.add_permits(1);
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(fires), release);
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status != 202).collect();
    assert_eq!(refused.len(), 1);
    let text = "The server is currently unavailable (because it is overloaded or down for maintenance).";
    refused[0].is_error(503, text);
    assert_eq!(refused[0].header("retry-after"), Some("1"));
    eventually("the others", || kit.scheduler.submitted().len() == 512).await;
    // There is room again when they have ended.
    eventually("their ends", || kit.activations.intents.lock().is_empty()).await;
    assert_eq!(kit.post("/triggers/t", "{}").await.status, 202);
}
