//! Traces of the pool, and its promises under any events.

use super::entry::LEAST_TURN;
use super::starting::START_PATIENCE;
use super::*;
use crate::proxy::Keep;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use types::{CreationId, Epoch, FullyQualifiedName};

const MINUTE: Duration = Duration::from_secs(60);

/// A pool and its time.
struct Bench {
    pool: Pool,
    now: Instant,
    out: Vec<Command>,
    creations: u64,
}

impl Bench {
    fn new(config: Config) -> Bench {
        Bench { pool: Pool::new(config), now: Instant::ZERO, out: Vec::new(), creations: 0 }
    }

    fn of(memory: u64) -> Bench {
        Bench::new(Config { memory, ..Config::default() })
    }

    fn with_cells(memory: u64, cells: StemCells) -> Bench {
        let mut bench = Bench::new(Config { memory, stem_cells: vec![cells], ..Config::default() });
        let mut said = bench.on(Event::Open);
        while let Some(Command::Start { container, assignment: None, .. }) = said.first() {
            let container = *container;
            said = bench.note(container.0, Note::Created);
            said.extend(bench.after(Duration::from_secs(1)));
        }
        bench
    }

    fn on(&mut self, event: Event) -> Vec<Command> {
        self.now += Duration::from_millis(1);
        self.pool.handle(self.now, event, &mut self.out);
        std::mem::take(&mut self.out)
    }

    fn note(&mut self, container: u64, note: Note) -> Vec<Command> {
        self.on(Event::Note { container: ContainerId(container), note })
    }

    fn notes(&mut self, container: u64, notes: &[Note]) {
        for note in notes {
            assert_eq!(self.note(container, note.clone()), [], "{note:?}");
        }
    }

    fn order(&mut self, action: &str, revision: u64, memory: u64) -> Assignment {
        self.creations += 1;
        Assignment {
            creation: CreationId(self.creations),
            scheduler: SchedulerId(0),
            epoch: Epoch(1),
            queue: queue(action),
            revision: Revision(revision),
            spec: spec(memory),
            keep: Keep::default(),
            insists: false,
            received: self.now,
        }
    }

    /// Orders a container and answers which one it is, if there is one.
    fn create(&mut self, action: &str, revision: u64, memory: u64) -> Vec<Command> {
        let order = self.order(action, revision, memory);
        self.on(Event::Create(order))
    }

    /// A container of this action that was started, has run, and is paused.
    fn parked(&mut self, action: &str, revision: u64, memory: u64) -> u64 {
        let said = self.create(action, revision, memory);
        let [Command::Start { container, .. }] = said[..] else { panic!("{said:?}") };
        self.notes(container.0, &[Note::Created, Note::Resting, Note::Parked]);
        container.0
    }

    fn after(&mut self, time: Duration) -> Vec<Command> {
        let end = self.now + time;
        while let Some(at) = self.pool.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.pool.tick(self.now, &mut self.out);
        }
        self.now = end;
        std::mem::take(&mut self.out)
    }
}

fn queue(action: &str) -> Arc<QueueKey> {
    let action = FullyQualifiedName::parse(&format!("ns/{action}")).unwrap();
    Arc::new(QueueKey { namespace: action.path.namespace(), action })
}

fn spec(memory: u64) -> Spec {
    Spec { kind: Arc::from("nodejs:20"), image: None, memory, slots: 1 }
}

fn cells(memory: u64, initial: u32, reactive: Option<Reactive>) -> StemCells {
    StemCells { kind: Arc::from("nodejs:20"), memory, initial, reactive }
}

/// What came of an order, in short.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Started(u64),
    Assigned(u64),
    Evicting(Vec<u64>),
    Refused,
}

