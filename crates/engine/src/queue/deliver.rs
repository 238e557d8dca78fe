//! Handing activations to containers, and what comes back.

use super::backlog::Accepted;
use super::decide::Rules;
use super::fleet::{Due, Flight, Slot};
use super::{Command, DropReason, Message, Phase, Queue};
use machine::Instant;
use std::time::Duration;
use types::{ActivationId, Attempt, ContainerRef, InvokerId, NackReason};

impl<M: Message> Queue<M> {
    /// Hands an activation to a container that has room.
    pub(super) fn dispatch(
        &mut self,
        now: Instant,
        slot: Slot,
        mut accepted: Accepted<M>,
        out: &mut Vec<Command<M>>,
    ) {
        if let Some(live) = self.live.as_ref().filter(|live| live.revision != accepted.message.revision()) {
            accepted.message = accepted.message.with_action(&live.action);
        }
        accepted.attempts += 1;
        out.push(Command::Dispatch {
            container: self.fleet.reference(slot),
            attempt: Attempt(accepted.attempts),
            message: accepted.message.clone(),
        });
        let recall = now + self.config.recall_after;
        self.fleet.board(slot, accepted, recall, now);
        self.demand.dispatched(now);
        self.sweep_at.get_or_insert(recall);
    }

    /// The container that gets the next activation, if one has room and the width of the queue lets it work.
    pub(super) fn free(&mut self, now: Instant) -> Option<Slot> {
        let best = self.fleet.best()?;
        let Rules::Predictive(_) = &self.config.rules else { return Some(best) };
        let waited = self.backlog.front().map_or(Duration::ZERO, |first| now - first.since);
        let admits = self.width.admits(now, self.fleet.in_flight(), waited);
        admits.then_some(best)
    }

    /// Hands out what waits, as long as a container has room.
    pub(super) fn pump(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        while self.phase != Phase::Disowned
            && !self.backlog.is_empty()
            && let Some(slot) = self.free(now)
        {
            let Some(accepted) = self.backlog.pop(&self.config) else { return };
            self.dispatch(now, slot, accepted, out);
        }
    }

    pub(super) fn finished(
        &mut self,
        now: Instant,
        container: ContainerRef,
        activation: ActivationId,
        run: Duration,
        healthy: bool,
        out: &mut Vec<Command<M>>,
    ) {
        let Some(slot) = self.fleet.find(container) else { return };
        let in_flight = self.fleet.in_flight();
        let Some(flight) = self.fleet.land(slot, activation, None, now) else { return };
        self.demand.finished(run);
        // Activations that share a container share its processor as well: nothing is to be learned about others.
        if self.live.as_ref().is_some_and(|live| live.facts.concurrency == 1) {
            self.width.ended(now, now - flight.accepted.since, run, in_flight);
        }
        if healthy {
            self.breaker.finished_well();
            self.repay_with(now, slot, out);
        } else {
            self.breaker.crashed(now, &self.config.breaker);
            self.let_go(now, slot);
        }
        self.release_if_parted(slot, out);
        self.pump(now, out);
        let is_calm = self.phase == Phase::Serving && !self.live.as_ref().is_some_and(|live| live.deleted);
        let suffices = self.backlog.is_empty() || self.fleet.best().is_some();
        if is_calm && suffices && !self.supply.is_expecting() {
            self.watch_surplus(now);
        } else {
            self.settle(now, out);
        }
    }

