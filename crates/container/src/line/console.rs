//! What a process writes to standard output and standard error, in bounded memory.

use super::journal::Journal;
use super::pipe::{CHUNK, Pipe, chunk};
use crate::LogStream;
use base::clock::Clock;
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::Interest;

/// How much of each stream is read at the end of a call at most: as much as the kernel lets an ordinary user's pipe
/// hold. What a process goes on writing without pause beyond that goes to the next call.
const DRAIN: usize = 1 << 20;

/// Both streams of one process.
///
/// Who is woken for every line that a function writes wakes too often: after a short call there is time enough to read them.
/// So the pipes are watched only when that is asked for. Unwatched they hold what was written until they are drained, or
/// full.
#[derive(Debug)]
pub(super) struct Console {
    streams: [Stream; 2],
    /// Where the lines go.
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Stream {
    name: LogStream,
    /// `None` once it has ended.
    pipe: Option<Pipe>,
    /// A line without its end.
    partial: Vec<u8>,
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
    /// Takes pipes that never make a read wait; they are not watched yet.
    pub(super) fn new(
        stdout: OwnedFd,
        stderr: OwnedFd,
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
    ) -> Console {
        let stream = |name, pipe| Stream { name, pipe: Some(Pipe::Unwatched(pipe)), partial: Vec::new() };
        let streams = [stream(LogStream::Stdout, stdout), stream(LogStream::Stderr, stderr)];
        Console { streams, journal, clock }
    }

    /// Has lines go somewhere else from now on.
    pub(super) fn write_to(&mut self, journal: Arc<Journal>) {
        self.journal = journal;
    }

    /// From now on [`Console::poll_fill`] is told when there is something.
    pub(super) fn watch(&mut self) {
        for stream in &mut self.streams {
            stream.pipe = stream.pipe.take().map(|pipe| pipe.watched(Interest::READABLE));
        }
    }

    pub(super) fn unwatch(&mut self) {
        for stream in &mut self.streams {
            stream.pipe = stream.pipe.take().map(Pipe::unwatched);
        }
    }

    /// Where the pipes are watched, reads what there is, and sees to it that the task is woken when there is more.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) {
        for stream in &mut self.streams {
            while let Some(Pipe::Watched(pipe)) = &stream.pipe {
                let Poll::Ready(ready) = pipe.poll_read_ready(cx) else {
                    break;
                };
                let (name, partial) = (stream.name, &mut stream.partial);
                let outcome = read(&self.journal, name, pipe.as_fd(), partial, &*self.clock);
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
    pub(super) fn drain(&mut self, cx: &mut Context<'_>) {
        for stream in &mut self.streams {
            for _ in 0..DRAIN / CHUNK {
                let Some(pipe) = &stream.pipe else {
                    break;
                };
                // Word that has come already is used up by this read; left alone it would make the next call look.
                if let Pipe::Watched(pipe) = pipe
                    && let Poll::Ready(Ok(mut guard)) = pipe.poll_read_ready(cx)
                {
                    guard.clear_ready();
                }
                let (name, partial) = (stream.name, &mut stream.partial);
                match read(&self.journal, name, pipe.as_fd(), partial, &*self.clock) {
                    Read::Full => {}
                    Read::Empty => break,
                    Read::Ended => stream.pipe = None,
                }
            }
            if !stream.partial.is_empty() {
                self.journal.end_line(stream.name, &mut stream.partial, self.clock.unix_nanos());
            }
        }
    }
}

/// Reads once.
fn read(
    journal: &Journal,
    name: LogStream,
    pipe: BorrowedFd<'_>,
    partial: &mut Vec<u8>,
    clock: &dyn Clock,
) -> Read {
    let mut chunk = chunk();
    match rustix::io::read(pipe, &mut chunk) {
        Ok(([], _)) => Read::Ended,
        Ok((piece, _)) => {
            journal.take_in(name, piece, partial, clock.unix_nanos());
            if piece.len() < CHUNK { Read::Empty } else { Read::Full }
        }
        Err(Errno::AGAIN) => Read::Empty,
        Err(Errno::INTR) => Read::Full,
        Err(_) => {
            journal.set_incomplete();
            Read::Ended
        }
    }
}