fn choice(said: &[Command]) -> Choice {
    match said {
        [Command::Start { container, assignment: Some(_), .. }] => Choice::Started(container.0),
        [Command::Assign { container, .. }] => Choice::Assigned(container.0),
        [Command::Refuse { .. }] => Choice::Refused,
        evictions if !evictions.is_empty() => Choice::Evicting(
            evictions
                .iter()
                .map(|command| match command {
                    Command::Evict { container } => container.0,
                    other => panic!("{other:?}"),
                })
                .collect(),
        ),
        none => panic!("{none:?}"),
    }
}

#[test]
fn pool_02_a_paused_match_comes_before_a_stem_cell_and_that_before_a_new_container() {
    let mut bench = Bench::with_cells(1024, cells(256, 1, None));
    assert_eq!(bench.pool.ready_stem_cells(), 1);
    assert_eq!(choice(&bench.create("a", 1, 256)), Choice::Assigned(1));
    assert_eq!(choice(&bench.create("a", 1, 256)), Choice::Started(2));
    bench.notes(2, &[Note::Created, Note::Resting, Note::Parked]);
    bench.after(Duration::from_millis(500));
    bench.note(3, Note::Created);
    assert_eq!(bench.pool.ready_stem_cells(), 1);
    assert_eq!(choice(&bench.create("a", 1, 256)), Choice::Assigned(2));
    assert_eq!(choice(&bench.create("a", 1, 256)), Choice::Assigned(3));
}

#[test]
fn pool_01_e1_5233_a_paused_container_serves_only_its_own_revision_and_namespace() {
    let mut bench = Bench::of(1024);
    let old = bench.parked("a", 1, 256);
    assert_eq!(choice(&bench.create("a", 2, 256)), Choice::Started(2));
    assert_eq!(choice(&bench.create("b", 1, 256)), Choice::Started(3));
    let mut foreign = bench.order("a", 1, 256);
    let theirs = FullyQualifiedName::parse("other/x").unwrap().path.namespace();
    foreign.queue = Arc::new(QueueKey { namespace: theirs, action: foreign.queue.action.clone() });
    assert_eq!(choice(&bench.on(Event::Create(foreign))), Choice::Started(4));
    assert_eq!(choice(&bench.create("a", 1, 256)), Choice::Assigned(old));
}

#[test]
fn of_several_paused_containers_the_last_used_one_is_taken() {
    let mut bench = Bench::of(1024);
    bench.parked("a", 1, 256);
    assert_eq!(choice(&bench.create("a", 1, 256)), Choice::Assigned(1));
    let second = bench.parked("a", 1, 256);
    bench.notes(1, &[Note::Parked]);
    assert_eq!(choice(&bench.create("a", 1, 256)), Choice::Assigned(1));
    assert_eq!(choice(&bench.create("a", 1, 256)), Choice::Assigned(second));
}

#[test]
fn stem_cells_are_for_their_own_kind_and_memory_however_many_run_at_a_time() {
    let mut bench = Bench::with_cells(4096, cells(256, 1, None));
    assert_eq!(choice(&bench.create("a", 1, 128)), Choice::Started(2));
    let mut python = bench.order("b", 1, 256);
    python.spec.kind = Arc::from("python:3.11");
    assert_eq!(choice(&bench.on(Event::Create(python))), Choice::Started(3));
    let mut image = bench.order("d", 1, 256);
    image.spec.image = Some(Arc::from("me/mine"));
    assert_eq!(choice(&bench.on(Event::Create(image))), Choice::Started(4));
    let mut many = bench.order("c", 1, 256);
    many.spec.slots = 4;
    assert_eq!(choice(&bench.on(Event::Create(many))), Choice::Assigned(1));
}

#[test]
fn e3_11_a_promoted_stem_cell_counts_with_its_own_memory() {
    let config = Config { memory: 512, promotion: true, ..Config::default() };
    let mut bench = Bench::new(Config { stem_cells: vec![cells(512, 1, None)], ..config });
    bench.on(Event::Open);
    bench.note(1, Note::Created);
    assert_eq!(choice(&bench.create("a", 1, 128)), Choice::Assigned(1));
    assert_eq!(bench.pool.used(), 512);
    assert_eq!(choice(&bench.create("b", 1, 128)), Choice::Refused);
}

