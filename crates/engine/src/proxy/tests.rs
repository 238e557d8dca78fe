//! Traces of one container: events in, commands out.

use super::*;
use crate::proxy::Command::{
    Create, Destroy, Finish, Initialise, Pause, Report as Say, Resume, Run, TakeLogs, Tell,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use types::StatusCode::{ApplicationError, DeveloperError, Success, WhiskError};
use types::{CreationFailure, CreationId, FullyQualifiedName, StatusCode};

const TOOK: Duration = Duration::from_millis(7);

/// A machine and its time.
struct Bench {
    proxy: Proxy,
    now: Instant,
    out: Vec<Command>,
}

impl Bench {
    fn new(assignment: Option<Box<Assignment>>) -> Bench {
        let mut out = Vec::new();
        let proxy = Proxy::new(Config::default(), spec(1), assignment, &mut out);
        assert_eq!(out, [Create(spec(1))]);
        Bench { proxy, now: Instant::from_millis(1_000), out: Vec::new() }
    }

    /// A container that serves with `slots`, its creation reported.
    fn serving(slots: u32) -> Bench {
        let mut bench = Bench::new(Some(assignment(1, slots)));
        let created = bench.on(Event::Created);
        assert_eq!(created[0], Tell(Note::Created));
        assert!(matches!(created[1], Say(Report::Created { creation: CreationId(1), .. })), "{created:?}");
        bench
    }

    /// A container that has run activation 1.
    fn warm(slots: u32) -> Bench {
        let mut bench = Bench::serving(slots);
        bench.dispatch(1);
        bench.on(initialised(1, Success));
        bench.on(ran(1, Success));
        bench.on(Event::LogsTaken { activation: id(1) });
        bench
    }

    /// A container that was paused after its first run.
    fn paused() -> Bench {
        let mut bench = Bench::warm(1);
        assert_eq!(bench.after(100), [Tell(Note::Resting)]);
        assert_eq!(bench.after(9_900), [Tell(Note::Parked), Say(Report::Idle { paused: true }), Pause]);
        assert_eq!(bench.on(Event::Paused), []);
        bench
    }

    fn on(&mut self, event: Event) -> Vec<Command> {
        self.proxy.handle(self.now, event, &mut self.out);
        std::mem::take(&mut self.out)
    }

    fn dispatch(&mut self, activation: u128) -> Vec<Command> {
        self.on(dispatched(activation, 1))
    }

    /// What happens in the next `millis`, tick by tick, as a shell would.
    fn after(&mut self, millis: u64) -> Vec<Command> {
        let end = self.now + Duration::from_millis(millis);
        while let Some(at) = self.proxy.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.proxy.tick(self.now, &mut self.out);
        }
        self.now = end;
        std::mem::take(&mut self.out)
    }
}

fn spec(slots: u32) -> Spec {
    Spec { kind: Arc::from("nodejs:20"), image: None, memory: 256, slots }
}

fn assignment(creation: u64, slots: u32) -> Box<Assignment> {
    let action = FullyQualifiedName::parse("ns/action").unwrap();
    let namespace = action.path.namespace();
    Box::new(Assignment {
        creation: CreationId(creation),
        scheduler: SchedulerId(0),
        epoch: Epoch(5),
        queue: Arc::new(QueueKey { namespace, action }),
        revision: Revision(3),
        spec: spec(slots),
        keep: Keep::default(),
        insists: false,
        received: Instant::from_millis(900),
    })
}

fn id(number: u128) -> ActivationId {
    ActivationId::from_bits(number)
}

fn dispatched(activation: u128, epoch: u64) -> Event {
    Event::Dispatch { activation: id(activation), attempt: Attempt(1), epoch: Epoch(epoch + 4) }
}

fn initialised(activation: u128, status: StatusCode) -> Event {
    Event::Initialised { activation: id(activation), status, took: TOOK }
}

fn ran(activation: u128, status: StatusCode) -> Event {
    Event::Ran { activation: id(activation), status, took: TOOK }
}

fn started(activation: u128) -> Command {
    Say(Report::Started { activation: id(activation), attempt: Attempt(1) })
}

