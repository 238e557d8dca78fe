//! Random traces against a model of honest invokers.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What happens next, in a world that the model below keeps consistent.
#[derive(Clone, Debug)]
enum Step {
    Submit {
        newer: bool,
    },
    /// The first order on the way is carried out, or fails.
    Order {
        fails: bool,
    },
    /// Some container starts something it has, ends something it has started, or hands something back.
    Start(usize),
    End {
        pick: usize,
        healthy: bool,
    },
    HandBack(usize),
    Pause(usize),
    Die(usize),
    LoseInvoker,
    Reclaim(u32),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => prop::bool::weighted(0.03).prop_map(|newer| Step::Submit { newer }),
        6 => prop::bool::weighted(0.2).prop_map(|fails| Step::Order { fails }),
        8 => any::<usize>().prop_map(Step::Start),
        8 => (any::<usize>(), prop::bool::weighted(0.9)).prop_map(|(pick, healthy)| Step::End { pick, healthy }),
        2 => any::<usize>().prop_map(Step::HandBack),
        1 => any::<usize>().prop_map(Step::Pause),
        1 => any::<usize>().prop_map(Step::Die),
        1 => Just(Step::LoseInvoker),
        1 => (0_u32..4).prop_map(Step::Reclaim),
        4 => (1_u64..3_000).prop_map(Step::Wait),
    ]
}

/// Where the model believes an activation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waiting,
    At { container: ContainerRef, attempt: Attempt, started: bool },
    Ended,
}

/// An honest world: containers do what they are told, and say what they do.
struct World {
    queue: Queue<Note>,
    now: Instant,
    slots: u32,
    revision: u64,
    submitted: u64,
    fates: BTreeMap<u64, Fate>,
    orders: VecDeque<(CreationId, Revision)>,
    containers: BTreeMap<ContainerRef, Revision>,
    leaving: BTreeSet<ContainerRef>,
    born: u64,
    limit: u32,
    tokens: u32,
    /// First attempts, in the order in which they were dispatched.
    first_dispatches: Vec<u64>,
    retired: bool,
}

impl World {
    fn new(slots: u32, limit: u32, upstream: bool) -> World {
        let rules = if upstream { Rules::Upstream(UpstreamRules::default()) } else { Rules::default() };
        World {
            queue: Queue::new(QueueConfig { rules, max_waiting: 50, ..QueueConfig::default() }, 7),
            now: Instant::from_millis(1_000),
            slots,
            revision: 1,
            submitted: 0,
            fates: BTreeMap::new(),
            orders: VecDeque::new(),
            containers: BTreeMap::new(),
            leaving: BTreeSet::new(),
            born: 0,
            limit,
            tokens: 0,
            first_dispatches: Vec::new(),
            retired: false,
        }
    }

    fn on(&mut self, event: Event<Note>) {
        let mut out = Vec::new();
        self.queue.handle(self.now, event, &mut out);
        self.carry_out(out);
    }

    fn carry_out(&mut self, commands: Vec<Command<Note>>) {
        let (mut requests, mut withdrawn) = (Vec::new(), Vec::new());
        for command in commands {
            match command {
                Command::Dispatch { container, attempt, message } => {
                    self.dispatched(container, attempt, &message)
                }
                Command::Create(request) => self.orders.push_back((request.creation, request.revision)),
                // Half of those that were asked back have an invoker already and come all the same.
                Command::Withdraw { creation } => {
                    if creation.0 % 2 == 0 {
                        withdrawn.push(creation);
                    }
                }
                Command::Drop { message, .. }
                | Command::HandOver { message }
                | Command::Refuse { message, .. } => {
                    assert_eq!(self.end(message.id), Fate::Waiting, "{} had been handed out", message.id);
                }
                Command::Lost { message, .. } => {
                    let fate = self.end(message.id);
                    assert!(matches!(fate, Fate::At { started: true, .. }), "{} was not started", message.id);
                }
                Command::Release { count } => {
                    self.tokens = self.tokens.checked_sub(count).expect("gave back what it did not have");
                }
                Command::Request(request) => requests.push(request.want),
                Command::Remove { container } | Command::Rest { container } => {
                    self.leaving.insert(container);
                }
                Command::RemoveOutdated { up_to } => {
                    let old = self.containers.iter().filter(|(_, revision)| **revision <= up_to);
                    let old: Vec<ContainerRef> = old.map(|(container, _)| *container).collect();
                    self.leaving.extend(old);
                }
                Command::Insist { creation } => {
                    assert!(self.orders.iter().any(|(open, _)| *open == creation), "{creation} is not open");
                }
                Command::Recall { .. } => {}
                Command::Retire => self.retired = true,
            }
        }
        for creation in withdrawn {
            let before = self.orders.len();
            self.orders.retain(|(other, _)| *other != creation);
            assert!(self.orders.len() < before, "{creation} was asked back twice, or never given");
            let failure = crate::creation::StartFailure::Withdrawn;
            self.on(Event::CreationFailed { creation, failure });
        }
        if let Some(want) = requests.last() {
            let granted = (*want).min(self.limit - self.tokens);
            self.tokens += granted;
            let namespace = NamespaceView { limit: Some(self.limit), used: self.tokens };
            let denied = (granted < *want).then(|| crate::arbiter::Denial {
                reason: crate::arbiter::DenialReason::Exhausted,
                until: self.now + Duration::from_secs(1),
            });
            self.on(Event::Tokens(Answer { granted, denied, namespace }));
        }
    }

