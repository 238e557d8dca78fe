//! When to add containers: a pure function of a snapshot of the queue.

use std::time::Duration;

/// The rule sets.
#[derive(Clone, Debug, PartialEq)]
pub enum Rules {
    /// OpenWhisk's own, with its constants; for comparison.
    Upstream(UpstreamRules),
    /// Ours.
    Predictive(PredictiveRules),
}

/// The constants of OpenWhisk's rules.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamRules {
    /// Time between two decisions.
    pub check_interval: Duration,
    /// An activation that has waited for longer is stale.
    pub stale_threshold: Duration,
    /// By which factor an action without a container may exceed the namespace's limit to get its first one.
    pub over_provision: Option<f64>,
}

/// The constants of the predictive rules.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictiveRules {
    /// Time between two decisions while activations wait and nothing happens.
    pub check_interval: Duration,
    /// How much sooner than without it an activation must begin for a container to be worth its memory and the processor's
    /// time for its start.
    pub least_gain: Duration,
    /// The same as a part of a start: who has to wait for one anyway hardly sees it.
    pub start_share: f64,
    /// The same as a part of a run.
    pub run_share: f64,
    /// By which factor the gain must be greater for activations that no client waits for.
    pub patience: f64,
    /// How many containers more than the arrivals need, as a part of that number.
    pub headroom: f64,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::Predictive(PredictiveRules::default())
    }
}

impl Default for UpstreamRules {
    fn default() -> UpstreamRules {
        UpstreamRules {
            check_interval: Duration::from_millis(100),
            stale_threshold: Duration::from_millis(100),
            over_provision: None,
        }
    }
}

impl Default for PredictiveRules {
    fn default() -> PredictiveRules {
        PredictiveRules {
            check_interval: Duration::from_millis(20),
            least_gain: Duration::from_millis(2),
            start_share: 0.1,
            run_share: 0.1,
            patience: 10.0,
            headroom: 0.2,
        }
    }
}

/// How a queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As usual.
    Running,
    /// The namespace had no container left at the last decision.
    NamespaceThrottled,
    /// It is full.
    ActionThrottled,
    /// It has no container, and the last creation failed.
    Flushing,
    /// It is being drained.
    Removing,
}

/// What a decision is made of.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// How the queue stands.
    pub standing: Standing,
    /// Whether it has ever had a container.
    pub initialised: bool,
    /// Activations that wait.
    pub waiting: u32,
    /// Those of them that wait for longer than the stale threshold.
    pub stale: u32,
    /// For how long the first of them has waited without any activation being handed to a container.
    pub stalled: Duration,
    /// Whether a client waits for one of them.
    pub blocking: bool,
    /// Activations that containers have.
    pub in_flight: u32,
    /// Containers that take activations.
    pub existing: u32,
    /// Containers on order.
    pub creating: u32,
    /// For how long they have been, together.
    pub ordered_for: Duration,
    /// For how long the first of them has been.
    pub oldest_order: Duration,
    /// All containers of the namespace, those on order too.
    pub namespace_used: u32,
    /// How many containers the namespace may have.
    pub namespace_limit: Option<u32>,
    /// How many containers the action may have.
    pub action_limit: Option<u32>,
    /// Activations in one container at a time.
    pub concurrency: u32,
    /// The mean duration of a run, if one was measured.
    pub duration: Option<Duration>,
    /// How long the first run has taken so far, as long as none has ended: a lower bound of the duration.
    pub running_for: Duration,
    /// Arrivals in a second.
    pub arrivals: f64,
    /// How long a start is expected to take.
    pub start: Duration,
    /// How long waking a paused container is expected to take.
    pub resume: Duration,
    /// Paused containers, which orders wake before they start any; those on order are among them.
    pub paused: u32,
    /// How many containers may be on order at a time; small for an action that has not proved itself.
    pub ramp: u32,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Skip,
    /// The limit is zero: nothing can ever run.
    Pause,
    /// So many containers more.
    Add(u32),
    /// The namespace is at its limit: take what is left.
    Throttle {
        /// Whether to fail all that waits.
        drop: bool,
        /// So many containers more.
        add: u32,
    },
    /// The namespace has room again.
    Unthrottle,
}

/// Decides.
#[must_use]
pub fn decide(snapshot: &Snapshot, rules: &Rules) -> Decision {
    match rules {
        Rules::Upstream(rules) => upstream(snapshot, rules),
        Rules::Predictive(rules) => predictive(snapshot, rules),
    }
}

/// How many more a limit leaves room for; less than nothing where it is exceeded.
fn room(limit: Option<u32>, used: u32) -> i64 {
    limit.map_or(i64::from(u32::MAX), |limit| i64::from(limit) - i64::from(used))
}

