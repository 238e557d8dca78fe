//! Which invoker gets a container: a pure function of what is known about the invokers.
//!
//! This module must not wait, retry or remember why something failed (`creation`).

use std::collections::{BTreeMap, VecDeque};
use types::{EntityName, InvokerId};

/// What is known about one invoker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokerState {
    /// Which.
    pub id: InvokerId,
    /// Whether it takes orders: healthy, and not going down.
    pub up: bool,
    /// The memory that it has for containers, in MB.
    pub memory: u64,
    /// What of that no busy or starting container holds, in MB; paused containers can be evicted and count as free.
    pub free: u64,
    /// What of that nobody holds, so that nothing has to be evicted for it, in MB.
    pub unused: u64,
    /// How many orders of this scheduler it had received when it said so: those have their memory deducted already.
    pub orders: u64,
    /// What it can do that others cannot.
    pub tags: Vec<String>,
    /// The namespaces that it works for; empty: all.
    pub dedicated: Vec<EntityName>,
}

/// What is to be placed.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who invokes.
    pub namespace: &'a EntityName,
    /// Spreads the actions over the invokers: the same action has the same order of preference as long as it can.
    pub affinity: u64,
    /// The memory of the container, in MB.
    pub memory: u64,
    /// Whether it runs in an image of the developer's.
    pub blackbox: bool,
    /// Tags that the invoker must have.
    pub resources: &'a [String],
    /// Whether it goes to an invoker without room, where none has any, because nothing serves its queue.
    pub insists: bool,
    /// Invokers that have a paused container of the same revision, the best first.
    pub warm: &'a [InvokerId],
    /// Invokers that have just failed: only if there is no other.
    pub avoid: &'a [InvokerId],
}

/// The rules of placement.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacementConfig {
    /// Which part of the invokers, from the first on, runs the platform's own runtimes.
    pub managed: f64,
    /// Which part of them, from the last on, runs the developers' images.
    pub blackbox: f64,
    /// Whether an action that asks for tags may run only where they are. If not, it may run anywhere in need.
    pub strict_resources: bool,
    /// How many starts at a time an invoker takes before others are preferred.
    pub starts: u32,
}

impl Default for PlacementConfig {
    fn default() -> PlacementConfig {
        PlacementConfig { managed: 0.9, blackbox: 0.1, strict_resources: true, starts: 4 }
    }
}

/// Why nothing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// There is no invoker that might ever run it.
    NoInvokers,
    /// Those that might have no room now.
    NoRoom,
}

/// All invokers, with what has been placed on them since they last said how they stand.
#[derive(Clone, Debug, Default)]
pub struct View {
    invokers: BTreeMap<InvokerId, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    state: InvokerState,
    /// How many orders were sent to it since it is known.
    sent: u64,
    /// The orders that it had not received when it last said how it stands: their numbers and their memory.
    unseen: VecDeque<(u64, u64)>,
    starting: u32,
}

impl Known {
    fn free(&self) -> u64 {
        self.state.free.saturating_sub(self.on_the_way())
    }

    fn unused(&self) -> u64 {
        self.state.unused.saturating_sub(self.on_the_way())
    }

    fn on_the_way(&self) -> u64 {
        self.unseen.iter().map(|(_, memory)| memory).sum()
    }

    fn has(&self, resources: &[String]) -> bool {
        resources.iter().all(|tag| self.state.tags.contains(tag))
    }

    fn works_for(&self, namespace: &EntityName) -> bool {
        self.state.dedicated.is_empty() || self.state.dedicated.contains(namespace)
    }
}

impl View {
    /// No invokers.
    #[must_use]
    pub const fn new() -> View {
        View { invokers: BTreeMap::new() }
    }

    /// Takes what an invoker says. What was sent to it and had not arrived by then stays deducted.
    pub fn update(&mut self, state: InvokerState) {
        match self.invokers.get_mut(&state.id) {
            Some(known) => {
                known.unseen.retain(|(order, _)| *order > state.orders);
                known.state = state;
            }
            None => {
                let sent = state.orders;
                self.invokers.insert(state.id, Known { state, sent, unseen: VecDeque::new(), starting: 0 });
            }
        }
    }

    /// Forgets an invoker.
    pub fn remove(&mut self, invoker: InvokerId) {
        self.invokers.remove(&invoker);
    }

    /// An order is sent. Its memory is deducted until the invoker says how it stands with the order; zero where a paused
    /// container is expected to be taken, which holds its memory already. It counts as a start until [`View::settle`].
    pub fn send(&mut self, invoker: InvokerId, memory: u64) {
        if let Some(known) = self.invokers.get_mut(&invoker) {
            known.sent += 1;
            known.unseen.push_back((known.sent, memory));
            known.starting += 1;
        }
    }

