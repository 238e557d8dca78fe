use super::{Assignment, Command, Config, Note, Report};
use machine::Instant;
use std::collections::VecDeque;
use std::time::Duration;
use types::{ActivationId, Attempt, CreationFailure, CreationId, Epoch, NackReason, StatusCode};

/// A container that is quick to replace rests for this long nevertheless before it may be evicted.
const LEAST_REST: Duration = Duration::from_millis(2);

/// A container that takes activations from a queue, or finishes the last ones.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    /// How many activations it takes at a time.
    slots: usize,
    epoch: Epoch,
    code: Code,
    /// What has begun and whose logs have not been taken.
    runs: Vec<Run>,
    /// What was dispatched and has not begun: at most `slots`.
    waiting: VecDeque<(ActivationId, Attempt)>,
    closing: Option<Closing>,
    idle_since: Instant,
    /// After how long without work it may be evicted.
    rest_after: Duration,
    /// Whether the pool was told that nothing runs.
    resting: bool,
    /// When to look at the idle times. It moves only when it has been reached, so that a busy container does not set a
    /// timer for each activation.
    check_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    /// There is none in it. The first activation brings it (POOL-05).
    None,
    Loading,
    Loaded,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    activation: ActivationId,
    attempt: Attempt,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Initialising,
    Running { init: Option<Duration> },
    Logging,
}

/// Why a container takes nothing more, from the mildest to the most serious; a more serious one replaces a milder one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closing {
    /// Its scheduler is lost, or has no use for it: it is paused.
    Parked,
    /// Somebody ordered it.
    Removed,
    /// It failed.
    Broken,
}

/// What is next for a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Serve,
    Pause,
    Leave,
}

impl Serving {
    /// Begins to serve and says so. `loaded`: it has the code of that revision already.
    pub(super) fn begin(
        assignment: &Assignment,
        loaded: bool,
        config: &Config,
        now: Instant,
        out: &mut Vec<Command>,
    ) -> Serving {
        out.push(Command::Report(Report::Created {
            creation: assignment.creation,
            revision: assignment.revision,
            slots: assignment.spec.slots,
            took: now - assignment.received,
        }));
        Serving {
            slots: assignment.spec.slots.max(1) as usize,
            epoch: assignment.epoch,
            code: if loaded { Code::Loaded } else { Code::None },
            // One at a time is what nearly every container has; most have it seldom, and there are many of them.
            runs: Vec::with_capacity(1),
            waiting: VecDeque::with_capacity(1),
            closing: None,
            idle_since: now,
            // What it would cost to replace a container that was woken is not known any more.
            rest_after: if loaded {
                config.rest_grace
            } else {
                (now - assignment.received).min(config.rest_grace)
            },
            resting: false,
            check_at: Some(now + config.rest_grace.min(config.pause_grace)),
        }
    }

    /// Takes an activation, or hands it back.
    pub(super) fn dispatch(
        &mut self,
        activation: ActivationId,
        attempt: Attempt,
        epoch: Epoch,
        out: &mut Vec<Command>,
    ) {
        if let Some(reason) = self.refusal(epoch) {
            out.push(nack(activation, attempt, reason));
            return;
        }
        self.epoch = epoch;
        if self.resting {
            self.resting = false;
            self.check_at = None;
            out.push(Command::Tell(Note::Working));
        }
        self.waiting.push_back((activation, attempt));
        self.start_waiting(out);
    }

    /// Hands an activation back if it has not begun.
    pub(super) fn recall(&mut self, activation: ActivationId, attempt: Attempt, out: &mut Vec<Command>) {
        match self.runs.iter().find(|run| (run.activation, run.attempt) == (activation, attempt)) {
            // `Finished` is on its way.
            Some(run) if run.phase == Phase::Logging => {}
            Some(_) => out.push(Command::Report(Report::Started { activation, attempt })),
            None => {
                self.waiting.retain(|waiting| *waiting != (activation, attempt));
                out.push(nack(activation, attempt, NackReason::Recalled));
            }
        }
    }

    /// `/init` ended: the first run follows, or the container is of no use.
    pub(super) fn initialised(
        &mut self,
        activation: ActivationId,
        status: StatusCode,
        took: Duration,
        config: &Config,
        out: &mut Vec<Command>,
    ) {
        let Some(run) = self.run(activation, |phase| phase == Phase::Initialising) else { return };
        if status == StatusCode::Success {
            run.phase = Phase::Running { init: Some(took) };
            self.code = Code::Loaded;
            self.learn_start(took, config);
            out.push(Command::Run { activation });
            self.start_waiting(out);
            out.push(Command::Tell(Note::Initialised));
            return;
        }
        run.phase = Phase::Logging;
        self.close(Closing::Broken, out);
        let (init, run) = (Some(took), Duration::ZERO);
        out.push(Command::Report(Report::Finished { activation, init, run, healthy: false }));
        out.push(Command::TakeLogs { activation });
    }

    /// The code was loaded, and it is known what the container's start has cost. Who keeps something idle for as long as
    /// getting it again would take loses at most twice as much as who had known what comes.
    fn learn_start(&mut self, init: Duration, config: &Config) {
        self.rest_after = (self.rest_after + init).max(LEAST_REST).min(config.rest_grace);
        self.check_at = None;
    }

