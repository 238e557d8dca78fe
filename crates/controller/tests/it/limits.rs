use crate::kit::{Kit, OTHER};
use controller::Config;
use serde_json::json;
use types::{ByteSize, UserLimits};

#[tokio::test]
async fn ns_03_ns_04_limits_without_limits_of_ones_own() {
    let kit = Kit::new().await;
    for path in ["/limits", "/limits/"] {
        let answer = kit.get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json.as_object().unwrap().len(), 13);
        for name in ["invocationsPerMinute", "concurrentInvocations", "firesPerMinute", "maxActionInstances"]
        {
            assert!(answer.json[name].is_u64(), "{name}");
        }
        assert_eq!(answer.json["minActionMemory"], 128);
        assert_eq!(answer.json["maxActionTimeout"], 300_000);
        assert_eq!(answer.json["maxActionLogs"], 10);
        assert_eq!(answer.json["maxActionConcurrency"], 1);
        assert_eq!(answer.json["maxParameterSize"], "1048576 B");
    }
}

#[tokio::test]
async fn ns_05_lim_10_limits_of_ones_own() {
    let kit = Kit::new().await;
    kit.limit(UserLimits {
        concurrent_invocations: Some(5),
        max_action_memory: Some(256),
        allowed_kinds: Some(vec!["nodejs:20".to_owned()]),
        store_activations: Some(false),
        max_payload_size: Some(ByteSize::kb(1)),
        ..UserLimits::default()
    })
    .await;
    let answer = kit.get("/limits").await.json;
    assert_eq!(answer["concurrentInvocations"], 5);
    assert_eq!(answer["maxActionInstances"], 5);
    assert_eq!(answer["maxActionMemory"], 256);
    assert_eq!(answer["allowedKinds"], json!(["nodejs:20"]));
    assert_eq!(answer["storeActivations"], false);
    assert_eq!(answer["maxPayloadSize"], "1024 B");
    assert!(answer.get("truncationSize").is_none());
    let body = r#"{"exec":{"kind":"nodejs:20","code":"x"},"limits":{"memory":512}}"#;
    kit.put("/actions/a", body).await.is_error(400, "memory size 512 MB exceeds allowed threshold of 256 MB");
    let body = r#"{"exec":{"kind":"nodejs:20","code":"x"},"limits":{"instances":6}}"#;
    let text = "Max action instance concurrency must not exceed your namespace concurrency of 5.";
    kit.put("/actions/a", body).await.is_error(400, text);
}

#[tokio::test]
async fn ns_06_limits_have_no_inner_level() {
    let kit = Kit::new().await;
    let text = "Inner entity level routes for limits are not yet implemented.";
    kit.get("/limits/x").await.is_error(400, text);
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(kit.own(method, "/limits").send().await.status, 405);
    }
}

#[tokio::test]
async fn lim_02_lim_03_payloads_have_a_greatest_and_it_is_checked_before_existence() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    let body = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
    assert_eq!(kit.post("/actions/a?blocking=true", &body(1_048_576)).await.status, 200);
    assert_eq!(kit.scheduler.last().payload.get().len(), 1_048_576);
    let text = "Request larger than allowed: 1048577 > 1048576 bytes.";
    for path in ["/actions/a", "/actions/none"] {
        kit.post(path, &body(1_048_577)).await.is_error(413, text);
    }
    kit.limit(UserLimits { max_payload_size: Some(ByteSize::bytes(10)), ..UserLimits::default() }).await;
    kit.post("/actions/a", &body(11)).await.is_error(413, "Request larger than allowed: 11 > 10 bytes.");
    assert_eq!(kit.post("/actions/a", &body(10)).await.status, 202);
}

#[tokio::test]
async fn lim_11_an_action_above_a_limit_that_was_lowered_does_not_run() {
    let kit = Kit::new().await;
    kit.action("guest/a", r#""limits":{"memory":512}"#).await;
    kit.limit(UserLimits { max_action_memory: Some(256), ..UserLimits::default() }).await;
    let text = json!({ "error": "a configured action limit is invalid." });
    let answer = kit.post("/actions/a?blocking=true", "{}").await;
    assert_eq!((answer.status, &answer.json["response"]["result"]), (502, &text), "{}", answer.text);
    assert_eq!(answer.json["response"]["status"], "action developer error");
    let detached = kit.post("/actions/a", "{}").await;
    assert_eq!(detached.status, 202);
    let record = kit.get(&format!("/activations/{}", detached.activation())).await;
    assert_eq!(record.json["response"]["result"], text);
    assert!(kit.scheduler.submitted().is_empty() && kit.activations.intents.lock().is_empty());
    kit.limit(UserLimits::default()).await;
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 200);
}

#[tokio::test]
async fn lim_10_a_namespace_without_limits_of_its_own_has_the_default_ones() {
    let namespace_defaults = UserLimits {
        max_action_memory: Some(256),
        max_action_timeout: Some(1 << 40),
        max_payload_size: Some(ByteSize::bytes(100)),
        ..UserLimits::default()
    };
    let kit = Kit::with(Config { namespace_defaults, ..Config::default() }).await;
    let limits = kit.get("/limits").await.json;
    assert_eq!(limits["maxActionMemory"], 256);
    assert_eq!(limits["maxActionTimeout"], 300_000, "the platform's own bound holds");
    assert!(limits.get("maxPayloadSize").is_none(), "it is not the namespace's own (NS-05)");
    let body = r#"{"exec":{"kind":"nodejs:20","code":"x"},"limits":{"memory":512}}"#;
    kit.put("/actions/a", body).await.is_error(400, "memory size 512 MB exceeds allowed threshold of 256 MB");
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(100));
    kit.post("/actions/a", &long).await.is_error(413, "Request larger than allowed: 108 > 100 bytes.");
    // What a namespace has of its own counts instead.
    kit.limit(UserLimits { max_action_memory: Some(512), ..UserLimits::default() }).await;
    assert_eq!(kit.put("/actions/a", body).await.status, 200);
    let other = kit.own("GET", "/limits").key(OTHER).send().await.json;
    assert_eq!(other["maxActionMemory"], 256);
}

#[tokio::test]
async fn def_09_the_list_of_kinds_does_not_stop_what_is_there() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.limit(UserLimits { allowed_kinds: Some(vec!["java:8".to_owned()]), ..UserLimits::default() }).await;
    let body = r#"{"exec":{"kind":"nodejs:20","code":"x"}}"#;
    let text = "The supplied authentication is not authorized to access actions of kind 'nodejs:20'.";
    kit.put("/actions/b", body).await.is_error(403, text);
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 200);
    assert_eq!(kit.put("/actions/a?overwrite=true", r#"{"limits":{"memory":128}}"#).await.status, 200);
}

#[tokio::test]
async fn ns_07_the_lists_of_which_a_client_makes_a_namespace() {
    let kit = Kit::new().await;
    for collection in ["packages", "actions", "triggers", "rules"] {
        let list = kit.get(&format!("/{collection}?limit=0&skip=0")).await;
        assert_eq!((list.status, list.json), (200, json!([])), "{collection}");
    }
}
