use crate::service::{Scheduler, Wake};
use base::alarm::Armed;
use base::driven::{Driven, Shell};
use engine::{arbiter, queue};
use machine::Instant;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use types::{EntityName, QueueKey};

/// The containers of one namespace.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) name: EntityName,
    arbiter: Driven<arbiter::Arbiter<Arc<QueueKey>>>,
    /// The limit that the arbiter was told last, as [`limit_bits`] has it.
    limit: AtomicU64,
    scheduler: Weak<Scheduler>,
}

/// No number of containers takes more than 32 bits.
const UNLIMITED: u64 = u64::MAX;

fn limit_bits(limit: Option<u32>) -> u64 {
    limit.map_or(UNLIMITED, u64::from)
}

impl Namespace {
    pub(crate) fn new(
        config: arbiter::ArbiterConfig,
        name: EntityName,
        limit: Option<u32>,
        scheduler: Weak<Scheduler>,
    ) -> Namespace {
        Namespace {
            name,
            arbiter: Driven::new(arbiter::Arbiter::new(config, limit)),
            limit: AtomicU64::new(limit_bits(limit)),
            scheduler,
        }
    }

    pub(crate) fn handle(&self, now: Instant, event: arbiter::Event<Arc<QueueKey>>) {
        self.arbiter.handle(now, event, self);
    }

    pub(crate) fn tick(&self, now: Instant) {
        self.arbiter.tick(now, self);
    }

    /// Tells the arbiter when the namespace's limit is not what it was.
    pub(crate) fn see_limit(&self, now: Instant, limit: Option<u32>) {
        let bits = limit_bits(limit);
        if self.limit.load(Ordering::Relaxed) != bits && self.limit.swap(bits, Ordering::Relaxed) != bits {
            self.handle(now, arbiter::Event::Limit { limit });
        }
    }
}

impl Shell<arbiter::Arbiter<Arc<QueueKey>>> for Namespace {
    fn carry_out(&self, command: arbiter::Command<Arc<QueueKey>>) {
        let Some(scheduler) = self.scheduler.upgrade() else { return };
        match command {
            arbiter::Command::Answer { queue, answer } => {
                scheduler.tell(&queue, queue::Event::Tokens(answer));
            }
            arbiter::Command::Reclaim { queue, count, idle_only } => {
                scheduler.tell(&queue, queue::Event::Reclaim { count, idle_only });
            }
        }
    }

    fn wake_at(&self, armed: &Armed, deadline: Option<Instant>) {
        let Some(scheduler) = self.scheduler.upgrade() else { return };
        scheduler.alarm.arm(armed, deadline, || Wake::Namespace(self.name.clone()));
    }
}
