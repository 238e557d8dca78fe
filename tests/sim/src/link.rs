use crate::rng::Rng;
use machine::Instant;
use std::time::Duration;

/// An ordered stream between two processes. While it lives nothing is lost and nothing overtakes; when it breaks, what is
/// on its way is gone.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) up: bool,
    /// Counts the streams between the two; what was sent on an earlier one does not arrive.
    pub(crate) generation: u64,
    last: [Instant; 2],
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    ToInvoker,
    ToScheduler,
}

impl Link {
    pub(crate) const fn new() -> Link {
        Link { up: false, generation: 0, last: [Instant::ZERO; 2] }
    }

    pub(crate) fn connect(&mut self) {
        self.up = true;
        self.generation += 1;
    }

    pub(crate) fn cut(&mut self) {
        self.up = false;
        self.generation += 1;
    }

    /// When a message that is sent now arrives, in order.
    pub(crate) fn arrival(&mut self, way: Way, now: Instant, delay: Duration) -> Instant {
        let last = &mut self.last[way as usize];
        *last = (*last).max(now + delay);
        *last
    }
}

/// A delay of a message: mostly short, now and then as long as the plan allows.
pub(crate) fn delay(rng: &mut Rng, (least, most): (u64, u64)) -> Duration {
    let most = if rng.percent(80) { least + (most - least) / 10 } else { most };
    rng.micros(least, most)
}
