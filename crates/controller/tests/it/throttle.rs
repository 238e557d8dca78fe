use crate::kit::{Kit, OTHER, Script};
use rpc::{Outcome, Refusal};
use serde_json::json;
use std::time::Duration;
use types::{StatusCode, UserLimits};

#[tokio::test]
async fn thr_01_invocations_per_minute() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.limit(UserLimits { invocations_per_minute: Some(2), ..UserLimits::default() }).await;
    for _ in 0..2 {
        assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
    }
    let text = "Too many requests in the last minute (count: 3, allowed: 2).";
    kit.post("/actions/a", "{}").await.is_error(429, text);
    // Only invocations are throttled.
    assert_eq!(kit.get("/actions").await.status, 200);
    kit.clock.advance(Duration::from_secs(60));
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
}

#[tokio::test]
async fn err_15_thr_01_thr_03_thr_05_thr_10_a_refusal_says_which_limit_and_when_to_come_back() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.limit(UserLimits { invocations_per_minute: Some(1), ..UserLimits::default() }).await;
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
    kit.clock.advance(Duration::from_millis(17_500));
    let rate = kit.post("/actions/a", "{}").await;
    rate.is_error(429, "Too many requests in the last minute (count: 2, allowed: 1).");
    assert_eq!(rate.header("retry-after"), Some("43"));
    let told = |answer: &crate::kit::Answer| {
        ["reason", "limit", "allowed", "count"].map(|name| answer.json[name].clone())
    };
    assert_eq!(told(&rate), [json!("rate_limit"), json!("invocationsPerMinute"), json!(1), json!(2)]);
    kit.limit(UserLimits { concurrent_invocations: Some(1), ..UserLimits::default() }).await;
    kit.scheduler.will(Script::Silence);
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
    let concurrency = kit.post("/actions/a", "{}").await;
    assert_eq!(concurrency.header("retry-after"), Some("1"));
    let expected = [json!("concurrency_limit"), json!("concurrentInvocations"), json!(1), json!(1)];
    assert_eq!(told(&concurrency), expected);
    // Where nothing is let through there is no use in coming back.
    kit.limit(UserLimits { concurrent_invocations: Some(0), ..UserLimits::default() }).await;
    let never = kit.post("/actions/a", "{}").await;
    assert_eq!((never.status, never.header("retry-after")), (429, None));
}

#[tokio::test]
async fn err_18_throttles_come_before_ownership_size_and_existence() {
    let kit = Kit::new().await;
    kit.limit(UserLimits { invocations_per_minute: Some(0), ..UserLimits::default() }).await;
    let text = |count: u32| format!("Too many requests in the last minute (count: {count}, allowed: 0).");
    kit.post("/actions/none", "{}").await.is_error(429, &text(1));
    kit.post("/actions/p/none", &"x".repeat(2 << 20)).await.is_error(429, &text(2));
    let foreign = kit.request("POST", "/api/v1/namespaces/other/actions/a").send().await;
    foreign.is_error(429, &text(3));
    let bad_name = kit.post("/actions/a$", "{}").await;
    assert_eq!(bad_name.status, 400);
}

#[tokio::test]
async fn thr_03_invocations_in_flight() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.limit(UserLimits { concurrent_invocations: Some(1), ..UserLimits::default() }).await;
    kit.scheduler.will(Script::Silence);
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
    let text = "Too many concurrent requests in flight (count: 1, allowed: 1).";
    kit.post("/actions/a", "{}").await.is_error(429, text);
    kit.scheduler.finish(&kit.scheduler.last(), StatusCode::Success, "{}");
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
    // What fails gives its place back.
    kit.scheduler.finish(&kit.scheduler.last(), StatusCode::Success, "{}");
    for _ in 0..3 {
        assert_eq!(kit.post("/actions/none", "{}").await.status, 404);
    }
    kit.scheduler.will(Script::Refuse(Refusal::QueueFull));
    for _ in 0..3 {
        kit.post("/actions/a?blocking=true", "{}").await.is_error(429, "Too many requests");
    }
    kit.scheduler.will(Script::Silence);
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
}

#[tokio::test]
async fn thr_01_namespaces_are_counted_apart() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.action("other/a", "").await;
    kit.limit(UserLimits { invocations_per_minute: Some(0), ..UserLimits::default() }).await;
    assert_eq!(kit.post("/actions/a", "{}").await.status, 429);
    assert_eq!(kit.own("POST", "/actions/a").key(OTHER).send().await.status, 202);
}

#[tokio::test]
async fn thr_07_err_17_refusals_of_the_scheduler() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    let unavailable =
        "The server is currently unavailable (because it is overloaded or down for maintenance).";
    for (refusal, status, text) in [
        (Refusal::QueueFull, 429, "Too many requests"),
        (Refusal::NamespaceThrottled, 429, "Too many requests"),
        (Refusal::NoCapacity, 429, "Too many concurrent requests in flight (count: 0, allowed: 0)."),
        (Refusal::NoInvokers, 503, unavailable),
        (Refusal::ShuttingDown, 503, unavailable),
    ] {
        kit.scheduler.will(Script::Refuse(refusal));
        for query in ["?blocking=true", ""] {
            let answer = kit.post(&format!("/actions/a{query}"), "{}").await;
            answer.is_error(status, text);
            assert_eq!(answer.header("x-openwhisk-activation-id"), None);
        }
        assert!(kit.activations.intents.lock().is_empty(), "a refused intent stays");
    }
}

#[tokio::test]
async fn thr_07_what_a_queue_drops_ends_as_it_says() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.clock.advance(Duration::from_millis(3));
    kit.scheduler.will(Script::Drop(StatusCode::DeveloperError, "Too many concurrent requests in flight."));
    let answer = kit.post("/actions/a?blocking=true", "{}").await;
    assert_eq!(answer.status, 502);
    let result = serde_json::json!({"error": "Too many concurrent requests in flight."});
    assert_eq!(answer.json["response"]["result"], result);
    assert_eq!(answer.json["response"]["status"], "action developer error");
    let record = kit.get(&format!("/activations/{}", answer.activation())).await;
    assert_eq!(record.json, answer.json);
    let keys: Vec<&str> =
        record.json["annotations"].as_array().unwrap().iter().map(|a| a["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["path", "waitTime", "kind", "timeout", "limits", "traceId", "phases"]);
    // The first end counts.
    let message = kit.scheduler.last();
    let outcome = Outcome::Dropped { status: StatusCode::WhiskError, error: "late".to_owned() };
    kit.scheduler.ack(message.activation_id, outcome);
    let again = kit.get(&format!("/activations/{}", answer.activation())).await;
    assert_eq!(again.text, record.text);
}
