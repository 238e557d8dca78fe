//! What a process writes to standard output and standard error, in bounded memory.

use super::journal::Journal;
use super::wire::CHUNK;
use crate::LogStream;
use base::clock::Clock;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;

/// How much of each stream is read at the end of a call at most: as much as the kernel lets an ordinary user's pipe
/// hold. What a process goes on writing without pause beyond that goes to the next call.
const DRAIN: usize = 1 << 20;

/// Both streams of one process.
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
    pipe: Option<AsyncFd<OwnedFd>>,
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
    pub(super) fn new(
        stdout: AsyncFd<OwnedFd>,
        stderr: AsyncFd<OwnedFd>,
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
    ) -> Console {
        let stream = |name, pipe| Stream { name, pipe: Some(pipe), partial: Vec::new() };
        let streams = [stream(LogStream::Stdout, stdout), stream(LogStream::Stderr, stderr)];
        Console { streams, journal, clock }
    }

    /// Has lines go somewhere else from now on.
    pub(super) fn write_to(&mut self, journal: Arc<Journal>) {
        self.journal = journal;
    }

    /// Reads what there is, and sees to it that the task is woken when there is more.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, scratch: &mut Vec<u8>) {
        for stream in &mut self.streams {
            while let Some(pipe) = &stream.pipe {
                let Poll::Ready(ready) = pipe.poll_read_ready(cx) else {
                    break;
                };
                let outcome =
                    read(&self.journal, stream.name, pipe, &mut stream.partial, scratch, &*self.clock);
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
                match read(&self.journal, stream.name, pipe, &mut stream.partial, scratch, &*self.clock) {
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
    pipe: &AsyncFd<OwnedFd>,
    partial: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    clock: &dyn Clock,
) -> Read {
    scratch.clear();
    match rustix::io::read(pipe.get_ref(), spare_capacity(scratch)) {
        Ok(0) => Read::Ended,
        Ok(length) => {
            journal.take_in(name, scratch, partial, clock.unix_nanos());
            if length < CHUNK { Read::Empty } else { Read::Full }
        }
        Err(Errno::AGAIN) => Read::Empty,
        Err(Errno::INTR) => Read::Full,
        Err(_) => {
            journal.set_incomplete();
            Read::Ended
        }
    }
}