    /// An order was carried out, or came to nothing.
    pub fn settle(&mut self, invoker: InvokerId) {
        if let Some(known) = self.invokers.get_mut(&invoker) {
            known.starting = known.starting.saturating_sub(1);
        }
    }

    /// Whether an invoker takes orders.
    #[must_use]
    pub fn is_up(&self, invoker: InvokerId) -> bool {
        self.invokers.get(&invoker).is_some_and(|known| known.state.up)
    }

    /// Which part of all known invokers an action may run on. It is taken over all that are known, and not over those
    /// that happen to be up, so that its border does not move with the load.
    fn pool(&self, request: &Request<'_>, config: &PlacementConfig) -> Vec<&Known> {
        let count = self.invokers.len();
        let part = |share: f64| count as f64 * share;
        if request.blackbox {
            let length = (part(config.blackbox).floor() as usize).clamp(1, count.max(1));
            self.invokers.values().skip(count.saturating_sub(length)).collect()
        } else {
            let length = (part(config.managed).ceil() as usize).clamp(1, count.max(1));
            self.invokers.values().take(length).collect()
        }
    }
}

/// Chooses an invoker: one with a paused container of the same revision; else, of those that have room and what the
/// action needs, one that need not evict anything for it, and of these one of those with the most room that start the
/// fewest. Equal ones are told apart by the action and,
/// at last, by number, so the same view always gives the same answer.
///
/// # Errors
/// When no invoker may run it, or none has room.
pub fn place(view: &View, request: &Request<'_>, config: &PlacementConfig) -> Result<InvokerId, NoPlace> {
    // A paused container holds its memory already.
    let is_warm = |id: &&InvokerId| {
        let known = view.invokers.get(id);
        !request.avoid.contains(id)
            && known.is_some_and(|known| known.state.up && known.works_for(request.namespace))
    };
    if let Some(warm) = request.warm.iter().find(is_warm) {
        return Ok(*warm);
    }
    let mut without_room = None;
    for candidates in tiers(view, request, config) {
        let mut candidates: Vec<&Known> = candidates
            .into_iter()
            .filter(|known| known.state.up && known.works_for(request.namespace))
            .filter(|known| known.state.memory >= request.memory)
            .collect();
        let best = |candidates: &[&Known]| {
            let best = candidates.iter().max_by_key(|known| score(known, request, config));
            best.map(|known| known.state.id)
        };
        without_room = without_room.or_else(|| best(&candidates));
        candidates.retain(|known| known.free() >= request.memory);
        if let Some(best) = best(&candidates) {
            return Ok(best);
        }
    }
    match without_room {
        Some(invoker) if request.insists => Ok(invoker),
        Some(_) => Err(NoPlace::NoRoom),
        None => Err(NoPlace::NoInvokers),
    }
}

/// The groups of invokers to look at, one after the other.
fn tiers<'a>(view: &'a View, request: &Request<'_>, config: &PlacementConfig) -> Vec<Vec<&'a Known>> {
    let (tagged, untagged): (Vec<&Known>, Vec<&Known>) =
        view.pool(request, config).into_iter().partition(|known| !known.state.tags.is_empty());
    if request.resources.is_empty() {
        return vec![untagged, tagged];
    }
    let all = view.invokers.values();
    let (fitting, others): (Vec<&Known>, Vec<&Known>) = all.partition(|known| known.has(request.resources));
    if config.strict_resources {
        return vec![fitting];
    }
    let (tagged, untagged) = others.into_iter().partition(|known| !known.state.tags.is_empty());
    vec![fitting, untagged, tagged]
}

/// The greatest is best.
fn score(known: &Known, request: &Request<'_>, config: &PlacementConfig) -> impl Ord + use<> {
    let id = known.state.id;
    let is_trusted = !request.avoid.contains(&id);
    // Rooms are compared by tenths of the memory, so that a small difference does not scatter an action.
    let tenths = |memory: u64| memory * 10 / known.state.memory.max(1);
    // An idle container is worth keeping as long as another invoker has memory that nobody holds.
    let evicts_nothing = known.unused() >= request.memory;
    let room = (tenths(known.unused()), tenths(known.free()));
    let is_calm = known.starting < config.starts;
    let preference = mix(request.affinity ^ u64::from(id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (is_trusted, evicts_nothing, is_calm, room, preference, std::cmp::Reverse(id))
}

/// Spreads the bits of a number over all of it (the finaliser of `MurmurHash3`).
const fn mix(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests;
