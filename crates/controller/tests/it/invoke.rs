use crate::kit::{Kit, Script, eventually};
use serde_json::json;
use std::time::Duration;
use types::{StatusCode, UserLimits};

async fn kit() -> Kit {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit
}

#[tokio::test]
async fn inv_02_bodies() {
    let kit = kit().await;
    let empty = kit.own("POST", "/actions/a?blocking=true").send().await;
    assert_eq!((empty.status, kit.scheduler.last().payload.get()), (200, "{}"));
    let blank = kit.post("/actions/a?blocking=true", " \n").await;
    assert_eq!((blank.status, kit.scheduler.last().payload.get()), (200, "{}"));
    // A client that says nothing of its type is understood.
    let untyped = kit.own("POST", "/actions/a?blocking=true").body(r#"{"a":1}"#).send().await;
    assert_eq!((untyped.status, kit.scheduler.last().payload.get()), (200, r#"{"a":1}"#));
    for body in ["[1]", "1", "\"x\"", "null"] {
        let text = "The request content was malformed:\nJSON object expected";
        kit.post("/actions/a", body).await.is_error(400, text);
    }
    let syntax = kit.post("/actions/a", "{\"a\":").await;
    assert_eq!(syntax.status, 400);
    assert!(syntax.json["error"].as_str().unwrap().starts_with("The request content was malformed:\n"));
    let binary = kit.own("POST", "/actions/a").json("").body("\u{fffd}").send().await;
    assert_eq!(binary.status, 400);
}

#[tokio::test]
async fn http_24_the_function_gets_what_the_client_sent() {
    let kit = kit().await;
    let payload = r#"{"big":12345678901234567890123,"f":1.0,"e":1e3,"n":null,"d":1,"d":2,"u":"ü\u0000"}"#;
    kit.post("/actions/a?blocking=true", payload).await;
    assert_eq!(kit.scheduler.last().payload.get(), payload);
    assert_eq!(kit.scheduler.last().environment.as_deref(), None);
}

#[tokio::test]
async fn inv_03_the_wait_is_a_number_of_milliseconds() {
    let kit = kit().await;
    for timeout in ["0", "60001", "x", "-1", "1.5", ""] {
        kit.post(&format!("/actions/a?blocking=true&timeout={timeout}"), "{}").await.is_error(
            400,
            "The query parameter 'timeout' was malformed:\nTimeout must be number of milliseconds up to 60000.",
        );
    }
    for timeout in ["1", "60000"] {
        let answer = kit.post(&format!("/actions/a?blocking=true&timeout={timeout}"), "{}").await;
        assert_eq!(answer.status, 200);
    }
    let malformed = "The query parameter 'blocking' was malformed:\n'x' is not a valid Boolean value";
    kit.post("/actions/a?blocking=x", "{}").await.is_error(400, malformed);
}

#[tokio::test]
async fn cls_01_atv_08_atv_09_every_status_has_a_number_and_a_text() {
    let kit = kit().await;
    for (status, number, text, success) in [
        (StatusCode::Success, 0, "success", true),
        (StatusCode::ApplicationError, 1, "application error", false),
        (StatusCode::DeveloperError, 2, "action developer error", false),
        (StatusCode::WhiskError, 3, "whisk internal error", false),
    ] {
        // The newest stands first in a list.
        kit.clock.advance(Duration::from_millis(1));
        kit.scheduler.will(Script::Finish(status, r#"{"x":1}"#));
        let id = kit.post("/actions/a?blocking=true", "{}").await.activation();
        let record = kit.get(&format!("/activations/{id}")).await.json;
        assert_eq!(record["response"]["status"], text);
        assert_eq!(record["response"]["success"], success);
        assert_eq!(record["response"].get("statusCode"), None);
        let summary = &kit.get("/activations?limit=1").await.json[0];
        assert_eq!((&summary["activationId"], &summary["statusCode"]), (&json!(id), &json!(number)));
    }
}

#[tokio::test]
async fn inv_01_a_call_waits_and_gives_the_result_alone_only_when_asked() {
    let kit = kit().await;
    for query in ["", "?blocking=false", "?result=true", "?blocking=false&result=true&timeout=60000"] {
        let answer = kit.post(&format!("/actions/a{query}"), "{}").await;
        assert_eq!((answer.status, &answer.json), (202, &json!({ "activationId": answer.activation() })));
    }
    let record = kit.post("/actions/a?blocking=true", "{}").await;
    assert_eq!((record.status, &record.json["response"]["result"]), (200, &json!({ "ok": true })));
    let result = kit.post("/actions/a?blocking=true&result=true&timeout=1000", "{}").await;
    assert_eq!((result.status, result.text.as_str()), (200, r#"{"ok":true}"#));
}

#[tokio::test]
async fn inv_10_atv_28_where_no_records_are_kept_the_answer_is_whole_and_the_list_has_no_gap() {
    let kit = kit().await;
    kit.post("/actions/a?blocking=true", "{}").await;
    kit.limit(UserLimits { store_activations: Some(false), ..UserLimits::default() }).await;
    // The script of these tests stores what it runs, as an invoker does for namespaces that keep records.
    kit.scheduler.will(Script::Drop(StatusCode::DeveloperError, "no"));
    let answer = kit.post("/actions/a?blocking=true", "{}").await;
    assert_eq!(answer.json["response"]["result"], json!({ "error": "no" }));
    assert_eq!(answer.json["response"]["status"], "action developer error");
    assert_eq!(kit.get("/activations").await.json.as_array().unwrap().len(), 1);
    assert_eq!(kit.get("/activations?count=true").await.json, json!({ "activations": 1 }));
}

#[tokio::test]
async fn inv_04_nobody_waits() {
    let kit = kit().await;
    for query in ["", "?result=true", "?blocking=false"] {
        let answer = kit.post(&format!("/actions/a{query}"), "{}").await;
        assert_eq!(answer.status, 202);
        assert_eq!(answer.json, json!({"activationId": answer.activation().to_string()}));
        assert!(kit.scheduler.last().journaled);
    }
}

#[tokio::test]
async fn inv_05_cls_21_a_blocking_answer_is_the_record_or_its_result() {
    let kit = kit().await;
    for (status, expected, text) in [
        (StatusCode::Success, 200, "success"),
        (StatusCode::ApplicationError, 502, "application error"),
        (StatusCode::DeveloperError, 502, "action developer error"),
        (StatusCode::WhiskError, 500, "whisk internal error"),
    ] {
        kit.scheduler.will(Script::Finish(status, r#"{"error":"n/a","big":12345678901234567890123}"#));
        let whole = kit.post("/actions/a?blocking=true", "{}").await;
        assert_eq!(whole.status, expected);
        assert_eq!(whole.json["response"]["status"], text);
        assert_eq!(whole.json["response"]["success"], status == StatusCode::Success);
        assert_eq!(whole.json["activationId"], whole.activation().to_string());
        assert!(whole.text.contains("12345678901234567890123"));
        // INV-08: logs are not there yet, though the record will have them.
        assert_eq!(whole.json["logs"], json!([]));
        let stored = kit.get(&format!("/activations/{}", whole.activation())).await;
        assert_eq!(stored.json["logs"].as_array().unwrap().len(), 1);
        // INV-09
        let result = kit.post("/actions/a?blocking=true&result=true", "{}").await;
        assert_eq!(result.status, expected);
        assert_eq!(result.text, r#"{"error":"n/a","big":12345678901234567890123}"#);
    }
    assert!(!kit.scheduler.last().journaled);
}

#[tokio::test]
async fn inv_06_def_02_array_result_is_bare() {
    let kit = kit().await;
    kit.scheduler.will(Script::Finish(StatusCode::Success, "[1,{}]"));
    for query in ["", "&result=true"] {
        let answer = kit.post(&format!("/actions/a?blocking=true{query}"), "{}").await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "[1,{}]"));
    }
}

#[tokio::test(start_paused = true)]
async fn inv_07_after_the_wait_the_client_gets_the_id() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let begin = tokio::time::Instant::now();
    let answer = kit.post("/actions/a?blocking=true&timeout=1500", "{}").await;
    assert_eq!(begin.elapsed(), Duration::from_millis(1500));
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json, json!({"activationId": answer.activation().to_string()}));
    let default = kit.post("/actions/a?blocking=true", "{}").await;
    assert_eq!(default.status, 202);
    assert_eq!(begin.elapsed(), Duration::from_millis(61_500));
    // It goes on, and its record comes.
    let message = kit.scheduler.last();
    kit.scheduler.finish(&message, StatusCode::Success, "{}");
    let record = kit.get(&format!("/activations/{}", message.activation_id)).await;
    assert_eq!(record.status, 200);
}

#[tokio::test(start_paused = true)]
async fn inv_07_before_the_id_goes_out_an_intent_is_written() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let answer = kit.post("/actions/a?blocking=true&timeout=10", "{}").await;
    let intents = kit.activations.intents.lock().clone();
    assert!(intents[&answer.activation()].1, "it may be running, so it must count as started");
    // One that ended in time leaves none.
    kit.scheduler.will(Script::Finish(StatusCode::Success, "{}"));
    kit.post("/actions/a?blocking=true&timeout=10", "{}").await;
    assert_eq!(kit.activations.intents.lock().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn inv_17_a_record_whose_completion_was_lost_is_found_at_the_end_of_the_wait() {
    use store::ActivationStore;
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let wait = kit.post("/actions/a?blocking=true&timeout=100&result=true", "{}");
    let lost = async {
        eventually("the submission", || !kit.scheduler.submitted().is_empty()).await;
        let record = kit.scheduler.record(&kit.scheduler.last(), StatusCode::Success, r#"{"found":1}"#);
        kit.activations.store(std::sync::Arc::new(record)).unwrap();
    };
    let (answer, ()) = tokio::join!(wait, lost);
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"found":1}"#));
    assert!(kit.activations.intents.lock().is_empty());
}

#[tokio::test]
async fn inv_11_inv_12_inv_13_parameters() {
    let kit = Kit::new().await;
    let parameters =
        r#""parameters":[{"key":"a","value":1},{"key":"n","value":null},{"key":"i","value":2,"init":true}]"#;
    kit.action("guest/open", parameters).await;
    kit.post("/actions/open?blocking=true", r#"{"a":9,"i":8,"x":7}"#).await;
    let message = kit.scheduler.last();
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(read(message.payload.get()), json!({"a":9,"n":null,"x":7}));
    assert_eq!(read(message.environment.as_ref().unwrap().get()), json!({"i":8}));
    let closed = format!(r#"{parameters},"annotations":[{{"key":"final","value":true}}]"#);
    kit.action("guest/closed", &closed).await;
    let text = "Request defines parameters that are not allowed (e.g., reserved properties).";
    for body in [r#"{"a":1}"#, r#"{"i":1}"#] {
        kit.post("/actions/closed", body).await.is_error(400, text);
    }
    assert_eq!(kit.post("/actions/closed", r#"{"n":1,"x":2}"#).await.status, 202);
}

#[tokio::test]
async fn inv_14_a_missing_action() {
    let kit = kit().await;
    kit.post("/actions/none", "{}").await.is_error(404, "The requested resource does not exist.");
}

#[tokio::test]
async fn run_09_the_key_is_given_only_on_request() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.post("/actions/a?blocking=true", "").await;
    assert!(!kit.scheduler.last().action.provide_api_key);
    kit.action("guest/b", r#""annotations":[{"key":"provide-api-key","value":true}]"#).await;
    kit.post("/actions/b?blocking=true", "").await;
    assert!(kit.scheduler.last().action.provide_api_key);
    kit.put("/actions/b?overwrite=true", r#"{"delAnnotations":["provide-api-key"]}"#).await;
    kit.post("/actions/b?blocking=true", "").await;
    assert!(kit.scheduler.last().action.provide_api_key);
}

#[tokio::test]
async fn a_warm_message_shares_what_does_not_change() {
    let kit = kit().await;
    kit.post("/actions/a?blocking=true", "").await;
    let first = kit.scheduler.last();
    kit.post("/actions/a?blocking=true", "").await;
    let second = kit.scheduler.last();
    assert!(std::sync::Arc::ptr_eq(&first.action, &second.action));
    assert!(std::sync::Arc::ptr_eq(&first.caller, &second.caller));
    assert!(std::sync::Arc::ptr_eq(&first.queue, &second.queue));
    assert_ne!(first.activation_id, second.activation_id);
}

#[tokio::test]
async fn atv_22_a_namespace_can_go_without_records() {
    let kit = kit().await;
    kit.limit(UserLimits { store_activations: Some(false), ..UserLimits::default() }).await;
    kit.scheduler.will(Script::Drop(StatusCode::WhiskError, "gone"));
    let blocking = kit.post("/actions/a?blocking=true", "{}").await;
    assert_eq!(blocking.json["response"]["result"], json!({"error": "gone"}));
    kit.post("/actions/a", "{}").await;
    assert_eq!(kit.get("/activations").await.text, "[]");
    assert!(kit.activations.intents.lock().is_empty());
}
