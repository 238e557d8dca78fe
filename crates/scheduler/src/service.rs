use crate::message::Queued;
use crate::namespace::Namespace;
use crate::orders::Orders;
use crate::queue::{self as slot, Slot};
use base::alarm::Alarm;
use base::clock::Clock;
use base::driven::Driven;
use base::shared_map::SharedMap;
use base::shutdown::ShutdownWatch;
use base::task::{OnPanic, spawn};
use engine::arbiter::ArbiterConfig;
use engine::queue::{Event, Queue, QueueConfig, RefusalReason};
use engine::{creation, placement};
use machine::Instant;
use parking_lot::Mutex;
use rpc::{
    ActivationMessage, Directory, Epoch, Flow, Follow, InvokerCapacity, Order, Refusal, Report, ReportKind,
    SchedulerLink,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use types::{ActivationId, ContainerRef, EntityName, InvokerId, QueueKey, SchedulerId};

/// How a scheduler behaves.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// How each queue behaves.
    pub queue: QueueConfig,
    /// How the containers of a namespace are shared out.
    pub arbiter: ArbiterConfig,
    /// How orders for containers behave.
    pub creation: creation::CreationConfig,
    /// How many containers a namespace may have that has no limit of its own; `None`: any number.
    pub namespace_containers: Option<u32>,
}

/// What a scheduler needs.
#[derive(Debug)]
pub struct Deps {
    /// Which one it is.
    pub id: SchedulerId,
    /// Which owner of its queues it is; greater than that of any scheduler before it.
    pub epoch: Epoch,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The links to the other roles.
    pub directory: Arc<dyn Directory>,
}

/// The queues of one scheduler.
pub struct Scheduler {
    pub(crate) id: SchedulerId,
    pub(crate) epoch: Epoch,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) alarm: Arc<Alarm<Wake>>,
    pub(crate) orders: Driven<Orders>,
    config: Config,
    /// That of `config`, as all queues share it.
    queue_config: Arc<QueueConfig>,
    pub(crate) slots: SharedMap<Arc<QueueKey>, Arc<Slot>>,
    namespaces: Mutex<BTreeMap<EntityName, Arc<Namespace>>>,
    pub(crate) invokers: Mutex<BTreeMap<InvokerId, InvokerCapacity>>,
    /// Whether every invoker has said that it takes no orders. Before the first one is there, activations wait for it.
    all_down: AtomicBool,
    /// Whether an operator lets it take activations.
    pub(crate) enabled: AtomicBool,
    /// Each queue has a number of its own, so that its orders do too.
    queues_made: AtomicU32,
    this: Weak<Scheduler>,
}

/// Whose deadline has come.
#[derive(Debug)]
pub(crate) enum Wake {
    Queue(Arc<QueueKey>),
    Namespace(EntityName),
    Orders,
}

impl Scheduler {
    /// A scheduler without queues. Its timers run until `stop` says that all is over.
    #[must_use]
    pub fn new(config: Config, deps: Deps, stop: ShutdownWatch) -> Arc<Scheduler> {
        let alarm = Alarm::new(deps.clock.clone());
        let scheduler = Arc::new_cyclic(|this| Scheduler {
            id: deps.id,
            epoch: deps.epoch,
            clock: deps.clock,
            directory: deps.directory,
            alarm: alarm.clone(),
            orders: Driven::new(Orders::new(config.creation.clone())),
            queue_config: Arc::new(config.queue.clone()),
            config,
            slots: SharedMap::default(),
            namespaces: Mutex::new(BTreeMap::new()),
            invokers: Mutex::new(BTreeMap::new()),
            all_down: AtomicBool::new(false),
            enabled: AtomicBool::new(true),
            queues_made: AtomicU32::new(0),
            this: this.clone(),
        });
        let this = scheduler.this.clone();
        let ring = move |wake| {
            if let Some(scheduler) = this.upgrade() {
                scheduler.ring(&wake);
            }
        };
        spawn("scheduler-alarm", OnPanic::Abort, alarm.run(stop, ring));
        scheduler
    }

    /// Takes nothing new from now on; what is queued is still served.
    pub fn drain(&self) {
        let keys: Vec<_> = self.slots.pin().keys().cloned().collect();
        for key in keys {
            self.tell(&key, Event::Drain);
        }
    }

    /// The queue of that key. Keys are mostly shared, and then found to be the same without a look at the names.
    pub(crate) fn slot(&self, key: &Arc<QueueKey>) -> Option<Arc<Slot>> {
        self.slots.pin().get(key).cloned()
    }

    /// Tells a queue; one that has retired needs to hear nothing.
    pub(crate) fn tell(&self, key: &Arc<QueueKey>, event: Event<Queued>) {
        self.tell_at(self.clock.now(), key, event);
    }

    /// The same where the time is known.
    fn tell_at(&self, now: Instant, key: &Arc<QueueKey>, event: Event<Queued>) {
        if let Some(slot) = self.slots.pin().get(key) {
            slot.handle(now, event);
        }
    }

    pub(crate) fn order(&self, invoker: InvokerId, order: Order) {
        match self.directory.invoker(invoker) {
            Some(link) => link.order(self.id, order),
            None => tracing::warn!(%invoker, "order for an invoker that is not there"),
        }
    }

    pub(crate) fn order_all(&self, order: &Order) {
        let invokers: Vec<InvokerId> = self.invokers.lock().keys().copied().collect();
        for invoker in invokers {
            self.order(invoker, order.clone());
        }
    }

