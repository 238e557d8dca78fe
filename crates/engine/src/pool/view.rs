use super::Pool;
use super::entry::{Rest, Stage};
use std::sync::Arc;
use types::{ContainerId, QueueKey};

/// How orders were carried out since the pool began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// By a new container.
    pub cold: u64,
    /// By a stem cell.
    pub stem_cell: u64,
    /// By a paused container of the same action.
    pub warm: u64,
    /// Not at all, for want of room.
    pub refused: u64,
}

/// One container, as operators see it.
#[derive(Clone, Debug)]
pub struct View {
    /// Which.
    pub container: ContainerId,
    /// Its kind.
    pub kind: Arc<str>,
    /// Its memory, in MB.
    pub memory: u64,
    /// What it is at.
    pub stage: ViewStage,
    /// Whom it serves, if anybody.
    pub queue: Option<Arc<QueueKey>>,
}

/// What a container is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ViewStage {
    /// A stem cell that is being made.
    Preparing,
    /// A stem cell.
    Prewarmed,
    /// It serves, and has work as far as the pool knows.
    Working,
    /// It serves, and has nothing to do.
    Resting,
    /// It is paused, or about to be.
    Paused,
    /// It is going.
    Leaving,
}

impl ViewStage {
    /// All of them.
    pub const ALL: [ViewStage; 6] = [
        ViewStage::Preparing,
        ViewStage::Prewarmed,
        ViewStage::Working,
        ViewStage::Resting,
        ViewStage::Paused,
        ViewStage::Leaving,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ViewStage::Preparing => "preparing",
            ViewStage::Prewarmed => "prewarmed",
            ViewStage::Working => "working",
            ViewStage::Resting => "resting",
            ViewStage::Paused => "paused",
            ViewStage::Leaving => "leaving",
        }
    }
}

impl Pool {
    /// Every container.
    pub fn views(&self) -> impl Iterator<Item = View> {
        self.entries.iter().map(|(container, entry)| {
            let stage = match &entry.stage {
                Stage::Cell { ready: false, .. } => ViewStage::Preparing,
                Stage::Cell { ready: true, .. } => ViewStage::Prewarmed,
                Stage::Serving { rest: Rest::Working, .. } => ViewStage::Working,
                Stage::Serving { rest: Rest::Resting(_), .. } => ViewStage::Resting,
                Stage::Parked { .. } => ViewStage::Paused,
                Stage::Serving { rest: Rest::Evicted, .. } | Stage::Closing | Stage::Leaving => {
                    ViewStage::Leaving
                }
            };
            View {
                container: *container,
                kind: entry.spec.kind.clone(),
                memory: entry.spec.memory,
                stage,
                queue: entry.tenant().map(|tenant| tenant.queue.clone()),
            }
        })
    }

    /// How orders were carried out.
    #[must_use]
    pub const fn starts(&self) -> Starts {
        self.starts
    }
}
