use crate::proxy::{Assignment, Keep, Spec};
use machine::Instant;
use std::sync::Arc;
use std::time::Duration;
use types::{QueueKey, Revision, SchedulerId};

/// One container, as its pool sees it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) spec: Spec,
    pub(super) stage: Stage,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// A stem cell; until it is `ready` it is being made.
    Cell { ready: bool, since: Instant },
    /// It has been given to a queue.
    Serving { tenant: Tenant, rest: Rest, turn: Turn },
    /// It is paused, or about to be.
    Parked { tenant: Tenant, since: Instant },
    /// It was told to leave and may still be at work.
    Closing,
    /// It is on its way out, or will be once what runs in it has ended, and its memory will be free soon.
    Leaving,
}

/// Whether a serving container has work, as far as the pool knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Working,
    /// Nothing has run since then, or a little before.
    Resting(Instant),
    /// It was resting and has been told to leave, unless it has work again.
    Evicted,
}

/// For at least so long, and for at least so many times what its start took, a container serves before it has to go for
/// an action that nothing serves. So what all those starts take is a small part of the time, and the actions get some of it
/// each.
pub(super) const LEAST_TURN: Duration = Duration::from_millis(500);
const TURN_IN_STARTS: u32 = 10;

/// How long a container has been serving.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    since: Instant,
    /// What its start took, as far as it is known.
    start: Duration,
}

/// Whom a container serves.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    pub(super) scheduler: SchedulerId,
    pub(super) queue: Arc<QueueKey>,
    pub(super) revision: Revision,
    pub(super) keep: Keep,
}

impl Entry {
    pub(super) fn serving(spec: Spec, order: &Assignment, now: Instant) -> Entry {
        let turn = Turn { since: now, start: Duration::ZERO };
        Entry { spec, stage: Stage::Serving { tenant: Tenant::of(order), rest: Rest::Working, turn } }
    }

    /// Its code has been loaded: its turn begins.
    pub(super) fn started(&mut self, now: Instant) {
        if let Stage::Serving { turn, .. } = &mut self.stage {
            *turn = Turn { since: now, start: now - turn.since };
        }
    }

    /// Whom it serves, or would serve again at once.
    pub(super) const fn tenant(&self) -> Option<&Tenant> {
        match &self.stage {
            Stage::Serving { tenant, .. } | Stage::Parked { tenant, .. } => Some(tenant),
            Stage::Cell { .. } | Stage::Closing | Stage::Leaving => None,
        }
    }

    /// Whether its memory will be free soon.
    pub(super) const fn is_going(&self) -> bool {
        matches!(self.stage, Stage::Leaving | Stage::Serving { rest: Rest::Evicted, .. })
    }

    /// In which order containers are given up when memory is needed; `None`: not at all. Stem cells first, for they are
    /// quickly had again, then paused ones, then those at rest, each by the time of their last use.
    pub(super) const fn eviction_rank(&self) -> Option<(u8, Instant)> {
        match self.stage {
            Stage::Cell { since, .. } => Some((0, since)),
            Stage::Parked { since, .. } => Some((1, since)),
            Stage::Serving { rest: Rest::Resting(since), .. } => Some((2, since)),
            Stage::Serving { .. } | Stage::Closing | Stage::Leaving => None,
        }
    }
}

impl Entry {
    /// Since when it has had its turn, so that it may have to go for an action that nothing serves; `None`: it has not.
    pub(super) fn turn_over(&self, now: Instant) -> Option<Instant> {
        match self.stage {
            // One that is evicted counts as going already.
            Stage::Serving { rest: Rest::Evicted, .. } => None,
            Stage::Serving { turn: Turn { since, start }, .. } => {
                let over = since + LEAST_TURN.max(start * TURN_IN_STARTS);
                (over <= now).then_some(over)
            }
            _ => None,
        }
    }
}

impl Tenant {
    pub(super) fn of(order: &Assignment) -> Tenant {
        Tenant {
            scheduler: order.scheduler,
            queue: order.queue.clone(),
            revision: order.revision,
            keep: order.keep,
        }
    }

    /// Whether a container of this tenant can take the order as it is (POOL-01).
    pub(super) fn matches(&self, order: &Assignment) -> bool {
        self.revision == order.revision && self.queue == order.queue
    }

    pub(super) fn is_same(&self, other: &Tenant) -> bool {
        self.revision == other.revision && self.queue == other.queue
    }
}