fn finished(activation: u128, init: bool, healthy: bool) -> Command {
    let init = init.then_some(TOOK);
    Say(Report::Finished { activation: id(activation), init, run: TOOK, healthy })
}

fn nacked(activation: u128, reason: NackReason) -> Command {
    Say(Report::Nack { activation: id(activation), attempt: Attempt(1), reason })
}

#[test]
fn pool_05_only_the_first_activation_brings_the_code() {
    let mut bench = Bench::serving(1);
    assert_eq!(bench.dispatch(1), [started(1), Initialise { activation: id(1) }]);
    assert_eq!(bench.on(initialised(1, Success)), [Run { activation: id(1) }, Tell(Note::Initialised)]);
    assert_eq!(bench.on(ran(1, Success)), [finished(1, true, true), TakeLogs { activation: id(1) }]);
    assert_eq!(bench.on(Event::LogsTaken { activation: id(1) }), [Finish { activation: id(1) }]);
    assert_eq!(bench.dispatch(2), [started(2), Run { activation: id(2) }]);
    assert_eq!(
        bench.on(ran(2, ApplicationError)),
        [finished(2, false, true), TakeLogs { activation: id(2) }]
    );
}

#[test]
fn the_next_activation_may_come_while_logs_are_taken_and_begins_after_them() {
    let mut bench = Bench::warm(1);
    bench.dispatch(2);
    bench.on(ran(2, Success));
    assert_eq!(bench.dispatch(3), []);
    assert_eq!(bench.dispatch(4), [nacked(4, NackReason::NoCredit)]);
    let logs_taken = bench.on(Event::LogsTaken { activation: id(2) });
    assert_eq!(logs_taken, [Finish { activation: id(2) }, started(3), Run { activation: id(3) }]);
}

#[test]
fn cls_20_developer_and_whisk_errors_destroy_the_container() {
    for status in [DeveloperError, WhiskError] {
        let mut bench = Bench::warm(1);
        bench.dispatch(2);
        assert_eq!(bench.on(ran(2, status)), [finished(2, false, false), TakeLogs { activation: id(2) }]);
        assert_eq!(bench.dispatch(3), [nacked(3, NackReason::Broken)]);
        assert_eq!(
            bench.on(Event::LogsTaken { activation: id(2) }),
            [Finish { activation: id(2) }, Tell(Note::Leaving), Say(Report::Gone), Destroy]
        );
        assert_eq!(bench.on(Event::Destroyed), [Tell(Note::Gone)]);
        assert!(bench.proxy.is_gone());
    }
}

#[test]
fn a_failed_init_ends_the_first_activation_and_hands_back_those_that_wait() {
    let mut bench = Bench::serving(3);
    bench.dispatch(1);
    assert_eq!(bench.dispatch(2), []);
    assert_eq!(bench.dispatch(3), []);
    assert_eq!(bench.dispatch(4), [nacked(4, NackReason::NoCredit)]);
    let run = Duration::ZERO;
    assert_eq!(
        bench.on(initialised(1, ApplicationError)),
        [
            nacked(2, NackReason::Broken),
            nacked(3, NackReason::Broken),
            Say(Report::Finished { activation: id(1), init: Some(TOOK), run, healthy: false }),
            TakeLogs { activation: id(1) },
        ]
    );
    let end = bench.on(Event::LogsTaken { activation: id(1) });
    assert_eq!(end.last(), Some(&Destroy));
}

#[test]
fn run_16_waiting_activations_begin_together_once_the_code_is_loaded() {
    let mut bench = Bench::serving(3);
    bench.dispatch(1);
    bench.dispatch(2);
    assert_eq!(
        bench.on(initialised(1, Success)),
        [Run { activation: id(1) }, started(2), Run { activation: id(2) }, Tell(Note::Initialised)]
    );
    assert_eq!(bench.dispatch(3), [started(3), Run { activation: id(3) }]);
    assert_eq!(bench.dispatch(4), [nacked(4, NackReason::NoCredit)]);
}