#[test]
fn e3_11_stem_cells_count_as_memory_and_are_given_up_first() {
    let mut bench = Bench::with_cells(512, cells(256, 2, None));
    assert_eq!((bench.pool.ready_stem_cells(), bench.pool.used()), (2, 512));
    let order = bench.create("a", 1, 128);
    assert_eq!(choice(&order), Choice::Evicting(vec![1]));
    bench.note(1, Note::Leaving);
    assert_eq!(choice(&bench.note(1, Note::Gone)), Choice::Started(3));
    assert_eq!(bench.pool.used(), 384);
}

#[test]
fn the_least_recently_used_paused_container_is_evicted_then_resting_ones_never_busy_ones() {
    let mut bench = Bench::of(768);
    let busy = bench.create("busy", 1, 256);
    assert_eq!(choice(&busy), Choice::Started(1));
    let resting = bench.create("resting", 1, 256);
    assert_eq!(choice(&resting), Choice::Started(2));
    bench.note(2, Note::Resting);
    let paused = bench.parked("paused", 1, 256);
    assert_eq!(choice(&bench.create("x", 1, 256)), Choice::Evicting(vec![paused]));
    assert_eq!(choice(&bench.create("y", 1, 256)), Choice::Evicting(vec![2]));
    assert_eq!(choice(&bench.create("z", 1, 256)), Choice::Refused);
    assert_eq!(choice(&bench.note(2, Note::Gone)), Choice::Started(4));
    assert_eq!(choice(&bench.note(paused, Note::Gone)), Choice::Started(5));
}

#[test]
fn nothing_is_evicted_that_does_not_have_to_be_and_nothing_for_an_order_that_cannot_be_served() {
    let mut bench = Bench::of(768);
    bench.parked("small", 1, 128);
    let big = bench.parked("big", 1, 512);
    assert_eq!(choice(&bench.create("x", 1, 600)), Choice::Evicting(vec![big]));
    assert_eq!(choice(&bench.create("y", 1, 700)), Choice::Refused);
    assert_eq!(choice(&bench.create("z", 1, 769)), Choice::Refused);
    assert_eq!(choice(&bench.create("small", 1, 128)), Choice::Assigned(1));
}

#[test]
fn an_eviction_that_comes_too_late_costs_another_container_or_the_order() {
    let mut bench = Bench::of(512);
    for container in 1..=2 {
        bench.create("a", container, 256);
        bench.notes(container, &[Note::Created, Note::Resting]);
    }
    assert_eq!(choice(&bench.create("x", 1, 256)), Choice::Evicting(vec![1]));
    assert_eq!(choice(&bench.note(1, Note::Working)), Choice::Evicting(vec![2]));
    assert_eq!(choice(&bench.note(2, Note::Working)), Choice::Refused);
    assert_eq!(bench.pool.free(), 0);
}

#[test]
fn an_order_that_comes_back_finds_another_container() {
    let mut bench = Bench::of(1024);
    let first = bench.parked("a", 1, 256);
    let order = bench.order("a", 1, 256);
    assert_eq!(choice(&bench.on(Event::Create(order.clone()))), Choice::Assigned(first));
    let again = bench.note(first, Note::Returned(Box::new(order.clone())));
    assert_eq!(choice(&again), Choice::Started(2));
    bench.note(first, Note::Gone);
    // Even from one that the pool has forgotten.
    assert_eq!(choice(&bench.note(first, Note::Returned(Box::new(order)))), Choice::Started(3));
}

