//! What operators set and see, with all roles in one process under paused time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use container::ContainerSpec;
use container::RunRequest;
use container::fake::{Echo, Reaction, Script};
use controller::{Config, Metrics};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use oxiwhisk_testkit::{Cluster, ClusterConfig, Reply};
use rpc::InvokerOperations;
use secrets::Credential;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use types::{Keeping, StoreLevel};

const ADMIN: &str = "the operator's secret of this test";

/// Runs take a second, and fail where they are told to.
#[derive(Debug)]
struct Slow;

impl Script for Slow {
    fn run(&self, _: &ContainerSpec, request: &RunRequest) -> Reaction {
        Reaction::reply(true, request.value.get()).after(Duration::from_secs(1))
    }
}

async fn start(config: ClusterConfig, script: impl Script) -> Arc<Cluster> {
    let cluster = Arc::new(Cluster::start(config, script).await);
    assert_eq!(cluster.put_action("hello", json!({})).await.status, StatusCode::OK);
    cluster
}

fn with(controller: Config) -> ClusterConfig {
    ClusterConfig { controller, ..ClusterConfig::default() }
}

fn id(reply: &Reply) -> String {
    reply.headers["x-openwhisk-activation-id"].to_str().unwrap().to_owned()
}

/// The record of an activation; `None`: there is none.
async fn record(cluster: &Cluster, id: &str) -> Option<Value> {
    let path = format!("/api/v1/namespaces/_/activations/{id}");
    let reply = cluster.request(Method::GET, &path, "").await;
    (reply.status == StatusCode::OK).then(|| reply.json())
}

async fn listed(cluster: &Cluster) -> usize {
    let reply = cluster.request(Method::GET, "/api/v1/namespaces/_/activations", "").await;
    reply.json().as_array().unwrap().len()
}

async fn operate(cluster: &Cluster, method: Method, path: &str) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {ADMIN}")).unwrap());
    cluster.request_with(headers, method, path, "").await
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let came = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(600), came).await.expect(what);
}

