//! Limits of namespaces as an operator sets them (USR-04), and what the namespace sees of it (NS-05, AUTH-18).

use crate::kit::Kit;
use serde_json::json;

const LIMITS: &str = "/v1/namespaces/guest/limits";

#[tokio::test]
async fn usr_04_auth_18_ns_05_limits_hold_from_the_next_request_on_and_go_when_deleted() {
    let kit = Kit::new().await;
    let shown = async |name: &str| kit.get("/limits").await.json[name].clone();
    assert_eq!(shown("allowedKinds").await, json!(null));
    kit.admin("GET", LIMITS).send().await.is_error(404, "No limits found, default system limits apply");

    let all = json!({
        "invocationsPerMinute": 7, "concurrentInvocations": 3, "firesPerMinute": 9,
        "allowedKinds": ["nodejs:20"], "storeActivations": false, "warmedContainerKeepingCount": 1,
        "warmedContainerKeepingTimeout": 1000, "maxPayloadSize": "1000 B", "truncationSize": "10 B",
        "maxActionMemory": 256,
    });
    let set = kit.admin("PUT", LIMITS).json(&all.to_string()).send().await;
    assert_eq!((set.status, &set.json), (200, &all));
    assert_eq!(kit.admin("GET", LIMITS).send().await.json, all);
    for (name, value) in all.as_object().unwrap() {
        assert_eq!(shown(name).await, *value, "{name}");
    }
    // PATCH keeps what it does not name, and drops what is null.
    let patch = r#"{"invocationsPerMinute":8,"allowedKinds":null}"#;
    let patched = kit.admin("PATCH", LIMITS).json(patch).send().await;
    assert_eq!(patched.json["invocationsPerMinute"], 8);
    assert_eq!(patched.json["firesPerMinute"], 9);
    assert_eq!(shown("allowedKinds").await, json!(null));
    // PUT does not.
    kit.admin("PUT", LIMITS).json(r#"{"firesPerMinute":1}"#).send().await;
    assert_eq!(kit.admin("GET", LIMITS).send().await.json, json!({"firesPerMinute": 1}));

    assert_eq!(kit.admin("DELETE", LIMITS).send().await.status, 204);
    assert_eq!(shown("firesPerMinute").await, json!(2_147_483_647));
    kit.admin("DELETE", LIMITS).send().await.is_error(404, "No limits found, default system limits apply");
}

#[tokio::test]
async fn usr_04_a_wrong_limit_is_named() {
    let kit = Kit::new().await;
    for (body, part) in [
        (
            r#"{"invocationPerMinute":1}"#,
            "there is no limit 'invocationPerMinute', only invocationsPerMinute, ",
        ),
        (r#"{"invocationsPerMinute":"many"}"#, "limit 'invocationsPerMinute': "),
        (r#"{"invocationsPerMinute":-1}"#, "limit 'invocationsPerMinute': "),
        (r#"{"storeActivations":1}"#, "limit 'storeActivations': "),
        (r#"{"allowedKinds":"nodejs:20"}"#, "limit 'allowedKinds': "),
        (r#"{"maxPayloadSize":"big"}"#, "limit 'maxPayloadSize': "),
        (
            r#"{"minActionMemory":256,"maxActionMemory":128}"#,
            "limit 'minActionMemory' is 256, above 'maxActionMemory', 128",
        ),
        ("[1]", "invalid type"),
        ("{", "EOF"),
        ("", "limits are expected"),
    ] {
        let answer = kit.admin("PUT", LIMITS).json(body).send().await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        let text = answer.json["error"].as_str().unwrap();
        assert!(text.starts_with("The request content was malformed:\n") && text.contains(part), "{text}");
    }
    assert_eq!(kit.admin("GET", LIMITS).send().await.status, 404);
}
