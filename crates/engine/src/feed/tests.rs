use super::*;
use crate::queue::ActionFacts;
use std::time::Duration;
use types::{EntityName, FullyQualifiedName, Revision};

/// An activation of an action with that memory and that many slots.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    id: u128,
    memory: u64,
    slots: u32,
    revision: u64,
    blackbox: bool,
}

impl Message for Call {
    type Action = u64;

    fn id(&self) -> ActivationId {
        ActivationId::from_bits(self.id)
    }

    fn revision(&self) -> Revision {
        Revision(self.revision)
    }

    fn action(&self) -> &u64 {
        &self.revision
    }

    fn facts(&self) -> ActionFacts {
        let Call { memory, slots, blackbox, .. } = *self;
        ActionFacts { concurrency: slots, instances: None, memory, blackbox }
    }

    fn size(&self) -> u64 {
        10
    }

    fn blocking(&self) -> bool {
        true
    }

    fn caused(&self) -> bool {
        false
    }

    fn repeatable(&self) -> bool {
        false
    }

    fn with_action(&self, action: &u64) -> Call {
        Call { revision: *action, ..self.clone() }
    }
}

fn call(id: u128) -> Call {
    Call { id, memory: 256, slots: 1, revision: 1, blackbox: false }
}

/// A feed and a clock that stands still unless it is moved.
struct Bench {
    feed: Feed<Call>,
    now: Instant,
}

impl Bench {
    /// An invoker with that memory.
    fn new(memory: u64) -> Bench {
        Bench::with(memory, Config::default())
    }

    fn with(memory: u64, config: Config) -> Bench {
        let mut bench = Bench { feed: Feed::new(config), now: Instant::ZERO };
        bench.tell(Event::Invoker { up: true, memory });
        bench
    }

    fn pass(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        let mut out = Vec::new();
        self.feed.tick(self.now, &mut out);
        texts(&out)
    }

    fn submit(&mut self, action: &str, call: Call) -> Vec<String> {
        self.try_submit(action, call).unwrap()
    }

    fn try_submit(&mut self, action: &str, call: Call) -> Result<Vec<String>, RefusalReason> {
        self.now += Duration::from_millis(1);
        let namespace = EntityName::new("ns").unwrap();
        let action = FullyQualifiedName::parse(&format!("ns/{action}")).unwrap();
        let mut out = Vec::new();
        let queue = Arc::new(QueueKey { namespace, action });
        self.feed.submit(self.now, queue, call, &mut out).map(|()| texts(&out))
    }

    fn tell(&mut self, event: Event) -> Vec<String> {
        self.now += Duration::from_millis(1);
        let mut out = Vec::new();
        self.feed.handle(self.now, event, &mut out);
        assert!(
            self.feed.memory_in_use() <= self.feed.memory.unwrap_or_default(),
            "memory is over-committed"
        );
        texts(&out)
    }

    fn created(&mut self, creation: u64, container: u64) -> Vec<String> {
        self.created_with(creation, container, 1)
    }

    fn created_with(&mut self, creation: u64, container: u64, slots: u32) -> Vec<String> {
        let (creation, container) = (CreationId(creation), ContainerId(container));
        self.tell(Event::Created { creation, container, revision: Revision(1), slots })
    }

    fn started(&mut self, activation: u128) {
        let (activation, attempt) = (ActivationId::from_bits(activation), Attempt(1));
        assert!(self.tell(Event::Started { activation, attempt }).is_empty());
    }

    fn finished(&mut self, container: u64, activation: u128) -> Vec<String> {
        self.ended(container, activation, true)
    }

    fn ended(&mut self, container: u64, activation: u128, healthy: bool) -> Vec<String> {
        let (container, activation) = (ContainerId(container), ActivationId::from_bits(activation));
        self.tell(Event::Finished { container, activation, run: Duration::ZERO, healthy })
    }

    fn nack(&mut self, container: u64, activation: u128, attempt: u32, reason: NackReason) -> Vec<String> {
        let (container, activation) = (ContainerId(container), ActivationId::from_bits(activation));
        self.tell(Event::Nack { container, activation, attempt: Attempt(attempt), reason })
    }

    fn gone(&mut self, container: u64) -> Vec<String> {
        self.tell(Event::Gone { container: ContainerId(container) })
    }

    fn paused(&mut self, container: u64) -> Vec<String> {
        self.tell(Event::Idle { container: ContainerId(container), paused: true })
    }

    fn failed(&mut self, creation: u64, failure: CreationFailure) -> Vec<String> {
        self.tell(Event::CreationFailed { creation: CreationId(creation), failure })
    }
}

