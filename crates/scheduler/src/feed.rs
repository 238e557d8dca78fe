//! The older design, for comparison: one run buffer for one invoker in the place of a queue for every action.
//!
//! An invoker reports to a feed as it does to the pull scheduler, and gets the same orders from it.

use crate::message::Queued;
use crate::queue::refusal;
use crate::service::Deps;
use base::alarm::{Alarm, Armed};
use base::driven::{Driven, Shell};
use base::shutdown::ShutdownWatch;
use base::task::{OnPanic, spawn};
use engine::feed::{self, Command, Config, Event};
use engine::queue::DropReason;
use machine::Instant;
use parking_lot::Mutex;
use rpc::{
    Ack, ActivationMessage, CreateOrder, Flow, Follow, InvokerCapacity, Order, Outcome, QueueView, Refusal,
    Report, ReportKind, SchedulerLink, SchedulerOperations,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use types::{ActivationId, ContainerRef, InvokerId, QueueKey, StatusCode};

/// The run buffer of one invoker.
pub struct Feed {
    deps: Deps,
    invoker: InvokerId,
    alarm: Arc<Alarm<()>>,
    machine: Driven<feed::Feed<Queued>>,
    /// What the invoker said last.
    capacity: Mutex<Option<InvokerCapacity>>,
    /// Whether an operator lets it take activations.
    enabled: AtomicBool,
}

impl Feed {
    /// A feed of that invoker. Its timers run until `stop` says that all is over.
    #[must_use]
    pub fn new(config: Config, deps: Deps, invoker: InvokerId, stop: ShutdownWatch) -> Arc<Feed> {
        let alarm = Alarm::new(deps.clock.clone());
        let feed = Arc::new(Feed {
            deps,
            invoker,
            alarm: alarm.clone(),
            machine: Driven::new(feed::Feed::new(config)),
            capacity: Mutex::new(None),
            enabled: AtomicBool::new(true),
        });
        let this = Arc::downgrade(&feed);
        let ring = move |()| {
            if let Some(feed) = this.upgrade() {
                feed.machine.tick(feed.deps.clock.now(), &*feed);
            }
        };
        spawn("feed-alarm", OnPanic::Abort, alarm.run(stop, ring));
        feed
    }

    /// Takes nothing new from now on; what waits is still served.
    pub fn drain(&self) {
        self.tell(Event::Drain);
    }

    fn tell(&self, event: Event) {
        self.machine.handle(self.deps.clock.now(), event, self);
    }

    fn order(&self, order: Order) {
        match self.deps.directory.invoker(self.invoker) {
            Some(link) => link.order(self.deps.id, order),
            None => tracing::warn!(invoker = %self.invoker, "order for an invoker that is not there"),
        }
    }

    fn ack(&self, message: &ActivationMessage, outcome: Outcome) {
        let ack = Ack { activation_id: message.activation_id, outcome };
        match self.deps.directory.controller(message.controller) {
            Some(controller) => controller.ack(ack),
            None => tracing::error!(activation = %message.activation_id, "no controller waits for it"),
        }
    }

    fn drop_unrun(&self, message: &ActivationMessage, reason: &DropReason) {
        tracing::debug!(activation = %message.activation_id, ?reason, "dropped");
        let (status, error) = (reason.status(), reason.text());
        let outcome = match reason {
            // The load's fault, not the invoker's.
            DropReason::Retention { .. } => Outcome::Expired { status, error },
            _ => Outcome::Dropped { status, error },
        };
        self.ack(message, outcome);
    }
}

impl Shell<feed::Feed<Queued>> for Feed {
    fn carry_out(&self, command: Command<Queued>) {
        match command {
            Command::Dispatch { container, attempt, message } => {
                let epoch = self.deps.epoch;
                self.order(Order::Dispatch { container, epoch, attempt, message: message.0 });
            }
            Command::Create { creation, queue, action, deadline } => {
                // Containers that a namespace keeps past their time are the pull scheduler's.
                let (keep_count, keep_timeout) = (0, Duration::ZERO);
                let epoch = self.deps.epoch;
                let order = CreateOrder {
                    creation,
                    epoch,
                    queue,
                    action,
                    deadline,
                    insists: false,
                    keep_count,
                    keep_timeout,
                };
                self.order(Order::Create(order));
            }
            Command::Remove { container } => self.order(Order::Remove { container }),
            Command::Drop { message, reason } => self.drop_unrun(&message.0, &reason),
            Command::Lost { message, container } => {
                let container = ContainerRef { invoker: self.invoker, container };
                tracing::error!(activation = %message.0.activation_id, %container, "lost while running");
                let error =
                    format!("The activation was lost: it had begun to run in {container}, which is gone.");
                self.ack(&message.0, Outcome::Dropped { status: StatusCode::WhiskError, error });
            }
        }
    }

    fn wake_at(&self, armed: &Armed, deadline: Option<Instant>) {
        self.alarm.arm(armed, deadline, || ());
    }
}

impl SchedulerLink for Feed {
    fn submit(&self, message: Arc<ActivationMessage>) -> Result<(), Refusal> {
        if !self.enabled.load(Ordering::Relaxed) {
            return Err(Refusal::ShuttingDown);
        }
        let (now, queue) = (self.deps.clock.now(), message.queue.clone());
        let submitted = self.machine.drive(self, |feed, out| feed.submit(now, queue, Queued(message), out));
        submitted.map_err(refusal)
    }

    fn follow(&self, follow: Follow) {
        if let Some(container) = self.machine.look(|feed| feed.holder(follow.activation)) {
            self.order(Order::Follow { container, follow });
        }
    }

    fn flow(&self, container: ContainerRef, activation: ActivationId, flow: Flow) {
        self.order(Order::Flow { container: container.container, activation, flow });
    }

    fn report(&self, from: InvokerId, report: Report) {
        debug_assert_eq!(from, self.invoker, "a report of another invoker");
        let event = match report.kind {
            ReportKind::Created { creation, container, revision, slots, took: _ } => {
                Event::Created { creation, container, revision, slots }
            }
            ReportKind::CreationFailed { creation, failure } => {
                tracing::warn!(queue = %report.queue, %creation, ?failure, "no container");
                Event::CreationFailed { creation, failure }
            }
            ReportKind::Started { container: _, activation, attempt } => {
                Event::Started { activation, attempt }
            }
            ReportKind::Finished { container, activation, init: _, run, healthy } => {
                Event::Finished { container, activation, run, healthy }
            }
            ReportKind::Nack { container, activation, attempt, reason } => {
                Event::Nack { container, activation, attempt, reason }
            }
            ReportKind::Idle { container, revision: _, paused } => Event::Idle { container, paused },
            ReportKind::Gone { container } => Event::Gone { container },
        };
        self.tell(event);
    }

    fn announce(&self, capacity: InvokerCapacity) {
        let InvokerCapacity { up, memory, .. } = capacity;
        let before = self.capacity.lock().replace(capacity);
        // It says how much is free as well, which a feed reckons by itself.
        if before.is_none_or(|before| (before.up, before.memory) != (up, memory)) {
            self.tell(Event::Invoker { up, memory });
        }
    }
}

impl SchedulerOperations for Feed {
    fn queues(&self) -> Vec<QueueView> {
        let view = |(queue, stats): (Arc<QueueKey>, feed::Stats)| QueueView {
            queue,
            waiting: stats.waiting,
            waiting_bytes: stats.waiting_bytes,
            in_flight: stats.in_flight,
            containers: stats.containers,
            creating: stats.creating,
        };
        self.machine.look(feed::Feed::stats).into_iter().map(view).collect()
    }

    fn invokers(&self) -> Vec<InvokerCapacity> {
        self.capacity.lock().iter().cloned().collect()
    }

    fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }
}

