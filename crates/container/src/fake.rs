//! Scripted containers, for tests of those who drive containers.
//!
//! A [`FakeFactory`] asks a [`Script`] what each call does and when, and writes down what was called. The containers
//! watch over the contract of [`Container`]: whoever initialises twice, runs before init, runs more than
//! `concurrency` at a time, runs while paused or after the end panics, and so fails its test. Times are tokio's, so
//! that a paused clock moves them.

use crate::logs;
use crate::{
    Answer, Container, ContainerFactory, ContainerSpec, CreateError, Flow, InitRequest, LogLine, LogStream,
    Logs, Probe, RunRequest,
};
use async_trait::async_trait;
use base::clock::Clock;
use bytes::Bytes;
use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use types::{ActivationId, ByteSize, RuntimeManifest};

/// How many lines those who follow get at a time.
const FOLLOWED: usize = 100;

/// What fake containers do. Every method has a usual behaviour: all succeeds at once, and a run answers with its own
/// arguments.
pub trait Script: Send + Sync + fmt::Debug + 'static {
    /// A container is to be made: how long that takes, and what comes of it.
    fn create(&self, spec: &ContainerSpec) -> (Duration, Result<(), CreateError>) {
        let _ = spec;
        (Duration::ZERO, Ok(()))
    }

    /// Code is handed over.
    fn init(&self, spec: &ContainerSpec, request: &InitRequest) -> Reaction {
        let _ = (spec, request);
        Reaction::reply(true, r#"{"ok":true}"#)
    }

    /// Code is run.
    fn run(&self, spec: &ContainerSpec, request: &RunRequest) -> Reaction {
        let _ = spec;
        Reaction::reply(true, request.value.get())
    }

    /// The container is to be paused.
    ///
    /// # Errors
    /// What the machine is to say.
    fn pause(&self, spec: &ContainerSpec) -> io::Result<()> {
        let _ = spec;
        Ok(())
    }

    /// The container is to be resumed.
    ///
    /// # Errors
    /// What the machine is to say.
    fn resume(&self, spec: &ContainerSpec) -> io::Result<()> {
        let _ = spec;
        Ok(())
    }
}

/// The usual behaviour of everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Script for Echo {}

/// What a call into a container does.
#[derive(Clone, Debug)]
pub struct Reaction {
    /// How long it takes.
    pub after: Duration,
    /// What it answers then. [`Answer::Exited`] and [`Answer::OutOfMemory`] end the container's process.
    pub answer: Answer,
    /// What it waits for after that: a permit of somebody else's.
    pub gate: Option<Arc<Semaphore>>,
    /// What it logs at once.
    pub first: Vec<(LogStream, String)>,
    /// What it logs, at the moment of its answer.
    pub logs: Vec<(LogStream, String)>,
    /// Whether the process ends right after it answered.
    pub then_exits: bool,
}

impl Reaction {
    /// Answers at once.
    #[must_use]
    pub fn reply(ok: bool, body: &str) -> Reaction {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Reaction::of(Answer::Reply { ok, body, cut_from: None })
    }

    /// Ends its process at once.
    #[must_use]
    pub fn exits() -> Reaction {
        Reaction::of(Answer::Exited { detail: "exit code 1".to_owned() })
    }

    /// Never answers.
    #[must_use]
    pub fn hangs() -> Reaction {
        Reaction::of(Answer::TimedOut).after(Duration::MAX)
    }

    /// Gives this answer at once.
    #[must_use]
    pub fn of(answer: Answer) -> Reaction {
        let (first, logs) = (Vec::new(), Vec::new());
        Reaction { after: Duration::ZERO, gate: None, answer, first, logs, then_exits: false }
    }

    /// The same, after this time.
    #[must_use]
    pub fn after(self, after: Duration) -> Reaction {
        Reaction { after, ..self }
    }

    /// The same, once there is a permit to be had.
    #[must_use]
    pub fn with_permit(self, gate: Arc<Semaphore>) -> Reaction {
        Reaction { gate: Some(gate), ..self }
    }

    /// The same with one more line of log.
    #[must_use]
    pub fn log(mut self, stream: LogStream, text: &str) -> Reaction {
        self.logs.push((stream, text.to_owned()));
        self
    }

    /// The same with one more line of log that comes at once.
    #[must_use]
    pub fn log_first(mut self, stream: LogStream, text: &str) -> Reaction {
        self.first.push((stream, text.to_owned()));
        self
    }

    /// The same, and the process ends after the answer.
    #[must_use]
    pub fn then_exits(self) -> Reaction {
        Reaction { then_exits: true, ..self }
    }
}

/// Something that was done with a fake container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// It was made.
    Created,
    /// Code was handed over.
    Init,
    /// A run began; by the activation's id where the context has one.
    Run(String),
    /// Logs were asked for.
    Logs,
    /// It was paused.
    Paused,
    /// It was resumed.
    Resumed,
    /// It was destroyed.
    Destroyed,
}