    /// Takes a queue that has retired off the list, unless a new one has its place already.
    pub(crate) fn forget(&self, slot: &Slot) {
        let slots = self.slots.pin();
        let same = |_: &Arc<QueueKey>, there: &Arc<Slot>| std::ptr::eq(Arc::as_ptr(there), slot);
        // An error means that another queue stands there, which is to stay.
        let _ = slots.remove_if(&*slot.key, same);
    }

    fn ring(&self, wake: &Wake) {
        let now = self.clock.now();
        match wake {
            Wake::Queue(key) => {
                if let Some(slot) = self.slot(key) {
                    slot.tick(now);
                }
            }
            Wake::Namespace(name) => {
                let namespace = self.namespaces.lock().get(name).cloned();
                if let Some(namespace) = namespace {
                    namespace.tick(now);
                }
            }
            Wake::Orders => self.orders.tick(now, self),
        }
    }

    fn slot_or_new(&self, message: &ActivationMessage) -> Arc<Slot> {
        if let Some(slot) = self.slot(&message.queue) {
            return slot;
        }
        let limit = self.limit_of(message);
        let namespace = {
            let name = &message.queue.namespace;
            let mut namespaces = self.namespaces.lock();
            let config = self.config.arbiter.clone();
            let made = || Arc::new(Namespace::new(config, name.clone(), limit, self.this.clone()));
            namespaces.entry(name.clone()).or_insert_with(made).clone()
        };
        let number = self.queues_made.fetch_add(1, Ordering::Relaxed);
        let queue = Queue::new(self.queue_config.clone(), number);
        let (key, caller) = (message.queue.clone(), message.caller.clone());
        let slot = Arc::new(Slot::new(key, caller, namespace, queue, self.this.clone()));
        self.slots.pin().get_or_insert(message.queue.clone(), slot).clone()
    }

    fn limit_of(&self, message: &ActivationMessage) -> Option<u32> {
        message.caller.limits.concurrent_invocations.or(self.config.namespace_containers)
    }
}

impl SchedulerLink for Scheduler {
    fn submit(&self, message: Arc<ActivationMessage>) -> Result<(), Refusal> {
        /// A queue that retires between look-up and submission is replaced; that this happens more often in a row
        /// means that something else is wrong.
        const TRIES: usize = 3;
        if !self.enabled.load(Ordering::Relaxed) {
            return Err(Refusal::ShuttingDown);
        }
        if self.all_down.load(Ordering::Relaxed) {
            return Err(Refusal::NoInvokers);
        }
        let now = self.clock.now();
        for _ in 0..TRIES {
            let slot = self.slot_or_new(&message);
            slot.namespace.see_limit(now, self.limit_of(&message));
            match slot.submit(now, message.clone()) {
                Ok(()) => return Ok(()),
                Err(refused) if refused.reason == RefusalReason::Retired => self.forget(&slot),
                Err(refused) => return Err(slot::refusal(refused.reason)),
            }
        }
        Err(Refusal::ShuttingDown)
    }

    fn follow(&self, follow: Follow) {
        let slot = self.slot(&follow.queue);
        let holder = slot.and_then(|slot| slot.look(|queue| queue.holder(follow.activation)));
        if let Some(ContainerRef { invoker, container }) = holder {
            self.order(invoker, Order::Follow { container, follow });
        }
    }

    fn flow(&self, container: ContainerRef, activation: ActivationId, flow: Flow) {
        let ContainerRef { invoker, container } = container;
        self.order(invoker, Order::Flow { container, activation, flow });
    }

    fn report(&self, from: InvokerId, report: Report) {
        let now = self.clock.now();
        let at = |container| ContainerRef { invoker: from, container };
        let queue = report.queue;
        let event = match report.kind {
            ReportKind::Created { creation, container, revision, slots, took } => {
                let container = at(container);
                let event = creation::Event::Created { creation, queue, container, revision, slots, took };
                return self.orders.handle(now, event, self);
            }
            ReportKind::CreationFailed { creation, failure } => {
                let event = creation::Event::Failed { creation, invoker: from, failure };
                return self.orders.handle(now, event, self);
            }
            ReportKind::Started { container, activation, attempt } => {
                Event::Started { container: at(container), activation, attempt }
            }
            ReportKind::Finished { container, activation, init, run, healthy } => {
                Event::Finished { container: at(container), activation, init, run, healthy }
            }
            ReportKind::Nack { container, activation, attempt, reason } => {
                Event::Nack { container: at(container), activation, attempt, reason }
            }
            ReportKind::Idle { container, revision, paused } => {
                let container = at(container);
                if paused {
                    let queue = queue.clone();
                    let event = creation::Event::Paused { queue, revision, container };
                    self.orders.handle(now, event, self);
                }
                Event::Idle { container, paused }
            }
            ReportKind::Gone { container } => {
                let container = at(container);
                self.orders.handle(now, creation::Event::Gone { container }, self);
                Event::Gone { container }
            }
        };
        self.tell_at(now, &queue, event);
    }

    fn announce(&self, capacity: InvokerCapacity) {
        let InvokerCapacity { invoker: id, up, memory, free, unused, orders, tags } = capacity.clone();
        {
            let mut invokers = self.invokers.lock();
            invokers.insert(id, capacity);
            self.all_down.store(invokers.values().all(|invoker| !invoker.up), Ordering::Relaxed);
        }
        let state =
            placement::InvokerState { id, up, memory, free, unused, orders, tags, dedicated: Vec::new() };
        self.orders.handle(self.clock.now(), creation::Event::Invoker(state), self);
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("id", &self.id).field("queues", &self.slots.len()).finish()
    }
}
