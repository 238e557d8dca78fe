use crate::kit::{Kit, OTHER};
use controller::Config;
use serde_json::json;

const NOT_HERE: &str = "The requested resource does not exist.";

fn forbidden(resource: &str) -> String {
    format!("The supplied authentication is not authorized to access '{resource}'.")
}

/// A shared package of the other one, with an action, and a binding of it.
async fn shared(kit: &Kit, publish: bool) {
    let parameters =
        r#"[{"key":"p","value":"package"},{"key":"b","value":"package"},{"key":"a","value":"package"}]"#;
    kit.package("other/p", publish, "{}", parameters).await;
    kit.action("other/p/x", r#""parameters":[{"key":"a","value":"action"}]"#).await;
    let binding = r#"{"namespace":"other","name":"p"}"#;
    kit.package(
        "guest/bound",
        false,
        binding,
        r#"[{"key":"b","value":"binding"},{"key":"a","value":"binding"}]"#,
    )
    .await;
}

#[tokio::test]
async fn auth_08_auth_09_published_packages_can_be_read_and_invoked() {
    let kit = Kit::new().await;
    shared(&kit, true).await;
    let read = kit.request("GET", "/api/v1/namespaces/other/actions/p/x").send().await;
    assert_eq!((read.status, &read.json["namespace"]), (200, &json!("other/p")));
    let invoked = kit.request("POST", "/api/v1/namespaces/other/actions/p/x?blocking=true").send().await;
    assert_eq!(invoked.status, 200);
    let message = kit.scheduler.last();
    assert_eq!(message.queue.to_string(), "guest:other/p/x");
    assert_eq!(message.action.binding, None);
    for method in ["PUT", "DELETE"] {
        let write = kit.request(method, "/api/v1/namespaces/other/actions/p/x").json("{}").send().await;
        write.is_error(403, &forbidden("other/p/x"));
    }
}

#[tokio::test]
async fn auth_08_err_06_private_packages_are_403_and_their_package_is_named() {
    let kit = Kit::new().await;
    shared(&kit, false).await;
    for method in ["GET", "POST"] {
        let private = kit.request(method, "/api/v1/namespaces/other/actions/p/x").send().await;
        private.is_error(403, &forbidden("other/p"));
        // ERR-19
        let missing = kit.request(method, "/api/v1/namespaces/other/actions/none/x").send().await;
        missing.is_error(403, &forbidden("other/none"));
        let bound = kit.own(method, "/actions/bound/x").send().await;
        bound.is_error(403, &forbidden("guest/bound"));
    }
}

#[tokio::test]
async fn access_ends_when_a_package_is_no_longer_published() {
    let kit = Kit::new().await;
    shared(&kit, true).await;
    assert_eq!(kit.own("POST", "/actions/bound/x?blocking=true").send().await.status, 200);
    kit.package("other/p", false, "{}", "[]").await;
    let bound = kit.own("POST", "/actions/bound/x?blocking=true").send().await;
    bound.is_error(403, &forbidden("guest/bound"));
}

#[tokio::test]
async fn act_19_inv_11_inv_15_bindings_merge_parameters_and_show_the_provider() {
    let kit = Kit::new().await;
    shared(&kit, true).await;
    let read = kit.get("/actions/bound/x").await;
    assert_eq!(read.json["namespace"], "other/p");
    let parameters = json!([
        {"key":"p","value":"package"}, {"key":"b","value":"binding"}, {"key":"a","value":"action"}
    ]);
    assert_eq!(read.json["parameters"], parameters);
    let invoked = kit.post("/actions/bound/x?blocking=true", r#"{"c":"payload"}"#).await;
    assert_eq!(invoked.status, 200);
    let message = kit.scheduler.last();
    assert_eq!(message.payload.get(), r#"{"p":"package","b":"binding","a":"action","c":"payload"}"#);
    assert_eq!(message.action.name.to_string(), "other/p/x");
    assert_eq!(message.action.binding.as_ref().unwrap().as_str(), "guest/bound");
    assert_eq!(message.queue.to_string(), "guest:other/p/x");
    // A binding is its owner's alone (AUTH-09).
    let foreign = kit.request("POST", "/api/v1/namespaces/guest/actions/bound/x").key(OTHER).send().await;
    foreign.is_error(403, &forbidden("guest/bound"));
}

#[tokio::test]
async fn act_28_nothing_is_written_under_a_binding_or_a_missing_package() {
    let kit = Kit::new().await;
    shared(&kit, true).await;
    let body = r#"{"exec":{"kind":"nodejs:20","code":"x"}}"#;
    for method in ["PUT", "DELETE"] {
        let bound = kit.own(method, "/actions/bound/x").json(body).send().await;
        bound.is_error(400, "Operation not permitted on package binding.");
        kit.own(method, "/actions/none/x").json(body).send().await.is_error(404, NOT_HERE);
    }
    kit.action("guest/a", "").await;
    let conformance = "Resource by this name exists but is not in this collection.";
    kit.own("PUT", "/actions/a/x").json(body).send().await.is_error(409, conformance);
}

#[tokio::test]
async fn err_08_a_missing_package_of_ones_own() {
    let kit = Kit::new().await;
    kit.get("/actions/none/x").await.is_error(404, NOT_HERE);
    kit.post("/actions/none/x", "{}").await.is_error(404, NOT_HERE);
    kit.get("/actions/none/").await.is_error(404, "The requested resource 'guest/none' does not exist.");
}

#[tokio::test]
async fn list_12_the_actions_of_a_package() {
    let kit = Kit::new().await;
    shared(&kit, true).await;
    for path in ["/api/v1/namespaces/other/actions/p/", "/api/v1/namespaces/_/actions/bound/"] {
        let list = kit.request("GET", path).send().await;
        assert_eq!(list.json[0]["namespace"], "other/p", "{path}");
        let count = kit.request("GET", &format!("{path}?count=true")).send().await;
        assert_eq!(count.text, r#"{"actions":1}"#);
    }
    let conformance = "Resource by this name exists but is not in this collection.";
    kit.get("/actions/bound").await.is_error(409, conformance);
    kit.package("other/private", false, "{}", "[]").await;
    let private = kit.request("GET", "/api/v1/namespaces/other/actions/private/").send().await;
    private.is_error(403, &forbidden("other/private"));
}

#[tokio::test]
async fn pkg_10_a_binding_of_nothing() {
    let kit = Kit::new().await;
    kit.package("guest/own", false, r#"{"namespace":"guest","name":"gone"}"#, "[]").await;
    kit.get("/actions/own/x").await.is_error(404, "The requested resource 'guest/gone' does not exist.");
    kit.package("guest/foreign", false, r#"{"namespace":"other","name":"gone"}"#, "[]").await;
    kit.get("/actions/foreign/x").await.is_error(403, &forbidden("guest/foreign"));
}

#[tokio::test]
async fn act_32_execute_only() {
    let kit = Kit::with(Config { execute_only: true, ..Config::default() }).await;
    shared(&kit, true).await;
    let direct = kit.request("GET", "/api/v1/namespaces/other/actions/p/x").send().await;
    direct.is_error(403, "GET not permitted for 'other/p' since it's an action in a shared package");
    kit.get("/actions/bound/x").await.is_error(
        403,
        "GET not permitted for 'guest/bound/x'. Resource does not exist or is an action in a shared package binding.",
    );
    assert_eq!(kit.own("POST", "/actions/bound/x?blocking=true").send().await.status, 200);
    let own = kit.request("GET", "/api/v1/namespaces/_/actions/p/x").key(OTHER).send().await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn act_38_who_may_read_a_package_reads_its_actions() {
    let kit = Kit::new().await;
    kit.package("other/p", true, "{}", r#"[{"key":"a","value":"package"}]"#).await;
    kit.action("other/p/x", r#""parameters":[{"key":"b","value":"own"}]"#).await;
    kit.package("guest/bound", false, r#"{"namespace":"other","name":"p"}"#, "[]").await;
    for path in ["/api/v1/namespaces/other/actions/p/x", "/api/v1/namespaces/_/actions/bound/x"] {
        let seen = kit.request("GET", path).send().await;
        assert_eq!((seen.status, &seen.json["exec"]["code"]), (200, &"x = 1".into()), "{path}");
        let parameters = seen.json["parameters"].as_array().unwrap();
        let mut keys: Vec<_> =
            parameters.iter().map(|parameter| parameter["key"].as_str().unwrap()).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["a", "b"], "{path}");
    }
    kit.package("other/p", false, "{}", "[]").await;
    let closed = kit.request("GET", "/api/v1/namespaces/other/actions/p/x").send().await;
    closed.is_error(403, &forbidden("other/p"));
}
