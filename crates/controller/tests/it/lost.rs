//! Nothing that was accepted is lost: crashes, clients that go, completions that do not come, a stop.

use crate::kit::{Kit, Script, eventually};
use controller::Recovered;
use rpc::Refusal;
use serde_json::json;
use std::time::Duration;
use types::StatusCode;

async fn kit() -> Kit {
    let kit = Kit::new().await;
    kit.action("guest/a", r#""parameters":[{"key":"i","value":1,"init":true}]"#).await;
    kit
}

#[tokio::test]
async fn an_id_goes_out_only_when_its_intent_is_on_the_disk() {
    let kit = kit().await;
    let permits = kit.activations.disk.forget_permits(1000);
    assert_eq!(permits, 1000);
    let call = kit.post("/actions/a", "{}");
    let check = async {
        eventually("the intent", || !kit.activations.intents.lock().is_empty()).await;
        assert!(kit.scheduler.submitted().is_empty());
        kit.activations.disk.add_permits(1);
    };
    let (answer, ()) = tokio::join!(call, check);
    assert_eq!(answer.status, 202);
    assert_eq!(kit.scheduler.submitted().len(), 1);
}

#[tokio::test]
async fn a_client_that_goes_while_the_intent_is_written_loses_nothing() {
    let kit = kit().await;
    kit.activations.disk.forget_permits(1000);
    {
        let call = kit.post("/actions/a", "{}");
        let check = eventually("the intent", || !kit.activations.intents.lock().is_empty());
        tokio::select! {
            _ = call => panic!("the disk is not ready"),
            () = check => {}
        }
    }
    let message = kit.scheduler.last();
    let record = kit.get(&format!("/activations/{}", message.activation_id)).await;
    assert_eq!(record.status, 200);
    assert!(kit.activations.intents.lock().is_empty());
}

#[tokio::test]
async fn a_client_that_goes_while_it_waits_loses_nothing() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    {
        let call = kit.post("/actions/a?blocking=true", "{}");
        let check = eventually("the submission", || !kit.scheduler.submitted().is_empty());
        tokio::select! {
            _ = call => panic!("nobody answered"),
            () = check => {}
        }
    }
    let message = kit.scheduler.last();
    let outcome = rpc::Outcome::Dropped { status: StatusCode::WhiskError, error: "dropped".to_owned() };
    kit.scheduler.ack(message.activation_id, outcome);
    let record = kit.get(&format!("/activations/{}", message.activation_id)).await;
    assert_eq!(record.json["response"]["result"], json!({"error": "dropped"}));
}

#[tokio::test]
async fn a_disk_that_fails_accepts_nothing() {
    let kit = kit().await;
    *kit.activations.broken.lock() = true;
    let answer = kit.post("/actions/a", "{}").await;
    answer.is_error(500, "There was an internal server error.");
    assert!(kit.scheduler.submitted().is_empty());
}

