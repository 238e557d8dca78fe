//! Drives a runtime over pipes, with one line of JSON each way (PROXY-05).
//!
//! A [`LineSession`] belongs to one process. A call writes one buffer, waits, and reads one line; it runs inside the
//! caller's own task, starts none, and never looks into the value that it passes on. While it waits it also empties
//! the pipes of standard output and standard error, so that a function that floods them is never held up, and keeps
//! no more of that than logs may have.
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
//! This module must not start or end processes: a process that ended is seen as the end of its result pipe.

mod console;
mod message;
mod wire;

#[cfg(test)]
mod tests;

use crate::{Answer, Logs, RunRequest};
use base::clock::Clock;
use bytes::Bytes;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use types::ByteSize;

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

/// The conversation with one runtime process.
#[derive(Debug)]
pub struct LineSession {
    dialect: Dialect,
    /// Calls take turns: the wire has no numbers by which answers could overtake each other.
    wire: tokio::sync::Mutex<wire::Wire>,
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
        let wire = wire::Wire::new(pipes, mark, limits, clock)?;
        Ok(LineSession { dialect, wire: tokio::sync::Mutex::new(wire) })
    }

    /// Hands over the code and waits until it was loaded, at most `limit`.
    ///
    /// An ActionLoop executable has its code already. It says that it is ready only where its environment asks for
    /// that with `__OW_WAIT_FOR_ACK`; otherwise it counts as loaded.
    pub async fn init(&self, init: &Init<'_>, limit: Duration) -> Answer {
        let mut wire = self.wire.lock().await;
        match self.dialect {
            Dialect::Launcher => {
                message::write_init(wire.outgoing(), init);
                said(wire.call(limit).await)
            }
            Dialect::ActionLoop if init.waits_for_ack() => wire.call(limit).await,
            Dialect::ActionLoop => {
                Answer::Reply { ok: true, body: Bytes::from_static(br#"{"ok":true}"#), cut_from: None }
            }
        }
    }

    /// Runs the code once, at most `limit`.
    ///
    /// When this future is dropped before it is done the session is of no use any more: each later call answers
    /// [`Answer::Exited`], and the process is to be ended.
    pub async fn run(&self, request: &RunRequest, limit: Duration) -> Answer {
        let mut wire = self.wire.lock().await;
        match self.dialect {
            Dialect::Launcher => {
                message::write_run(wire.outgoing(), request);
                said(wire.call(limit).await)
            }
            Dialect::ActionLoop => {
                // Whatever it wrote unasked must not pass for the answer.
                wire.discard_results();
                message::write_run(wire.outgoing(), request);
                checked(wire.call(limit).await)
            }
        }
    }

    /// Takes what was logged up to the end of the last call, at most `limit` of it. After a call that was given up,
    /// that is all there is by now.
    pub async fn logs(&self, limit: ByteSize) -> Logs {
        self.wire.lock().await.take_logs(limit).await
    }
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
        let shape = std::str::from_utf8(body).ok().and_then(|text| types::json::shape(text).ok());
        if !matches!(shape, Some(Shape::Object { .. } | Shape::Array)) {
            return Answer::Reply { ok: false, body: Bytes::from_static(NOT_A_DICTIONARY), cut_from: None };
        }
    }
    answer
}
