use crate::kit::{GUEST, Kit, Script};
use controller::Config;
use types::StatusCode;

#[tokio::test]
async fn http_05_the_api_describes_itself_without_credentials() {
    let kit = Kit::new().await;
    for path in ["/api/v1", "/api/v1/"] {
        let answer = kit.request("GET", path).anonymous().send().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json["description"], "OpenWhisk API");
        assert_eq!(answer.json["api_version"], "1.0.0");
        assert_eq!(answer.json["api_version_path"], "v1");
        assert!(answer.json["build"].is_string() && answer.json["buildno"].is_string());
        assert_eq!(answer.json["swagger_paths"]["ui"], "/docs");
        assert_eq!(answer.json["swagger_paths"]["api-docs"], "/api-docs");
    }
}

#[tokio::test]
async fn http_06_http_07_http_08_the_root_names_limits_and_runtimes() {
    let kit = Kit::new().await;
    let answer = kit.request("GET", "/").anonymous().send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json["description"], "OpenWhisk");
    assert_eq!(answer.json["api_paths"][0], "/api/v1");
    assert!(answer.json["support"]["github"].is_string() && answer.json["support"]["slack"].is_string());
    let limits = &answer.json["limits"];
    for name in [
        "actions_per_minute",
        "triggers_per_minute",
        "concurrent_actions",
        "sequence_length",
        "default_min_action_duration",
        "default_max_action_duration",
        "default_min_action_memory",
        "default_max_action_memory",
        "default_min_action_logs",
        "default_max_action_logs",
        "min_action_duration",
        "max_action_duration",
        "min_action_memory",
        "max_action_memory",
        "min_action_logs",
        "max_action_logs",
    ] {
        assert!(limits[name].is_u64(), "{name}");
    }
    assert_eq!(limits["max_action_memory"], 512u64 << 20);
    assert_eq!(limits["max_action_duration"], 300_000);
    let node = &answer.json["runtimes"]["nodejs"][0];
    assert_eq!(node["kind"], "nodejs:20");
    assert_eq!(node["image"], "openwhisk/node:1");
    assert_eq!((&node["default"], &node["deprecated"]), (&true.into(), &false.into()));
    assert_eq!((&node["attached"], &node["requireMain"]), (&true.into(), &false.into()));
}

#[tokio::test]
async fn http_09_ping() {
    let kit = Kit::new().await;
    let answer = kit.request("GET", "/ping").anonymous().send().await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "pong"));
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
}

