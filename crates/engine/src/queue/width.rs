//! How many containers work at a time.
//!
//! More of them than the machine has processors do the same work with more changes between processes, if the work is
//! short and does not wait for anything else. Nobody says which actions are of that kind, so it is found out: once in a
//! while a queue with short runs lets half as many containers work, or twice as many, and keeps to that if activations
//! end as early as before, or earlier. What counts is the time from arrival to end, so that neither throughput nor
//! latency is bought with the other. The containers beyond the width stay idle, and go the way of all idle ones.

use machine::Instant;
use std::time::Duration;

/// Runs may count as short when the shortest takes no longer; changes between processes are nothing to others.
const SHORT: Duration = Duration::from_millis(5);
/// A mean is taken of at least so many activations, over at least so long.
const LEAST_ENDED: u32 = 300;
const LEAST_WINDOW: Duration = Duration::from_millis(30);
/// Where it takes longer to see so many, the width does not matter, and there is none.
const LONGEST_WINDOW: Duration = Duration::from_secs(1);
/// After a change, so many activations are still of the time before it.
const PASSED_OVER: u32 = 50;
/// Half the width is kept unless the mean is worse by more than this part.
const WORSE: f64 = 0.05;
/// Twice the width is kept if the mean is better by at least this part.
const BETTER: f64 = 0.1;
/// The width goes when one has waited for longer than this, and for longer than is usual.
const PATIENCE: Duration = Duration::from_millis(20);
/// How long the width stays after a try that failed; it doubles with each in a row.
const FIRST_HOLD: Duration = Duration::from_millis(500);
const LONGEST_HOLD: Duration = Duration::from_secs(16);

/// How many activations containers may have at a time, and what is known about that.
#[derive(Debug, Default)]
pub(super) struct Width {
    /// None: as many as there are containers.
    limit: Option<u32>,
    window: Window,
    /// The mean of the last window that counts.
    mean: Duration,
    tried: Option<Try>,
    /// The next try is the other one.
    wider_next: bool,
    /// No try before then.
    hold_until: Instant,
    hold: Duration,
}

/// A width that was taken on trial.
#[derive(Clone, Copy, Debug)]
struct Try {
    before: Option<u32>,
    wider: bool,
}

/// What was seen since the width was looked at last.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    since: Instant,
    /// How many are still to be passed over.
    skip: u32,
    ended: u32,
    sum: Duration,
    shortest: Option<Duration>,
    /// The most activations that containers had at a time.
    most: u32,
    /// Whether one had to wait although there was a container for it.
    held: bool,
}

impl Width {
    /// Whether a container may get an activation beside those `in_flight`, where the first that waits has done so for
    /// `waited`. The width must not keep anybody waiting whose container does not come back: it goes when one has waited
    /// for longer than [`PATIENCE`], and for twice what was usual.
    pub(super) fn admits(&mut self, now: Instant, in_flight: u32, waited: Duration) -> bool {
        let Some(limit) = self.limit else { return true };
        if in_flight < limit {
            return true;
        }
        if waited > PATIENCE.max(self.mean * 2) {
            self.fail(now, None);
            return true;
        }
        self.window.held = true;
        false
    }

    /// An activation has ended `took` after it came, and its run took `run`; containers had `in_flight`.
    pub(super) fn ended(&mut self, now: Instant, took: Duration, run: Duration, in_flight: u32) {
        let window = &mut self.window;
        if window.skip > 0 {
            window.skip -= 1;
            window.since = now;
            return;
        }
        window.ended += 1;
        window.sum += took;
        window.shortest = Some(window.shortest.map_or(run, |shortest| shortest.min(run)));
        window.most = window.most.max(in_flight);
        let lasted = now - window.since;
        if window.ended >= LEAST_ENDED && lasted >= LEAST_WINDOW {
            self.look(now);
        } else if lasted >= LONGEST_WINDOW {
            *self = Width { window: Window { since: now, ..Window::default() }, ..Width::default() };
        }
    }

    fn look(&mut self, now: Instant) {
        let window = std::mem::take(&mut self.window);
        self.window.since = now;
        let mean = window.sum / window.ended;
        let before = std::mem::replace(&mut self.mean, mean);
        if let Some(tried) = self.tried.take() {
            let ratio = mean.as_secs_f64() / before.as_secs_f64().max(f64::MIN_POSITIVE);
            let kept = if tried.wider { ratio <= 1.0 - BETTER } else { ratio <= 1.0 + WORSE };
            if !kept {
                self.mean = before;
                return self.fail(now, tried.before);
            }
            self.hold = Duration::ZERO;
        }
        if now < self.hold_until || window.shortest.is_none_or(|shortest| shortest > SHORT) {
            return;
        }
        let wider =
            self.limit.filter(|_| window.held && self.wider_next).map(|limit| limit.saturating_mul(2));
        let narrower = (window.most > 1).then(|| window.most.div_ceil(2));
        if let Some(limit) = wider.or(narrower) {
            self.tried = Some(Try { before: self.limit, wider: wider.is_some() });
            self.limit = Some(limit);
            self.window.skip = PASSED_OVER;
        } else {
            self.wider_next = true;
        }
    }

