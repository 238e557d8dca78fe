//! Parameters that are encrypted at rest (ACT-33, INV-11, RUN-11).

use crate::kit::{Kit, OTHER, Script};
use secrets::{ParameterKey, ParameterKeys};
use serde_json::{Value, json};
use store::ArtifactStore as _;
use types::Lock;

/// A key of that many bytes.
fn key(letter: u8, length: usize) -> ParameterKey {
    use base64::Engine as _;
    ParameterKey::parse(&base64::engine::general_purpose::STANDARD.encode(vec![letter; length])).unwrap()
}

async fn kit() -> Kit {
    Kit::new().await.restarted_with_keys(ParameterKeys::new(Some(key(1, 16)), Vec::new()))
}

fn body(fields: &Value) -> String {
    let mut body = json!({"exec": {"kind": "nodejs:20", "code": "x = 1"}});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body.to_string()
}

fn names(locks: Option<&[Lock]>) -> Vec<&str> {
    locks.unwrap_or_default().iter().map(|lock| &*lock.key).collect()
}

#[tokio::test]
async fn act_33_parameters_of_actions_and_packages_are_stored_and_shown_locked() {
    let kit = kit().await;
    let parameters = json!([{"key": "secret", "value": {"deep": "s3cr3t"}}, {"key": "none", "value": null}]);
    let locked = |answer: &Value| {
        let shown = &answer["parameters"];
        assert_eq!(shown[0]["encryption"], "aes-128", "{answer}");
        assert_eq!(shown[1], json!({"key": "none", "value": null}));
        shown[0]["value"].as_str().unwrap().to_owned()
    };
    let put = kit.put("/packages/p", &json!({ "parameters": parameters }).to_string()).await;
    assert_eq!(put.status, 200, "{}", put.text);
    locked(&put.json);
    let created = kit.put("/actions/p/a", &body(&json!({ "parameters": parameters }))).await;
    let value = locked(&created.json);
    // What is read is what is stored.
    assert_eq!(locked(&kit.get("/actions/p/a").await.json), value);
    for id in ["guest/p", "guest/p/a"] {
        let stored = kit.artifacts.get(id).await.unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&stored.body).contains("s3cr3t"), "{id}");
    }
    assert!(!kit.get("/actions").await.text.contains("s3cr3t"));
    // An update without parameters keeps them.
    let updated = kit.put("/actions/p/a?overwrite=true", &body(&json!({}))).await;
    assert_eq!(locked(&updated.json), value);
    // What was read can be written.
    let read = kit.get("/actions/p/a").await.json;
    let written = kit.put("/actions/p/a?overwrite=true", &read.to_string()).await;
    assert_eq!(written.status, 200, "{}", written.text);
    assert_eq!(locked(&written.json), value);
}

#[tokio::test]
async fn inv_11_run_11_locked_defaults_travel_locked_and_what_overrides_them_does_not() {
    let kit = kit().await;
    let parameters = json!([{"key": "a", "value": "one"}, {"key": "b", "value": "two"},
        {"key": "i", "value": "three", "init": true}]);
    kit.put("/actions/a", &body(&json!({ "parameters": parameters }))).await;
    kit.scheduler.will(Script::Silence);
    kit.post("/actions/a", r#"{"b":"mine"}"#).await;
    let message = kit.scheduler.last();
    assert_eq!(names(message.locks.as_deref()), ["a", "i"]);
    let text = format!("{}{}", message.payload, message.environment.as_ref().unwrap());
    assert!(text.contains("mine") && !text.contains("one") && !text.contains("three"), "{text}");
    // Nor does the intent hold a value, and another process knows the locks from it.
    let intents = kit.activations.intents.lock().clone();
    let intent = intents.values().next().unwrap().0.body.to_vec();
    let intent = String::from_utf8(intent).unwrap();
    assert!(intent.contains("mine") && !intent.contains("\"one\""), "{intent}");
    kit.post("/actions/a", r#"{"a":1,"b":2,"i":3}"#).await;
    assert!(kit.scheduler.last().locks.is_none());
}

#[tokio::test]
async fn act_33_another_key_locks_what_is_new_and_old_values_stay_of_use() {
    let first = kit().await;
    let parameters = json!({"parameters": [{"key": "a", "value": "one"}]});
    let old = first.put("/actions/a", &body(&parameters)).await.json["parameters"].clone();
    let kit = first.restarted_with_keys(ParameterKeys::new(Some(key(2, 32)), vec![key(1, 16)]));
    assert_eq!(kit.get("/actions/a").await.json["parameters"], old);
    let new = kit.put("/actions/b", &body(&parameters)).await;
    assert_eq!(new.json["parameters"][0]["encryption"], "aes-256");
    let copied = kit.put("/actions/c", &body(&json!({ "parameters": old }))).await;
    assert_eq!((copied.status, &copied.json["parameters"]), (200, &old));
    // The old key is lost: the action can still be updated, also with what was read of it.
    let kit = first.restarted_with_keys(ParameterKeys::default());
    let same = kit.put("/actions/a?overwrite=true", &body(&json!({ "parameters": old }))).await;
    assert_eq!(same.status, 200, "{}", same.text);
    let refused = kit.put("/actions/d", &body(&json!({ "parameters": old }))).await;
    refused.is_error(400, "The parameter 'a' is encrypted with 'aes-128', for which this server has no key.");
}

#[tokio::test]
async fn act_33_who_may_read_a_shared_package_cannot_use_its_locked_parameters() {
    let kit = kit().await;
    let shared = r#"{"publish":true,"parameters":[{"key":"a","value":"one"}]}"#;
    assert_eq!(kit.put("/packages/p", shared).await.status, 200);
    let read = kit.request("GET", "/api/v1/namespaces/guest/packages/p").key(OTHER).send().await;
    let stolen = body(&json!({"parameters": read.json["parameters"]}));
    let put = kit.own("PUT", "/actions/thief").key(OTHER).json(&stolen).send().await;
    let text = "The encrypted parameter 'a' is damaged, or was encrypted elsewhere or for another namespace.";
    put.is_error(400, text);
}
