use super::*;
use crate::placement::InvokerState;
use crate::queue::ActionFacts;
use types::{ContainerId, EntityName, FullyQualifiedName};

struct Bed {
    creation: Creation<&'static str>,
    now: Instant,
    /// How many orders each invoker was sent.
    sent: BTreeMap<u32, u64>,
}

fn queue(action: &str) -> Arc<QueueKey> {
    let namespace = EntityName::new("guest").unwrap();
    let action = FullyQualifiedName::parse(&format!("guest/{action}")).unwrap();
    Arc::new(QueueKey { namespace, action })
}

fn invoker(id: u32, free: u64) -> InvokerState {
    InvokerState {
        id: InvokerId(id),
        up: true,
        memory: 1_024,
        free,
        unused: free,
        orders: 0,
        tags: Vec::new(),
        dedicated: Vec::new(),
    }
}

fn at(invoker: u32, container: u64) -> ContainerRef {
    ContainerRef { invoker: InvokerId(invoker), container: ContainerId(container) }
}

impl Bed {
    fn new(invokers: impl IntoIterator<Item = InvokerState>) -> Bed {
        let mut bed = Bed {
            creation: Creation::new(CreationConfig::default()),
            now: Instant::from_millis(1_000),
            sent: BTreeMap::new(),
        };
        for state in invokers {
            bed.on(Event::Invoker(state));
        }
        bed
    }

    fn order(&mut self, number: u64) -> Vec<String> {
        self.order_of(number, "a", 1, false)
    }

    fn order_of(&mut self, number: u64, action: &str, revision: u64, blackbox: bool) -> Vec<String> {
        let facts = ActionFacts { concurrency: 1, instances: None, memory: 256, blackbox };
        let revision = Revision(revision);
        let request = CreateRequest { creation: CreationId(number), revision, action: "code", facts };
        self.on(Event::Order { queue: queue(action), request, resources: Vec::new() })
    }

    fn created(&mut self, number: u64, container: ContainerRef) -> Vec<String> {
        self.on(Event::Created {
            creation: CreationId(number),
            queue: queue("a"),
            container,
            revision: Revision(1),
            slots: 1,
            took: Duration::from_millis(5),
        })
    }

    /// The invoker says how it stands, with everything that was sent to it.
    fn stands(&mut self, id: u32, free: u64) -> Vec<String> {
        let orders = self.sent.get(&id).copied().unwrap_or_default();
        self.on(Event::Invoker(InvokerState { orders, ..invoker(id, free) }))
    }

    fn failed(&mut self, number: u64, invoker: u32, failure: CreationFailure) -> Vec<String> {
        self.on(Event::Failed { creation: CreationId(number), invoker: InvokerId(invoker), failure })
    }

    fn on(&mut self, event: Event<&'static str>) -> Vec<String> {
        let mut out = Vec::new();
        self.creation.handle(self.now, event, &mut out);
        self.texts(&out)
    }

    fn pass(&mut self, millis: u64) -> Vec<String> {
        let end = self.now + Duration::from_millis(millis);
        let mut out = Vec::new();
        while let Some(at) = self.creation.next_deadline().filter(|at| *at <= end) {
            self.now = at;
            self.creation.tick(self.now, &mut out);
        }
        self.now = end;
        self.texts(&out)
    }