    fn dispatched(&mut self, container: ContainerRef, attempt: Attempt, message: &Note) {
        let fate = self.fates.insert(message.id, Fate::At { container, attempt, started: false });
        assert_eq!(fate, Some(Fate::Waiting), "{} was handed out twice", message.id);
        let revision = self.containers.get(&container).expect("a container that is there");
        assert_eq!(message.revision(), *revision, "an activation of another revision");
        assert!(self.at(container).len() <= self.slots as usize, "more than the container takes");
        if attempt == Attempt(1) {
            self.first_dispatches.push(message.id);
        }
    }

    fn end(&mut self, id: u64) -> Fate {
        let fate = self.fates.insert(id, Fate::Ended).expect("an activation that was submitted");
        assert_ne!(fate, Fate::Ended, "{id} has ended twice");
        fate
    }

    /// What a container has: id, attempt, whether it was started.
    fn at(&self, wanted: ContainerRef) -> Vec<(u64, Attempt, bool)> {
        let here = |(id, fate): (&u64, &Fate)| match *fate {
            Fate::At { container, attempt, started } if container == wanted => Some((*id, attempt, started)),
            _ => None,
        };
        self.fates.iter().filter_map(here).collect()
    }

    /// One activation that some container has, of those started or not.
    fn pick(&self, started: bool, pick: usize) -> Option<(u64, ContainerRef, Attempt)> {
        let fits = |(id, fate): (&u64, &Fate)| match *fate {
            Fate::At { container, attempt, started: is } if is == started => Some((*id, container, attempt)),
            _ => None,
        };
        let all: Vec<_> = self.fates.iter().filter_map(fits).collect();
        (!all.is_empty()).then(|| all[pick % all.len()])
    }

