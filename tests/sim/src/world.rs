use crate::client::Oracle;
use crate::invariants;
use crate::invoker::Invoker;
use crate::link::{self, Way};
use crate::message::Activation;
use crate::plan::{Faults, Happening, Plan};
use crate::rng::Rng;
use crate::scheduler::{FromInvoker, Scheduler, ToInvoker};
use engine::proxy;
use machine::Instant;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use types::{ActivationId, ContainerId};

/// What came of one run.
#[derive(Debug)]
pub struct Run {
    /// What was done, or which invariant was broken and how.
    pub result: Result<Report, String>,
    /// What happened, line by line, if it was asked for.
    pub trace: String,
}

/// A run in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Activations that were accepted.
    pub accepted: usize,
    /// Activations that were refused.
    pub refused: usize,
    /// Activations that were started.
    pub started: usize,
    /// Activations that ended well.
    pub succeeded: usize,
    /// Activations that were lost to a crash or a broken link.
    pub excused: usize,
    /// Deliveries of messages and timers.
    pub steps: u64,
}

impl Report {
    /// Adds the numbers of another run.
    pub fn add(&mut self, other: &Report) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.started += other.started;
        self.succeeded += other.succeeded;
        self.excused += other.excused;
        self.steps += other.steps;
    }
}

/// A run that takes more steps than this is going round in circles.
const MOST_STEPS: u64 = 300_000;

/// After faults have ended, everything that was accepted must end within this time: the longest wait in a queue, the
/// longest run, and the patience of controllers with what crashes took.
const TIME_TO_END: Duration = Duration::from_secs(300);

/// Whatever crashed or broke has been started again within this time, and whoever waits after failures tries again.
const TIME_TO_COME_BACK: Duration = Duration::from_secs(40);

/// After so long without work nothing counts as full any more.
const TIME_TO_CALM_DOWN: Duration = Duration::from_secs(2);

/// After that, what is idle must be gone within this time.
const TIME_TO_CLEAN_UP: Duration = Duration::from_secs(200);

/// The time between two probes.
const PROBE_EVERY: Duration = Duration::from_secs(15);

/// The cluster, and everything that is on its way in it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) rng: Rng,
    pub(crate) plan: Plan,
    pub(crate) oracle: Oracle,
    pub(crate) scheduler: Scheduler,
    pub(crate) invokers: Vec<Invoker>,
    /// How many containers each namespace may have now: its limit, or what it had when that was lowered.
    pub(crate) allowed: Vec<u32>,
    /// When the limit of each namespace changed last.
    pub(crate) limits_changed: Vec<Instant>,
    deliveries: BTreeMap<(Instant, u64), Delivery>,
    sequence: u64,
    /// The earliest wake-up that each machine has asked for.
    armed: BTreeMap<Who, Instant>,
    violation: Option<String>,
    trace: Option<String>,
}

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    Happen(Happening),
    Submit { epoch: u64, message: Activation },
    Ack { id: ActivationId, ended: crate::client::End },
    ToScheduler { invoker: usize, generation: u64, what: FromInvoker },
    ToInvoker { invoker: usize, generation: u64, what: ToInvoker },
    Mail { invoker: usize, incarnation: u32, container: ContainerId, event: proxy::Event },
    Answer { invoker: usize, incarnation: u32, container: ContainerId, call: u64, event: proxy::Event },
    ContainerDies { invoker: usize, incarnation: u32, container: ContainerId },
    InvokerLost { invoker: usize, epoch: u64 },
    SchedulerLost { invoker: usize, incarnation: u32 },
    Reconnect { invoker: usize, generation: u64 },
    ExitInvoker { invoker: usize, incarnation: u32 },
    RestartInvoker { invoker: usize },
    RestartScheduler,
    Tick(Who),
}

/// A machine with timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Controllers,
    Queue { action: usize, serial: u32 },
    Orders { epoch: u64 },
    Pool { invoker: usize, incarnation: u32 },
    Proxy { invoker: usize, incarnation: u32, container: ContainerId },
}

