//! Whole requests against the whole platform in one process.

use bytes::Bytes;
use container::fake::{Echo, Script};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Cluster, ClusterConfig, GUEST_KEY, Reply};

/// The most requests of one input.
const MOST: usize = 8;

/// How long an answer may take, in the cluster's own time, which passes at once when all wait.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs something with a platform whose functions do what `script` says, and whose namespace has one of everything.
pub(crate) fn with_platform<T>(script: impl Script, run: impl AsyncFnOnce(&Platform) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let platform = Platform(Cluster::start(ClusterConfig::default(), script).await);
        platform.furnish().await;
        run(&platform).await
    })
}

/// The platform.
pub(crate) struct Platform(Cluster);

impl Platform {
    /// One of everything: `action`, `package` with `action`, `trigger`, `rule`, `web`, `conductor`.
    async fn furnish(&self) {
        let exec = json!({ "kind": "nodejs:20", "code": "x" });
        let web = json!([{ "key": "web-export", "value": true }]);
        let conductor = json!([{ "key": "conductor", "value": true }]);
        let ends = json!({ "action": "/_/action", "trigger": "/_/trigger" });
        for (path, body) in [
            ("actions/action", json!({ "exec": exec })),
            ("packages/package", json!({ "parameters": [{ "key": "k", "value": 1 }] })),
            ("actions/package/action", json!({ "exec": exec })),
            ("triggers/trigger", json!({})),
            ("rules/rule", ends),
            ("actions/web", json!({ "exec": exec, "annotations": web })),
            ("actions/conductor", json!({ "exec": exec, "annotations": conductor })),
        ] {
            let reply = self.ask(&format!("PUT ~/{path}\n\n{body}")).await;
            assert_eq!(reply.map(|reply| reply.status), Some(StatusCode::OK), "{path}");
        }
    }

    /// Sends a request that is written as in HTTP: method and target, headers, an empty line, the body. `~` stands for
    /// the caller's namespace. A text that is no request is not sent.
    pub(crate) async fn ask(&self, text: &str) -> Option<Reply> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let (method, target) = lines.next()?.split_once(' ')?;
        let target = match target.strip_prefix('~') {
            Some(rest) => format!("/api/v1/namespaces/_{rest}"),
            None => target.to_owned(),
        };
        let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
        let named = |name: &str| headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(target);
        if !named("authorization") {
            request = request.header("authorization", credentials());
        }
        if !named("content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).ok()?;
        let answered = async {
            let (parts, body) = self.0.controller.handle(request).await.into_parts();
            // What never ends, such as a stream of events, is left after a while.
            let body = tokio::time::timeout(PATIENCE, body.collect()).await.ok()?.ok()?.to_bytes();
            Some(Reply { status: parts.status, headers: parts.headers, body })
        };
        tokio::time::timeout(PATIENCE * 2, answered).await.expect("every request is answered")
    }
}

fn credentials() -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(GUEST_KEY))
}

/// Requests, one after the other, with lines of `---` between them.
pub fn requests(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    with_platform(Echo, async |platform| {
        for request in text.split("\n---\n").take(MOST) {
            if let Some(reply) = platform.ask(request).await {
                check(&reply);
            }
        }
    });
}

/// No answer is the server's fault, each names its request, and an error says what is wrong.
fn check(reply: &Reply) {
    assert_ne!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{reply:?}");
    let id = reply.headers.get("x-request-id").and_then(|id| id.to_str().ok());
    let ours = reply.headers.get("content-type").is_some_and(|kind| kind == "application/json");
    // What an action answers has its own form, and names the activation.
    let of_action = reply.headers.contains_key("x-openwhisk-activation-id");
    if reply.status.is_client_error() && ours && !of_action {
        let body = reply.json();
        assert!(body["error"].is_string(), "{reply:?}");
        assert!(id.is_none() || body["code"] == Value::from(id), "{reply:?}");
    }
}
