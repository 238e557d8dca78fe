//! The decisions themselves.

use super::super::decide::*;
use std::time::Duration;

fn snapshot() -> Snapshot {
    Snapshot {
        standing: Standing::Running,
        initialised: true,
        waiting: 0,
        stale: 0,
        stalled: Duration::ZERO,
        blocking: true,
        in_flight: 0,
        existing: 0,
        creating: 0,
        ordered_for: Duration::ZERO,
        oldest_order: Duration::ZERO,
        namespace_used: 0,
        namespace_limit: Some(1_000),
        action_limit: None,
        concurrency: 1,
        duration: None,
        running_for: Duration::ZERO,
        arrivals: 0.0,
        start: Duration::from_millis(500),
        resume: Duration::from_millis(5),
        paused: 0,
        ramp: u32::MAX,
    }
}

fn upstream(change: impl FnOnce(&mut Snapshot)) -> Decision {
    let mut snapshot = snapshot();
    change(&mut snapshot);
    decide(&snapshot, &Rules::Upstream(UpstreamRules::default()))
}

fn over_provisioned(change: impl FnOnce(&mut Snapshot)) -> Decision {
    let mut snapshot = snapshot();
    snapshot.namespace_limit = Some(10);
    change(&mut snapshot);
    let rules = UpstreamRules { over_provision: Some(1.5), ..UpstreamRules::default() };
    decide(&snapshot, &Rules::Upstream(rules))
}

fn predictive(change: impl FnOnce(&mut Snapshot)) -> Decision {
    let mut snapshot = snapshot();
    change(&mut snapshot);
    decide(&snapshot, &Rules::default())
}

fn millis(number: u64) -> Option<Duration> {
    Some(Duration::from_millis(number))
}

#[test]
fn c_worked_examples() {
    let with = |waiting, stale, duration| {
        upstream(|s| {
            s.existing = 1;
            s.namespace_used = 1;
            s.waiting = waiting;
            s.stale = stale;
            s.duration = millis(duration);
        })
    };
    assert_eq!(with(20, 0, 10), Decision::Add(1));
    assert_eq!(with(200, 0, 10), Decision::Add(19));
    assert_eq!(with(50, 50, 10), Decision::Add(5));
    assert_eq!(with(20, 0, 10_000), Decision::Add(19));
}

#[test]
fn c_worked_example_without_a_duration() {
    let decision = upstream(|s| {
        s.namespace_limit = Some(30);
        s.creating = 1;
        s.namespace_used = 1;
        s.waiting = 50;
        s.stale = 50;
    });
    assert_eq!(decision, Decision::Throttle { drop: false, add: 29 });
}

#[test]
fn c_worked_example_at_the_action_limit() {
    let decision = upstream(|s| {
        s.namespace_limit = Some(30);
        s.action_limit = Some(5);
        s.existing = 5;
        s.namespace_used = 5;
        s.waiting = 5;
    });
    assert_eq!(decision, Decision::Throttle { drop: false, add: 0 }, "upstream's own mistake (E3-2)");
}

#[test]
fn c_1_a_zero_limit_pauses() {
    assert_eq!(upstream(|s| s.namespace_limit = Some(0)), Decision::Pause);
    assert_eq!(upstream(|s| s.action_limit = Some(0)), Decision::Pause);
    let flushing = |s: &mut Snapshot| {
        s.namespace_limit = Some(0);
        s.standing = Standing::Flushing;
    };
    assert_eq!(upstream(flushing), Decision::Skip);
}

#[test]
fn c_2_c_3_capacity_and_over_provision() {
    let full = |s: &mut Snapshot| {
        s.namespace_limit = Some(10);
        s.namespace_used = 10;
        s.waiting = 3;
    };
    assert_eq!(upstream(full), Decision::Throttle { drop: true, add: 0 });
    assert_eq!(
        upstream(|s| {
            full(s);
            s.existing = 1;
        }),
        Decision::Throttle { drop: false, add: 0 }
    );
    assert_eq!(
        upstream(|s| {
            full(s);
            s.standing = Standing::NamespaceThrottled;
        }),
        Decision::Skip
    );
    assert_eq!(over_provisioned(full), Decision::Add(1), "the first container may exceed the limit");
    assert_eq!(
        over_provisioned(|s| {
            full(s);
            s.existing = 1;
        }),
        Decision::Skip
    );
    assert_eq!(
        over_provisioned(|s| {
            full(s);
            s.namespace_used = 15;
        }),
        Decision::Throttle { drop: true, add: 0 }
    );
    let throttled = |s: &mut Snapshot| {
        full(s);
        s.existing = 1;
        s.standing = Standing::NamespaceThrottled;
    };
    assert_eq!(over_provisioned(throttled), Decision::Unthrottle);
}

