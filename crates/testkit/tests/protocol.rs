//! What a container is told, and what comes of one that fails in ways that nobody foresaw.

use container::fake::{Reaction, Script};
use container::{ContainerSpec, InitRequest, RunRequest};
use http::{Method, StatusCode};
use oxiwhisk_testkit::{Cluster, ClusterConfig};
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;

/// Writes down what containers are told.
#[derive(Clone, Debug, Default)]
struct Listener {
    inits: Arc<Mutex<Vec<InitRequest>>>,
}

impl Script for Listener {
    fn init(&self, _: &ContainerSpec, request: &InitRequest) -> Reaction {
        self.inits.lock().push(request.clone());
        // RUN-14: what it says beside that it succeeded is not looked at.
        Reaction::reply(true, "neither an object nor JSON")
    }
}

async fn put(cluster: &Cluster, path: &str, body: serde_json::Value) {
    let path = format!("/api/v1/namespaces/_/{path}");
    let reply = cluster.request(Method::PUT, &path, body.to_string()).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn run_02_run_03_run_14_run_19_init_has_the_bare_name_the_entry_point_and_the_code() {
    let listener = Listener::default();
    let cluster = Cluster::start(ClusterConfig::default(), listener.clone()).await;
    put(&cluster, "packages/tools", json!({})).await;
    let text = json!({ "exec": { "kind": "nodejs:20", "code": "function other() {}", "main": "other" } });
    put(&cluster, "actions/tools/text", text).await;
    // As a client sends an archive: base64, which stays so.
    let archive = json!({ "exec": { "kind": "nodejs:20", "code": "UEsDBBQAAAAIAA==" } });
    put(&cluster, "actions/archive", archive).await;
    let image = json!({ "exec": { "kind": "blackbox", "image": "someone/image" } });
    put(&cluster, "actions/image", image).await;
    for name in ["tools/text", "archive", "image"] {
        let reply = cluster.invoke(name, "blocking=true", json!({})).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    }
    let inits = listener.inits.lock();
    let seen: Vec<_> =
        inits.iter().map(|init| (&*init.name, &*init.main, init.binary, init.code.as_deref())).collect();
    let expected: [(&str, &str, bool, Option<&[u8]>); 3] = [
        ("text", "other", false, Some(b"function other() {}")),
        ("archive", "main", true, Some(b"UEsDBBQAAAAIAA==")),
        ("image", "main", false, None),
    ];
    assert_eq!(seen, expected);
    let named =
        |name: &str| inits[0].environment.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
    assert_eq!(named("__OW_ACTION_NAME"), Some("/guest/tools/text"));
    assert_eq!(named("__OW_NAMESPACE"), Some("guest"));
}

/// Its containers fail in a way that nobody foresaw.
#[derive(Debug)]
struct Panics;

impl Script for Panics {
    fn run(&self, _: &ContainerSpec, _: &RunRequest) -> Reaction {
        panic!("a fault of the platform");
    }
}

#[tokio::test(start_paused = true)]
async fn cls_19_an_unforeseen_fault_of_the_platform_ends_the_activation_all_the_same() {
    let cluster = Cluster::start(ClusterConfig::default(), Panics).await;
    assert_eq!(cluster.put_action("a", json!({})).await.status, StatusCode::OK);
    let reply = cluster.invoke("a", "blocking=true", json!({})).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{reply:?}");
    let error = "The action did not produce a valid response and exited unexpectedly.";
    assert_eq!(reply.json()["response"]["result"], json!({ "error": error }));
    assert_eq!(reply.json()["response"]["status"], "whisk internal error");
}