/// The feeds of one process, to operators one scheduler.
#[derive(Clone, Debug)]
pub struct Feeds(pub Vec<Arc<Feed>>);

impl SchedulerOperations for Feeds {
    /// An action that several invokers have counts once.
    fn queues(&self) -> Vec<QueueView> {
        let mut all: BTreeMap<Arc<QueueKey>, QueueView> = BTreeMap::new();
        for view in self.0.iter().flat_map(|feed| feed.queues()) {
            all.entry(view.queue.clone())
                .and_modify(|sum| {
                    sum.waiting += view.waiting;
                    sum.waiting_bytes += view.waiting_bytes;
                    sum.in_flight += view.in_flight;
                    sum.containers += view.containers;
                    sum.creating += view.creating;
                })
                .or_insert(view);
        }
        all.into_values().collect()
    }

    fn invokers(&self) -> Vec<InvokerCapacity> {
        self.0.iter().flat_map(|feed| feed.invokers()).collect()
    }

    fn is_enabled(&self) -> bool {
        self.0.iter().all(|feed| feed.is_enabled())
    }

    fn set_enabled(&self, enabled: bool) {
        self.0.iter().for_each(|feed| feed.set_enabled(enabled));
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("id", &self.deps.id).field("invoker", &self.invoker).finish()
    }
}
