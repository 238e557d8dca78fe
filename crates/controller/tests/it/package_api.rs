//! Packages and bindings as resources (section PKG). What they do to the actions in them is in `packages`.

use crate::kit::{Kit, OTHER};
use controller::Config;
use serde_json::{Value, json};

fn forbidden(resource: &str) -> String {
    format!("The supplied authentication is not authorized to access '{resource}'.")
}

/// Names of what stands in a list.
fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn pkg_01_pkg_03_a_package_is_created() {
    let kit = Kit::new().await;
    let made = kit.put("/packages/p", "{}").await;
    let plain = json!({"namespace": "guest", "name": "p", "binding": {}, "parameters": [], "version": "0.0.1",
        "publish": false, "annotations": [], "updated": made.json["updated"]});
    assert_eq!((made.status, &made.json), (200, &plain));
    assert!(made.json["updated"].is_u64());
    let body = r#"{"publish":true,"version":"1.2.3","parameters":[{"key":"a","value":1.0}],
        "annotations":[{"key":"k","value":"v"}],"foo":1}"#;
    let made = kit.put("/packages/q", body).await;
    assert_eq!((&made.json["publish"], &made.json["version"]), (&json!(true), &json!("1.2.3")));
    assert_eq!(made.json["parameters"], json!([{"key": "a", "value": 1.0}]));
    assert_eq!(made.json["annotations"], json!([{"key": "k", "value": "v"}]));
    assert!(made.json.get("actions").is_none());
}

