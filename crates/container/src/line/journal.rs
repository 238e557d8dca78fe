//! The lines of one call: written by whoever reads the pipes, read by whoever follows the call while it is under way.

use crate::logs::{self, LINE_OVERHEAD};
use crate::{LogLine, LogStream, Logs};
use parking_lot::Mutex;
use tokio::sync::Notify;
use types::{ActivationId, ByteSize};

use super::pipe::CHUNK;

/// How many bytes of lines a follower gets at a time, or one line that is longer.
const BATCH: ByteSize = ByteSize::bytes(64 << 10);

/// What is kept of what a call logs, in bounded memory.
#[derive(Debug)]
pub(super) struct Journal {
    kept: Mutex<Kept>,
    changed: Notify,
    limit: u64,
}

#[derive(Debug)]
struct Kept {
    /// The call; `None`: no call has begun that this could be of.
    activation: Option<ActivationId>,
    logs: Logs,
    /// How much may still come, counted as [`logs::cut`] does.
    room: u64,
}

impl Journal {
    pub(super) fn new(limit: ByteSize) -> Journal {
        let limit = limit.as_bytes();
        let kept = Kept { activation: None, logs: Logs::default(), room: limit };
        Journal { kept: Mutex::new(kept), changed: Notify::new(), limit }
    }

    /// Whose lines these are from now on. What has been written before counts as theirs.
    pub(super) fn begin(&self, activation: ActivationId) {
        self.kept.lock().activation = Some(activation);
    }

    /// Cuts a piece into lines; keeps what there is room for. What has no end yet stays in `partial`.
    pub(super) fn take_in(&self, stream: LogStream, mut piece: &[u8], partial: &mut Vec<u8>, now: u64) {
        let mut kept = self.kept.lock();
        while !piece.is_empty() {
            if kept.room == 0 {
                kept.logs.truncated = true;
                return;
            }
            let end = memchr::memchr(b'\n', piece);
            let text = &piece[..end.unwrap_or(piece.len())];
            if partial.is_empty() {
                kept.room = kept.room.saturating_sub(LINE_OVERHEAD);
            }
            let fitting = text.len().min(usize::try_from(kept.room).unwrap_or(usize::MAX));
            kept.room -= fitting as u64;
            partial.extend_from_slice(&text[..fitting]);
            if fitting < text.len() {
                kept.logs.truncated = true;
            }
            let Some(end) = end else {
                return;
            };
            kept.end_line(stream, partial, now);
            piece = &piece[end + 1..];
            self.changed.notify_waiters();
        }
    }

    /// Takes a whole line.
    pub(super) fn line(&self, stream: LogStream, text: &[u8], now: u64) {
        let mut kept = self.kept.lock();
        if kept.room == 0 {
            kept.logs.truncated = true;
            return;
        }
        kept.room = kept.room.saturating_sub(LINE_OVERHEAD);
        let fitting = text.len().min(usize::try_from(kept.room).unwrap_or(usize::MAX));
        kept.room -= fitting as u64;
        kept.logs.truncated |= fitting < text.len();
        kept.end_line(stream, &mut text[..fitting].to_vec(), now);
        drop(kept);
        self.changed.notify_waiters();
    }

    /// Ends a line that has no end.
    pub(super) fn end_line(&self, stream: LogStream, partial: &mut Vec<u8>, now: u64) {
        self.kept.lock().end_line(stream, partial, now);
        self.changed.notify_waiters();
    }

    /// Says that something may be missing.
    pub(super) fn set_incomplete(&self) {
        self.kept.lock().logs.incomplete = true;
    }

    /// Says that something was dropped.
    pub(super) fn set_truncated(&self) {
        self.kept.lock().logs.truncated = true;
    }

    /// Takes all that was kept; the call is over.
    pub(super) fn take(&self) -> Logs {
        let mut kept = self.kept.lock();
        kept.room = self.limit;
        kept.activation = None;
        let logs = std::mem::take(&mut kept.logs);
        drop(kept);
        self.changed.notify_waiters();
        logs
    }

    /// Waits for lines of that call behind the first `from`, and gives some of them. None: the call is over, or may not
    /// log more than `limit`, which is what it has.
    pub(super) async fn follow(
        &self,
        activation: ActivationId,
        from: usize,
        limit: ByteSize,
    ) -> Vec<LogLine> {
        loop {
            // Made before the lines are looked at, so that none is missed in between.
            let changed = self.changed.notified();
            {
                let kept = self.kept.lock();
                let lines = &kept.logs.lines;
                let within = logs::whole_lines(lines, limit);
                if kept.activation != Some(activation) || (from >= within && within < lines.len()) {
                    return Vec::new();
                }
                if from < within {
                    let some = logs::whole_lines(&lines[from..within], BATCH).max(1);
                    return lines[from..from + some].to_vec();
                }
            }
            changed.await;
        }
    }
}

impl Kept {
    fn end_line(&mut self, stream: LogStream, partial: &mut Vec<u8>, now: u64) {
        let text = partial.strip_suffix(b"\r").unwrap_or(partial);
        let text = String::from_utf8_lossy(text).into_owned();
        self.logs.lines.push(LogLine { unix_nanos: now, stream, text });
        partial.clear();
        // A single very long line must not hold its memory for the life of the process.
        partial.shrink_to(CHUNK);
    }
}
