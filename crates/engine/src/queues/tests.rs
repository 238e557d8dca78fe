use super::*;

struct Bed {
    queues: Queues<&'static str>,
    now: Instant,
}

const OTHER: SchedulerId = SchedulerId(9);

impl Bed {
    fn new() -> Bed {
        Bed { queues: Queues::new(QueuesConfig::default()), now: Instant::from_millis(1_000) }
    }

    /// Owns `q` since epoch 5.
    fn owner() -> Bed {
        let mut bed = Bed::new();
        bed.on(Event::Wanted { queue: "q" });
        bed.on(Event::Claimed { queue: "q", epoch: Epoch(5) });
        bed
    }

    fn on(&mut self, event: Event<&'static str>) -> Vec<Command<&'static str>> {
        let mut out = Vec::new();
        self.queues.handle(self.now, event, &mut out);
        out
    }

    fn taken(&mut self, epoch: u64) -> Vec<Command<&'static str>> {
        self.on(Event::Taken { queue: "q", owner: OTHER, epoch: Epoch(epoch) })
    }

    fn vanished(&mut self, epoch: u64) -> Vec<Command<&'static str>> {
        self.on(Event::Vanished { queue: "q", epoch: Epoch(epoch) })
    }

    fn pass(&mut self, millis: u64) -> Vec<Command<&'static str>> {
        self.now += Duration::from_millis(millis);
        let mut out = Vec::new();
        self.queues.tick(self.now, &mut out);
        out
    }
}

const CLAIM: Command<&str> = Command::Claim { queue: "q" };
const REFUSE: Command<&str> = Command::Refuse { queue: "q" };

const fn redirect(epoch: u64) -> Command<&'static str> {
    Command::Redirect { queue: "q", owner: OTHER, epoch: Epoch(epoch) }
}

#[test]
fn a_queue_is_claimed_once_and_opened_when_it_is_ours() {
    let mut bed = Bed::new();
    assert_eq!(bed.on(Event::Wanted { queue: "q" }), [CLAIM]);
    assert_eq!(bed.on(Event::Wanted { queue: "q" }), [], "the claim is under way");
    let open = Command::Open { queue: "q", epoch: Epoch(5) };
    assert_eq!(bed.on(Event::Claimed { queue: "q", epoch: Epoch(5) }), [open]);
    assert_eq!(bed.on(Event::Claimed { queue: "q", epoch: Epoch(5) }), [], "the same again");
    assert_eq!(bed.queues.epoch(&"q"), Some(Epoch(5)));
}

#[test]
fn upstream_5301_whoever_lost_the_claim_says_who_won_and_keeps_nothing() {
    let mut bed = Bed::new();
    bed.on(Event::Wanted { queue: "q" });
    assert_eq!(bed.taken(3), [redirect(3)]);
    assert_eq!(bed.queues.epoch(&"q"), None);
    assert_eq!(bed.on(Event::Wanted { queue: "q" }), [CLAIM], "the key decides, not what was heard of it");
}

#[test]
fn stale_epochs_are_told_from_newer_ones() {
    let bed = Bed::owner();
    assert_eq!(bed.queues.check(&"q", Epoch(4)), Standing::Stale);
    assert_eq!(bed.queues.check(&"q", Epoch(5)), Standing::Current);
    assert_eq!(bed.queues.check(&"q", Epoch(6)), Standing::Newer);
    assert_eq!(bed.queues.check(&"p", Epoch(6)), Standing::Unknown);
}

#[test]
fn a_queue_that_was_replaced_is_disowned() {
    let mut bed = Bed::owner();
    assert_eq!(bed.taken(4), [], "a late word about the owner before us");
    assert_eq!(bed.taken(6), [Command::Disown { queue: "q" }, redirect(6)]);
    assert_eq!(bed.taken(7), []);
}

#[test]
fn e3_01_e3_03_a_key_that_vanishes_is_put_again_and_the_queue_goes_on() {
    let mut bed = Bed::owner();
    assert_eq!(bed.vanished(5), [CLAIM]);
    assert_eq!(bed.vanished(5), [], "the claim is under way");
    assert_eq!(bed.queues.epoch(&"q"), Some(Epoch(5)), "it goes on meanwhile");
    bed.on(Event::ClaimFailed { queue: "q" });
    for _ in 0..100 {
        assert_eq!(bed.pass(1_000), [CLAIM], "for as long as it takes");
        bed.on(Event::ClaimFailed { queue: "q" });
    }
    let open = Command::Open { queue: "q", epoch: Epoch(8) };
    assert_eq!(bed.on(Event::Claimed { queue: "q", epoch: Epoch(8) }), [open]);
    assert_eq!(bed.vanished(5), [], "a late word about our key before");
}

#[test]
fn a_first_claim_that_nobody_answers_ends_in_a_refusal() {
    let mut bed = Bed::new();
    bed.on(Event::Wanted { queue: "q" });
    let mut refused = false;
    for _ in 0..20 {
        let out = bed.on(Event::ClaimFailed { queue: "q" });
        if out == [REFUSE] {
            refused = true;
            break;
        }
        assert_eq!(bed.pass(1_000), [CLAIM]);
    }
    assert!(refused);
    let late = bed.on(Event::Claimed { queue: "q", epoch: Epoch(5) });
    assert_eq!(late, [Command::Release { queue: "q", epoch: Epoch(5) }]);
}

#[test]
fn a_retired_queue_gives_its_key_back() {
    let mut bed = Bed::owner();
    assert_eq!(bed.on(Event::Retired { queue: "q" }), [Command::Release { queue: "q", epoch: Epoch(5) }]);
    assert_eq!(bed.vanished(5), []);
    assert_eq!(bed.on(Event::Wanted { queue: "q" }), [CLAIM]);
}

#[test]
fn e3_24_while_draining_nothing_is_claimed_and_nobody_is_left_waiting() {
    let mut bed = Bed::owner();
    bed.on(Event::Wanted { queue: "p" });
    assert_eq!(bed.on(Event::Drain), [Command::Refuse { queue: "p" }]);
    assert_eq!(bed.on(Event::Wanted { queue: "r" }), [Command::Refuse { queue: "r" }]);
    assert_eq!(bed.queues.epoch(&"q"), Some(Epoch(5)));
    let late = bed.on(Event::Claimed { queue: "p", epoch: Epoch(6) });
    assert_eq!(late, [Command::Release { queue: "p", epoch: Epoch(6) }]);
}