#[test]
fn e3_12_nothing_is_paused_while_anything_runs() {
    let mut bench = Bench::warm(2);
    bench.dispatch(2);
    bench.dispatch(3);
    bench.on(ran(2, Success));
    bench.on(Event::LogsTaken { activation: id(2) });
    assert_eq!(bench.after(60_000), []);
    bench.on(ran(3, Success));
    // Logs are still to be taken: a frozen container would not give them.
    assert_eq!(bench.after(60_000), []);
    bench.on(Event::LogsTaken { activation: id(3) });
    assert_eq!(bench.after(9_999), [Tell(Note::Resting)]);
    assert!(bench.after(1).contains(&Pause));
}

#[test]
fn pool_03_idle_then_paused_then_the_pool_decides() {
    let mut bench = Bench::paused();
    assert_eq!(bench.after(599_999), []);
    assert_eq!(bench.after(1), [Tell(Note::Expired)]);
    assert_eq!(bench.on(Event::Keep(Duration::from_secs(60))), []);
    assert_eq!(bench.after(60_000), [Tell(Note::Expired)]);
    assert_eq!(bench.on(Event::Remove), [Tell(Note::Leaving), Say(Report::Gone), Destroy]);
}

#[test]
fn a_busy_container_tells_the_pool_nothing_and_sets_no_timer_for_each_activation() {
    let mut bench = Bench::warm(1);
    let deadline = bench.proxy.next_deadline();
    for number in 2..20 {
        bench.now += Duration::from_millis(4);
        let mut said = bench.dispatch(number);
        said.extend(bench.on(ran(number, Success)));
        said.extend(bench.on(Event::LogsTaken { activation: id(number) }));
        assert!(!said.iter().any(|command| matches!(command, Tell(_))), "{said:?}");
        assert_eq!(bench.proxy.next_deadline(), deadline);
    }
}

#[test]
fn a_container_whose_start_took_long_rests_no_longer_than_is_configured() {
    let mut order = assignment(1, 1);
    order.received = Instant::from_millis(100);
    let mut bench = Bench::new(Some(order));
    bench.on(Event::Created);
    assert_eq!(bench.after(99), []);
    assert_eq!(bench.after(1), [Tell(Note::Resting)], "900 ms to make it, and nothing ran");
}

#[test]
fn a_container_rests_for_as_long_as_its_start_took() {
    let mut order = assignment(1, 1);
    order.received = Instant::from_millis(990);
    let mut bench = Bench::new(Some(order));
    bench.on(Event::Created);
    bench.dispatch(1);
    bench.on(initialised(1, Success));
    bench.on(ran(1, Success));
    bench.on(Event::LogsTaken { activation: id(1) });
    assert_eq!(bench.after(16), []);
    assert_eq!(bench.after(1), [Tell(Note::Resting)], "10 ms to make it, 7 to load the code");
}

#[test]
fn a_resting_container_says_when_it_works_again() {
    let mut bench = Bench::warm(1);
    assert_eq!(bench.after(150), [Tell(Note::Resting)]);
    assert_eq!(bench.dispatch(2), [Tell(Note::Working), started(2), Run { activation: id(2) }]);
    bench.on(ran(2, Success));
    bench.on(Event::LogsTaken { activation: id(2) });
    assert_eq!(bench.after(100), [Tell(Note::Resting)]);
}

#[test]
fn a_dispatch_that_crosses_the_pause_comes_back() {
    let mut bench = Bench::warm(1);
    bench.after(10_000);
    assert_eq!(bench.dispatch(2), [nacked(2, NackReason::Leaving)]);
    bench.on(Event::Paused);
    assert_eq!(bench.dispatch(3), [nacked(3, NackReason::Leaving)]);
}

#[test]
fn a_paused_container_is_had_again_without_init() {
    let mut bench = Bench::paused();
    assert_eq!(bench.on(Event::Assign(assignment(2, 1))), [Resume]);
    let resumed = bench.on(Event::Resumed);
    assert!(matches!(resumed[..], [Say(Report::Created { creation: CreationId(2), .. })]), "{resumed:?}");
    assert_eq!(bench.dispatch(9), [started(9), Run { activation: id(9) }]);
}

#[test]
fn an_order_that_finds_the_container_pausing_is_served_after_the_pause() {
    let mut bench = Bench::warm(1);
    bench.after(10_000);
    assert_eq!(bench.on(Event::Assign(assignment(2, 1))), []);
    assert_eq!(bench.on(Event::Paused), [Resume]);
}

