use super::*;

#[test]
fn a_warm_container_gets_an_activation_at_once() {
    let mut bed = Bed::warm(1);
    assert_eq!(bed.submit(1), ["run 1 on 1"]);
    assert!(bed.on(started(1, 1, 1)).is_empty());
    assert!(bed.on(finished(1, 1)).is_empty());
    assert_eq!(bed.submit(2), ["run 2 on 1"]);
}

#[test]
fn the_most_recently_used_container_comes_first_so_that_the_others_can_go_idle() {
    let mut bed = Bed::warm(3);
    assert_eq!(bed.submit(1), ["run 1 on 3"]);
    assert_eq!(bed.submit(2), ["run 2 on 2"]);
    bed.on(finished(1, 3));
    assert_eq!(bed.submit(3), ["run 3 on 3"]);
    bed.on(finished(2, 2));
    bed.on(finished(3, 3));
    assert_eq!(bed.submit(4), ["run 4 on 3"]);
}

#[test]
fn a_container_that_ends_one_gets_the_next_in_the_same_step() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    assert!(bed.submit(2).is_empty());
    assert!(bed.submit(3).is_empty());
    assert_eq!(bed.on(finished(1, 1)), ["run 2 on 1"]);
    assert_eq!(bed.on(finished(2, 1)), ["run 3 on 1"]);
}

#[test]
fn a_container_with_many_slots_takes_as_many() {
    let mut bed = Bed::new();
    bed.concurrency = 3;
    bed.warm_up(1);
    assert_eq!(bed.submit(1), ["run 1 on 1"]);
    assert_eq!(bed.submit(2), ["run 2 on 1"]);
    assert_eq!(bed.submit(3), ["run 3 on 1"]);
    assert!(bed.submit(4).is_empty());
    let holders = [1, 2, 3, 4].map(|n| bed.queue.holder(ActivationId::from_bits(n)).is_some());
    assert_eq!(holders, [true, true, true, false]);
    assert_eq!(bed.on(finished(2, 1)), ["run 4 on 1"]);
    let holders = [2, 4].map(|n| bed.queue.holder(ActivationId::from_bits(n)).is_some());
    assert_eq!(holders, [false, true]);
}

#[test]
fn the_first_activation_orders_a_container() {
    let mut bed = Bed::new();
    assert_eq!(bed.submit(1), ["create 0 of 1"]);
    assert_eq!(bed.created(0, 1), ["run 1 on 1"]);
}

#[test]
fn what_was_not_started_goes_back_to_the_head() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.submit(2);
    bed.submit(3);
    let out = bed.on(nack(1, 1, 1, NackReason::Leaving));
    assert_eq!(out, ["create 1 of 1"], "the container is leaving and 1, 2, 3 wait");
    assert_eq!(bed.created(1, 2), ["run 1 on 2 again 2"]);
    assert_eq!(bed.on(finished(1, 2)), ["run 2 on 2"]);
}

#[test]
fn many_that_come_back_keep_their_order() {
    let mut bed = Bed::warm(3);
    for id in 1..=5 {
        bed.submit(id);
    }
    // 1 is on container 3, 2 on 2, 3 on 1.
    bed.on(gone(1));
    bed.on(gone(2));
    bed.on(gone(3));
    let order: Vec<u64> = std::iter::from_fn(|| bed.queue.backlog.pop(&QueueConfig::default()))
        .map(|accepted| accepted.message.id)
        .collect();
    assert_eq!(order, [1, 2, 3, 4, 5]);
}

#[test]
fn what_was_started_is_lost_with_its_container() {
    let mut bed = Bed::warm(2);
    bed.submit(1);
    bed.submit(2);
    bed.on(started(1, 2, 1));
    assert_eq!(bed.on(gone(2)), ["release 1", "lost 1"]);
    let out = bed.on(Event::InvokerLost { invoker: InvokerId(0) });
    assert_eq!(out, ["release 1", "create 2 of 1"], "2 had not been started and waits again");
}

