//! Many calls at a time over the pipes of one launcher (RUN-16).
//!
//! A run is sent as `{"number":N,"value":..}`. What comes back are lines of a mark, the number, a blank and a text:
//!
//! | mark | text |
//! |---|---|
//! | `+`, `-` | the answer, as for one call at a time |
//! | `h`, `c` | a response in pieces, see [`pieces`] |
//! | `o`, `e` | a line that the call wrote to standard output or standard error (LOG-10) |
//!
//! One task reads them all and hands them to the calls they are for. It also empties the pipes of standard output and
//! standard error: what comes there was written past the launcher, by a child process or from native code, and goes to
//! the call whose logs are taken next.

use super::console::Console;
use super::journal::Journal;
use super::pipe::{CHUNK, chunk};
use super::wire::{self, Ends, Incoming};
use super::{SessionLimits, message, pieces};
use crate::logs::LINE_OVERHEAD;
use crate::{Answer, Flow, LogLine, LogStream, Logs, ResponseStream, RunRequest};
use base::clock::Clock;
use base::task::{OnPanic, spawn};
use bytes::Bytes;
use parking_lot::Mutex;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use types::ActivationId;

/// The most bytes before the text of a line: mark, number, blank.
const HEAD: usize = 22;

/// How many times what one call may log is kept of all calls together. What comes beyond is dropped, and its call told so.
const LOGS_AT_A_TIME: u64 = 8;

/// A launcher that many calls use.
#[derive(Debug)]
pub(super) struct Many {
    shared: Arc<Shared>,
    reader: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    command: AsyncFd<OwnedFd>,
    limits: SessionLimits,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Told when something could not be written at once.
    unwritten: Notify,
}

#[derive(Debug)]
struct State {
    /// The number of the next call.
    next: u64,
    /// Those whose logs were not taken yet.
    calls: BTreeMap<u64, Call>,
    /// What of the commands the pipe did not take yet: no more than the arguments of the calls that are under way.
    outgoing: Vec<u8>,
    console: Console,
    /// What the console wrote past the launcher.
    stray: Arc<Journal>,
    /// The activation that brought the code, and what was logged while it was loaded.
    first: Option<(ActivationId, Arc<Journal>)>,
    /// How much the journals of `calls` were given.
    logged: u64,
    /// Why nothing more can be said to the process.
    broken: Option<&'static str>,
}

#[derive(Debug)]
struct Call {
    activation: ActivationId,
    /// `None` once the answer has come.
    answer: Option<oneshot::Sender<Answer>>,
    journal: Arc<Journal>,
    /// What takes its response in pieces.
    stream: Option<Arc<dyn ResponseStream>>,
    logged: u64,
}

impl Many {
    /// Takes over pipes on which nothing is under way; `None` where they cannot be watched. `first`: what was logged while
    /// the code was loaded, and for whom.
    pub(super) fn start(
        ends: Ends,
        first: (ActivationId, Arc<Journal>),
        limits: SessionLimits,
        clock: Arc<dyn Clock>,
    ) -> Option<Many> {
        let (command, result, mut console) = ends.watched()?;
        let stray = Arc::new(Journal::new(limits.logs));
        console.write_to(stray.clone());
        console.watch();
        let (calls, outgoing) = (BTreeMap::new(), Vec::new());
        let first = Some(first);
        let state = State { next: 1, calls, outgoing, console, stray, first, logged: 0, broken: None };
        let unwritten = Notify::new();
        let shared = Arc::new(Shared { command, limits, clock, state: Mutex::new(state), unwritten });
        let reader = Reader { shared: shared.clone(), result };
        Some(Many { shared, reader: spawn("runtime", OnPanic::Log, reader.run()) })
    }