/// The lower of two limits.
fn lower(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one.into_iter().chain(other).min()
}

/// `reference/scheduler.md` section C, rules 1 to 5.
fn upstream(s: &Snapshot, rules: &UpstreamRules) -> Decision {
    let action_limit = lower(s.action_limit, s.namespace_limit);
    if action_limit == Some(0) {
        return if s.standing == Standing::Flushing { Decision::Skip } else { Decision::Pause };
    }
    let total = s.existing + s.creating;
    let namespace_room = room(s.namespace_limit, s.namespace_used);
    let beyond = rules.over_provision.map(|ratio| {
        let limit = s.namespace_limit.map(|limit| (f64::from(limit) * ratio).ceil() as u32);
        room(limit, s.namespace_used)
    });
    let capacity = match beyond {
        Some(beyond) if total == 0 => i64::from(beyond > 0),
        _ => namespace_room.min(room(action_limit, total)),
    };
    if capacity <= 0 {
        let some_beyond = beyond.is_some_and(|beyond| beyond > 0);
        return match s.standing {
            Standing::Running if !some_beyond => Decision::Throttle { drop: total == 0, add: 0 },
            Standing::NamespaceThrottled if some_beyond => Decision::Unthrottle,
            _ => Decision::Skip,
        };
    }
    match upstream_need(s, rules, total) {
        Need::Unthrottle => Decision::Unthrottle,
        Need::Containers(n) if n <= 0 => Decision::Skip,
        Need::Containers(n) if n <= capacity => Decision::Add(saturate(n)),
        Need::Containers(_) if capacity >= namespace_room => {
            Decision::Throttle { drop: false, add: saturate(capacity) }
        }
        Need::Containers(_) => Decision::Add(saturate(capacity)),
    }
}

enum Need {
    Unthrottle,
    Containers(i64),
}

/// Rule 4: the first case that matches.
fn upstream_need(s: &Snapshot, rules: &UpstreamRules, total: u32) -> Need {
    let messages = i64::from(s.waiting) + i64::from(s.in_flight);
    let stale = i64::from(s.stale);
    let creating = i64::from(s.creating);
    let concurrency = f64::from(s.concurrency);
    let unmeasured = || (ceil(s.stale.into(), concurrency) - creating).min(messages);
    let need = match (s.standing, s.duration) {
        (Standing::Running, None) if total == 0 && !s.initialised => 1,
        (Standing::NamespaceThrottled, _) => return Need::Unthrottle,
        (Standing::Running, _) if total == 0 && messages > 0 => 1,
        (Standing::Flushing, _) if total == 0 => 1,
        (Standing::Running, None) if stale > 0 => unmeasured(),
        (Standing::Running, Some(duration)) => measured(s, rules, duration, total),
        (Standing::Removing, None) if stale > 0 => unmeasured(),
        (Standing::Removing, Some(duration)) if stale > 0 => {
            ceil(s.stale.into(), cleared(s, rules, duration)).min(stale) - creating
        }
        _ => 0,
    };
    Need::Containers(need)
}

/// Rule 4f.
fn measured(s: &Snapshot, rules: &UpstreamRules, duration: Duration, total: u32) -> i64 {
    let cleared = cleared(s, rules, duration);
    let stale = i64::from(s.stale);
    let stale_need =
        if stale > 0 { ceil(s.stale.into(), cleared).min(stale) - i64::from(s.creating) } else { 0 };
    let fresh = i64::from(s.waiting) + i64::from(s.in_flight) - stale;
    let total = i64::from(total);
    let behind = fresh as f64 >= cleared * total as f64 && total < fresh;
    if behind && !duration.is_zero() {
        let more = (fresh as f64 / cleared - total as f64).ceil() as i64;
        return more.min(fresh - total) + stale_need;
    }
    stale_need.max(0)
}

/// How many activations one container clears while another one becomes stale.
fn cleared(s: &Snapshot, rules: &UpstreamRules, duration: Duration) -> f64 {
    let concurrency = f64::from(s.concurrency);
    if duration.is_zero() {
        return concurrency;
    }
    concurrency * rules.stale_threshold.as_secs_f64() / duration.as_secs_f64()
}

fn ceil(number: f64, divisor: f64) -> i64 {
    (number / divisor).ceil() as i64
}

