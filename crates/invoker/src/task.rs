use crate::code;
use crate::mailbox::Receiver;
use crate::open::Open;
use crate::service::{Invoker, Wake};
use base::alarm::Armed;
use container::classify::{self, Outcome as Ended};
use container::{Container, ContainerSpec, CreateError, LogLine, Logs, RunRequest, logs};
use engine::proxy::{Assignment, Command, Event, Proxy, Report, Spec};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use machine::Machine;
use rpc::{ActivationMessage, Attempt, CreationFailure, Epoch, Follow, ReportKind, Run};
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use types::{
    Activation, ActivationId, ActivationResponse, ByteSize, ContainerId, SchedulerId, SemVer, StatusCode,
};

mod live;

/// What a container's task hears from others.
#[derive(Debug)]
pub(crate) enum Mail {
    /// Run this.
    Dispatch { from: SchedulerId, epoch: Epoch, attempt: Attempt, message: Arc<ActivationMessage> },
    /// Tell somebody who follows what an activation logs.
    Follow(Follow),
    /// Tell an activation how its response goes on.
    Flow { activation: ActivationId, flow: rpc::Flow },
    /// From the pool or the scheduler.
    Event(Event),
    /// Its deadline has come.
    Tick,
}

/// So many records may wait for something else to be done first; then they are made before anything. Only a container that
/// runs many activations side by side can come so far.
const MOST_ENDED: usize = 8;

/// One container and the machine that decides its life.
pub(crate) struct Task {
    invoker: Arc<Invoker>,
    id: ContainerId,
    proxy: Proxy,
    /// There is one between `Created` and `Destroyed`.
    container: Option<Arc<dyn Container>>,
    /// The version of the code in it, which is newer than that of the activations where the action was updated while they
    /// waited.
    loaded: Option<SemVer>,
    /// The activations that are here; never more than the container has credit for, and those that cross its leaving.
    open: Vec<Open>,
    /// When the container began to be made or resumed for its action, and since when it is ready, in microseconds since
    /// 1970.
    provided: (u64, u64),
    /// The calls that are under way.
    calls: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Calls that came to their end at once, and are still to be told of.
    done: Vec<Done>,
    /// Activations that are over and have no record yet; at most [`MOST_ENDED`] while anything else is done.
    ended: Vec<ActivationId>,
    out: Vec<Command>,
    armed: Armed,
}

/// A call that has come to its end.
enum Done {
    Created(Result<Arc<dyn Container>, CreateError>),
    Initialised {
        activation: ActivationId,
        loaded: Option<SemVer>,
        ended: Option<Ended>,
        took: Duration,
    },
    Ran {
        activation: ActivationId,
        ended: Ended,
        took: Duration,
    },
    Logs {
        activation: ActivationId,
        logs: Logs,
    },
    /// An activation has logged something, or is over.
    Followed {
        follow: Follow,
        lines: Vec<LogLine>,
    },
    Paused(io::Result<()>),
    Resumed(io::Result<()>),
    Destroyed,
    /// The container's main process has ended.
    Exited,
}

impl Task {
    pub(crate) fn new(
        invoker: Arc<Invoker>,
        id: ContainerId,
        spec: Spec,
        assignment: Option<Assignment>,
    ) -> Task {
        let mut out = Vec::new();
        let proxy = Proxy::new(invoker.config.proxy, spec, assignment.map(Box::new), &mut out);
        // Where one runs at a time, one that is over may still be here.
        let (open, calls) = (Vec::with_capacity(2), FuturesUnordered::new());
        let (container, loaded, provided, armed) = (None, None, (0, 0), Armed::new());
        Task {
            invoker,
            id,
            proxy,
            container,
            loaded,
            open,
            provided,
            calls,
            done: Vec::new(),
            ended: Vec::new(),
            out,
            armed,
        }
    }

