use super::*;
use crate::arbiter::{Denial, DenialReason};
use crate::creation::StartFailure;
use types::CreationFailure;

fn denied(bed: &Bed, reason: DenialReason) -> Event<Note> {
    let denied = Some(Denial { reason, until: bed.now + Duration::from_secs(1) });
    Event::Tokens(Answer { granted: 0, denied, namespace: NamespaceView { limit: Some(30), used: 30 } })
}

fn platform() -> StartFailure {
    StartFailure::Reported(CreationFailure::Platform("disk full".to_owned()))
}

#[test]
fn an_unproven_action_gets_one_container_then_two_then_four() {
    let mut bed = Bed::new();
    for id in 0..40 {
        bed.submit(id);
    }
    assert_eq!(bed.orders().len(), 1);
    bed.now += Duration::from_millis(500);
    bed.created(0, 1);
    // Its run takes longer than a start: more are worth it, two at a time.
    bed.pass(1_000);
    assert_eq!(bed.orders().len(), 2);
    bed.created(1, 2);
    bed.created(2, 3);
    bed.pass(100);
    assert_eq!(bed.orders().len(), 4);
}

#[test]
fn a_proven_action_gets_all_that_it_needs_at_once() {
    let mut bed = Bed::warm(1);
    bed.on(Event::Submit { message: note(1) });
    bed.on(ended(1, 1, 10_000, true));
    for id in 2..=21 {
        bed.submit(id);
    }
    assert_eq!(bed.orders().len(), 19, "a run takes 10 s, a start 0.2 s: nobody waits for a run");
}

#[test]
fn a_fast_action_waits_for_its_container() {
    let mut bed = Bed::warm(1);
    for id in 1..=10 {
        bed.submit(id);
    }
    assert!(bed.orders().is_empty(), "100 ms of work against a start of 200 ms");
}

#[test]
fn what_waited_for_a_start_and_is_done_soon_gets_no_containers() {
    let mut bed = Bed::warm(1);
    for id in 1..=10 {
        bed.on(Event::Submit { message: note(id) });
        bed.on(ended(id, 1, 1, true));
    }
    bed.on(gone(1));
    for id in 11..=30 {
        bed.submit(id);
    }
    let order = bed.oldest_order();
    bed.pass(250);
    assert_eq!(bed.orders(), [order], "19 ms of work before the last");
    bed.created(order, 2);
    for id in 11..=30 {
        bed.now += Duration::from_millis(1);
        bed.on(ended(id, 2, 1, true));
        assert!(bed.orders().is_empty(), "all have waited for longer than a start, and run now");
    }
}

#[test]
fn a_run_that_does_not_end_is_not_waited_for() {
    let mut bed = Bed::warm(1);
    for id in 1..=2 {
        bed.submit(id);
    }
    bed.pass(200);
    assert!(bed.orders().is_empty(), "runs take 10 ms, starts 200 ms");
    bed.pass(50);
    assert_eq!(bed.orders().len(), 1);
    bed.pass(1_000);
    assert_eq!(bed.orders().len(), 1, "nothing else waits");
}

#[test]
fn loading_the_code_is_part_of_a_start() {
    let with = |init| {
        let mut bed = Bed::warm(1);
        for id in 1..=10 {
            bed.submit(id);
            let run = Duration::from_millis(30);
            bed.on(Event::Finished {
                container: container(1),
                activation: activation(id),
                init,
                run,
                healthy: true,
            });
        }
        for id in 11..=20 {
            bed.submit(id);
        }
        bed.orders().len()
    };
    assert_eq!(with(None), 2, "270 ms of work against 200 ms");
    assert_eq!(with(Some(Duration::from_millis(250))), 0, "and against 450 ms");
}

#[test]
fn unused_tokens_go_back() {
    let mut bed = Bed::new();
    bed.grants = false;
    bed.submit(1);
    assert_eq!(bed.on(Event::Tokens(answer(3))), ["create 0 of 1", "release 2"]);
    bed.created(0, 1);
    bed.on(finished(1, 1));
    assert_eq!(bed.on(Event::Tokens(answer(2))), ["release 2"]);
}

#[test]
fn a_queue_that_nothing_serves_insists_on_its_first_order_until_it_is_carried_out() {
    let mut bed = Bed::new();
    assert_eq!(bed.submit(1), ["create 0 of 1"]);
    assert_eq!(bed.pass(99), [""; 0]);
    assert_eq!(bed.pass(1), ["insist on 0"]);
    assert_eq!(bed.submit(2), [""; 0], "it has just done so");
    let insisted = bed.pass(250).iter().filter(|text| *text == "insist on 0").count();
    assert_eq!(insisted, 2);
    assert_eq!(bed.created(0, 1)[0], "run 1 on 1");
    let said = bed.pass(1_000);
    assert!(!said.iter().any(|text| text.starts_with("insist")), "it is served: {said:?}");
}

#[test]
fn a_queue_whose_last_container_goes_insists_on_an_order_that_it_has_already() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.submit(2);
    bed.pass(1_000);
    assert_eq!(bed.orders().len(), 1, "a run that takes long is not waited for");
    let order = bed.oldest_order();
    assert_eq!(bed.on(gone(1)), ["release 1", &format!("insist on {order}")]);
}