#[test]
fn pool_03_e3_13_of_containers_that_expire_together_as_many_stay_as_are_kept() {
    let mut bench = Bench::of(1024);
    let keep = Keep { count: 2, timeout: MINUTE };
    for container in 1..=4 {
        let order = Assignment { keep, ..bench.order("a", 1, 128) };
        assert_eq!(choice(&bench.on(Event::Create(order))), Choice::Started(container));
    }
    for container in 1..=4 {
        bench.notes(container, &[Note::Created, Note::Parked]);
    }
    let said: Vec<Command> = (1..=4).flat_map(|container| bench.note(container, Note::Expired)).collect();
    let removed = |number| Command::Remove { container: ContainerId(number) };
    let kept = |number| Command::Keep { container: ContainerId(number), time: MINUTE };
    assert_eq!(said, [removed(1), removed(2), kept(3), kept(4)]);
}

#[test]
fn pool_03_without_a_keep_count_an_expired_container_goes() {
    let mut bench = Bench::of(1024);
    let container = bench.parked("a", 1, 128);
    let removed = Command::Remove { container: ContainerId(container) };
    assert_eq!(bench.note(container, Note::Expired), [removed]);
    // It had been taken by an order when it spoke: nothing comes of it.
    let other = bench.parked("b", 1, 128);
    bench.create("b", 1, 128);
    assert_eq!(bench.note(other, Note::Expired), []);
}

#[test]
fn e3_15_outdated_containers_are_found_by_their_revision_in_every_stage() {
    let mut bench = Bench::of(4096);
    let old_paused = bench.parked("a", 9, 256);
    bench.create("a", 10, 256); // still being made
    bench.create("a", 100, 256); // newer, although "100" sorts before "9"
    bench.create("ab", 1, 256);
    let newest_paused = bench.parked("a", 101, 256);
    let said = bench.on(Event::RemoveOutdated { queue: queue("a"), up_to: Revision(10) });
    let removed = |number| Command::Remove { container: ContainerId(number) };
    assert_eq!(said, [removed(old_paused), removed(2)]);
    assert_eq!(choice(&bench.create("a", 101, 256)), Choice::Assigned(newest_paused));
    // The removed ones cannot be had any more.
    assert_eq!(choice(&bench.create("a", 9, 256)), Choice::Started(6));
}

#[test]
fn an_outdated_order_that_waits_for_memory_is_refused() {
    let mut bench = Bench::of(256);
    bench.parked("b", 1, 256);
    assert_eq!(choice(&bench.create("a", 1, 256)), Choice::Evicting(vec![1]));
    let said = bench.on(Event::RemoveOutdated { queue: queue("a"), up_to: Revision(1) });
    assert_eq!(choice(&said), Choice::Refused);
    assert_eq!(bench.note(1, Note::Gone), []);
}

#[test]
fn a_lost_schedulers_orders_are_forgotten_and_its_containers_set_free() {
    let mut bench = Bench::of(512);
    bench.create("a", 1, 256);
    bench.notes(1, &[Note::Created]);
    bench.parked("b", 1, 256);
    assert_eq!(choice(&bench.create("c", 1, 256)), Choice::Evicting(vec![2]));
    let said = bench.on(Event::SchedulerLost(SchedulerId(0)));
    assert_eq!(said, [Command::Detach { container: ContainerId(1) }]);
    assert_eq!(bench.note(2, Note::Gone), []);
    bench.notes(1, &[Note::Parked]);
    let mut order = bench.order("a", 1, 256);
    order.scheduler = SchedulerId(1);
    assert_eq!(choice(&bench.on(Event::Create(order))), Choice::Assigned(1));
}

#[test]
fn a_pool_that_drains_refuses_orders_and_ends_when_all_are_gone() {
    let mut bench = Bench::with_cells(1024, cells(256, 1, None));
    bench.create("a", 1, 128);
    let parked = bench.parked("b", 1, 128);
    let said = bench.on(Event::Drain);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said.iter().all(|command| matches!(command, Command::Remove { .. })));
    let refused = bench.create("c", 1, 128);
    let [Command::Refuse { failure: CreationFailure::ShuttingDown, .. }] = refused[..] else {
        panic!("{refused:?}")
    };
    assert_eq!(bench.note(1, Note::Gone), []);
    assert_eq!(bench.note(2, Note::Gone), []);
    assert_eq!(bench.note(parked, Note::Gone), [Command::Drained]);
    assert_eq!(bench.after(60 * MINUTE), []);
    assert_eq!(Bench::of(1).on(Event::Drain), [Command::Drained]);
}

