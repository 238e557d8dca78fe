//! Drives a runtime over pipes, with one line of JSON each way (PROXY-05).
//!
//! A [`LineSession`] belongs to one process. A call writes one buffer, waits, and reads one line; it runs inside the
//! caller's own task, starts none, and never looks into the value that it passes on. When it has waited for some
//! milliseconds it begins to empty the pipes of standard output and standard error too, so that a function that floods
//! them is not held up, and keeps no more of that than logs may have. In a shorter call they are read with the answer.
//!
//! **Whose log lines.** Writes to a pipe take effect in their order. So when the answer has come, everything that the
//! function wrote before it lies in the pipes already: the session empties them once more and gives all of it to this
//! call, without any marker in the stream (LOG-01 is for containers whose logs are collected by somebody else). A
//! line that has no end yet is ended there. What is written between two calls goes to the next one, as upstream.
//!
//! **The wire.** To a launcher of ours: `{"init":{..}}`, then for each run `{"value":..,"activation_id":..}`; it
//! answers with `+` (success) or `-` (failure), JSON, and a line end. An executable that follows the ActionLoop
//! convention gets the same run lines and answers with JSON alone.
//!
//! **Many calls at a time** are for launchers of ours, and agreed on when the code is loaded (RUN-16). From then on
//! every run and every answer has a number, so that answers can overtake each other, and what a call logs comes as
//! numbered lines over the result pipe; see [`many`]. One call at a time stays as it is.
//!
//! **A response in pieces** comes as lines before the answer, where the request allows it; see [`pieces`].
//!
//! This module must not start or end processes: a process that ended is seen as the end of its result pipe.

mod console;
mod journal;
mod many;
mod message;
mod pieces;
mod pipe;
mod wire;

#[cfg(test)]
mod tests;

use crate::{Answer, Flow, LogLine, Logs, ResponseStream, RunRequest, logs};
use base::clock::Clock;
use bytes::Bytes;
use journal::Journal;
use many::Many;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;
use types::{ActivationId, ByteSize};
use wire::{Outbox, Wire};

pub use message::Init;

/// This server's ends of a runtime's pipes. They need not be in non-blocking mode yet.
#[derive(Debug)]
pub struct Pipes {
    /// Takes commands.
    pub command: OwnedFd,
    /// Gives answers.
    pub result: OwnedFd,
    /// The process's standard output.
    pub stdout: OwnedFd,
    /// The process's standard error.
    pub stderr: OwnedFd,
}

/// How the other side speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A launcher of ours.
    Launcher,
    /// An executable that was started with its code and answers with bare JSON (PROXY-04, PROXY-05).
    ActionLoop,
}

/// How much of what a runtime says is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Of an answer. The rest is counted and dropped (CLS-12).
    pub result: ByteSize,
    /// Of the log of one call. The rest is dropped (LOG-05).
    pub logs: ByteSize,
}

impl SessionLimits {
    /// How many bytes of a line are kept of which the first `mark` are not of the result.
    fn line(&self, mark: usize) -> usize {
        usize::try_from(self.result.as_bytes()).unwrap_or(usize::MAX).saturating_add(mark)
    }
}

/// The conversation with one runtime process.
#[derive(Debug)]
pub struct LineSession {
    dialect: Dialect,
    limits: SessionLimits,
    clock: Arc<dyn Clock>,
    /// Calls take turns: this wire has no numbers by which answers could overtake each other. `None`: its pipes have gone
    /// over to `many`.
    turns: tokio::sync::Mutex<Option<Wire>>,
    /// What the call whose turn it is logs.
    journal: Arc<Journal>,
    /// What is to be sent to the call whose turn it is.
    outbox: Outbox,
    /// Where many calls at a time were agreed on.
    many: OnceLock<Many>,
}

/// The error that upstream's ActionLoop proxy gives for a result that is neither object nor array (PROXY-04).
const NOT_A_DICTIONARY: &[u8] = br#"{"error":"The action did not return a dictionary or array."}"#;

impl LineSession {
    /// Takes over the pipes. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When a pipe cannot be watched.
    pub fn start(
        pipes: Pipes,
        dialect: Dialect,
        limits: SessionLimits,
        clock: Arc<dyn Clock>,
    ) -> io::Result<LineSession> {
        let mark = match dialect {
            Dialect::Launcher => 1,
            Dialect::ActionLoop => 0,
        };
        let journal = Arc::new(Journal::new(limits.logs));
        let wire = Wire::new(pipes, mark, limits, journal.clone(), clock.clone())?;
        let turns = tokio::sync::Mutex::new(Some(wire));
        let outbox = Outbox::default();
        Ok(LineSession { dialect, limits, clock, turns, journal, outbox, many: OnceLock::new() })
    }

