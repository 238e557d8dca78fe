//! Orders for containers: given with a token, carried out, failed, or taken back.

use super::scale::{Order, Supply, count};
use super::{Command, CreateRequest, Message, Phase, Queue};
use crate::creation::StartFailure;
use machine::Instant;
use std::time::Duration;
use types::{ContainerRef, CreationId, Revision};

/// How long a queue that nothing serves waits for room that others leave, before it insists on some of theirs; and how
/// long until it does so again.
const INSIST_AFTER: Duration = Duration::from_millis(100);

impl<M: Message> Queue<M> {
    /// Uses tokens for orders as far as activations wait for them, and gives the rest back.
    pub(super) fn order(&mut self, now: Instant, tokens: u32, out: &mut Vec<Command<M>>) {
        let is_over = matches!(self.phase, Phase::Disowned | Phase::Retired);
        let live = self.live.as_ref().filter(|live| !live.deleted && !is_over && self.breaker.is_open(now));
        let mut ordered = 0;
        if let Some(live) = live {
            let useful = self.useful_orders();
            while ordered < tokens && self.supply.orders_live < useful {
                let creation = self.supply.next_creation();
                let order = Order { revision: live.revision, since: now, insist_at: now + INSIST_AFTER };
                self.supply.orders.insert(creation, order);
                self.supply.orders_live += 1;
                self.supply.initialised = true;
                ordered += 1;
                out.push(Command::Create(CreateRequest {
                    creation,
                    revision: live.revision,
                    action: live.action.clone(),
                    facts: live.facts,
                }));
            }
        }
        if ordered < tokens {
            self.release(tokens - ordered, out);
        }
    }

    /// Asks for orders back that nothing waits for any more, the youngest first, so that a burst that is over does not go
    /// on to make containers where there was no room for them before.
    pub(super) fn withdraw_surplus(&mut self, out: &mut Vec<Command<M>>) {
        if self.supply.orders.len() == self.supply.withdrawn.len() {
            return;
        }
        // Orders for older revisions are of no use, and count for nothing: were a new one taken back in their place, it
        // would be given again at once.
        let is_open = |(creation, _): &(&CreationId, &Order)| !self.supply.withdrawn.contains(creation);
        let newest = self.live.as_ref().map(|live| live.revision);
        let (live, outdated): (Vec<_>, Vec<_>) = self
            .supply
            .orders
            .iter()
            .rev()
            .filter(is_open)
            .map(|(creation, order)| (*creation, order.revision))
            .partition(|(_, revision)| Some(*revision) == newest);
        let surplus = live.len().saturating_sub(self.useful_orders() as usize);
        for (creation, _) in outdated.into_iter().chain(live.into_iter().take(surplus)) {
            self.supply.withdrawn.insert(creation);
            out.push(Command::Withdraw { creation });
        }
    }

    /// Insists on the first order when nothing serves the queue, so that actions that are called all the time, and whose
    /// containers never rest, cannot keep another one out.
    pub(super) fn insist(&mut self, now: Instant, out: &mut Vec<Command<M>>) {
        if self.supply.orders_live == 0 || self.fleet.serving() > 0 {
            return;
        }
        let live = self.live.as_ref().map(|live| live.revision);
        let Supply { orders, withdrawn, .. } = &mut self.supply;
        let first = orders
            .iter_mut()
            .find(|(creation, order)| Some(order.revision) == live && !withdrawn.contains(creation));
        if let Some((creation, order)) = first
            && order.insist_at <= now
        {
            order.insist_at = now + INSIST_AFTER;
            out.push(Command::Insist { creation: *creation });
        }
    }

    /// How many containers could take something that waits.
    fn useful_orders(&self) -> u32 {
        let concurrency = self.live.as_ref().map_or(1, |live| live.facts.concurrency);
        count(self.backlog.len()).div_ceil(concurrency)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one event")]
    pub(super) fn created(
        &mut self,
        now: Instant,
        creation: CreationId,
        container: ContainerRef,
        revision: Revision,
        slots: u32,
        took: Duration,
        out: &mut Vec<Command<M>>,
    ) {
        if !self.take_order(creation) {
            // Nobody waits for it, unless the same thing was said before.
            if self.fleet.find(container).is_none() {
                out.push(Command::Remove { container });
            }
            return;
        }
        let resumed = self.supply.paused.remove(&container);
        self.demand.provided(took, resumed);
        let slot = self.fleet.add(container, slots, now);
        let is_of_use = self.live.as_ref().is_some_and(|live| live.revision == revision)
            && matches!(self.phase, Phase::Serving | Phase::Draining);
        if is_of_use {
            self.breaker.created();
            self.pump(now, out);
            self.watch_surplus(now);
        } else {
            self.let_go(now, slot);
            out.push(Command::Remove { container });
        }
        self.settle(now, out);
    }

    pub(super) fn creation_failed(
        &mut self,
        now: Instant,
        creation: CreationId,
        failure: StartFailure,
        out: &mut Vec<Command<M>>,
    ) {
        let is_live = self.is_live_order(creation);
        if !self.take_order(creation) {
            return;
        }
        self.release(1, out);
        // What became of an older revision says nothing about the live one.
        if is_live && failure != StartFailure::Withdrawn {
            self.breaker.failed(now, failure, &self.config.breaker);
        }
        self.settle(now, out);
    }

    fn is_live_order(&self, creation: CreationId) -> bool {
        let order = self.supply.orders.get(&creation);
        self.live.as_ref().is_some_and(|live| order.is_some_and(|order| order.revision == live.revision))
    }

    fn take_order(&mut self, creation: CreationId) -> bool {
        if self.is_live_order(creation) {
            self.supply.orders_live -= 1;
        }
        self.supply.withdrawn.remove(&creation);
        self.supply.orders.remove(&creation).is_some()
    }
}