#[test]
fn c_4_first_match() {
    assert_eq!(upstream(|s| s.initialised = false), Decision::Add(1), "a: the initial container");
    assert_eq!(upstream(|s| s.standing = Standing::NamespaceThrottled), Decision::Unthrottle, "b");
    assert_eq!(upstream(|s| s.waiting = 7), Decision::Add(1), "c: the first of many");
    assert_eq!(upstream(|s| s.standing = Standing::Flushing), Decision::Add(1), "d");
    let stale = |s: &mut Snapshot| {
        s.existing = 1;
        s.creating = 2;
        s.concurrency = 4;
        s.waiting = 20;
        s.stale = 20;
    };
    assert_eq!(upstream(stale), Decision::Add(3), "e: 20 stale, four in each, two on order");
    let full = |s: &mut Snapshot| {
        stale(s);
        s.standing = Standing::ActionThrottled;
    };
    assert_eq!(upstream(full), Decision::Skip, "h");
    let removing = |s: &mut Snapshot| {
        stale(s);
        s.standing = Standing::Removing;
    };
    assert_eq!(upstream(removing), Decision::Add(3), "g without a duration");
    let removing = |s: &mut Snapshot| {
        stale(s);
        s.standing = Standing::Removing;
        s.duration = millis(100);
    };
    assert_eq!(upstream(removing), Decision::Add(3), "g: 20 stale, four cleared by each");
}

#[test]
fn c_4_f_fresh_and_stale_together() {
    let decision = upstream(|s| {
        s.existing = 1;
        s.duration = millis(10);
        s.waiting = 70;
        s.stale = 50;
    });
    assert_eq!(decision, Decision::Add(1 + 5));
}

#[test]
fn upstream_5396_a_duration_of_zero_divides_nothing() {
    let decision = upstream(|s| {
        s.existing = 1;
        s.duration = millis(0);
        s.concurrency = 2;
        s.waiting = 10;
        s.stale = 5;
    });
    assert_eq!(decision, Decision::Add(3));
}

#[test]
fn c_5_requests_are_cut_to_what_is_left() {
    let wants = |s: &mut Snapshot| {
        s.namespace_limit = Some(10);
        s.existing = 1;
        s.namespace_used = 4;
        s.waiting = 50;
        s.stale = 50;
    };
    assert_eq!(upstream(wants), Decision::Throttle { drop: false, add: 6 });
    assert_eq!(
        upstream(|s| {
            wants(s);
            s.action_limit = Some(3);
        }),
        Decision::Add(2)
    );
}

#[test]
fn i9_waiting_that_is_shorter_than_a_start_adds_nothing() {
    let short = |s: &mut Snapshot| {
        s.existing = 1;
        s.in_flight = 1;
        s.waiting = 20;
        s.arrivals = 20.0;
        s.duration = millis(10);
    };
    assert_eq!(predictive(short), Decision::Skip, "195 ms of work against 500 ms");
    let resumable = |paused| {
        predictive(|s| {
            short(s);
            s.paused = paused;
        })
    };
    assert_eq!(resumable(3), Decision::Add(3), "they are there in 5 ms, but more would have to be started");
    assert_eq!(resumable(50), Decision::Add(20), "one for each");
}

#[test]
fn i9_a_burst_gets_what_clears_it_soon_after_a_start() {
    let decision = predictive(|s| {
        s.existing = 1;
        s.in_flight = 1;
        s.waiting = 200;
        s.arrivals = 200.0;
        s.duration = millis(10);
    });
    // 1,995 ms of work: the one that is there does 550 ms of it, each other one the 50 ms after its start.
    assert_eq!(decision, Decision::Add(29));
}

#[test]
fn i9_starts_that_take_no_longer_than_a_few_runs_are_not_waited_for() {
    let with = |existing, waiting, start, duration| {
        predictive(|s| {
            s.existing = existing;
            s.in_flight = existing;
            s.waiting = waiting;
            s.start = Duration::from_millis(start);
            s.duration = Some(Duration::from_micros(duration));
        })
    };
    assert_eq!(
        with(1, 4, 2, 1_000),
        Decision::Skip,
        "the last waits for 3.5 ms; 2 ms would be a start, 2 ms are to be gained"
    );
    assert_eq!(with(1, 5, 2, 1_000), Decision::Add(1));
    assert_eq!(with(1, 15, 3, 50), Decision::Skip, "sixteen callers wait for 0.7 ms");
    assert_eq!(with(1, 15, 3, 1_000), Decision::Add(5), "and for 14.5 ms");
}

