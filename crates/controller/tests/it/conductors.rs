//! Conductor actions and the compositions that they drive (section CON of the API rules).

use crate::kit::{GUEST, Kit, OTHER, Script, annotation, eventually, record};
use rpc::Refusal;
use serde_json::{Value, json};
use std::time::Duration;
use types::StatusCode;

const CONDUCTOR: &str = r#""annotations":[{"key":"conductor","value":true}]"#;

/// A conductor `c` and actions `a` and `b`.
async fn kit() -> Kit {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.action("guest/b", r#""parameters":[{"key":"own","value":1}]"#).await;
    kit.action("guest/c", CONDUCTOR).await;
    kit
}

/// What ran, and with what.
fn ran(kit: &Kit) -> Vec<(String, Value)> {
    let payload = |text: &str| serde_json::from_str(text).unwrap();
    let submitted = kit.scheduler.submitted();
    submitted.iter().map(|m| (m.action.name.to_string(), payload(m.payload.get()))).collect()
}

fn names(kit: &Kit) -> Vec<String> {
    kit.scheduler.submitted().iter().map(|m| m.action.name.to_string()).collect()
}

#[tokio::test]
async fn con_01_the_annotation_counts_by_its_truth() {
    for (value, composes) in [
        ("true", true),
        ("1", true),
        ("\"x\"", true),
        ("{}", true),
        ("false", false),
        ("0", false),
        ("\"\"", false),
    ] {
        let kit = kit().await;
        kit.action("guest/c", &format!(r#""annotations":[{{"key":"conductor","value":{value}}}]"#)).await;
        kit.scheduler.answers("guest/c", &[r#"{"params":{"x":1}}"#]);
        let answer = kit.post("/actions/c?blocking=true", "{}").await;
        let result = if composes { json!({"x": 1}) } else { json!({"params": {"x": 1}}) };
        assert_eq!(answer.json["response"]["result"], result, "{value}");
    }
}

#[tokio::test]
async fn con_02_con_04_con_08_the_protocol() {
    let kit = kit().await;
    kit.action("guest/c", &format!(r#"{CONDUCTOR},"parameters":[{{"key":"mine","value":0}}]"#)).await;
    kit.scheduler.answers(
        "guest/c",
        &[
            r#"{"action":"b","params":{"p":1},"state":{"at":1}}"#,
            r#"{"action":"/_/a","state":{"at":2,"error":"hidden"}}"#,
            r#"{"params":{"n":12345678901234567890},"rest":1}"#,
        ],
    );
    kit.scheduler.answers("guest/b", &[r#"{"from":"b"}"#]);
    let failed = Script::Finish(StatusCode::ApplicationError, r#"{"error":"no"}"#);
    kit.scheduler.will_each("guest/a", &[failed]);
    let answer = kit.post("/actions/c?blocking=true&result=true", r#"{"in":1}"#).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"n":12345678901234567890}"#));
    assert_eq!(
        ran(&kit),
        [
            ("guest/c".to_owned(), json!({"mine": 0, "in": 1})),
            ("guest/b".to_owned(), json!({"own": 1, "p": 1})),
            ("guest/c".to_owned(), json!({"mine": 0, "from": "b", "at": 1})),
            ("guest/a".to_owned(), json!({})),
            ("guest/c".to_owned(), json!({"mine": 0, "error": "hidden", "at": 2})),
        ]
    );
}

#[tokio::test]
async fn run_10_the_first_run_of_a_conductor_keeps_what_was_sent_for_its_environment() {
    let kit = kit().await;
    kit.action("guest/c", &format!(r#"{CONDUCTOR},"parameters":[{{"key":"e","value":0,"init":true}}]"#))
        .await;
    kit.scheduler.answers("guest/c", &["{}"]);
    kit.post("/actions/c?blocking=true", r#"{"e":5,"x":1}"#).await;
    let message = kit.scheduler.last();
    assert_eq!(message.payload.get(), r#"{"x":1}"#);
    assert_eq!(message.environment.as_ref().unwrap().get(), r#"{"e":5}"#);
}

#[tokio::test]
async fn con_05_con_06_con_07_whatever_is_wrong_with_a_name_is_told() {
    let kit = kit().await;
    kit.action("other/x", "").await;
    kit.package("other/p", true, "{}", "[]").await;
    kit.action("other/p/x", "").await;
    kit.scheduler.answers(
        "guest/c",
        &[
            r#"{"action":"other/p/x","state":{"s":1}}"#,
            r#"{"action":{"a":1},"state":{"s":2}}"#,
            r#"{"action":"none","state":{"s":3}}"#,
            r#"{"action":"/other/x","state":{"s":4}}"#,
            r#"{"action":"none/x"}"#,
            "{}",
        ],
    );
    kit.post("/actions/c?blocking=true", "{}").await;
    let told = |error: &str, state: Value| {
        let mut payload = json!({"error": error});
        if !state.is_null() {
            payload["s"] = state;
        }
        ("guest/c".to_owned(), payload)
    };
    assert_eq!(
        ran(&kit)[3..],
        [
            told(r#"Failed to parse action name from json value {"a":1} during composition."#, json!(2)),
            told("Failed to resolve action with name 'guest/none' during composition.", json!(3)),
            told("Failed entitlement check for action with name 'other/x' during composition.", json!(4)),
            told(
                "Failed entitlement check for action with name 'guest/none/x' during composition.",
                Value::Null
            ),
        ]
    );
    assert_eq!(names(&kit)[1], "other/p/x");
}

#[tokio::test]
async fn con_09_an_error_of_the_conductor_ends_it() {
    let kit = kit().await;
    let failed = Script::Finish(StatusCode::ApplicationError, r#"{"error":"no"}"#);
    kit.scheduler.will_each("guest/c", &[failed]);
    let answer = kit.post("/actions/c?blocking=true", "{}").await;
    assert_eq!((answer.status, &answer.json["response"]["status"]), (502, &json!("application error")));
    assert_eq!(answer.json["response"]["result"], json!({"error": "no"}));
}

#[tokio::test]
async fn con_10_it_ends_after_101_runs_of_its_conductor_and_50_parts() {
    let kit = kit().await;
    kit.scheduler.answers("guest/c", &[r#"{"action":"a"}"#]);
    let answer = kit.post("/actions/c?blocking=true", "{}").await;
    assert_eq!(answer.json["response"]["status"], "application error");
    assert_eq!(answer.json["response"]["result"], json!({"error": "Too many actions in the composition."}));
    let ran = names(&kit);
    let count = |name: &str| ran.iter().filter(|ran| *ran == name).count();
    assert_eq!((count("guest/c"), count("guest/a")), (101, 50));
    assert_eq!(answer.json["logs"].as_array().unwrap().len(), 151);
}

#[tokio::test(start_paused = true)]
async fn con_12_what_does_not_end_or_is_not_taken_ends_it() {
    let kit = kit().await;
    kit.scheduler.answers("guest/c", &[r#"{"action":"a"}"#]);
    kit.scheduler.will_each("guest/a", &[Script::Silence, Script::Refuse(Refusal::NoInvokers)]);
    let answer = kit.post("/actions/c", "{}").await;
    let end = record(&kit, answer.activation()).await;
    let id = kit.scheduler.last().activation_id;
    let text = format!("Timeout reached when retrieving activation {id} during composition.");
    assert_eq!(end["response"]["result"], json!({"error": text}));
    assert_eq!(end["response"]["status"], "whisk internal error");
    assert_eq!(end["logs"][1], id.to_string());
    let answer = kit.post("/actions/c?blocking=true", "{}").await;
    assert_eq!(answer.status, 500);
    let text = "Activation failure during composition.";
    assert_eq!(answer.json["response"]["result"], json!({"error": text}));
}

#[tokio::test]
async fn con_13_con_14_atv_21_the_record_is_like_that_of_a_sequence() {
    let kit = kit().await;
    kit.action("guest/b", r#""limits":{"memory":512}"#).await;
    kit.scheduler.answers("guest/c", &[r#"{"action":"b"}"#, r#"{"x":1}"#]);
    let answer = kit.post("/actions/c?blocking=true", "{}").await;
    let end = record(&kit, answer.activation()).await;
    assert_eq!(answer.json, end);
    let submitted = kit.scheduler.submitted();
    let ids: Vec<String> = submitted.iter().map(|m| m.activation_id.to_string()).collect();
    assert_eq!(end["logs"], json!(ids));
    assert_eq!((&end["duration"], &end["name"], &end["namespace"]), (&json!(15), &json!("c"), &json!(GUEST)));
    for (key, value) in [
        ("topmost", json!(true)),
        ("kind", json!("sequence")),
        ("conductor", json!(true)),
        ("path", json!("guest/c")),
        ("causedBy", Value::Null),
        ("timeout", Value::Null),
        ("initTime", Value::Null),
    ] {
        assert_eq!(annotation(&end, key), &value, "{key}");
    }
    assert_eq!(annotation(&end, "limits")["memory"], 512);
    assert!(submitted.iter().all(|m| m.cause == Some(answer.activation())));
}

#[tokio::test]
async fn con_11_con_13_compositions_and_sequences_contain_each_other() {
    let kit = kit().await;
    kit.action("guest/inner", CONDUCTOR).await;
    let body = r#"{"exec":{"kind":"sequence","components":["/_/inner","/_/b"]}}"#;
    assert_eq!(kit.put("/actions/s", body).await.status, 200);
    kit.scheduler
        .answers("guest/c", &[r#"{"action":"s","params":{"p":1}}"#, r#"{"action":"inner"}"#, r#"{"end":1}"#]);
    kit.scheduler.answers("guest/inner", &[r#"{"action":"a"}"#, r#"{"params":{"i":1}}"#]);
    let answer = kit.post("/actions/c?blocking=true", "{}").await;
    let end = record(&kit, answer.activation()).await;
    assert_eq!(end["response"]["result"], json!({"end": 1}));
    let ran: Vec<String> = names(&kit).iter().map(|name| name[6..].to_owned()).collect();
    assert_eq!(ran, ["c", "inner", "a", "inner", "b", "c", "inner", "c"]);
    assert_eq!(end["logs"].as_array().unwrap().len(), 5);
    let sequence = record(&kit, end["logs"][1].as_str().unwrap()).await;
    assert_eq!(sequence["name"], "s");
    assert!(annotation(&sequence, "conductor").is_null());
    let inner = record(&kit, sequence["logs"][0].as_str().unwrap()).await;
    assert_eq!(inner["cause"], sequence["activationId"]);
    assert_eq!(annotation(&inner, "topmost"), false);
    assert_eq!(annotation(&inner, "causedBy"), "sequence");
    assert_eq!(annotation(&inner, "conductor"), true);
    assert_eq!(inner["logs"].as_array().unwrap().len(), 3);
    assert_eq!(inner["response"]["result"], json!({"i": 1}));
    // What came before flows into the sequence and out of its composition.
    assert_eq!(kit.scheduler.submitted()[1].payload.get(), r#"{"p":1}"#);
    assert_eq!(ran_with(&kit, 4), json!({"own": 1, "i": 1}));
}

fn ran_with(kit: &Kit, at: usize) -> Value {
    ran(kit)[at].1.clone()
}

#[tokio::test(start_paused = true)]
async fn con_15_the_id_of_the_composition_is_the_answer() {
    let kit = kit().await;
    kit.scheduler.answers("guest/c", &[r#"{"action":"a"}"#, r#"{"action":"a"}"#, r#"{"end":1}"#]);
    kit.scheduler.will_each("guest/a", &[Script::Silence]);
    let detached = kit.post("/actions/c", "{}").await;
    assert_eq!(detached.status, 202);
    eventually("the part", || kit.scheduler.submitted().len() == 2).await;
    let waited = kit.post("/actions/c?blocking=true&timeout=50", "{}").await;
    assert_eq!(waited.status, 202);
    for message in kit.scheduler.submitted() {
        if message.action.name.name.as_str() == "a" {
            kit.scheduler.finish(&message, StatusCode::Success, "{}");
        }
    }
    for answer in [detached, waited] {
        let end = record(&kit, answer.activation()).await;
        assert_eq!(end["response"]["result"], json!({"end": 1}));
    }
    assert!(kit.activations.intents.lock().is_empty());
}

#[tokio::test]
async fn con_16_def_07_an_array_ends_it_as_an_error_of_the_platform() {
    let kit = kit().await;
    kit.scheduler.answers("guest/c", &[r#"{"action":"a"}"#]);
    kit.scheduler.answers("guest/a", &["[1]"]);
    let answer = kit.post("/actions/c?blocking=true", "{}").await;
    assert_eq!((answer.status, &answer.json["response"]["status"]), (500, &json!("whisk internal error")));
    let id = kit.scheduler.last().activation_id;
    let text = format!(
        "Activation {id} answered with an array, but in a composition only objects can be passed on."
    );
    assert_eq!(answer.json["response"]["result"], json!({"error": text}));
}

#[tokio::test]
async fn inv_15_a_conductor_of_a_shared_package_runs_as_its_caller() {
    let kit = kit().await;
    kit.package("other/p", true, "{}", "[]").await;
    let body = format!(r#"{{"exec":{{"kind":"nodejs:20","code":"x"}},{CONDUCTOR}}}"#);
    let put = kit.request("PUT", "/api/v1/namespaces/_/actions/p/c").key(OTHER).json(&body).send().await;
    assert_eq!(put.status, 200);
    kit.scheduler.answers("other/p/c", &[r#"{"action":"a"}"#, "{}"]);
    let answer =
        kit.request("POST", "/api/v1/namespaces/other/actions/p/c?blocking=true").json("{}").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    // Names are those of the caller.
    assert_eq!(names(&kit), ["other/p/c", "guest/a", "other/p/c"]);
    assert_eq!(annotation(&answer.json, "path"), "other/p/c");
}

#[tokio::test]
async fn after_a_crash_a_composition_ends_in_a_record_of_its_own_kind() {
    let kit = kit().await;
    kit.scheduler.answers("guest/c", &[r#"{"action":"a"}"#, "{}"]);
    kit.scheduler.will_each("guest/a", &[Script::Silence]);
    let answer = kit.post("/actions/c", r#"{"x":1}"#).await;
    eventually("the part", || kit.scheduler.submitted().len() == 2).await;
    let conductor = kit.scheduler.submitted()[0].activation_id.to_string();
    let next = kit.restarted();
    assert_eq!(next.controller.recover().await.ended, 1);
    let end = record(&next, answer.activation()).await;
    assert_eq!(end["response"]["status"], "whisk internal error");
    assert_eq!((annotation(&end, "kind"), annotation(&end, "conductor")), (&json!("sequence"), &json!(true)));
    assert_eq!(end["logs"], json!([conductor]));
}

#[tokio::test]
async fn after_a_crash_a_composition_that_had_not_begun_runs() {
    let kit = kit().await;
    kit.action("guest/c", &format!(r#"{CONDUCTOR},"parameters":[{{"key":"mine","value":0}}]"#)).await;
    kit.scheduler.will(Script::Silence);
    let answer = kit.post("/actions/c", r#"{"x":1}"#).await;
    eventually("the first run", || !kit.scheduler.submitted().is_empty()).await;
    // As it was a moment before.
    kit.activations.intents.lock().get_mut(&answer.activation()).unwrap().1 = false;
    let next = kit.restarted();
    next.scheduler.answers("guest/c", &[r#"{"action":"a"}"#, r#"{"end":1}"#]);
    assert_eq!(next.controller.recover().await.resubmitted, 1);
    let end = record(&next, answer.activation()).await;
    assert_eq!(end["response"]["result"], json!({"end": 1}));
    assert_eq!(ran_with(&next, 0), json!({"mine": 0, "x": 1}));
    tokio::time::timeout(Duration::from_secs(5), next.controller.drain()).await.unwrap();
}
