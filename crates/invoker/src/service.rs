use crate::answers::{self, Answers};
use crate::mailbox::{Refused, Sender, mailbox};
use crate::task::{Mail, Task};
use base::alarm::{Alarm, Armed};
use base::clock::Clock;
use base::driven::{Driven, Shell};
use base::shared_map::SharedMap;
use base::shutdown::{Phase, ShutdownWatch};
use base::task::{OnPanic, spawn};
use container::ContainerFactory;
use engine::pool::{self, Pool};
use engine::proxy::{self, Assignment, Keep, Spec};
use machine::Instant;
use parking_lot::Mutex;
use rpc::{
    ActivationMessage, Attempt, CreateOrder, Directory, Epoch, Follow, InvokerCapacity, InvokerLink,
    NackReason, Order, Report, ReportKind, STREAM_WINDOW,
};
use secrets::Secrets;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use store::{ActivationStore, ArtifactStore};
use tokio::sync::watch;
use types::{ByteSize, ContainerId, InvokerId, Keeping, QueueKey, SchedulerId};

/// How an invoker behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Memory and stem cells.
    pub pool: pool::Config,
    /// The times of an idle container.
    pub proxy: proxy::Config,
    /// The greatest result of an activation.
    pub payload: ByteSize,
    /// How much of a greater one is shown (CLS-12).
    pub truncation: ByteSize,
    /// Which records are kept (ATV-22).
    pub keeping: Keeping,
    /// Whether the answer to a blocking call waits until its record is on the disk. If not, a power cut can take the
    /// records of the last moments, whose answers are out; the end of the process takes none either way.
    pub durable_answers: bool,
}

/// What an invoker needs.
#[derive(Debug)]
pub struct Deps {
    /// Which one it is.
    pub id: InvokerId,
    /// The schedulers that it works for.
    pub schedulers: Vec<SchedulerId>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The links to the other roles.
    pub directory: Arc<dyn Directory>,
    /// Where the code is.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// Where the records go.
    pub activations: Arc<dyn ActivationStore>,
    /// Makes the keys that actions get.
    pub secrets: Arc<Secrets>,
    /// What makes containers.
    pub factory: Arc<dyn ContainerFactory>,
}

/// The containers of one invoker.
pub struct Invoker {
    pub(crate) config: Config,
    pub(crate) deps: Deps,
    pub(crate) alarm: Arc<Alarm<Wake>>,
    pub(crate) pool: Driven<Pool>,
    containers: SharedMap<ContainerId, Sender<Mail>>,
    /// What each scheduler was told last.
    announced: Mutex<BTreeMap<SchedulerId, InvokerCapacity>>,
    /// Names of containers begin with it, so that no two starts of an invoker use the same one.
    pub(crate) generation: u64,
    /// Answers that wait for the disk.
    pub(crate) answers: Arc<Answers>,
    pub(crate) drained: watch::Sender<bool>,
    /// Whether it stops for good, so that no operator can let it go on.
    pub(crate) stopping: AtomicBool,
    this: Weak<Invoker>,
}

/// Whose deadline has come.
#[derive(Debug)]
pub(crate) enum Wake {
    Container(ContainerId),
    Pool,
}

impl Invoker {
    /// An invoker that takes orders once it has been started.
    #[must_use]
    pub fn new(config: Config, deps: Deps, stop: ShutdownWatch) -> Arc<Invoker> {
        let alarm = Alarm::new(deps.clock.clone());
        let generation = deps.clock.unix_millis();
        let invoker = Arc::new_cyclic(|this| Invoker {
            pool: Driven::new(Pool::new(config.pool.clone())),
            config,
            deps,
            alarm: alarm.clone(),
            containers: SharedMap::default(),
            announced: Mutex::new(BTreeMap::new()),
            generation,
            answers: Arc::default(),
            drained: watch::Sender::new(false),
            stopping: AtomicBool::new(false),
            this: this.clone(),
        });
        let this = invoker.this.clone();
        let ring = move |wake| {
            if let Some(invoker) = this.upgrade() {
                invoker.ring(&wake);
            }
        };
        spawn("invoker-alarm", OnPanic::Abort, alarm.run(stop.clone(), ring));
        let answering = answers::run(invoker.this.clone(), invoker.answers.clone());
        spawn("answers", OnPanic::Abort, async move {
            tokio::select! {
                () = answering => {}
                () = stop.reached(Phase::Stopped) => {}
            }
        });
        invoker
    }

