use super::StemCells;
use crate::proxy::Spec;
use machine::Instant;
use std::time::Duration;

/// After more failures than these, with no stem cell used in between, none is begun until the next check.
const MOST_FAILURES: u32 = 5;

/// At most so many stem cells are removed at one check.
pub(super) const MOST_EXPIRED: usize = 100;

/// The wait after a failure doubles with each, up to this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// How many stem cells are wanted, and when the next one is begun. They are made one at a time.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    pub(super) wants: Vec<Want>,
    delay: Duration,
    check_interval: Duration,
    failures: u32,
    next_at: Option<Instant>,
    check_at: Option<Instant>,
}

/// The stem cells of one kind and size.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub(super) plan: StemCells,
    pub(super) target: u32,
    misses: u32,
}

impl Cells {
    pub(super) fn new(plans: Vec<StemCells>, delay: Duration, check_interval: Duration) -> Cells {
        let wants = plans.into_iter().map(|plan| Want { target: plan.initial, misses: 0, plan }).collect();
        Cells { wants, delay, check_interval, failures: 0, next_at: None, check_at: None }
    }

    /// Begins to make them.
    pub(super) fn open(&mut self, now: Instant) {
        if !self.wants.is_empty() {
            self.next_at = Some(now);
            self.check_at = Some(now + self.check_interval);
        }
    }

    /// Makes no more.
    pub(super) fn close(&mut self) {
        self.next_at = None;
        self.check_at = None;
    }

    /// Looks after a while whether one is to be made: one was taken or made, or memory became free.
    pub(super) fn look_soon(&mut self, now: Instant) {
        if self.check_at.is_some() && self.failures <= MOST_FAILURES {
            self.next_at.get_or_insert(now + self.delay);
        }
    }

    /// One could not be made, or ended by itself.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures += 1;
        if self.check_at.is_some() && self.failures <= MOST_FAILURES {
            let backoff = self.delay.saturating_mul(1 << self.failures.min(16));
            self.next_at = Some(now + backoff.min(LONGEST_BACKOFF));
        }
    }

    /// One was used: they work.
    pub(super) fn taken(&mut self, now: Instant) {
        self.failures = 0;
        self.look_soon(now);
    }

    /// A container was started for want of a stem cell.
    pub(super) fn missed(&mut self, spec: &Spec) {
        if let Some(want) = self.wants.iter_mut().find(|want| want.plan.fits(spec)) {
            want.misses = want.misses.saturating_add(1);
        }
    }

    /// Whether it is time to begin one; says so once.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.next_at.is_some_and(|at| at <= now);
        if due {
            self.next_at = None;
        }
        due
    }

    /// Whether it is time for the periodic check; sets the new targets then.
    pub(super) fn is_check_due(&mut self, now: Instant) -> bool {
        if self.check_at.is_none_or(|at| at > now) {
            return false;
        }
        for want in &mut self.wants {
            want.target = want.plan.target(want.misses);
            want.misses = 0;
        }
        self.failures = 0;
        self.next_at = Some(now);
        self.check_at = Some(now + self.check_interval);
        true
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        [self.next_at, self.check_at].into_iter().flatten().min()
    }
}

impl StemCells {
    /// A container that is one of these.
    pub(super) fn spec(&self) -> Spec {
        Spec { kind: self.kind.clone(), image: None, memory: self.memory, slots: 1 }
    }

    /// Whether one of these could serve as such a container.
    pub(super) fn fits(&self, spec: &Spec) -> bool {
        spec.image.is_none() && self.kind == spec.kind && self.memory == spec.memory
    }
}
