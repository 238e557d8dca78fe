//! Completion callbacks: what is promised before an activation is accepted, and kept also by the next process.

use crate::kit::{Kit, OTHER, Script, eventually};
use controller::Config;
use engine::callback;
use http::StatusCode as Status;
use secrets::{Secrets, sign_callback};
use serde_json::{Value, json};
use store::{ArtifactStore, DocumentKind};
use types::{ActivationId, StatusCode, UserLimits};

const URL: &str = "http://receiver.example/hook";

async fn kit() -> Kit {
    kit_with(callback::Config::default()).await
}

async fn kit_with(callbacks: callback::Config) -> Kit {
    let kit = Kit::with(Config { callbacks, ..Config::default() }).await;
    kit.action("guest/a", "").await;
    kit
}

async fn invoke(kit: &Kit) -> ActivationId {
    let answer = kit.own("POST", "/actions/a").header("x-ow-callback", URL).send().await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.activation()
}

async fn documents(kit: &Kit) -> usize {
    kit.artifacts.scan(DocumentKind::Callback, None, 100).await.unwrap().len()
}

async fn forgotten(kit: &Kit) {
    for _ in 0..1000 {
        if documents(kit).await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    panic!("the promise is still there");
}

/// The callbacks of the guest, and its secret.
async fn listed(kit: &Kit) -> (Value, String) {
    let answer = kit.get("/callbacks").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    (answer.json["callbacks"].clone(), answer.json["secret"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_receiver_gets_the_record_with_a_signature() {
    let kit = kit().await;
    let id = invoke(&kit).await;
    eventually("the call", || !kit.webhook.calls().is_empty()).await;
    let call = kit.webhook.calls().remove(0);
    assert_eq!(call.target.to_string(), URL);
    let record = kit.get(&format!("/activations/{id}")).await;
    assert_eq!(String::from_utf8_lossy(&call.body), record.text);
    let header = |name: &str| call.headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("x-openwhisk-activation-id"), id.to_string());
    assert_eq!(header("x-ow-attempt"), "1");
    let (_, secret) = listed(&kit).await;
    let time = base::clock::Clock::unix_millis(&*kit.clock) / 1000;
    let signature = sign_callback(&secret, time, &call.body);
    assert_eq!(header("x-ow-signature"), format!("t={time},v1={signature}"));
    forgotten(&kit).await;
    let (callbacks, _) = listed(&kit).await;
    assert_eq!(callbacks[0]["activationId"], id.to_string());
    assert_eq!((&callbacks[0]["state"], &callbacks[0]["tries"]), (&json!("delivered"), &json!(1)));
}

#[tokio::test]
async fn a_request_may_bring_a_secret_of_its_own_which_is_kept_sealed() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let secret = "a secret of my own";
    let request = kit.own("POST", "/actions/a").header("x-ow-callback", URL);
    request.header("x-ow-callback-secret", secret).send().await;
    let kept = kit.artifacts.scan(DocumentKind::Callback, None, 10).await.unwrap().remove(0);
    assert!(!String::from_utf8_lossy(&kept.body).contains(secret));
    // Also by the process that finds it there.
    let again = kit.restarted();
    again.scheduler.will(Script::Finish(StatusCode::Success, "{}"));
    again.controller.recover().await;
    eventually("the call", || !again.webhook.calls().is_empty()).await;
    let call = again.webhook.calls().remove(0);
    let time = base::clock::Clock::unix_millis(&*kit.clock) / 1000;
    let expected = format!("t={time},v1={}", sign_callback(secret, time, &call.body));
    assert_eq!(call.headers["x-ow-signature"].to_str().unwrap(), expected);
}

#[tokio::test]
async fn a_promise_outlives_the_process_between_the_end_and_the_delivery() {
    let kit = kit().await;
    // The receiver is away when the activation ends.
    kit.webhook.will(None);
    let id = invoke(&kit).await;
    eventually("the first call", || kit.webhook.calls().len() == 1).await;
    assert_eq!(documents(&kit).await, 1);
    let again = kit.restarted();
    again.controller.recover().await;
    eventually("the second call", || again.webhook.calls().len() == 1).await;
    assert_eq!(again.webhook.calls()[0].headers["x-openwhisk-activation-id"], id.to_string().as_str());
    forgotten(&again).await;
}

#[tokio::test]
async fn what_came_of_a_try_can_be_seen() {
    let kit = kit().await;
    kit.webhook.will(Some(Status::SERVICE_UNAVAILABLE));
    invoke(&kit).await;
    eventually("the call", || kit.webhook.calls().len() == 1).await;
    let mut shown = Value::Null;
    for _ in 0..1000 {
        shown = listed(&kit).await.0[0].clone();
        if shown.get("error").is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!((&shown["state"], &shown["error"]), (&json!("pending"), &json!("the receiver answered 503")));
    assert!(shown["next"].as_u64() > shown["promised"].as_u64(), "{shown}");
    // A redirect is a failure, and 410 ends it.
    let kit = self::kit().await;
    kit.webhook.will(Some(Status::GONE));
    invoke(&kit).await;
    forgotten(&kit).await;
    assert_eq!(listed(&kit).await.0[0]["state"], "gone");
}

#[tokio::test]
async fn nothing_is_promised_for_what_is_not_accepted() {
    let kit = kit().await;
    kit.scheduler.will(Script::Refuse(rpc::Refusal::QueueFull));
    let refused = kit.own("POST", "/actions/a").header("x-ow-callback", URL).send().await;
    assert_eq!(refused.status, 429);
    forgotten(&kit).await;
    assert_eq!(listed(&kit).await.0, json!([]));
    assert!(kit.webhook.calls().is_empty());
}

#[tokio::test]
async fn what_cannot_be_called_is_refused() {
    let kit = kit().await;
    let malformed = |header: &str, detail: &str| format!("The header '{header}' was malformed:\n{detail}");
    for (url, detail) in [
        ("nonsense", "not a URL"),
        ("ftp://x/", "its scheme is neither http nor https"),
        ("http://user:pass@x/", "it has credentials in it"),
        ("http://0.0.0.0/", "callbacks to 0.0.0.0 are not allowed"),
    ] {
        let answer = kit.own("POST", "/actions/a").header("x-ow-callback", url).send().await;
        answer.is_error(400, &malformed("x-ow-callback", detail));
        assert_eq!(answer.json["reason"], "malformed_callback");
    }
    let blocking = kit.own("POST", "/actions/a?blocking=true").header("x-ow-callback", URL).send().await;
    blocking.is_error(400, &malformed("x-ow-callback", "it goes with non-blocking invocations only"));
    let request = kit.own("POST", "/actions/a").header("x-ow-callback", URL);
    let short = request.header("x-ow-callback-secret", "short").send().await;
    short.is_error(400, &malformed("x-ow-callback-secret", "it takes 16 to 256 visible characters"));
    kit.limit(UserLimits { store_activations: Some(false), ..UserLimits::default() }).await;
    let unkept = kit.own("POST", "/actions/a").header("x-ow-callback", URL).send().await;
    let detail = "the namespace keeps no activation records, which is what is sent";
    unkept.is_error(400, &malformed("x-ow-callback", detail));
    assert!(kit.scheduler.submitted().is_empty());
}

#[tokio::test]
async fn there_may_be_so_many_at_a_time() {
    let kit = kit_with(callback::Config { pending: 2, pending_each: 1, ..callback::Config::default() }).await;
    kit.scheduler.will(Script::Silence);
    invoke(&kit).await;
    let own = kit.own("POST", "/actions/a").header("x-ow-callback", URL).send().await;
    own.is_error(429, "Too many callbacks are pending.");
    assert_eq!((own.header("retry-after"), &own.json["reason"]), (Some("5"), &json!("callback_limit")));
    kit.action("other/a", "").await;
    let other = || kit.own("POST", "/actions/a").key(OTHER).header("x-ow-callback", URL);
    assert_eq!(other().send().await.status, 202);
    let config = callback::Config { pending: 0, ..callback::Config::default() };
    let none = kit_with(config).await;
    let refused = none.own("POST", "/actions/a").header("x-ow-callback", URL).send().await;
    assert_eq!(refused.status, 503);
    // Requests without one are served.
    assert_eq!(none.post("/actions/a", "{}").await.status, 202);
}

#[tokio::test]
async fn the_owner_alone_sees_its_callbacks() {
    let kit = kit().await;
    invoke(&kit).await;
    let path = "/api/v1/namespaces/guest/callbacks";
    assert_eq!(kit.request("GET", path).key(OTHER).send().await.status, 403);
    let other = kit.own("GET", "/callbacks").key(OTHER).send().await;
    assert_eq!(other.json["callbacks"], json!([]));
    assert_ne!(other.json["secret"], listed(&kit).await.1);
    assert_eq!(listed(&kit).await.1, Secrets::for_tests().callbacks.of_namespace("guest"));
}

#[tokio::test]
async fn the_fire_of_a_trigger_calls_back_as_well() {
    let kit = kit().await;
    assert_eq!(kit.put("/triggers/t", "{}").await.status, 200);
    let rule = kit.put("/rules/r", r#"{"trigger":"/_/t","action":"/_/a"}"#).await;
    assert_eq!(rule.status, 200, "{}", rule.text);
    let fired = kit.own("POST", "/triggers/t").header("x-ow-callback", URL).send().await;
    assert_eq!(fired.status, 202, "{}", fired.text);
    eventually("the call", || !kit.webhook.calls().is_empty()).await;
    let call = kit.webhook.calls().remove(0);
    let record: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(
        (&record["name"], &record["activationId"]),
        (&json!("t"), &json!(fired.activation().to_string()))
    );
    forgotten(&kit).await;
}

#[tokio::test]
async fn a_sequence_calls_back_once_when_all_of_it_has_ended() {
    let kit = kit().await;
    let exec = r#"{"exec":{"kind":"sequence","components":["/_/a","/_/a"]}}"#;
    assert_eq!(kit.put("/actions/s", exec).await.status, 200);
    let answer = kit.own("POST", "/actions/s").header("x-ow-callback", URL).send().await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    forgotten(&kit).await;
    let calls = kit.webhook.calls();
    assert_eq!(calls.len(), 1);
    let record: Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!(record["activationId"], answer.activation().to_string());
    assert_eq!(record["logs"].as_array().unwrap().len(), 2);
}
