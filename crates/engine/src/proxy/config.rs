use std::time::Duration;

/// The times of an idle container. Each counts from the end of its last activation, or of the step before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// After so long without work a container may be evicted, or after as long as its start took where that is shorter.
    /// Short, so that memory can be had; not zero, so that a busy container need not tell the pool of every pause for breath.
    pub rest_grace: Duration,
    /// After so long without work it is paused (POOL-03), or removed where it never ran anything.
    pub pause_grace: Duration,
    /// After so long in pause it is removed (POOL-03), unless its namespace keeps it.
    pub idle_container: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            rest_grace: Duration::from_millis(100),
            pause_grace: Duration::from_secs(10),
            idle_container: Duration::from_secs(600),
        }
    }
}
