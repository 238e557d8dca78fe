use super::shares::{Claim, fair_shares};
use super::*;
use proptest::prelude::*;

/// Queues are numbers here.
struct Bed {
    arbiter: Arbiter<u32>,
}

impl Bed {
    fn new(limit: impl Into<Option<u32>>) -> Bed {
        Bed { arbiter: Arbiter::new(ArbiterConfig::default(), limit.into()) }
    }

    fn on(&mut self, event: Event<u32>) -> Vec<String> {
        let mut out = Vec::new();
        self.arbiter.handle(Instant::from_millis(1_000), event, &mut out);
        out.iter().map(text).collect()
    }

    fn request(&mut self, queue: u32, want: u32) -> Vec<String> {
        self.on(Event::Request { queue, request: TokenRequest { want, ..TokenRequest::default() } })
    }

    fn caused(&mut self, queue: u32, want: u32) -> Vec<String> {
        let request = TokenRequest { want, caused: true, ..TokenRequest::default() };
        self.on(Event::Request { queue, request })
    }

    fn release(&mut self, queue: u32, count: u32) -> Vec<String> {
        self.on(Event::Release { queue, count })
    }
}

fn text(command: &Command<u32>) -> String {
    match command {
        Command::Answer { queue, answer } => {
            let reason = answer.denied.map_or(String::new(), |denial| format!(" {:?}", denial.reason));
            format!("{queue} gets {}{reason}", answer.granted)
        }
        Command::Reclaim { queue, count, idle_only: true } => format!("{queue} gives {count} idle"),
        Command::Reclaim { queue, count, idle_only: false } => format!("{queue} gives {count}"),
    }
}

#[test]
fn without_a_limit_everything_is_granted() {
    let mut bed = Bed::new(None);
    assert_eq!(bed.request(1, 500), ["1 gets 500"]);
    assert_eq!(bed.request(1, 0), ["1 gets 0"]);
    let request = TokenRequest { want: 5, instances: Some(3), ..TokenRequest::default() };
    assert_eq!(bed.on(Event::Request { queue: 2, request }), ["2 gets 3 InstancesReached"]);
}

#[test]
fn an_action_alone_gets_all_but_the_reserve() {
    let mut bed = Bed::new(30);
    assert_eq!(bed.request(1, 100), ["1 gets 27 Exhausted"]);
    assert_eq!(
        bed.request(2, 1),
        ["2 gets 1", "1 gives 1"],
        "the reserve is to be full again for the next one"
    );
    assert_eq!(bed.request(3, 1), ["3 gets 1", "1 gives 2"]);
    assert_eq!(bed.arbiter.view(), NamespaceView { limit: Some(30), used: 29 });
}

#[test]
fn a_limit_of_one_is_one_container() {
    let mut bed = Bed::new(1);
    assert_eq!(bed.request(1, 3), ["1 gets 1 Exhausted"]);
    assert_eq!(bed.request(2, 1), ["2 gets 0 Exhausted"]);
    assert_eq!(bed.release(1, 1), ["2 gets 1", "2 gives 1 idle"], "both want it, and 1 has had it");
    assert_eq!(bed.release(2, 1), ["1 gets 1 Exhausted"]);
}

#[test]
fn cls_18_a_limit_of_zero_is_said() {
    let mut bed = Bed::new(0);
    assert_eq!(bed.request(1, 1), ["1 gets 0 ZeroLimit"]);
    assert_eq!(bed.on(Event::Limit { limit: Some(2) }), ["1 gets 1"]);
}

#[test]
fn upstream_5257_an_action_that_waits_for_another_one_does_not_keep_it_from_running() {
    // The runs of action 1 hold all the tokens it could get, and every one of them waits for action 2.
    for limit in 2..100 {
        let mut bed = Bed::new(limit);
        bed.request(1, 1_000);
        let answer = bed.caused(2, 1);
        assert_eq!(answer[0], "2 gets 1", "with a limit of {limit}");
    }
}

#[test]
fn the_last_reserve_is_for_what_was_caused() {
    let mut bed = Bed::new(20);
    bed.request(1, 100);
    assert_eq!(bed.request(2, 1)[0], "2 gets 1");
    let answer = bed.request(3, 1);
    assert_eq!(answer[0], "3 gets 0 Exhausted");
    assert_eq!(bed.caused(4, 1)[0], "4 gets 1");
}

