//! One call over the pipes: a buffer out, a line in, and the console kept empty meanwhile.

use super::console::Console;
use super::journal::Journal;
use super::pipe::{CHUNK, Pipe, chunk, watched};
use super::{Pipes, SessionLimits, message};
use crate::{Answer, RunRequest};
use base::clock::Clock;
use bytes::Bytes;
use parking_lot::Mutex;
use rustix::buffer::spare_capacity;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::error::Elapsed;
use types::json::Raw;

/// The greatest command buffer that is kept for the next call.
const KEPT_COMMAND: usize = 64 << 10;

thread_local! {
    /// An empty buffer for the next command of any process. Most commands are written at once, and a process that rests
    /// need not hold the memory of its last one.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What a pipe holds as it is made.
const NARROW: usize = 64 << 10;

/// What a pipe is to hold once a line did not fit into one: as much as the kernel lets an ordinary user's hold. The memory
/// is taken as it is filled.
const WIDE: usize = 1 << 20;

/// The console is watched in calls that take longer, for those who follow it, and for functions that fill it. The next
/// short call ends that.
const CONSOLE_WATCHED_AFTER: Duration = Duration::from_millis(2);

/// The pipes and what is under way on them.
#[derive(Debug)]
pub(super) struct Wire {
    ends: Ends,
    /// How much of a line is kept.
    line_limit: usize,
    /// What is left of the command, and how much of that was written.
    outgoing: Vec<u8>,
    /// A great value that is a part of the command too, and where in it: it is not copied.
    great: Option<(usize, Raw)>,
    written: usize,
    incoming: Incoming,
    /// What came behind a line: more lines of a response that comes in pieces.
    rest: Vec<u8>,
    /// Which pipes were made to hold more.
    widened: Widened,
    /// Why nothing more can be said to the process.
    broken: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Widened {
    command: bool,
    result: bool,
}

/// This server's ends of the pipes.
#[derive(Debug)]
pub(super) struct Ends {
    /// Watched once a command did not fit into it. There always is one.
    command: Option<Pipe>,
    pub(super) result: AsyncFd<OwnedFd>,
    pub(super) console: Console,
}

impl Ends {
    /// From now on somebody may wait for room in the pipe of commands.
    fn watch_command(&mut self) {
        self.command = self.command.take().map(|pipe| pipe.watched(Interest::WRITABLE));
    }

    /// All of them watched, but for the console; `None` where that cannot be.
    pub(super) fn watched(mut self) -> Option<(AsyncFd<OwnedFd>, AsyncFd<OwnedFd>, Console)> {
        self.watch_command();
        match self.command {
            Some(Pipe::Watched(command)) => Some((command, self.result, self.console)),
            Some(Pipe::Unwatched(_)) | None => None,
        }
    }
}

/// The line that is being read.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Its first bytes, at most the limit.
    kept: Vec<u8>,
    /// How long it is so far.
    length: u64,
}

const GIVEN_UP: &str = "the call before was given up";
pub(super) const CLOSED: &str = "closed its result pipe";
pub(super) const UNREADABLE: &str = "its result pipe cannot be read";

impl Wire {
    /// `mark` bytes of a line are not of the result.
    pub(super) fn new(
        pipes: Pipes,
        mark: usize,
        limits: SessionLimits,
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Wire> {
        for pipe in [&pipes.command, &pipes.result, &pipes.stdout, &pipes.stderr] {
            fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
        }
        Ok(Wire {
            ends: Ends {
                command: Some(Pipe::Unwatched(pipes.command)),
                result: watched(pipes.result, Interest::READABLE)?,
                console: Console::new(pipes.stdout, pipes.stderr, journal, clock),
            },
            line_limit: limits.line(mark),
            outgoing: Vec::new(),
            great: None,
            written: 0,
            incoming: Incoming::default(),
            rest: Vec::new(),
            widened: Widened::default(),
            broken: None,
        })
    }

    /// The empty buffer for the next command.
    pub(super) fn outgoing(&mut self) -> &mut Vec<u8> {
        if self.outgoing.capacity() == 0 {
            self.outgoing = SPARE.take();
        }
        self.outgoing.clear();
        self.great = None;
        &mut self.outgoing
    }

    /// Makes the line of a run the next command.
    pub(super) fn set_run(&mut self, request: &RunRequest) {
        let outgoing = self.outgoing();
        if request.value.len() <= NARROW {
            return message::write_run(outgoing, request, None);
        }
        message::write_before_value(outgoing, None);
        let at = outgoing.len();
        message::write_behind_value(outgoing, request);
        self.great = Some((at, request.value.clone()));
    }

    /// How long the command is.
    fn command_length(&self) -> usize {
        self.outgoing.len() + self.great.as_ref().map_or(0, |(_, value)| value.len())
    }

    /// Writes some of what is left of the command.
    fn write(&self, pipe: impl AsFd) -> Result<usize, Errno> {
        let Some((at, value)) = &self.great else {
            return rustix::io::write(pipe, &self.outgoing[self.written..]);
        };
        let (before, behind) = self.outgoing.split_at(*at);
        let mut written = self.written;
        let left = [before, value.as_bytes(), behind].map(|part| {
            let done = written.min(part.len());
            written -= done;
            IoSlice::new(&part[done..])
        });
        rustix::io::writev(pipe, &left)
    }

    /// Sends what stands in [`Wire::outgoing`] and waits for a line, at most `limit`. All that was logged by then is
    /// in the console afterwards.
    pub(super) async fn call(&mut self, limit: Duration) -> Answer {
        if let Some(reason) = self.broken {
            return exited(reason);
        }
        // Holds until the call is done, so that one that is dropped half-way leaves the wire so.
        self.broken = Some(GIVEN_UP);
        self.written = 0;
        self.incoming = Incoming::default();
        self.rest.clear();
        if self.command_length() > NARROW {
            widen(&mut self.widened.command, self.ends.command.as_ref());
        }
        let soon = CONSOLE_WATCHED_AFTER.min(limit);
        let mut answer = tokio::time::timeout(soon, poll_fn(|cx| self.poll_call(cx))).await;
        if answer.is_ok() {
            self.ends.console.unwatch();
        } else {
            self.ends.console.watch();
            answer = tokio::time::timeout(limit - soon, poll_fn(|cx| self.poll_call(cx))).await;
        }
        self.drain_console().await;
        self.settled(answer)
    }

    /// Waits for another line of the same call, until then, and meanwhile sends what comes for it.
    pub(super) async fn go_on(&mut self, until: Instant, outbox: &Outbox) -> Answer {
        self.broken = Some(GIVEN_UP);
        self.ends.console.watch();
        let answer = loop {
            tokio::select! {
                biased;
                () = outbox.filled.notified() => self.outgoing.append(&mut outbox.bytes.lock()),
                answer = tokio::time::timeout_at(until, poll_fn(|cx| self.poll_call(cx))) => break answer,
            }
        };
        self.drain_console().await;
        self.settled(answer)
    }

    fn settled(&mut self, answer: Result<Result<Answer, &'static str>, Elapsed>) -> Answer {
        match answer {
            Ok(Ok(answer)) => {
                self.broken = None;
                answer
            }
            Ok(Err(reason)) => {
                self.broken = Some(reason);
                exited(reason)
            }
            Err(_) => Answer::TimedOut,
        }
    }

    /// Throws away what has come on the result pipe without having been asked for.
    pub(super) fn discard_results(&mut self) {
        // A flood is cut off here; what is left of it will fail as an answer.
        const MOST: usize = 16;
        let mut chunk = chunk();
        for _ in 0..MOST {
            match rustix::io::read(self.ends.result.get_ref(), &mut chunk) {
                Ok((piece, _)) if piece.len() == CHUNK => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Sees to it that all that was logged is in the journal.
    pub(super) async fn settle(&mut self) {
        if self.broken.is_some() {
            // A call that was dropped half-way did not get to this.
            self.drain_console().await;
        }
    }

    /// The bytes of its buffers.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.command_length()
            + self.outgoing.capacity()
            + self.incoming.kept.capacity()
            + self.rest.capacity()
    }

    /// Gives the pipes away, to be used in another manner.
    pub(super) fn into_ends(self) -> Ends {
        self.ends
    }

    /// Never waits; it is asynchronous only to be told by whom it is called.
    async fn drain_console(&mut self) {
        poll_fn(|cx| {
            self.ends.console.drain(cx);
            Poll::Ready(())
        })
        .await;
    }

    fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, &'static str>> {
        // The order matters for the usual call: one write, no read before the pipe is known to have something.
        let _ = self.poll_write(cx);
        if let Poll::Ready(answer) = self.poll_answer(cx) {
            return Poll::Ready(answer);
        }
        self.ends.console.poll_fill(cx);
        Poll::Pending
    }

    /// Writes as much of the command as the pipe takes. A runtime may well answer, or log, before it has read all.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // The first attempt needs no word from the kernel that there is room: there nearly always is.
        let mut hopeful = self.written == 0;
        while self.written < self.command_length() {
            if !hopeful {
                self.ends.watch_command();
            }
            let Some(pipe) = &self.ends.command else { return Poll::Ready(()) };
            let guard = match pipe {
                Pipe::Watched(pipe) if !hopeful => match ready!(pipe.poll_write_ready(cx)) {
                    Ok(guard) => Some(guard),
                    Err(_) => return Poll::Ready(()),
                },
                Pipe::Unwatched(_) if !hopeful => return Poll::Ready(()),
                Pipe::Watched(_) | Pipe::Unwatched(_) => None,
            };
            hopeful = false;
            match self.write(pipe) {
                Ok(length) => self.written += length,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if let Some(mut guard) = guard {
                        guard.clear_ready();
                    }
                }
                // Nobody reads any more. The end of the result pipe says so too, and an answer may still lie there.
                Err(_) => self.written = self.command_length(),
            }
        }
        if self.written > 0 {
            self.written = 0;
            self.great = None;
            let mut spare = std::mem::take(&mut self.outgoing);
            if spare.capacity() <= KEPT_COMMAND {
                spare.clear();
                SPARE.set(spare);
            }
        }
        Poll::Ready(())
    }

    /// Reads until a line is whole.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, &'static str>> {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            if let Some(answer) = self.take_in(&rest) {
                return Poll::Ready(Ok(answer));
            }
        }
        let mut chunk = chunk();
        loop {
            let Ok(mut guard) = ready!(self.ends.result.poll_read_ready(cx)) else {
                return Poll::Ready(Err(UNREADABLE));
            };
            let result = self.ends.result.get_ref();
            let long = self.incoming.make_room(self.line_limit);
            let (read, room) = if long {
                let kept = &mut self.incoming.kept;
                let room = kept.capacity() - kept.len();
                (rustix::io::read(result, spare_capacity(kept)).map(|length| (length, &[][..])), room)
            } else {
                (rustix::io::read(result, &mut chunk).map(|(piece, _)| (piece.len(), &*piece)), CHUNK)
            };
            match read {
                Ok((0, _)) => return Poll::Ready(Err(CLOSED)),
                Ok((length, piece)) => {
                    // A read that filled less than there was room for has emptied the pipe. The next event says when
                    // there is more, so no further read is needed to find that out.
                    if length < room {
                        guard.clear_ready();
                    }
                    let answer = if long {
                        if length >= NARROW {
                            widen(&mut self.widened.result, Some(result));
                        }
                        self.incoming.take_in_place(length, self.line_limit, &mut self.rest)
                    } else {
                        self.take_in(piece)
                    };
                    if let Some(answer) = answer {
                        return Poll::Ready(Ok(answer));
                    }
                }
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR) => {}
                Err(_) => return Poll::Ready(Err(UNREADABLE)),
            }
        }
    }
}

