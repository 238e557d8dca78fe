//! What containers really do: run, fail, die.

use crate::invariants;
use crate::message::Activation;
use crate::world::{Delivery, World};
use engine::proxy::{Event, Spec};
use std::collections::BTreeMap;
use std::time::Duration;
use types::{ActivationId, ContainerId, CreationFailure, Revision, StatusCode};

/// A container as it is, whatever its machine believes.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) spec: Spec,
    phase: Phase,
    /// The activations that it was given and that are not over.
    pub(crate) held: BTreeMap<ActivationId, Activation>,
    statuses: BTreeMap<ActivationId, StatusCode>,
    /// The calls that are under way.
    calls: BTreeMap<u64, Call>,
    next_call: u64,
    /// How many runs it takes at a time, as was agreed when it got its code.
    slots: usize,
    /// The revision whose code it has.
    pub(crate) code: Option<Revision>,
    /// On which stream to the scheduler it was reported as created.
    pub(crate) tenure: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Making,
    Running,
    Frozen,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Init(ActivationId),
    Run(ActivationId),
    Other,
}

impl Container {
    /// How many runs are under way, initialisation included.
    pub(crate) fn running(&self) -> usize {
        self.calls.values().filter(|call| **call != Call::Other).count()
    }

    /// Whether it stands still.
    pub(crate) fn is_frozen(&self) -> bool {
        self.phase == Phase::Frozen
    }

    /// The activation is over; answers how it ended.
    pub(crate) fn forget(&mut self, activation: ActivationId) -> Option<StatusCode> {
        self.held.remove(&activation);
        self.statuses.remove(&activation)
    }
}

impl World {
    pub(crate) fn make_container(&mut self, invoker: usize, id: ContainerId, spec: Spec) {
        let container = Container {
            spec,
            phase: Phase::Making,
            held: BTreeMap::new(),
            statuses: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_call: 0,
            slots: 1,
            code: None,
            tenure: None,
        };
        self.invokers[invoker].containers.insert(id, container);
        let tenant = self.invokers[invoker].proxies.get(&id).and_then(|proxy| proxy.tenant());
        let action = tenant.map(|tenant| self.scheduler.action_of(&tenant.queue));
        let impossible = action.is_some_and(|action| self.plan.actions[action].impossible);
        let slow = self.rng.percent(self.plan.faults.creation_is_slow);
        let took = if slow { self.rng.millis(1_000, 30_000) } else { self.rng.millis(5, 300) };
        let event = if impossible {
            Event::CreateFailed(CreationFailure::Developer("no such image".to_owned()))
        } else if self.rng.percent(self.plan.faults.creation_fails) {
            Event::CreateFailed(CreationFailure::Platform("no process".to_owned()))
        } else {
            Event::Created
        };
        self.call(invoker, id, Call::Other, took, event);
    }

    pub(crate) fn initialise(&mut self, invoker: usize, id: ContainerId, activation: ActivationId) {
        let Some(action) = self.held(invoker, id, activation).map(|message| message.action.clone()) else {
            return self
                .violate("invoker", || format!("{id} initialises {activation}, which it was not given"));
        };
        let (least, most) = self.plan.actions[action.number].init;
        let took = self.rng.millis(least, most);
        // The code of a revision that is no more cannot be had (CLS-15).
        let is_live = self.oracle.live(action.number).is_some_and(|live| live.revision == action.revision);
        let status = if !is_live {
            StatusCode::ApplicationError
        } else if self.rng.percent(self.plan.faults.init_fails) {
            StatusCode::DeveloperError
        } else {
            StatusCode::Success
        };
        if let Some(there) = self.invokers[invoker].containers.get_mut(&id) {
            there.slots = self.plan.actions[action.number].concurrency as usize;
        }
        invariants::one_run::at_start(self, invoker, id, activation);
        self.note_status(invoker, id, activation, status);
        let event = Event::Initialised { activation, status, took };
        self.call(invoker, id, Call::Init(activation), took, event);
    }

    pub(crate) fn run_code(&mut self, invoker: usize, id: ContainerId, activation: ActivationId) {
        let Some(action) = self.held(invoker, id, activation).map(|message| message.action.number) else {
            return self.violate("invoker", || format!("{id} runs {activation}, which it was not given"));
        };
        let (least, most) = self.plan.actions[action].run;
        let took = self.rng.millis(least, most);
        let status = if self.rng.percent(self.plan.faults.run_fails) {
            let bad = [StatusCode::ApplicationError, StatusCode::DeveloperError, StatusCode::WhiskError];
            self.rng.pick(&bad)
        } else {
            StatusCode::Success
        };
        invariants::right_code::at_run(self, invoker, id, activation);
        let initialised = self.invokers[invoker].containers[&id].statuses.contains_key(&activation);
        if !initialised {
            invariants::one_run::at_start(self, invoker, id, activation);
        }
        self.note_status(invoker, id, activation, status);
        self.call(invoker, id, Call::Run(activation), took, Event::Ran { activation, status, took });
        let there = &self.invokers[invoker].containers[&id];
        let (running, slots) = (there.running(), there.slots);
        if running > slots || there.is_frozen() {
            let frozen = there.is_frozen();
            self.violate("container", || format!("{running} runs of {slots} in {id}, frozen: {frozen}"));
        }
    }

