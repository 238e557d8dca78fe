use crate::message::Queued;
use crate::namespace::Namespace;
use crate::service::{Scheduler, Wake};
use base::alarm::Armed;
use base::driven::{Driven, Shell};
use engine::queue::{self, Command, DropReason, RefusalReason};
use engine::{arbiter, creation};
use machine::Instant;
use rpc::{Ack, ActivationMessage, Order, Outcome, Refusal};
use std::sync::{Arc, Weak};
use types::{Identity, QueueKey, StatusCode};

/// The queue of one action, and what it needs to be heard.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) key: Arc<QueueKey>,
    /// Who submitted first; its namespace's limits hold for the queue.
    pub(crate) caller: Arc<Identity>,
    pub(crate) namespace: Arc<Namespace>,
    queue: Driven<queue::Queue<Queued>>,
    scheduler: Weak<Scheduler>,
}

impl Slot {
    pub(crate) fn new(
        key: Arc<QueueKey>,
        caller: Arc<Identity>,
        namespace: Arc<Namespace>,
        queue: queue::Queue<Queued>,
        scheduler: Weak<Scheduler>,
    ) -> Slot {
        Slot { key, caller, namespace, queue: Driven::new(queue), scheduler }
    }

    /// Hands over an activation; `Err` is the queue's answer, and the activation is the caller's again.
    pub(crate) fn submit(&self, now: Instant, message: Arc<ActivationMessage>) -> Result<(), queue::Refusal> {
        self.queue.drive(self, |queue, out| queue.submit(now, Queued(message), out))
    }

    pub(crate) fn handle(&self, now: Instant, event: queue::Event<Queued>) {
        self.queue.handle(now, event, self);
    }

    pub(crate) fn tick(&self, now: Instant) {
        self.queue.tick(now, self);
    }

    pub(crate) fn look<R>(&self, look: impl FnOnce(&queue::Queue<Queued>) -> R) -> R {
        self.queue.look(look)
    }
}

impl Shell<queue::Queue<Queued>> for Slot {
    fn carry_out(&self, command: Command<Queued>) {
        let Some(scheduler) = self.scheduler.upgrade() else { return };
        // Most commands need no time, and clocks are not free.
        let now = || scheduler.clock.now();
        let key = &self.key;
        match command {
            Command::Dispatch { container, attempt, message } => {
                let epoch = scheduler.epoch;
                let order =
                    Order::Dispatch { container: container.container, epoch, attempt, message: message.0 };
                scheduler.order(container.invoker, order);
            }
            Command::Recall { container, activation, attempt } => {
                let (queue, at) = (key.clone(), container.container);
                scheduler
                    .order(container.invoker, Order::Recall { queue, container: at, activation, attempt });
            }
            Command::Create(request) => {
                let order = creation::Event::Order { queue: key.clone(), request, resources: Vec::new() };
                scheduler.orders.handle(now(), order, &*scheduler);
            }
            Command::Withdraw { creation } => {
                scheduler.orders.handle(now(), creation::Event::Withdraw { creation }, &*scheduler);
            }
            Command::Insist { creation } => {
                scheduler.orders.handle(now(), creation::Event::Insist { creation }, &*scheduler);
            }
            Command::Remove { container } => {
                scheduler.order(container.invoker, Order::Remove { container: container.container });
            }
            Command::Rest { container } => {
                scheduler.order(container.invoker, Order::Rest { container: container.container });
            }
            Command::RemoveOutdated { up_to } => {
                scheduler.order_all(&Order::RemoveOutdated { queue: key.clone(), up_to });
            }
            Command::Drop { message, reason } => scheduler.drop_unrun(&message.0, &reason),
            Command::Lost { message, container, attempt } => {
                tracing::error!(activation = %message.0.activation_id, %container, attempt = attempt.0, "lost while running");
                let text =
                    format!("The activation was lost: it had begun to run in {container}, which is gone.");
                scheduler.ack(&message.0, StatusCode::WhiskError, text);
            }
            Command::HandOver { message } => {
                let text = "The queue has another owner now and the activation was not run.".to_owned();
                scheduler.ack(&message.0, StatusCode::WhiskError, text);
            }
            // Only an `Event::Submit` is answered so, and activations come by `Slot::submit`.
            Command::Refuse { message, refusal } => {
                let text = refusal_text(refusal.reason).to_owned();
                scheduler.ack(&message.0, StatusCode::WhiskError, text);
            }
            Command::Request(request) => {
                let event = arbiter::Event::Request { queue: key.clone(), request };
                self.namespace.handle(now(), event);
            }
            Command::Release { count } => {
                self.namespace.handle(now(), arbiter::Event::Release { queue: key.clone(), count });
            }
            Command::Retire => {
                scheduler.forget(self);
                self.namespace.handle(now(), arbiter::Event::Left { queue: key.clone() });
                let cancel = creation::Event::Cancel { queue: key.clone() };
                scheduler.orders.handle(now(), cancel, &*scheduler);
            }
        }
    }

    fn wake_at(&self, armed: &Armed, deadline: Option<Instant>) {
        let Some(scheduler) = self.scheduler.upgrade() else { return };
        scheduler.alarm.arm(armed, deadline, || Wake::Queue(self.key.clone()));
    }
}

impl Scheduler {
    /// Ends an activation that no container ran.
    fn drop_unrun(&self, message: &ActivationMessage, reason: &DropReason) {
        tracing::debug!(activation = %message.activation_id, ?reason, "dropped");
        self.ack(message, reason.status(), reason.text());
    }

    fn ack(&self, message: &ActivationMessage, status: StatusCode, error: String) {
        let ack = Ack { activation_id: message.activation_id, outcome: Outcome::Dropped { status, error } };
        match self.directory.controller(message.controller) {
            Some(controller) => controller.ack(ack),
            None => tracing::error!(activation = %message.activation_id, "no controller waits for it"),
        }
    }
}

/// What a refusal means to a controller.
pub(crate) fn refusal(reason: RefusalReason) -> Refusal {
    match reason {
        RefusalReason::QueueFull => Refusal::QueueFull,
        RefusalReason::NamespaceThrottled => Refusal::NamespaceThrottled,
        RefusalReason::NoCapacity => Refusal::NoCapacity,
        RefusalReason::NoInvokers => Refusal::NoInvokers,
        RefusalReason::ShuttingDown | RefusalReason::Disowned | RefusalReason::Retired => {
            Refusal::ShuttingDown
        }
    }
}

fn refusal_text(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::QueueFull | RefusalReason::NamespaceThrottled => "Too many requests",
        RefusalReason::NoCapacity => "The namespace limit is less than or equal to 0.",
        RefusalReason::NoInvokers => "No invoker can run it.",
        RefusalReason::ShuttingDown | RefusalReason::Disowned | RefusalReason::Retired => {
            "The scheduler is going down."
        }
    }
}