    /// See [`LineSession::run`](super::LineSession::run). A call that is dropped or takes too long leaves the others alone.
    pub(super) async fn run(&self, request: &RunRequest, limit: Duration) -> Answer {
        let (sender, receiver) = oneshot::channel();
        if let Err(reason) = self.shared.send(request, sender) {
            return wire::exited(reason);
        }
        match tokio::time::timeout(limit, receiver).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => wire::exited("nobody reads its result pipe"),
            Err(_) => Answer::TimedOut,
        }
    }

    /// Tells a call how its response goes on.
    pub(super) fn flow(&self, activation: ActivationId, flow: Flow) {
        let mut state = self.shared.state.lock();
        if let Some(number) = state.number_of(activation) {
            self.shared.send_bytes(&mut state, |bytes| message::write_flow(bytes, flow, Some(number)));
        }
    }

    /// Takes what a call logged, and what nobody can say whose it is.
    pub(super) fn take_logs(&self, activation: ActivationId) -> Logs {
        let mut state = self.shared.state.lock();
        let number = state.number_of(activation);
        let mut logs = match number.and_then(|number| state.calls.remove(&number)) {
            Some(call) => {
                state.logged -= call.logged;
                call.journal.take()
            }
            None => Logs::default(),
        };
        let stray = state.stray.take();
        // They have no place among the others, and lines that a follower was given must not move.
        let now = self.shared.clock.unix_nanos();
        logs.lines.extend(stray.lines.into_iter().map(|line| LogLine { unix_nanos: now, ..line }));
        logs.truncated |= stray.truncated;
        logs.incomplete |= stray.incomplete;
        logs
    }

    /// Where the lines of a call that is under way go.
    pub(super) fn journal(&self, activation: ActivationId) -> Option<Arc<Journal>> {
        let state = self.shared.state.lock();
        let call = state.calls.get(&state.number_of(activation)?)?;
        Some(call.journal.clone())
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Shared {
    fn send(&self, request: &RunRequest, answer: oneshot::Sender<Answer>) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        if let Some(reason) = state.broken {
            return Err(reason);
        }
        let activation = request.activation;
        let journal = match state.first.take_if(|(first, _)| *first == activation) {
            Some((_, journal)) => journal,
            None => Arc::new(Journal::new(self.limits.logs)),
        };
        journal.begin(activation);
        let number = state.next;
        state.next += 1;
        let stream = request.stream.clone();
        state.calls.insert(number, Call { activation, answer: Some(answer), journal, stream, logged: 0 });
        self.send_bytes(&mut state, |bytes| message::write_run(bytes, request, Some(number)));
        Ok(())
    }

    fn send_bytes(&self, state: &mut State, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut state.outgoing);
        self.write(&mut state.outgoing);
        if !state.outgoing.is_empty() {
            self.unwritten.notify_one();
        }
    }

    /// Writes as much as the pipe takes now.
    fn write(&self, outgoing: &mut Vec<u8>) {
        let mut written = 0;
        while written < outgoing.len() {
            match rustix::io::write(self.command.get_ref(), &outgoing[written..]) {
                Ok(length) => written += length,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // Nobody reads any more. The end of the result pipe says so too, and answers may still lie there.
                Err(_) => written = outgoing.len(),
            }
        }
        outgoing.drain(..written);
    }
}

impl State {
    fn number_of(&self, activation: ActivationId) -> Option<u64> {
        // As many as the container takes at a time, and the newest is the one that is wanted.
        self.calls.iter().rev().find(|(_, call)| call.activation == activation).map(|(number, _)| *number)
    }