impl Wire {
    /// Takes a piece; gives the line if it ends in it, and keeps what stands behind it.
    fn take_in(&mut self, mut piece: &[u8]) -> Option<Answer> {
        let answer = self.incoming.take_in(&mut piece, self.line_limit);
        self.rest.extend_from_slice(piece);
        answer
    }
}

/// What is to be sent while a call is under way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Mutex<Vec<u8>>,
    filled: Notify,
}

impl Outbox {
    pub(super) fn write(&self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes.lock());
        self.filled.notify_one();
    }

    /// What came for the call before is not for the next one.
    pub(super) fn clear(&self) {
        self.bytes.lock().clear();
    }
}

impl Incoming {
    /// Takes from a piece what is of the line; gives the line when this was its last. What stands behind the line end
    /// is left in the piece.
    pub(super) fn take_in(&mut self, piece: &mut &[u8], limit: usize) -> Option<Answer> {
        let end = memchr::memchr(b'\n', piece);
        let text = &piece[..end.unwrap_or(piece.len())];
        self.length += text.len() as u64;
        let room = limit.saturating_sub(self.kept.len());
        let taken = &text[..text.len().min(room)];
        let Some(end) = end else {
            self.kept.extend_from_slice(taken);
            *piece = &[];
            return None;
        };
        let body = if self.kept.is_empty() {
            Bytes::copy_from_slice(taken)
        } else {
            self.kept.extend_from_slice(taken);
            Bytes::from(std::mem::take(&mut self.kept))
        };
        *piece = &piece[end + 1..];
        Some(self.whole(body))
    }