#[test]
fn a_request_is_withdrawn_when_nothing_waits_any_more() {
    let mut bed = Bed::warm(1);
    bed.grants = false;
    bed.on(Event::Submit { message: note(1) });
    bed.on(ended(1, 1, 10_000, true));
    bed.submit(2);
    bed.submit(3);
    assert_eq!(bed.wanted, 1);
    bed.on(finished(2, 1));
    assert_eq!(bed.wanted, 0);
}

#[test]
fn thr_07_a_starved_action_refuses_after_its_grace_and_takes_again_once_it_has_a_token() {
    let mut bed = Bed::new();
    bed.grants = false;
    bed.submit(1);
    bed.on(denied(&bed, DenialReason::Exhausted));
    assert!(bed.submit(2).is_empty(), "a token may come soon");
    bed.pass(1_000);
    assert_eq!(bed.submit(3), ["refuse 3: NamespaceThrottled"]);
    bed.on(Event::Tokens(answer(1)));
    assert!(bed.submit(4).is_empty());
    assert_eq!(bed.created(0, 1), ["run 1 on 1"]);
}

#[test]
fn thr_07_what_starves_to_the_end_is_told_so() {
    let mut bed = Bed::new();
    bed.grants = false;
    bed.submit(1);
    bed.on(denied(&bed, DenialReason::Exhausted));
    assert_eq!(bed.pass(60_000), ["drop 1: Too many concurrent requests in flight."]);
    assert!(bed.submit(2).is_empty(), "the refusal has ended with what waited");
}

#[test]
fn cls_18_a_namespace_without_any_container() {
    let mut bed = Bed::new();
    bed.grants = false;
    bed.submit(1);
    let text = "drop 1: The namespace limit is less than or equal to 0.";
    assert_eq!(bed.on(denied(&bed, DenialReason::ZeroLimit)), [text]);
    assert_eq!(bed.submit(2), ["refuse 2: NoCapacity"]);
    bed.pass(1_000);
    assert!(bed.submit(3).is_empty(), "the limit may have been raised");
    assert_eq!(bed.on(Event::Tokens(answer(1))), ["create 0 of 1"]);
}

#[test]
fn failed_creations_are_tried_again_more_and_more_slowly_and_given_up_at_last() {
    let mut bed = Bed::new();
    bed.submit(1);
    let mut waits = Vec::new();
    for creation in 0..4 {
        assert_eq!(bed.creation_failed(creation, platform()), ["release 1"]);
        let before = bed.now;
        while bed.orders().is_empty() {
            bed.pass(50);
        }
        waits.push((bed.now - before).as_millis());
    }
    assert_eq!(waits, [100, 200, 400, 800]);
    let out = bed.creation_failed(4, platform());
    assert_eq!(out, ["release 1", "drop 1: Failed to provision resources to run the action."]);
    let out = bed.submit(2);
    assert_eq!(out, ["drop 2: Failed to provision resources to run the action."], "still closed");
    bed.pass(1_600);
    assert_eq!(bed.submit(3), ["create 5 of 1"], "one more may show that it works again");
    assert_eq!(bed.created(5, 1), ["run 3 on 1"]);
}

#[test]
fn cls_13_a_mistake_of_the_developer_ends_all_that_waits_at_once() {
    let mut bed = Bed::new();
    bed.submit(1);
    bed.submit(2);
    let failure = CreationFailure::Developer("Failed to pull container image 'x'.".to_owned());
    let out = bed.creation_failed(0, StartFailure::Reported(failure));
    let text = |id| format!("drop {id}: Failed to pull container image 'x'.");
    assert_eq!(out, ["release 1".to_owned(), text(1), text(2)]);
    let mut newer = note(3);
    newer.action.revision = 2;
    let out = bed.on(Event::Submit { message: newer });
    assert_eq!(out, ["remove outdated 1", "create 1 of 2"], "the new revision is not held back");
}

#[test]
fn failed_creations_do_not_disturb_those_that_serve() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.on(ended(1, 1, 10_000, true));
    bed.submit(2);
    bed.submit(3);
    assert_eq!(bed.creation_failed(1, platform()), ["release 1"]);
    assert_eq!(bed.queue.stats().waiting, 1);
    assert_eq!(bed.on(finished(2, 1)), ["run 3 on 1"]);
}

#[test]
fn no_invokers_is_an_answer_with_an_end() {
    let mut bed = Bed::new();
    bed.submit(1);
    bed.creation_failed(0, StartFailure::NoInvokers);
    assert_eq!(bed.submit(2), ["refuse 2: NoInvokers"]);
    assert_eq!(bed.pass(100), ["create 1 of 1"]);
    assert!(bed.submit(3).is_empty());
}