/// Runs the world of a seed. `traced`: whether to write down what happens.
#[must_use]
pub fn simulate(seed: u64, traced: bool) -> Run {
    let mut world = World::new(seed, traced);
    // A machine that panics has broken an invariant of its own.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| world.live())) {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.violate("panic", || text.unwrap_or_default());
    }
    let trace = world.trace.take().unwrap_or_default();
    let result = match world.violation.take() {
        Some(violation) => Err(violation),
        None => Ok(world.report()),
    };
    Run { result, trace }
}

impl World {
    fn new(seed: u64, traced: bool) -> World {
        let plan = Plan::of(seed);
        let mut rng = Rng::new(seed ^ 0x5eed);
        let invokers = plan.invokers.iter().map(|config| Invoker::new(config.clone())).collect();
        World {
            now: Instant::ZERO,
            rng: rng.fork(),
            oracle: Oracle::new(&plan),
            scheduler: Scheduler::new(&plan),
            invokers,
            allowed: vec![0; plan.namespaces.len()],
            limits_changed: vec![Instant::ZERO; plan.namespaces.len()],
            plan,
            deliveries: BTreeMap::new(),
            sequence: 0,
            armed: BTreeMap::new(),
            violation: None,
            trace: traced.then(String::new),
        }
    }

    fn live(&mut self) {
        self.trace(|world| format!("{:?}", world.plan));
        for (at, happening) in self.plan.happenings.clone() {
            self.at(at, Delivery::Happen(happening));
        }
        self.scheduler.start();
        (0..self.invokers.len()).for_each(|invoker| self.start_invoker(invoker));
        self.run_until(self.plan.calm);
        self.trace(|_| "faults end".to_owned());
        self.plan.faults = Faults::default();
        // What crashed last is to be back first.
        self.run_until(self.plan.calm + TIME_TO_COME_BACK);
        let end = self.plan.calm + TIME_TO_END;
        while !self.oracle.all_ended() && self.step_before(end) {}
        invariants::ends_once::at_end(self);
        let end = self.now + TIME_TO_CALM_DOWN;
        self.run_until(end);
        self.probe();
        let end = self.now + TIME_TO_CLEAN_UP;
        self.run_until(end);
        invariants::nothing_left::at_end(self);
    }

    /// A quiet cluster takes and runs whatever it is given: nothing is throttled, stuck or spoilt for ever.
    fn probe(&mut self) {
        for action in 0..self.plan.actions.len() {
            if let Some(id) = self.invoke(action) {
                self.oracle.known_mut(id).probe = true;
            }
            let end = self.now + PROBE_EVERY;
            self.run_until(end);
        }
        invariants::live_throttle::after_probes(self);
    }

    fn run_until(&mut self, end: Instant) {
        while self.step_before(end) {}
        self.now = self.now.max(end);
    }

    /// Takes one step if one is due before `end` and nothing is wrong yet.
    fn step_before(&mut self, end: Instant) -> bool {
        if self.violation.is_some() {
            return false;
        }
        let Some(entry) = self.deliveries.first_entry().filter(|entry| entry.key().0 <= end) else {
            return false;
        };
        let ((at, sequence), delivery) = entry.remove_entry();
        self.now = at;
        self.deliver(delivery);
        self.carry_on();
        invariants::after_step(self);
        if sequence > MOST_STEPS {
            self.violate("progress", || format!("{MOST_STEPS} steps and no end"));
        }
        true
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.trace(|_| format!("{delivery:?}"));
        match delivery {
            Delivery::Happen(happening) => self.happen(&happening),
            Delivery::Submit { epoch, message } => self.submitted(epoch, message),
            Delivery::Ack { id, ended } => self.acked(id, ended),
            Delivery::ToScheduler { invoker, generation, what } => {
                if self.invokers[invoker].link.generation == generation && self.scheduler.up {
                    self.hear_invoker(invoker, what);
                }
            }
            Delivery::ToInvoker { invoker, generation, what } => {
                if self.invokers[invoker].link.generation == generation && self.invokers[invoker].up {
                    self.hear_scheduler(invoker, what);
                }
            }
            Delivery::Mail { invoker, incarnation, container, event } => {
                self.mail_arrives(invoker, incarnation, container, event);
            }
            Delivery::Answer { invoker, incarnation, container, call, event } => {
                self.call_ends(invoker, incarnation, container, call, event);
            }
            Delivery::ContainerDies { invoker, incarnation, container } => {
                self.container_dies(invoker, incarnation, container);
            }
            Delivery::InvokerLost { invoker, epoch } => self.invoker_lost(invoker, epoch),
            Delivery::SchedulerLost { invoker, incarnation } => self.scheduler_lost(invoker, incarnation),
            Delivery::Reconnect { invoker, generation } => {
                if self.invokers[invoker].link.generation == generation {
                    self.connect(invoker);
                }
            }
            Delivery::ExitInvoker { invoker, incarnation } => self.exit_invoker(invoker, incarnation),
            Delivery::RestartInvoker { invoker } => self.start_invoker(invoker),
            Delivery::RestartScheduler => {
                self.scheduler.start();
                (0..self.invokers.len()).for_each(|invoker| self.connect(invoker));
            }
            Delivery::Tick(who) => {
                self.armed.remove(&who);
                self.tick(who);
            }
        }
    }