#[test]
fn i9_a_container_on_order_has_come_some_way() {
    let with = |waiting, age| {
        predictive(|s| {
            s.creating = 1;
            s.waiting = waiting;
            s.duration = millis(10);
            s.ordered_for = Duration::from_millis(age);
            s.oldest_order = Duration::from_millis(age);
        })
    };
    assert_eq!(with(30, 400), Decision::Skip, "100 ms more and 290 ms of runs, against 500 ms");
    assert_eq!(with(30, 100), Decision::Add(3), "400 ms and 290 ms");
    assert_eq!(with(60, 5_000), Decision::Skip, "starts take longer than was thought, the next one too");
}

#[test]
fn i9_containers_on_order_are_waited_for() {
    let ordered = |creating| {
        predictive(|s| {
            s.existing = 1;
            s.creating = creating;
            s.waiting = 5;
            s.duration = millis(10_000);
        })
    };
    assert_eq!(ordered(5), Decision::Skip, "each of the five has a container coming");
    assert_eq!(ordered(3), Decision::Add(2));
}

#[test]
fn i9_an_unproven_action_starts_slowly() {
    let with = |ramp, creating| {
        predictive(|s| {
            s.waiting = 100;
            s.creating = creating;
            s.in_flight = 1;
            s.existing = 1;
            s.ramp = ramp;
            s.running_for = Duration::from_secs(1);
        })
    };
    assert_eq!(with(2, 0), Decision::Add(2));
    assert_eq!(with(2, 1), Decision::Add(1));
    assert_eq!(with(2, 2), Decision::Skip);
    assert_eq!(with(4, 0), Decision::Add(4));
}

#[test]
fn i9_runs_that_do_not_end_show_that_the_prediction_was_wrong() {
    let decision = predictive(|s| {
        s.existing = 1;
        s.in_flight = 1;
        s.waiting = 3;
        s.duration = millis(1);
        s.stalled = Duration::from_millis(551);
    });
    assert_eq!(decision, Decision::Add(1));
}

#[test]
fn i9_nobody_waits_so_it_may_take_longer() {
    let with = |blocking| {
        predictive(|s| {
            s.existing = 1;
            s.in_flight = 1;
            s.waiting = 2;
            s.start = Duration::from_millis(30);
            s.duration = millis(25);
            s.blocking = blocking;
        })
    };
    assert_eq!(with(true), Decision::Add(2));
    assert_eq!(with(false), Decision::Skip);
}

#[test]
fn i9_the_action_limit_holds() {
    let decision = predictive(|s| {
        s.existing = 3;
        s.creating = 1;
        s.action_limit = Some(5);
        s.waiting = 1_000;
        s.duration = millis(10_000);
    });
    assert_eq!(decision, Decision::Add(1));
}

#[test]
fn i9_surplus_is_what_the_arrivals_do_not_keep_busy() {
    let with = |arrivals| {
        let mut s = snapshot();
        s.existing = 10;
        s.arrivals = arrivals;
        s.duration = millis(100);
        surplus(&s, &Rules::default())
    };
    assert_eq!(with(50.0), 4, "five are busy and one is headroom");
    assert_eq!(with(0.0), 9, "one always stays");
    assert_eq!(with(500.0), 0);
}

#[test]
fn i9_where_somebody_always_waits_containers_follow_the_arrivals() {
    // A hundred callers of runs of 175 ms, who call again at once: eighty containers, and twenty always wait.
    let callers = |s: &mut Snapshot| {
        (s.waiting, s.in_flight, s.existing) = (20, 80, 80);
        (s.arrivals, s.duration, s.start) = (457.0, millis(175), Duration::from_millis(50));
    };
    assert_eq!(predictive(callers), Decision::Add(16));
    // A hundred starts at once were measured long. That must not keep the last callers waiting for good.
    let long_start = |s: &mut Snapshot| {
        callers(s);
        s.start = Duration::from_secs(10);
    };
    assert_eq!(predictive(long_start), Decision::Add(16));
    // Runs that need a processor most of the time get no faster by that.
    let short_runs = |s: &mut Snapshot| {
        callers(s);
        (s.arrivals, s.duration) = (60_000.0, Some(Duration::from_micros(1_500)));
    };
    assert_eq!(predictive(short_runs), Decision::Skip);
    // There are enough already, so this wait passes.
    let enough = |s: &mut Snapshot| {
        callers(s);
        (s.waiting, s.existing, s.in_flight) = (1, 96, 96);
    };
    assert_eq!(predictive(enough), Decision::Skip);
}
