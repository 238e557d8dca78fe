//! From a request to what it names, who asks, and with which arguments.

use super::runtime;
use crate::counted::Counted;
use base64::Engine as _;
use bytes::Bytes;
use controller::measured;
use http::request::Parts;
use http::{Method, Request};
use std::hint::black_box;
use testkit::{Cluster, ClusterConfig, GUEST_KEY};
use types::Parameters;

const WARM: u64 = 100;
const OPERATIONS: u64 = 1000;

/// The guest's credentials, as a header has them.
pub(super) fn authorization() -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(GUEST_KEY))
}

/// What a client sends with an invocation, without its body.
fn head() -> Parts {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/namespaces/_/actions/tools/resize%20image?blocking=true&result=true&timeout=60000")
        .header("host", "api.example.org")
        .header("authorization", authorization())
        .header("user-agent", "OpenWhisk-CLI/1.0 (2021-04-01T23:49:54.523+0000) linux amd64")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/plain;q=0.5")
        .header("content-length", "62")
        .body(());
    request.expect("a request").into_parts().0
}

/// Path, headers and query: transaction id, route, caller, the names of the action, how it is to be answered.
pub(super) fn read(counted: &mut Counted) {
    let runtime = runtime();
    let cluster = runtime.block_on(Cluster::start(ClusterConfig::default(), container::fake::Echo));
    let head = head();
    let go = |operations| {
        runtime.block_on(async {
            for _ in 0..operations {
                assert!(measured::read(&cluster.controller, black_box(&head)).await, "it names an action");
                assert!(measured::wish(&cluster.controller, black_box(&head)), "its query can be read");
            }
        });
    };
    go(WARM);
    counted.count(OPERATIONS, || go(OPERATIONS));
}

/// A payload over the parameters of an action in a package, one of which it overrides.
pub(super) fn merge(counted: &mut Counted) {
    let parameters = |text| serde_json::from_str::<Parameters>(text).expect("parameters");
    let package = parameters(
        r#"[{"key":"endpoint","value":"https://storage.example.org/v2"},{"key":"region","value":"eu"}]"#,
    );
    let action = parameters(
        r#"[{"key":"region","value":"us"},{"key":"size","value":{"w":640,"h":480}},{"key":"retries","value":3}]"#,
    );
    let merge = measured::Merge::new(&package.overlaid(&action));
    let payload = Bytes::from_static(
        br#"{"image": "cat.png", "size": {"w": 32, "h": 32}, "tags": ["a", "b"], "quality": 0.9}"#,
    );
    let merged = merge.with(&payload).expect("an object");
    let merged: serde_json::Value = serde_json::from_str(merged.get()).expect("JSON");
    assert_eq!((merged["region"].as_str(), merged["size"]["w"].as_u64()), (Some("us"), Some(32)), "{merged}");
    let go = |operations| {
        for _ in 0..operations {
            black_box(merge.with(black_box(&payload)));
        }
    };
    go(WARM);
    counted.count(OPERATIONS, || go(OPERATIONS));
}
