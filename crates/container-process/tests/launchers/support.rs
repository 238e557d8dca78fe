//! Starts a program over plain pipes, without a sandbox, and drives it through a `LineSession`.

use base::clock::SystemClock;
use bytes::Bytes;
use container::line::{Dialect, Init, LineSession, Pipes, SessionLimits};
use container::{Answer, Logs, RunRequest};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use types::{ActivationId, ByteSize, json};

/// Longer than anything here takes, and short enough to wait for when it is wrong.
pub(crate) const ENOUGH: Duration = Duration::from_secs(20);

/// The greatest result of these sessions.
pub(crate) const RESULT_LIMIT: u64 = 1 << 20;

/// The greatest log of these sessions.
pub(crate) const LOG_LIMIT: u64 = 1 << 20;

/// Whose calls all are, where nothing else is said.
pub(crate) const ACTIVATION: ActivationId = ActivationId::from_bits(1);

/// A runtime without a sandbox; killed when dropped.
#[derive(Debug)]
pub(crate) struct Bare {
    pub(crate) session: LineSession,
    pub(crate) process: Child,
}

impl Bare {
    /// Starts a program with its command and result descriptors where it wants them, and nothing else inherited.
    pub(crate) fn start(
        argv: &[String],
        environment: &[(String, String)],
        fds: (RawFd, RawFd),
        dialect: Dialect,
    ) -> Bare {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).unwrap();
        let (command_end, command) = pipe();
        let (result, result_end) = pipe();
        let (stdout, stdout_end) = pipe();
        let (stderr, stderr_end) = pipe();
        let mut program = Command::new(&argv[0]);
        program.args(&argv[1..]).env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        program.stdin(Stdio::null()).stdout(stdout_end).stderr(stderr_end);
        place(&mut program, [(command_end, fds.0), (result_end, fds.1)]);
        let process = program.spawn().unwrap();
        // The child's ends close with the command that holds them.
        drop(program);
        let limits =
            SessionLimits { result: ByteSize::bytes(RESULT_LIMIT), logs: ByteSize::bytes(LOG_LIMIT) };
        let pipes = Pipes { command, result, stdout, stderr };
        Bare { session: LineSession::start(pipes, dialect, limits, SystemClock::shared()).unwrap(), process }
    }

    /// Runs with this JSON as arguments, and a context.
    pub(crate) async fn run(&self, value: &str) -> Answer {
        self.run_within(value, ENOUGH).await
    }

    pub(crate) async fn run_within(&self, value: &str, limit: Duration) -> Answer {
        self.session.run(&request(value), limit).await
    }

    /// Runs and expects success.
    pub(crate) async fn result(&self, value: &str) -> String {
        match self.run(value).await {
            Answer::Reply { ok: true, body, cut_from: None } => text(&body),
            other => panic!("{other:?} with {:?}", self.logs().await),
        }
    }

    /// The log lines since the last call, each with `out` or `err`.
    pub(crate) async fn lines(&self) -> Vec<String> {
        let logs = self.logs().await;
        assert!(!logs.truncated && !logs.incomplete);
        let stream = |stream| if stream == container::LogStream::Stdout { "out" } else { "err" };
        let mut lines: Vec<_> =
            logs.lines.iter().map(|line| format!("{} {}", stream(line.stream), line.text)).collect();
        // Which of two pipes is read first is left to chance.
        lines.sort_by_key(|line| line.starts_with("err"));
        lines
    }

    pub(crate) async fn logs(&self) -> Logs {
        self.session.logs(ACTIVATION, ByteSize::bytes(LOG_LIMIT)).await
    }

    /// Waits for the end of the process.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Has descriptors stand where the program wants them.
#[expect(unsafe_code, reason = "descriptors are put in place between fork and exec")]
fn place(program: &mut Command, fds: [(OwnedFd, RawFd); 2]) {
    // Out of the way of the places they go to, and so of each other.
    let fds = fds
        .map(|(fd, place)| (rustix::io::fcntl_dupfd_cloexec(&fd, 20).expect("a descriptor to spare"), place));
    // SAFETY: the closure calls `dup2`, which may be called after a fork, and touches no memory but its own.
    unsafe {
        program.pre_exec(move || {
            for (fd, place) in &fds {
                if libc::dup2(fd.as_raw_fd(), *place) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
}

/// A run with these arguments.
pub(crate) fn request(value: &str) -> RunRequest {
    let context = |name, value: &str| (name, value.into());
    RunRequest {
        activation: ACTIVATION,
        value: json::parse(value).unwrap(),
        context: vec![
            context("namespace", "guest"),
            context("action_name", "/guest/hello"),
            context("action_version", "0.0.1"),
            context("activation_id", "00ff"),
            context("transaction_id", "tid"),
            context("deadline", "17"),
        ],
        stream: None,
    }
}

/// An init of a single source text.
pub(crate) fn source<'a>(code: &'a str, main: &'a str, environment: &'a [(String, String)]) -> Init<'a> {
    Init {
        name: "hello",
        main,
        code: Some(code),
        folder: None,
        environment,
        concurrency: 1,
        activation: ACTIVATION,
    }
}

pub(crate) fn text(body: &Bytes) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}