    /// Goes back to `limit`, and stays there for a while; then the other way is tried.
    fn fail(&mut self, now: Instant, limit: Option<u32>) {
        self.limit = limit;
        self.wider_next = !self.tried.take().is_some_and(|tried| tried.wider) && limit.is_some();
        self.hold = (self.hold * 2).clamp(FIRST_HOLD, LONGEST_HOLD);
        self.hold_until = now + self.hold;
        self.window = Window { since: now, skip: PASSED_OVER, ..Window::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Callers that call again at once, and containers whose speed depends on how many work.
    struct Loop {
        width: Width,
        now: Instant,
        callers: u32,
        containers: u32,
        /// How long a run takes when so many containers work.
        run: fn(u32) -> Duration,
    }

    impl Loop {
        /// Goes on for so long; answers how many work in the end.
        fn go(&mut self, period: Duration) -> u32 {
            let end = self.now + period;
            let mut working = 0;
            while self.now < end {
                working = self.working();
                let run = (self.run)(working);
                self.now += run / working;
                // Little: the time from arrival to end is that for which all callers wait.
                self.width.ended(self.now, run * self.callers / working, run, working);
            }
            working
        }

        fn working(&mut self) -> u32 {
            let most = self.callers.min(self.containers);
            let mut working = 0;
            while working < most && self.width.admits(self.now, working, Duration::ZERO) {
                working += 1;
            }
            working
        }
    }

    fn loop_of(run: fn(u32) -> Duration) -> Loop {
        Loop { width: Width::default(), now: Instant::from_millis(1), callers: 16, containers: 17, run }
    }

    /// Two processors; a change of process costs half as much as a run.
    fn on_two_processors(working: u32) -> Duration {
        Duration::from_micros(100 * u64::from(working.max(2)) / 2 + 50 * u64::from(working.saturating_sub(2)))
    }

    #[test]
    fn runs_that_need_a_processor_get_as_many_containers_as_do_best() {
        let mut busy = loop_of(on_two_processors);
        assert_eq!(busy.working(), 16, "nothing is known yet");
        assert_eq!(busy.go(Duration::from_secs(4)), 2);
    }

    #[test]
    fn runs_that_wait_for_something_else_keep_all_their_containers() {
        let mut busy = loop_of(|_| Duration::from_millis(2));
        busy.go(Duration::from_secs(4));
        let mut kept = 0;
        for _ in 0..100 {
            kept += u32::from(busy.go(Duration::from_millis(37)) == 16);
        }
        assert!(kept >= 95, "tries are rare: {kept} of 100");
    }

    #[test]
    fn long_runs_are_left_alone() {
        let mut busy = loop_of(|working| Duration::from_millis(3) * working);
        for _ in 0..200 {
            assert_eq!(busy.go(Duration::from_millis(29)), 16);
        }
    }

    #[test]
    fn the_width_grows_when_more_is_better_again() {
        let mut busy = loop_of(on_two_processors);
        assert_eq!(busy.go(Duration::from_secs(4)), 2);
        busy.run = |_| Duration::from_millis(1);
        assert_eq!(busy.go(Duration::from_secs(60)), 16);
    }

    #[test]
    fn who_waits_too_long_opens_it() {
        let mut busy = loop_of(on_two_processors);
        busy.go(Duration::from_secs(4));
        let admits = |busy: &mut Loop, waited| busy.width.admits(busy.now, 2, waited);
        assert!(!admits(&mut busy, PATIENCE));
        assert!(admits(&mut busy, PATIENCE + Duration::from_nanos(1)));
        assert!(admits(&mut busy, Duration::ZERO), "from then on for everybody");
    }

    #[test]
    fn a_queue_with_little_to_do_has_no_width() {
        let mut busy = loop_of(on_two_processors);
        busy.go(Duration::from_secs(4));
        busy.width.ended(busy.now + LONGEST_WINDOW * 2, SHORT, SHORT, 1);
        assert_eq!(busy.working(), 16);
    }
}