    /// Lives until nothing is left of the container.
    pub(crate) async fn run(mut self, mut mailbox: Receiver<Mail>) {
        self.carry_out();
        while !self.proxy.is_gone() {
            if self.ended.len() >= MOST_ENDED {
                self.keep_ended();
            }
            tokio::select! {
                biased;
                Some(done) = self.calls.next(), if !self.calls.is_empty() => self.done(done),
                mail = mailbox.receive() => self.hear(mail),
                // Last, so that the container runs the next activation while the record of this one is made.
                () = std::future::ready(()), if !self.ended.is_empty() => self.keep_ended(),
            }
            let deadline = self.proxy.next_deadline();
            let (alarm, id) = (&self.invoker.alarm, self.id);
            alarm.arm(&self.armed, deadline, || Wake::Container(id));
        }
        self.keep_ended();
        self.invoker.forget(self.id);
        // What was sent before the mailbox went still wants an answer.
        for mail in mailbox.close() {
            self.hear(mail);
        }
    }

    fn hear(&mut self, mail: Mail) {
        match mail {
            Mail::Dispatch { from, epoch, attempt, message } => {
                let activation = message.activation_id;
                self.open.push(Open::new(from, message));
                self.handle(Event::Dispatch { activation, attempt, epoch });
            }
            Mail::Follow(follow) => self.follow(follow),
            Mail::Flow { activation, flow } => self.flow(activation, flow),
            Mail::Event(event) => self.handle(event),
            Mail::Tick => {
                self.armed.rung();
                let now = self.invoker.deps.clock.now();
                self.proxy.tick(now, &mut self.out);
                self.carry_out();
            }
        }
    }

    fn done(&mut self, done: Done) {
        let event = match done {
            Done::Created(Ok(container)) => {
                let watched = container.clone();
                self.container = Some(container);
                self.call(async move {
                    watched.ended().await;
                    Done::Exited
                });
                Event::Created
            }
            Done::Created(Err(error)) => {
                tracing::warn!(container = %self.id, error = &error as &dyn std::error::Error, "cannot make a container");
                Event::CreateFailed(failure(&error))
            }
            Done::Initialised { activation, loaded, ended, took } => {
                self.loaded = loaded;
                let status = ended.as_ref().map_or(StatusCode::Success, |ended| ended.response.status);
                if let Some(open) = self.find(activation) {
                    open.init = Some(took);
                    open.ended = ended;
                }
                Event::Initialised { activation, status, took }
            }
            Done::Ran { activation, ended, took } => {
                let status = ended.response.status;
                if let Some(open) = self.find(activation) {
                    open.run = took;
                    open.ended = Some(ended);
                }
                Event::Ran { activation, status, took }
            }
            Done::Logs { activation, logs } => {
                let now = self.invoker.deps.clock.unix_nanos();
                if let Some(open) = self.find(activation) {
                    open.logs = logs::render(logs, open.log_limit(), open.broke_down(), now);
                    open.logs_took = Duration::from_micros((now / 1000).saturating_sub(open.asked_for_logs));
                }
                Event::LogsTaken { activation }
            }
            Done::Followed { follow, lines } => return self.followed(&follow, &lines),
            Done::Paused(Ok(())) => Event::Paused,
            Done::Paused(Err(error)) => self.failed("pause", &error, Event::PauseFailed),
            Done::Resumed(Ok(())) => Event::Resumed,
            Done::Resumed(Err(error)) => self.failed("resume", &error, Event::ResumeFailed),
            Done::Destroyed => {
                self.container = None;
                Event::Destroyed
            }
            Done::Exited => Event::Ended,
        };
        self.handle(event);
    }

    fn failed(&self, verb: &'static str, error: &io::Error, event: Event) -> Event {
        tracing::warn!(container = %self.id, %error, "cannot {verb} a container");
        event
    }

    fn handle(&mut self, event: Event) {
        let now = self.invoker.deps.clock.now();
        self.proxy.handle(now, event, &mut self.out);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let mut commands = std::mem::take(&mut self.out);
        for command in commands.drain(..) {
            match command {
                Command::Create(spec) => self.create(spec),
                Command::Initialise { activation } => self.initialise(activation),
                Command::Run { activation } => self.run_code(activation),
                Command::TakeLogs { activation } => self.take_logs(activation),
                Command::Finish { activation } => self.ended.push(activation),
                Command::Pause => {
                    self.on_container(|container| async move { Done::Paused(container.pause().await) });
                }
                Command::Resume => {
                    self.on_container(|container| async move { Done::Resumed(container.resume().await) });
                }
                Command::Destroy => self.on_container(|container| async move {
                    container.destroy().await;
                    Done::Destroyed
                }),
                Command::Report(report) => self.report(report),
                Command::Tell(note) => {
                    self.invoker.tell_pool(engine::pool::Event::Note { container: self.id, note });
                }
            }
        }
        self.out = commands;
        while let Some(done) = self.done.pop() {
            self.done(done);
        }
    }

