//! Following the log of an activation while it runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use container::fake::{Reaction, Script};
use container::{ContainerSpec, LogStream, RunRequest};
use controller::Body;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use oxiwhisk_testkit::{Cluster, ClusterConfig};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Logs the argument `text` so many `times`, waits for a permit, and logs it once more.
#[derive(Debug)]
struct Waits(Arc<Semaphore>);

impl Script for Waits {
    fn run(&self, _: &ContainerSpec, request: &RunRequest) -> Reaction {
        let value: Value = serde_json::from_str(request.value.get()).unwrap();
        let text = value["text"].as_str().unwrap();
        let reaction = (0..value["times"].as_u64().unwrap_or(1))
            .fold(Reaction::reply(true, "{}").with_permit(self.0.clone()), |reaction, n| {
                reaction.log_first(LogStream::Stdout, &format!("{text} {n}"))
            });
        reaction.log(LogStream::Stderr, &format!("{text} again"))
    }
}

async fn cluster(config: ClusterConfig, action: Value) -> (Cluster, Arc<Semaphore>) {
    let free = Arc::new(Semaphore::new(0));
    let cluster = Cluster::start(config, Waits(free.clone())).await;
    assert_eq!(cluster.put_action("hello", action).await.status, StatusCode::OK);
    (cluster, free)
}

async fn start(cluster: &Cluster, arguments: Value) -> String {
    let reply = cluster.invoke("hello", "", arguments).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    reply.json()["activationId"].as_str().unwrap().to_owned()
}

async fn follow(cluster: &Cluster, id: &str, accept: &str) -> Response<Body> {
    let path = format!("/api/v1/namespaces/_/activations/{id}/logs?follow=true");
    cluster.open(Method::GET, &path, accept, "").await
}

async fn next(response: &mut Response<Body>) -> Option<String> {
    let frame = tokio::time::timeout(Duration::from_secs(60), response.frame()).await.expect("in time")?;
    Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

/// Reads until so many lines have come, or to the end.
async fn lines(response: &mut Response<Body>, count: usize) -> Vec<String> {
    let mut text = String::new();
    while text.lines().count() < count {
        let Some(piece) = next(response).await else { break };
        text.push_str(&piece);
    }
    text.lines().map(str::to_owned).collect()
}

async fn stored(cluster: &Cluster, id: &str) -> Vec<String> {
    let path = format!("/api/v1/namespaces/_/activations/{id}/logs");
    let reply = cluster.request(Method::GET, &path, "").await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    serde_json::from_value(reply.json()["logs"].clone()).unwrap()
}

fn texts(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| &line[31..]).collect()
}

#[tokio::test(start_paused = true)]
async fn lines_come_while_the_action_runs_and_end_with_it() {
    let (cluster, free) = cluster(ClusterConfig::default(), json!({})).await;
    let id = start(&cluster, json!({"text": "a"})).await;
    let mut first = follow(&cluster, &id, "*/*").await;
    assert_eq!(first.headers()["content-type"], "text/plain; charset=UTF-8");
    let mut second = follow(&cluster, &id, "text/plain").await;
    for response in [&mut first, &mut second] {
        // It waits for a permit, so this came while it ran.
        assert_eq!(texts(&lines(response, 1).await), ["stdout: a 0"]);
    }
    drop(second);
    free.add_permits(1);
    assert_eq!(texts(&lines(&mut first, 9).await), ["stderr: a again"]);
    assert_eq!(texts(&stored(&cluster, &id).await), ["stdout: a 0", "stderr: a again"]);
}

