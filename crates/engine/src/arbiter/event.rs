use types::Revision;

/// What can happen to the arbiter of a namespace. `Q` names a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<Q> {
    /// A queue says how many more containers it could use now. An [`super::Command::Answer`] follows at once, always.
    Request {
        /// Which queue.
        queue: Q,
        /// What it could use.
        request: TokenRequest,
    },
    /// A queue gives tokens back.
    Release {
        /// Which queue.
        queue: Q,
        /// How many.
        count: u32,
    },
    /// The queue is no more: all its tokens are free.
    Left {
        /// Which queue.
        queue: Q,
    },
    /// The namespace's limit is this now.
    Limit {
        /// Containers; `None`: any number.
        limit: Option<u32>,
    },
    /// The queue counts for so much when tokens are scarce. Every queue starts with one.
    Weight {
        /// Which queue.
        queue: Q,
        /// At least one.
        weight: u32,
    },
}

/// What a queue could use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenRequest {
    /// How many containers more than it has tokens for; zero withdraws an earlier request and still gets an answer.
    pub want: u32,
    /// How many containers the action may have in all; `None`: as many as its namespace.
    pub instances: Option<u32>,
    /// Whether an activation waits that another one caused, which may hold a container itself: it may use the last
    /// reserve, so that the two do not wait for each other.
    pub caused: bool,
    /// Which revision it is for; only for the record.
    pub revision: Revision,
}
