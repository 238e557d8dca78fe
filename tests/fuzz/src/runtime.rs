//! What runtimes answer.

use base::clock::TestClock;
use bytes::Bytes;
use container::classify::{self, AnswerLimits, Outcome};
use container::line::{Dialect, LineSession, Pipes, SessionLimits};
use container::{Answer, RunRequest};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::Duration;
use types::{ActivationId, ByteSize, StatusCode};

/// Whose call it is.
const ACTIVATION: ActivationId = ActivationId::from_bits(1);

/// The greatest result here; small, so that cut answers are common.
const PAYLOAD: u64 = 64;

const LIMITS: AnswerLimits = AnswerLimits {
    timeout: Duration::from_secs(60),
    payload: ByteSize::bytes(PAYLOAD),
    truncation: ByteSize::bytes(16),
};

/// What an answer means, be it cut or whole, a success or not. The first byte says which.
pub fn classify(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let cut_from = (first & 2 != 0).then_some(body.len() as u64 + u64::from(*first));
    let answer = Answer::Reply { ok: first & 1 != 0, body: Bytes::copy_from_slice(body), cut_from };
    holds(&classify::run(&answer, Duration::ZERO, &LIMITS));
    if let Err(outcome) = classify::init(&answer, Duration::ZERO, &LIMITS) {
        holds(&outcome);
        assert_eq!(outcome.response.status, StatusCode::DeveloperError);
    }
}

/// A result is an object or an array, and one that failed says why.
fn holds(outcome: &Outcome) {
    let result = outcome.response.result.as_ref().expect("every answer has a result").get();
    let shape = types::json::shape(result).expect("a result is JSON");
    let failed = outcome.response.status != StatusCode::Success;
    match shape {
        types::json::Shape::Object { has_error } => assert_eq!(has_error, failed, "{result}"),
        types::json::Shape::Array => assert!(!failed, "{result}"),
        types::json::Shape::Scalar => panic!("{result}"),
    }
}

/// What a runtime writes into its pipes. The first byte chooses the dialect; the rest is the answer.
pub fn line(data: &[u8]) {
    let Some((first, line)) = data.split_first() else { return };
    // More would fill the pipe, which nobody reads yet.
    let line = &line[..line.len().min(4096)];
    let dialect = if first & 1 == 0 { Dialect::Launcher } else { Dialect::ActionLoop };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answer = runtime.block_on(async {
        // Nobody reads the commands, but somebody could.
        let (_commands, command) = pipe();
        let (result, mut results) = pipe();
        let (stdout, mut out) = pipe();
        let (stderr, err) = pipe();
        let limits = SessionLimits { result: ByteSize::bytes(PAYLOAD), logs: ByteSize::bytes(PAYLOAD) };
        let pipes = Pipes {
            command: OwnedFd::from(command),
            result: OwnedFd::from(result),
            stdout: OwnedFd::from(stdout),
            stderr: OwnedFd::from(stderr),
        };
        let session =
            LineSession::start(pipes, dialect, limits, TestClock::new()).expect("pipes are watched");
        out.write_all(line).expect("the pipe has room");
        if dialect == Dialect::Launcher {
            results.write_all(line).expect("the pipe has room");
        }
        // An executable is asked first: what it says unasked is thrown away. Then it ends in the middle of it.
        drop((err, out, results));
        let value = types::json::parse("{}").expect("an object");
        let request = RunRequest { activation: ACTIVATION, value, context: Vec::new(), stream: None };
        let answer = session.run(&request, Duration::from_secs(60)).await;
        let logs = session.logs(ACTIVATION, ByteSize::bytes(PAYLOAD)).await;
        assert!(logs.lines.len() <= line.len() + 1);
        answer
    });
    if let Answer::Reply { body, cut_from, .. } = &answer {
        // A launcher's line has a mark before its result; one without it is kept as long as one with it.
        assert!(body.len() as u64 <= PAYLOAD + 1);
        assert!(cut_from.is_none_or(|length| length > body.len() as u64));
    }
    holds(&classify::run(&answer, Duration::ZERO, &LIMITS));
}

fn pipe() -> (File, File) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    (File::from(OwnedFd::from(reader)), File::from(OwnedFd::from(writer)))
}
