//! Whole ways through the roles, joined as in standalone, with stores in memory and scripted containers.

use super::request::authorization;
use super::{LARGE, RUN, runtime};
use crate::counted::Counted;
use base::clock::TestClock;
use base::shutdown::Shutdown;
use bytes::Bytes;
use container::fake::Echo;
use futures_util::stream;
use http::{Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use parking_lot::Mutex;
use rpc::{
    ActivationMessage, Epoch, InvokerCapacity, InvokerLink, LocalDirectory, Order, Report, ReportKind,
    SchedulerLink,
};
use scheduler::Scheduler;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use store::ActivationQuery;
use testkit::{Cluster, ClusterConfig};
use types::{
    ActivationId, ContainerId, EntityName, FullyQualifiedName, InvokerId, QueueKey, Revision, SchedulerId,
};

/// How many rules a trigger has.
const RULES: usize = 10;

/// A blocking invocation of a warm action through the REST API: request, queue, container, record, answer.
pub(super) fn invoke(counted: &mut Counted) {
    let requests = (0..600).map(|number| numbered("actions/resize?blocking=true", number));
    invoke_all(
        counted,
        json!([{"key": "region", "value": "us"}]),
        requests.collect(),
        100,
        |number, result| {
            let expected = json!({"image": "cat.png", "number": 100_000 + number, "region": "us"});
            assert_eq!(result, expected, "the function answers with its arguments");
        },
    );
}

/// The same with a great payload, which comes in the pieces that a connection reads.
pub(super) fn invoke_large(counted: &mut Counted) {
    const PIECE: usize = 64 << 10;
    let payload = Bytes::from(format!(r#"{{"data":"{}"}}"#, "x".repeat(LARGE)));
    let pieces = || {
        let starts = (0..payload.len()).step_by(PIECE);
        let pieces = starts.map(|start| payload.slice(start..payload.len().min(start + PIECE)));
        pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece))).collect::<Vec<_>>()
    };
    let requests = (0..120).map(|_| {
        post("actions/resize?blocking=true", payload.len(), StreamBody::new(stream::iter(pieces())))
    });
    invoke_all(counted, json!([]), requests.collect(), 20, |_, result| {
        assert_eq!(
            result["data"].as_str().map(str::len),
            Some(LARGE),
            "the function answers with its arguments"
        );
    });
}

/// Sends the requests, the first `warm` of them uncounted; `check` looks at the result of each.
fn invoke_all<B>(
    counted: &mut Counted,
    parameters: Value,
    mut requests: Vec<Request<B>>,
    warm: usize,
    check: impl Fn(usize, Value),
) where
    B: http_body::Body,
{
    let runtime = runtime();
    let cluster = runtime.block_on(Cluster::start(ClusterConfig::default(), Echo));
    let put = runtime.block_on(cluster.put_action("resize", json!({ "parameters": parameters })));
    assert!(put.status.is_success(), "{put:?}");
    let mut bodies = Vec::with_capacity(requests.len());
    let mut go = |operations| {
        runtime.block_on(async {
            for request in requests.drain(..operations) {
                let response = cluster.controller.handle(request).await;
                bodies.push(response.into_body().collect().await);
            }
        });
        requests.len()
    };
    let operations = go(warm);
    counted.count(operations as u64, || assert_eq!(go(operations), 0, "all are sent"));
    for (number, body) in bodies.into_iter().enumerate() {
        let body = body.expect("the whole body is there").to_bytes();
        let mut record: Value = serde_json::from_slice(&body).expect("a record");
        check(number, record["response"]["result"].take());
    }
    assert_eq!(cluster.factory.made().len(), 1, "one container serves all");
}

/// An invocation that nobody waits for, of ten warm actions in turn: request, intent, queue, scripted container, record.
pub(super) fn detached(counted: &mut Counted) {
    accepted(counted, 1, 1, |number| numbered(&format!("actions/part{}", number % RULES), number));
}

