//! Errors and the order in which they are found.

use crate::kit::{Kit, OTHER};
use serde_json::json;
use store::{ArtifactStore, Document, DocumentKind};
use types::{Revision, UserLimits};

/// A document that is no action any more, although it is stored as one.
async fn store_broken(kit: &Kit, id: &str) {
    let document = Document {
        id: id.to_owned(),
        kind: DocumentKind::Action,
        revision: Revision::default(),
        updated: 1,
        body: "{}".into(),
        summary: "{}".into(),
        lookup: Vec::new(),
    };
    kit.artifacts.put(document, None, None).await.unwrap();
}

#[tokio::test]
async fn err_16_a_fault_of_the_server_is_not_explained() {
    let kit = Kit::new().await;
    store_broken(&kit, "guest/broken").await;
    for method in ["GET", "DELETE"] {
        let answer = kit.own(method, "/actions/broken").send().await;
        answer.is_error(500, "Resource is corrupted and cannot be read.");
    }
    kit.action("guest/a", "").await;
    *kit.activations.broken.lock() = true;
    kit.post("/actions/a", "{}").await.is_error(500, "There was an internal server error.");
}

#[tokio::test]
async fn err_19_whether_a_foreign_package_exists_is_not_told() {
    let kit = Kit::new().await;
    kit.package("other/private", false, "{}", "[]").await;
    for (method, tail) in [("GET", ""), ("GET", "/"), ("GET", "/a"), ("POST", "/a")] {
        let collection = if tail.is_empty() { "packages" } else { "actions" };
        let mut answers = Vec::new();
        for package in ["private", "missing"] {
            let path = format!("/api/v1/namespaces/{OTHER}/{collection}/{package}{tail}");
            let answer = kit.request(method, &path).send().await;
            let text = answer.json["error"].as_str().unwrap_or_default().replace(package, "PACKAGE");
            answers.push((answer.status, text));
        }
        assert_eq!(answers[0].0, 403, "{method} {tail}: {answers:?}");
        assert_eq!(answers[0], answers[1], "{method} {tail}");
    }
}

#[tokio::test]
async fn act_26_the_checks_of_a_put_have_an_order() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    let limits = UserLimits {
        allowed_kinds: Some(vec!["nodejs:20".to_owned(), "nodejs:6".to_owned()]),
        concurrent_invocations: Some(2),
        ..UserLimits::default()
    };
    kit.limit(limits).await;
    let long = "x".repeat(2 << 20);
    let parameters = json!([{ "key": "k", "value": long }]);
    let exec = |kind: &str| json!({ "kind": kind, "code": "x", "main": "M" });
    // Each body has all the faults of those below it, and the name is taken.
    let body = json!({ "exec": exec("cobol:60"), "parameters": parameters, "limits": { "memory": 1 } });
    let answer = kit.put("/actions/a", &body.to_string()).await;
    assert!(
        answer.json["error"].as_str().unwrap().contains("'cobol:60' is not supported"),
        "{}",
        answer.text
    );
    let body = json!({ "exec": exec("java:8"), "parameters": parameters, "limits": { "memory": 1 } });
    assert_eq!(kit.put("/actions/a", &body.to_string()).await.status, 413);
    let body = json!({ "exec": exec("java:8"), "limits": { "memory": 1 } });
    let answer = kit.put("/actions/a", &body.to_string()).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.json["error"].as_str().unwrap().contains("below allowed threshold"), "{}", answer.text);
    let body = json!({ "exec": exec("java:8"), "limits": { "instances": 3 } });
    assert_eq!(kit.put("/actions/a", &body.to_string()).await.status, 403);
    let body = json!({ "exec": exec("nodejs:6"), "limits": { "instances": 3 } });
    assert_eq!(kit.put("/actions/a", &body.to_string()).await.status, 409);
    let answer = kit.put("/actions/a?overwrite=true", &body.to_string()).await;
    let text = "Max action instance concurrency must not exceed your namespace concurrency of 2.";
    assert!(answer.json["error"].as_str().unwrap().ends_with(text), "{}", answer.text);
    let body = json!({ "exec": exec("nodejs:6") });
    let answer = kit.put("/actions/a?overwrite=true", &body.to_string()).await;
    assert!(answer.json["error"].as_str().unwrap().contains("no longer supported"), "{}", answer.text);
}