#[test]
fn stem_cells_are_made_one_at_a_time_and_replaced_after_use() {
    let mut bench = Bench::new(Config { stem_cells: vec![cells(128, 3, None)], ..Config::default() });
    let started = |said: &[Command]| {
        let cell = |command: &&Command| matches!(command, Command::Start { assignment: None, .. });
        said.iter().filter(cell).count()
    };
    assert_eq!(started(&bench.on(Event::Open)), 1);
    assert_eq!(started(&bench.after(MINUTE)), 0);
    for container in 1..=2 {
        bench.note(container, Note::Created);
        assert_eq!(started(&bench.after(Duration::from_secs(1))), 1);
    }
    bench.note(3, Note::Created);
    assert_eq!(started(&bench.after(MINUTE)), 0);
    assert_eq!(choice(&bench.create("a", 1, 128)), Choice::Assigned(1));
    assert_eq!(started(&bench.after(Duration::from_millis(199))), 0);
    assert_eq!(started(&bench.after(Duration::from_millis(1))), 1);
}

#[test]
fn a_stem_cell_that_is_being_made_is_better_than_a_new_container() {
    let mut bench = Bench::new(Config { stem_cells: vec![cells(128, 1, None)], ..Config::default() });
    bench.on(Event::Open);
    assert_eq!(choice(&bench.create("a", 1, 128)), Choice::Assigned(1));
}

#[test]
fn stem_cells_never_evict() {
    let mut bench = Bench::with_cells(512, cells(256, 1, None));
    bench.parked("a", 1, 128);
    bench.parked("b", 1, 128);
    assert_eq!(choice(&bench.create("c", 1, 256)), Choice::Assigned(1));
    assert_eq!((bench.after(MINUTE), bench.pool.used()), (vec![], 512));
    // Once there is room, there is one again.
    bench.note(1, Note::Gone);
    assert!(matches!(bench.after(MINUTE)[..], [Command::Start { assignment: None, .. }]));
}

#[test]
fn after_more_than_five_failures_stem_cells_wait_for_the_next_check() {
    let mut bench = Bench::new(Config { stem_cells: vec![cells(128, 1, None)], ..Config::default() });
    let mut said = bench.on(Event::Open);
    let mut tries = 0;
    while let [Command::Start { container, .. }] = said[..] {
        tries += 1;
        // The third one is made and then ends by itself, which counts as well.
        if tries == 3 {
            bench.note(container.0, Note::Created);
            bench.note(container.0, Note::Leaving);
            bench.note(container.0, Note::Gone);
        } else {
            bench.note(container.0, Note::CreateFailed);
        }
        said = bench.after(MINUTE);
    }
    assert_eq!(tries, 6);
    assert!(matches!(bench.after(5 * MINUTE)[..], [Command::Start { .. }]));
}

#[test]
fn pool_04_the_number_of_stem_cells_follows_cold_starts() {
    let rule = Reactive { min: 1, max: 3, ttl: MINUTE, threshold: 1, increment: 1 };
    let mut bench = Bench::with_cells(4096, cells(128, 0, Some(rule)));
    for number in 1..=2 {
        assert_eq!(choice(&bench.create("a", 1, 128)), Choice::Started(number));
    }
    let mut made = Vec::new();
    let mut said = bench.after(10 * MINUTE);
    while let [Command::Start { container, assignment: None, .. }] = said[..] {
        made.push(container.0);
        bench.note(container.0, Note::Created);
        said = bench.after(Duration::from_secs(1));
    }
    assert_eq!(made, [3, 4]);
    // No cold start since: the least number is enough, and the other one is old.
    assert_eq!(bench.after(10 * MINUTE), [Command::Remove { container: ContainerId(3) }]);
}