/// A tenth of a fire of a trigger with ten rules, each with a warm action of its own: request, intent, ten invocations as
/// above, and the record of the fire.
pub(super) fn fire(counted: &mut Counted) {
    accepted(counted, RULES as u64, 1 + RULES as u64, |number| numbered("triggers/upload", number));
}

/// What is accepted and then goes on, each time until so many records of it are kept; one request is so many operations.
fn accepted(
    counted: &mut Counted,
    operations: u64,
    records: u64,
    request: impl Fn(usize) -> Request<Full<Bytes>>,
) {
    const WARM: usize = 100;
    const OPERATIONS: usize = 500;
    /// More than any operation takes that is warm.
    const STEPS: u64 = 100;
    let runtime = runtime();
    // Room for a container of each action.
    let pool = engine::pool::Config { memory: 256 * RULES as u64, ..engine::pool::Config::default() };
    let config = ClusterConfig { pool, ..ClusterConfig::default() };
    let cluster = runtime.block_on(Cluster::start(config, Echo));
    runtime.block_on(rules(&cluster));
    let mut requests: Vec<_> = (0..WARM + OPERATIONS).map(request).collect();
    let mut answers = Vec::with_capacity(WARM + OPERATIONS);
    let (namespace, name, since, upto) = ("guest".to_owned(), None, None, None);
    let all = ActivationQuery { namespace, name, since, upto, skip: 0, limit: 0 };
    let kept = async || cluster.activations.count(&all).await.expect("the store is in memory");
    let mut expected = runtime.block_on(kept());
    let mut go = |operations| {
        runtime.block_on(async {
            for request in requests.drain(..operations) {
                answers.push(cluster.controller.handle(request).await.status());
                expected += records;
                let mut steps = 0;
                while kept().await < expected {
                    steps += 1;
                    assert!(steps < 2 * STEPS, "records are missing: {:?}", answers.last());
                    match steps {
                        ..STEPS => tokio::task::yield_now().await,
                        // So that the clock goes on: a container is still to be made or resumed.
                        _ => tokio::time::sleep(Duration::from_millis(1)).await,
                    }
                }
            }
        });
    };
    go(WARM);
    counted.count(OPERATIONS as u64 * operations, || go(OPERATIONS));
    assert!(answers.iter().all(|answer| *answer == StatusCode::ACCEPTED), "{answers:?}");
    assert_eq!(cluster.factory.made().len(), RULES, "each action has one container");
}

/// Makes a trigger, and rules that lead from it to warm actions.
async fn rules(cluster: &Cluster) {
    let put = async |path: String, body: serde_json::Value| {
        let path = format!("/api/v1/namespaces/_/{path}");
        let reply = cluster.request(Method::PUT, &path, body.to_string()).await;
        assert!(reply.status.is_success(), "{reply:?}");
    };
    put("triggers/upload".to_owned(), json!({})).await;
    for number in 0..RULES {
        let action = format!("part{number}");
        let made = cluster.put_action(&action, json!({})).await;
        assert!(made.status.is_success(), "{made:?}");
        put(format!("rules/rule{number}"), json!({"trigger": "/_/upload", "action": format!("/_/{action}")}))
            .await;
        let warmed = cluster.invoke(&action, "blocking=true", json!({})).await;
        assert_eq!(warmed.status, StatusCode::OK, "{warmed:?}");
    }
}

fn numbered(path: &str, number: usize) -> Request<Full<Bytes>> {
    // As long each time.
    let payload = format!(r#"{{"image": "cat.png", "number": {}}}"#, 100_000 + number);
    post(path, payload.len(), Full::new(Bytes::from(payload)))
}

fn post<B>(path: &str, length: usize, body: B) -> Request<B> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/api/v1/namespaces/_/{path}"))
        .header("host", "api.example.org")
        .header("authorization", authorization())
        .header("content-type", "application/json")
        .header("accept", "*/*")
        .header("content-length", length)
        .body(body);
    request.expect("a request")
}