#[test]
fn what_may_be_repeated_is_run_again_after_it_was_started() {
    let mut bed = Bed::warm(1);
    let message = Note { repeatable: true, ..note(1) };
    bed.on(Event::Submit { message });
    bed.on(started(1, 1, 1));
    assert_eq!(bed.on(gone(1)), ["release 1", "create 1 of 1"]);
    assert_eq!(bed.created(1, 2), ["run 1 on 2 again 2"]);
}

#[test]
fn silence_is_no_proof_so_a_dispatch_is_recalled_and_not_repeated() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    assert_eq!(bed.pass(2_000), ["recall 1 from 1 try 1"]);
    assert_eq!(bed.pass(2_000), ["recall 1 from 1 try 1"]);
    bed.on(started(1, 1, 1));
    assert!(bed.pass(60_000).is_empty(), "it has started");
}

#[test]
fn a_recalled_activation_goes_to_another_container() {
    let mut bed = Bed::warm(2);
    bed.submit(1);
    assert_eq!(bed.on(nack(1, 2, 1, NackReason::Recalled)), ["run 1 on 1 again 2"]);
    assert!(bed.on(started(1, 2, 1)).is_empty(), "an old attempt at a container that does not have it");
    assert!(bed.on(finished(1, 2)).is_empty());
    assert_eq!(bed.queue.stats().in_flight, 1);
}

#[test]
fn reports_of_an_older_attempt_are_ignored() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.on(nack(1, 1, 1, NackReason::Recalled));
    // The same container has it for the second time now.
    assert!(bed.on(nack(1, 1, 1, NackReason::Recalled)).is_empty());
    bed.on(started(1, 1, 1));
    assert_eq!(bed.on(gone(1)), ["release 1", "create 1 of 1"], "the second attempt had not been started");
}

#[test]
fn an_activation_that_nobody_starts_is_given_up() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    for attempt in 1..20 {
        let again = format!("run 1 on 1 again {}", attempt + 1);
        assert_eq!(bed.on(nack(1, 1, attempt, NackReason::Recalled)), [again]);
    }
    let text = "drop 1: The activation was handed to 20 containers and none of them started it.";
    assert_eq!(bed.on(nack(1, 1, 20, NackReason::Recalled)), [text]);
}

#[test]
fn a_container_that_counts_fewer_slots_than_we_do_is_believed() {
    let mut bed = Bed::new();
    bed.concurrency = 3;
    bed.warm_up(1);
    bed.submit(1);
    bed.submit(2);
    assert!(bed.on(nack(2, 1, 1, NackReason::NoCredit)).is_empty());
    assert_eq!(bed.on(finished(1, 1)), ["run 2 on 1 again 2"]);
}

#[test]
fn a_paused_container_gives_its_token_back_and_is_woken_by_an_order() {
    let mut bed = Bed::warm(1);
    assert_eq!(bed.on(paused(1)), ["release 1"]);
    assert_eq!(bed.submit(1), ["create 1 of 1"]);
    assert_eq!(bed.created(1, 1), ["run 1 on 1"]);
}

#[test]
fn a_dispatch_that_crosses_a_pause_comes_back() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    assert_eq!(bed.on(paused(1)), Vec::<String>::new(), "its dispatch is still on its way");
    assert_eq!(bed.on(nack(1, 1, 1, NackReason::Leaving)), ["release 1", "create 1 of 1"]);
    assert_eq!(bed.created(1, 1), ["run 1 on 1 again 2"]);
}

#[test]
fn an_update_takes_effect_at_once() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.submit(2);
    let mut newer = note(3);
    newer.action.revision = 2;
    assert_eq!(bed.on(Event::Submit { message: newer }), ["remove outdated 1", "create 1 of 2"]);
    assert!(bed.on(finished(1, 1)).is_empty(), "the old container gets nothing more");
    assert_eq!(bed.created_as(1, 2, 2), ["run 2 on 2 as 2"], "what was queued runs as the newest");
    assert_eq!(bed.on(gone(1)), ["release 1"]);
    assert_eq!(bed.on(finished(2, 2)), ["run 3 on 2 as 2"]);
    bed.on(finished(3, 2));
    assert_eq!(bed.submit(4), ["run 4 on 2 as 2"], "a message of the older revision runs as the newest");
}