#[test]
fn who_is_above_its_share_gives_back_what_others_need() {
    let mut bed = Bed::new(11);
    assert_eq!(bed.request(1, 9), ["1 gets 9"], "nobody else wants it");
    let out = bed.request(2, 9);
    assert_eq!(out, ["2 gets 1 Exhausted", "1 gives 4"], "five and four, of nine");
    assert_eq!(bed.release(1, 1), Vec::<String>::new(), "the reserve is filled first");
    assert_eq!(bed.release(1, 3), ["2 gets 3 Exhausted"]);
    assert_eq!(bed.request(2, 0), ["2 gets 0"]);
    assert_eq!(bed.release(2, 3), Vec::<String>::new());
    assert_eq!(bed.request(1, 2), ["1 gets 2"], "what the other one does not want");
}

#[test]
fn nothing_is_asked_back_when_nobody_is_short() {
    let mut bed = Bed::new(10);
    bed.request(1, 9);
    assert!(bed.request(2, 5).contains(&"1 gives 4".to_owned()));
    assert_eq!(bed.request(2, 0), ["2 gets 0", "1 gives 0"]);
}

#[test]
fn shares_follow_the_weights() {
    let mut bed = Bed::new(21);
    bed.on(Event::Weight { queue: 2, weight: 2 });
    bed.request(1, 18);
    let out = bed.request(2, 18);
    assert!(out.contains(&"1 gives 11".to_owned()), "seven and eleven, of eighteen: {out:?}");
}

#[test]
fn when_everybody_has_one_the_idle_ones_are_asked_for() {
    let mut bed = Bed::new(3);
    for queue in 1..=3 {
        bed.caused(queue, 1);
    }
    let out = bed.request(4, 1);
    assert_eq!(out, ["4 gets 0 Exhausted", "1 gives 1 idle", "2 gives 1 idle", "3 gives 1 idle"]);
    assert_eq!(bed.release(2, 1), ["4 gets 1", "1 gives 0", "3 gives 0"]);
}

#[test]
fn e3_02_the_limit_of_an_action_says_nothing_about_the_namespace() {
    let mut bed = Bed::new(30);
    let request = TokenRequest { want: 9, instances: Some(5), ..TokenRequest::default() };
    assert_eq!(bed.on(Event::Request { queue: 1, request }), ["1 gets 5 InstancesReached"]);
    assert_eq!(bed.request(2, 1), ["2 gets 1"]);
}

#[test]
fn e3_10_a_queue_that_leaves_changes_nothing_for_the_others() {
    let mut bed = Bed::new(2);
    bed.request(1, 2);
    bed.request(2, 2);
    assert_eq!(bed.request(3, 1)[0], "3 gets 0 Exhausted");
    assert_eq!(bed.on(Event::Left { queue: 3 }), Vec::<String>::new());
    assert_eq!(bed.request(1, 2)[0], "1 gets 0 Exhausted", "still full");
    assert_eq!(bed.arbiter.view().used, 2);
}

#[test]
fn upstream_5486_counts_cannot_freeze_for_a_queue_that_has_left() {
    let mut bed = Bed::new(4);
    bed.request(1, 3);
    bed.request(2, 3);
    assert_eq!(bed.on(Event::Left { queue: 1 }), ["2 gets 2"]);
    assert_eq!(bed.on(Event::Left { queue: 2 }), Vec::<String>::new());
    assert_eq!(bed.arbiter.view().used, 0);
    assert!(bed.arbiter.is_empty());
}

#[test]
fn upstream_5343_a_woken_container_needs_a_token_again() {
    let mut bed = Bed::new(2);
    bed.request(1, 1);
    bed.release(1, 1);
    bed.request(2, 1);
    bed.caused(3, 1);
    assert_eq!(bed.request(1, 1)[0], "1 gets 0 Exhausted");
}

#[test]
fn a_lower_limit_takes_back_the_excess() {
    let mut bed = Bed::new(None);
    bed.request(1, 8);
    bed.request(2, 2);
    assert_eq!(bed.on(Event::Limit { limit: Some(4) }), ["1 gives 6", "2 gives 1"]);
    bed.release(1, 6);
    assert_eq!(bed.release(2, 1), Vec::<String>::new());
}

