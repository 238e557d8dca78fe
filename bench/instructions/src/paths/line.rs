//! The line protocol: a run is written into the pipe, and the line that answers it is read.

use super::runtime;
use crate::counted::Counted;
use base::clock::TestClock;
use container::line::{Dialect, LineSession, Pipes, SessionLimits};
use container::{Answer, ContextValue, RunRequest};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::OwnedFd;
use std::time::Duration;
use types::{ActivationId, ByteSize, json};

const WARM: u64 = 50;
const OPERATIONS: u64 = 500;

const ANSWER: &[u8] = b"+{\"image\":\"cat.png\",\"size\":{\"w\":32,\"h\":32},\"bytes\":18342}\n";
const ID: ActivationId = ActivationId::from_bits(7);

/// The runtime's ends. Nobody sits there: its answer lies in the pipe before it is asked, so that a call never depends
/// on when another thread comes to run.
struct Runtime {
    commands: OwnedFd,
    results: OwnedFd,
    _console: [OwnedFd; 2],
}

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC).expect("the kernel makes a pipe")
}

fn session() -> (LineSession, Runtime) {
    let ((commands, command), (result, results)) = (pipe(), pipe());
    let ((stdout, stdout_end), (stderr, stderr_end)) = (pipe(), pipe());
    let limits = SessionLimits { result: ByteSize::bytes(1 << 20), logs: ByteSize::bytes(10 << 20) };
    let pipes = Pipes { command, result, stdout, stderr };
    let session = LineSession::start(pipes, Dialect::Launcher, limits, TestClock::new());
    let runtime = Runtime { commands, results, _console: [stdout_end, stderr_end] };
    (session.expect("the pipes can be watched"), runtime)
}

fn request() -> RunRequest {
    let value = json::parse(r#"{"image":"cat.png","region":"us","size":{"w":32,"h":32},"retries":3}"#);
    let context = vec![
        ("namespace", "guest".into()),
        ("action_name", "/guest/tools/resize".into()),
        ("action_version", "0.0.3".into()),
        ("activation_id", ContextValue::Id(ID)),
        ("transaction_id", "Xy3kTq8aLr1bMn5cWd9eZf2gHj6iKp4o".into()),
        ("deadline", ContextValue::Number(1_735_689_660_123)),
    ];
    RunRequest { activation: ID, value: value.expect("JSON"), context, stream: None }
}

/// One call, and the taking of its log, of which there is none.
pub(super) fn call(counted: &mut Counted) {
    let tokio = runtime();
    let _inside = tokio.enter();
    let (session, runtime) = session();
    let request = request();
    let mut uncounted = Counted::default();
    for at in 0..WARM + OPERATIONS {
        let written = rustix::io::write(&runtime.results, ANSWER);
        assert_eq!(written, Ok(ANSWER.len()), "there is room in the pipe");
        let mut answer = None;
        let counted = if at < WARM { &mut uncounted } else { &mut *counted };
        counted.count(1, || {
            tokio.block_on(async {
                answer = Some(session.run(&request, Duration::from_secs(60)).await);
                let logs = session.logs(ID, ByteSize::bytes(10 << 20)).await;
                assert!(logs.lines.is_empty(), "nothing is logged");
            });
        });
        let Some(Answer::Reply { ok: true, body, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(body, ANSWER[1..ANSWER.len() - 1], "the answer is what was written");
        let mut line = [0; 1024];
        let length = rustix::io::read(&runtime.commands, &mut line).expect("a command was sent");
        assert!(
            line[..length].starts_with(b"{\"value\":") && line[..length].ends_with(b"}\n"),
            "it is a line"
        );
    }
}