#[test]
fn an_update_does_not_disturb_what_older_containers_have() {
    let mut bed = Bed::warm(2);
    bed.submit(1);
    bed.on(started(1, 2, 1));
    let mut newer = note(2);
    newer.action.revision = 2;
    bed.on(Event::Submit { message: newer });
    assert_eq!(bed.queue.stats().in_flight, 1);
    let mut said = bed.pass(2_000);
    said.retain(|text| !text.starts_with("insist"));
    assert_eq!(said, ["remove 1"], "only the one without work is reminded to go");
    assert!(bed.on(finished(1, 2)).is_empty());
}

#[test]
fn a_container_of_an_older_revision_that_comes_late_is_removed() {
    let mut bed = Bed::new();
    bed.submit(1);
    let mut newer = note(2);
    newer.action.revision = 2;
    let said = bed.on(Event::Submit { message: newer });
    assert_eq!(said, ["remove outdated 1", "withdraw 0", "create 1 of 2"]);
    assert_eq!(bed.created_as(0, 1, 1), ["remove 1"]);
    assert_eq!(bed.on(gone(1)), ["release 1"]);
    assert_eq!(bed.created_as(1, 2, 2), ["run 1 on 2 as 2"]);
}

#[test]
fn cls_15_a_deleted_action_runs_what_it_has_containers_for() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.submit(2);
    assert!(bed.on(Event::Deleted { revision: Revision(1) }).is_empty());
    assert_eq!(bed.on(finished(1, 1)), ["run 2 on 1", "remove outdated 1"]);
    assert!(bed.on(finished(2, 1)).is_empty());
    bed.on(gone(1));
    let text = "drop 3: Action could not be found or may have been deleted.";
    assert_eq!(bed.submit(3), [text]);
    let mut again = note(4);
    again.action.revision = 5;
    assert_eq!(bed.on(Event::Submit { message: again }), ["remove outdated 1", "create 1 of 5"]);
}

#[test]
fn a_drained_queue_serves_what_it_has_and_retires() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.submit(2);
    assert!(bed.on(Event::Drain).is_empty());
    assert_eq!(bed.submit(3), ["refuse 3: ShuttingDown"]);
    assert_eq!(bed.on(finished(1, 1)), ["run 2 on 1"]);
    assert_eq!(bed.on(finished(2, 1)), ["retire"]);
}

#[test]
fn a_disowned_queue_hands_over_what_no_container_has() {
    let mut bed = Bed::warm(1);
    for id in 1..=3 {
        bed.submit(id);
    }
    assert_eq!(bed.on(Event::Disowned), ["hand over 2", "hand over 3"]);
    assert_eq!(bed.submit(4), ["refuse 4: Disowned"]);
    assert_eq!(bed.on(nack(1, 1, 1, NackReason::StaleEpoch)), ["hand over 1", "retire"]);
}

#[test]
fn an_invoker_that_has_heard_a_newer_owner_disowns_the_queue() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.submit(2);
    let out = bed.on(nack(1, 1, 1, NackReason::StaleEpoch));
    assert_eq!(out, ["hand over 1", "hand over 2", "retire"]);
}

#[test]
fn an_empty_queue_retires_after_its_grace() {
    let mut bed = Bed::warm(1);
    bed.on(paused(1));
    assert!(bed.pass(39_999).is_empty());
    bed.submit(1);
    bed.created(1, 1);
    bed.on(finished(1, 1));
    bed.on(paused(1));
    assert!(bed.pass(39_999).is_empty());
    assert_eq!(bed.pass(1), ["retire"]);
    assert_eq!(bed.submit(2), ["refuse 2: Retired"]);
}