    /// Removes what an earlier process left behind, tells the schedulers that it is there, and begins to make stem
    /// cells.
    pub async fn start(&self) {
        self.deps.factory.sweep().await;
        self.open();
    }

    /// The same where nothing of an earlier process is left: another invoker with the same factory has been started.
    pub fn open(&self) {
        self.announce();
        self.tell_pool(pool::Event::Open);
    }

    /// Takes no more orders and removes every container once it is idle; returns when none is left.
    pub async fn drain(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.tell_pool(pool::Event::Drain);
        // The sender is this very invoker's, so the wait cannot fail.
        let _ = self.drained.subscribe().wait_for(|drained| *drained).await;
    }

    /// How many containers there are, stem cells included.
    #[must_use]
    pub fn containers(&self) -> usize {
        self.containers.len()
    }

    /// A name that no other container of this machine has had: several invokers may be made in the same instant.
    pub(crate) fn container_name(&self, container: ContainerId) -> String {
        format!("c{:x}-{}-{}", self.generation, self.deps.id.0, container.0)
    }

    pub(crate) fn tell_pool(&self, event: pool::Event) {
        self.pool.handle(self.deps.clock.now(), event, self);
        self.announce();
    }

    /// Tells the schedulers how much memory is free, where that has changed.
    fn announce(&self) {
        let (invoker, memory) = (self.deps.id, self.config.pool.memory);
        for id in &self.deps.schedulers {
            let mut announced = self.announced.lock();
            let capacity = self.pool.look(|pool| InvokerCapacity {
                invoker,
                up: !pool.is_draining(),
                memory,
                free: pool.free(),
                unused: pool.unused(),
                orders: pool.orders_of(*id),
                tags: Vec::new(),
            });
            if announced.get(id) == Some(&capacity) {
                continue;
            }
            announced.insert(*id, capacity.clone());
            drop(announced);
            if let Some(scheduler) = self.deps.directory.scheduler(*id) {
                scheduler.announce(capacity);
            }
        }
    }

    pub(crate) fn report(&self, to: SchedulerId, queue: Arc<QueueKey>, kind: ReportKind) {
        match self.deps.directory.scheduler(to) {
            Some(scheduler) => scheduler.report(self.deps.id, Report { queue, kind }),
            None => tracing::warn!(scheduler = %to, "report for a scheduler that is not there"),
        }
    }

    /// Puts something into the mailbox of a container, unless there is none, or it is full.
    fn mail(&self, container: ContainerId, mail: Mail) -> Result<(), NackReason> {
        let containers = self.containers.pin();
        let mailbox = containers.get(&container).ok_or(NackReason::Unknown)?;
        mailbox.send(mail).map_err(|refused| match refused {
            Refused::Full => NackReason::NoCredit,
            Refused::Closed => NackReason::Unknown,
        })
    }

    /// Puts a follower's request into the mailbox of a container, while that has room enough for what matters more. A
    /// follower asks again.
    fn pass_on(&self, container: ContainerId, follow: Follow) {
        let containers = self.containers.pin();
        if let Some(mailbox) = containers.get(&container)
            && mailbox.is_roomy()
        {
            let _ = mailbox.send(Mail::Follow(follow));
        }
    }

    /// Tells a container something that it may hear too late without harm: it is going then anyway.
    fn tell(&self, container: ContainerId, event: proxy::Event) {
        if self.mail(container, Mail::Event(event)) == Err(NackReason::NoCredit) {
            tracing::error!(%container, "mailbox of a container is full");
        }
    }

    pub(crate) fn forget(&self, container: ContainerId) {
        self.containers.pin().remove(&container);
    }

    fn ring(&self, wake: &Wake) {
        match wake {
            Wake::Container(container) => {
                // A container that is gone has no deadline.
                let _ = self.mail(*container, Mail::Tick);
            }
            Wake::Pool => {
                self.pool.tick(self.deps.clock.now(), self);
                self.announce();
            }
        }
    }