#[test]
fn a_failed_resume_gives_the_order_back_to_the_pool() {
    let mut bench = Bench::paused();
    bench.on(Event::Assign(assignment(2, 1)));
    assert_eq!(
        bench.on(Event::ResumeFailed),
        [Tell(Note::Returned(assignment(2, 1))), Tell(Note::Leaving), Say(Report::Gone), Destroy]
    );
    assert_eq!(bench.on(Event::Assign(assignment(3, 1))), [Tell(Note::Returned(assignment(3, 1)))]);
    bench.on(Event::Destroyed);
    assert_eq!(bench.on(Event::Assign(assignment(4, 1))), [Tell(Note::Returned(assignment(4, 1)))]);
}

#[test]
fn a_failed_pause_destroys_the_container() {
    let mut bench = Bench::warm(1);
    bench.after(10_000);
    assert_eq!(bench.on(Event::PauseFailed), [Tell(Note::Leaving), Say(Report::Gone), Destroy]);
}

#[test]
fn stale_epochs_are_refused_and_newer_ones_adopted() {
    let mut bench = Bench::warm(1);
    assert_eq!(bench.on(dispatched(2, 0)), [nacked(2, NackReason::StaleEpoch)]);
    assert_eq!(bench.on(dispatched(3, 2)), [started(3), Run { activation: id(3) }]);
    bench.on(ran(3, Success));
    bench.on(Event::LogsTaken { activation: id(3) });
    assert_eq!(bench.dispatch(4), [nacked(4, NackReason::StaleEpoch)]);
}

#[test]
fn a_removal_waits_for_what_runs_and_hands_back_what_does_not() {
    let mut bench = Bench::serving(2);
    bench.dispatch(1);
    bench.dispatch(2);
    assert_eq!(
        bench.on(Event::Remove),
        [Say(Report::Idle { paused: false }), nacked(2, NackReason::Leaving)]
    );
    assert_eq!(bench.on(Event::Remove), []);
    assert_eq!(bench.dispatch(3), [nacked(3, NackReason::Leaving)]);
    assert_eq!(bench.on(initialised(1, Success)), [Run { activation: id(1) }, Tell(Note::Initialised)]);
    assert_eq!(bench.on(ran(1, Success))[0], finished(1, true, true));
    assert_eq!(
        bench.on(Event::LogsTaken { activation: id(1) }),
        [Finish { activation: id(1) }, Tell(Note::Leaving), Say(Report::Gone), Destroy]
    );
}

#[test]
fn an_eviction_is_obeyed_only_where_nothing_runs() {
    let mut bench = Bench::warm(1);
    bench.dispatch(2);
    assert_eq!(bench.on(Event::Evict), [Tell(Note::Working)]);
    bench.on(ran(2, Success));
    assert_eq!(bench.on(Event::Evict), [Tell(Note::Working)]);
    bench.on(Event::LogsTaken { activation: id(2) });
    assert_eq!(bench.on(Event::Evict), [Tell(Note::Leaving), Say(Report::Gone), Destroy]);
}

#[test]
fn a_container_that_was_never_used_is_removed_instead_of_paused() {
    let mut bench = Bench::serving(1);
    let said = bench.after(10_000);
    assert_eq!(said, [Tell(Note::Resting), Tell(Note::Leaving), Say(Report::Gone), Destroy]);
}

#[test]
fn a_stem_cell_is_nobodys_until_it_is_assigned() {
    let mut bench = Bench::new(None);
    assert_eq!(bench.on(Event::Created), [Tell(Note::Created)]);
    assert_eq!(bench.after(3_600_000), []);
    assert_eq!(bench.dispatch(1), [nacked(1, NackReason::Unknown)]);
    let assigned = bench.on(Event::Assign(assignment(1, 1)));
    assert!(matches!(assigned[..], [Say(Report::Created { .. })]), "{assigned:?}");
    assert_eq!(bench.dispatch(1), [started(1), Initialise { activation: id(1) }]);
}