#[test]
fn the_head_waits_no_longer_than_the_retention() {
    let mut bed = Bed::warm(1);
    bed.submit(1);
    bed.on(started(1, 1, 1));
    bed.grants = false;
    bed.submit(2);
    bed.pass(1_000);
    bed.submit(3);
    assert!(bed.pass(58_999).is_empty());
    assert_eq!(bed.pass(1), ["drop 2: The activation was not started within 60000 milliseconds."]);
    assert_eq!(bed.pass(1_000), ["drop 3: The activation was not started within 60000 milliseconds."]);
}

#[test]
fn blackbox_actions_wait_longer() {
    let mut bed = Bed::new();
    bed.grants = false;
    let mut message = note(1);
    message.action.facts.blackbox = true;
    bed.on(Event::Submit { message });
    assert!(bed.pass(299_999).is_empty());
    assert_eq!(bed.pass(1).len(), 1);
}

#[test]
fn a_queue_has_limits_in_number_and_bytes_and_opens_at_nine_tenths() {
    let config = QueueConfig { max_waiting: 10, max_waiting_bytes: 1_000, ..QueueConfig::default() };
    let mut bed = Bed::with(config.clone());
    bed.grants = false;
    for id in 0..10 {
        bed.submit(id);
    }
    assert_eq!(bed.submit(10), ["refuse 10: QueueFull"]);
    let mut bed = Bed::with(QueueConfig { max_waiting: 1_000, ..config });
    bed.grants = false;
    bed.warm_up_slowly();
    for id in 1..=11 {
        bed.submit(id);
    }
    assert_eq!(bed.submit(12), ["refuse 12: QueueFull"], "ten of a hundred bytes wait");
    bed.on(finished(1, 1));
    assert!(bed.submit(13).is_empty(), "nine wait");
}

impl Bed {
    /// One container, where tokens are handed out by hand.
    fn warm_up_slowly(&mut self) {
        self.submit(0);
        assert_eq!(self.wanted, 1);
        self.on(Event::Tokens(answer(1)));
        self.created(0, 1);
        self.on(finished(0, 1));
    }
}

/// Two containers and two callers that call again at once, until the queue has found out that one container does as well.
fn narrowed() -> (Bed, u64) {
    let mut bed = Bed::warm(2);
    let mut next = 1;
    bed.submit(next);
    let mut on = std::collections::VecDeque::from([(next, 2)]);
    // The second run takes twice as long as one alone: there is but one processor.
    for _ in 0..3_000 {
        next += 1;
        on.extend(runs(&bed.submit(next)));
        let (id, at) = on.pop_front().expect("something runs");
        bed.now += Duration::from_micros(100);
        let event = Event::Finished {
            container: container(at),
            activation: activation(id),
            init: None,
            run: Duration::from_micros(100 * (1 + on.len() as u64)),
            healthy: true,
        };
        on.extend(runs(&bed.on(event)));
    }
    while let Some((id, at)) = on.pop_front() {
        on.extend(runs(&bed.on(finished(id, at))));
    }
    (bed, next)
}

/// Which activations were handed to which containers.
fn runs(texts: &[String]) -> Vec<(u64, u64)> {
    let run = |text: &String| {
        let (id, at) = text.strip_prefix("run ")?.split_once(" on ")?;
        Some((id.parse().unwrap(), at.parse().unwrap()))
    };
    texts.iter().filter_map(run).collect()
}

#[test]
fn runs_that_need_a_processor_wait_for_a_hot_container_though_another_is_free() {
    let (mut bed, last) = narrowed();
    assert_eq!(runs(&bed.submit(last + 1)).len(), 1);
    assert!(bed.submit(last + 2).is_empty(), "no container, and no order for one");
    assert_eq!(bed.queue.stats().serving, 2);
}

#[test]
fn nobody_waits_long_behind_a_slow_run_while_a_container_is_free() {
    let (mut bed, last) = narrowed();
    bed.submit(last + 1);
    bed.submit(last + 2);
    let texts = bed.pass(45);
    assert_eq!(runs(&texts).len(), 1, "{texts:?}");
    // Nor does anybody who comes later, and the order of arrival holds.
    bed.on(finished(last + 2, runs(&texts)[0].1));
    assert_eq!(runs(&bed.submit(last + 3)), [(last + 3, runs(&texts)[0].1)]);
}