#[tokio::test]
async fn http_11_transaction_ids_are_the_clients_or_ours() {
    let kit = Kit::new().await;
    let own = kit.request("GET", "/ping").header("x-request-id", "mine").send().await;
    assert_eq!(own.header("x-request-id"), Some("mine"));
    for given in ["sid_x", ""] {
        let made = kit.request("GET", "/ping").header("x-request-id", given).send().await;
        let id = made.header("x-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 32);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
    let error = kit.own("GET", "/actions/none").header("x-request-id", "mine").send().await;
    assert_eq!(error.json["code"], "mine");
}

#[tokio::test]
async fn http_13_http_14_answers_are_compact_json_with_cors_headers() {
    let kit = Kit::new().await;
    let answer = kit.get("/actions").await;
    assert_eq!(answer.text, "[]");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent")
    );
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, DELETE, POST, PUT, HEAD"));
    let root = kit.request("GET", "/").send().await;
    assert_eq!(root.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn http_15_options_is_answered_for_any_path_without_credentials() {
    let kit = Kit::new().await;
    for path in ["/api/v1", "/api/v1/nothing/here", "/api/v1/namespaces/_/actions/x"] {
        let answer = kit.request("OPTIONS", path).anonymous().send().await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
}

#[tokio::test]
async fn http_16_def_01_other_methods_are_405() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    let refused = kit.own("HEAD", "/actions/a").send().await;
    assert_eq!(refused.status, 405);
    let refused = kit.own("PATCH", "/actions/a").send().await;
    refused.is_error(405, "HTTP method not allowed, supported methods: PUT, GET, DELETE, POST");
    assert_eq!(refused.header("allow"), Some("PUT, GET, DELETE, POST"));
    for (method, path) in
        [("POST", "/actions"), ("DELETE", "/actions/"), ("PUT", "/activations"), ("POST", "/limits")]
    {
        let refused = kit.own(method, path).send().await;
        refused.is_error(405, "HTTP method not allowed, supported methods: GET");
    }
    kit.request("POST", "/ping")
        .send()
        .await
        .is_error(405, "HTTP method not allowed, supported methods: GET");
}

#[tokio::test]
async fn http_18_uris_and_bodies_have_a_longest() {
    let kit = Kit::new().await;
    let long = format!("/actions?x={}", "y".repeat(8192));
    assert_eq!(kit.get(&long).await.status, 414);
    let declared = kit.own("PUT", "/actions/a").json("{}").header("content-length", "52428801").send().await;
    declared.is_error(413, "Request larger than allowed: 52428801 > 52428800 bytes.");
}

#[tokio::test]
async fn http_19_http_20_answers_name_the_activation() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    for (status, expected) in [
        (StatusCode::Success, 200),
        (StatusCode::ApplicationError, 502),
        (StatusCode::DeveloperError, 502),
        (StatusCode::WhiskError, 500),
    ] {
        kit.scheduler.will(Script::Finish(status, r#"{"error":1}"#));
        for query in ["blocking=true", "blocking=true&result=true"] {
            let answer = kit.post(&format!("/actions/a?{query}"), "{}").await;
            assert_eq!(answer.status, expected);
            assert_eq!(answer.activation(), kit.scheduler.last().activation_id);
        }
    }
    let detached = kit.post("/actions/a", "{}").await;
    assert_eq!(detached.activation(), kit.scheduler.last().activation_id);
    let none = kit.post("/actions/none", "{}").await;
    assert_eq!(none.header("x-openwhisk-activation-id"), None);
}

#[tokio::test]
async fn http_21_unknown_fields_are_ignored() {
    let kit = Kit::new().await;
    kit.action("guest/a", r#""something":{"else":1}"#).await;
}

#[tokio::test]
async fn http_03_http_04_names_are_decoded_and_the_underscore_is_the_callers_own() {
    let kit = Kit::new().await;
    kit.put("/actions/a%20b%40c", r#"{"exec":{"kind":"nodejs:20","code":"x = 1"}}"#).await;
    let found = kit.request("GET", &format!("/api/v1/namespaces/{GUEST}/actions/a%20b@c")).send().await;
    assert_eq!((found.status, &found.json["name"]), (200, &"a b@c".into()));
}

#[tokio::test]
async fn http_25_err_08_what_matches_nothing_is_404() {
    let kit = Kit::new().await;
    for path in [
        "/api/v1/nothing",
        "/api/v1/namespaces/guest",
        "/api/v1/namespaces/guest//actions",
        "/api/v1/namespaces/_/actions/a/b/c",
        "/api/v1/namespaces/_/actions/a/b/",
        "/api/v1/namespaces/_/activations/x/nothing",
    ] {
        kit.request("GET", path).send().await.is_error(404, "The requested resource could not be found.");
        // Credentials come first.
        assert_eq!(kit.request("GET", path).anonymous().send().await.status, 401);
    }
    kit.request("GET", "/nothing")
        .anonymous()
        .send()
        .await
        .is_error(404, "The requested resource could not be found.");
}

#[tokio::test]
async fn err_10_http_22_a_client_that_takes_no_json_gets_406() {
    let kit = Kit::new().await;
    let answer = kit.own("GET", "/actions").header("accept", "text/html").send().await;
    answer.is_error(406, "Resource representation is only available with these types:\napplication/json");
    assert_eq!(kit.own("GET", "/actions").header("accept", "*/*").send().await.status, 200);
}

#[tokio::test]
async fn err_13_bodies_are_json() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    let text = "The request's Content-Type is not supported. Expected:\napplication/json";
    let put = r#"{"exec":{"kind":"nodejs:20","code":"x"}}"#;
    kit.own("PUT", "/actions/b").body(put).send().await.is_error(415, text);
    let form = kit.own("POST", "/actions/a").header("content-type", "application/x-www-form-urlencoded");
    form.body("a=1").send().await.is_error(415, text);
    let charset = kit.own("PUT", "/actions/b").header("content-type", "application/json; charset=utf-8");
    assert_eq!(charset.body(put).send().await.status, 200);
}

#[tokio::test]
async fn ns_01_the_callers_namespace_is_the_only_one() {
    let kit = Kit::new().await;
    for path in ["/api/v1/namespaces", "/api/v1/namespaces/"] {
        assert_eq!(kit.request("GET", path).send().await.text, r#"["guest"]"#);
    }
    assert_eq!(kit.request("POST", "/api/v1/namespaces").send().await.status, 405);
}

#[tokio::test]
async fn name_02_name_03_def_03_bad_names_are_400() {
    let kit = Kit::new().await;
    let illegal = "The name of the entity contains illegal characters.";
    kit.get("/actions/a$b").await.is_error(400, illegal);
    kit.get("/actions/p%24/a").await.is_error(400, illegal);
    kit.get("/actions/p%24/").await.is_error(400, illegal);
    let long = format!("/actions/{}", "x".repeat(257));
    kit.get(&long).await.is_error(400, "Name segement longer than allowed: 257 > 256.");
    let namespace = kit.request("GET", "/api/v1/namespaces/a$/actions").send().await;
    namespace.is_error(400, "The namespace contains illegal characters.");
    // HTTP-22: before the method.
    kit.own("PATCH", "/actions/a$b").send().await.is_error(400, illegal);
}

/// Keeps the messages of what is logged in this thread.
#[derive(Clone, Default)]
struct Logged(std::sync::Arc<parking_lot::Mutex<Vec<String>>>);

impl tracing::Subscriber for Logged {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().push(text.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn http_12_a_request_that_asks_for_it_is_logged_in_detail() {
    for (extra_logging, lines) in [(true, 3), (false, 0)] {
        let kit = Kit::with(Config { extra_logging, ..Config::default() }).await;
        kit.action("guest/a", "").await;
        let logged = Logged::default();
        let guard = tracing::subscriber::set_default(logged.clone());
        let path = "/actions/a?blocking=true";
        assert_eq!(kit.post(path, "{}").await.status, 200);
        assert!(logged.0.lock().is_empty(), "it did not ask");
        let answer = kit.own("POST", path).header("x-ow-extra-logging", "on").json("{}").send().await;
        assert_eq!(answer.status, 200);
        drop(guard);
        let said = logged.0.lock();
        assert_eq!(said.len(), lines, "{said:?}");
    }
}