    fn call(&self, call: impl Future<Output = Done> + Send + 'static) {
        self.calls.push(Box::pin(call));
    }

    /// Calls the container; where there is none any more, there is nothing to wait for either.
    fn on_container<F>(&self, call: impl FnOnce(Arc<dyn Container>) -> F)
    where
        F: Future<Output = Done> + Send + 'static,
    {
        match &self.container {
            Some(container) => self.call(call(container.clone())),
            None => self.call(async { Done::Destroyed }),
        }
    }

    fn create(&self, spec: Spec) {
        let factory = self.invoker.deps.factory.clone();
        let spec = ContainerSpec {
            name: self.invoker.container_name(self.id),
            kind: spec.kind,
            image: spec.image,
            memory: ByteSize::mb(spec.memory),
        };
        self.call(async move { Done::Created(factory.create(spec).await) });
    }

    fn initialise(&mut self, activation: ActivationId) {
        let began = self.now_micros();
        let Some(open) = self.find(activation) else { return };
        open.began = began;
        let message = open.message.clone();
        let invoker = self.invoker.clone();
        self.on_container(|container| async move {
            let started = invoker.deps.clock.now();
            let limits = invoker.limits(&message);
            let deadline = began / 1000 + message.action.limits.timeout;
            let (store, secrets) = (&*invoker.deps.artifacts, &*invoker.deps.secrets);
            let (loaded, ended) = match code::init_request(store, secrets, &message, deadline).await {
                Ok((request, version)) => {
                    let called = invoker.deps.clock.now();
                    let answer = container.init(request, limits.timeout).await;
                    (Some(version), classify::init(&answer, invoker.deps.clock.now() - called, &limits).err())
                }
                Err(error) => (None, Some(code::no_code(&error))),
            };
            Done::Initialised { activation, loaded, ended, took: invoker.deps.clock.now() - started }
        });
    }

    fn run_code(&mut self, activation: ActivationId) {
        let now = self.now_micros();
        let Some(open) = self.find(activation) else { return };
        if open.init.is_none() {
            open.began = now;
        }
        let message = open.message.clone();
        let invoker = self.invoker.clone();
        let deadline = now / 1000 + message.action.limits.timeout;
        let request = code::run_request(&invoker.deps.secrets, &message, deadline);
        let stream = self.pieces(&message);
        self.on_container(|container| async move {
            let started = invoker.deps.clock.now();
            let limits = invoker.limits(&message);
            let request = match request {
                Ok(request) => RunRequest { stream, ..request },
                Err(error) => {
                    return Done::Ran { activation, ended: code::locked(&error), took: Duration::ZERO };
                }
            };
            let run = AssertUnwindSafe(container.run(request, limits.timeout)).catch_unwind();
            let answer = run.await;
            let took = invoker.deps.clock.now() - started;
            // Whatever goes wrong in a back end, the activation ends, and its container goes.
            let ended = answer.map_or_else(|_| abnormal(), |answer| classify::run(&answer, took, &limits));
            Done::Ran { activation, ended, took }
        });
    }

    fn take_logs(&mut self, activation: ActivationId) {
        let now = self.now_micros();
        let Some(open) = self.find(activation) else { return };
        open.asked_for_logs = now;
        let limit = open.log_limit();
        let Some(container) = self.container.clone() else { return self.call(async { Done::Destroyed }) };
        let mut logs: BoxFuture<'static, Done> =
            Box::pin(async move { Done::Logs { activation, logs: container.logs(activation, limit).await } });
        // Mostly they came with the answer, so that there is nothing to wait for.
        match logs.as_mut().now_or_never() {
            Some(done) => self.done.push(done),
            None => self.calls.push(logs),
        }
    }