/// A pool that starts so many containers at a time.
fn starting(concurrent_starts: usize) -> Bench {
    Bench::new(Config { memory: 4096, concurrent_starts, ..Config::default() })
}

/// The actions whose containers are begun, in order.
fn begun(said: &[Command]) -> Vec<String> {
    let action = |command: &Command| match command {
        Command::Start { assignment: Some(order), .. } => order.queue.action.name.to_string(),
        other => panic!("{other:?}"),
    };
    said.iter().map(action).collect()
}

#[test]
fn so_many_containers_start_at_a_time_and_one_more_for_each_that_has_its_code() {
    let mut bench = starting(2);
    assert_eq!(begun(&bench.create("a", 1, 128)), ["a"]);
    assert_eq!(begun(&bench.create("b", 1, 128)), ["b"]);
    for action in ["c", "d", "e", "f"] {
        assert_eq!(bench.create(action, 1, 128), []);
    }
    assert_eq!(bench.note(1, Note::Created), [], "it has no code yet");
    assert_eq!(begun(&bench.note(1, Note::Initialised)), ["c"]);
    assert_eq!(begun(&bench.note(2, Note::CreateFailed)), ["d"]);
    assert_eq!(begun(&bench.note(3, Note::Leaving)), ["e"]);
    assert_eq!(bench.note(3, Note::Gone), [], "it was not starting any more");
    assert_eq!(begun(&bench.note(5, Note::Resting)), ["f"], "it was made and nobody needed it");
}

#[test]
fn a_start_that_takes_long_keeps_nobody_from_starting() {
    let mut bench = starting(1);
    bench.create("slow", 1, 128);
    assert_eq!(bench.create("next", 1, 128), []);
    assert_eq!(bench.after(START_PATIENCE - Duration::from_millis(2)), []);
    assert_eq!(begun(&bench.after(Duration::from_millis(2))), ["next"]);
    assert_eq!(bench.pool.next_deadline(), None, "nobody waits for a place");
}

#[test]
fn an_action_that_starts_one_container_does_not_wait_for_another_that_starts_many() {
    let mut bench = starting(1);
    assert_eq!(begun(&bench.create("many", 1, 128)), ["many"]);
    for _ in 0..4 {
        assert_eq!(bench.create("many", 1, 128), []);
    }
    assert_eq!(begun(&bench.note(1, Note::Initialised)), ["many"]);
    for action in ["few", "other", "few"] {
        assert_eq!(bench.create(action, 1, 128), []);
    }
    let mut order = Vec::new();
    for container in 2..8 {
        order.extend(begun(&bench.note(container, Note::Initialised)));
    }
    assert_eq!(order, ["few", "other", "many", "few", "many", "many"]);
    assert_eq!(bench.note(8, Note::Initialised), []);
}

#[test]
fn an_order_that_waits_for_a_place_has_its_memory() {
    let mut bench = Bench::new(Config { memory: 384, concurrent_starts: 1, ..Config::default() });
    assert_eq!(begun(&bench.create("a", 1, 128)), ["a"]);
    assert_eq!(bench.create("b", 1, 256), []);
    assert_eq!((bench.pool.used(), bench.pool.free(), bench.pool.unused()), (128, 0, 0));
    assert_eq!(choice(&bench.create("c", 1, 128)), Choice::Refused);
    assert_eq!(begun(&bench.note(1, Note::Initialised)), ["b"]);
}

#[test]
fn an_order_whose_memory_is_not_free_yet_lets_others_pass() {
    let mut bench = starting(1);
    bench.parked("old", 1, 4096 - 256);
    assert_eq!(choice(&bench.create("big", 1, 512)), Choice::Evicting(vec![1]));
    assert_eq!(begun(&bench.create("small", 1, 256)), ["small"]);
    assert_eq!(bench.note(1, Note::Gone), [], "there is no place");
    assert_eq!(begun(&bench.note(2, Note::Initialised)), ["big"]);
}

