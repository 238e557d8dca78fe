//! What holds for entities of every kind.

use crate::kit::{GUEST, Kit};
use controller::Config;
use serde_json::json;

#[tokio::test]
async fn name_09_the_namespace_of_a_packaged_action_is_its_package() {
    let kit = Kit::new().await;
    kit.package("guest/p", false, "{}", "[]").await;
    let put = kit.put("/actions/p/a", r#"{"exec":{"kind":"nodejs:20","code":"x"}}"#).await;
    let got = kit.get("/actions/p/a").await;
    let listed = kit.get("/actions").await;
    let in_package = kit.get("/actions/p/").await;
    let deleted = kit.own("DELETE", "/actions/p/a").send().await;
    for body in [&put.json, &got.json, &listed.json[0], &in_package.json[0], &deleted.json] {
        assert_eq!((&body["namespace"], &body["name"]), (&json!("guest/p"), &json!("a")), "{body}");
    }
}

#[tokio::test]
async fn ns_07_what_is_in_a_namespace_is_seen_in_four_lists() {
    let kit = Kit::new().await;
    let namespace = kit.request("GET", "/api/v1/namespaces").send().await.json[0].clone();
    assert_eq!(namespace, GUEST);
    kit.put("/packages/p", "{}").await;
    kit.action("guest/a", "").await;
    kit.put("/triggers/t", "{}").await;
    kit.put("/rules/r", r#"{"trigger":"/_/t","action":"/_/a"}"#).await;
    for (collection, name) in [("packages", "p"), ("actions", "a"), ("triggers", "t"), ("rules", "r")] {
        let list = kit.request("GET", &format!("/api/v1/namespaces/{GUEST}/{collection}")).send().await;
        assert_eq!((list.status, &list.json[0]["name"]), (200, &json!(name)), "{}", list.text);
    }
}

#[tokio::test]
async fn act_36_an_action_is_copied_by_putting_what_was_got() {
    let kit = Kit::new().await;
    let fields = r#""parameters":[{"key":"k","value":1.50}],"limits":{"memory":128},
        "annotations":[{"key":"about","value":{"x":[1]}}],"publish":true,"version":"3.2.1""#;
    kit.action("guest/a", fields).await;
    let original = kit.get("/actions/a").await;
    let copy = kit.put("/actions/b", &original.text).await;
    assert_eq!(copy.status, 200, "{}", copy.text);
    for field in ["exec", "parameters", "limits", "publish", "version", "namespace"] {
        assert_eq!(copy.json[field], original.json[field], "{field}");
    }
    let about = json!({ "key": "about", "value": { "x": [1] } });
    assert!(copy.json["annotations"].as_array().unwrap().contains(&about));
    assert_eq!(copy.json["name"], "b");
}

#[tokio::test]
async fn act_38_who_reads_a_shared_package_sees_code_and_parameters() {
    let kit = Kit::new().await;
    kit.package("other/shared", true, "{}", r#"[{"key":"p","value":1}]"#).await;
    kit.action("other/shared/a", r#""parameters":[{"key":"k","value":"v"}]"#).await;
    let path = "/api/v1/namespaces/other/actions/shared/a";
    let seen = kit.request("GET", path).send().await;
    assert_eq!((seen.status, &seen.json["exec"]["code"]), (200, &json!("x = 1")));
    let parameters = json!([{ "key": "p", "value": 1 }, { "key": "k", "value": "v" }]);
    assert_eq!(seen.json["parameters"], parameters);
    let hidden = Kit::with(Config { execute_only: true, ..Config::default() }).await;
    hidden.package("other/shared", true, "{}", "[]").await;
    hidden.action("other/shared/a", "").await;
    assert_eq!(hidden.request("GET", path).send().await.status, 403);
}
