use super::*;
use proptest::prelude::*;

const WAIT: Duration = Duration::from_secs(2);

struct Bench {
    machine: Callbacks,
    now: Instant,
}

fn id(number: u32) -> ActivationId {
    ActivationId::from_bits(number.into())
}

fn attempt(number: u32, failures: u32) -> Command {
    Command::Try { id: id(number), failures }
}

fn settled(number: u32, verdict: Verdict, tries: u32) -> Command {
    Command::Settle { id: id(number), verdict, tries }
}

fn failed(number: u32) -> Event {
    Event::Tried { id: id(number), outcome: Outcome::Failed { wait: WAIT } }
}

impl Bench {
    fn new(config: Config) -> Bench {
        Bench { machine: Callbacks::new(config), now: Instant::from_millis(1_000) }
    }

    fn promise(&mut self, number: u32, owner: &str) -> Result<(), Full> {
        self.machine.promise(self.now, id(number), &Arc::from(owner))
    }

    fn on(&mut self, event: Event) -> Vec<Command> {
        let mut out = Vec::new();
        self.machine.handle(self.now, event, &mut out);
        out
    }

    fn ended(&mut self, number: u32) -> Vec<Command> {
        self.on(Event::Ended { id: id(number) })
    }

    fn tried(&mut self, number: u32, outcome: Outcome) -> Vec<Command> {
        self.on(Event::Tried { id: id(number), outcome })
    }

    fn after(&mut self, time: Duration) -> Vec<Command> {
        let mut out = Vec::new();
        self.now += time;
        self.machine.tick(self.now, &mut out);
        out
    }
}

#[test]
fn one_is_tried_when_its_activation_ends_and_forgotten_when_it_is_taken() {
    let mut bench = Bench::new(Config::default());
    bench.promise(1, "guest").unwrap();
    assert_eq!(bench.ended(1), [attempt(1, 0)]);
    assert_eq!(bench.ended(1), [], "the end counts once");
    assert_eq!(bench.tried(1, Outcome::Taken), [settled(1, Verdict::Delivered, 1)]);
    assert_eq!((bench.machine.pending(), bench.machine.next_deadline()), (0, None));
}

#[test]
fn after_a_failure_it_waits_as_long_as_it_is_told() {
    let mut bench = Bench::new(Config::default());
    bench.promise(1, "guest").unwrap();
    bench.ended(1);
    assert_eq!(bench.on(failed(1)), []);
    assert_eq!(bench.machine.next_deadline(), Some(bench.now + WAIT));
    assert_eq!(bench.after(WAIT / 2), []);
    assert_eq!(bench.after(WAIT / 2), [attempt(1, 1)]);
    assert_eq!(bench.tried(1, Outcome::Gone), [settled(1, Verdict::Gone, 2)]);
}

#[test]
fn it_is_given_up_after_so_many_tries() {
    let mut bench = Bench::new(Config { tries: 3, ..Config::default() });
    bench.promise(1, "guest").unwrap();
    bench.ended(1);
    for failures in 1..3 {
        assert_eq!(bench.on(failed(1)), []);
        assert_eq!(bench.after(WAIT), [attempt(1, failures)]);
    }
    assert_eq!(bench.on(failed(1)), [settled(1, Verdict::GivenUp, 3)]);
}

#[test]
fn it_is_given_up_when_the_next_try_would_be_too_late() {
    let mut bench = Bench::new(Config { age: WAIT * 2, ..Config::default() });
    bench.promise(1, "guest").unwrap();
    // However long the activation took: only failures make it old.
    bench.after(Duration::from_secs(3600));
    bench.tried(1, Outcome::NotEnded);
    bench.ended(1);
    for _ in 0..2 {
        assert_eq!(bench.on(failed(1)), []);
        bench.after(WAIT);
    }
    assert_eq!(bench.on(failed(1)), [settled(1, Verdict::GivenUp, 3)]);
}

#[test]
fn an_end_that_nobody_told_is_looked_for() {
    let config = Config::default();
    let mut bench = Bench::new(config);
    bench.promise(1, "guest").unwrap();
    assert_eq!(bench.after(config.look), [attempt(1, 0)]);
    assert_eq!(bench.tried(1, Outcome::NotEnded), []);
    assert_eq!(bench.after(config.look), [attempt(1, 0)]);
    // The end is told while the look is under way: it is looked for once more at once.
    assert_eq!(bench.ended(1), []);
    assert_eq!(bench.tried(1, Outcome::NotEnded), [attempt(1, 0)]);
    // Not for ever, though: its record may be kept nowhere.
    assert_eq!(bench.tried(1, Outcome::NotEnded), []);
    bench.after(config.patience);
    assert_eq!(bench.tried(1, Outcome::NotEnded), [settled(1, Verdict::Withdrawn, 0)]);
}

