use crate::kit::{Kit, Script};
use base64::Engine as _;
use controller::{Config, Metrics, Operators};
use engine::pool::{View, ViewStage};
use rpc::{ActivationMessage, InvokerCapacity, QueueView};
use secrets::Credential;
use serde_json::json;
use std::sync::Arc;
use types::{ContainerId, InvokerId, StatusCode};

const ADMIN: &str = "the operator's secret of this test";

fn config() -> Config {
    let credential = |login: &str| Some(Credential::new(login));
    let operators = Operators {
        controller: credential("controller.user:controller.pass"),
        scheduler: credential("scheduler.user:scheduler.pass"),
        invoker: credential("invoker.user:invoker.pass"),
        ..Operators::default()
    };
    Config { operators, admin: credential(ADMIN), ..Config::default() }
}

fn basic(login: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login))
}

async fn as_user(kit: &Kit, method: &str, path: &str, login: &str) -> crate::kit::Answer {
    kit.request(method, path).header("authorization", &basic(login)).send().await
}

fn invoker(number: u32, up: bool) -> InvokerCapacity {
    InvokerCapacity {
        invoker: InvokerId(number),
        up,
        memory: 1024,
        free: 512,
        unused: 512,
        orders: 0,
        tags: Vec::new(),
    }
}

#[tokio::test]
async fn adm_01_def_05_the_state_of_invokers_and_the_exact_fraction() {
    let operators = Operators { ready_percent: 70, ..Operators::default() };
    let kit = Kit::with(Config { operators, ..Config::default() }).await;
    let get = async |path: &str| kit.request("GET", path).anonymous().send().await;
    assert_eq!(get("/invokers").await.text, "{}");
    let none = get("/invokers/ready").await;
    assert_eq!((none.status, none.json), (500, json!({"unhealthy": "0/0"})));
    *kit.roles.invokers.lock() = vec![invoker(0, true), invoker(1, false), invoker(2, true)];
    assert_eq!(get("/invokers").await.json, json!({"invoker0": "up", "invoker1": "down", "invoker2": "up"}));
    assert_eq!(get("/invokers/healthy/count").await.text, "2");
    // 2 of 3 are less than 70 percent.
    let few = get("/invokers/ready").await;
    assert_eq!((few.status, few.json), (500, json!({"unhealthy": "1/3"})));
    assert_eq!(get("/ready").await.status, 503);
    kit.roles.invokers.lock().push(invoker(3, true));
    let enough = get("/invokers/ready").await;
    assert_eq!((enough.status, enough.json), (200, json!({"healthy": "3/4"})));
    assert_eq!(get("/ready").await.json, json!({"ready": true, "reasons": []}));
    assert_eq!(get("/invokers/none").await.status, 404);
    assert_eq!(kit.request("POST", "/invokers").send().await.status, 405);
}

#[tokio::test]
async fn adm_02_activations_in_flight() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.scheduler.will(Script::Silence);
    let id = kit.post("/actions/a", "{}").await.activation();
    let get = async |path: &str| kit.request("GET", path).anonymous().send().await;
    let all = get("/activation").await.json;
    assert_eq!(all[0]["activationId"], json!(id));
    assert_eq!((&all[0]["namespace"], &all[0]["action"]), (&json!("guest"), &json!("guest/a")));
    assert_eq!(get("/activation/count").await.text, "1");
    kit.scheduler.finish(&kit.scheduler.last(), StatusCode::Success, "{}");
    assert_eq!(get("/activation/count").await.text, "0");
}

#[tokio::test]
async fn adm_02_a_disabled_controller_invokes_nothing_and_serves_the_rest() {
    let kit = Kit::with(config()).await;
    kit.action("guest/a", "").await;
    for login in ["controller.user:wrong", "invoker.user:invoker.pass", "admin:wrong"] {
        as_user(&kit, "POST", "/disable", login).await.is_error(401, "username or password are wrong.");
    }
    // A subject is no operator.
    assert_eq!(kit.request("POST", "/disable").send().await.status, 401);
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
    let answer = as_user(&kit, "POST", "/disable", "controller.user:controller.pass").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "controller is disabled"));
    let text = "The server is currently unavailable (because it is overloaded or down for maintenance).";
    kit.post("/actions/a?blocking=true", "{}").await.is_error(503, text);
    assert_eq!(kit.get("/actions/a").await.status, 200);
    let ready = kit.request("GET", "/ready").anonymous().send().await;
    assert_eq!((ready.status, &ready.json["reasons"][0]), (503, &json!("disabled")));
    let login = "controller.user:controller.pass";
    assert_eq!(as_user(&kit, "GET", "/isEnabled", login).await.json, json!({"isEnabled": false}));
    assert_eq!(as_user(&kit, "POST", "/enable", login).await.text, "controller is enabled");
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
}

