use super::{Change, Entry, LeaseId, Revision};

/// What a store of keys says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The one answer to a request.
    Reply {
        /// Which request.
        request: u64,
        /// What came of it.
        reply: Reply,
    },
    /// Keys of a watch changed.
    Changed {
        /// Which watch.
        watch: u64,
        /// In order of their revisions; never empty.
        changes: Vec<Change>,
    },
    /// The changes that the watch asked for are forgotten. It is closed; its owner lists the keys again.
    Compacted {
        /// Which watch.
        watch: u64,
    },
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What was read, all of it as of `revision`, in order of the keys.
    Entries {
        /// The newest revision of the store.
        revision: Revision,
        /// The keys that are there.
        entries: Vec<Entry>,
    },
    /// The transaction was carried out.
    Committed {
        /// The revision that it made, or the newest one where it changed nothing.
        revision: Revision,
    },
    /// A condition did not hold; nothing was written.
    Conflict {
        /// The newest revision of the store.
        revision: Revision,
        /// What is there of the keys of the conditions.
        entries: Vec<Entry>,
    },
    /// The request breaks a limit of the store; nothing was done.
    Refused(Refusal),
    /// The lease was made.
    Granted(LeaseId),
    /// The lease lasts.
    Alive,
    /// There is no such lease, or no longer.
    LeaseGone,
    /// The lease has ended now.
    Revoked,
}

/// Which limit of the store a request breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More than [`MAX_WRITES`](super::MAX_WRITES) writes or conditions.
    TooManyWrites,
    /// A key is written twice.
    WrittenTwice,
    /// A value is longer than [`MAX_VALUE`](super::MAX_VALUE).
    ValueTooLong,
    /// There are [`MAX_KEYS`](super::MAX_KEYS) keys already.
    Full,
}
