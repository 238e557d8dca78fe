//! Whole ways through the roles, joined as in standalone, with stores in memory and scripted containers.

use super::request::authorization;
use super::{LARGE, RUN, runtime};
use crate::counted::Counted;
use base::clock::TestClock;
use base::shutdown::Shutdown;
use bytes::Bytes;
use container::fake::Echo;
use futures_util::stream;
use http::{Method, Request};
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
use testkit::{Cluster, ClusterConfig};
use types::{
    ActivationId, ContainerId, EntityName, FullyQualifiedName, InvokerId, QueueKey, Revision, SchedulerId,
};

/// A blocking invocation of a warm action through the REST API: request, queue, container, record, answer.
pub(super) fn invoke(counted: &mut Counted) {
    // As long each time.
    let payload = |number: usize| format!(r#"{{"image": "cat.png", "number": {}}}"#, 100_000 + number);
    let requests = (0..600).map(payload).map(|text| invocation(text.len(), Full::new(Bytes::from(text))));
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
    let requests = (0..120).map(|_| invocation(payload.len(), StreamBody::new(stream::iter(pieces()))));
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

fn invocation<B>(length: usize, body: B) -> Request<B> {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/namespaces/_/actions/resize?blocking=true")
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