    /// Hands over the code and waits until it was loaded, at most `limit`.
    ///
    /// An ActionLoop executable has its code already. It says that it is ready only where its environment asks for
    /// that with `__OW_WAIT_FOR_ACK`; otherwise it counts as loaded.
    pub async fn init(&self, init: &Init<'_>, limit: Duration) -> Answer {
        let mut turn = self.turns.lock().await;
        let Some(wire) = &mut *turn else { return wire::exited(LOADED_TWICE) };
        self.journal.begin(init.activation);
        let answer = match self.dialect {
            Dialect::Launcher => {
                message::write_init(wire.outgoing(), init);
                said(wire.call(limit).await)
            }
            Dialect::ActionLoop if init.waits_for_ack() => wire.call(limit).await,
            Dialect::ActionLoop => {
                Answer::Reply { ok: true, body: Bytes::from_static(br#"{"ok":true}"#), cut_from: None }
            }
        };
        let agreed = init.concurrency > 1 && self.dialect == Dialect::Launcher;
        if agreed && matches!(answer, Answer::Reply { ok: true, .. }) {
            let first = (init.activation, self.journal.clone());
            let ends = turn.take().map(Wire::into_ends);
            let many = ends.and_then(|ends| Many::start(ends, first, self.limits, self.clock.clone()));
            // The pipes can be taken only once.
            match many {
                Some(many) => drop(self.many.set(many)),
                None => return wire::exited("its pipes cannot be watched"),
            }
        }
        answer
    }

    /// Runs the code once, at most `limit`.
    ///
    /// When this future is dropped before it is done the session is of no use any more: each later call answers
    /// [`Answer::Exited`], and the process is to be ended.
    pub async fn run(&self, request: &RunRequest, limit: Duration) -> Answer {
        if let Some(many) = self.many.get() {
            return many.run(request, limit).await;
        }
        let mut turn = self.turns.lock().await;
        let Some(wire) = &mut *turn else { return wire::exited(LOADED_TWICE) };
        self.journal.begin(request.activation);
        match self.dialect {
            Dialect::Launcher => {
                wire.set_run(request);
                match &request.stream {
                    None => said(wire.call(limit).await),
                    Some(stream) => {
                        self.outbox.clear();
                        let until = Instant::now() + limit;
                        let mut line = wire.call(limit).await;
                        while is_piece(&**stream, &line) {
                            line = wire.go_on(until, &self.outbox).await;
                        }
                        said(line)
                    }
                }
            }
            Dialect::ActionLoop => {
                // Whatever it wrote unasked must not pass for the answer.
                wire.discard_results();
                wire.set_run(request);
                checked(wire.call(limit).await)
            }
        }
    }

    /// See [`Container::flow`](crate::Container::flow).
    pub fn flow(&self, activation: ActivationId, flow: Flow) {
        match self.many.get() {
            Some(many) => many.flow(activation, flow),
            None => self.outbox.write(|bytes| message::write_flow(bytes, flow, None)),
        }
    }

    /// Takes what that call logged, at most `limit` of it. After one that was given up, that is all there is by now.
    pub async fn logs(&self, activation: ActivationId, limit: ByteSize) -> Logs {
        let mut taken = match self.many.get() {
            Some(many) => many.take_logs(activation),
            None => {
                if let Some(wire) = &mut *self.turns.lock().await {
                    wire.settle().await;
                }
                self.journal.take()
            }
        };
        logs::cut(&mut taken, limit);
        taken
    }

    /// Waits for what that call logs behind its first `from` lines; see [`Container::follow`](crate::Container::follow).
    pub async fn follow(&self, activation: ActivationId, from: usize, limit: ByteSize) -> Vec<LogLine> {
        let journal = match self.many.get() {
            Some(many) => many.journal(activation),
            None => Some(self.journal.clone()),
        };
        match journal {
            Some(journal) => journal.follow(activation, from, limit).await,
            None => Vec::new(),
        }
    }
}

/// What is said of a call on pipes that have gone over to many calls at a time, which only a second `init` could be.
const LOADED_TWICE: &str = "has its code already";

/// Whether a line is a piece of a response, which it hands on then.
fn is_piece(stream: &dyn ResponseStream, line: &Answer) -> bool {
    let Answer::Reply { body, .. } = line else { return false };
    body.first().is_some_and(|mark| pieces::take(stream, *mark, body.slice(1..)))
}

/// Reads a launcher's first byte, which says whether the call succeeded. A line without it is passed on as a failure
/// with all that it says.
fn said(answer: Answer) -> Answer {
    let Answer::Reply { body, cut_from, .. } = answer else {
        return answer;
    };
    let ok = match body.first() {
        Some(b'+') => true,
        Some(b'-') => false,
        Some(_) | None => return Answer::Reply { ok: false, body, cut_from },
    };
    // The mark is none of the result.
    Answer::Reply { ok, body: body.slice(1..), cut_from: cut_from.map(|length| length - 1) }
}

/// Does what upstream's proxy does with the line of an ActionLoop executable: objects and arrays pass.
fn checked(answer: Answer) -> Answer {
    use types::json::Shape;
    if let Answer::Reply { body, cut_from: None, .. } = &answer {
        let shape = std::str::from_utf8(body).ok().and_then(types::json::shape);
        if !matches!(shape, Some(Shape::Object { .. } | Shape::Array)) {
            return Answer::Reply { ok: false, body: Bytes::from_static(NOT_A_DICTIONARY), cut_from: None };
        }
    }
    answer
}
