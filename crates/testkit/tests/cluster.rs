//! The roles in one process under paused time: from the request to the record.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use container::fake::{Echo, Reaction, Script};
use container::{Answer, ContainerSpec, InitRequest, LogStream, RunRequest};
use http::{Method, StatusCode};
use oxiwhisk_testkit::{Cluster, ClusterConfig, Reply};
use rpc::SchedulerOperations;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

async fn cluster(script: impl Script) -> Cluster {
    let cluster = Cluster::start(ClusterConfig::default(), script).await;
    assert_eq!(cluster.put_action("hello", json!({})).await.status, StatusCode::OK);
    cluster
}

/// The record of an activation, once it is there (INV-18).
async fn record(cluster: &Cluster, id: &str) -> Value {
    let path = format!("/api/v1/namespaces/_/activations/{id}");
    let found = async {
        loop {
            let reply = cluster.request(Method::GET, &path, "").await;
            if reply.status == StatusCode::OK {
                return reply.json();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(600), found).await.expect("the record comes")
}

fn id(reply: &Reply) -> String {
    reply.json()["activationId"].as_str().expect("an activation id").to_owned()
}

fn annotation(record: &Value, key: &str) -> Value {
    let annotations = record["annotations"].as_array().expect("annotations");
    annotations.iter().find(|a| a["key"] == key).map_or(Value::Null, |a| a["value"].clone())
}

#[tokio::test(start_paused = true)]
async fn inv_05_a_blocking_call_answers_with_the_record() {
    let cluster = cluster(Echo).await;
    let reply = cluster.invoke("hello", "blocking=true", json!({"n": 1})).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let answer = reply.json();
    assert_eq!(answer["response"]["result"], json!({"n": 1}));
    assert_eq!(answer["response"]["status"], "success");
    assert_eq!(annotation(&answer, "path"), "guest/hello");
    let stored = record(&cluster, &id(&reply)).await;
    assert_eq!(stored["response"], answer["response"]);
}

#[tokio::test(start_paused = true)]
async fn pool_05_only_the_first_activation_of_a_container_has_an_init_time() {
    let cluster = cluster(Echo).await;
    let cold = cluster.invoke("hello", "blocking=true", json!({})).await.json();
    let warm = cluster.invoke("hello", "blocking=true", json!({})).await.json();
    assert!(annotation(&cold, "initTime").is_u64());
    assert!(annotation(&warm, "initTime").is_null());
    assert_eq!(cluster.factory.made().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn pool_01_an_update_is_run_by_a_new_container() {
    let cluster = cluster(Echo).await;
    cluster.invoke("hello", "blocking=true", json!({})).await;
    cluster.put_action("hello", json!({})).await;
    let reply = cluster.invoke("hello", "blocking=true", json!({})).await;
    assert_eq!(reply.json()["version"], "0.0.2");
    assert_eq!(cluster.factory.made().len(), 2);
    let outdated = cluster.factory.made()[0].clone();
    tokio::time::timeout(Duration::from_secs(60), async {
        while !outdated.is_destroyed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the container of the old revision goes");
}

#[tokio::test(start_paused = true)]
async fn pool_03_an_idle_container_is_paused_and_then_removed() {
    let cluster = cluster(Echo).await;
    cluster.invoke("hello", "blocking=true", json!({})).await;
    let container = cluster.factory.made()[0].clone();
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(container.is_paused());
    let reply = cluster.invoke("hello", "blocking=true", json!({})).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(annotation(&reply.json(), "initTime").is_null(), "it was resumed, not made anew");
    tokio::time::sleep(Duration::from_secs(700)).await;
    assert!(container.is_destroyed());
    assert_eq!(cluster.invoker.containers(), 0);
    assert!(cluster.scheduler.queues().is_empty(), "a queue without work retires");
}

/// Runs take a second.
#[derive(Debug)]
struct Slow;

impl Script for Slow {
    fn run(&self, _: &ContainerSpec, request: &RunRequest) -> Reaction {
        Reaction::reply(true, request.value.get()).after(Duration::from_secs(1))
    }
}

#[tokio::test(start_paused = true)]
async fn inv_04_a_non_blocking_call_answers_at_once_and_leaves_a_record() {
    let cluster = cluster(Slow).await;
    let reply = cluster.invoke("hello", "", json!({"n": 2})).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED);
    let record = record(&cluster, &id(&reply)).await;
    assert_eq!(record["response"]["result"], json!({"n": 2}));
    assert_eq!(record["duration"], json!(1000));
}

#[tokio::test(start_paused = true)]
async fn inv_07_a_blocking_call_that_takes_too_long_answers_202_and_runs_on() {
    let cluster = cluster(Slow).await;
    let reply = cluster.invoke("hello", "blocking=true&timeout=100", json!({})).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED);
    assert_eq!(record(&cluster, &id(&reply)).await["response"]["success"], true);
}

#[tokio::test(start_paused = true)]
async fn activations_that_wait_get_containers_of_their_own_up_to_the_memory() {
    let config = ClusterConfig::default();
    let room = usize::try_from(config.pool.memory / 256).unwrap();
    let cluster = Arc::new(Cluster::start(config, Slow).await);
    cluster.put_action("hello", json!({})).await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let cluster = cluster.clone();
            async move { cluster.invoke("hello", "blocking=true", json!({})).await.status }
        })
        .collect();
    let statuses = join_all(calls).await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK), "{statuses:?}");
    assert_eq!(cluster.factory.made().len(), room);
}

