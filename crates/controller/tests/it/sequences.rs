//! Sequences: creating them (SEQ-01 to SEQ-03) and running them.

use crate::kit::{Answer, GUEST, Kit, OTHER, Script, annotation, eventually, record};
use rpc::Refusal;
use serde_json::{Value, json};
use std::time::Duration;
use types::{StatusCode, UserLimits};

const ERROR: StatusCode = StatusCode::ApplicationError;

async fn kit() -> Kit {
    let kit = Kit::new().await;
    for name in ["a", "b", "c"] {
        kit.action(&format!("guest/{name}"), "").await;
    }
    kit
}

/// Creates or updates a sequence of the guest.
async fn sequence(kit: &Kit, name: &str, components: &[&str]) -> Answer {
    let exec = json!({"exec": {"kind": "sequence", "components": components}});
    kit.put(&format!("/actions/{name}?overwrite=true"), &exec.to_string()).await
}

/// One that must come to be.
async fn made(kit: &Kit, name: &str, components: &[&str]) -> Value {
    let answer = sequence(kit, name, components).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// What ran, and with what.
fn ran(kit: &Kit) -> Vec<(String, String)> {
    let submitted = kit.scheduler.submitted();
    submitted.iter().map(|m| (m.action.name.to_string(), m.payload.get().to_owned())).collect()
}

fn pairs<const N: usize>(all: [(&str, &str); N]) -> Vec<(String, String)> {
    all.iter().map(|(name, payload)| ((*name).to_owned(), (*payload).to_owned())).collect()
}

#[tokio::test]
async fn seq_01_act_16_a_sequence_has_components() {
    let kit = kit().await;
    sequence(&kit, "s", &[]).await.is_error(400, "No component specified for the sequence.");
    for (components, detail) in [
        ("", "'components' must be defined for sequence kind"),
        (r#","components":7"#, "'components' must be an array"),
        (r#","components":[7]"#, "'components' must be an array"),
    ] {
        let body = format!(r#"{{"exec":{{"kind":"sequence"{components}}}}}"#);
        let text = format!("The request content was malformed:\n{detail}");
        kit.put("/actions/s", &body).await.is_error(400, &text);
    }
    let text = "requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.";
    sequence(&kit, "s", &["a"]).await.is_error(400, &format!("The request content was malformed:\n{text}"));
}

#[tokio::test]
async fn seq_01_seq_02_its_length_is_that_of_what_it_comes_to() {
    let kit = kit().await;
    let text = "Too many actions in the sequence.";
    made(&kit, "fifty", &["/_/a"; 50]).await;
    sequence(&kit, "s", &["/_/a"; 51]).await.is_error(400, text);
    made(&kit, "half", &["/_/a"; 25]).await;
    made(&kit, "whole", &["/_/half", "/_/half"]).await;
    sequence(&kit, "s", &["/_/half", "/_/half", "/_/a"]).await.is_error(400, text);
    // A conductor counts once.
    kit.action("guest/c", r#""annotations":[{"key":"conductor","value":true}]"#).await;
    made(&kit, "s", &["/_/half", "/_/c", "/_/a"]).await;
}

#[tokio::test]
async fn seq_01_it_may_not_be_among_its_components() {
    let kit = kit().await;
    let text = "Sequence may not refer to itself.";
    made(&kit, "s", &["/_/a"]).await;
    sequence(&kit, "s", &["/_/a", "/_/s"]).await.is_error(400, text);
    made(&kit, "around", &["/_/s", "/_/a"]).await;
    made(&kit, "more", &["/_/around"]).await;
    sequence(&kit, "s", &["/_/b", "/_/more"]).await.is_error(400, text);
    // An action that becomes a sequence of itself.
    sequence(&kit, "a", &["/_/a"]).await.is_error(400, text);
    sequence(&kit, "a", &["/_/around"]).await.is_error(400, text);
    // Through a binding.
    kit.package("guest/p", false, "{}", "[]").await;
    kit.package("guest/bound", false, r#"{"namespace":"guest","name":"p"}"#, "[]").await;
    made(&kit, "p/s", &["/_/a"]).await;
    sequence(&kit, "p/s", &["/_/bound/s"]).await.is_error(400, text);
    made(&kit, "outside", &["/_/bound/s"]).await;
    sequence(&kit, "p/s", &["/_/outside"]).await.is_error(400, text);
}

#[tokio::test]
async fn seq_01_components_exist() {
    let kit = kit().await;
    sequence(&kit, "s", &["/_/a", "/_/none"]).await.is_error(400, "Sequence component does not exist.");
    // The entitlement layer finds that the package is missing.
    sequence(&kit, "s", &["/_/none/a"]).await.is_error(404, "The requested resource does not exist.");
    kit.package("guest/p", false, "{}", "[]").await;
    sequence(&kit, "s", &["/_/p/none"]).await.is_error(400, "Sequence component does not exist.");
    let conformance = "Resource by this name exists but is not in this collection.";
    sequence(&kit, "s", &["/_/p"]).await.is_error(409, conformance);
}

#[tokio::test]
async fn seq_03_later_changes_of_components_are_not_looked_at() {
    let kit = kit().await;
    made(&kit, "inner", &["/_/a"]).await;
    made(&kit, "s", &["/_/inner", "/_/inner"]).await;
    made(&kit, "inner", &["/_/a"; 30]).await;
    // An update that says nothing of the components does not look at them either.
    let body = r#"{"annotations":[{"key":"k","value":1}]}"#;
    assert_eq!(kit.put("/actions/s?overwrite=true", body).await.status, 200);
}

#[tokio::test]
async fn auth_14_err_06_creating_needs_to_read_every_component() {
    let kit = kit().await;
    kit.action("other/x", "").await;
    kit.action("other/w", "").await;
    kit.package("other/private", false, "{}", "[]").await;
    kit.action("other/private/y", "").await;
    kit.package("other/public", true, "{}", "[]").await;
    kit.action("other/public/z", "").await;
    let refused = |names| format!("The supplied authentication is not authorized to access '{names}'.");
    let all = ["/other/x", "/_/a", "/other/private/y", "/other/public/z", "/other/w", "/other/x"];
    let text = refused("other/private/y, other/w, other/x");
    sequence(&kit, "s", &all).await.is_error(403, &text);
    // What is not there looks the same to others.
    sequence(&kit, "s", &["/other/none/y"]).await.is_error(403, &refused("other/none/y"));
    made(&kit, "s", &["/other/public/z", "/_/a"]).await;
}

#[tokio::test]
async fn act_23_http_03_the_parameters_of_a_sequence_are_its_components() {
    let kit = kit().await;
    kit.package("guest/p", false, "{}", "[]").await;
    kit.action("guest/p/x", "").await;
    let body = r#"{"exec":{"kind":"sequence","components":["/_/a","_/p/x","guest/b",{"path":"_","name":"c"}]},
        "parameters":[{"key":"k","value":1}]}"#;
    let answer = kit.put("/actions/s", body).await;
    let components = json!(["/guest/a", "/guest/p/x", "/guest/b", "/guest/c"]);
    let forced = json!([{"key": "_actions", "value": components}]);
    assert_eq!(answer.json["exec"], json!({"kind": "sequence", "components": components}));
    assert_eq!(answer.json["parameters"], forced);
    assert_eq!(annotation(&answer.json, "exec"), "sequence");
    assert_eq!(kit.get("/actions/s").await.json["exec"], answer.json["exec"]);
    // Without an exec the body has no say.
    let other = r#"{"parameters":[{"key":"k","value":1}]}"#;
    let answer = kit.put("/actions/s?overwrite=true", other).await;
    assert_eq!(answer.json["parameters"], forced);
    // To code, and back.
    let code = r#"{"exec":{"kind":"nodejs:20","code":"x"}}"#;
    assert_eq!(kit.put("/actions/s?overwrite=true", code).await.json["parameters"], json!([]));
    made(&kit, "s", &["/_/a"]).await;
    let code = r#"{"exec":{"kind":"nodejs:20","code":"x"},"parameters":[{"key":"k","value":1}]}"#;
    let answer = kit.put("/actions/s?overwrite=true", code).await;
    assert_eq!(answer.json["parameters"], json!([{"key": "k", "value": 1}]));
    assert_eq!(annotation(&answer.json, "exec"), "nodejs:20");
    let again = made(&kit, "s", &["/_/b"]).await;
    assert_eq!(again["parameters"], json!([{"key": "_actions", "value": ["/guest/b"]}]));
}

#[tokio::test]
async fn def_08_act_21_annotations_of_a_sequence_can_be_taken_out() {
    let kit = kit().await;
    let body = r#"{"exec":{"kind":"sequence","components":["/_/a"]},
        "annotations":[{"key":"k","value":1},{"key":"l","value":1}]}"#;
    kit.put("/actions/s", body).await;
    let body = r#"{"exec":{"kind":"sequence","components":["/_/b"]},"delAnnotations":["k"],
        "annotations":[{"key":"l","value":2},{"key":"m","value":3}]}"#;
    let answer = kit.put("/actions/s?overwrite=true", body).await;
    let seen = ["k", "l", "m"].map(|key| annotation(&answer.json, key).clone());
    assert_eq!(seen, [Value::Null, json!(2), json!(3)]);
}

#[tokio::test]
async fn act_26_the_order_of_the_checks() {
    let kit = kit().await;
    kit.action("other/x", "").await;
    made(&kit, "s", &["/_/a"]).await;
    let put = |query: &'static str, components: &'static str, more: String| {
        let body = format!(r#"{{"exec":{{"kind":"sequence","components":[{components}]}}{more}}}"#);
        let kit = &kit;
        async move { kit.put(&format!("/actions/s{query}"), &body).await }
    };
    let foreign = r#""/other/x""#;
    let huge = format!(r#","annotations":[{{"key":"k","value":"{}"}}]"#, "x".repeat(1_048_576));
    // Shape, size, limits, rights, existence, components.
    assert_eq!(put("", r#""/other/x", 7"#, huge.clone()).await.status, 400);
    assert_eq!(put("", foreign, format!(r#"{huge},"limits":{{"timeout":1}}"#)).await.status, 413);
    assert_eq!(put("", foreign, r#","limits":{"timeout":1}"#.to_owned()).await.status, 400);
    let forbidden = "The supplied authentication is not authorized to access 'other/x'.";
    put("", r#""/other/x","/_/none""#, String::new()).await.is_error(403, forbidden);
    put("", r#""/_/none""#, String::new()).await.is_error(409, "resource already exists");
    put("?overwrite=true", r#""/_/none""#, String::new())
        .await
        .is_error(400, "Sequence component does not exist.");
}

#[tokio::test]
async fn auth_13_the_list_of_kinds_is_for_code() {
    let kit = kit().await;
    let kinds = Some(vec!["python:3".to_owned()]);
    kit.limit(UserLimits { allowed_kinds: kinds, ..UserLimits::default() }).await;
    made(&kit, "s", &["/_/a"]).await;
}

#[tokio::test]
async fn seq_04_seq_09_results_flow_over_the_parameters_of_each_component() {
    let kit = kit().await;
    kit.package("other/p", true, "{}", r#"[{"key":"p","value":1},{"key":"x","value":1}]"#).await;
    kit.action("other/p/x", r#""parameters":[{"key":"x","value":2},{"key":"y","value":2}]"#).await;
    kit.package("guest/bound", false, r#"{"namespace":"other","name":"p"}"#, r#"[{"key":"q","value":3}]"#)
        .await;
    kit.action("guest/b", r#""parameters":[{"key":"y","value":4},{"key":"e","value":5,"init":true}]"#).await;
    made(&kit, "s", &["/_/a", "/_/bound/x", "/_/b"]).await;
    kit.scheduler.answers("guest/a", &[r#"{"n":1.0}"#]);
    kit.scheduler.answers("other/p/x", &[r#"{"y":7,"e":6}"#]);
    kit.scheduler.answers("guest/b", &[r#"{"end":true}"#]);
    let answer = kit.post("/actions/s?blocking=true", r#"{"in":12345678901234567890}"#).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json["response"]["result"], json!({"end": true}));
    assert_eq!(
        ran(&kit),
        pairs([
            ("guest/a", r#"{"in":12345678901234567890}"#),
            ("other/p/x", r#"{"p":1,"x":2,"q":3,"y":2,"n":1.0}"#),
            ("guest/b", r#"{"y":7}"#),
        ])
    );
    let last = kit.scheduler.last();
    assert_eq!(last.environment.as_ref().unwrap().get(), r#"{"e":6}"#);
    // Nothing of the sequence's own parameters flows.
    kit.post("/actions/s?blocking=true", "").await;
    assert_eq!(kit.scheduler.submitted()[3].payload.get(), "{}");
}

#[tokio::test]
async fn seq_05_an_array_is_all_that_the_next_one_gets() {
    let kit = kit().await;
    kit.action("guest/b", r#""parameters":[{"key":"y","value":4}]"#).await;
    made(&kit, "s", &["/_/a", "/_/b"]).await;
    kit.scheduler.answers("guest/a", &["[1,2.0]", "7"]);
    kit.post("/actions/s?blocking=true", "{}").await;
    assert_eq!(kit.scheduler.last().payload.get(), "[1,2.0]");
    kit.post("/actions/s?blocking=true", "{}").await;
    assert_eq!(kit.scheduler.last().payload.get(), r#"{"y":4}"#);
    // As the last result it is the body (INV-06).
    kit.scheduler.answers("guest/b", &["[3]"]);
    assert_eq!(kit.post("/actions/s?blocking=true", "{}").await.text, "[3]");
}

#[tokio::test]
async fn seq_06_seq_07_seq_08_an_error_stops_it_with_the_status_of_its_component() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b"]).await;
    for (status, code, text) in [
        (ERROR, 502, "application error"),
        (StatusCode::DeveloperError, 502, "action developer error"),
        (StatusCode::WhiskError, 500, "whisk internal error"),
    ] {
        let before = kit.scheduler.submitted().len();
        kit.scheduler.will_each("guest/a", &[Script::Finish(status, r#"{"error":"no"}"#)]);
        let answer = kit.post("/actions/s?blocking=true", r#"{"error":"not this one"}"#).await;
        assert_eq!((answer.status, &answer.json["response"]["status"]), (code, &json!(text)));
        assert_eq!(answer.json["response"]["result"], json!({"error": "no"}));
        assert_eq!(kit.scheduler.submitted().len(), before + 1);
        assert_eq!(answer.json["logs"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn seq_11_a_component_that_was_removed() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b", "/_/c"]).await;
    kit.own("DELETE", "/actions/b").send().await;
    let answer = kit.post("/actions/s?blocking=true", "{}").await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.json["response"]["status"], "application error");
    assert_eq!(answer.json["response"]["result"], json!({"error": "Sequence component does not exist."}));
    assert_eq!(answer.json["logs"], json!([kit.scheduler.last().activation_id.to_string()]));
}

#[tokio::test]
async fn seq_12_what_cannot_be_handed_on_fails_it() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b"]).await;
    kit.scheduler.will_each("guest/b", &[Script::Refuse(Refusal::QueueFull)]);
    let answer = kit.post("/actions/s?blocking=true", "{}").await;
    assert_eq!((answer.status, &answer.json["response"]["status"]), (500, &json!("whisk internal error")));
    assert_eq!(answer.json["response"]["result"], json!({"error": "Sequence failed."}));
    assert_eq!(answer.json["logs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn seq_13_it_is_counted_again_when_it_runs() {
    let kit = kit().await;
    made(&kit, "inner", &["/_/a"; 20]).await;
    made(&kit, "s", &["/_/inner", "/_/inner"]).await;
    made(&kit, "inner", &["/_/a"; 30]).await;
    let answer = kit.post("/actions/s?blocking=true", "{}").await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.json["response"]["result"], json!({"error": "Too many actions in the sequence."}));
    assert_eq!(kit.scheduler.submitted().len(), 50);
}

#[tokio::test]
async fn seq_10_inv_17_a_component_that_does_not_end() {
    let kit = kit().await;
    tokio::time::pause();
    kit.action("guest/b", r#""limits":{"timeout":1000}"#).await;
    made(&kit, "s", &["/_/a", "/_/b", "/_/a"]).await;
    kit.scheduler.will_each("guest/b", &[Script::Silence]);
    let begin = tokio::time::Instant::now();
    let answer = kit.post("/actions/s", "{}").await;
    let record = record(&kit, answer.activation()).await;
    assert_eq!(begin.elapsed().as_secs(), 61);
    let id = kit.scheduler.last().activation_id;
    let text = format!("Timeout reached when retrieving activation {id} for sequence component.");
    assert_eq!(record["response"]["result"], json!({"error": text}));
    assert_eq!(record["response"]["status"], "whisk internal error");
    assert_eq!(record["logs"][1], id.to_string());
    assert_eq!(record["logs"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn inv_17_a_part_whose_completion_was_lost_is_found_in_the_store() {
    use store::ActivationStore;
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b"]).await;
    kit.scheduler.will_each("guest/a", &[Script::Silence]);
    let answer = kit.post("/actions/s", "{}").await;
    eventually("the submission", || !kit.scheduler.submitted().is_empty()).await;
    let lost = kit.scheduler.record(&kit.scheduler.last(), StatusCode::Success, r#"{"found":1}"#);
    kit.activations.store(std::sync::Arc::new(lost)).unwrap();
    let end = record(&kit, answer.activation()).await;
    assert_eq!(end["response"]["success"], true);
    assert_eq!(kit.scheduler.last().payload.get(), r#"{"found":1}"#);
}

#[tokio::test]
async fn seq_14_seq_15_seq_16_atv_15_atv_19_atv_21_inv_08_the_records() {
    let kit = kit().await;
    kit.action("guest/big", r#""limits":{"memory":512}"#).await;
    made(&kit, "inner", &["/_/b", "/_/big"]).await;
    made(&kit, "s", &["/_/a", "/_/inner"]).await;
    let answer = kit.post("/actions/s?blocking=true", "{}").await;
    let ids: Vec<String> = kit.scheduler.submitted().iter().map(|m| m.activation_id.to_string()).collect();
    let whole = record(&kit, answer.activation()).await;
    // The answer is the record, its logs too.
    assert_eq!(answer.json, whole);
    let inner = record(&kit, whole["logs"][1].as_str().unwrap()).await;
    assert_eq!(whole["logs"], json!([ids[0], inner["activationId"]]));
    assert_eq!(inner["logs"], json!([ids[1], ids[2]]));
    assert_eq!((&whole["duration"], &inner["duration"]), (&json!(15), &json!(10)));
    assert!(whole.get("cause").is_none());
    assert_eq!(inner["cause"], whole["activationId"]);
    let causes: Vec<String> =
        kit.scheduler.submitted().iter().map(|m| m.cause.unwrap().to_string()).collect();
    assert_eq!(json!(causes), json!([whole["activationId"], inner["activationId"], inner["activationId"]]));
    for (record, name) in [(&whole, "s"), (&inner, "inner")] {
        let topmost = name == "s";
        assert_eq!(record["name"], name);
        assert_eq!(annotation(record, "kind"), "sequence");
        assert_eq!(annotation(record, "path"), &json!(format!("guest/{name}")));
        assert_eq!(annotation(record, "topmost"), topmost);
        assert!(annotation(record, "waitTime").is_u64());
        assert_eq!(annotation(record, "limits")["memory"], 512);
        let caused = if topmost { Value::Null } else { json!("sequence") };
        assert_eq!(annotation(record, "causedBy"), &caused);
        for absent in ["timeout", "initTime", "conductor", "binding"] {
            assert!(annotation(record, absent).is_null(), "{absent}");
        }
    }
    // One that ran nothing has no limits.
    kit.own("DELETE", "/actions/a").send().await;
    let answer = kit.post("/actions/s?blocking=true", "{}").await;
    assert!(annotation(&answer.json, "limits").is_null());
    assert_eq!(answer.json["logs"], json!([]));
}

#[tokio::test]
async fn atv_20_a_sequence_behind_a_binding() {
    let kit = kit().await;
    kit.package("other/p", true, "{}", r#"[{"key":"p","value":1}]"#).await;
    kit.action("other/p/x", "").await;
    let body = r#"{"exec":{"kind":"sequence","components":["/other/p/x"]}}"#;
    let put = kit.request("PUT", "/api/v1/namespaces/_/actions/p/s").key(OTHER).json(body).send().await;
    assert_eq!(put.status, 200);
    kit.package("guest/bound", false, r#"{"namespace":"other","name":"p"}"#, "[]").await;
    let answer = kit.post("/actions/bound/s?blocking=true", "{}").await;
    assert_eq!(annotation(&answer.json, "binding"), "guest/bound");
    assert_eq!(annotation(&answer.json, "path"), "other/p/s");
    assert_eq!(answer.json["namespace"], GUEST);
    // The parameters of its package are not its payload, but those of its component's.
    assert_eq!(kit.scheduler.last().payload.get(), r#"{"p":1}"#);
}

#[tokio::test(start_paused = true)]
async fn seq_17_inv_07_after_the_wait_it_goes_on() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b"]).await;
    kit.scheduler.will_each("guest/a", &[Script::Silence]);
    let answer = kit.post("/actions/s?blocking=true&timeout=100", "{}").await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json, json!({"activationId": answer.activation().to_string()}));
    assert!(kit.activations.intents.lock()[&answer.activation()].1);
    let message = kit.scheduler.last();
    kit.scheduler.finish(&message, StatusCode::Success, "{}");
    let end = record(&kit, answer.activation()).await;
    assert_eq!(end["response"]["success"], true);
    assert_eq!(end["logs"].as_array().unwrap().len(), 2);
    assert!(kit.activations.intents.lock().is_empty());
}

#[tokio::test]
async fn seq_18_final_parameters_count_at_the_edge_only() {
    let kit = kit().await;
    let closed = r#""parameters":[{"key":"x","value":1}],"annotations":[{"key":"final","value":true}]"#;
    kit.action("guest/a", closed).await;
    made(&kit, "s", &["/_/a"]).await;
    assert_eq!(kit.post("/actions/s?blocking=true", r#"{"x":2}"#).await.status, 200);
    assert_eq!(kit.scheduler.last().payload.get(), r#"{"x":2}"#);
    let body = r#"{"annotations":[{"key":"final","value":true}]}"#;
    kit.put("/actions/s?overwrite=true", body).await;
    let text = "Request defines parameters that are not allowed (e.g., reserved properties).";
    kit.post("/actions/s", r#"{"_actions":[]}"#).await.is_error(400, text);
}

#[tokio::test]
async fn seq_20_a_sequence_is_no_conductor() {
    let kit = kit().await;
    let body = r#"{"exec":{"kind":"sequence","components":["/_/a"]},"annotations":[{"key":"conductor","value":true}]}"#;
    kit.put("/actions/s", body).await;
    kit.scheduler.answers("guest/a", &[r#"{"action":"b"}"#]);
    let answer = kit.post("/actions/s?blocking=true", "{}").await;
    assert_eq!(answer.json["response"]["result"], json!({"action": "b"}));
    assert!(annotation(&answer.json, "conductor").is_null());
}

#[tokio::test]
async fn inv_19_auth_14_running_needs_the_right_to_each_direct_component() {
    let kit = kit().await;
    kit.package("other/p", true, "{}", "[]").await;
    kit.action("other/p/x", "").await;
    made(&kit, "s", &["/other/p/x", "/_/a"]).await;
    made(&kit, "around", &["/_/s"]).await;
    assert_eq!(kit.post("/actions/s?blocking=true", "{}").await.status, 200);
    kit.package("other/p", false, "{}", "[]").await;
    let before = kit.scheduler.submitted().len();
    let text = "The supplied authentication is not authorized to access 'other/p/x'.";
    for query in ["", "?blocking=true"] {
        kit.post(&format!("/actions/s{query}"), "{}").await.is_error(403, text);
    }
    assert_eq!(kit.scheduler.submitted().len(), before);
    // Only direct ones are looked at.
    assert_eq!(kit.post("/actions/around?blocking=true", "{}").await.status, 200);
}

#[tokio::test]
async fn inv_16_inv_20_parts_are_in_flight_but_no_requests() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b", "/_/c"]).await;
    let limits = UserLimits { invocations_per_minute: Some(2), ..UserLimits::default() };
    kit.limit(limits).await;
    for _ in 0..2 {
        assert_eq!(kit.post("/actions/s?blocking=true", "{}").await.status, 200);
    }
    let answer = kit.post("/actions/s?blocking=true", "{}").await;
    assert_eq!(answer.status, 429);
    let limits = UserLimits { concurrent_invocations: Some(1), ..UserLimits::default() };
    kit.limit(limits).await;
    kit.scheduler.will_each("guest/b", &[Script::Silence]);
    let answer = kit.post("/actions/s", "{}").await;
    eventually("the second part", || kit.scheduler.last().action.name.name.as_str() == "b").await;
    let text = "Too many concurrent requests in flight (count: 1, allowed: 1).";
    kit.post("/actions/a", "{}").await.is_error(429, text);
    kit.scheduler.finish(&kit.scheduler.last(), StatusCode::Success, "{}");
    record(&kit, answer.activation()).await;
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 200);
}

#[tokio::test]
async fn a_client_that_goes_does_not_stop_it() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b"]).await;
    kit.scheduler.will_each("guest/a", &[Script::Silence]);
    {
        let call = kit.post("/actions/s?blocking=true", "{}");
        let check = eventually("the submission", || !kit.scheduler.submitted().is_empty());
        tokio::select! {
            _ = call => panic!("nobody answered"),
            () = check => {}
        }
    }
    let message = kit.scheduler.last();
    kit.scheduler.finish(&message, StatusCode::Success, "{}");
    let end = record(&kit, message.cause.unwrap()).await;
    assert_eq!(end["response"]["success"], true);
}

#[tokio::test]
async fn an_id_goes_out_when_its_intent_is_on_the_disk_and_it_counts_as_begun_before_its_first_part() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b"]).await;
    kit.scheduler.will(Script::Silence);
    kit.activations.disk.forget_permits(1000);
    let call = kit.post("/actions/s", "{}");
    let check = async {
        eventually("the intent", || !kit.activations.intents.lock().is_empty()).await;
        assert!(kit.scheduler.submitted().is_empty());
        assert!(kit.activations.intents.lock().values().all(|(_, started)| !started));
        kit.activations.disk.add_permits(1);
    };
    let (answer, ()) = tokio::join!(call, check);
    assert_eq!(answer.status, 202);
    eventually("the first part", || !kit.scheduler.submitted().is_empty()).await;
    let intents = kit.activations.intents.lock().clone();
    assert_eq!(intents.keys().collect::<Vec<_>>(), [&answer.activation()]);
    assert!(intents[&answer.activation()].1);
    assert!(!kit.scheduler.last().journaled);
}

#[tokio::test]
async fn after_a_crash_one_that_had_not_begun_runs() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b"]).await;
    kit.scheduler.will(Script::Silence);
    let answer = kit.post("/actions/s", r#"{"x":1}"#).await;
    eventually("the first part", || !kit.scheduler.submitted().is_empty()).await;
    // As it was a moment before.
    kit.activations.intents.lock().get_mut(&answer.activation()).unwrap().1 = false;
    let next = kit.restarted();
    assert_eq!(next.controller.recover().await.resubmitted, 1);
    let end = record(&next, answer.activation()).await;
    assert_eq!(end["response"]["success"], true);
    assert_eq!(annotation(&end, "kind"), "sequence");
    assert_eq!(next.scheduler.submitted()[0].payload.get(), r#"{"x":1}"#);
    assert_eq!(next.scheduler.submitted().len(), 2);
    assert!(kit.activations.intents.lock().is_empty());
}

#[tokio::test]
async fn after_a_crash_one_that_had_begun_gets_a_record_with_the_parts_that_are_known() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b", "/_/c"]).await;
    kit.scheduler.will_each("guest/b", &[Script::Silence]);
    let answer = kit.post("/actions/s", "{}").await;
    eventually("the second part", || kit.scheduler.submitted().len() == 2).await;
    let next = kit.restarted();
    let recovered = next.controller.recover().await;
    assert_eq!((recovered.resubmitted, recovered.ended, recovered.left), (0, 1, 0));
    assert!(next.scheduler.submitted().is_empty());
    let end = record(&next, answer.activation()).await;
    assert_eq!(end["response"]["status"], "whisk internal error");
    let text = end["response"]["result"]["error"].as_str().unwrap().to_owned();
    assert!(text.contains("stopped while this activation was running"), "{text}");
    assert_eq!(end["logs"], json!([kit.scheduler.submitted()[0].activation_id.to_string()]));
    assert_eq!((annotation(&end, "kind"), annotation(&end, "topmost")), (&json!("sequence"), &json!(true)));
}

#[tokio::test]
async fn after_a_crash_one_that_was_deleted_ends_too() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a"]).await;
    kit.scheduler.will(Script::Silence);
    let answer = kit.post("/actions/s", "{}").await;
    eventually("the first part", || !kit.scheduler.submitted().is_empty()).await;
    kit.activations.intents.lock().get_mut(&answer.activation()).unwrap().1 = false;
    kit.own("DELETE", "/actions/s").send().await;
    let next = kit.restarted();
    assert_eq!(next.controller.recover().await.ended, 1);
    let end = record(&next, answer.activation()).await;
    let result = json!({"error": "Action could not be found or may have been deleted."});
    assert_eq!(end["response"]["result"], result);
    assert_eq!(annotation(&end, "kind"), "sequence");
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_the_parts_that_are_still_to_come() {
    let kit = kit().await;
    made(&kit, "s", &["/_/a", "/_/b"]).await;
    kit.scheduler.will(Script::Silence);
    let answer = kit.post("/actions/s", "{}").await;
    let go_on = async {
        for count in 1..=2 {
            eventually("a part", || kit.scheduler.submitted().len() == count).await;
            kit.scheduler.finish(&kit.scheduler.last(), StatusCode::Success, "{}");
        }
    };
    let drained = tokio::time::timeout(Duration::from_secs(20), kit.controller.drain());
    let (drained, ()) = tokio::join!(drained, go_on);
    assert!(drained.is_ok());
    assert_eq!(kit.get(&format!("/activations/{}", answer.activation())).await.status, 200);
}