    pub(crate) fn take_logs(&mut self, invoker: usize, id: ContainerId, activation: ActivationId) {
        let slow = self.rng.percent(self.plan.faults.logs_are_slow);
        let took = if slow { self.rng.millis(1, 2_000) } else { Duration::from_micros(5) };
        self.call(invoker, id, Call::Other, took, Event::LogsTaken { activation });
    }

    pub(crate) fn pause(&mut self, invoker: usize, id: ContainerId) {
        let (took, fails) = (self.rng.millis(1, 30), self.rng.percent(self.plan.faults.freezer_fails));
        let event = if fails || self.is_dead(invoker, id) { Event::PauseFailed } else { Event::Paused };
        self.set_phase(invoker, id, Phase::Frozen);
        self.call(invoker, id, Call::Other, took, event);
    }

    pub(crate) fn resume(&mut self, invoker: usize, id: ContainerId) {
        let (took, fails) = (self.rng.millis(1, 30), self.rng.percent(self.plan.faults.freezer_fails));
        let event = if fails || self.is_dead(invoker, id) { Event::ResumeFailed } else { Event::Resumed };
        self.call(invoker, id, Call::Other, took, event);
    }

    pub(crate) fn destroy(&mut self, invoker: usize, id: ContainerId) {
        let running = self.invokers[invoker].containers.get(&id).map_or(0, Container::running);
        if running > 0 {
            self.violate("container", || format!("{id} is destroyed while {running} runs are under way"));
        }
        let took = self.rng.millis(1, 500);
        self.call(invoker, id, Call::Other, took, Event::Destroyed);
    }

    /// Begins a call that ends with an event.
    fn call(&mut self, invoker: usize, id: ContainerId, call: Call, took: Duration, event: Event) {
        let incarnation = self.invokers[invoker].incarnation;
        let Some(there) = self.invokers[invoker].containers.get_mut(&id) else { return };
        there.next_call += 1;
        let number = there.next_call;
        there.calls.insert(number, call);
        let is_dead = there.phase == Phase::Dead;
        self.after(took, Delivery::Answer { invoker, incarnation, container: id, call: number, event });
        if is_dead {
            self.break_off(invoker, id);
        }
    }

    pub(crate) fn call_ends(
        &mut self,
        invoker: usize,
        incarnation: u32,
        id: ContainerId,
        call: u64,
        event: Event,
    ) {
        if !self.invokers[invoker].up || self.invokers[invoker].incarnation != incarnation {
            return;
        }
        let Some(there) = self.invokers[invoker].containers.get_mut(&id) else { return };
        if there.calls.remove(&call).is_none() {
            return;
        }
        match event {
            Event::Created => {
                there.phase = Phase::Running;
                if self.rng.percent(self.plan.faults.container_dies) {
                    let lives = self.rng.millis(0, 15_000);
                    self.after(lives, Delivery::ContainerDies { invoker, incarnation, container: id });
                }
            }
            Event::Initialised { activation, status: StatusCode::Success, .. } => {
                there.code = there.held.get(&activation).map(|message| message.action.revision);
            }
            Event::Resumed => self.set_phase(invoker, id, Phase::Running),
            _ => {}
        }
        self.tell_proxy(invoker, id, event);
    }

    /// The main process ends by itself: what runs is broken off, and its machine hears of it.
    pub(crate) fn container_dies(&mut self, invoker: usize, incarnation: u32, id: ContainerId) {
        if !self.invokers[invoker].up || self.invokers[invoker].incarnation != incarnation {
            return;
        }
        let Some(there) = self.invokers[invoker].containers.get_mut(&id) else { return };
        there.phase = Phase::Dead;
        if self.rng.percent(50) {
            self.tell_proxy(invoker, id, Event::Ended);
            self.break_off(invoker, id);
        } else {
            self.break_off(invoker, id);
            self.tell_proxy(invoker, id, Event::Ended);
        }
    }

    /// Ends the runs of a dead container soon.
    fn break_off(&mut self, invoker: usize, id: ContainerId) {
        let incarnation = self.invokers[invoker].incarnation;
        let Some(there) = self.invokers[invoker].containers.get_mut(&id) else { return };
        let (status, took) = (StatusCode::DeveloperError, Duration::from_millis(1));
        let mut answers = Vec::new();
        for (number, call) in std::mem::take(&mut there.calls) {
            let (activation, event) = match call {
                Call::Other => {
                    there.calls.insert(number, call);
                    continue;
                }
                Call::Init(activation) => (activation, Event::Initialised { activation, status, took }),
                Call::Run(activation) => (activation, Event::Ran { activation, status, took }),
            };
            there.statuses.insert(activation, status);
            // Under a new number, so that the answer that was to come does not.
            there.next_call += 1;
            there.calls.insert(there.next_call, call);
            answers.push((there.next_call, event));
        }
        for (call, event) in answers {
            self.after(took, Delivery::Answer { invoker, incarnation, container: id, call, event });
        }
    }

    fn note_status(&mut self, invoker: usize, id: ContainerId, activation: ActivationId, status: StatusCode) {
        if let Some(there) = self.invokers[invoker].containers.get_mut(&id) {
            there.statuses.insert(activation, status);
        }
    }

    fn is_dead(&self, invoker: usize, id: ContainerId) -> bool {
        self.invokers[invoker].containers.get(&id).is_some_and(|there| there.phase == Phase::Dead)
    }

    fn set_phase(&mut self, invoker: usize, id: ContainerId, phase: Phase) {
        if let Some(there) = self.invokers[invoker].containers.get_mut(&id)
            && there.phase != Phase::Dead
        {
            there.phase = phase;
        }
    }
}