#[tokio::test]
async fn adm_04_the_invoker_is_asked_and_disabled() {
    let kit = Kit::with(config()).await;
    let message = ActivationMessage::for_tests();
    *kit.roles.containers.lock() = vec![View {
        container: ContainerId(7),
        kind: Arc::from("nodejs:20"),
        memory: 256,
        stage: ViewStage::Working,
        queue: Some(message.queue.clone()),
    }];
    let login = "invoker.user:invoker.pass";
    for path in ["/pool", "/admin/v1/invoker/pool"] {
        let pool = as_user(&kit, "GET", path, login).await.json;
        let container = json!({"containerId": "container7", "invoker": "invoker0", "kind": "nodejs:20", "memory": 256,
            "state": "working", "namespace": "caller", "action": "provider/pkg/hello"});
        assert_eq!(pool, json!({"memory": 1024, "used": 256, "containers": [container]}));
        assert_eq!(as_user(&kit, "GET", path, "scheduler.user:scheduler.pass").await.status, 401);
    }
    assert_eq!(as_user(&kit, "GET", "/pool/count", login).await.text, "1");
    assert_eq!(
        as_user(&kit, "POST", "/admin/v1/invoker/1/disable", login).await.status,
        404,
        "there is only one"
    );
    assert_eq!(
        as_user(&kit, "POST", "/admin/v1/invoker/0/disable", login).await.text,
        "invoker0 is disabled"
    );
    assert_eq!(
        as_user(&kit, "GET", "/admin/v1/invoker/isEnabled", login).await.json,
        json!({"isEnabled": false})
    );
    assert_eq!(as_user(&kit, "POST", "/admin/v1/invoker/0/enable", login).await.text, "invoker0 is enabled");
    assert_eq!(
        as_user(&kit, "GET", "/admin/v1/invoker/0/isEnabled", login).await.json,
        json!({"isEnabled": true})
    );
    assert_eq!(as_user(&kit, "POST", "/admin/v1/controller/0/disable", login).await.status, 404);
    let path = |verb: &str| format!("/admin/v1/invoker/{verb}");
    assert_eq!(as_user(&kit, "POST", &path("disable"), login).await.text, "invoker is disabled");
    assert_eq!(as_user(&kit, "GET", &path("isEnabled"), login).await.json, json!({"isEnabled": false}));
    assert_eq!(as_user(&kit, "POST", &path("enable"), login).await.text, "invoker is enabled");
    assert_eq!(as_user(&kit, "GET", &path("isEnabled"), login).await.json, json!({"isEnabled": true}));
}

#[tokio::test]
async fn adm_04_the_scheduler_is_asked_and_disabled() {
    let kit = Kit::with(config()).await;
    let queue = ActivationMessage::for_tests().queue;
    *kit.roles.queues.lock() =
        vec![QueueView { queue, waiting: 3, waiting_bytes: 90, in_flight: 2, containers: 2, creating: 1 }];
    let login = "scheduler.user:scheduler.pass";
    let get = async |path: &str| as_user(&kit, "GET", path, login).await;
    assert_eq!(get("/state").await.json, json!({"queue": "1", "creationCount": "1"}));
    let queue = json!({"invocationNamespace": "caller", "fqn": "provider/pkg/hello", "waiting": 3,
        "waitingBytes": 90, "inFlight": 2, "containers": 2, "creating": 1});
    for path in ["/queue", "/queues", "/admin/v1/scheduler/queue"] {
        assert_eq!(get(path).await.json, json!([queue]));
    }
    assert_eq!(get("/queue/count").await.text, "1");
    assert_eq!(get("/admin/v1/scheduler/activation/count").await.text, "3");
    let answer = as_user(&kit, "POST", "/admin/v1/scheduler/disable", login).await;
    assert_eq!(answer.text, "scheduler is disabled");
    let path = "/admin/v1/scheduler/isEnabled";
    // The admin credential opens everything.
    let answer = kit.request("GET", path).header("authorization", &format!("Bearer {ADMIN}")).send().await;
    assert_eq!(answer.json, json!({"isEnabled": false}));
    assert_eq!(kit.request("GET", path).anonymous().send().await.status, 401);
}