#[tokio::test]
async fn what_had_not_begun_is_submitted_again_under_its_own_id() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let answer = kit.post("/actions/a", r#"{"n":1.0,"i":2}"#).await;
    let before = kit.scheduler.last();
    let next = kit.restarted();
    let recovered = next.controller.recover().await;
    assert_eq!(recovered, Recovered { resubmitted: 1, ended: 0, left: 0 });
    let after = next.scheduler.last();
    assert_eq!(after.activation_id, answer.activation());
    assert_eq!(after.payload.get(), r#"{"n":1.0}"#);
    assert_eq!(after.environment.as_ref().unwrap().get(), r#"{"i":2}"#);
    assert_eq!(after.queue, before.queue);
    assert_eq!(after.caller.key, before.caller.key);
    assert_eq!((after.received, &after.transaction_id), (before.received, &before.transaction_id));
    assert!(after.journaled);
    let record = next.get(&format!("/activations/{}", answer.activation())).await;
    assert_eq!(record.status, 200);
    assert!(kit.activations.intents.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_had_begun_ends_with_a_record_that_says_so() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let answer = kit.post("/actions/a?blocking=true&timeout=5", "{}").await;
    assert_eq!(answer.status, 202);
    let next = kit.restarted();
    assert_eq!(next.controller.recover().await, Recovered { resubmitted: 0, ended: 1, left: 0 });
    assert!(next.scheduler.submitted().is_empty());
    let record = next.get(&format!("/activations/{}", answer.activation())).await;
    assert_eq!(record.json["response"]["status"], "whisk internal error");
    let text = record.json["response"]["result"]["error"].as_str().unwrap().to_owned();
    assert!(text.contains("stopped while this activation was running"), "{text}");
}

#[tokio::test]
async fn cls_15_an_action_that_was_deleted_meanwhile() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let answer = kit.post("/actions/a", "{}").await;
    kit.own("DELETE", "/actions/a").send().await;
    let next = kit.restarted();
    assert_eq!(next.controller.recover().await, Recovered { resubmitted: 0, ended: 1, left: 0 });
    let record = next.get(&format!("/activations/{}", answer.activation())).await;
    assert_eq!(record.json["response"]["status"], "application error");
    let result = json!({"error": "Action could not be found or may have been deleted."});
    assert_eq!(record.json["response"]["result"], result);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_after_a_start_is_offered_again() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    kit.post("/actions/a", "{}").await;
    let next = kit.restarted();
    next.scheduler.will(Script::Refuse(Refusal::NoInvokers));
    let later = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        next.scheduler.will(Script::Finish(StatusCode::Success, "{}"));
    };
    let (recovered, ()) = tokio::join!(next.controller.recover(), later);
    assert_eq!(recovered, Recovered { resubmitted: 1, ended: 0, left: 0 });
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_after_a_start_gets_a_record() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let answer = kit.post("/actions/a", "{}").await;
    let next = kit.restarted();
    next.scheduler.will(Script::Refuse(Refusal::NoInvokers));
    assert_eq!(next.controller.recover().await, Recovered { resubmitted: 0, ended: 1, left: 0 });
    let record = next.get(&format!("/activations/{}", answer.activation())).await;
    assert_eq!(record.json["response"]["status"], "whisk internal error");
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_never_comes_ends_in_a_record() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let answer = kit.post("/actions/a", "{}").await;
    let shutdown = base::shutdown::Shutdown::new();
    let work = kit.controller.run(shutdown.watch());
    let check = async {
        // Twice the time limit of one minute, and one more (`engine::pending`).
        kit.clock.advance(Duration::from_secs(179));
        tokio::time::sleep(Duration::from_secs(20)).await;
        let record = kit.get(&format!("/activations/{}", answer.activation())).await;
        assert_eq!(record.status, 404);
        kit.clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(20)).await;
        let record = kit.get(&format!("/activations/{}", answer.activation())).await;
        assert_eq!(record.json["response"]["status"], "whisk internal error");
        shutdown.advance(base::shutdown::Phase::Stopped);
    };
    tokio::join!(work, check);
}

#[tokio::test(start_paused = true)]
async fn draining_refuses_invocations_and_waits_for_those_under_way() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    kit.post("/actions/a", "{}").await;
    let message = kit.scheduler.last();
    let refused = async {
        tokio::task::yield_now().await;
        let answer = kit.post("/actions/a", "{}").await;
        let text = "The server is currently unavailable (because it is overloaded or down for maintenance).";
        answer.is_error(503, text);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(kit.get("/actions").await.status, 200);
        assert!(format!("{:?}", kit.controller).contains("pending: 1"));
        kit.scheduler.finish(&message, StatusCode::Success, "{}");
    };
    let drained = tokio::time::timeout(Duration::from_secs(9), kit.controller.drain());
    let (drained, ()) = tokio::join!(drained, refused);
    assert!(drained.is_ok());
}

#[tokio::test]
async fn cls_17_what_a_blocked_subject_had_accepted_is_not_run_by_the_next_process() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let id = kit.post("/actions/a", "{}").await.activation();
    kit.block(true).await;
    let next = kit.restarted();
    let recovered = next.controller.recover().await;
    assert_eq!(recovered, Recovered { ended: 1, ..Recovered::default() });
    assert!(next.scheduler.submitted().is_empty());
    next.block(false).await;
    let record = next.get(&format!("/activations/{id}")).await.json;
    assert_eq!(record["response"]["status"], "application error");
    let text = "The action was not invoked due to a blacklisted namespace.";
    assert_eq!(record["response"]["result"], json!({"error": text}));
}

#[tokio::test]
async fn cls_18_where_nothing_may_run_an_accepted_activation_says_so() {
    let kit = kit().await;
    kit.scheduler.will(Script::Silence);
    let id = kit.post("/actions/a", "{}").await.activation();
    let next = kit.restarted();
    next.scheduler.will(Script::Refuse(Refusal::NoCapacity));
    next.controller.recover().await;
    let record = next.get(&format!("/activations/{id}")).await.json;
    assert_eq!(record["response"]["status"], "action developer error");
    let text = "The namespace limit is less than or equal to 0.";
    assert_eq!(record["response"]["result"], json!({"error": text}));
}