/// Makes fake containers.
#[derive(Debug)]
pub struct FakeFactory {
    runtimes: RuntimeManifest,
    clock: Arc<dyn Clock>,
    script: Arc<dyn Script>,
    made: Mutex<Vec<Arc<FakeContainer>>>,
    sweeps: Mutex<usize>,
}

impl FakeFactory {
    /// Offers these kinds; containers do what the script says.
    #[must_use]
    pub fn new(runtimes: RuntimeManifest, clock: Arc<dyn Clock>, script: impl Script) -> Arc<FakeFactory> {
        Arc::new(FakeFactory {
            runtimes,
            clock,
            script: Arc::new(script),
            made: Mutex::default(),
            sweeps: Mutex::default(),
        })
    }

    /// Every container that was ever made, in order.
    #[must_use]
    pub fn made(&self) -> Vec<Arc<FakeContainer>> {
        self.made.lock().clone()
    }

    /// Those that are not destroyed.
    #[must_use]
    pub fn living(&self) -> Vec<Arc<FakeContainer>> {
        self.made().into_iter().filter(|container| !container.is_destroyed()).collect()
    }

    /// How often leftovers were swept.
    #[must_use]
    pub fn sweeps(&self) -> usize {
        *self.sweeps.lock()
    }
}

#[async_trait]
impl ContainerFactory for FakeFactory {
    fn runtimes(&self) -> &RuntimeManifest {
        &self.runtimes
    }

    fn probes(&self) -> Vec<Probe> {
        Vec::new()
    }

    async fn create(&self, spec: ContainerSpec) -> Result<Arc<dyn Container>, CreateError> {
        let (after, result) = self.script.create(&spec);
        wait(after).await;
        result?;
        let container = Arc::new(FakeContainer {
            spec,
            clock: self.clock.clone(),
            script: self.script.clone(),
            state: Mutex::default(),
            logged: Notify::new(),
            ended: watch::Sender::new(false),
        });
        let mut made = self.made.lock();
        let name = container.name();
        assert!(made.iter().all(|other| other.name() != name), "container name '{name}' is used twice");
        made.push(container.clone());
        Ok(container)
    }

    async fn sweep(&self) {
        *self.sweeps.lock() += 1;
    }
}

/// A container that does what its script says.
#[derive(Debug)]
pub struct FakeContainer {
    spec: ContainerSpec,
    clock: Arc<dyn Clock>,
    script: Arc<dyn Script>,
    state: Mutex<State>,
    /// Told when there are lines, and when lines were taken.
    logged: Notify,
    /// Whether the process has ended.
    ended: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    calls: Vec<Call>,
    lines: Vec<(ActivationId, LogLine)>,
    /// How many runs there may be at a time; `None` before `init`.
    slots: Option<u32>,
    running: Vec<ActivationId>,
    paused: bool,
    /// An answer that was no reply: only to be destroyed.
    spent: bool,
    destroyed: bool,
}

impl Default for State {
    fn default() -> State {
        State {
            calls: vec![Call::Created],
            lines: Vec::new(),
            slots: None,
            running: Vec::new(),
            paused: false,
            spent: false,
            destroyed: false,
        }
    }
}

impl FakeContainer {
    /// What it was made as.
    #[must_use]
    pub fn spec(&self) -> &ContainerSpec {
        &self.spec
    }

    /// What was done with it, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().calls.clone()
    }

    /// How many runs it began.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.state.lock().calls.iter().filter(|call| matches!(call, Call::Run(_))).count()
    }

    /// Whether it is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.state.lock().paused
    }

    /// Whether it was destroyed.
    #[must_use]
    pub fn is_destroyed(&self) -> bool {
        self.state.lock().destroyed
    }

    /// Ends its process, as a crash would.
    pub fn crash(&self) {
        self.ended.send_replace(true);
    }

    /// Carries a reaction out; the caller has entered the call already.
    async fn react(&self, activation: ActivationId, reaction: Reaction, limit: Duration) -> Answer {
        let mut ended = self.ended.subscribe();
        self.log(activation, reaction.first);
        let answer = tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => Answer::Exited { detail: "signal 9".to_owned() },
            () = wait_for(reaction.after, reaction.gate) => {
                self.log(activation, reaction.logs);
                reaction.answer
            }
            () = wait(limit) => Answer::TimedOut,
        };
        self.state.lock().spent |= !matches!(answer, Answer::Reply { .. });
        if reaction.then_exits || matches!(answer, Answer::Exited { .. } | Answer::OutOfMemory) {
            self.crash();
        }
        answer
    }

    fn log(&self, activation: ActivationId, lines: Vec<(LogStream, String)>) {
        let unix_nanos = self.clock.unix_nanos();
        let lines =
            lines.into_iter().map(|(stream, text)| (activation, LogLine { unix_nanos, stream, text }));
        self.state.lock().lines.extend(lines);
        self.logged.notify_waiters();
    }

    /// Notes a call, and that the container may take it. `slots`: how many runs there may be at a time, for `init`.
    fn enter(&self, activation: ActivationId, call: Call, slots: Option<u32>) -> Running<'_> {
        let mut state = self.state.lock();
        let name = &self.spec.name;
        assert!(!state.destroyed, "{call:?} after '{name}' was destroyed");
        assert!(!state.spent, "{call:?} after '{name}' gave an answer that was no reply");
        assert!(!state.paused, "{call:?} while '{name}' is paused");
        if slots.is_some() {
            assert!(state.slots.is_none(), "'{name}' is initialised twice");
            state.slots = slots;
        }
        let slots = state.slots.unwrap_or_else(|| panic!("{call:?} before '{name}' was initialised"));
        state.running.push(activation);
        assert!(state.running.len() <= slots as usize, "too many runs at a time in '{name}'");
        state.calls.push(call);
        Running(self, activation)
    }
}