    fn texts(&mut self, out: &[Command<&'static str>]) -> Vec<String> {
        for command in out {
            if let Command::Send { invoker, .. } = command {
                *self.sent.entry(invoker.0).or_default() += 1;
            }
        }
        out.iter().map(text).collect()
    }
}

fn text(command: &Command<&'static str>) -> String {
    match command {
        Command::Send { invoker, creation, insists, .. } => {
            let how = if *insists { " insisting" } else { "" };
            format!("send {} to {}{how}", creation.0, invoker.0)
        }
        Command::Created { creation, container, .. } => format!("{} is {container}", creation.0),
        Command::Failed { creation, failure, .. } => format!("{} failed: {failure}", creation.0),
        Command::Remove { container } => format!("remove {container}"),
    }
}

#[test]
fn an_order_is_sent_and_its_container_passed_on() {
    let mut bed = Bed::new([invoker(0, 1_024)]);
    assert_eq!(bed.order(1), ["send 1 to 0"]);
    assert_eq!(bed.created(1, at(0, 5)), ["1 is invoker0/container5"]);
    assert_eq!(bed.creation.open(), 0);
    assert_eq!(bed.creation.next_deadline(), None);
}

#[test]
fn e3_05_a_refused_order_goes_elsewhere_after_a_short_wait() {
    let mut bed = Bed::new([invoker(0, 1_024), invoker(1, 1_024), invoker(2, 300)]);
    let first = bed.order(1);
    let (first, second) = if first == ["send 1 to 0"] { (0, 1) } else { (1, 0) };
    assert!(bed.failed(1, first, CreationFailure::ShuttingDown).is_empty());
    assert!(bed.pass(99).is_empty());
    assert_eq!(bed.pass(1), [format!("send 1 to {second}")]);
    bed.failed(1, second, CreationFailure::Platform("disk full".to_owned()));
    assert_eq!(bed.pass(200), ["send 1 to 2"], "both others have just failed");
}

#[test]
fn retries_wait_longer_and_longer_and_end_at_the_deadline() {
    let mut bed = Bed::new([invoker(0, 1_024)]);
    bed.order(1);
    let mut waits = Vec::new();
    let failed = loop {
        bed.stands(0, 1_024);
        bed.failed(1, 0, CreationFailure::Platform("disk full".to_owned()));
        let before = bed.now;
        let mut out = Vec::new();
        while out.is_empty() {
            out = bed.pass(100);
        }
        waits.push((bed.now - before).as_millis());
        if out != ["send 1 to 0"] {
            break out;
        }
    };
    assert_eq!(failed, ["1 failed: disk full"]);
    assert_eq!(waits[..6], [100, 200, 400, 800, 1_600, 1_600]);
    assert_eq!(bed.now, Instant::from_millis(21_000));
}

#[test]
fn an_order_without_an_answer_times_out() {
    let mut bed = Bed::new([invoker(0, 1_024)]);
    bed.order(1);
    assert!(bed.pass(19_999).is_empty());
    assert_eq!(bed.pass(1), ["1 failed: no invoker provided it in time"]);
    assert_eq!(bed.created(1, at(0, 5)), ["remove invoker0/container5"], "nobody waits for it");
    bed.order_of(2, "b", 1, true);
    assert!(bed.pass(299_999).is_empty(), "an image may have to be pulled");
    assert_eq!(bed.pass(1).len(), 1);
}

#[test]
fn mistakes_of_the_developer_are_not_tried_again() {
    let mut bed = Bed::new([invoker(0, 1_024)]);
    bed.order(1);
    assert_eq!(
        bed.failed(1, 0, CreationFailure::Developer("no such kind".to_owned())),
        ["1 failed: no such kind"]
    );
    bed.order(2);
    assert_eq!(bed.failed(2, 0, CreationFailure::ActionMissing), ["2 failed: the action is no more"]);
}

#[test]
fn without_any_invoker_an_order_fails_soon() {
    let mut bed = Bed::new([]);
    assert!(bed.order(1).is_empty());
    assert!(bed.pass(2_999).is_empty());
    assert_eq!(bed.pass(1), ["1 failed: no invoker may run it"]);
}

#[test]
fn an_invoker_that_comes_up_gets_what_waits_at_once() {
    let mut bed = Bed::new([]);
    bed.order(1);
    bed.order(2);
    assert_eq!(bed.on(Event::Invoker(invoker(0, 300))), ["send 1 to 0"]);
    assert_eq!(bed.on(Event::Invoker(invoker(0, 600))), ["send 2 to 0"]);
}

#[test]
fn full_invokers_are_waited_for() {
    let mut bed = Bed::new([invoker(0, 256)]);
    assert_eq!(bed.order(1), ["send 1 to 0"]);
    assert!(bed.order(2).is_empty());
    bed.created(1, at(0, 1));
    assert!(bed.pass(10_000).is_empty());
    assert_eq!(bed.stands(0, 256), ["send 2 to 0"]);
}

#[test]
fn e3_06_orders_given_at_once_do_not_land_on_one_invoker() {
    let mut bed = Bed::new((0..3).map(|id| invoker(id, 256)));
    let mut sent: Vec<String> = (1..=3).flat_map(|number| bed.order(number)).collect();
    assert_eq!(bed.order(4), Vec::<String>::new());
    sent.sort_by_key(|text| text.chars().last());
    let ends: Vec<char> = sent.iter().filter_map(|text| text.chars().last()).collect();
    // The first nine tenths of three invokers are all three.
    assert_eq!(ends, ['0', '1', '2']);
}

#[test]
fn a_paused_container_is_used_once() {
    let mut bed = Bed::new([invoker(0, 256), invoker(1, 1_024)]);
    let container = at(0, 9);
    bed.on(Event::Paused { queue: queue("a"), revision: Revision(1), container });
    assert_eq!(bed.order(1), ["send 1 to 0"]);
    assert_eq!(bed.order(2), ["send 2 to 1"]);
    assert_eq!(bed.created(1, container), ["1 is invoker0/container9"]);
    bed.on(Event::Paused { queue: queue("a"), revision: Revision(1), container });
    bed.on(Event::Gone { container });
    assert_eq!(bed.order(3), ["send 3 to 1"]);
}

#[test]
fn upstream_5233_a_paused_container_of_another_revision_is_not_chosen() {
    let mut bed = Bed::new([invoker(0, 0), invoker(1, 1_024)]);
    bed.on(Event::Paused { queue: queue("a"), revision: Revision(1), container: at(0, 9) });
    assert_eq!(bed.order_of(1, "a", 2, false), ["send 1 to 1"]);
    assert_eq!(bed.order_of(2, "b", 1, false), ["send 2 to 1"]);
    assert_eq!(bed.order_of(3, "a", 1, false), ["send 3 to 0"]);
}

#[test]
fn a_lost_invoker_is_not_waited_for() {
    let mut bed = Bed::new([invoker(0, 1_024)]);
    bed.order(1);
    bed.on(Event::Invoker(invoker(1, 512)));
    bed.on(Event::Paused { queue: queue("a"), revision: Revision(1), container: at(0, 9) });
    assert_eq!(bed.on(Event::InvokerLost { invoker: InvokerId(0) }), ["send 1 to 1"]);
    assert_eq!(bed.created(1, at(0, 4)), ["remove invoker0/container4"]);
    assert_eq!(bed.order(2), ["send 2 to 1"], "its paused containers are gone too");
}

#[test]
fn orders_of_a_queue_that_has_left_come_to_nothing() {
    let mut bed = Bed::new([invoker(0, 256)]);
    bed.order(1);
    bed.on(Event::Cancel { queue: queue("a") });
    assert_eq!(bed.creation.open(), 0);
    assert_eq!(bed.created(1, at(0, 3)), ["remove invoker0/container3"]);
}

#[test]
fn a_withdrawn_order_fails_unless_an_invoker_has_it() {
    let mut bed = Bed::new([invoker(0, 256)]);
    bed.order(1);
    bed.order(2);
    assert!(bed.on(Event::Withdraw { creation: CreationId(1) }).is_empty());
    let withdrawn = bed.on(Event::Withdraw { creation: CreationId(2) });
    assert_eq!(withdrawn, ["2 failed: it is not needed any more"]);
    assert_eq!(bed.created(1, at(0, 1)), ["1 is invoker0/container1"]);
}

#[test]
fn an_order_that_is_insisted_on_goes_to_an_invoker_without_room_once_for_each_time() {
    let mut bed = Bed::new([invoker(0, 0)]);
    assert_eq!(bed.order(1), [""; 0]);
    assert_eq!(bed.on(Event::Insist { creation: CreationId(1) }), ["send 1 to 0 insisting"]);
    assert_eq!(bed.on(Event::Insist { creation: CreationId(1) }), [""; 0], "the invoker has it");
    assert_eq!(bed.failed(1, 0, CreationFailure::NoResources), [""; 0]);
    assert_eq!(bed.stands(0, 0), [""; 0], "what the invoker says makes nobody insist");
    assert_eq!(bed.pass(300), [""; 0]);
    assert_eq!(bed.on(Event::Insist { creation: CreationId(1) }), ["send 1 to 0 insisting"]);
    bed.failed(1, 0, CreationFailure::NoResources);
    assert_eq!(bed.stands(0, 256), ["send 1 to 0"]);
    assert_eq!(bed.on(Event::Insist { creation: CreationId(9) }), [""; 0], "there is no such order");
}

#[test]
fn an_order_that_gets_room_just_before_its_deadline_has_failed_for_want_of_room() {
    let mut bed = Bed::new([invoker(0, 0)]);
    bed.order(1);
    bed.pass(19_000);
    assert_eq!(bed.stands(0, 256), ["send 1 to 0"]);
    assert_eq!(bed.pass(1_000), ["1 failed: the invoker has no room"]);

    let mut bed = Bed::new([invoker(0, 0)]);
    bed.order(1);
    bed.pass(18_000);
    bed.stands(0, 256);
    let late = bed.pass(2_000);
    assert_eq!(late.len(), 1);
    assert_ne!(late, ["1 failed: the invoker has no room"], "it had time for it");
}

#[test]
fn an_order_for_which_room_is_made_too_slowly_has_failed_for_want_of_room() {
    let mut bed = Bed::new([invoker(0, 0)]);
    bed.order(1);
    bed.pass(100);
    assert_eq!(bed.on(Event::Insist { creation: CreationId(1) }), ["send 1 to 0 insisting"]);
    assert_eq!(bed.pass(20_000), ["1 failed: the invoker has no room"]);
}

#[test]
fn what_an_invoker_says_about_an_order_that_was_taken_from_it_is_ignored() {
    let mut bed = Bed::new([invoker(0, 1_024)]);
    bed.order(1);
    bed.failed(1, 0, CreationFailure::NoResources);
    assert!(bed.failed(1, 0, CreationFailure::Developer("late".to_owned())).is_empty());
    assert_eq!(bed.pass(100), ["send 1 to 0"]);
}