    /// Makes room for reading straight into the line, where it has shown to be a long one and more of it is kept.
    fn make_room(&mut self, limit: usize) -> bool {
        // Few steps, because each copies what there is; none beyond the limit.
        const GROWTH: usize = 16;
        let length = self.kept.len();
        if length < CHUNK || length >= limit {
            return false;
        }
        if self.kept.capacity() - length < NARROW {
            // One more than the limit, for the line end.
            self.kept.reserve_exact((length * GROWTH).max(NARROW).min(limit - length + 1));
        }
        true
    }

    /// Takes what was read behind the line, as [`Incoming::take_in`] does; what stands behind the line end goes to `rest`.
    fn take_in_place(&mut self, read: usize, limit: usize, rest: &mut Vec<u8>) -> Option<Answer> {
        let before = self.kept.len() - read;
        let end = memchr::memchr(b'\n', &self.kept[before..]);
        self.length += end.unwrap_or(read) as u64;
        if let Some(end) = end {
            rest.extend_from_slice(&self.kept[before + end + 1..]);
            self.kept.truncate(before + end);
        }
        self.kept.truncate(limit);
        end?;
        let mut kept = std::mem::take(&mut self.kept);
        if kept.len() < kept.capacity() / 2 {
            // What is kept of a result shall not take much more memory than it is long.
            kept.shrink_to_fit();
        }
        Some(self.whole(Bytes::from(kept)))
    }

    fn whole(&mut self, body: Bytes) -> Answer {
        let length = std::mem::take(&mut self.length);
        let cut_from = (length > body.len() as u64).then_some(length);
        Answer::Reply { ok: true, body, cut_from }
    }
}

/// Lets a pipe hold more, once. Where the kernel does not want to, lines take more steps.
fn widen(done: &mut bool, pipe: Option<impl AsFd>) {
    if let Some(pipe) = pipe.filter(|_| !std::mem::replace(done, true)) {
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, WIDE);
    }
}

pub(super) fn exited(reason: &str) -> Answer {
    Answer::Exited { detail: reason.to_owned() }
}
