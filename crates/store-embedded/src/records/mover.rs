//! What the two threads do.

use super::overlay::Overlay;
use super::record::{accept_entry, decode_intent, payload_of};
use super::sync::{Group, Turn};
use super::{Front, Shared};
use crate::journal::{self, Entry, SealedFile};
use std::sync::Arc;
use std::time::Duration;

/// How many sealed files the journal may have before intents of the oldest one are written again at its end, so that it
/// can go.
const FILES_KEPT_FOR_INTENTS: usize = 4;

/// How many intents are written again under one hold of the lock, which nobody else gets meanwhile.
const CARRIED_AT_ONCE: usize = 32;

/// How long the thread waits after a move that failed, at first and at the most; each time twice as long.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// The longest time between two looks for records that are too old.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);

/// How often, and how many times after the last move, the thread looks whether the engine has ended a merge, whose disk
/// is free only once it is told so.
const LOOK_FOR_MERGED: Duration = Duration::from_secs(1);
const LOOKS_FOR_MERGED: u32 = 60;

/// Brings the journal to the disk until it is stopped.
pub(super) fn sync(shared: &Shared) {
    let mut group = Group::default();
    loop {
        let turn = shared.sync.next_turn(shared.limits.sync_interval, &group);
        let served = shared.sync.begin();
        let unsynced = shared.front.lock().journal.take_unsynced();
        let began = shared.clock.now();
        match unsynced.sync() {
            Ok(()) => {
                group = shared.sync.group_after(served, shared.clock.now() - began);
                shared.sync.synced(unsynced.sequence);
            }
            Err(error) => {
                // After a failed sync the system may have dropped what was written, and would report success next time.
                let why: Arc<str> =
                    format!("the journal could not be brought to the disk ({error}); restart the server")
                        .into();
                tracing::error!(%error, "the journal cannot be brought to the disk; all writes are refused from now on");
                shared.front.lock().journal.fail(why.clone());
                shared.sync.failed(why);
                return;
            }
        }
        if turn == Turn::Stop {
            return;
        }
    }
}

/// Moves records to the disk and drops what is too old, until it is stopped.
pub(super) fn run(shared: &Shared) {
    // What an earlier process may have moved in part goes first, and into the same segment.
    let mut may_begin = false;
    let mut pause = PAUSES.0;
    let mut looks = 0u32;
    loop {
        match shared.move_all(may_begin) {
            Ok(has_moved) => {
                (may_begin, pause) = (true, PAUSES.0);
                looks = if has_moved { LOOKS_FOR_MERGED } else { looks.saturating_sub(1) };
                let is_merging = looks > 0 && shared.segments.is_merging();
                let look = is_merging.then_some(LOOK_FOR_MERGED);
                if !shared.moving.next_turn(shared.time_to_expiry().into_iter().chain(look).min()) {
                    return;
                }
            }
            Err(fault) => {
                tracing::error!(%fault, "records cannot be moved out of the journal; it is tried again");
                shared.moving.failed(fault.to_string());
                if !shared.moving.pause(pause) {
                    return;
                }
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

impl Shared {
    /// Answers whether there was anything to move.
    fn move_all(&self, may_begin: bool) -> Result<bool, Fault> {
        let (batch, sequence) = self.front.lock().begin_move();
        let has_moved = !batch.is_empty();
        let now = self.clock.unix_millis();
        {
            let _counting = self.counting.write();
            self.segments.take(&batch, sequence, may_begin, now)?;
            self.segments.commit(&batch, sequence)?;
            let moved = self.front.lock().moving.take();
            drop(moved);
        }
        drop(batch);
        self.segments.retain(now)?;
        self.segments.free_merged()?;
        self.drop_files(sequence);
        self.moving.done(sequence);
        Ok(has_moved)
    }

    /// Drops the journal's files in which every record has been moved and no intent is open.
    fn drop_files(&self, moved: u64) {
        loop {
            let mut front = self.front.lock();
            let Some(file) = front.journal.oldest(moved) else { return };
            if front.intents.any_in(file.number) {
                if front.journal.sealed() <= FILES_KEPT_FOR_INTENTS {
                    return;
                }
                drop(front);
                if let Err(fault) = self.carry_over(file) {
                    tracing::error!(file = file.number, %fault, "a file of the journal is kept for its intents");
                    return;
                }
                continue;
            }
            front.journal.forget_oldest();
            let dir = front.journal.dir();
            drop(front);
            journal::remove(&dir, file);
        }
    }

    /// Writes the open intents of a file again, at the journal's end, and waits until they are on the disk there.
    fn carry_over(&self, file: SealedFile) -> Result<(), Fault> {
        let mut last = 0;
        loop {
            let mut front = self.front.lock();
            if !front.intents.any_in(file.number) {
                break;
            }
            last = front.carry_some(file)?;
        }
        self.sync.written();
        Ok(self.sync.wait_durable(last)?)
    }

    fn time_to_expiry(&self) -> Option<Duration> {
        let expiry = self.segments.next_expiry(self.clock.unix_millis())?;
        Some(Duration::from_millis(expiry).clamp(SHORTEST_SLEEP, LONGEST_SLEEP))
    }
}

impl Front {
    /// What is to be moved, and up to which sequence that is everything. What a failed attempt has begun comes first.
    fn begin_move(&mut self) -> (Arc<Overlay>, u64) {
        if let Some((batch, sequence)) = self.moving.clone().zip(self.moving_upto) {
            return (batch, sequence);
        }
        let batch = Arc::new(std::mem::take(&mut self.active));
        let sequence = self.journal.sequence();
        self.moving = Some(batch.clone());
        self.moving_upto = Some(sequence);
        (batch, sequence)
    }

    /// Writes some of the open intents of a file again; answers the sequence of the last one.
    fn carry_some(&mut self, file: SealedFile) -> Result<u64, Fault> {
        let dir = self.journal.dir();
        for (id, intent) in self.intents.in_file(file.number, CARRIED_AT_ONCE) {
            let text = journal::read_at(&dir, intent.position)?;
            let is_it = Entry::parse(&text).is_some_and(|entry| entry.sequence == intent.position.sequence);
            let body = decode_intent(payload_of(&text)).filter(|(of, _)| is_it && *of == id);
            let (_, body) = body.ok_or_else(|| format!("the intent of {id} cannot be read again"))?;
            let mut entry = accept_entry(id, body, intent.started).ok_or("an intent is too long")?;
            let position = self.journal.append(&mut entry)?;
            self.intents.accept(id, position);
        }
        Ok(self.journal.sequence())
    }
}