#[test]
fn i14_containers_that_break_are_not_replaced_at_full_speed() {
    let mut bed = Bed::new();
    let mut starts = Vec::new();
    for id in 0..7 {
        bed.submit(id);
        let before = bed.now;
        while bed.orders().is_empty() {
            bed.pass(50);
        }
        starts.push((bed.now - before).as_millis());
        bed.created(id, id + 1);
        bed.on(ended(id, id + 1, 1, false));
        bed.on(gone(id + 1));
    }
    assert_eq!(starts, [0, 0, 0, 0, 100, 200, 400]);
    bed.submit(9);
    bed.pass(1_000);
    bed.created(7, 9);
    bed.on(finished(9, 9));
    bed.on(gone(9));
    assert_eq!(bed.submit(10), ["create 8 of 1"], "one good run clears it");
}

#[test]
fn i10_tokens_come_back_from_idle_containers_first_and_then_as_runs_end() {
    let mut bed = Bed::warm(3);
    bed.submit(1);
    bed.submit(2);
    assert_eq!(bed.on(Event::Reclaim { count: 2, idle_only: false }), ["rest 1"]);
    assert_eq!(bed.on(paused(1)), ["release 1"]);
    assert_eq!(bed.on(finished(1, 3)), ["rest 3"]);
    assert_eq!(bed.on(paused(3)), ["release 1"]);
    assert!(bed.on(finished(2, 2)).is_empty(), "the debt is paid");
    assert_eq!(bed.submit(3), ["run 3 on 2"]);
}

#[test]
fn i10_a_container_for_which_nothing_waits_is_lent_to_others() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.submit(2);
    assert!(bed.on(Event::Reclaim { count: 1, idle_only: true }).is_empty());
    assert_eq!(bed.on(finished(1, 1)), ["run 2 on 1"], "something waits");
    assert_eq!(bed.on(finished(2, 1)), ["rest 1"]);
}

#[test]
fn i10_a_withdrawn_reclaim_takes_nothing() {
    let mut bed = Bed::warm(2);
    bed.submit(1);
    bed.submit(2);
    bed.on(Event::Reclaim { count: 1, idle_only: false });
    bed.on(Event::Reclaim { count: 0, idle_only: false });
    assert!(bed.on(finished(1, 2)).is_empty());
    assert_eq!(bed.on(Event::Reclaim { count: 1, idle_only: true }), ["rest 2"]);
    bed.on(Event::Reclaim { count: 0, idle_only: true });
    assert!(bed.on(finished(2, 1)).is_empty());
}

#[test]
fn i9_surplus_is_given_back_early_but_for_one() {
    let mut bed = Bed::warm(4);
    assert_eq!(bed.pass(1_999), Vec::<String>::new());
    assert_eq!(bed.pass(1), ["rest 1", "rest 2", "rest 3"]);
    for number in 1..=3 {
        bed.on(paused(number));
    }
    assert_eq!(bed.pass(30_000), Vec::<String>::new());
    assert_eq!(bed.queue.stats().serving, 1);
}

#[test]
fn i9_busy_containers_are_no_surplus() {
    let mut bed = Bed::warm(3);
    for round in 0..50 {
        for id in 0..3 {
            bed.submit(round * 3 + id);
        }
        bed.pass(90);
        for id in 0..3 {
            bed.on(ended(round * 3 + id, 3 - id, 90, true));
        }
        bed.pass(10);
    }
    assert_eq!(bed.queue.stats().serving, 3);
}

#[test]
fn a_container_that_does_not_go_is_reminded() {
    let mut bed = Bed::warm(2);
    bed.on(Event::Reclaim { count: 1, idle_only: true });
    assert_eq!(bed.pass(2_000)[..1], ["remove 1"]);
    assert_eq!(bed.pass(2_000), ["remove 1"]);
    assert_eq!(bed.on(gone(1)), ["release 1"]);
    assert_eq!(bed.pass(10_000), Vec::<String>::new());
}

#[test]
fn a_container_that_nobody_waits_for_is_removed_and_one_that_is_told_twice_is_not() {
    let mut bed = Bed::warm(1);
    assert_eq!(bed.created(99, 5), ["remove 5"]);
    assert!(bed.created(0, 1).is_empty());
}

#[test]
fn upstream_rules_run_every_100_ms_on_a_fresh_view_of_the_namespace() {
    let mut bed = Bed::upstream();
    assert_eq!(bed.submit(1), ["create 0 of 1"]);
    for id in 2..=5 {
        assert!(bed.submit(id).is_empty(), "not before the next tick");
    }
    assert!(bed.pass(99).is_empty());
    // All five are not yet stale: no duration is known and nothing has waited for more than 100 ms.
    assert!(bed.pass(1).is_empty());
    let out = bed.pass(100);
    assert_eq!(out, ["create 1 of 1", "create 2 of 1", "create 3 of 1", "create 4 of 1"]);
}

#[test]
fn a_failure_of_an_older_revision_does_not_hold_the_newer_one_back() {
    let mut bed = Bed::new();
    bed.submit(1);
    bed.grants = false;
    let mut newer = note(2);
    newer.action.revision = 2;
    bed.on(Event::Submit { message: newer });
    let failure = CreationFailure::Developer("no such kind".to_owned());
    assert_eq!(bed.creation_failed(0, StartFailure::Reported(failure)), ["release 1"]);
    assert_eq!(bed.on(Event::Tokens(answer(1))), ["create 1 of 2"]);
}
