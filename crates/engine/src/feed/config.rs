use std::time::Duration;

/// The times and limits of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many activations may wait. At that many, new ones are refused.
    pub max_waiting: usize,
    /// How many bytes the waiting activations may hold. At that many, new ones are refused.
    pub max_waiting_bytes: u64,
    /// How long an activation may wait.
    pub retention: Duration,
    /// How long it may wait where it runs in an image of the developer's.
    pub blackbox_retention: Duration,
    /// How often an activation is handed to a container before it is given up as undeliverable.
    pub max_attempts: u32,
    /// After how long a container is ordered again that the invoker had no room for though it should have had.
    pub retry_after: Duration,
    /// For how long an order for a container holds, as the invoker is told.
    pub order_deadline: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            max_waiting: 10_000,
            max_waiting_bytes: 256 << 20,
            retention: Duration::from_secs(60),
            blackbox_retention: Duration::from_secs(300),
            max_attempts: 20,
            retry_after: Duration::from_millis(50),
            order_deadline: Duration::from_secs(60),
        }
    }
}