#[tokio::test(start_paused = true)]
async fn thr_03_a_namespace_never_has_more_containers_than_its_limit() {
    let config = ClusterConfig { namespace_containers: Some(2), ..ClusterConfig::default() };
    let cluster = Arc::new(Cluster::start(config, Slow).await);
    for name in ["a", "b"] {
        cluster.put_action(name, json!({})).await;
    }
    let calls: Vec<_> = (0..12)
        .map(|n| {
            let cluster = cluster.clone();
            let name = if n % 2 == 0 { "a" } else { "b" };
            async move { cluster.invoke(name, "blocking=true", json!({})).await.status }
        })
        .collect();
    assert!(join_all(calls).await.iter().all(|status| *status == StatusCode::OK));
    let most = cluster.factory.made().len();
    assert_eq!(most, 2, "one container for each action");
}

/// What each kind of run does is chosen by its arguments.
#[derive(Debug)]
struct Chosen;

impl Script for Chosen {
    fn init(&self, _: &ContainerSpec, request: &InitRequest) -> Reaction {
        match request.code.as_deref() {
            Some(code) if code.starts_with(b"broken") => Reaction::reply(false, r#"{"error":"syntax"}"#),
            _ => Reaction::reply(true, "{}"),
        }
    }

    fn run(&self, _: &ContainerSpec, request: &RunRequest) -> Reaction {
        let value: Value = serde_json::from_str(request.value.get()).unwrap();
        match value["do"].as_str() {
            Some("exit") => Reaction::exits(),
            Some("hang") => Reaction::hangs(),
            Some("eat") => Reaction::of(Answer::OutOfMemory),
            Some("fail") => Reaction::reply(true, r#"{"error":"no","more":1}"#).log(LogStream::Stdout, "hm"),
            _ => Reaction::reply(true, "{}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cls_20_broken_containers_go_and_others_stay() {
    let cluster = cluster(Chosen).await;
    cluster.put_action("hello", json!({"limits": {"timeout": 1000}})).await;
    let run = async |what: &str| cluster.invoke("hello", "blocking=true", json!({"do": what})).await;
    let error = |reply: &Reply| reply.json()["response"]["result"]["error"].clone();

    let failed = run("fail").await;
    assert_eq!(failed.status, StatusCode::BAD_GATEWAY);
    assert_eq!(failed.json()["response"]["result"], json!({"error": "no"}));
    run("nothing").await;
    assert_eq!(cluster.factory.made().len(), 1, "an application error keeps the container");

    let exited = run("exit").await;
    assert_eq!(exited.status, StatusCode::BAD_GATEWAY);
    assert_eq!(error(&exited), "The action did not produce a valid response and exited unexpectedly.");
    let eaten = run("eat").await;
    assert_eq!(error(&eaten), "The action exhausted its memory and was aborted.");
    let hung = run("hang").await;
    assert_eq!(hung.status, StatusCode::BAD_GATEWAY);
    assert_eq!(error(&hung), "The action exceeded its time limits of 1000 milliseconds.");
    let record = record(&cluster, &id(&hung)).await;
    assert_eq!(annotation(&record, "timeout"), true);
    assert_eq!(cluster.factory.made().len(), 3, "each of those three took its container with it");
    assert!(cluster.factory.living().is_empty());

    let code = json!({"exec": {"kind": "nodejs:20", "code": "broken"}});
    cluster.put_action("hello", code).await;
    let broken = run("nothing").await;
    assert_eq!(error(&broken), "syntax");
}

/// Containers cannot be made for a while.
#[derive(Debug)]
struct Unlucky(Arc<AtomicBool>);

impl Script for Unlucky {
    fn create(&self, _: &ContainerSpec) -> (Duration, Result<(), container::CreateError>) {
        let failure = || container::CreateError::Platform {
            action: "test".to_owned(),
            source: std::io::Error::other("scripted"),
        };
        let outcome = if self.0.load(Ordering::SeqCst) { Err(failure()) } else { Ok(()) };
        (Duration::from_millis(10), outcome)
    }
}

#[tokio::test(start_paused = true)]
async fn creation_is_tried_again_until_it_works() {
    let broken = Arc::new(AtomicBool::new(true));
    let cluster = Arc::new(cluster(Unlucky(broken.clone())).await);
    let call = {
        let cluster = cluster.clone();
        async move { cluster.invoke("hello", "blocking=true", json!({})).await }
    };
    let repair = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        broken.store(false, Ordering::SeqCst);
    };
    let (reply, ()) = tokio::join!(call, repair);
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_container_that_dies_is_not_counted_on() {
    let cluster = cluster(Echo).await;
    cluster.invoke("hello", "blocking=true", json!({})).await;
    cluster.factory.made()[0].crash();
    let reply = cluster.invoke("hello", "blocking=true", json!({})).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(cluster.factory.made().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn cls_15_an_action_that_was_deleted_while_queued_says_so() {
    let broken = Arc::new(AtomicBool::new(true));
    let cluster = cluster(Unlucky(broken.clone())).await;
    let accepted = cluster.invoke("hello", "", json!({})).await;
    let deleted = cluster.request(Method::DELETE, "/api/v1/namespaces/_/actions/hello", "").await;
    assert_eq!(deleted.status, StatusCode::OK);
    broken.store(false, Ordering::SeqCst);
    let record = record(&cluster, &id(&accepted)).await;
    let expected = "Action could not be found or may have been deleted.";
    assert_eq!(record["response"]["result"]["error"], expected);
}

#[tokio::test(start_paused = true)]
async fn draining_ends_what_was_accepted_and_removes_every_container() {
    let cluster = Arc::new(cluster(Slow).await);
    let accepted = cluster.invoke("hello", "", json!({})).await;
    cluster.controller.drain().await;
    cluster.invoker.drain().await;
    assert_eq!(record(&cluster, &id(&accepted)).await["response"]["success"], true);
    assert!(cluster.factory.living().is_empty());
    let refused = cluster.invoke("hello", "", json!({})).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
}

async fn join_all<F>(calls: Vec<F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let mut set = tokio::task::JoinSet::new();
    for call in calls {
        set.spawn(call);
    }
    set.join_all().await
}

/// Runs with `{"do":"wait"}` wait for one with `{"do":"release"}`, which lets one go on for each of its `runs`.
#[derive(Debug)]
struct Meeting(Arc<Semaphore>);

impl Script for Meeting {
    fn run(&self, _: &ContainerSpec, request: &RunRequest) -> Reaction {
        let value: Value = serde_json::from_str(request.value.get()).unwrap();
        let text = value["text"].as_str().unwrap_or_default();
        match value["do"].as_str() {
            Some("wait") => Reaction::reply(true, "{}")
                .log_first(LogStream::Stdout, text)
                .with_permit(self.0.clone())
                .log(LogStream::Stdout, &format!("{text} again")),
            Some("release") => {
                self.0.add_permits(usize::try_from(value["runs"].as_u64().unwrap()).unwrap());
                Reaction::reply(true, "{}")
            }
            Some("exit") => Reaction::exits(),
            _ => Reaction::reply(true, "{}"),
        }
    }
}

/// A cluster whose actions may ask for four runs at a time, and one that does, with a warm container.
async fn overlapping(action: Value) -> (Arc<Cluster>, Arc<Semaphore>) {
    let mut config = ClusterConfig::default();
    config.limits.concurrency.max = 4;
    let free = Arc::new(Semaphore::new(0));
    let cluster = Arc::new(Cluster::start(config, Meeting(free.clone())).await);
    let put = cluster.put_action("meet", action).await;
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    assert_eq!(put.json()["limits"]["concurrency"], 4, "LIM-04");
    assert_eq!(cluster.invoke("meet", "blocking=true", json!({})).await.status, StatusCode::OK);
    (cluster, free)
}

async fn meet(cluster: &Cluster, arguments: Value) -> Reply {
    cluster.invoke("meet", "blocking=true", arguments).await
}

#[tokio::test(start_paused = true)]
async fn run_16_log_10_one_container_runs_as_many_as_its_limit_and_keeps_their_lines_apart() {
    let (cluster, _) = overlapping(json!({"limits": {"concurrency": 4}})).await;
    let wait = |text: &str| meet(&cluster, json!({"do": "wait", "text": text}));
    let release = meet(&cluster, json!({"do": "release", "runs": 3}));
    let (a, b, c, released) = tokio::join!(wait("a"), wait("b"), wait("c"), release);
    assert_eq!(released.status, StatusCode::OK, "{released:?}");
    assert_eq!(cluster.factory.made().len(), 1, "they ran side by side in the container that was there");
    for (reply, text) in [(a, "a"), (b, "b"), (c, "c")] {
        let record = record(&cluster, &id(&reply)).await;
        assert!(annotation(&record, "initTime").is_null(), "POOL-05");
        let lines = record["logs"].as_array().unwrap().iter();
        let lines: Vec<&str> = lines.map(|line| &line.as_str().unwrap()[39..]).collect();
        assert_eq!(lines, [text.to_owned(), format!("{text} again")]);
    }
}

#[tokio::test(start_paused = true)]
async fn run_16_a_kind_that_cannot_runs_one_at_a_time_whatever_its_limit() {
    let python = json!({"exec": {"kind": "python:3.11", "code": "x"}, "limits": {"concurrency": 4}});
    let (cluster, _) = overlapping(python).await;
    let wait = meet(&cluster, json!({"do": "wait", "text": "a"}));
    let release = meet(&cluster, json!({"do": "release", "runs": 1}));
    // A fake container fails the test when it is given more than it was made for.
    let (waited, released) = tokio::join!(wait, release);
    assert_eq!((waited.status, released.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(cluster.factory.made().len(), 2, "the other ran elsewhere");
}

#[tokio::test(start_paused = true)]
async fn cls_09_cls_10_a_failure_in_a_shared_container_ends_every_run_with_a_record() {
    let limits = json!({"limits": {"concurrency": 4, "timeout": 1000}});
    for (what, text) in [
        ("exit", "The action did not produce a valid response and exited unexpectedly."),
        ("wait", "The action exceeded its time limits of 1000 milliseconds."),
    ] {
        let (cluster, _) = overlapping(limits.clone()).await;
        let other = || meet(&cluster, json!({"do": "wait", "text": "other"}));
        let (a, b, c) = tokio::join!(other(), other(), meet(&cluster, json!({"do": what, "text": "c"})));
        for reply in [a, b, c] {
            let record = record(&cluster, &id(&reply)).await;
            assert_eq!(record["response"]["result"]["error"], text);
        }
        assert!(cluster.factory.made()[0].is_destroyed(), "CLS-20");
        assert_eq!(meet(&cluster, json!({})).await.status, StatusCode::OK, "the next gets another container");
    }
}

/// Takes 900 ms to load code and to run it; answers what it is told to.
#[derive(Debug)]
struct Told;

impl Script for Told {
    fn init(&self, _: &ContainerSpec, request: &InitRequest) -> Reaction {
        let ok = request.code.as_deref().is_none_or(|code| !code.starts_with(b"broken"));
        Reaction::reply(ok, "whatever it says").after(Duration::from_millis(900))
    }

    fn run(&self, _: &ContainerSpec, request: &RunRequest) -> Reaction {
        let value: Value = serde_json::from_str(request.value.get()).unwrap();
        let (ok, body) = (value["ok"] == true, value["body"].as_str().unwrap());
        Reaction::reply(ok, body).after(Duration::from_millis(900)).log(LogStream::Stdout, "a line")
    }
}

#[tokio::test(start_paused = true)]
async fn log_08_run_13_run_14_run_15_init_and_run_have_the_whole_time_limit_each() {
    let cluster = cluster(Told).await;
    cluster.put_action("hello", json!({"limits": {"timeout": 1000, "logs": 0}})).await;
    for (ok, body, status) in [
        (true, r#"{"a":1}"#, "success"),
        (true, "[1]", "success"),
        (true, "7", "action developer error"),
        (true, "no JSON", "action developer error"),
        (false, "[1]", "action developer error"),
    ] {
        let reply = cluster.invoke("hello", "blocking=true", json!({"ok": ok, "body": body})).await;
        // Of an array the record is not the answer.
        let id = reply.headers["x-openwhisk-activation-id"].to_str().unwrap();
        let record = record(&cluster, id).await;
        assert_eq!(record["response"]["status"], status, "{ok} {body}: {record}");
        assert_eq!(record["logs"], json!([]), "LOG-08");
    }
}