#[test]
fn fair_shares_by_hand() {
    let claims = |demands: &[u32]| -> Vec<Claim> {
        demands.iter().map(|demand| Claim { demand: *demand, weight: 1 }).collect()
    };
    assert_eq!(fair_shares(10, 0, &claims(&[2, 9, 9])), [2, 4, 4]);
    assert_eq!(fair_shares(10, 1, &claims(&[100])), [9]);
    assert_eq!(fair_shares(2, 0, &claims(&[5, 5, 5])), [1, 1, 0]);
    assert_eq!(fair_shares(10, 0, &claims(&[0, 3])), [0, 3]);
    assert_eq!(fair_shares(0, 0, &claims(&[1])), [0]);
}

#[derive(Clone, Debug)]
enum Step {
    Request { queue: u32, want: u32, caused: bool, instances: Option<u32> },
    Release { queue: u32, count: u32 },
    Left(u32),
    Limit(Option<u32>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u32..6, 0_u32..20, any::<bool>(), prop::option::weighted(0.2, 1_u32..5))
            .prop_map(|(queue, want, caused, instances)| Step::Request { queue, want, caused, instances }),
        6 => (0_u32..6, 1_u32..6).prop_map(|(queue, count)| Step::Release { queue, count }),
        1 => (0_u32..6).prop_map(Step::Left),
        1 => prop::option::weighted(0.8, 0_u32..20).prop_map(Step::Limit),
    ]
}

proptest! {
    /// Tokens are never granted beyond the limit, and every request is answered.
    #[test]
    fn i10_tokens_never_exceed_the_limit(first in 0_u32..20, steps in prop::collection::vec(step(), 1..200)) {
        let mut arbiter = Arbiter::new(ArbiterConfig::default(), Some(first));
        let mut limit = Some(first);
        let mut held = BTreeMap::<u32, u32>::new();
        for step in steps {
            let mut out = Vec::new();
            let mut asker = None;
            let event = match step {
                Step::Request { queue, want, caused, instances } => {
                    asker = Some(queue);
                    let request = TokenRequest { want, caused, instances, ..TokenRequest::default() };
                    Event::Request { queue, request }
                }
                Step::Release { queue, count } => {
                    let count = count.min(held.get(&queue).copied().unwrap_or(0));
                    held.entry(queue).and_modify(|held| *held -= count);
                    Event::Release { queue, count }
                }
                Step::Left(queue) => {
                    held.remove(&queue);
                    Event::Left { queue }
                }
                Step::Limit(new) => {
                    limit = new;
                    Event::Limit { limit }
                }
            };
            arbiter.handle(Instant::ZERO, event, &mut out);
            let mut granted = 0;
            for command in &out {
                match command {
                    Command::Answer { queue, answer } => {
                        granted += answer.granted;
                        *held.entry(*queue).or_default() += answer.granted;
                    }
                    Command::Reclaim { queue, count, .. } => {
                        prop_assert!(*count <= held.get(queue).copied().unwrap_or(0));
                    }
                }
            }
            let used: u32 = held.values().sum();
            prop_assert_eq!(arbiter.view().used, used);
            prop_assert!(granted == 0 || limit.is_none_or(|limit| used <= limit), "{} of {:?}", used, limit);
            if let Some(asker) = asker {
                let answers = out.iter().filter(|it| matches!(it, Command::Answer { queue, .. } if *queue == asker));
                prop_assert_eq!(answers.count(), 1);
            }
        }
    }

    /// Whoever gets less than it wants has at most one less, for its weight, than anybody who has more than one.
    #[test]
    fn i10_shares_are_fair(limit in 0_u32..200, demands in prop::collection::vec(0_u32..60, 1..12)) {
        let claims: Vec<Claim> = demands.iter().map(|demand| Claim { demand: *demand, weight: 1 }).collect();
        let shares = fair_shares(limit, 0, &claims);
        prop_assert!(shares.iter().sum::<u32>() <= limit);
        prop_assert_eq!(shares.iter().sum::<u32>(), limit.min(demands.iter().sum()), "nothing is left over");
        let most = shares.iter().copied().max().unwrap_or(0);
        for (share, demand) in shares.iter().zip(&demands) {
            prop_assert!(share <= demand);
            prop_assert!(share == demand || share + 1 >= most, "{:?} for {:?}", &shares, &demands);
        }
    }
}
