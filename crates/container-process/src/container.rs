//! One container: a runtime's process in a sandbox, and the conversation with it.

use crate::runtimes::{self, PlaceError, RuntimeSpec, Start};
use crate::sandbox::{End, Program, Sandbox};
use async_trait::async_trait;
use base::clock::Clock;
use bytes::Bytes;
use container::line::{LineSession, Pipes, SessionLimits};
use container::{Answer, Container, Flow, InitRequest, LogLine, Logs, RunRequest};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use types::{ActivationId, ByteSize};

/// How long the reason of an end may come after the end itself.
const REASON_PATIENCE: Duration = Duration::from_secs(2);

/// What all containers of a factory share.
#[derive(Debug)]
pub(crate) struct Serving {
    pub limits: SessionLimits,
    pub clock: Arc<dyn Clock>,
    /// The most that code may take once unpacked.
    pub code: ByteSize,
}

/// A runtime's process in its sandbox.
#[derive(Debug)]
pub(crate) struct ProcessContainer {
    name: String,
    runtime: Arc<RuntimeSpec>,
    sandbox: Arc<Sandbox>,
    serving: Arc<Serving>,
    /// Begins with the sandbox, or with the code where that is the program.
    session: OnceCell<LineSession>,
}

impl ProcessContainer {
    /// Starts the runtime, unless it waits for its code.
    pub(crate) async fn make(
        name: String,
        runtime: Arc<RuntimeSpec>,
        sandbox: Arc<Sandbox>,
        serving: Arc<Serving>,
    ) -> io::Result<ProcessContainer> {
        let container = ProcessContainer { name, runtime, sandbox, serving, session: OnceCell::new() };
        if container.runtime.start == Start::Ahead {
            let session = container.start(&[]).await?;
            container.session.set(session).map_err(io::Error::other)?;
        }
        Ok(container)
    }

    async fn start(&self, environment: &[(String, String)]) -> io::Result<LineSession> {
        let program = Program {
            argv: self.runtime.argv.clone(),
            environment: self.runtime.environment.iter().chain(environment).cloned().collect(),
            command_fd: self.runtime.command_fd,
            result_fd: self.runtime.result_fd,
        };
        let pipes = self.sandbox.start(program, &self.name).await?;
        let pipes = Pipes {
            command: pipes.commands,
            result: pipes.results,
            stdout: pipes.stdout,
            stderr: pipes.stderr,
        };
        LineSession::start(pipes, self.runtime.dialect(), self.serving.limits, self.serving.clock.clone())
    }

    /// Puts the code into its place, and starts it where it is the program itself.
    async fn place(&self, request: &InitRequest) -> Result<(), Answer> {
        let (runtime, request_copy) = (self.runtime.clone(), request.clone());
        let (dir, limit) = (self.sandbox.action_dir(), self.serving.code);
        let placed =
            tokio::task::spawn_blocking(move || runtimes::place_code(&runtime, &request_copy, &dir, limit))
                .await;
        match placed {
            Ok(Ok(())) => {}
            Ok(Err(error @ PlaceError::Developer(_))) => return Err(refusal(&error)),
            Ok(Err(PlaceError::Platform(error))) => return Err(failed(&self.name, &error)),
            Err(error) => return Err(failed(&self.name, &io::Error::other(error))),
        }
        if self.session.get().is_none() {
            let session = self.start(&request.environment).await.map_err(|error| refusal(&error))?;
            // Only a second call of `init`, which there must not be, could have come first.
            let _ = self.session.set(session);
        }
        Ok(())
    }

    /// Adds to an end what only the sandbox knows of it.
    async fn explained(&self, answer: Answer) -> Answer {
        if !matches!(answer, Answer::Exited { .. }) {
            return answer;
        }
        match tokio::time::timeout(REASON_PATIENCE, self.sandbox.ended()).await {
            Ok(End::OutOfMemory) => Answer::OutOfMemory,
            Ok(end) => Answer::Exited { detail: end.to_string() },
            // It has closed its end of the pipe and lives on.
            Err(_) => answer,
        }
    }
}

#[async_trait]
impl Container for ProcessContainer {
    fn name(&self) -> &str {
        &self.name
    }

    async fn init(&self, request: InitRequest, limit: Duration) -> Answer {
        let load = async {
            self.place(&request).await?;
            let session = self.session.get().ok_or_else(not_started)?;
            Ok(session.init(&self.runtime.init(&request), limit).await)
        };
        match tokio::time::timeout(limit, load).await {
            Ok(Ok(answer) | Err(answer)) => self.explained(answer).await,
            Err(_) => Answer::TimedOut,
        }
    }

    async fn run(&self, request: RunRequest, limit: Duration) -> Answer {
        match self.session.get() {
            Some(session) => {
                let answer = session.run(&request, limit).await;
                self.explained(answer).await
            }
            None => not_started(),
        }
    }

    async fn logs(&self, activation: ActivationId, limit: ByteSize) -> Logs {
        match self.session.get() {
            Some(session) => session.logs(activation, limit).await,
            None => Logs::default(),
        }
    }

    async fn follow(&self, activation: ActivationId, from: usize, limit: ByteSize) -> Vec<LogLine> {
        match self.session.get() {
            Some(session) => session.follow(activation, from, limit).await,
            None => Vec::new(),
        }
    }

    fn flow(&self, activation: ActivationId, flow: Flow) {
        if let Some(session) = self.session.get() {
            session.flow(activation, flow);
        }
    }

    async fn pause(&self) -> io::Result<()> {
        self.sandbox.pause().await
    }

    async fn resume(&self) -> io::Result<()> {
        self.sandbox.resume()
    }

    async fn destroy(&self) {
        self.sandbox.destroy().await;
    }

    async fn ended(&self) {
        self.sandbox.ended().await;
    }
}

/// What the developer is told where the code could not be put in place or started.
fn refusal(error: &dyn std::error::Error) -> Answer {
    let body = serde_json::json!({ "error": error.to_string() }).to_string();
    Answer::Reply { ok: false, body: Bytes::from(body), cut_from: None }
}

/// What is said where the machine failed; what it was stands in the server's log alone.
fn failed(container: &str, error: &io::Error) -> Answer {
    tracing::error!(container, %error, "the code of an action could not be put in its place");
    Answer::Exited { detail: "the code could not be put in its place".to_owned() }
}

fn not_started() -> Answer {
    Answer::Exited { detail: "the container was given no code".to_owned() }
}