#[tokio::test]
async fn pkg_02_pkg_05_a_binding_names_its_provider_in_an_annotation_too() {
    let kit = Kit::new().await;
    kit.put("/packages/p", "{}").await;
    let provider = json!({"namespace": "guest", "name": "p"});
    let body = r#"{"binding":{"namespace":"_","name":"p"},"annotations":[{"key":"binding","value":"mine"},{"key":"k","value":1}]}"#;
    let made = kit.put("/packages/b", body).await;
    assert_eq!((made.status, &made.json["binding"]), (200, &provider));
    let annotations = json!([{"key": "k", "value": 1}, {"key": "binding", "value": provider}]);
    assert_eq!(made.json["annotations"], annotations);
    // A package cannot say that it is one.
    let plain =
        kit.put("/packages/p?overwrite=true", r#"{"annotations":[{"key":"binding","value":1}]}"#).await;
    assert_eq!(plain.json["annotations"], json!([]));
    // An update without annotations keeps it, one with others has it again.
    let kept = kit.put("/packages/b?overwrite=true", "{}").await;
    assert_eq!(kept.json["annotations"], annotations);
    let replaced = kit.put("/packages/b?overwrite=true", r#"{"binding":{},"annotations":[]}"#).await;
    assert_eq!(replaced.json["annotations"], json!([{"key": "binding", "value": provider}]));
    assert_eq!(replaced.json["binding"], provider);
}

#[tokio::test]
async fn pkg_04_name_07_an_update_replaces_what_it_names() {
    let kit = Kit::new().await;
    let body = r#"{"publish":true,"parameters":[{"key":"a","value":1},{"key":"b","value":2}],"annotations":[{"key":"k","value":1}]}"#;
    kit.put("/packages/p", body).await;
    kit.put("/packages/p", "{}").await.is_error(409, "resource already exists");
    kit.clock.advance(std::time::Duration::from_millis(7));
    let kept = kit.put("/packages/p?overwrite=true", "{}").await;
    assert_eq!((&kept.json["version"], &kept.json["publish"]), (&json!("0.0.2"), &json!(true)));
    assert_eq!(kept.json["parameters"].as_array().unwrap().len(), 2);
    let body = r#"{"publish":false,"parameters":[{"key":"c","value":3}],"annotations":[]}"#;
    let replaced = kit.put("/packages/p?overwrite=true", body).await;
    assert_eq!(replaced.json["parameters"], json!([{"key": "c", "value": 3}]));
    assert_eq!((&replaced.json["annotations"], &replaced.json["publish"]), (&json!([]), &json!(false)));
    assert_eq!(replaced.json["version"], "0.0.3");
    // A binding can be pointed at another package.
    kit.put("/packages/q", "{}").await;
    kit.put("/packages/b", r#"{"binding":{"namespace":"_","name":"p"}}"#).await;
    let moved = kit.put("/packages/b?overwrite=true", r#"{"binding":{"namespace":"_","name":"q"}}"#).await;
    assert_eq!(moved.json["binding"], json!({"namespace": "guest", "name": "q"}));
}

#[tokio::test]
async fn pkg_06_auth_14_what_cannot_be_bound() {
    let kit = Kit::new().await;
    kit.package("other/private", false, "{}", "[]").await;
    kit.package("other/shared", true, "{}", "[]").await;
    kit.package("other/bound", true, r#"{"namespace":"other","name":"shared"}"#, "[]").await;
    kit.put("/packages/p", "{}").await;
    kit.put("/packages/b", r#"{"binding":{"namespace":"_","name":"p"}}"#).await;
    kit.action("guest/a", "").await;
    let bind = |namespace: &str, name: &str| {
        format!(r#"{{"binding":{{"namespace":"{namespace}","name":"{name}"}}}}"#)
    };
    let missing = "Binding references a package that does not exist.";
    kit.put("/packages/new", &bind("_", "none")).await.is_error(400, missing);
    for name in ["none", "private", "bound"] {
        let refused = kit.put("/packages/new", &bind("other", name)).await;
        refused.is_error(403, &forbidden(&format!("other/{name}")));
    }
    let twice = "Cannot bind to another package binding.";
    kit.put("/packages/new", &bind("_", "b")).await.is_error(400, twice);
    kit.put("/packages/b?overwrite=true", &bind("_", "b")).await.is_error(400, twice);
    kit.put("/packages/new", &bind("_", "a"))
        .await
        .is_error(409, "Cannot bind to a resource that is not a package.");
    let converted = kit.put("/packages/p?overwrite=true", &bind("other", "shared")).await;
    converted.is_error(409, "Resource is a package and cannot be converted into a binding.");
    // That is said before what is wrong with the provider, and after that it exists.
    kit.put("/packages/p", &bind("_", "b")).await.is_error(409, "resource already exists");
    let converted = kit.put("/packages/p?overwrite=true", &bind("_", "b")).await;
    converted.is_error(409, "Resource is a package and cannot be converted into a binding.");
    assert_eq!(kit.put("/packages/new", &bind("other", "shared")).await.status, 200);
    let half = kit.put("/packages/new2", r#"{"binding":{"name":"p"}}"#).await;
    half.is_error(400, "The request content was malformed:\nbinding needs a namespace and a name");
}

#[tokio::test]
async fn pkg_07_a_package_shows_its_actions_and_its_feeds() {
    let kit = Kit::new().await;
    kit.put("/packages/p", "{}").await;
    assert_eq!(kit.get("/packages/p").await.json["actions"], json!([]));
    kit.action("guest/p/x", r#""annotations":[{"key":"k","value":1}],"version":"1.0.0""#).await;
    kit.action("guest/p/f", r#""annotations":[{"key":"feed","value":true}]"#).await;
    kit.action("guest/elsewhere", "").await;
    let shown = kit.get("/packages/p").await;
    let actions = shown.json["actions"].as_array().unwrap();
    assert_eq!(names(&shown.json["actions"]), ["x"]);
    assert_eq!(actions[0]["version"], "1.0.0");
    assert!(actions[0]["annotations"].as_array().unwrap().contains(&json!({"key": "k", "value": 1})));
    assert_eq!(actions[0].as_object().unwrap().len(), 3);
    assert_eq!(names(&shown.json["feeds"]), ["f"]);
}

#[tokio::test]
async fn pkg_08_a_binding_shows_what_it_binds_under_its_own_name() {
    let kit = Kit::new().await;
    kit.package("other/p", true, "{}", r#"[{"key":"a","value":"package"},{"key":"b","value":"package"}]"#)
        .await;
    kit.action("other/p/x", "").await;
    let body = r#"{"binding":{"namespace":"other","name":"p"},"parameters":[{"key":"b","value":"binding"}],"annotations":[{"key":"k","value":1}]}"#;
    let put = kit.put("/packages/b", body).await;
    assert_eq!(put.json["parameters"], json!([{"key": "b", "value": "binding"}]));
    let shown = kit.get("/packages/b").await;
    let provider = json!({"namespace": "other", "name": "p"});
    assert_eq!((&shown.json["namespace"], &shown.json["name"]), (&json!("guest"), &json!("b")));
    assert_eq!(shown.json["binding"], provider);
    let parameters = json!([{"key": "a", "value": "package"}, {"key": "b", "value": "binding"}]);
    assert_eq!(shown.json["parameters"], parameters);
    let annotations = json!([{"key": "k", "value": 1}, {"key": "binding", "value": provider}]);
    assert_eq!(shown.json["annotations"], annotations);
    assert_eq!(names(&shown.json["actions"]), ["x"]);
}

#[tokio::test]
async fn pkg_09_err_14_a_binding_of_itself() {
    let kit = Kit::new().await;
    kit.package("guest/b", false, r#"{"namespace":"guest","name":"b"}"#, "[]").await;
    let text = "Package binding 'guest/b' contains a circular reference.";
    kit.get("/packages/b").await.is_error(422, text);
    kit.get("/actions/b/").await.is_error(422, text);
    kit.post("/actions/b/x", "{}").await.is_error(422, text);
    let foreign = kit.request("GET", "/api/v1/namespaces/guest/packages/b").key(OTHER).send().await;
    foreign.is_error(403, &forbidden("guest/b"));
}

#[tokio::test]
async fn pkg_10_err_08_err_19_a_binding_of_what_is_gone() {
    let kit = Kit::new().await;
    kit.package("other/p", true, "{}", "[]").await;
    kit.put("/packages/b", r#"{"binding":{"namespace":"other","name":"p"}}"#).await;
    assert_eq!(kit.get("/packages/b").await.status, 200);
    kit.package("other/p", false, "{}", "[]").await;
    kit.get("/packages/b").await.is_error(403, &forbidden("guest/b"));
    let gone = kit.request("DELETE", "/api/v1/namespaces/_/packages/p").key(OTHER).send().await;
    assert_eq!(gone.status, 200);
    kit.get("/packages/b").await.is_error(403, &forbidden("guest/b"));
    kit.put("/packages/p", "{}").await;
    kit.put("/packages/c", r#"{"binding":{"namespace":"_","name":"p"}}"#).await;
    kit.own("DELETE", "/packages/p").send().await;
    kit.get("/packages/c").await.is_error(404, "The requested resource 'guest/p' does not exist.");
    kit.get("/packages/none").await.is_error(404, "The requested resource 'guest/none' does not exist.");
    let foreign = kit.request("GET", "/api/v1/namespaces/other/packages/none").send().await;
    foreign.is_error(403, &forbidden("other/none"));
}

#[tokio::test]
async fn pkg_11_a_package_with_something_in_it_is_deleted_by_force() {
    let kit = Kit::new().await;
    kit.put("/packages/p", "{}").await;
    kit.put("/packages/b", r#"{"binding":{"namespace":"_","name":"p"}}"#).await;
    kit.action("guest/p/x", "").await;
    let text = |count: &str| {
        format!("Package not empty (contains {count}). Set force param or delete package contents.")
    };
    kit.own("DELETE", "/packages/p").send().await.is_error(409, &text("1 entity"));
    kit.action("guest/p/y", "").await;
    kit.own("DELETE", "/packages/p?force=false").send().await.is_error(409, &text("2 entities"));
    // A binding goes at once, and nothing else with it.
    let unbound = kit.own("DELETE", "/packages/b").send().await;
    assert_eq!((unbound.status, &unbound.json["name"]), (200, &json!("b")));
    assert_eq!(kit.get("/actions/p/y").await.status, 200);
    let deleted = kit.own("DELETE", "/packages/p?force=true").send().await;
    assert_eq!((deleted.status, &deleted.json["name"]), (200, &json!("p")));
    assert_eq!(kit.get("/actions").await.json, json!([]));
    kit.own("DELETE", "/packages/p").send().await.is_error(404, "The requested resource does not exist.");
}

#[tokio::test]
async fn pkg_12_auth_16_a_package_cannot_be_invoked() {
    let kit = Kit::new().await;
    kit.post("/packages/p$", "{}").await.is_error(400, "The name of the entity contains illegal characters.");
    // Nothing is looked up.
    let refused = kit.post("/packages/none", "{}").await;
    refused.is_error(405, "HTTP method not allowed, supported methods: PUT, GET, DELETE");
    let foreign = kit.request("POST", "/api/v1/namespaces/other/packages/p").send().await;
    assert_eq!(foreign.status, 405);
}

#[tokio::test]
async fn pkg_13_execute_only() {
    let kit = Kit::with(Config { execute_only: true, ..Config::default() }).await;
    kit.package("other/p", true, "{}", "[]").await;
    kit.put("/packages/b", r#"{"binding":{"namespace":"other","name":"p"}}"#).await;
    kit.put("/packages/mine", "{}").await;
    let foreign = kit.request("GET", "/api/v1/namespaces/other/packages/p").send().await;
    foreign.is_error(403, "GET not permitted for 'other/p' since it's a shared package");
    let bound = kit.get("/packages/b").await;
    bound.is_error(403, "GET not permitted since b is a binding of a shared package");
    assert_eq!(kit.get("/packages/mine").await.status, 200);
}

#[tokio::test]
async fn pkg_15_def_10_there_is_no_refresh() {
    let kit = Kit::new().await;
    let refused = kit.own("POST", "/packages/refresh").send().await;
    assert_eq!((refused.status, refused.json["code"].is_string()), (501, true));
    assert_eq!(kit.put("/packages/refresh", "{}").await.status, 200);
    assert_eq!(kit.get("/packages/refresh").await.status, 200);
}

#[tokio::test]
async fn name_04_a_package_is_not_called_default() {
    let kit = Kit::new().await;
    kit.put("/packages/default", "{}").await.is_error(400, "Package name 'default' is reserved.");
    kit.get("/packages/default")
        .await
        .is_error(404, "The requested resource 'guest/default' does not exist.");
}

#[tokio::test]
async fn err_11_packages_share_their_names_with_everything_else() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.put("/packages/p", "{}").await;
    let other_kind = "Resource by this name exists but is not in this collection.";
    kit.put("/packages/a", "{}").await.is_error(409, other_kind);
    kit.put("/packages/a?overwrite=true", "{}").await.is_error(409, other_kind);
    kit.get("/packages/a").await.is_error(409, other_kind);
    kit.own("DELETE", "/packages/a").send().await.is_error(409, other_kind);
    kit.get("/actions/p").await.is_error(409, other_kind);
}

#[tokio::test]
async fn auth_09_auth_10_list_09_others_list_what_is_for_everybody() {
    let kit = Kit::new().await;
    kit.package("other/p", true, "{}", "[]").await;
    kit.package("other/private", false, "{}", "[]").await;
    kit.package("other/q", true, "{}", "[]").await;
    kit.package("other/bound", true, r#"{"namespace":"other","name":"p"}"#, "[]").await;
    let foreign = async |query: &str| {
        kit.request("GET", &format!("/api/v1/namespaces/other/packages{query}")).send().await
    };
    let all = foreign("").await;
    assert_eq!((all.status, names(&all.json)), (200, vec!["p", "q"]));
    assert_eq!(all.json[0]["binding"], json!(false));
    assert!(all.json[0].get("parameters").is_none());
    assert_eq!(names(&foreign("?limit=1").await.json), ["p"]);
    assert_eq!(names(&foreign("?skip=1").await.json), ["q"]);
    assert_eq!(names(&foreign("?skip=5&limit=1").await.json), Vec::<&str>::new());
    assert_eq!(foreign("?count=true").await.json, json!({"packages": 2}));
    assert_eq!(foreign("?count=true&skip=1&limit=1").await.json, json!({"packages": 1}));
    let own = kit.request("GET", "/api/v1/namespaces/_/packages").key(OTHER).send().await;
    assert_eq!(names(&own.json), ["bound", "p", "private", "q"]);
    assert_eq!(own.json[0]["binding"], json!({"namespace": "other", "name": "p"}));
    let unknown = kit.request("GET", "/api/v1/namespaces/nobody/packages").send().await;
    assert_eq!((unknown.status, unknown.json), (200, json!([])));
    let bound = kit.request("GET", "/api/v1/namespaces/other/packages/bound").send().await;
    bound.is_error(403, &forbidden("other/bound"));
    assert_eq!(kit.request("GET", "/api/v1/namespaces/other/packages/p").send().await.status, 200);
    for method in ["PUT", "DELETE"] {
        let write = kit.request(method, "/api/v1/namespaces/other/packages/p").json("{}").send().await;
        write.is_error(403, &forbidden("other/p"));
    }
}

#[tokio::test]
async fn auth_10_paging_reaches_past_many_private_packages() {
    let kit = Kit::new().await;
    for number in 0..250 {
        kit.package(&format!("other/private{number:03}"), false, "{}", "[]").await;
    }
    kit.package("other/z", true, "{}", "[]").await;
    let shown = kit.request("GET", "/api/v1/namespaces/other/packages?limit=1").send().await;
    assert_eq!(names(&shown.json), ["z"]);
}

#[tokio::test]
async fn inv_11_a_changed_package_reaches_the_next_invocation() {
    let kit = Kit::new().await;
    kit.put("/packages/p", r#"{"parameters":[{"key":"k","value":1}]}"#).await;
    kit.put("/packages/b", r#"{"binding":{"namespace":"_","name":"p"}}"#).await;
    kit.action("guest/p/x", "").await;
    let payload = async || {
        assert_eq!(kit.post("/actions/b/x?blocking=true", "{}").await.status, 200);
        kit.scheduler.last().payload.get().to_owned()
    };
    assert_eq!(payload().await, r#"{"k":1}"#);
    kit.put("/packages/p?overwrite=true", r#"{"parameters":[{"key":"k","value":2}]}"#).await;
    assert_eq!(payload().await, r#"{"k":2}"#);
    kit.put("/packages/b?overwrite=true", r#"{"parameters":[{"key":"k","value":3}]}"#).await;
    assert_eq!(payload().await, r#"{"k":3}"#);
    kit.own("DELETE", "/packages/b").send().await;
    assert_eq!(kit.post("/actions/b/x", "{}").await.status, 404);
}

#[tokio::test]
async fn lim_01_err_12_parameters_and_annotations_of_a_package_have_a_size() {
    let kit = Kit::new().await;
    let great = "x".repeat(1 << 20);
    for field in ["parameters", "annotations"] {
        let body = format!(r#"{{"{field}":[{{"key":"k","value":"{great}"}}]}}"#);
        let text = format!("{field} larger than allowed: {} > 1048576 bytes.", (1 << 20) + 3);
        kit.put("/packages/p", &body).await.is_error(413, &text);
    }
}

#[tokio::test]
async fn act_31_writes_can_be_answered_without_a_body() {
    let kit = Kit::with(Config { response_payload: false, ..Config::default() }).await;
    let made = kit.put("/packages/p", "{}").await;
    assert_eq!((made.status, made.text.as_str()), (200, ""));
    let deleted = kit.own("DELETE", "/packages/p").send().await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
}
