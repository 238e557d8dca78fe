use machine::Instant;

/// What an arbiter asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<Q> {
    /// Tell the queue.
    Answer {
        /// Which queue.
        queue: Q,
        /// What.
        answer: Answer,
    },
    /// Ask the queue for tokens that others need more. It replaces what was asked before.
    Reclaim {
        /// Which queue.
        queue: Q,
        /// How many.
        count: u32,
        /// Whether only containers are meant for which nothing waits, now or later.
        idle_only: bool,
    },
}

/// What an arbiter says to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Tokens that the queue holds from now on, beside those it had.
    pub granted: u32,
    /// Why it did not get all that it wants. It stays on the list and hears of any token that becomes free.
    pub denied: Option<Denial>,
    /// How the namespace stands, this grant included.
    pub namespace: NamespaceView,
}

/// Why a queue did not get all that it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub reason: DenialReason,
    /// When to ask again at the latest, should nothing be heard before.
    pub until: Instant,
}

/// Why a queue did not get all that it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialReason {
    /// The namespace may have no container at all (CLS-18).
    ZeroLimit,
    /// Every token that this queue may have is taken.
    Exhausted,
    /// The action has as many containers as it may have; the namespace has room.
    InstancesReached,
}

/// How a namespace stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamespaceView {
    /// How many containers it may have; `None`: any number.
    pub limit: Option<u32>,
    /// How many it has, or is getting.
    pub used: u32,
}
