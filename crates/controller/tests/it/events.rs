use crate::kit::{Kit, OTHER, Script};
use bytes::Bytes;
use controller::{Body, Config};
use http_body_util::BodyExt;
use secrets::Credential;
use serde_json::{Value, json};
use std::time::Duration;
use types::{StatusCode, UserLimits};

const ADMIN: &str = "the operator's secret of this test";

async fn kit() -> Kit {
    Kit::with(Config { admin: Some(Credential::new(ADMIN)), ..Config::default() }).await
}

/// Somebody who reads the stream.
struct Reader {
    body: Body,
    text: String,
}

/// One event of the stream.
#[derive(Debug)]
struct Seen {
    id: Option<String>,
    kind: String,
    data: Value,
}

impl Reader {
    async fn open(kit: &Kit, query: &str, last: Option<&str>) -> Reader {
        let mut request = kit
            .request("GET", &format!("/admin/v1/events{query}"))
            .header("authorization", &format!("Bearer {ADMIN}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.raw().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        let mut reader = Reader { body: response.into_body(), text: String::new() };
        // The first thing is a comment: from now on it is heard.
        assert!(reader.block().await.starts_with(':'));
        reader
    }

    /// Up to the next empty line.
    async fn block(&mut self) -> String {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return block;
            }
            let frame = tokio::time::timeout(Duration::from_secs(30), self.body.frame()).await;
            let frame: Bytes =
                frame.expect("an event comes").expect("the stream goes on").unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&frame).unwrap());
        }
    }

    async fn next(&mut self) -> Seen {
        let block = loop {
            let block = self.block().await;
            if !block.starts_with(':') {
                break block;
            }
        };
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        Seen {
            id: field("id: "),
            kind: field("event: ").unwrap(),
            data: serde_json::from_str(&field("data: ").unwrap()).unwrap(),
        }
    }
}

#[tokio::test]
async fn evt_01_evt_02_evt_03_cls_22_an_activation_is_told_in_upstreams_form() {
    let kit = kit().await;
    kit.action("guest/a", "").await;
    let mut reader = Reader::open(&kit, "", None).await;
    kit.scheduler.will(Script::Finish(StatusCode::ApplicationError, r#"{"error":{"statusCode":404}}"#));
    let id = kit.post("/actions/a?blocking=true", "{}").await.activation();
    let admitted = reader.next().await;
    assert_eq!(admitted.kind, "Metric");
    assert_eq!(admitted.data["body"], json!({"metricName": "ConcurrentInvocations", "metricValue": 1}));
    let ended = reader.next().await;
    assert_eq!(ended.kind, "Activation");
    let uuid = ended.data["userId"].as_str().unwrap();
    assert!(uuid.starts_with("00000000-0000-"), "{uuid}");
    let expected = json!({
        "source": "controller0",
        "body": {"name": "guest/a", "activationId": id, "statusCode": 1, "duration": 5, "waitTime": 0, "initTime": 0,
            "kind": "unknown", "conductor": false, "memory": 0, "size": 9, "userDefinedStatusCode": 404},
        "subject": "guest",
        "namespace": "guest",
        "userId": uuid,
        "eventType": "Activation",
        "timestamp": ended.data["timestamp"].as_u64().unwrap(),
    });
    assert_eq!(ended.data, expected);
}

#[tokio::test]
async fn evt_03_thr_09_every_refusal_is_told() {
    let kit = kit().await;
    kit.action("guest/a", "").await;
    let mut reader = Reader::open(&kit, "", None).await;
    kit.limit(UserLimits { invocations_per_minute: Some(0), ..UserLimits::default() }).await;
    assert_eq!(kit.post("/actions/a", "{}").await.status, 429);
    let refused = reader.next().await;
    assert_eq!(refused.data["eventType"], "Metric");
    assert_eq!(refused.data["body"], json!({"metricName": "TimedRateLimit", "metricValue": 1}));
    kit.limit(UserLimits { concurrent_invocations: Some(0), ..UserLimits::default() }).await;
    assert_eq!(kit.post("/actions/a", "{}").await.status, 429);
    assert_eq!(
        reader.next().await.data["body"],
        json!({"metricName": "ConcurrentRateLimit", "metricValue": 1})
    );
}

#[tokio::test]
async fn evt_02_an_activation_that_no_container_ran_is_told_too() {
    let kit = kit().await;
    kit.action("guest/a", "").await;
    let mut reader = Reader::open(&kit, "", None).await;
    kit.scheduler.will(Script::Drop(StatusCode::WhiskError, "lost"));
    let id = kit.post("/actions/a?blocking=true", "{}").await.activation();
    reader.next().await;
    let ended = reader.next().await.data;
    assert_eq!((&ended["body"]["activationId"], &ended["body"]["statusCode"]), (&json!(id), &json!(3)));
    assert_eq!((&ended["body"]["kind"], &ended["body"]["memory"]), (&json!("nodejs:20"), &json!(256)));
}

#[tokio::test]
async fn events_are_for_operators_of_one_namespace_or_of_all() {
    let kit = kit().await;
    assert_eq!(kit.request("GET", "/admin/v1/events").send().await.status, 401);
    kit.action("guest/a", "").await;
    kit.action("other/a", "").await;
    let mut reader = Reader::open(&kit, "?namespace=other", None).await;
    kit.post("/actions/a?blocking=true", "{}").await;
    kit.own("POST", "/actions/a?blocking=true").key(OTHER).json("{}").send().await;
    for kind in ["Metric", "Activation"] {
        let event = reader.next().await;
        assert_eq!((event.kind.as_str(), &event.data["namespace"]), (kind, &json!("other")));
    }
}

#[tokio::test]
async fn a_reader_that_comes_back_goes_on_where_it_was() {
    let kit = kit().await;
    kit.action("guest/a", "").await;
    let mut reader = Reader::open(&kit, "", None).await;
    kit.post("/actions/a?blocking=true", "{}").await;
    let first = reader.next().await;
    drop(reader);
    kit.post("/actions/a?blocking=true", "{}").await;
    let mut reader = Reader::open(&kit, "", first.id.as_deref()).await;
    for kind in ["Activation", "Metric", "Activation"] {
        assert_eq!(reader.next().await.kind, kind);
    }
    // An id that is none of ours: what was missed nobody knows.
    let mut reader = Reader::open(&kit, "", Some("elsewhere-1")).await;
    let gap = reader.next().await;
    assert_eq!((gap.kind.as_str(), gap.data), ("gap", json!({"lost": null})));
}

#[tokio::test]
async fn a_stopping_server_ends_the_stream_after_the_last_activation() {
    let kit = kit().await;
    kit.action("guest/a", "").await;
    kit.scheduler.will(Script::Silence);
    let mut reader = Reader::open(&kit, "", None).await;
    kit.post("/actions/a", "{}").await;
    let running = kit.scheduler.last();
    let finish = async { kit.scheduler.finish(&running, StatusCode::Success, "{}") };
    tokio::join!(kit.controller.drain(), finish);
    for kind in ["Metric", "Activation"] {
        assert_eq!(reader.next().await.kind, kind);
    }
    let end = tokio::time::timeout(Duration::from_secs(30), reader.body.collect()).await;
    assert!(end.expect("it ends").unwrap().to_bytes().is_empty());
}