#[tokio::test(start_paused = true)]
async fn events_have_a_form_of_their_own_and_an_end() {
    let (cluster, free) = cluster(ClusterConfig::default(), json!({})).await;
    let id = start(&cluster, json!({"text": "a\rb"})).await;
    let mut response = follow(&cluster, &id, "text/event-stream").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let event = next(&mut response).await.unwrap();
    assert!(event.starts_with("data: 20") && event.ends_with("Z stdout: a\ndata: b 0\n\n"), "{event:?}");
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(
        next(&mut response).await.as_deref(),
        Some(": the action runs\n\n"),
        "nobody takes it for dead"
    );
    free.add_permits(1);
    let mut rest = String::new();
    while let Some(piece) = next(&mut response).await {
        rest.push_str(&piece);
    }
    assert!(rest.ends_with("data: b again\n\nevent: end\ndata:\n\n"), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_gives_what_is_stored() {
    let (cluster, free) = cluster(ClusterConfig::default(), json!({})).await;
    free.add_permits(1);
    let reply = cluster.invoke("hello", "blocking=true", json!({"text": "a"})).await;
    let id = reply.json()["activationId"].as_str().unwrap().to_owned();
    let mut response = follow(&cluster, &id, "*/*").await;
    assert_eq!(lines(&mut response, 9).await, stored(&cluster, &id).await);
}

#[tokio::test(start_paused = true)]
async fn seq_14_parts_of_a_sequence_come_as_they_end() {
    let parameters = json!({"parameters": [{"key": "text", "value": "part"}]});
    let (cluster, free) = cluster(ClusterConfig::default(), parameters).await;
    let sequence = json!({"exec": {"kind": "sequence", "components": ["/_/hello", "/_/hello"]}});
    let path = "/api/v1/namespaces/_/actions/two";
    let made = cluster.request(Method::PUT, path, sequence.to_string()).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    let reply = cluster.invoke("two", "", json!({})).await;
    let id = reply.json()["activationId"].as_str().unwrap().to_owned();
    let mut response = follow(&cluster, &id, "*/*").await;
    assert_eq!(response.status(), StatusCode::OK);
    free.add_permits(1);
    // The second part waits for a permit, so this came while the sequence was on its way.
    let first = lines(&mut response, 1).await;
    let record = format!("/api/v1/namespaces/_/activations/{id}");
    assert_eq!(cluster.request(Method::GET, &record, "").await.status, StatusCode::NOT_FOUND);
    free.add_permits(1);
    let rest = lines(&mut response, 9).await;
    assert_eq!((first.len(), rest.len()), (1, 1));
    assert_eq!([first, rest].concat(), stored(&cluster, &id).await);
}

#[tokio::test(start_paused = true)]
async fn who_follows_what_is_queued_waits_and_hears_nothing_of_others() {
    let config = ClusterConfig { namespace_containers: Some(1), ..ClusterConfig::default() };
    let (cluster, free) = cluster(config, json!({})).await;
    let first = start(&cluster, json!({"text": "first"})).await;
    let second = start(&cluster, json!({"text": "second"})).await;
    let mut of_first = follow(&cluster, &first, "*/*").await;
    let mut of_second = follow(&cluster, &second, "*/*").await;
    assert_eq!(texts(&lines(&mut of_first, 1).await), ["stdout: first 0"]);
    assert_eq!(cluster.factory.made()[0].runs(), 1, "the other waits");
    free.add_permits(1);
    assert_eq!(texts(&lines(&mut of_second, 1).await), ["stdout: second 0"]);
    free.add_permits(1);
    assert_eq!(texts(&lines(&mut of_first, 9).await), ["stderr: first again"]);
    assert_eq!(texts(&lines(&mut of_second, 9).await), ["stderr: second again"]);
}

#[tokio::test(start_paused = true)]
async fn log_08_an_action_without_logs_has_none_to_follow() {
    let (cluster, free) = cluster(ClusterConfig::default(), json!({"limits": {"logs": 0}})).await;
    let id = start(&cluster, json!({"text": "a"})).await;
    let mut response = follow(&cluster, &id, "*/*").await;
    let early = tokio::time::timeout(Duration::from_secs(10), response.frame()).await;
    assert!(early.is_err(), "{early:?}");
    free.add_permits(1);
    assert_eq!(next(&mut response).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_loses_nothing() {
    let (cluster, free) = cluster(ClusterConfig::default(), json!({})).await;
    let id = start(&cluster, json!({"text": "x".repeat(100), "times": 5000})).await;
    let mut response = follow(&cluster, &id, "*/*").await;
    let mut seen = lines(&mut response, 1).await;
    assert!(seen.len() < 1000, "no more than a part is on its way at a time");
    tokio::time::sleep(Duration::from_secs(10)).await;
    free.add_permits(1);
    tokio::time::sleep(Duration::from_secs(10)).await;
    seen.extend(lines(&mut response, 10_000).await);
    assert_eq!(seen.len(), 5001);
    assert_eq!(seen, stored(&cluster, &id).await);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_or_cannot_follow_is_told_so() {
    let (cluster, free) = cluster(ClusterConfig::default(), json!({})).await;
    let id = start(&cluster, json!({"text": "a"})).await;
    let status = async |path: &str, accept: &str| cluster.open(Method::GET, path, accept, "").await.status();
    let mine = format!("/api/v1/namespaces/_/activations/{id}/logs");
    let unknown = format!("/api/v1/namespaces/_/activations/{}/logs?follow=true", "0".repeat(32));
    assert_eq!(status(&unknown, "*/*").await, StatusCode::NOT_FOUND);
    let others = format!("/api/v1/namespaces/whisk.system/activations/{id}/logs?follow=true");
    assert_eq!(status(&others, "*/*").await, StatusCode::FORBIDDEN);
    assert_eq!(status(&format!("{mine}?follow=maybe"), "*/*").await, StatusCode::BAD_REQUEST);
    assert_eq!(status(&mine, "text/event-stream").await, StatusCode::NOT_ACCEPTABLE, "ERR-10");

    let mut followers = Vec::new();
    while followers.len() < 256 {
        followers.push(follow(&cluster, &id, "*/*").await);
    }
    assert!(followers.iter().all(|response| response.status() == StatusCode::OK));
    assert_eq!(follow(&cluster, &id, "*/*").await.status(), StatusCode::TOO_MANY_REQUESTS);
    drop(followers);
    let room = async {
        while follow(&cluster, &id, "*/*").await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), room).await.expect("who has gone makes room");
    free.add_permits(1);
}
