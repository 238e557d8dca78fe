//! The balancer that pushes activations at invokers: memory, overload and supervision, from the request to the answer.

use crate::kit::{Kit, Script, eventually, until};
use base::shutdown::{Phase, Shutdown};
use controller::{Config, Metrics};
use rpc::{ActivationMessage, InvokerCapacity, Outcome, Refusal};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use types::{InvokerId, StatusCode};

const TEST_ACTION: &str = "whisk.system/invokerHealthTestAction0";

/// A controller that pushes, with what runs beside it.
struct Running {
    kit: Kit,
    shutdown: Shutdown,
}

impl Running {
    async fn new(memories: &[u64]) -> Running {
        let metrics = Some(Metrics { most_actions: 10, open: true });
        let kit = Kit::sharding(Config { metrics, ..Config::default() }, memories).await;
        kit.action("guest/a", "").await;
        let running = Running { kit, shutdown: Shutdown::new() };
        running.announce(true);
        let (controller, stop) = (running.kit.controller.clone(), running.shutdown.watch());
        base::task::spawn("controller", base::task::OnPanic::Log, async move { controller.run(stop).await });
        running
    }

    /// All invokers say how they stand.
    fn announce(&self, up: bool) {
        let invoker = InvokerId(0);
        *self.kit.roles.invokers.lock() = vec![InvokerCapacity {
            invoker,
            up,
            memory: 256,
            free: 256,
            unused: 256,
            orders: 0,
            tags: Vec::new(),
        }];
    }

    async fn invokers(&self) -> Value {
        self.kit.request("GET", "/invokers").anonymous().send().await.json
    }

    async fn has_become(&self, state: &str) {
        let there = async || (self.invokers().await == json!({"invoker0": state})).then_some(());
        until(&format!("that the invoker is {state}"), 4000, there).await;
    }

    async fn overloads(&self) -> Option<String> {
        let page = self.kit.request("GET", "/metrics").anonymous().send().await.text;
        let line = page.lines().find(|line| line.starts_with("oxiwhisk_controller_overloads_total "))?;
        line.split(' ').nth(1).map(str::to_owned)
    }

    /// The tests that invokers were given.
    fn tests(&self) -> Vec<Arc<ActivationMessage>> {
        let mut all = self.kit.scheduler.submitted();
        all.retain(|message| message.action.name.to_string() == TEST_ACTION);
        all
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.advance(Phase::Stopped);
    }
}

#[tokio::test(start_paused = true)]
async fn d1_memory_is_held_from_the_request_to_the_end_however_it_ends() {
    let running = Running::new(&[256]).await;
    let kit = &running.kit;
    kit.scheduler.will(Script::Silence);
    let ends = [
        |kit: &Kit, message: &ActivationMessage| kit.scheduler.finish(message, StatusCode::Success, "{}"),
        |kit: &Kit, message: &ActivationMessage| {
            kit.scheduler.finish(message, StatusCode::ApplicationError, "{}");
        },
        |kit: &Kit, message: &ActivationMessage| {
            let outcome = Outcome::Expired { status: StatusCode::WhiskError, error: "late".to_owned() };
            kit.scheduler.ack(message.activation_id, outcome);
        },
    ];
    for end in ends {
        assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
        assert_eq!(running.overloads().await.as_deref(), Some("0"), "there was room");
        let message = kit.scheduler.last();
        end(kit, &message);
        end(kit, &message);
    }
    kit.scheduler.will(Script::Refuse(Refusal::QueueFull));
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 429);
    kit.scheduler.will(Script::Silence);
    for overloads in ["0", "1", "2"] {
        assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
        assert_eq!(running.overloads().await.as_deref(), Some(overloads));
    }
    assert_eq!(running.invokers().await, json!({"invoker0": "up"}));
    assert!(running.tests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn d2_platform_errors_take_the_work_from_an_invoker_and_a_test_gives_it_back() {
    let running = Running::new(&[1024]).await;
    let kit = &running.kit;
    kit.scheduler.will_each(TEST_ACTION, &[Script::Silence]);
    kit.scheduler.will(Script::Drop(StatusCode::WhiskError, "no container"));
    kit.post("/actions/a?blocking=true", "{}").await;
    running.has_become("unhealthy").await;
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 503);
    eventually("it is tested", || !running.tests().is_empty()).await;
    let test = running.tests()[0].clone();
    assert_eq!((test.action.limits.memory, &*test.action.kind), (128, "nodejs:20"));
    kit.scheduler.will(Script::Finish(StatusCode::Success, "{}"));
    let outcome = Outcome::Finished(Arc::new(kit.scheduler.record(&test, StatusCode::Success, "{}")));
    kit.scheduler.ack(test.activation_id, outcome);
    running.has_become("up").await;
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 200);
    assert_eq!(running.tests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn d2_an_invoker_that_never_answers_is_unresponsive() {
    let running = Running::new(&[1024]).await;
    let kit = &running.kit;
    kit.scheduler.will(Script::Silence);
    assert_eq!(kit.post("/actions/a", "{}").await.status, 202);
    let message = kit.scheduler.last();
    kit.clock.advance(Duration::from_secs(200));
    // It pings all the same, and what waits for ever is given up.
    running.has_become("unresponsive").await;
    let record = kit.get(&format!("/activations/{}", message.activation_id)).await;
    assert_eq!(record.json["response"]["status"], "whisk internal error");
    // A test that is not taken is no end of the tests.
    eventually("it is tested", || !running.tests().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn d2_an_invoker_that_takes_nothing_is_down_and_then_tested() {
    let running = Running::new(&[1024]).await;
    let kit = &running.kit;
    running.announce(false);
    running.has_become("down").await;
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 503);
    running.announce(true);
    running.has_become("up").await;
    assert_eq!(running.tests().len(), 1);
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 200);
    // The refusal of its feed is heard before its ping.
    kit.scheduler.will(Script::Refuse(Refusal::NoInvokers));
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 503);
    assert_eq!(running.invokers().await, json!({"invoker0": "down"}));
}