#[test]
fn a_stem_cell_that_is_being_made_can_be_assigned() {
    let mut bench = Bench::new(None);
    assert_eq!(bench.on(Event::Assign(assignment(1, 1))), []);
    assert!(matches!(bench.on(Event::Created)[..], [Tell(Note::Created), Say(Report::Created { .. })]));

    let mut bench = Bench::new(None);
    bench.on(Event::Assign(assignment(1, 1)));
    let failure = CreationFailure::Platform("no disk".to_owned());
    let creation = CreationId(1);
    assert_eq!(
        bench.on(Event::CreateFailed(failure.clone())),
        [Say(Report::CreationFailed { creation, failure }), Tell(Note::CreateFailed)]
    );
    assert!(bench.proxy.is_gone());
}

#[test]
fn a_container_that_is_removed_while_it_is_made_fails_its_order_and_leaves_nothing() {
    let mut bench = Bench::new(Some(assignment(1, 1)));
    let failure = CreationFailure::NoResources;
    assert_eq!(
        bench.on(Event::Remove),
        [Tell(Note::Leaving), Say(Report::CreationFailed { creation: CreationId(1), failure })]
    );
    assert_eq!(bench.on(Event::Created), [Tell(Note::Created), Tell(Note::Leaving), Destroy]);
}

#[test]
fn a_container_that_ends_by_itself_is_cleaned_up_in_every_state() {
    let leaves = [Tell(Note::Leaving), Say(Report::Gone), Destroy];
    assert_eq!(Bench::warm(1).on(Event::Ended), leaves);
    assert_eq!(Bench::paused().on(Event::Ended), leaves);

    let mut cell = Bench::new(None);
    cell.on(Event::Created);
    assert_eq!(cell.on(Event::Ended), [Tell(Note::Leaving), Destroy]);

    let mut running = Bench::warm(1);
    running.dispatch(2);
    assert_eq!(running.on(Event::Ended), []);
    assert_eq!(running.dispatch(3), [nacked(3, NackReason::Broken)]);
    assert_eq!(running.on(ran(2, DeveloperError))[0], finished(2, false, false));
    let end = running.on(Event::LogsTaken { activation: id(2) });
    assert_eq!(end.last(), Some(&Destroy));

    let mut pausing = Bench::warm(1);
    pausing.after(10_000);
    pausing.on(Event::Assign(assignment(2, 1)));
    assert_eq!(pausing.on(Event::Ended), [Tell(Note::Returned(assignment(2, 1)))]);
    assert_eq!(pausing.on(Event::Paused), leaves);
}

#[test]
fn i14_a_lost_scheduler_costs_no_warm_container() {
    let mut bench = Bench::warm(2);
    bench.dispatch(2);
    assert_eq!(bench.on(Event::Detach), []);
    assert_eq!(bench.dispatch(3), [nacked(3, NackReason::Leaving)]);
    bench.on(ran(2, Success));
    assert_eq!(
        bench.on(Event::LogsTaken { activation: id(2) }),
        [Finish { activation: id(2) }, Tell(Note::Parked), Say(Report::Idle { paused: true }), Pause]
    );
    bench.on(Event::Paused);
    assert_eq!(bench.on(Event::Assign(assignment(7, 2))), [Resume]);
}

#[test]
fn a_lost_scheduler_frees_the_containers_that_are_on_their_way_to_it() {
    let mut resuming = Bench::paused();
    resuming.on(Event::Assign(assignment(2, 1)));
    assert_eq!(resuming.on(Event::Detach), []);
    assert_eq!(resuming.on(Event::Resumed), [Tell(Note::Parked), Say(Report::Idle { paused: true }), Pause]);

    let mut pausing = Bench::warm(1);
    pausing.after(10_000);
    pausing.on(Event::Assign(assignment(2, 1)));
    assert_eq!(pausing.on(Event::Detach), [Tell(Note::Parked)]);
    assert_eq!(pausing.on(Event::Paused), []);

    let mut made = Bench::new(Some(assignment(1, 1)));
    made.on(Event::Detach);
    assert_eq!(made.on(Event::Created).last(), Some(&Destroy));
}