    fn pick_container(&self, pick: usize) -> Option<ContainerRef> {
        let count = self.containers.len();
        (count > 0).then(|| *self.containers.keys().nth(pick % count).expect("fewer than there are"))
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Submit { newer } => self.submit(newer),
            Step::Order { fails } => self.order(fails),
            Step::Start(pick) => {
                if let Some((id, container, attempt)) = self.pick(false, pick) {
                    self.start(id, container, attempt);
                }
            }
            Step::End { pick, healthy } => {
                if let Some((id, container, _)) = self.pick(true, pick) {
                    self.finish(id, container, healthy);
                }
            }
            Step::HandBack(pick) => {
                if let Some((id, container, attempt)) = self.pick(false, pick) {
                    self.hand_back(id, container, attempt, NackReason::Recalled);
                }
            }
            Step::Pause(pick) => {
                if let Some(container) = self.pick_container(pick) {
                    self.pause(container);
                }
            }
            Step::Die(pick) => {
                if let Some(container) = self.pick_container(pick) {
                    self.forget(|it| it == container);
                    self.on(Event::Gone { container });
                }
            }
            Step::LoseInvoker => {
                self.forget(|it| it.invoker == InvokerId(0));
                self.on(Event::InvokerLost { invoker: InvokerId(0) });
            }
            Step::Reclaim(count) => self.on(Event::Reclaim { count, idle_only: false }),
            Step::Wait(millis) => self.wait(millis),
        }
        self.check();
    }

    fn submit(&mut self, newer: bool) {
        if self.retired {
            return;
        }
        self.revision += u64::from(newer);
        let id = self.submitted;
        self.submitted += 1;
        let mut message = note(id);
        message.action.revision = self.revision;
        message.action.facts.concurrency = self.slots;
        self.fates.insert(id, Fate::Waiting);
        self.on(Event::Submit { message });
    }

    fn order(&mut self, fails: bool) {
        let Some((creation, revision)) = self.orders.pop_front() else { return };
        if fails {
            let failure = types::CreationFailure::Platform("no".to_owned());
            let failure = crate::creation::StartFailure::Reported(failure);
            return self.on(Event::CreationFailed { creation, failure });
        }
        self.born += 1;
        let container =
            ContainerRef { invoker: InvokerId((self.born % 2) as u32), container: ContainerId(self.born) };
        self.containers.insert(container, revision);
        let took = Duration::from_millis(100);
        self.on(Event::Created { creation, container, revision, slots: self.slots, took });
    }

    fn start(&mut self, id: u64, container: ContainerRef, attempt: Attempt) {
        self.fates.insert(id, Fate::At { container, attempt, started: true });
        self.on(Event::Started { container, activation: activation(id), attempt });
    }

    fn finish(&mut self, id: u64, container: ContainerRef, healthy: bool) {
        self.end(id);
        let run = Duration::from_millis(20);
        self.on(Event::Finished { container, activation: activation(id), init: None, run, healthy });
        if !healthy {
            self.leaving.insert(container);
        }
    }

    fn hand_back(&mut self, id: u64, container: ContainerRef, attempt: Attempt, reason: NackReason) {
        self.fates.insert(id, Fate::Waiting);
        self.on(Event::Nack { container, activation: activation(id), attempt, reason });
    }

    /// A container without a run is paused; what crosses that comes back.
    fn pause(&mut self, container: ContainerRef) {
        let has = self.at(container);
        if has.iter().any(|(_, _, started)| *started) {
            return;
        }
        self.containers.remove(&container);
        self.leaving.remove(&container);
        self.on(Event::Idle { container, paused: true });
        for (id, attempt, _) in has {
            self.hand_back(id, container, attempt, NackReason::Leaving);
        }
    }

    /// Containers are gone; what they had not started waits again.
    fn forget(&mut self, goes: impl Fn(ContainerRef) -> bool) {
        self.containers.retain(|container, _| !goes(*container));
        self.leaving.retain(|container| !goes(*container));
        for fate in self.fates.values_mut() {
            if matches!(fate, Fate::At { container, started: false, .. } if goes(*container)) {
                *fate = Fate::Waiting;
            }
        }
    }

    /// Lets time pass. Containers that were asked to go do so once they have nothing.
    fn wait(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(at) = self.queue.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let mut out = Vec::new();
            self.queue.tick(self.now, &mut out);
            self.carry_out(out);
        }
        self.now = end;
        for container in self.leaving.clone() {
            if self.at(container).is_empty() {
                self.forget(|it| it == container);
                self.on(Event::Gone { container });
            }
        }
    }

    fn check(&self) {
        let stats = self.queue.stats();
        let waiting = self.fates.values().filter(|fate| **fate == Fate::Waiting).count();
        let out = self.fates.values().filter(|fate| matches!(fate, Fate::At { .. })).count();
        assert_eq!(stats.waiting, waiting, "what was accepted is somewhere");
        assert_eq!(stats.in_flight as usize, out);
        assert_eq!(self.queue.tokens(), self.tokens as usize, "one token for each container");
        assert_eq!(stats.creating, self.orders.len());
        let has_room = self.queue.fleet.best().is_some();
        assert!(!(has_room && waiting > 0), "an activation waits although a container has room");
    }

    /// Nothing fails any more: everything ends, and the queue retires.
    fn drain(&mut self) {
        for _ in 0..20_000 {
            while !self.orders.is_empty() {
                self.order(false);
            }
            while let Some((id, container, attempt)) = self.pick(false, 0) {
                self.start(id, container, attempt);
            }
            while let Some((id, container, _)) = self.pick(true, 0) {
                self.finish(id, container, true);
            }
            self.check();
            if self.queue.stats().waiting == 0 && self.queue.stats().in_flight == 0 {
                break;
            }
            self.wait(20);
        }
        assert!(self.fates.values().all(|fate| *fate == Fate::Ended), "something never ended");
        while let Some(container) = self.pick_container(0) {
            self.pause(container);
        }
        self.wait(60_000);
        assert!(self.retired || self.submitted == 0, "the queue stays for ever");
        assert_eq!(self.tokens, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// No activation is lost, handed out twice, or ended twice; tokens are counted exactly; everything ends at last.
    #[test]
    fn nothing_is_lost_or_doubled(
        steps in prop::collection::vec(step(), 1..300),
        slots in 1_u32..4,
        limit in 1_u32..8,
        upstream in any::<bool>(),
    ) {
        let mut world = World::new(slots, limit, upstream);
        for step in steps {
            world.step(step);
        }
        world.drain();
    }

    /// First attempts are handed out in the order of arrival, whatever happens to later ones.
    #[test]
    fn first_attempts_keep_their_order(steps in prop::collection::vec(step(), 1..300), slots in 1_u32..4) {
        let mut world = World::new(slots, 5, false);
        for step in steps {
            world.step(step);
        }
        world.drain();
        prop_assert!(world.first_dispatches.is_sorted(), "{:?}", world.first_dispatches);
    }
}