/// An invoker that only notes what it is told.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<Order>>);

impl InvokerLink for Notes {
    fn order(&self, _from: SchedulerId, order: Order) {
        self.0.lock().push(order);
    }
}

/// Seven hundred actions in turn, each with a queue and a warm container of its own: the scheduler is handed an activation,
/// dispatches it, and hears that it started and finished.
pub(super) fn queues(counted: &mut Counted) {
    // With a thousand, it is left to chance whether the map of queues has grown once more, and lookups take less then.
    const QUEUES: u64 = 700;
    const OPERATIONS: u64 = 2 * QUEUES;
    let tokio = runtime();
    let _inside = tokio.enter();
    let (directory, shutdown, notes) = (LocalDirectory::new(), Shutdown::new(), Arc::new(Notes::default()));
    let link: Arc<dyn InvokerLink> = notes.clone();
    directory.add_invoker(InvokerId(0), &link);
    let deps = scheduler::Deps { id: SchedulerId(0), epoch: Epoch(1), clock: TestClock::new(), directory };
    let scheduler = Scheduler::new(scheduler::Config::default(), deps, shutdown.watch());
    let room = 1 << 20;
    let capacity = InvokerCapacity {
        invoker: InvokerId(0),
        up: true,
        memory: room,
        free: room,
        unused: room,
        orders: 0,
        tags: Vec::new(),
    };
    scheduler.announce(capacity);
    let keys: Vec<Arc<QueueKey>> = (0..QUEUES).map(key).collect();
    let messages = |first: u64, count: u64| -> Vec<Arc<ActivationMessage>> {
        (first..first + count).map(|id| message(&keys[(id % QUEUES) as usize], id)).collect()
    };
    let go = |messages: &[Arc<ActivationMessage>]| {
        for message in messages {
            scheduler.submit(message.clone()).expect("it is taken");
            serve(&scheduler, &notes);
        }
    };
    // The first makes the queues and containers.
    go(&messages(0, QUEUES));
    go(&messages(QUEUES, QUEUES));
    let mut orders = Vec::new();
    let counted_messages = messages(2 * QUEUES, OPERATIONS);
    counted.count(OPERATIONS, || go(&counted_messages));
    orders.append(&mut notes.0.lock());
    assert!(orders.is_empty(), "{orders:?}");
}

fn key(number: u64) -> Arc<QueueKey> {
    let namespace = EntityName::new("guest").expect("a name");
    let action = FullyQualifiedName::parse(&format!("guest/tools/action{number:04}")).expect("a name");
    Arc::new(QueueKey { namespace, action })
}

fn message(queue: &Arc<QueueKey>, id: u64) -> Arc<ActivationMessage> {
    let activation_id = ActivationId::from_bits(id.into());
    Arc::new(ActivationMessage { activation_id, queue: queue.clone(), ..ActivationMessage::for_tests() })
}

/// Carries out what the scheduler has ordered.
fn serve(scheduler: &Scheduler, notes: &Notes) {
    loop {
        let Some(order) = notes.0.lock().pop() else { return };
        let report = |queue: &Arc<QueueKey>, kind| {
            scheduler.report(InvokerId(0), Report { queue: queue.clone(), kind });
        };
        match order {
            Order::Create(create) => {
                let container = ContainerId(create.creation.0);
                let (creation, revision, took) = (create.creation, Revision(1), Duration::from_millis(5));
                report(&create.queue, ReportKind::Created { creation, container, revision, slots: 1, took });
            }
            Order::Dispatch { container, attempt, message, .. } => {
                let activation = message.activation_id;
                report(&message.queue, ReportKind::Started { container, activation, attempt });
                let end = ReportKind::Finished { container, activation, init: None, run: RUN, healthy: true };
                report(&message.queue, end);
            }
            other => panic!("{other:?} is not expected"),
        }
    }
}