#[tokio::test(start_paused = true)]
async fn lim_08_an_action_never_has_more_containers_than_its_instances() {
    let cluster = start(ClusterConfig::default(), Slow).await;
    cluster.put_action("hello", json!({"limits": {"instances": 2}})).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let cluster = cluster.clone();
        calls.spawn(async move { cluster.invoke("hello", "blocking=true", json!({})).await.status });
    }
    assert!(calls.join_all().await.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(cluster.factory.made().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn atv_22_atv_28_inv_10_http_12_records_are_kept_as_the_levels_say() {
    let keeping = Keeping { blocking: StoreLevel::Failures, non_blocking: StoreLevel::Always };
    let cluster = start(with(Config { keeping, extra_logging: true, ..Config::default() }), Echo).await;
    let ended = cluster.invoke("hello", "blocking=true", json!({"n": 1})).await;
    assert_eq!(ended.json()["response"]["result"], json!({"n": 1}), "the answer is complete");
    assert_eq!(record(&cluster, &id(&ended)).await, None);
    assert_eq!(listed(&cluster).await, 0, "no row stands for what is not kept");
    let failed = cluster.invoke("hello", "blocking=true", json!({"error": "no"})).await;
    assert!(record(&cluster, &id(&failed)).await.is_some());
    let accepted = cluster.invoke("hello", "", json!({})).await;
    let found = async {
        while record(&cluster, &id(&accepted)).await.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), found).await.expect("its record comes");
    let mut headers = HeaderMap::new();
    headers.insert("x-ow-extra-logging", HeaderValue::from_static("on"));
    let path = "/api/v1/namespaces/_/actions/hello?blocking=true";
    let asked = cluster.request_with(headers, Method::POST, path, "{}").await;
    assert!(record(&cluster, &id(&asked)).await.is_some(), "the request asked for it");
}

#[tokio::test(start_paused = true)]
async fn atv_22_a_call_that_was_answered_with_its_id_alone_is_kept_like_one_that_nobody_waits_for() {
    let levels = [(StoreLevel::Always, true), (StoreLevel::Failures, false)];
    for (non_blocking, kept) in levels {
        let keeping = Keeping { blocking: StoreLevel::Failures, non_blocking };
        let cluster = start(with(Config { keeping, ..Config::default() }), Slow).await;
        let running = cluster.invoke("hello", "blocking=true&timeout=100", json!({})).await;
        assert_eq!(running.status, StatusCode::ACCEPTED);
        cluster.controller.drain().await;
        assert_eq!(record(&cluster, &id(&running)).await.is_some(), kept, "{non_blocking:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn adm_04_err_17_a_disabled_invoker_lets_its_containers_go_until_it_is_enabled() {
    let cluster =
        start(with(Config { admin: Some(Credential::new(ADMIN)), ..Config::default() }), Slow).await;
    assert_eq!(cluster.invoke("hello", "blocking=true", json!({})).await.status, StatusCode::OK);
    let pool = operate(&cluster, Method::GET, "/pool").await.json();
    assert_eq!(pool["containers"][0]["action"], "guest/hello");
    assert_eq!(pool["used"], 256);
    let running = cluster.invoke("hello", "", json!({})).await;
    assert_eq!(operate(&cluster, Method::POST, "/admin/v1/invoker/disable").await.status, StatusCode::OK);
    eventually("the containers go", || cluster.invoker.pool().containers.is_empty()).await;
    assert_eq!(
        record(&cluster, &id(&running)).await.unwrap()["response"]["success"],
        true,
        "what ran was let end"
    );
    assert_eq!(operate(&cluster, Method::GET, "/invokers").await.json(), json!({"invoker0": "down"}));
    let refused = cluster.invoke("hello", "blocking=true", json!({})).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{refused:?}");
    assert_eq!(operate(&cluster, Method::POST, "/admin/v1/invoker/enable").await.status, StatusCode::OK);
    assert_eq!(operate(&cluster, Method::GET, "/invokers").await.json(), json!({"invoker0": "up"}));
    assert_eq!(cluster.invoke("hello", "blocking=true", json!({})).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn adm_04_a_disabled_scheduler_serves_what_it_has_and_takes_nothing_new() {
    let cluster =
        start(with(Config { admin: Some(Credential::new(ADMIN)), ..Config::default() }), Slow).await;
    let accepted = cluster.invoke("hello", "", json!({})).await;
    let queues = operate(&cluster, Method::GET, "/queue").await.json();
    assert_eq!((&queues[0]["fqn"], queues.as_array().unwrap().len()), (&json!("guest/hello"), 1));
    operate(&cluster, Method::POST, "/admin/v1/scheduler/disable").await;
    let refused = cluster.invoke("hello", "blocking=true", json!({})).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(operate(&cluster, Method::GET, "/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let found = async {
        while record(&cluster, &id(&accepted)).await.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), found).await.expect("it is run");
    operate(&cluster, Method::POST, "/admin/v1/scheduler/enable").await;
    assert_eq!(cluster.invoke("hello", "blocking=true", json!({})).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn evt_04_cold_starts_and_their_times_are_counted() {
    let metrics = Some(Metrics { most_actions: 10, open: true });
    let cluster = start(with(Config { metrics, ..Config::default() }), Slow).await;
    for _ in 0..3 {
        cluster.invoke("hello", "blocking=true", json!({})).await;
    }
    let text = operate(&cluster, Method::GET, "/metrics").await;
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    let labels = r#"namespace="guest",initiator="guest",action="hello""#;
    for line in [
        format!("openwhisk_action_activations_total{{{labels},kind=\"nodejs:20\",memory=\"256\"}} 3\n"),
        format!("openwhisk_action_duration_seconds_count{{{labels}}} 3\n"),
        format!("openwhisk_action_coldStarts_total{{{labels}}} 1\n"),
        format!("openwhisk_action_memory{{{labels}}} 256\n"),
        "oxiwhisk_invoker_container_starts_total{start=\"cold\"} 1\n".to_owned(),
        "oxiwhisk_scheduler_invokers{state=\"up\"} 1\n".to_owned(),
        "oxiwhisk_scheduler_queues 1\n".to_owned(),
        "oxiwhisk_invoker_memory_used_bytes 268435456\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
}