#[test]
fn a_surplus_container_rests_as_soon_as_nothing_runs() {
    let rests = [Tell(Note::Parked), Say(Report::Idle { paused: true }), Pause];
    assert_eq!(Bench::warm(1).on(Event::Rest), rests);
    let mut bench = Bench::warm(1);
    bench.dispatch(2);
    bench.on(ran(2, Success));
    assert_eq!(bench.on(Event::Rest), []);
    assert_eq!(bench.on(Event::LogsTaken { activation: id(2) })[1..], rests);
}

#[test]
fn e6_i1_a_recalled_activation_comes_back_only_if_it_has_not_begun() {
    let recall = |number| Event::Recall { activation: id(number), attempt: Attempt(1) };
    let mut bench = Bench::serving(2);
    bench.dispatch(1);
    bench.dispatch(2);
    assert_eq!(bench.on(recall(1)), [started(1)]);
    assert_eq!(bench.on(recall(2)), [nacked(2, NackReason::Recalled)]);
    assert_eq!(bench.on(initialised(1, Success)), [Run { activation: id(1) }, Tell(Note::Initialised)]);
    bench.on(ran(1, Success));
    assert_eq!(bench.on(recall(1)), []);
    assert_eq!(bench.on(recall(3)), [nacked(3, NackReason::Recalled)]);
}

/// What a test does to a container.
#[derive(Clone, Debug)]
enum Step {
    Dispatch {
        stale: bool,
    },
    Assign,
    Remove,
    Evict,
    Detach,
    Rest,
    Recall {
        back: u8,
    },
    Ended,
    /// One of the calls that are under way comes to its end, well or not.
    Answer {
        which: usize,
        well: bool,
    },
    Wait {
        millis: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::bool::weighted(0.1).prop_map(|stale| Step::Dispatch { stale }),
        2 => Just(Step::Assign),
        1 => Just(Step::Remove),
        1 => Just(Step::Evict),
        1 => Just(Step::Detach),
        1 => Just(Step::Rest),
        1 => (0..4u8).prop_map(|back| Step::Recall { back }),
        1 => Just(Step::Ended),
        14 => (any::<usize>(), prop::bool::weighted(0.9)).prop_map(|(which, well)| Step::Answer { which, well }),
        2 => (0..20_000u32).prop_map(|millis| Step::Wait { millis }),
    ]
}

/// What a container was asked for and what came of it.
#[derive(Default)]
struct Ledger {
    calls: Vec<Command>,
    dispatched: u128,
    started: BTreeMap<ActivationId, u32>,
    nacked: BTreeMap<ActivationId, u32>,
    finished: BTreeMap<ActivationId, u32>,
    orders: u64,
    answered: BTreeMap<CreationId, u32>,
    detached: bool,
    gone: u32,
}

impl Ledger {
    /// Writes down what the machine said, and checks what must hold at any time.
    fn enter(&mut self, said: Vec<Command>, slots: usize) {
        for command in said {
            let busy = |call: &Command| matches!(call, Initialise { .. } | Run { .. } | TakeLogs { .. });
            match &command {
                Create(_) | Initialise { .. } | Run { .. } | TakeLogs { .. } => self.calls.push(command),
                Pause | Resume | Destroy => {
                    assert!(!self.calls.iter().any(busy), "{command:?} during {:?}", self.calls);
                    assert!(!self.calls.contains(&Destroy));
                    self.calls.push(command);
                }
                Finish { activation } => *self.finished.entry(*activation).or_default() += 1,
                Say(Report::Started { activation, .. }) => *self.started.entry(*activation).or_default() += 1,
                Say(Report::Nack { activation, .. }) => *self.nacked.entry(*activation).or_default() += 1,
                Say(Report::Created { creation, .. } | Report::CreationFailed { creation, .. }) => {
                    *self.answered.entry(*creation).or_default() += 1;
                }
                Tell(Note::Returned(order)) => *self.answered.entry(order.creation).or_default() += 1,
                Say(Report::Gone) => self.gone += 1,
                Say(Report::Finished { .. } | Report::Idle { .. }) | Tell(_) => {}
            }
            let running = |call: &&Command| matches!(call, Initialise { .. } | Run { .. });
            assert!(self.calls.iter().filter(running).count() <= slots, "{:?}", self.calls);
            assert!(self.gone <= 1);
        }
    }

