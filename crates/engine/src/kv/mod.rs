//! Revisions, leases and watches: a small store of keys whose every change has a number.
//!
//! It behaves as etcd does where the two have something in common. The memory implementation of the coordination port
//! is a shell around it, and the simulator runs it as the cluster's store.
//!
//! It must not know what keys mean.

mod command;
mod event;

pub use command::{Command, Refusal, Reply};
pub use event::{Condition, Event, KeyState, Transaction, Write};

use machine::{Instant, Machine, Timers};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The number of a change; later ones are greater. The first change of a store has 1.
pub type Revision = u64;

/// The number of a lease; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// The most conditions, and the most writes, of one transaction: etcd's default. More are refused.
pub const MAX_WRITES: usize = 128;
/// The longest value in bytes: a value here is an address or an owner, never a document. Longer ones are refused.
pub const MAX_VALUE: usize = 64 << 10;
/// The most keys, some hundred megabytes with their values as they are in use. More are refused.
pub const MAX_KEYS: usize = 1_000_000;
/// How many changes are remembered for watches that come late. Whoever asks for an older one is told to list again.
pub const HISTORY: usize = 10_000;

/// A key that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Arc<[u8]>,
    /// The change that made it.
    pub created: Revision,
    /// The last change of it.
    pub modified: Revision,
    /// The lease with which it goes.
    pub lease: Option<LeaseId>,
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was set.
    Put(Entry),
    /// It was deleted, or went with its lease.
    Deleted {
        /// The key.
        key: String,
        /// The change that took it.
        revision: Revision,
    },
}

impl Change {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Change::Put(entry) => &entry.key,
            Change::Deleted { key, .. } => key,
        }
    }

    /// Its number. Changes of one transaction share it.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Change::Put(entry) => entry.modified,
            Change::Deleted { revision, .. } => *revision,
        }
    }
}

/// A store of keys.
#[derive(Clone, Debug, Default)]
pub struct Kv {
    revision: Revision,
    entries: BTreeMap<String, Entry>,
    leases: BTreeMap<LeaseId, Lease>,
    last_lease: u64,
    expiries: Timers<LeaseId>,
    /// Open watches and the prefixes of their keys.
    watches: BTreeMap<u64, String>,
    history: VecDeque<Change>,
    /// The newest change that is no longer in `history`.
    forgotten: Revision,
}

#[derive(Clone, Debug)]
struct Lease {
    ttl: Duration,
    keys: BTreeSet<String>,
}

impl Machine for Kv {
    type Event = Event;
    type Command = Command;

    fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Command>) {
        self.tick(now, out);
        let (request, reply) = match event {
            Event::Get { request, key } => {
                let entries = self.entries.get(&key).cloned().into_iter().collect();
                (request, Reply::Entries { revision: self.revision, entries })
            }
            Event::Range { request, prefix } => {
                let entries = self.with_prefix(&prefix).cloned().collect();
                (request, Reply::Entries { revision: self.revision, entries })
            }
            Event::Commit { request, transaction } => (request, self.commit(transaction, out)),
            Event::Grant { request, ttl } => (request, self.grant(now, ttl)),
            Event::KeepAlive { request, lease } => (request, self.keep_alive(now, lease)),
            Event::Revoke { request, lease } => {
                let reply = if self.end_lease(lease, out) { Reply::Revoked } else { Reply::LeaseGone };
                (request, reply)
            }
            Event::Watch { watch, prefix, after } => return self.watch(watch, prefix, after, out),
            Event::Unwatch { watch } => return self.unwatch(watch),
        };
        out.push(Command::Reply { request, reply });
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Command>) {
        while let Some(lease) = self.expiries.pop_due(now) {
            self.end_lease(lease, out);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.expiries.next()
    }
}

impl Kv {
    /// The number of the newest change; zero before the first one.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Closes a watch, as [`Event::Unwatch`] does, in between two events.
    pub fn unwatch(&mut self, watch: u64) {
        self.watches.remove(&watch);
    }

    fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = &Entry> {
        let from = self.entries.range(prefix.to_owned()..);
        from.map(|(_, entry)| entry).take_while(move |entry| entry.key.starts_with(prefix))
    }

    fn commit(&mut self, transaction: Transaction, out: &mut Vec<Command>) -> Reply {
        if let Some(refusal) = self.refusal(&transaction) {
            return Reply::Refused(refusal);
        }
        if !transaction.when.iter().all(|condition| self.holds(condition)) {
            let keys: BTreeSet<&String> = transaction.when.iter().map(|condition| &condition.key).collect();
            let entries = keys.into_iter().filter_map(|key| self.entries.get(key)).cloned().collect();
            return Reply::Conflict { revision: self.revision, entries };
        }
        let leases = transaction.then.iter().filter_map(|write| match write {
            Write::Put { lease, .. } => *lease,
            Write::Delete { .. } => None,
        });
        if leases.into_iter().any(|lease| !self.leases.contains_key(&lease)) {
            return Reply::LeaseGone;
        }
        self.apply(transaction.then, out);
        Reply::Committed { revision: self.revision }
    }