#[tokio::test]
async fn adm_05_operators_have_methods_of_their_own() {
    let kit = Kit::with(config()).await;
    for path in ["/invokers", "/admin/v1/scheduler/queue"] {
        let answer = kit.request("OPTIONS", path).anonymous().send().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-methods"), Some("OPTIONS, GET, POST"));
    }
}

#[tokio::test]
async fn adm_01_adm_02_what_upstream_tells_everybody_can_be_closed() {
    let operators = Operators { open: false, ..config().operators };
    let kit = Kit::with(Config { operators, ..config() }).await;
    for path in ["/invokers", "/invokers/ready", "/activation", "/activation/count"] {
        assert_eq!(kit.request("GET", path).anonymous().send().await.status, 401, "{path}");
        assert_ne!(as_user(&kit, "GET", path, "controller.user:controller.pass").await.status, 401, "{path}");
    }
    assert_ne!(kit.request("GET", "/ready").anonymous().send().await.status, 401);
}

#[tokio::test]
async fn adm_03_metrics_are_there_only_where_they_are_wanted() {
    let kit = Kit::with(config()).await;
    let get = async |kit: &Kit| kit.request("GET", "/metrics").anonymous().send().await;
    get(&kit).await.is_error(404, "The requested resource could not be found.");
    let closed =
        Kit::with(Config { metrics: Some(Metrics { most_actions: 9, open: false }), ..config() }).await;
    assert_eq!(get(&closed).await.status, 401);
    let admin = format!("Bearer {ADMIN}");
    let answer = closed.request("GET", "/metrics").header("authorization", &admin).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
}

#[tokio::test]
async fn evt_04_adm_03_the_numbers_that_upstreams_dashboards_know() {
    let kit = Kit::with(Config { metrics: Some(Metrics { most_actions: 2, open: true }), ..config() }).await;
    kit.package("other/pkg", true, "{}", "[]").await;
    kit.action("other/pkg/a", "").await;
    for name in ["b", "c", "d"] {
        kit.action(&format!("guest/{name}"), "").await;
    }
    kit.scheduler.will(Script::Finish(StatusCode::Success, r#"{"statusCode":201}"#));
    let shared = "/api/v1/namespaces/other/actions/pkg/a?blocking=true";
    assert_eq!(kit.request("POST", shared).json("{}").send().await.status, 200);
    kit.scheduler.will(Script::Finish(StatusCode::ApplicationError, r#"{"error":"no"}"#));
    for name in ["b", "b", "c", "d"] {
        kit.post(&format!("/actions/{name}?blocking=true"), "{}").await;
    }
    let text = kit.request("GET", "/metrics").anonymous().send().await.text;
    let shared = r#"namespace="other",initiator="guest",action="pkg/a""#;
    let own = r#"namespace="guest",initiator="guest",action="b""#;
    for line in [
        format!("openwhisk_action_activations_total{{{shared},kind=\"unknown\",memory=\"0\"}} 1\n"),
        format!("openwhisk_action_status{{{shared},status=\"success\"}} 1\n"),
        format!("openwhisk_action_status_code{{{shared},status=\"201\"}} 1\n"),
        format!("openwhisk_action_duration_seconds_bucket{{{shared},le=\"0.005\"}} 1\n"),
        format!("openwhisk_action_duration_seconds_sum{{{shared}}} 0.005\n"),
        format!("openwhisk_action_response_size_bytes_sum{{{shared}}} 9\n"),
        format!("openwhisk_action_status{{{own},status=\"application_error\"}} 2\n"),
        format!("openwhisk_action_coldStarts_total{{{own}}} 0\n"),
        // Two have numbers of their own; c and d share theirs.
        r#"openwhisk_action_status{namespace="other",initiator="other",action="other",status="application_error"} 2"#
            .to_owned(),
        "oxiwhisk_controller_responses_total{class=\"5xx\"} 4\n".to_owned(),
        "oxiwhisk_invoker_container_starts_total{start=\"warmed\"} 3\n".to_owned(),
        "oxiwhisk_controller_activations_in_flight 0\n".to_owned(),
        "oxiwhisk_scheduler_queues 0\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("action=\"c\""), "{text}");
    // Every family says what it is, once, before its numbers.
    let mut families: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let count = families.len();
    families.dedup();
    assert_eq!(families.len(), count);
}
