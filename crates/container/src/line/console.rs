//! What a process writes to standard output and standard error, in bounded memory.

use super::wire::CHUNK;
use crate::logs::{self, LINE_OVERHEAD};
use crate::{LogLine, LogStream, Logs};
use base::clock::Clock;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;
use types::ByteSize;

/// How much of each stream is read at the end of a call at most: as much as the kernel lets an ordinary user's pipe
/// hold. What a process goes on writing without pause beyond that goes to the next call.
const DRAIN: usize = 1 << 20;

/// Both streams of one process.
#[derive(Debug)]
pub(super) struct Console {
    streams: [Stream; 2],
    kept: Kept,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Stream {
    name: LogStream,
    /// `None` once it has ended.
    pipe: Option<AsyncFd<OwnedFd>>,
    /// A line without its end.
    partial: Vec<u8>,
}

/// What is kept for the call under way.
#[derive(Debug)]
struct Kept {
    logs: Logs,
    /// How much may still come, counted as [`logs::cut`] does.
    room: u64,
    limit: u64,
}

/// What came of one read.
enum Read {
    /// There may be more.
    Full,
    /// The pipe is empty for now.
    Empty,
    /// The stream has ended.
    Ended,
}

impl Console {
    pub(super) fn new(
        stdout: AsyncFd<OwnedFd>,
        stderr: AsyncFd<OwnedFd>,
        limit: ByteSize,
        clock: Arc<dyn Clock>,
    ) -> Console {
        let stream = |name, pipe| Stream { name, pipe: Some(pipe), partial: Vec::new() };
        let limit = limit.as_bytes();
        Console {
            streams: [stream(LogStream::Stdout, stdout), stream(LogStream::Stderr, stderr)],
            kept: Kept { logs: Logs::default(), room: limit, limit },
            clock,
        }
    }

    /// Reads what there is, and sees to it that the task is woken when there is more.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, scratch: &mut Vec<u8>) {
        for stream in &mut self.streams {
            while let Some(pipe) = &stream.pipe {
                let Poll::Ready(ready) = pipe.poll_read_ready(cx) else {
                    break;
                };
                let outcome = self.kept.read(stream.name, pipe, &mut stream.partial, scratch, &*self.clock);
                match (outcome, ready) {
                    (Read::Full, Ok(_)) => {}
                    (Read::Empty, Ok(mut guard)) => guard.clear_ready(),
                    (Read::Ended, _) | (_, Err(_)) => stream.pipe = None,
                }
            }
        }
    }

    /// Reads what there is without waiting for word that there is something, and ends lines that have no end.
    ///
    /// That word may still be on its way when an answer has come, although the bytes were written before it. Where
    /// nothing was written this costs one vain read for each stream.
    pub(super) fn drain(&mut self, cx: &mut Context<'_>, scratch: &mut Vec<u8>) {
        for stream in &mut self.streams {
            for _ in 0..DRAIN / CHUNK {
                let Some(pipe) = &stream.pipe else {
                    break;
                };
                // Word that has come already is used up by this read; left alone it would make the next call look.
                if let Poll::Ready(Ok(mut guard)) = pipe.poll_read_ready(cx) {
                    guard.clear_ready();
                }
                match self.kept.read(stream.name, pipe, &mut stream.partial, scratch, &*self.clock) {
                    Read::Full => {}
                    Read::Empty => break,
                    Read::Ended => stream.pipe = None,
                }
            }
            if !stream.partial.is_empty() {
                self.kept.end_line(stream.name, &mut stream.partial, self.clock.unix_nanos());
            }
        }
    }

    /// Takes what was kept.
    pub(super) fn take(&mut self, limit: ByteSize) -> Logs {
        self.kept.room = self.kept.limit;
        let mut taken = std::mem::take(&mut self.kept.logs);
        logs::cut(&mut taken, limit);
        taken
    }
}

impl Kept {
    /// Reads once.
    fn read(
        &mut self,
        name: LogStream,
        pipe: &AsyncFd<OwnedFd>,
        partial: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
        clock: &dyn Clock,
    ) -> Read {
        scratch.clear();
        match rustix::io::read(pipe.get_ref(), spare_capacity(scratch)) {
            Ok(0) => Read::Ended,
            Ok(length) => {
                self.take_in(name, scratch, partial, clock.unix_nanos());
                if length < CHUNK { Read::Empty } else { Read::Full }
            }
            Err(Errno::AGAIN) => Read::Empty,
            Err(Errno::INTR) => Read::Full,
            Err(_) => {
                self.logs.incomplete = true;
                Read::Ended
            }
        }
    }

    /// Cuts a piece into lines; keeps what there is room for.
    fn take_in(&mut self, name: LogStream, mut piece: &[u8], partial: &mut Vec<u8>, now: u64) {
        while !piece.is_empty() {
            if self.room == 0 {
                self.logs.truncated = true;
                return;
            }
            let end = memchr::memchr(b'\n', piece);
            let text = &piece[..end.unwrap_or(piece.len())];
            if partial.is_empty() {
                self.room = self.room.saturating_sub(LINE_OVERHEAD);
            }
            let fitting = text.len().min(usize::try_from(self.room).unwrap_or(usize::MAX));
            self.room -= fitting as u64;
            partial.extend_from_slice(&text[..fitting]);
            if fitting < text.len() {
                self.logs.truncated = true;
            }
            let Some(end) = end else {
                return;
            };
            self.end_line(name, partial, now);
            piece = &piece[end + 1..];
        }
    }

    fn end_line(&mut self, stream: LogStream, partial: &mut Vec<u8>, now: u64) {
        let text = partial.strip_suffix(b"\r").unwrap_or(partial);
        let text = String::from_utf8_lossy(text).into_owned();
        self.logs.lines.push(LogLine { unix_nanos: now, stream, text });
        partial.clear();
        // A single very long line must not hold its memory for the life of the process.
        partial.shrink_to(CHUNK);
    }
}
