//! One test for each fault of upstream's that this design could repeat (`reference/scheduler.md` E1, E2, E3).

use super::*;
use crate::arbiter::{Denial, DenialReason};

#[test]
fn upstream_5228_what_waits_in_an_outdated_queue_runs_on_the_new_revision() {
    let mut bed = Bed::new();
    bed.submit(1);
    bed.submit(2);
    let mut newer = note(3);
    newer.action.revision = 2;
    bed.on(Event::Submit { message: newer });
    assert_eq!(bed.created_as(1, 1, 2), ["run 1 on 1 as 2"]);
    assert_eq!(bed.on(finished(1, 1)), ["run 2 on 1 as 2"]);
}

#[test]
fn upstream_5265_nothing_is_handed_to_a_container_that_goes() {
    for event in [gone(1), paused(1), Event::Idle { container: container(1), paused: false }] {
        let mut bed = Bed::warm(1);
        bed.on(event);
        assert_eq!(bed.submit(1), ["create 1 of 1"]);
    }
}

#[test]
fn upstream_5303_a_throttled_namespace_lets_go_of_the_queue_again() {
    let mut bed = Bed::upstream();
    bed.grants = false;
    bed.submit(1);
    let full = |used| Answer { granted: 0, denied: None, namespace: NamespaceView { limit: Some(2), used } };
    assert_eq!(bed.on(Event::Tokens(full(2))), ["drop 1: Too many concurrent requests in flight."]);
    assert_eq!(bed.submit(2), ["refuse 2: NamespaceThrottled"]);
    bed.pass(200);
    assert!(bed.submit(3).is_empty(), "the refusal has ended by itself");
    bed.on(Event::Tokens(full(1)));
    assert_eq!(bed.wanted, 1);
}

#[test]
fn upstream_5325_a_container_that_is_not_there_is_forgotten() {
    let mut bed = Bed::warm(2);
    bed.submit(1);
    let out = bed.on(nack(1, 2, 1, NackReason::Unknown));
    assert_eq!(out, ["release 1", "run 1 on 1 again 2"]);
    let out = bed.on(nack(1, 1, 2, NackReason::Unknown));
    assert_eq!(out, ["release 1", "create 2 of 1"]);
    assert_eq!(bed.queue.stats().containers, 0);
}

#[test]
fn upstream_5333_a_disabled_invoker_makes_no_spike_of_orders() {
    let mut bed = Bed::warm(20);
    for id in 0..3 {
        bed.submit(id);
    }
    let out = bed.on(Event::InvokerLost { invoker: InvokerId(0) });
    let orders = out.iter().filter(|text| text.starts_with("create")).count();
    assert!((1..=3).contains(&orders), "{orders} orders for three activations");
}

#[test]
fn upstream_5368_and_e3_04_throttle_always_has_an_exit() {
    let config = QueueConfig { max_waiting: 10, ..QueueConfig::default() };
    let full = || {
        let mut bed = Bed::with(config.clone());
        bed.grants = false;
        for id in 0..10 {
            assert!(bed.submit(id).is_empty());
        }
        assert_eq!(bed.submit(10), ["refuse 10: QueueFull"]);
        bed
    };
    // By retention, which drops everything, without any activation being handed out.
    let mut bed = full();
    assert_eq!(bed.pass(60_000).len(), 10);
    assert!(bed.submit(11).is_empty());
    // By an update of the action, whose messages do not inherit anything.
    let mut bed = full();
    let mut newer = note(11);
    newer.action.revision = 2;
    bed.on(Event::Submit { message: newer });
    bed.on(Event::Tokens(answer(1)));
    bed.created_as(0, 1, 2);
    bed.on(finished(0, 1));
    assert!(bed.submit(12).is_empty(), "eight wait");
    // And containers are added while it is full.
    let mut bed = full();
    assert_eq!(bed.wanted, 1);
    // By deletion.
    let out = bed.on(Event::Deleted { revision: Revision(1) });
    assert_eq!(out.len(), 10);
    assert!(!bed.queue.backlog.is_full());
}

#[test]
fn upstream_5388_a_retired_queue_says_so_and_keeps_nothing() {
    let mut bed = Bed::warm(1);
    bed.on(paused(1));
    bed.pass(40_000);
    assert_eq!(bed.submit(1), ["refuse 1: Retired"]);
    assert_eq!(bed.queue.next_deadline(), None);
}

#[test]
fn upstream_5485_a_queue_without_arbiter_answers_asks_again() {
    let mut bed = Bed::new();
    bed.grants = false;
    bed.submit(1);
    let denied = Some(Denial { reason: DenialReason::Exhausted, until: bed.now + Duration::from_secs(1) });
    bed.on(Event::Tokens(Answer { granted: 0, denied, namespace: NamespaceView::default() }));
    bed.wanted = 0;
    bed.pass(1_000);
    assert_eq!(bed.wanted, 1);
}

#[test]
fn e3_02_an_action_at_its_own_limit_throttles_nobody() {
    let mut bed = Bed::upstream();
    let limited = |id| {
        let mut message = note(id);
        message.action.facts.instances = Some(1);
        Event::Submit { message }
    };
    bed.on(limited(1));
    bed.created(0, 1);
    bed.on(limited(2));
    bed.pass(100);
    assert!(bed.on(limited(3)).is_empty(), "it takes more, and the namespace is not told anything");
    assert_eq!(bed.on(finished(1, 1)), ["run 2 on 1"]);
}

#[test]
fn e3_08_a_draining_queue_takes_nothing() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.on(Event::Drain);
    assert_eq!(bed.submit(2), ["refuse 2: ShuttingDown"]);
}

#[test]
fn e3_09_retention_and_decisions_go_on_after_any_throttling() {
    let mut bed = Bed::upstream();
    bed.grants = false;
    bed.submit(1);
    let view = |used| Answer { granted: 0, denied: None, namespace: NamespaceView { limit: Some(2), used } };
    bed.on(Event::Tokens(view(2)));
    bed.pass(200);
    bed.submit(2);
    bed.on(Event::Tokens(view(1)));
    bed.on(Event::Tokens(answer(1)));
    bed.created(0, 1);
    bed.on(started(2, 1, 1));
    bed.submit(3);
    let dropped = bed.pass(60_000);
    assert_eq!(dropped, ["drop 3: The activation was not started within 60000 milliseconds."]);
}

#[test]
fn e3_14_a_dispatch_into_the_void_is_not_lost() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    assert_eq!(bed.pass(2_000), ["recall 1 from 1 try 1"]);
    assert_eq!(bed.on(nack(1, 1, 1, NackReason::Unknown)), ["release 1", "create 1 of 1"]);
    assert_eq!(bed.created(1, 2), ["run 1 on 2 again 2"]);
}

#[test]
fn e3_15_only_older_revisions_are_outdated() {
    let mut bed = Bed::warm(1);
    for (id, revision) in [(1, 3), (2, 2), (3, 4)] {
        let mut message = note(id);
        message.action.revision = revision;
        let out = bed.on(Event::Submit { message });
        let outdated: Vec<&String> = out.iter().filter(|text| text.starts_with("remove outdated")).collect();
        match revision {
            3 => assert_eq!(outdated, ["remove outdated 1"]),
            2 => assert!(outdated.is_empty()),
            _ => assert_eq!(outdated, ["remove outdated 3"]),
        }
    }
}