    pub(super) fn nacked(
        &mut self,
        now: Instant,
        container: ContainerRef,
        activation: ActivationId,
        attempt: Attempt,
        reason: NackReason,
        out: &mut Vec<Command<M>>,
    ) {
        let Some(slot) = self.fleet.find(container) else { return };
        let Some(flight) = self.fleet.land(slot, activation, Some(attempt), now) else { return };
        self.take_back(flight, container, out);
        match reason {
            NackReason::NoCredit => self.fleet.shrink(slot),
            NackReason::Leaving => self.let_go(now, slot),
            NackReason::Broken => {
                self.breaker.crashed(now, &self.config.breaker);
                self.let_go(now, slot);
            }
            NackReason::Unknown => self.remove(slot, out),
            NackReason::StaleEpoch => self.phase = Phase::Disowned,
            NackReason::Recalled => self.fleet.demote(slot),
        }
        if reason != NackReason::Unknown {
            self.release_if_parted(slot, out);
        }
        self.pump(now, out);
        self.settle(now, out);
    }

    pub(super) fn idle(
        &mut self,
        now: Instant,
        container: ContainerRef,
        paused: bool,
        out: &mut Vec<Command<M>>,
    ) {
        let Some(slot) = self.fleet.find(container) else { return };
        if paused {
            self.supply.paused(container);
            self.fleet.part(slot);
            self.release_if_parted(slot, out);
        } else {
            self.let_go(now, slot);
        }
        self.settle(now, out);
    }

    pub(super) fn gone(&mut self, now: Instant, container: ContainerRef, out: &mut Vec<Command<M>>) {
        self.supply.forget_paused(container);
        let Some(slot) = self.fleet.find(container) else { return };
        self.remove(slot, out);
        self.pump(now, out);
        self.settle(now, out);
    }

    pub(super) fn invoker_lost(&mut self, now: Instant, invoker: InvokerId, out: &mut Vec<Command<M>>) {
        self.supply.forget_paused_of(invoker);
        for slot in self.fleet.of_invoker(invoker) {
            self.remove(slot, out);
        }
        self.pump(now, out);
        self.settle(now, out);
    }

    /// Removes a container that is gone. What it had started is lost, the rest waits again.
    fn remove(&mut self, slot: Slot, out: &mut Vec<Command<M>>) {
        let (container, flights) = self.fleet.remove(slot);
        self.release(1, out);
        for flight in flights {
            self.take_back(flight, container, out);
        }
    }

    /// An activation comes back from a container that will not end it.
    fn take_back(&mut self, flight: Flight<M>, container: ContainerRef, out: &mut Vec<Command<M>>) {
        let Flight { accepted, started, .. } = flight;
        let attempts = accepted.attempts;
        if started && !accepted.message.repeatable() {
            let attempt = Attempt(attempts);
            out.push(Command::Lost { message: accepted.message, container, attempt });
        } else if attempts >= self.config.max_attempts {
            let reason = DropReason::Undeliverable { attempts };
            out.push(Command::Drop { message: accepted.message, reason });
        } else {
            self.backlog.insert(accepted, &self.config);
        }
    }

    /// The container takes nothing more, and is expected to go.
    pub(super) fn let_go(&mut self, now: Instant, slot: Slot) {
        let remind = now + self.config.recall_after;
        self.fleet.retire(slot, remind);
        self.sweep_at.get_or_insert(remind);
    }

    /// No container takes anything more.
    pub(super) fn let_all_go(&mut self, now: Instant) {
        let remind = now + self.config.recall_after;
        self.fleet.retire_all(remind);
        if self.fleet.len() > 0 {
            self.sweep_at.get_or_insert(remind);
        }
    }

    /// A paused container holds no token.
    fn release_if_parted(&mut self, slot: Slot, out: &mut Vec<Command<M>>) {
        if self.fleet.has_parted(slot) {
            self.fleet.remove(slot);
            self.release(1, out);
        }
    }

    pub(super) fn sweep_if_due(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        if self.sweep_at.is_none_or(|at| at > now) {
            return;
        }
        let mut due = Vec::new();
        self.sweep_at = self.fleet.sweep(now, self.config.recall_after, &mut due);
        out.extend(due.into_iter().map(|due| match due {
            Due::Recall { container, activation, attempt } => {
                Command::Recall { container, activation, attempt }
            }
            Due::Remind { container } => Command::Remove { container },
        }));
    }
}