fn texts(commands: &[Command<Call>]) -> Vec<String> {
    let text = |command: &Command<Call>| match command {
        Command::Dispatch { container, attempt, message } => {
            format!("{} to {} ({})", message.id, container.0, attempt.0)
        }
        Command::Create { creation, queue, .. } => format!("create {} for {}", creation.0, queue.action.name),
        Command::Remove { container } => format!("remove {}", container.0),
        Command::Drop { message, reason } => format!("drop {}: {}", message.id, reason.text()),
        Command::Lost { message, container } => format!("lost {} in {}", message.id, container.0),
    };
    commands.iter().map(text).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn d4_warm_containers_come_first_then_new_ones() {
    let mut bench = Bench::new(1024);
    assert_eq!(bench.submit("a", call(1)), ["create 0 for a"]);
    assert_eq!(bench.submit("a", call(2)), ["create 1 for a"]);
    assert_eq!(bench.created(0, 100), ["1 to 100 (1)"]);
    assert_eq!(bench.created(1, 101), ["2 to 101 (1)"]);
    assert_eq!(bench.finished(100, 1), NOTHING);
    assert_eq!(bench.submit("a", call(3)), ["3 to 100 (1)"]);
    // The same action in another revision is another one.
    assert_eq!(bench.finished(101, 2), NOTHING);
    assert_eq!(bench.submit("a", Call { revision: 2, ..call(4) }), ["create 2 for a"]);
}

#[test]
fn d4_the_head_blocks_the_line() {
    let mut bench = Bench::new(512);
    bench.submit("slow", call(1));
    bench.created(0, 100);
    bench.submit("fast", call(2));
    bench.created(1, 101);
    // There is no room for a second container of `slow`, and none can be dropped.
    assert_eq!(bench.submit("slow", call(3)), NOTHING);
    assert_eq!(bench.finished(101, 2), ["remove 101"], "what is idle goes for the head's sake");
    // The container of `fast` would have been free: all the same it waits behind `slow`.
    assert_eq!(bench.submit("fast", call(4)), NOTHING);
    assert_eq!(bench.feed.buffered(), 2);
    // Once the container is gone there is room for the head, and then for nothing else.
    assert_eq!(bench.gone(101), ["create 2 for slow"]);
    assert_eq!(bench.created(2, 102), ["3 to 102 (1)"]);
    assert_eq!(bench.finished(100, 1), ["remove 100"]);
    assert_eq!(bench.gone(100), ["create 3 for fast"]);
    assert_eq!(bench.feed.buffered(), 0);
}

#[test]
fn d4_one_that_could_run_waits_behind_one_that_cannot() {
    let mut bench = Bench::new(768);
    bench.submit("big", Call { memory: 512, ..call(1) });
    bench.created(0, 100);
    bench.submit("small", Call { slots: 2, ..call(2) });
    bench.created_with(1, 101, 2);
    assert_eq!(bench.submit("big", Call { memory: 512, ..call(3) }), NOTHING);
    // The container of `small` has a free slot.
    assert_eq!(bench.submit("small", Call { slots: 2, ..call(4) }), NOTHING);
    assert_eq!(bench.finished(100, 1), ["3 to 100 (1)", "4 to 101 (1)"]);
}

#[test]
fn d4_two_actions_with_room_for_one_evict_each_other() {
    let mut bench = Bench::new(256);
    assert_eq!(bench.submit("a", call(0)), ["create 0 for a"]);
    assert_eq!(bench.created(0, 0), ["0 to 0 (1)"]);
    for round in 1..10 {
        let id = u128::from(round);
        let name = if round % 2 == 1 { "b" } else { "a" };
        assert_eq!(bench.submit(name, call(id)), NOTHING);
        assert_eq!(bench.finished(round - 1, id - 1), [format!("remove {}", round - 1)]);
        assert_eq!(bench.gone(round - 1), [format!("create {round} for {name}")]);
        assert_eq!(bench.created(round, round), [format!("{id} to {round} (1)")]);
    }
}

#[test]
fn d4_the_least_recently_used_are_dropped_and_no_more_than_needed() {
    let mut bench = Bench::new(768);
    for (n, name) in ["a", "b", "c"].iter().enumerate() {
        let n = n as u64;
        bench.submit(name, call(u128::from(n)));
        bench.created(n, n);
    }
    for n in [1, 0, 2] {
        bench.finished(n, u128::from(n));
    }
    assert_eq!(bench.submit("d", Call { memory: 512, ..call(9) }), ["remove 1", "remove 0"]);
    assert_eq!(bench.gone(0), NOTHING, "still waiting for the other one, and nothing else is dropped");
    assert_eq!(bench.gone(1), ["create 3 for d"]);
}

#[test]
fn d4_paused_containers_are_resumed_without_more_memory() {
    let mut bench = Bench::new(256);
    bench.submit("a", call(1));
    bench.created(0, 100);
    bench.finished(100, 1);
    assert_eq!(bench.paused(100), NOTHING);
    assert_eq!(bench.submit("a", call(2)), ["create 1 for a"]);
    assert_eq!(bench.created(1, 100), ["2 to 100 (1)"]);
    assert_eq!(bench.feed.memory_in_use(), 256);
    bench.finished(100, 2);
    bench.paused(100);
    assert_eq!(bench.submit("b", call(3)), ["remove 100"], "paused ones can be dropped too");
    assert_eq!(bench.gone(100), ["create 2 for b"]);
}

#[test]
fn a_paused_container_that_ends_while_it_is_resumed_gives_its_memory_to_the_new_one() {
    let mut bench = Bench::new(256);
    bench.submit("a", call(1));
    bench.created(0, 100);
    bench.finished(100, 1);
    bench.paused(100);
    bench.submit("a", call(2));
    assert_eq!(bench.gone(100), NOTHING);
    assert_eq!(bench.feed.memory_in_use(), 256);
    assert_eq!(bench.created(1, 101), ["2 to 101 (1)"]);
}

#[test]
fn d4_slots_are_filled_before_a_container_is_made() {
    let mut bench = Bench::new(1024);
    let shared = |id| Call { slots: 3, ..call(id) };
    assert_eq!(bench.submit("a", shared(1)), ["create 0 for a"]);
    assert_eq!(bench.submit("a", shared(2)), NOTHING, "it goes into the one that is being made");
    assert_eq!(bench.created_with(0, 100, 3), ["1 to 100 (1)", "2 to 100 (1)"]);
    assert_eq!(bench.submit("a", shared(3)), ["3 to 100 (1)"]);
    assert_eq!(bench.submit("a", shared(4)), ["create 1 for a"]);
}

#[test]
fn d4_no_container_is_the_end_of_what_was_to_run_in_it() {
    let mut bench = Bench::new(512);
    bench.submit("a", call(1));
    let out = bench.failed(0, CreationFailure::Developer("no such kind".to_owned()));
    assert_eq!(out, ["drop 1: no such kind"]);
    bench.submit("a", call(2));
    let out = bench.failed(1, CreationFailure::Platform("disk full".to_owned()));
    assert_eq!(out, ["drop 2: Failed to provision resources to run the action."]);
    assert_eq!(bench.feed.memory_in_use(), 0);
    assert_eq!(bench.feed.next_deadline(), None);
}

#[test]
fn an_order_that_the_invoker_has_no_room_for_is_given_again() {
    let mut bench = Bench::new(512);
    bench.submit("a", call(1));
    bench.submit("b", call(2));
    assert_eq!(bench.failed(0, CreationFailure::NoResources), NOTHING);
    assert_eq!(bench.created(1, 100), ["2 to 100 (1)"]);
    assert_eq!(bench.submit("c", call(3)), NOTHING, "the head waits, so all do");
    assert_eq!(bench.pass(Config::default().retry_after), ["create 2 for a"]);
}

#[test]
fn what_waits_too_long_ends_wherever_it_waits() {
    let mut bench = Bench::new(256);
    bench.submit("a", call(1));
    assert_eq!(bench.submit("b", call(2)), NOTHING);
    assert_eq!(bench.submit("c", Call { blackbox: true, ..call(3) }), NOTHING);
    let minute = Duration::from_secs(60);
    let text = "The activation was not started within";
    let dropped = bench.pass(minute);
    assert_eq!(dropped.len(), 2, "{dropped:?}");
    assert!(
        dropped[0].starts_with(&format!("drop 1: {text}"))
            && dropped[1].starts_with(&format!("drop 2: {text}"))
    );
    assert_eq!(bench.created(0, 100), ["remove 100"], "nothing waits for it, and the head needs its memory");
    assert_eq!(bench.pass(4 * minute).len(), 1);
    assert_eq!(bench.feed.buffered(), 0);
}

#[test]
fn what_was_not_begun_is_handed_out_again_before_all_others() {
    let mut bench = Bench::new(256);
    bench.submit("a", call(1));
    bench.created(0, 100);
    bench.submit("b", call(2));
    assert_eq!(bench.nack(100, 1, 1, NackReason::Leaving), NOTHING);
    assert_eq!(bench.nack(100, 1, 1, NackReason::Leaving), NOTHING, "once");
    assert_eq!(bench.gone(100), ["create 1 for a"]);
    assert_eq!(bench.created(1, 101), ["1 to 101 (2)"]);
    assert_eq!(bench.nack(101, 1, 1, NackReason::Leaving), NOTHING, "of an earlier attempt");
    // A container that is not there at all is gone.
    assert_eq!(bench.nack(101, 1, 2, NackReason::Unknown), ["create 2 for a"]);
}

#[test]
fn what_nobody_begins_is_given_up_in_the_end() {
    let mut bench = Bench::with(256, Config { max_attempts: 2, ..Config::default() });
    bench.submit("a", call(1));
    bench.created(0, 100);
    assert_eq!(bench.nack(100, 1, 1, NackReason::Unknown), ["create 1 for a"]);
    bench.created(1, 101);
    let dropped = bench.nack(101, 1, 2, NackReason::Unknown);
    assert_eq!(dropped, ["drop 1: The activation was handed to 2 containers and none of them started it."]);
    assert_eq!(bench.feed.next_deadline(), None);
}

#[test]
fn what_was_begun_is_not_run_again() {
    let mut bench = Bench::new(512);
    bench.submit("a", call(1));
    bench.created(0, 100);
    bench.started(1);
    bench.submit("a", call(2));
    bench.created(1, 101);
    assert_eq!(bench.gone(100), ["lost 1 in 100"]);
    assert_eq!(bench.gone(101), ["create 2 for a"], "the other one had not begun");
}

#[test]
fn a_broken_container_takes_nothing_more_and_holds_its_memory_until_it_is_gone() {
    let mut bench = Bench::new(256);
    bench.submit("a", call(1));
    bench.created(0, 100);
    assert_eq!(bench.submit("a", call(2)), NOTHING);
    assert_eq!(bench.ended(100, 1, false), NOTHING);
    assert_eq!(bench.gone(100), ["create 1 for a"]);
}

#[test]
fn the_buffer_is_bounded() {
    let full = |config| {
        let mut bench = Bench::with(256, config);
        bench.submit("a", call(1));
        bench.submit("a", call(2));
        bench.submit("a", call(3));
        assert_eq!(bench.try_submit("a", call(4)), Err(RefusalReason::QueueFull));
        bench.created(0, 100);
        bench.finished(100, 1);
        assert_eq!(bench.submit("a", call(5)), NOTHING, "there is room again");
    };
    full(Config { max_waiting: 2, ..Config::default() });
    full(Config { max_waiting_bytes: 20, ..Config::default() });
}

#[test]
fn an_invoker_that_is_not_up_gets_no_orders() {
    let mut bench = Bench { feed: Feed::new(Config::default()), now: Instant::ZERO };
    assert_eq!(bench.submit("a", call(1)), NOTHING, "it may still come");
    let too_big = Call { memory: 1024, ..call(2) };
    assert_eq!(bench.tell(Event::Invoker { up: true, memory: 512 }), ["create 0 for a"]);
    assert_eq!(bench.try_submit("a", too_big), Err(RefusalReason::NoInvokers));
    bench.tell(Event::Invoker { up: false, memory: 512 });
    assert_eq!(bench.try_submit("a", call(3)), Err(RefusalReason::NoInvokers));
    assert_eq!(bench.failed(0, CreationFailure::ShuttingDown), NOTHING);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.tell(Event::Invoker { up: true, memory: 512 }), ["create 1 for a"]);
}

#[test]
fn a_draining_feed_serves_what_it_has() {
    let mut bench = Bench::new(256);
    bench.submit("a", call(1));
    bench.submit("a", call(2));
    assert_eq!(bench.tell(Event::Drain), NOTHING);
    assert_eq!(bench.try_submit("a", call(3)), Err(RefusalReason::ShuttingDown));
    assert_eq!(bench.created(0, 100), ["1 to 100 (1)"]);
    assert_eq!(bench.finished(100, 1), ["2 to 100 (1)"]);
}

#[test]
fn what_is_there_can_be_looked_at() {
    let mut bench = Bench::new(256);
    bench.submit("a", call(1));
    bench.created(0, 100);
    bench.submit("b", call(2));
    bench.submit("b", call(3));
    let stats: Vec<Stats> = bench.feed.stats().into_values().collect();
    let a = Stats { in_flight: 1, containers: 1, ..Stats::default() };
    let b = Stats { waiting: 2, waiting_bytes: 20, ..Stats::default() };
    assert_eq!(stats, [a, b]);
    assert_eq!(bench.feed.holder(ActivationId::from_bits(1)), Some(ContainerId(100)));
    assert_eq!(bench.feed.holder(ActivationId::from_bits(2)), None);
}
