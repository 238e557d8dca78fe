//! The controllers and their clients, and what clients were promised.

use crate::invariants;
use crate::message::{Action, Activation};
use crate::plan::{Happening, Plan};
use crate::world::{Delivery, Report, Who, World};
use engine::pending::{Pending, patience};
use engine::queue::{ActionFacts, Message as _};
use machine::Instant;
use std::sync::Arc;
use std::time::Duration;
use types::{ActivationId, Attempt, ContainerId, Revision, StatusCode};

/// For so long some controllers may still hand out the revision before.
const CACHE_DELAY: Duration = Duration::from_millis(300);

/// How long a run may take, as far as controllers wait for it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What clients were promised and what came of it.
#[derive(Debug)]
pub(crate) struct Oracle {
    known: Vec<Known>,
    pending: Pending<()>,
    accepted: u64,
    last_revision: u64,
    actions: Vec<ActionState>,
}

/// An action as the store has it.
#[derive(Debug)]
struct ActionState {
    live: Option<Arc<Action>>,
    before: Option<Arc<Action>>,
    changed: Instant,
}

/// One activation that a client asked for.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) action: usize,
    /// Its place in the order in which all activations were accepted.
    pub(crate) accepted: Option<u64>,
    pub(crate) refused: Option<String>,
    /// The records that were made of it.
    pub(crate) records: Vec<End>,
    pub(crate) attempts: Vec<Try>,
    /// Whether a crash or a broken link took something of it, so that nobody can know how far it came.
    pub(crate) excused: bool,
    pub(crate) probe: bool,
}

/// One time that an activation was handed to a container.
#[derive(Debug)]
pub(crate) struct Try {
    pub(crate) attempt: Attempt,
    pub(crate) invoker: usize,
    pub(crate) container: ContainerId,
    /// Whether the container has said that it begins.
    pub(crate) reported: bool,
    /// Whether user code has seen it.
    pub(crate) started: bool,
    /// Whether the scheduler has heard of that.
    pub(crate) heard: bool,
    /// Whether the scheduler has heard of its end.
    pub(crate) settled: bool,
    /// Whether the link broke or a process ended before it was settled.
    pub(crate) lost: bool,
}

/// How an activation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It ran.
    Ran(StatusCode),
    /// It was dropped before it ran.
    Dropped(String),
    /// Its container is gone and nobody knows how far it came.
    Lost,
    /// Nobody had said anything for too long.
    Overdue,
}

impl Oracle {
    pub(crate) fn new(plan: &Plan) -> Oracle {
        let mut oracle = Oracle {
            known: Vec::new(),
            pending: Pending::new(),
            accepted: 0,
            last_revision: 0,
            actions: Vec::new(),
        };
        for number in 0..plan.actions.len() {
            let live = Some(oracle.next_revision(plan, number));
            oracle.actions.push(ActionState { live, before: None, changed: Instant::ZERO });
        }
        oracle
    }

    fn next_revision(&mut self, plan: &Plan, number: usize) -> Arc<Action> {
        self.last_revision += 1;
        let action = &plan.actions[number];
        let facts = ActionFacts {
            concurrency: action.concurrency,
            instances: action.instances,
            memory: action.memory,
            blackbox: false,
        };
        Arc::new(Action { number, revision: Revision(self.last_revision), facts })
    }

    pub(crate) fn known(&self, id: ActivationId) -> &Known {
        &self.known[index(id)]
    }

    pub(crate) fn known_mut(&mut self, id: ActivationId) -> &mut Known {
        &mut self.known[index(id)]
    }

    /// All activations with their ids.
    pub(crate) fn all(&self) -> impl Iterator<Item = (ActivationId, &Known)> {
        self.known.iter().enumerate().map(|(index, known)| (id(index), known))
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.known.iter_mut()
    }

    /// Whether no controller waits for anything and everything accepted has a record.
    pub(crate) fn all_ended(&self) -> bool {
        self.pending.is_empty()
            && self.known.iter().all(|known| known.accepted.is_none() || !known.records.is_empty())
    }

    /// How many activations controllers wait for.
    pub(crate) fn open(&self) -> usize {
        self.pending.len()
    }

    /// The action's newest revision; `None` while it is deleted.
    pub(crate) fn live(&self, action: usize) -> Option<&Arc<Action>> {
        self.actions[action].live.as_ref()
    }

    pub(crate) fn report(&self) -> Report {
        let count = |what: fn(&Known) -> bool| self.known.iter().filter(|known| what(known)).count();
        Report {
            accepted: count(|known| known.accepted.is_some()),
            refused: count(|known| known.refused.is_some()),
            started: count(|known| known.attempts.iter().any(|attempt| attempt.started)),
            succeeded: count(|known| known.records.contains(&End::Ran(StatusCode::Success))),
            excused: count(|known| known.excused),
            steps: 0,
        }
    }
}