/// An order for an action that nothing serves.
fn insist(bench: &mut Bench, action: &str, memory: u64) -> Vec<Command> {
    let order = Assignment { insists: true, ..bench.order(action, 1, memory) };
    bench.on(Event::Create(order))
}

/// A container of this action that was started just now.
fn busy(bench: &mut Bench, action: &str, memory: u64) -> u64 {
    let said = bench.create(action, 1, memory);
    let [Command::Start { container, .. }] = said[..] else { panic!("{said:?}") };
    bench.notes(container.0, &[Note::Created, Note::Initialised]);
    container.0
}

#[test]
fn an_action_that_nothing_serves_gets_the_place_of_one_that_has_had_its_turn() {
    let mut bench = Bench::of(512);
    let busy = busy(&mut bench, "busy", 512);
    bench.after(LEAST_TURN - Duration::from_millis(10));
    assert_eq!(choice(&insist(&mut bench, "other", 256)), Choice::Refused, "its turn has just begun");
    bench.after(Duration::from_millis(10));
    assert_eq!(choice(&bench.create("other", 1, 256)), Choice::Refused, "nobody insists");
    assert_eq!(insist(&mut bench, "other", 256), [Command::Remove { container: ContainerId(busy) }]);
    assert_eq!(choice(&insist(&mut bench, "third", 512)), Choice::Refused, "it is going already");
    bench.notes(busy, &[Note::Working, Note::Leaving]);
    assert_eq!(begun(&bench.note(busy, Note::Gone)), ["other"]);
}

#[test]
fn the_turn_of_a_container_that_was_slow_to_start_is_longer() {
    let mut bench = Bench::of(512);
    bench.create("slow", 1, 512);
    bench.after(Duration::from_millis(98));
    bench.notes(1, &[Note::Created, Note::Initialised]);
    bench.after(Duration::from_millis(980));
    assert_eq!(choice(&insist(&mut bench, "other", 256)), Choice::Refused);
    bench.after(Duration::from_millis(20));
    assert_eq!(insist(&mut bench, "other", 256), [Command::Remove { container: ContainerId(1) }]);
}

#[test]
fn who_holds_the_most_memory_makes_room_first_and_only_as_much_as_is_needed() {
    let mut bench = Bench::of(1024);
    let only = busy(&mut bench, "one", 256);
    let first = busy(&mut bench, "many", 256);
    busy(&mut bench, "many", 256);
    let resting = busy(&mut bench, "resting", 256);
    bench.after(LEAST_TURN);
    bench.note(resting, Note::Resting);
    assert_eq!(choice(&insist(&mut bench, "a", 256)), Choice::Evicting(vec![resting]), "it is not needed");
    assert_eq!(insist(&mut bench, "b", 256), [Command::Remove { container: ContainerId(first) }]);
    let rest = insist(&mut bench, "c", 512);
    assert_eq!(rest[0], Command::Remove { container: ContainerId(only) }, "all hold the same now");
    assert_eq!(rest.len(), 2);
    assert_eq!(choice(&insist(&mut bench, "d", 256)), Choice::Refused);
}

/// What a test does to a pool.
#[derive(Clone, Debug)]
enum Step {
    Order { action: u8, memory: u8, insists: bool },
    Speak { which: usize, what: u8 },
    Outdate { action: u8 },
    LoseScheduler,
    Wait { millis: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4u8, 1..5u8, any::<bool>())
            .prop_map(|(action, memory, insists)| Step::Order { action, memory, insists }),
        8 => (any::<usize>(), 0..9u8).prop_map(|(which, what)| Step::Speak { which, what }),
        1 => (0..4u8).prop_map(|action| Step::Outdate { action }),
        1 => Just(Step::LoseScheduler),
        1 => (0..2_000u32).prop_map(|millis| Step::Wait { millis }),
    ]
}

