//! The operator's API: who may call it (the rest is in `admin_subjects` and `admin_limits`).

use crate::kit::{ADMIN_SECRET, Kit};

fn basic(text: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
}

#[tokio::test]
async fn the_operator_is_who_shows_the_credential_and_never_a_subject() {
    let kit = Kit::new().await;
    for good in [format!("Bearer {ADMIN_SECRET}"), basic(&format!("admin:{ADMIN_SECRET}"))] {
        let answer = kit.request("GET", "/admin/v1").header("authorization", &good).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json["api_version"], "1");
    }
    let guest = kit.request("GET", "/admin/v1").send().await;
    guest.is_error(401, "The supplied authentication is invalid");
    assert_eq!(guest.header("www-authenticate"), Some(r#"Basic realm="OpenWhisk secure realm""#));
    let missing = kit.request("GET", "/admin/v1").anonymous().send().await;
    missing.is_error(401, "The resource requires authentication, which was not supplied with the request");
    for bad in ["Bearer wrong".to_owned(), basic("admin:wrong"), basic(&format!("guest:{ADMIN_SECRET}"))] {
        let answer = kit.request("GET", "/admin/v1").header("authorization", &bad).send().await;
        assert_eq!(answer.status, 401, "{bad}");
    }
    // Nor is the operator a subject.
    let answer =
        kit.own("GET", "/actions").header("authorization", &format!("Bearer {ADMIN_SECRET}")).send().await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn nobody_is_the_operator_without_a_credential() {
    let kit = Kit::with(controller::Config::default()).await;
    let answer = kit.admin("GET", "/v1").send().await;
    answer.is_error(401, "The supplied authentication is invalid");
}

#[tokio::test]
async fn unknown_paths_are_404_and_wrong_methods_405() {
    let kit = Kit::new().await;
    for path in ["/v2", "/v1/nothing", "/", "/v1//"] {
        let answer = kit.admin("GET", path).send().await;
        answer.is_error(404, "The requested resource could not be found.");
    }
    let answer = kit.admin("PATCH", "/v1").json("{}").send().await;
    answer.is_error(405, "HTTP method not allowed, supported methods: GET");
    assert_eq!(answer.header("allow"), Some("GET"));
}