fn id(index: usize) -> ActivationId {
    ActivationId::from_bits(index as u128 + 1)
}

fn index(id: ActivationId) -> usize {
    id.bits() as usize - 1
}

impl World {
    /// A client invokes an action; `None` where it is not there.
    pub(crate) fn invoke(&mut self, number: usize) -> Option<ActivationId> {
        let state = &self.oracle.actions[number];
        let is_stale = self.now < state.changed + CACHE_DELAY && self.rng.percent(50);
        let action = if is_stale { state.before.clone() } else { state.live.clone() }?;
        let id = id(self.oracle.known.len());
        self.oracle.known.push(Known {
            action: number,
            accepted: None,
            refused: None,
            records: Vec::new(),
            attempts: Vec::new(),
            excused: false,
            probe: false,
        });
        let message = Activation { id, action, blocking: self.rng.percent(70), caused: self.rng.percent(10) };
        if self.scheduler.up {
            self.oracle.pending.open(id, self.now + patience(TIMEOUT), ());
            let (epoch, delay) = (self.scheduler.epoch, self.delay());
            self.after(delay, Delivery::Submit { epoch, message });
            self.arm_controllers();
        } else {
            self.oracle.known_mut(id).refused = Some("no scheduler".to_owned());
        }
        Some(id)
    }

    pub(crate) fn submitted(&mut self, epoch: u64, message: Activation) {
        let id = message.id();
        if !self.scheduler.up || self.scheduler.epoch != epoch {
            self.oracle.known_mut(id).excused = true;
            return;
        }
        // Commands are carried out after this, so the order of acceptance is known before the first dispatch.
        match self.submit(message) {
            Ok(()) => {
                self.oracle.accepted += 1;
                self.oracle.known_mut(id).accepted = Some(self.oracle.accepted);
            }
            Err(refusal) => {
                invariants::live_throttle::at_refusal(self, id, &refusal);
                self.oracle.known_mut(id).refused = Some(format!("{:?}", refusal.reason));
                self.oracle.pending.close(id);
            }
        }
    }

    /// Makes the record of an activation.
    pub(crate) fn record(&mut self, id: ActivationId, end: End) {
        self.trace(|_| format!("record of {id}: {end:?}"));
        self.oracle.known_mut(id).records.push(end);
        invariants::ends_once::at_record(self, id);
    }

    /// A controller hears how an activation ended. Of one that did not run it makes the record, unless there is one.
    pub(crate) fn acked(&mut self, id: ActivationId, ended: End) {
        let is_first = self.oracle.pending.close(id).is_some();
        let is_recorded = !self.oracle.known(id).records.is_empty();
        if is_first && !is_recorded && !matches!(ended, End::Ran(_)) {
            self.record(id, ended);
        }
    }

    pub(crate) fn give_up_overdue(&mut self) {
        while let Some((id, ())) = self.oracle.pending.pop_overdue(self.now) {
            invariants::ends_once::at_overdue(self, id);
            if self.oracle.known(id).records.is_empty() {
                self.record(id, End::Overdue);
            }
        }
        self.arm_controllers();
    }

    fn arm_controllers(&mut self) {
        let deadline = self.oracle.pending.next_deadline();
        self.arm(Who::Controllers, deadline);
    }

    pub(crate) fn happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::Invoke { action } => {
                self.invoke(action);
            }
            Happening::Update { action } | Happening::Recreate { action } => {
                let is_there = self.oracle.live(action).is_some();
                if is_there == matches!(happening, Happening::Update { .. }) {
                    let next = self.oracle.next_revision(&self.plan, action);
                    self.change(action, Some(next));
                }
            }
            Happening::Delete { action } => {
                if let Some(live) = self.oracle.live(action) {
                    let revision = live.revision;
                    self.change(action, None);
                    self.deleted(action, revision);
                }
            }
            Happening::SetLimit { namespace, limit } => {
                self.plan.namespaces[namespace] = limit;
                self.set_limit(namespace, limit);
            }
            Happening::CrashInvoker { invoker } => self.crash_invoker(invoker),
            Happening::DrainInvoker { invoker } => self.drain_invoker(invoker),
            Happening::BreakLink { invoker } => self.break_link(invoker),
            Happening::CrashScheduler => self.crash_scheduler(),
        }
    }

    fn change(&mut self, action: usize, live: Option<Arc<Action>>) {
        let now = self.now;
        let state = &mut self.oracle.actions[action];
        state.before = std::mem::replace(&mut state.live, live);
        state.changed = now;
    }
}