fn saturate(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

/// I9: add a container only where waiting would take longer than starting one, and by enough to be worth it.
///
/// The namespace's limit is left to its arbiter, which may take tokens from others.
fn predictive(s: &Snapshot, rules: &PredictiveRules) -> Decision {
    let concurrency = s.concurrency.max(1);
    let total = s.existing + s.creating;
    // The containers on order will take this many; one more must find at least one activation for itself.
    let uncovered = s.waiting.saturating_sub(s.creating.saturating_mul(concurrency));
    let most = i64::from(uncovered.div_ceil(concurrency))
        .min(room(s.action_limit, total))
        .min(i64::from(s.ramp) - i64::from(s.creating));
    if most <= 0 {
        return Decision::Skip;
    }
    // Those that wait cost less to wake than to start, but there are only so many of them.
    let woken = more(s, rules, resume(s)).min(i64::from(s.paused.saturating_sub(s.creating)));
    let more = woken.max(more(s, rules, start(s)));
    if more <= 0 { Decision::Skip } else { Decision::Add(saturate(more.min(most))) }
}

/// Shorter runs need a processor most of the time, which another container does not bring.
const SHORT_RUN: Duration = Duration::from_millis(2);

/// How many containers more are worth it that take so long to come, in seconds.
fn more(s: &Snapshot, rules: &PredictiveRules, start: f64) -> i64 {
    let gain = gain(s, rules, start);
    let total = s.existing + s.creating;
    let is_soon = begin_of_last(s) <= start + gain && !is_stalled(s, rules, start + gain);
    // Where activations come faster than they end, each of them waits, for as long as that goes on.
    let pays = duration(s) >= SHORT_RUN.as_secs_f64() && kept_busy(s, rules) > f64::from(total);
    if total > 0 && is_soon && !pays {
        return 0;
    }
    // A container that is ordered now has only the gain to work in.
    let clearing = (work(s) + coming(s) - f64::from(total) * (start + gain)) / gain;
    clearing.max(kept_busy(s, rules) - f64::from(total)).max(1.0).ceil() as i64
}

/// Whether nothing moves although the runs should have ended: what was predicted of them is wrong. How soon a container on
/// order comes is another matter, and more orders do not make it come sooner.
fn is_stalled(s: &Snapshot, rules: &PredictiveRules, threshold: f64) -> bool {
    s.existing > 0 && s.stalled.as_secs_f64() > threshold.max(rules.check_interval.as_secs_f64())
}

/// When the last of the waiting activations begins if nothing is added, in seconds from now.
fn begin_of_last(s: &Snapshot) -> f64 {
    (work(s) + coming(s)) / f64::from((s.existing + s.creating).max(1))
}

/// The runs that must end before the last of the waiting activations begins, in seconds of one container. They end one
/// after the other, and the next one is half through on average.
fn work(s: &Snapshot) -> f64 {
    let runs = f64::from(s.waiting.max(1) - 1) + if s.in_flight > 0 { 0.5 } else { 0.0 };
    runs * duration(s) / f64::from(s.concurrency.max(1))
}

/// How long the containers on order are still expected to take, one after the other, in seconds.
fn coming(s: &Snapshot) -> f64 {
    let woken = s.creating.min(s.paused);
    let all = f64::from(woken) * resume(s) + f64::from(s.creating - woken) * start(s);
    (all - s.ordered_for.as_secs_f64()).max(0.0)
}

/// How long a start takes, in seconds: no less than one has taken already.
fn start(s: &Snapshot) -> f64 {
    let so_far = if s.creating > s.paused { s.oldest_order } else { Duration::ZERO };
    s.start.max(so_far).as_secs_f64()
}

/// How long waking a paused container takes, in seconds.
fn resume(s: &Snapshot) -> f64 {
    let so_far = if s.creating > s.paused { Duration::ZERO } else { s.oldest_order };
    s.resume.max(so_far).as_secs_f64()
}

/// How much sooner the last of the waiting activations must begin for a container to be worth it, in seconds.
fn gain(s: &Snapshot, rules: &PredictiveRules, start: f64) -> f64 {
    let least = rules.least_gain.as_secs_f64();
    let gain = least.max(start * rules.start_share).max(duration(s) * rules.run_share);
    if s.blocking { gain } else { gain * rules.patience }
}

/// The containers that the arrivals alone keep busy, headroom included.
fn kept_busy(s: &Snapshot, rules: &PredictiveRules) -> f64 {
    s.arrivals * duration(s) / f64::from(s.concurrency.max(1)) * (1.0 + rules.headroom)
}

/// How long a run takes, in seconds.
fn duration(s: &Snapshot) -> f64 {
    s.duration.unwrap_or(s.running_for).as_secs_f64()
}

/// How many of the containers are more than the arrivals need; at least one always stays.
#[must_use]
pub fn surplus(s: &Snapshot, rules: &Rules) -> u32 {
    match rules {
        Rules::Upstream(_) => 0,
        Rules::Predictive(rules) => {
            let needed = saturate(kept_busy(s, rules).ceil() as i64).max(1);
            s.existing.saturating_sub(needed)
        }
    }
}
