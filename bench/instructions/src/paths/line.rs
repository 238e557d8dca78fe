//! The line protocol: a run is written into the pipe, and the line that answers it is read.

use super::{LARGE, runtime};
use crate::counted::Counted;
use base::clock::TestClock;
use container::line::{Dialect, LineSession, Pipes, SessionLimits};
use container::{Answer, ContextValue, RunRequest};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;
use types::json::{self, Raw};
use types::{ActivationId, ByteSize};

/// What a pipe is made to hold, so that nobody ever waits for room.
const PIPE: usize = 1 << 20;

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
    for pipe in [&command, &results] {
        fcntl_setpipe_size(pipe, PIPE).expect("an ordinary user's pipe may hold that");
    }
    let ((stdout, stdout_end), (stderr, stderr_end)) = (pipe(), pipe());
    let limits = SessionLimits { result: ByteSize::bytes(PIPE as u64), logs: ByteSize::bytes(10 << 20) };
    let pipes = Pipes { command, result, stdout, stderr };
    let session = LineSession::start(pipes, Dialect::Launcher, limits, TestClock::new());
    let runtime = Runtime { commands, results, _console: [stdout_end, stderr_end] };
    (session.expect("the pipes can be watched"), runtime)
}

fn request(value: Raw) -> RunRequest {
    let context = vec![
        ("namespace", "guest".into()),
        ("action_name", "/guest/tools/resize".into()),
        ("action_version", "0.0.3".into()),
        ("activation_id", ContextValue::Id(ID)),
        ("transaction_id", "Xy3kTq8aLr1bMn5cWd9eZf2gHj6iKp4o".into()),
        ("deadline", ContextValue::Number(1_735_689_660_123)),
    ];
    RunRequest { activation: ID, value, context, stream: None }
}

/// One call, and the taking of its log, of which there is none.
pub(super) fn call(counted: &mut Counted) {
    let value = json::parse(r#"{"image":"cat.png","region":"us","size":{"w":32,"h":32},"retries":3}"#);
    let value = value.expect("JSON");
    calls(counted, value, br#"+{"image":"cat.png","size":{"w":32,"h":32},"bytes":18342}"#, 50, 500);
}

/// The same with a great payload and a great result.
pub(super) fn large(counted: &mut Counted) {
    let value = json::raw(&BTreeMap::from([("data", "x".repeat(LARGE))]));
    let answer = format!("+{}", value.get());
    calls(counted, value, answer.as_bytes(), 5, 20);
}

fn calls(counted: &mut Counted, value: Raw, answer: &[u8], warm: u64, operations: u64) {
    let tokio = runtime();
    let _inside = tokio.enter();
    let (session, runtime) = session();
    let request = request(value);
    let mut line = vec![0; 2 * PIPE];
    for at in 0..warm + operations {
        let written = rustix::io::write(&runtime.results, &[answer, b"\n"].concat());
        assert_eq!(written, Ok(answer.len() + 1), "there is room in the pipe");
        let mut answered = None;
        let mut call = || {
            tokio.block_on(async {
                answered = Some(session.run(&request, Duration::from_secs(60)).await);
                let logs = session.logs(ID, ByteSize::bytes(10 << 20)).await;
                assert!(logs.lines.is_empty(), "nothing is logged");
            });
        };
        // What is not counted must not go through the region that is.
        if at < warm {
            call()
        } else {
            counted.count(1, call)
        }
        let Some(Answer::Reply { ok: true, body, .. }) = answered else { panic!("{answered:?}") };
        assert_eq!(body, answer[1..], "the answer is what was written");
        let length = rustix::io::read(&runtime.commands, &mut line).expect("a command was sent");
        assert!(
            line[..length].starts_with(b"{\"value\":") && line[..length].ends_with(b"}\n"),
            "it is a line"
        );
    }
}