    fn begin(&self, container: ContainerId, spec: Spec, assignment: Option<Assignment>) {
        /// Beside the activations that it has credit for and the chunks of their responses, a container hears of little at a time: an assignment, a
        /// removal, a tick.
        const MAILBOX: usize = 16;
        let Some(this) = self.this.upgrade() else { return };
        let slots = usize::try_from(spec.slots).unwrap_or(usize::MAX >> 8);
        let (send, receive) = mailbox(slots * (2 + STREAM_WINDOW) + MAILBOX);
        self.containers.pin().insert(container, send);
        spawn("container", OnPanic::Log, Task::new(this, container, spec, assignment).run(receive));
    }

    fn dispatch(
        &self,
        from: SchedulerId,
        container: ContainerId,
        epoch: Epoch,
        attempt: Attempt,
        message: Arc<ActivationMessage>,
    ) {
        let (queue, activation) = (message.queue.clone(), message.activation_id);
        let mail = Mail::Dispatch { from, epoch, attempt, message };
        if let Err(reason) = self.mail(container, mail) {
            self.report(from, queue, ReportKind::Nack { container, activation, attempt, reason });
        }
    }

    fn assignment(&self, from: SchedulerId, order: CreateOrder) -> Assignment {
        let action = &order.action;
        Assignment {
            creation: order.creation,
            scheduler: from,
            epoch: order.epoch,
            queue: order.queue,
            revision: action.revision,
            spec: Spec {
                kind: action.kind.clone(),
                image: action.image.clone(),
                memory: action.limits.memory,
                slots: action.slots,
            },
            keep: Keep { count: order.keep_count, timeout: order.keep_timeout },
            insists: order.insists,
            received: self.deps.clock.now(),
        }
    }
}

impl InvokerLink for Invoker {
    fn order(&self, from: SchedulerId, order: Order) {
        match order {
            Order::Dispatch { container, epoch, attempt, message } => {
                self.dispatch(from, container, epoch, attempt, message);
            }
            Order::Recall { queue, container, activation, attempt } => {
                let recall = Mail::Event(proxy::Event::Recall { activation, attempt });
                if let Err(reason) = self.mail(container, recall) {
                    self.report(from, queue, ReportKind::Nack { container, activation, attempt, reason });
                }
            }
            Order::Create(order) => self.tell_pool(pool::Event::Create(self.assignment(from, order))),
            Order::Follow { container, follow } => self.pass_on(container, follow),
            Order::Flow { container, activation, flow } => {
                // The activation may have ended, and its container with it.
                let _ = self.mail(container, Mail::Flow { activation, flow });
            }
            Order::Remove { container } => self.tell(container, proxy::Event::Remove),
            Order::Rest { container } => self.tell(container, proxy::Event::Rest),
            Order::RemoveOutdated { queue, up_to } => {
                self.tell_pool(pool::Event::RemoveOutdated { queue, up_to });
            }
        }
    }
}

impl Shell<Pool> for Invoker {
    fn carry_out(&self, command: pool::Command) {
        match command {
            pool::Command::Start { container, spec, assignment } => self.begin(container, spec, assignment),
            pool::Command::Assign { container, assignment } => {
                self.tell(container, proxy::Event::Assign(Box::new(assignment)));
            }
            pool::Command::Remove { container } => self.tell(container, proxy::Event::Remove),
            pool::Command::Evict { container } => self.tell(container, proxy::Event::Evict),
            pool::Command::Keep { container, time } => self.tell(container, proxy::Event::Keep(time)),
            pool::Command::Detach { container } => self.tell(container, proxy::Event::Detach),
            pool::Command::Refuse { scheduler, queue, creation, failure } => {
                self.report(scheduler, queue, ReportKind::CreationFailed { creation, failure });
            }
            pool::Command::Drained => {
                self.drained.send_replace(true);
            }
        }
    }

    fn wake_at(&self, armed: &Armed, deadline: Option<Instant>) {
        self.alarm.arm(armed, deadline, || Wake::Pool);
    }
}

impl fmt::Debug for Invoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invoker")
            .field("id", &self.deps.id)
            .field("containers", &self.containers.len())
            .finish()
    }
}