    fn refusal(&self, transaction: &Transaction) -> Option<Refusal> {
        let Transaction { when, then } = transaction;
        let keys: BTreeSet<&str> = then.iter().map(Write::key).collect();
        let too_long = |write: &Write| matches!(write, Write::Put { value, .. } if value.len() > MAX_VALUE);
        let new = |write: &&Write| matches!(write, Write::Put { key, .. } if !self.entries.contains_key(key));
        if when.len() > MAX_WRITES || then.len() > MAX_WRITES {
            Some(Refusal::TooManyWrites)
        } else if keys.len() < then.len() {
            Some(Refusal::WrittenTwice)
        } else if then.iter().any(too_long) {
            Some(Refusal::ValueTooLong)
        } else if self.entries.len() + then.iter().filter(new).count() > MAX_KEYS {
            Some(Refusal::Full)
        } else {
            None
        }
    }

    fn holds(&self, condition: &Condition) -> bool {
        let entry = self.entries.get(&condition.key);
        match condition.state {
            KeyState::Absent => entry.is_none(),
            KeyState::CreatedAt(revision) => entry.is_some_and(|entry| entry.created == revision),
            KeyState::ModifiedAt(revision) => entry.is_some_and(|entry| entry.modified == revision),
        }
    }

    /// Makes the next revision of these writes, if they change anything.
    fn apply(&mut self, writes: Vec<Write>, out: &mut Vec<Command>) {
        let revision = self.revision + 1;
        let mut changes = Vec::with_capacity(writes.len());
        for write in writes {
            match write {
                Write::Put { key, value, lease } => {
                    changes.push(Change::Put(self.put(revision, key, value, lease)));
                }
                Write::Delete { key } => {
                    if let Some(entry) = self.entries.remove(&key) {
                        self.detach(&entry);
                        changes.push(Change::Deleted { key, revision });
                    }
                }
            }
        }
        if !changes.is_empty() {
            self.revision = revision;
            self.tell(&changes, out);
            self.remember(changes);
        }
    }

    fn put(&mut self, revision: Revision, key: String, value: Arc<[u8]>, lease: Option<LeaseId>) -> Entry {
        let old = self.entries.remove(&key);
        if let Some(old) = &old {
            self.detach(old);
        }
        if let Some(lease) = lease.and_then(|lease| self.leases.get_mut(&lease)) {
            lease.keys.insert(key.clone());
        }
        let created = old.map_or(revision, |old| old.created);
        let entry = Entry { key: key.clone(), value, created, modified: revision, lease };
        self.entries.insert(key, entry.clone());
        entry
    }

    /// The entry goes with its lease no more.
    fn detach(&mut self, entry: &Entry) {
        if let Some(lease) = entry.lease.and_then(|lease| self.leases.get_mut(&lease)) {
            lease.keys.remove(&entry.key);
        }
    }

    fn tell(&self, changes: &[Change], out: &mut Vec<Command>) {
        for (watch, prefix) in &self.watches {
            let seen: Vec<Change> =
                changes.iter().filter(|change| change.key().starts_with(prefix)).cloned().collect();
            if !seen.is_empty() {
                out.push(Command::Changed { watch: *watch, changes: seen });
            }
        }
    }

    fn remember(&mut self, changes: Vec<Change>) {
        self.history.extend(changes);
        while self.history.len() > HISTORY {
            if let Some(oldest) = self.history.pop_front() {
                self.forgotten = oldest.revision();
            }
        }
    }

    fn watch(&mut self, watch: u64, prefix: String, after: Revision, out: &mut Vec<Command>) {
        assert!(!self.watches.contains_key(&watch), "watch {watch} is open already");
        if after < self.forgotten {
            out.push(Command::Compacted { watch });
            return;
        }
        let missed = self.history.iter().filter(|change| change.revision() > after);
        let changes: Vec<Change> =
            missed.filter(|change| change.key().starts_with(&prefix)).cloned().collect();
        if !changes.is_empty() {
            out.push(Command::Changed { watch, changes });
        }
        self.watches.insert(watch, prefix);
    }

    fn grant(&mut self, now: Instant, ttl: Duration) -> Reply {
        self.last_lease += 1;
        let lease = LeaseId(self.last_lease);
        self.leases.insert(lease, Lease { ttl, keys: BTreeSet::new() });
        self.expiries.set(lease, now + ttl);
        Reply::Granted(lease)
    }

    fn keep_alive(&mut self, now: Instant, lease: LeaseId) -> Reply {
        match self.leases.get(&lease) {
            None => Reply::LeaseGone,
            Some(Lease { ttl, .. }) => {
                self.expiries.set(lease, now + *ttl);
                Reply::Alive
            }
        }
    }

    /// Deletes the lease and its keys, these in one revision; answers whether it was there.
    fn end_lease(&mut self, lease: LeaseId, out: &mut Vec<Command>) -> bool {
        self.expiries.clear(&lease);
        let Some(ended) = self.leases.remove(&lease) else { return false };
        let writes = ended.keys.into_iter().map(|key| Write::Delete { key }).collect();
        self.apply(writes, out);
        true
    }
}

#[cfg(test)]
mod tests;
