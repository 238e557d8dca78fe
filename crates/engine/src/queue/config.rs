use super::decide::Rules;
use std::time::Duration;

/// The times and limits of a queue. The defaults are upstream's (`reference/scheduler.md` E8) where it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueConfig {
    /// When to add containers.
    pub rules: Rules,
    /// How many activations may wait. At that many, new ones are refused.
    pub max_waiting: usize,
    /// How many bytes the waiting activations may hold. At that many, new ones are refused.
    pub max_waiting_bytes: u64,
    /// A full queue takes activations again once it holds no more than this part of its limits.
    pub reopen_at: f64,
    /// How long an activation may wait.
    pub retention: Duration,
    /// How long it may wait for an image of the developer's.
    pub blackbox_retention: Duration,
    /// How many runs the mean duration is taken of.
    pub durations: usize,
    /// How long a start is expected to take before one was measured.
    pub expected_start: Duration,
    /// How long waking a paused container is expected to take before it was measured.
    pub expected_resume: Duration,
    /// After how long a dispatch that was not heard of is recalled, and how often the recall is repeated. There is no
    /// limit to the number: an invoker that never answers is declared lost by its link.
    pub recall_after: Duration,
    /// How often an activation is dispatched before it is given up as undeliverable.
    pub max_attempts: u32,
    /// How long a refusal holds.
    pub refusal_expiry: Duration,
    /// How long an action without any container may wait for the namespace's first token before new activations are
    /// refused.
    pub starvation_grace: Duration,
    /// Whether activations dropped for want of a token count as the platform's fault (THR-07).
    pub throttled_is_whisk_error: bool,
    /// How long a container may have nothing to do, while the others suffice, before it is rested.
    pub surplus_after: Duration,
    /// How long an empty queue without containers is kept: upstream's idle and stop grace together.
    pub retire_after: Duration,
    /// What happens after failed creations and crashes.
    pub breaker: BreakerConfig,
}

/// The times and limits of [`super::breaker::Breaker`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// The wait after the first failed creation; it doubles with each one in a row.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// The longest wait where invokers had no room. It is short: such an order has waited for room already, and room
    /// comes as suddenly as it goes.
    pub longest_wait_for_room: Duration,
    /// After how many failed creations in a row, with no container left, what waits is given up.
    pub give_up_after: u32,
    /// How many containers in a row may break without a wait before the next one.
    pub free_crashes: u32,
    /// The longest wait after a crash.
    pub longest_crash_wait: Duration,
}

impl Default for QueueConfig {
    fn default() -> QueueConfig {
        QueueConfig {
            rules: Rules::default(),
            max_waiting: 10_000,
            max_waiting_bytes: 256 << 20,
            reopen_at: 0.9,
            retention: Duration::from_secs(60),
            blackbox_retention: Duration::from_secs(300),
            durations: 10,
            expected_start: Duration::from_millis(200),
            expected_resume: Duration::from_millis(10),
            recall_after: Duration::from_secs(2),
            max_attempts: 20,
            refusal_expiry: Duration::from_secs(1),
            starvation_grace: Duration::from_secs(1),
            throttled_is_whisk_error: false,
            surplus_after: Duration::from_secs(2),
            retire_after: Duration::from_secs(40),
            breaker: BreakerConfig::default(),
        }
    }
}

impl Default for BreakerConfig {
    fn default() -> BreakerConfig {
        BreakerConfig {
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(30),
            longest_wait_for_room: Duration::from_secs(1),
            give_up_after: 5,
            free_crashes: 3,
            longest_crash_wait: Duration::from_secs(5),
        }
    }
}