    /// Takes one call that is under way and says how it ended.
    fn answer(&mut self, which: usize, well: bool) -> Option<Event> {
        if self.calls.is_empty() {
            return None;
        }
        let status = if well { Success } else { DeveloperError };
        Some(match self.calls.swap_remove(which % self.calls.len()) {
            Create(_) if well => Event::Created,
            Create(_) => Event::CreateFailed(CreationFailure::Platform(String::new())),
            Initialise { activation } => Event::Initialised { activation, status, took: TOOK },
            Run { activation } => Event::Ran { activation, status, took: TOOK },
            TakeLogs { activation } => Event::LogsTaken { activation },
            Pause if well => Event::Paused,
            Pause => Event::PauseFailed,
            Resume if well => Event::Resumed,
            Resume => Event::ResumeFailed,
            Destroy => Event::Destroyed,
            other => unreachable!("{other:?} is no call"),
        })
    }
}

proptest! {
    /// Every dispatch is started or handed back, every start ends once, every order is answered once, nothing happens in
    /// a container that stands still, and in the end nothing is left: whatever comes in whatever order.
    #[test]
    fn every_dispatch_start_and_order_has_one_answer(
        slots in 1..4u32,
        stem_cell in any::<bool>(),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut ledger = Ledger::default();
        let mut bench = if stem_cell {
            Bench::new(None)
        } else {
            ledger.orders = 1;
            Bench::new(Some(assignment(1, slots)))
        };
        ledger.calls.push(Create(spec(1)));
        for step in steps {
            let event = match step {
                Step::Dispatch { stale } => {
                    ledger.dispatched += 1;
                    dispatched(ledger.dispatched, u64::from(!stale))
                }
                Step::Assign => {
                    ledger.orders += 1;
                    Event::Assign(assignment(ledger.orders, slots))
                }
                Step::Remove => Event::Remove,
                Step::Evict => Event::Evict,
                Step::Detach => {
                    ledger.detached = true;
                    Event::Detach
                }
                Step::Rest => Event::Rest,
                Step::Recall { back } => {
                    let activation = id(ledger.dispatched.saturating_sub(u128::from(back)));
                    let said = bench.on(Event::Recall { activation, attempt: Attempt(1) });
                    // The answer to it is no second start, and no second answer to one that is known.
                    let back = |command: &&Command| matches!(command, Say(Report::Nack { .. }));
                    let waited = !ledger.started.contains_key(&activation)
                        && !ledger.nacked.contains_key(&activation);
                    if let Some(nack) = said.iter().find(back).filter(|_| waited && activation != id(0)) {
                        ledger.enter(vec![nack.clone()], slots as usize);
                    }
                    continue;
                }
                Step::Ended => {
                    if ledger.calls.iter().any(|call| matches!(call, Create(_))) {
                        continue;
                    }
                    Event::Ended
                }
                Step::Answer { which, well } => match ledger.answer(which, well) {
                    Some(event) => event,
                    None => continue,
                },
                Step::Wait { millis } => {
                    let said = bench.after(u64::from(millis));
                    ledger.enter(said, slots as usize);
                    continue;
                }
            };
            let said = bench.on(event);
            ledger.enter(said, slots as usize);
        }
        let said = bench.on(Event::Remove);
        ledger.enter(said, slots as usize);
        while let Some(event) = ledger.answer(0, true) {
            let said = bench.on(event);
            ledger.enter(said, slots as usize);
        }
        prop_assert!(bench.proxy.is_gone());
        for number in 1..=ledger.dispatched {
            let count = |of: &BTreeMap<ActivationId, u32>| of.get(&id(number)).copied().unwrap_or(0);
            let (started, nacked) = (count(&ledger.started), count(&ledger.nacked));
            prop_assert_eq!(started + nacked, 1, "activation {}", number);
            prop_assert_eq!(count(&ledger.finished), started, "activation {}", number);
        }
        for number in 1..=ledger.orders {
            let answers = ledger.answered.get(&CreationId(number)).copied().unwrap_or(0);
            prop_assert!(answers == 1 || (ledger.detached && answers == 0), "order {}: {}", number, answers);
        }
    }
}