proptest! {
    /// Memory is never over-committed, every order gets exactly one answer, and a drained pool is empty, whatever its
    /// containers say and when.
    #[test]
    fn memory_is_kept_and_every_order_is_answered(steps in prop::collection::vec(step(), 1..120)) {
        let mut bench = Bench::new(Config {
            memory: 1024,
            stem_cells: vec![cells(128, 2, None)],
            concurrent_starts: 2,
            ..Config::default()
        });
        let mut memory: BTreeMap<u64, u64> = BTreeMap::new();
        let mut orders: BTreeMap<CreationId, u32> = BTreeMap::new();
        let mut lost = false;
        let mut said = bench.on(Event::Open);
        let end = [Step::Wait { millis: 1 }];
        for step in steps.iter().chain(&end) {
            for command in said {
                match command {
                    Command::Start { container, spec, assignment } => {
                        prop_assert!(memory.insert(container.0, spec.memory).is_none());
                        if let Some(order) = assignment {
                            *orders.get_mut(&order.creation).unwrap() += 1;
                        }
                    }
                    Command::Assign { container, assignment } => {
                        prop_assert!(memory[&container.0] >= assignment.spec.memory);
                        *orders.get_mut(&assignment.creation).unwrap() += 1;
                    }
                    Command::Refuse { creation, .. } => *orders.get_mut(&creation).unwrap() += 1,
                    Command::Remove { container } | Command::Evict { container } => {
                        prop_assert!(memory.contains_key(&container.0), "{container} is gone");
                    }
                    Command::Keep { .. } | Command::Detach { .. } | Command::Drained => {}
                }
            }
            let used = memory.values().sum::<u64>();
            prop_assert!(used <= 1024);
            prop_assert_eq!(used, bench.pool.used());
            prop_assert!(orders.values().all(|answers| *answers <= 1), "{:?}", orders);
            said = match step {
                Step::Order { action, memory, insists } => {
                    let (action, memory) = (format!("a{action}"), u64::from(*memory));
                    let order = Assignment { insists: *insists, ..bench.order(&action, memory, memory * 128) };
                    orders.insert(order.creation, 0);
                    bench.on(Event::Create(order))
                }
                Step::Speak { which, what } => {
                    let Some(container) = memory.keys().nth(which % memory.len().max(1)).copied() else {
                        said = Vec::new();
                        continue;
                    };
                    let note = match what {
                        0 => Note::Created,
                        1 => Note::Resting,
                        2 => Note::Working,
                        3 | 4 => Note::Parked,
                        5 => Note::Expired,
                        6 => Note::Leaving,
                        7 => Note::Initialised,
                        _ => Note::Gone,
                    };
                    if note == Note::Gone {
                        memory.remove(&container);
                    }
                    bench.note(container, note)
                }
                Step::Outdate { action } => {
                    let queue = queue(&format!("a{action}"));
                    bench.on(Event::RemoveOutdated { queue, up_to: Revision(2) })
                }
                Step::LoseScheduler => {
                    lost = true;
                    bench.on(Event::SchedulerLost(SchedulerId(0)))
                }
                Step::Wait { millis } => bench.after(Duration::from_millis(u64::from(*millis))),
            };
        }
        for command in &said {
            if let Command::Start { container, spec, assignment } = command {
                memory.insert(container.0, spec.memory);
                if let Some(order) = assignment {
                    *orders.get_mut(&order.creation).unwrap() += 1;
                }
            }
        }
        // Whatever was told to go goes, and then nobody waits any more.
        let mut answers = bench.on(Event::Drain);
        for container in memory.into_keys() {
            answers.extend(bench.note(container, Note::Gone));
        }
        for command in said.into_iter().chain(answers.iter().cloned()) {
            if let Command::Refuse { creation, .. } = command {
                *orders.get_mut(&creation).unwrap() += 1;
            }
        }
        prop_assert!(lost || orders.values().all(|answers| *answers == 1), "{:?}", orders);
        prop_assert_eq!(answers.last(), Some(&Command::Drained));
        prop_assert!(bench.pool.is_empty());
    }
}
