use crate::kit::{GUEST, Kit, OTHER, credentials};
use controller::Config;
use std::time::Duration;
use store::ArtifactStore;
use types::UserLimits;

const INVALID: &str = "The supplied authentication is invalid";

#[tokio::test]
async fn err_05_without_credentials() {
    let kit = Kit::new().await;
    let answer = kit.own("GET", "/actions").anonymous().send().await;
    answer.is_error(401, "The resource requires authentication, which was not supplied with the request");
    let challenge = "Basic realm=\"OpenWhisk secure realm\"";
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    let bad = kit.own("GET", "/actions").header("authorization", "Basic x").send().await;
    assert_eq!(bad.header("www-authenticate"), Some(challenge));
}

#[tokio::test]
async fn auth_01_malformed_and_wrong_credentials_are_401() {
    let kit = Kit::new().await;
    for header in ["", "Basic", "Basic ###", "Basic YTpi", "Bearer x", &credentials("nobody")] {
        kit.own("GET", "/actions").header("authorization", header).send().await.is_error(401, INVALID);
    }
    // The right uuid with a wrong key.
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let right = base64.decode(&credentials(GUEST)["Basic ".len()..]).unwrap();
    let uuid = String::from_utf8(right).unwrap().split(':').next().unwrap().to_owned();
    let wrong = format!("Basic {}", base64.encode(format!("{uuid}:{}", "y".repeat(64))));
    kit.own("GET", "/actions").header("authorization", &wrong).send().await.is_error(401, INVALID);
}

#[tokio::test]
async fn auth_03_a_blocked_subject_is_refused_from_the_next_request_on() {
    let kit = Kit::new().await;
    assert_eq!(kit.get("/actions").await.status, 200);
    kit.block(true).await;
    kit.get("/actions").await.is_error(401, INVALID);
    assert_eq!(kit.own("GET", "/actions").key(OTHER).send().await.status, 200);
}

#[tokio::test]
async fn auth_17_a_key_that_another_process_revoked_goes_with_the_cache() {
    let kit = Kit::with(Config { identity_cache: Duration::from_secs(60), ..Config::default() }).await;
    assert_eq!(kit.get("/actions").await.status, 200);
    let old = kit.artifacts.get("subject:guest").await.unwrap().unwrap().revision;
    // Past the controller.
    kit.artifacts.delete("subject:guest", old).await.unwrap();
    assert_eq!(kit.get("/actions").await.status, 200);
    kit.clock.advance(Duration::from_secs(60));
    kit.get("/actions").await.is_error(401, INVALID);
}

#[tokio::test]
async fn auth_18_limits_apply_from_the_next_request() {
    let kit = Kit::new().await;
    let before = kit.get("/limits").await;
    assert_ne!(before.json["invocationsPerMinute"], 7);
    kit.limit(UserLimits { invocations_per_minute: Some(7), ..UserLimits::default() }).await;
    assert_eq!(kit.get("/limits").await.json["invocationsPerMinute"], 7);
}

#[tokio::test]
async fn auth_07_auth_11_foreign_namespaces_are_403() {
    let kit = Kit::new().await;
    kit.action("other/a", "").await;
    for (path, resource) in [
        ("/actions", "other"),
        ("/activations", "other"),
        ("/limits", "other"),
        ("/actions/a", "other/a"),
        ("/actions/none", "other/none"),
        ("/activations/00ff00ff00ff00ff00ff00ff00ff00ff", "other/00ff00ff00ff00ff00ff00ff00ff00ff"),
    ] {
        let answer = kit.request("GET", &format!("/api/v1/namespaces/other{path}")).send().await;
        let text = format!("The supplied authentication is not authorized to access '{resource}'.");
        answer.is_error(403, &text);
    }
    for method in ["PUT", "DELETE", "POST"] {
        let request = kit.request(method, "/api/v1/namespaces/other/actions/a").json("{}");
        let text = "The supplied authentication is not authorized to access 'other/a'.";
        request.send().await.is_error(403, text);
    }
}

#[tokio::test]
async fn auth_13_err_07_def_09_kinds_can_be_restricted_for_what_is_written() {
    let kit = Kit::new().await;
    kit.action("guest/old", "").await;
    let limits = UserLimits { allowed_kinds: Some(vec!["java:8".to_owned()]), ..UserLimits::default() };
    kit.limit(limits).await;
    let text = "The supplied authentication is not authorized to access actions of kind 'nodejs:20'.";
    kit.put("/actions/a", r#"{"exec":{"kind":"nodejs:20","code":"x"}}"#).await.is_error(403, text);
    let allowed = kit.put("/actions/a", r#"{"exec":{"kind":"java:8","code":"x","main":"M"}}"#).await;
    assert_eq!(allowed.status, 200);
    assert_eq!(kit.post("/actions/old?blocking=true", "").await.status, 200);
    assert_eq!(kit.put("/actions/old?overwrite=true", "{}").await.status, 200);
}

#[tokio::test]
async fn auth_13_the_platform_can_restrict_kinds() {
    let config = Config { allowed_kinds: Some(vec!["java:8".to_owned()]), ..Config::default() };
    let kit = Kit::with(config).await;
    assert_eq!(kit.put("/actions/a", r#"{"exec":{"kind":"nodejs:20","code":"x"}}"#).await.status, 403);
}