    fn keep_ended(&mut self) {
        let mut ended = std::mem::take(&mut self.ended);
        for activation in ended.drain(..) {
            self.finish(activation);
        }
        // As empty as it was, with its room.
        self.ended = ended;
    }

    /// Hands the record to the store and the result to the controller that waits.
    fn finish(&mut self, activation: ActivationId) {
        let Some(open) = self.take(activation) else { return };
        let phases = open.phases(self.provided);
        let ended = open.ended.unwrap_or_else(abnormal);
        let run = Run {
            began: open.began / 1000,
            init: open.init,
            run: open.run,
            timed_out: ended.timed_out,
            response: ended.response,
            logs: open.logs,
            phases,
        };
        let version = self.loaded.unwrap_or(open.message.action.version);
        let record = Arc::new(Activation { version, ..open.message.record(run) });
        let ticket = match self.invoker.keep(&open.message, &record) {
            // The answer to a sequence waits for the record of the sequence, which comes after those of its parts.
            Ok(ticket) => ticket.filter(|_| {
                open.message.blocking && open.message.cause.is_none() && self.invoker.config.durable_answers
            }),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                let trace = open.message.trace.trace_id().to_string();
                tracing::error!(%activation, trace, error, "cannot keep the record of an activation");
                None
            }
        };
        let controller = open.message.controller;
        match ticket {
            Some(ticket) => self.invoker.answers.after(ticket, controller, record),
            None => self.invoker.acknowledge(controller, record),
        }
    }

    fn report(&mut self, report: Report) {
        let container = self.id;
        let kind = match report {
            Report::Nack { activation, attempt, reason } => {
                let kind = ReportKind::Nack { container, activation, attempt, reason };
                // It goes back by the way it came, whomever the container serves now. One that never came here, and is
                // recalled all the same, is answered to whoever recalls it.
                if let Some(open) = self.take(activation) {
                    return self.invoker.report(open.from, open.message.queue.clone(), kind);
                }
                kind
            }
            Report::Started { activation, attempt } => {
                self.note_start(activation);
                ReportKind::Started { container, activation, attempt }
            }
            Report::Created { creation, revision, slots, took } => {
                let ready = self.now_micros();
                self.provided = (ready.saturating_sub(micros(took)), ready);
                ReportKind::Created { creation, container, revision, slots, took }
            }
            Report::CreationFailed { creation, failure } => ReportKind::CreationFailed { creation, failure },
            Report::Finished { activation, init, run, healthy } => {
                ReportKind::Finished { container, activation, init, run, healthy }
            }
            Report::Idle { paused } => {
                let Some(tenant) = self.proxy.tenant() else { return };
                ReportKind::Idle { container, revision: tenant.revision, paused }
            }
            Report::Gone => ReportKind::Gone { container },
        };
        if let Some(tenant) = self.proxy.tenant() {
            self.invoker.report(tenant.scheduler, tenant.queue.clone(), kind);
        }
    }

    /// After a crash the store must know that it is not to be run again.
    fn note_start(&mut self, activation: ActivationId) {
        let journaled = self.find(activation).is_some_and(|open| open.message.journaled);
        if journaled && let Err(error) = self.invoker.deps.activations.started(activation) {
            let error = &error as &dyn std::error::Error;
            tracing::error!(%activation, error, "cannot note the start of an activation");
        }
    }

    fn now_micros(&self) -> u64 {
        self.invoker.deps.clock.unix_nanos() / 1000
    }

    fn find(&mut self, activation: ActivationId) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.message.activation_id == activation)
    }

    fn take(&mut self, activation: ActivationId) -> Option<Open> {
        let at = self.open.iter().position(|open| open.message.activation_id == activation)?;
        Some(self.open.swap_remove(at))
    }
}

/// The end of a run of which nobody knows how it went (CLS-19).
fn abnormal() -> Ended {
    let text = "The action did not produce a valid response and exited unexpectedly.";
    Ended { response: ActivationResponse::error(StatusCode::WhiskError, text), timed_out: false }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Why there is no container, as the scheduler hears it.
fn failure(error: &CreateError) -> CreationFailure {
    match error {
        CreateError::Developer(text) => CreationFailure::Developer(text.clone()),
        CreateError::Platform { source, .. } => CreationFailure::Platform(format!("{error}: {source}")),
    }
}