    /// `/run` ended. The scheduler hears of it before the logs are taken, so that the next activation is on its way
    /// meanwhile; it begins once they are (LOG-10).
    pub(super) fn ran(
        &mut self,
        activation: ActivationId,
        status: StatusCode,
        took: Duration,
        out: &mut Vec<Command>,
    ) {
        let running = |phase| matches!(phase, Phase::Running { .. });
        let Some(run) = self.run(activation, running) else { return };
        let Phase::Running { init } = std::mem::replace(&mut run.phase, Phase::Logging) else { return };
        if destroys(status) {
            self.close(Closing::Broken, out);
        }
        let healthy = self.closing != Some(Closing::Broken);
        out.push(Command::Report(Report::Finished { activation, init, run: took, healthy }));
        out.push(Command::TakeLogs { activation });
    }

    /// The logs of an activation were taken: it is over.
    pub(super) fn logs_taken(
        &mut self,
        activation: ActivationId,
        config: &Config,
        now: Instant,
        out: &mut Vec<Command>,
    ) {
        let before = self.runs.len();
        self.runs.retain(|run| run.activation != activation || run.phase != Phase::Logging);
        debug_assert!(self.runs.len() < before, "logs of {activation} were not asked for");
        out.push(Command::Finish { activation });
        self.start_waiting(out);
        if self.is_idle() {
            self.idle_since = now;
            self.check_at.get_or_insert(now + self.rest_after.min(config.pause_grace));
        }
    }

    /// Takes nothing more from here on; what has not begun is handed back.
    pub(super) fn close(&mut self, why: Closing, out: &mut Vec<Command>) {
        self.closing = self.closing.max(Some(why));
        let reason = if why == Closing::Broken { NackReason::Broken } else { NackReason::Leaving };
        for (activation, attempt) in self.waiting.drain(..) {
            out.push(nack(activation, attempt, reason));
        }
    }

    /// Looks at the idle times.
    pub(super) fn tick(&mut self, config: &Config, now: Instant, out: &mut Vec<Command>) -> Next {
        if self.check_at.is_none_or(|at| at > now) {
            return self.next();
        }
        self.check_at = None;
        if !self.is_idle() {
            return self.next();
        }
        let pause_at = self.idle_since + config.pause_grace;
        if pause_at <= now {
            return if self.code == Code::Loaded { Next::Pause } else { Next::Leave };
        }
        let rest_at = self.idle_since + self.rest_after;
        if rest_at <= now && !self.resting {
            self.resting = true;
            out.push(Command::Tell(Note::Resting));
        }
        self.check_at = Some(if self.resting { pause_at } else { rest_at.min(pause_at) });
        self.next()
    }

    pub(super) const fn check_at(&self) -> Option<Instant> {
        self.check_at
    }

    /// What is to become of it now. Nothing is paused or removed while anything runs in it.
    pub(super) fn next(&self) -> Next {
        match self.closing {
            None => Next::Serve,
            Some(_) if !self.is_idle() => Next::Serve,
            Some(Closing::Parked) if self.code == Code::Loaded => Next::Pause,
            Some(_) => Next::Leave,
        }
    }

    /// Nothing runs, waits, or has its logs taken.
    pub(super) fn is_idle(&self) -> bool {
        self.runs.is_empty() && self.waiting.is_empty()
    }

    pub(super) const fn closing(&self) -> Option<Closing> {
        self.closing
    }

    /// Why an activation cannot be taken.
    fn refusal(&self, epoch: Epoch) -> Option<NackReason> {
        if epoch < self.epoch {
            return Some(NackReason::StaleEpoch);
        }
        match self.closing {
            Some(Closing::Broken) => return Some(NackReason::Broken),
            Some(Closing::Removed | Closing::Parked) => return Some(NackReason::Leaving),
            None => {}
        }
        let begun = self.runs.iter().filter(|run| run.phase != Phase::Logging).count();
        let full = begun + self.waiting.len() >= self.slots;
        full.then_some(NackReason::NoCredit)
    }

    /// Begins what can begin: nothing while code is being loaded, and one after the other, logs included, in a container
    /// that takes one at a time.
    fn start_waiting(&mut self, out: &mut Vec<Command>) {
        while self.code != Code::Loading && (self.slots > 1 || self.runs.is_empty()) {
            let Some((activation, attempt)) = self.waiting.pop_front() else { return };
            out.push(Command::Report(Report::Started { activation, attempt }));
            let phase = if self.code == Code::None {
                self.code = Code::Loading;
                out.push(Command::Initialise { activation });
                Phase::Initialising
            } else {
                out.push(Command::Run { activation });
                Phase::Running { init: None }
            };
            self.runs.push(Run { activation, attempt, phase });
        }
    }

    fn run(&mut self, activation: ActivationId, expected: impl Fn(Phase) -> bool) -> Option<&mut Run> {
        let run = self.runs.iter_mut().find(|run| run.activation == activation && expected(run.phase));
        debug_assert!(run.is_some(), "an answer for {activation}, which was not asked for");
        run
    }
}

/// CLS-20: developer and whisk errors destroy the container, success and application errors keep it.
const fn destroys(status: StatusCode) -> bool {
    match status {
        StatusCode::Success | StatusCode::ApplicationError => false,
        StatusCode::DeveloperError | StatusCode::WhiskError => true,
    }
}

pub(super) const fn nack(activation: ActivationId, attempt: Attempt, reason: NackReason) -> Command {
    Command::Report(Report::Nack { activation, attempt, reason })
}

pub(super) const fn cannot(creation: CreationId) -> Command {
    Command::Report(Report::CreationFailed { creation, failure: CreationFailure::NoResources })
}