    /// Takes a line apart and hands it to its call; what is no line of a launcher is dropped.
    fn hear(&mut self, line: &Bytes, cut_from: Option<u64>, limits: &SessionLimits, now: u64) {
        let Some((mark, number, start)) = head(line) else { return };
        let Some(call) = self.calls.get_mut(&number) else { return };
        let stream = match mark {
            b'+' | b'-' => {
                let Some(answer) = call.answer.take() else { return };
                let most = start + limits.line(0);
                let body = line.slice(start..line.len().min(most));
                let whole = cut_from.unwrap_or(line.len() as u64) - start as u64;
                let cut_from = (whole > body.len() as u64).then_some(whole);
                // Whoever gave the call up needs no answer.
                let _ = answer.send(Answer::Reply { ok: mark == b'+', body, cut_from });
                return;
            }
            b'o' => LogStream::Stdout,
            b'e' => LogStream::Stderr,
            mark => {
                if let Some(stream) = &call.stream {
                    pieces::take(&**stream, mark, line.slice(start..));
                }
                return;
            }
        };
        let text = &line[start..];
        if self.logged >= limits.logs.as_bytes().saturating_mul(LOGS_AT_A_TIME) {
            return call.journal.set_truncated();
        }
        let taken = text.len() as u64 + LINE_OVERHEAD;
        self.logged += taken;
        call.logged += taken;
        call.journal.line(stream, text, now);
        if cut_from.is_some() {
            call.journal.set_truncated();
        }
    }

    /// Ends every call that still waits.
    fn end(&mut self, reason: &'static str) {
        self.broken = Some(reason);
        for answer in self.calls.values_mut().filter_map(|call| call.answer.take()) {
            let _ = answer.send(wire::exited(reason));
        }
    }
}

/// Mark and number of a line, and where its text begins.
fn head(line: &[u8]) -> Option<(u8, u64, usize)> {
    let blank = memchr::memchr(b' ', line.get(..HEAD.min(line.len()))?)?;
    let number = std::str::from_utf8(line.get(1..blank)?).ok()?.parse().ok()?;
    Some((line[0], number, blank + 1))
}

/// Reads for all calls.
struct Reader {
    shared: Arc<Shared>,
    result: AsyncFd<OwnedFd>,
}

impl Reader {
    async fn run(self) {
        let shared = self.shared.clone();
        let mut incoming = Incoming::default();
        let reason = loop {
            tokio::select! {
                biased;
                reason = poll_fn(|cx| self.poll(cx, &mut incoming)) => break reason,
                // The next turn waits until the pipe has room.
                () = shared.unwritten.notified() => {}
            }
        };
        // What was logged before the end is of the calls that it ends.
        poll_fn(|cx| {
            shared.state.lock().console.drain(cx);
            Poll::Ready(())
        })
        .await;
        shared.state.lock().end(reason);
    }

    /// Gives the reason when there is nothing more to read.
    fn poll(&self, cx: &mut Context<'_>, incoming: &mut Incoming) -> Poll<&'static str> {
        let mut state = self.shared.state.lock();
        while !state.outgoing.is_empty() {
            let Poll::Ready(Ok(mut guard)) = self.shared.command.poll_write_ready(cx) else { break };
            self.shared.write(&mut state.outgoing);
            if !state.outgoing.is_empty() {
                guard.clear_ready();
            }
        }
        state.console.poll_fill(cx);
        let line_limit = self.shared.limits.line(HEAD);
        let mut chunk = chunk();
        loop {
            let Ok(mut guard) = ready!(self.result.poll_read_ready(cx)) else {
                return Poll::Ready(wire::UNREADABLE);
            };
            let piece = match rustix::io::read(self.result.get_ref(), &mut chunk) {
                Ok(([], _)) => return Poll::Ready(wire::CLOSED),
                Ok((piece, _)) => {
                    if piece.len() < CHUNK {
                        guard.clear_ready();
                    }
                    piece
                }
                Err(Errno::AGAIN) => {
                    guard.clear_ready();
                    continue;
                }
                Err(Errno::INTR) => continue,
                Err(_) => return Poll::Ready(wire::UNREADABLE),
            };
            // What was written past the launcher before an answer is in the pipes before it.
            state.console.drain(cx);
            let (mut rest, now) = (&*piece, self.shared.clock.unix_nanos());
            while !rest.is_empty() {
                if let Some(Answer::Reply { body, cut_from, .. }) = incoming.take_in(&mut rest, line_limit) {
                    state.hear(&body, cut_from, &self.shared.limits, now);
                }
            }
        }
    }
}