/// A call that is under way; leaves when dropped, so also when the caller gives up.
struct Running<'a>(&'a FakeContainer, ActivationId);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        if let Some(at) = state.running.iter().position(|running| *running == self.1) {
            state.running.swap_remove(at);
        }
    }
}

#[async_trait]
impl Container for FakeContainer {
    fn name(&self) -> &str {
        &self.spec.name
    }

    async fn init(&self, request: InitRequest, limit: Duration) -> Answer {
        let _running = self.enter(request.activation, Call::Init, Some(request.concurrency));
        self.react(request.activation, self.script.init(&self.spec, &request), limit).await
    }

    async fn run(&self, request: RunRequest, limit: Duration) -> Answer {
        let id = request.context.iter().find(|(name, _)| *name == "activation_id");
        let id = id.map(|(_, id)| id.to_string()).unwrap_or_default();
        let _running = self.enter(request.activation, Call::Run(id), None);
        self.react(request.activation, self.script.run(&self.spec, &request), limit).await
    }

    async fn logs(&self, activation: ActivationId, limit: ByteSize) -> Logs {
        let mut state = self.state.lock();
        state.calls.push(Call::Logs);
        let (taken, left) = state.lines.drain(..).partition(|(of, _)| *of == activation);
        state.lines = left;
        drop(state);
        self.logged.notify_waiters();
        let taken: Vec<(ActivationId, LogLine)> = taken;
        let lines = taken.into_iter().map(|(_, line)| line).collect();
        let mut logs = Logs { lines, ..Logs::default() };
        logs::cut(&mut logs, limit);
        logs
    }

    async fn follow(&self, activation: ActivationId, from: usize, limit: ByteSize) -> Vec<LogLine> {
        loop {
            let logged = self.logged.notified();
            {
                let state = self.state.lock();
                let of_it = state.lines.iter().filter(|(of, _)| *of == activation);
                let lines: Vec<LogLine> = of_it.map(|(_, line)| line.clone()).collect();
                let within = logs::whole_lines(&lines, limit);
                if from < within || within < lines.len() || !state.running.contains(&activation) {
                    return lines[from.min(within)..within.min(from + FOLLOWED)].to_vec();
                }
            }
            logged.await;
        }
    }

    /// Nothing: no script gives a response in pieces.
    fn flow(&self, _activation: ActivationId, _flow: Flow) {}

    async fn pause(&self) -> io::Result<()> {
        self.script.pause(&self.spec)?;
        let mut state = self.state.lock();
        assert!(!state.destroyed, "pause after '{}' was destroyed", self.spec.name);
        assert!(state.running.is_empty(), "pause while '{}' runs", self.spec.name);
        state.paused = true;
        state.calls.push(Call::Paused);
        Ok(())
    }

    async fn resume(&self) -> io::Result<()> {
        self.script.resume(&self.spec)?;
        let mut state = self.state.lock();
        assert!(!state.destroyed, "resume after '{}' was destroyed", self.spec.name);
        state.paused = false;
        state.calls.push(Call::Resumed);
        Ok(())
    }

    async fn destroy(&self) {
        {
            let mut state = self.state.lock();
            if state.destroyed {
                return;
            }
            state.destroyed = true;
            state.calls.push(Call::Destroyed);
        }
        self.ended.send_replace(true);
    }

    async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as the container.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

async fn wait_for(time: Duration, gate: Option<Arc<Semaphore>>) {
    wait(time).await;
    if let Some(gate) = gate {
        // Nobody closes it.
        gate.acquire().await.map(SemaphorePermit::forget).unwrap_or_default();
    }
}

/// Waits, for ever where the time is [`Duration::MAX`]; none at all is no suspension.
async fn wait(time: Duration) {
    match time {
        Duration::ZERO => {}
        Duration::MAX => std::future::pending().await,
        _ => tokio::time::sleep(time).await,
    }
}

#[cfg(test)]
mod tests;
