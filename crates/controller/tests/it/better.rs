//! What is told beyond upstream: preferences, waits that are over, traces, phases.

use crate::kit::{Kit, Script, eventually};
use controller::{Config, WaitOver};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use types::StatusCode;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn kit() -> Kit {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit
}

#[tokio::test(start_paused = true)]
async fn a_client_that_prefers_to_wait_is_answered_like_one_that_blocks() {
    let kit = kit().await;
    let begin = Instant::now();
    let ended = kit.own("POST", "/actions/a?result=true").header("prefer", "wait=7").send().await;
    assert_eq!((ended.status, ended.text.as_str()), (200, r#"{"ok":true}"#));
    assert_eq!(ended.header("preference-applied"), Some("wait=7"));
    kit.scheduler.will(Script::Silence);
    let over = kit.own("POST", "/actions/a").header("prefer", "wait=7").send().await;
    assert_eq!((over.status, begin.elapsed()), (202, Duration::from_secs(7)));
    assert_eq!(over.header("preference-applied"), Some("wait=7"));
    let detached = kit.own("POST", "/actions/a").header("prefer", "respond-async").send().await;
    assert_eq!((detached.status, detached.header("preference-applied")), (202, Some("respond-async")));
    let plain = kit.own("POST", "/actions/a").send().await;
    assert_eq!((plain.status, plain.header("preference-applied")), (202, None));
}

#[tokio::test(start_paused = true)]
async fn inv_07_a_wait_that_is_over_can_be_a_504_that_names_the_activation() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let query = "/actions/a?blocking=true&timeout=1500&on_timeout=504";
    let over = kit.own("POST", query).header("prefer", "handling=strict").send().await;
    assert_eq!(over.status, 504);
    let text = "The activation did not end within 1500 milliseconds; it goes on.";
    let id = over.activation();
    let code = over.header("x-request-id").unwrap();
    assert_eq!(over.json, json!({"error": text, "code": code, "activationId": id, "reason": "wait_over"}));
    // It goes on, and it is written down that it does.
    assert!(kit.activations.intents.lock().contains_key(&id));
    kit.scheduler.finish(&kit.scheduler.last(), StatusCode::Success, "{}");
    assert_eq!(kit.get(&format!("/activations/{id}")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn inv_07_the_operator_can_choose_the_504_for_all() {
    let kit = Kit::with(Config { wait_over: WaitOver::GatewayTimeout, ..Config::default() }).await;
    kit.action("guest/a", "").await;
    kit.scheduler.will(Script::Silence);
    let over = kit.post("/actions/a?blocking=true&timeout=10", "{}").await;
    assert_eq!(over.status, 504);
    let asked = kit.post("/actions/a?blocking=true&timeout=10&on_timeout=202", "{}").await;
    assert_eq!(asked.status, 202);
    let preferred = kit.own("POST", "/actions/a").header("prefer", "wait=1").send().await;
    assert_eq!((preferred.status, preferred.header("preference-applied")), (504, Some("wait=1")));
    // Nobody waits for this one, so nothing is over.
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
}

#[tokio::test]
async fn an_activation_is_a_step_of_the_requests_trace() {
    let kit = kit().await;
    let request = || kit.own("POST", "/actions/a").header("traceparent", PARENT).header("tracestate", "a=1");
    request().send().await;
    let first = kit.scheduler.last().trace.clone();
    request().send().await;
    let second = kit.scheduler.last().trace.clone();
    for trace in [&first, &second] {
        assert_eq!((trace.trace_id().to_string().as_str(), trace.state()), (&PARENT[3..35], Some("a=1")));
        assert!(trace.parent().ends_with("-01"), "{trace}");
        assert_ne!(trace.parent(), PARENT, "a step has a span of its own");
    }
    assert_ne!(first, second);
}

#[tokio::test]
async fn without_a_trace_or_with_a_malformed_one_a_new_one_begins() {
    let kit = kit().await;
    for parent in ["", "00-x", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
        let answer = kit.own("POST", "/actions/a").header("traceparent", parent).send().await;
        assert_eq!(answer.status, 202, "{parent}");
        let trace = kit.scheduler.last().trace.clone();
        assert_eq!(trace.trace_id(), answer.activation());
        assert!(trace.parent().ends_with("-00"), "nobody asked for it to be sampled");
    }
}

#[tokio::test]
async fn a_trace_survives_a_restart() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    kit.own("POST", "/actions/a").header("traceparent", PARENT).header("tracestate", "a=1").send().await;
    let before = kit.scheduler.last();
    let again = kit.restarted();
    again.controller.recover().await;
    let after = again.scheduler.last();
    assert_eq!((&after.trace, after.accepted), (&before.trace, before.accepted));
}

#[tokio::test]
async fn a_record_that_is_made_here_says_how_long_it_waited() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let id = kit.post("/actions/a", "{}").await.activation();
    kit.clock.advance(Duration::from_millis(1200));
    let error = String::from("no room");
    kit.scheduler.ack(id, rpc::Outcome::Dropped { status: StatusCode::WhiskError, error });
    let record = kit.get(&format!("/activations/{id}")).await.json;
    let annotation = |key: &str| {
        record["annotations"].as_array().unwrap().iter().find(|a| a["key"] == key).unwrap()["value"].clone()
    };
    let phases = json!({"queued": 1200.0, "container": 0.0, "init": 0.0, "run": 0.0, "logs": 0.0});
    assert_eq!(annotation("phases"), phases);
    assert_eq!(annotation("traceId"), id.to_string());
}

#[tokio::test]
async fn a_trace_goes_on_through_triggers_and_sequences() {
    let kit = kit().await;
    let exec = r#"{"exec":{"kind":"sequence","components":["/_/a","/_/a"]}}"#;
    assert_eq!(kit.put("/actions/s", exec).await.status, 200);
    assert_eq!(kit.put("/triggers/t", "{}").await.status, 200);
    let rule = kit.put("/rules/r", r#"{"trigger":"/_/t","action":"/_/s"}"#).await;
    assert_eq!(rule.status, 200, "{}", rule.text);
    let fired = kit.own("POST", "/triggers/t").header("traceparent", PARENT).send().await;
    assert_eq!(fired.status, 202);
    eventually("both components", || kit.scheduler.submitted().len() == 2).await;
    let spans: std::collections::BTreeSet<String> = kit
        .scheduler
        .submitted()
        .iter()
        .map(|message| {
            assert_eq!(message.trace.trace_id().to_string(), PARENT[3..35]);
            message.trace.parent()
        })
        .collect();
    assert_eq!(spans.len(), 2, "each step has a span of its own");
    let path = format!("/activations/{}", fired.activation());
    for _ in 0..1000 {
        let record = kit.get(&path).await;
        if record.status == 200 {
            let annotations = json!([{"key": "traceId", "value": PARENT[3..35]}]);
            assert_eq!(record.json["annotations"], annotations);
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the trigger has no record");
}