    fn tick(&mut self, who: Who) {
        match who {
            Who::Controllers => self.give_up_overdue(),
            Who::Queue { action, serial } => self.tick_queue(action, serial),
            Who::Orders { epoch } => self.tick_orders(epoch),
            Who::Pool { invoker, incarnation } => self.tick_pool(invoker, incarnation),
            Who::Proxy { invoker, incarnation, container } => {
                self.tick_proxy(invoker, incarnation, container)
            }
        }
    }

    pub(crate) fn at(&mut self, at: Instant, delivery: Delivery) {
        self.sequence += 1;
        self.deliveries.insert((at.max(self.now), self.sequence), delivery);
    }

    pub(crate) fn after(&mut self, time: Duration, delivery: Delivery) {
        self.at(self.now + time, delivery);
    }

    /// Has a machine woken at its next deadline, unless it will be woken before.
    pub(crate) fn arm(&mut self, who: Who, deadline: Option<Instant>) {
        let Some(at) = deadline else { return };
        if self.armed.get(&who).is_none_or(|armed| at < *armed) {
            self.armed.insert(who, at);
            self.at(at, Delivery::Tick(who));
        }
    }

    /// The machines that are going to be woken.
    pub(crate) fn armed(&self) -> impl Iterator<Item = Who> {
        self.armed.keys().copied()
    }

    /// A message between roles in one direction without order; between invoker and scheduler use [`World::send`].
    pub(crate) fn delay(&mut self) -> Duration {
        link::delay(&mut self.rng, self.plan.delay)
    }

    pub(crate) fn send_to_scheduler(&mut self, invoker: usize, what: FromInvoker) {
        let delay = self.delay();
        let link = &mut self.invokers[invoker].link;
        if link.up {
            let generation = link.generation;
            let at = link.arrival(Way::ToScheduler, self.now, delay);
            self.at(at, Delivery::ToScheduler { invoker, generation, what });
        }
    }

    pub(crate) fn send_to_invoker(&mut self, invoker: usize, what: ToInvoker) {
        let delay = self.delay();
        let link = &mut self.invokers[invoker].link;
        if link.up {
            let generation = link.generation;
            let at = link.arrival(Way::ToInvoker, self.now, delay);
            self.at(at, Delivery::ToInvoker { invoker, generation, what });
        }
    }

    /// Writes a line if somebody reads it.
    pub(crate) fn trace(&mut self, line: impl FnOnce(&World) -> String) {
        if self.trace.is_none() {
            return;
        }
        let line = line(self);
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            // Writing to a text cannot fail.
            let _ = writeln!(trace, "{now:?} {line}");
        }
    }

    /// Notes that an invariant is broken; the first one counts.
    pub(crate) fn violate(&mut self, invariant: &str, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let violation = format!("{invariant} at {:?}: {}", self.now, what());
            self.trace(|_| format!("VIOLATION {violation}"));
            self.violation = Some(violation);
        }
    }

    fn report(&self) -> Report {
        Report { steps: self.sequence, ..self.oracle.report() }
    }
}