#[test]
fn what_an_earlier_process_promised_is_looked_for_at_once() {
    let mut bench = Bench::new(Config { in_flight: 1, pending: 1, ..Config::default() });
    let (mut out, owner) = (Vec::new(), Arc::from("guest"));
    for number in [1, 2] {
        bench.machine.resume(bench.now, id(number), &owner, &mut out);
    }
    assert_eq!(out, [attempt(1, 0)]);
    assert_eq!(bench.tried(1, Outcome::NotEnded), [attempt(2, 0)]);
    assert_eq!(bench.tried(2, Outcome::Taken), [settled(2, Verdict::Delivered, 1)]);
    assert_eq!(bench.ended(1), [attempt(1, 0)]);
}

#[test]
fn there_is_room_for_so_many_and_none_takes_all_of_it() {
    let mut bench = Bench::new(Config { pending: 3, pending_each: 2, ..Config::default() });
    bench.promise(1, "a").unwrap();
    bench.promise(2, "a").unwrap();
    assert_eq!(bench.promise(3, "a"), Err(Full::Owner));
    bench.promise(3, "b").unwrap();
    assert_eq!(bench.promise(4, "b"), Err(Full::All));
    assert_eq!(bench.on(Event::Withdrawn { id: id(1) }), [settled(1, Verdict::Withdrawn, 0)]);
    bench.promise(4, "a").unwrap();
}

#[test]
fn one_whose_owner_sends_too_many_lets_others_pass() {
    let mut bench = Bench::new(Config { in_flight: 2, in_flight_each: 1, ..Config::default() });
    for (number, owner) in [(1, "a"), (2, "a"), (3, "b"), (4, "b")] {
        bench.promise(number, owner).unwrap();
    }
    assert_eq!(bench.ended(1), [attempt(1, 0)]);
    assert_eq!(bench.ended(2), []);
    assert_eq!(bench.ended(3), [attempt(3, 0)]);
    assert_eq!(bench.ended(4), []);
    assert_eq!(bench.tried(3, Outcome::Taken), [settled(3, Verdict::Delivered, 1), attempt(4, 0)]);
    assert_eq!(bench.tried(1, Outcome::Taken), [settled(1, Verdict::Delivered, 1), attempt(2, 0)]);
}

proptest! {
    #[test]
    fn every_promise_is_settled_once_and_the_bounds_hold(steps in prop::collection::vec((0u8..6, 0u32..6), 0..200)) {
        let config = Config { in_flight: 2, in_flight_each: 1, tries: 3, ..Config::default() };
        let mut bench = Bench::new(config);
        let (mut promised, mut flying, mut settled) = (0, Vec::new(), 0);
        let mut known = std::collections::BTreeSet::new();
        let all = |bench: &mut Bench, step: u8, number: u32, flying: &[ActivationId]| match step {
            0 => { let owner = if number.is_multiple_of(2) { "a" } else { "b" };
                   (known.insert(number) && bench.promise(number, owner).is_ok()).then(Vec::new) }
            1 => Some(bench.ended(number)),
            2 => Some(bench.after(WAIT)),
            3 => flying.first().map(|id| bench.on(Event::Tried { id: *id, outcome: Outcome::Taken })),
            4 => flying.last().map(|id| bench.on(Event::Tried { id: *id, outcome: Outcome::Failed { wait: WAIT } })),
            _ => flying.first().map(|id| bench.on(Event::Tried { id: *id, outcome: Outcome::NotEnded })),
        };
        let mut all = all;
        let steps = steps.into_iter().chain([(1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]);
        // At the end everything is taken.
        let drain = std::iter::repeat_n((3, 0), 20).chain([(2, 0); 1]).chain(std::iter::repeat_n((3, 0), 20));
        for (step, number) in steps.chain(drain) {
            let Some(commands) = all(&mut bench, step, number, &flying) else { continue };
            promised += usize::from(step == 0);
            if step >= 3 {
                if step == 4 { flying.pop(); } else { flying.remove(0); }
            }
            for command in commands {
                match command {
                    Command::Try { id, .. } => { prop_assert!(!flying.contains(&id)); flying.push(id); }
                    Command::Settle { .. } => settled += 1,
                }
            }
            prop_assert!(flying.len() <= 2);
            prop_assert_eq!(bench.machine.pending(), promised - settled);
        }
        prop_assert_eq!(promised, settled);
    }
}
