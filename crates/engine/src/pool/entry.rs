use crate::proxy::{Assignment, Keep, Spec};
use machine::Instant;
use std::sync::Arc;
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
    Serving { tenant: Tenant, rest: Rest },
    /// It is paused, or about to be.
    Parked { tenant: Tenant, since: Instant },
    /// It was told to leave and may still be at work.
    Closing,
    /// It is on its way out and its memory will be free soon.
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

/// Whom a container serves.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    pub(super) scheduler: SchedulerId,
    pub(super) queue: Arc<QueueKey>,
    pub(super) revision: Revision,
    pub(super) keep: Keep,
}

impl Entry {
    pub(super) fn serving(spec: Spec, order: &Assignment) -> Entry {
        Entry { spec, stage: Stage::Serving { tenant: Tenant::of(order), rest: Rest::Working } }
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
