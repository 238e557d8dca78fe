//! An invoker: its pool and the machines of its containers, wired as in production.

use crate::client::End;
use crate::container::Container;
use crate::invariants;
use crate::link::Link;
use crate::message::{Action, Activation};
use crate::plan::KIND;
use crate::scheduler::{FromInvoker, ToInvoker};
use crate::world::{Delivery, Who, World};
use engine::pool::{self, Pool};
use engine::proxy::{self, Assignment, Keep, Note, Proxy, Spec};
use engine::queue::Message as _;
use machine::{Instant, Machine as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use types::{ActivationId, Attempt, ContainerId, CreationId, Epoch, NackReason, SchedulerId, StatusCode};

/// Ids of containers of one incarnation begin so far above those of the one before.
const IDS_OF_INCARNATION: u64 = 1_000_000;

/// Within this time all containers of an invoker have heard that a link is given up.
const TIME_TO_TELL: Duration = Duration::from_millis(1);

/// One invoker.
#[derive(Debug)]
pub(crate) struct Invoker {
    pub(crate) up: bool,
    /// How often it was started.
    pub(crate) incarnation: u32,
    pub(crate) pool: Pool,
    pub(crate) proxies: BTreeMap<ContainerId, Proxy>,
    /// Streams before this one have been given up: from that time on nothing that came on them may begin.
    pub(crate) fenced: (u64, Instant),
    /// What is really there.
    pub(crate) containers: BTreeMap<ContainerId, Container>,
    pub(crate) link: Link,
    config: pool::Config,
    /// When the last letter of a mailbox arrives, so that they stay in order.
    mail: BTreeMap<ContainerId, Instant>,
    announced: Option<(u64, u64, bool, u64)>,
}

impl Invoker {
    pub(crate) fn new(config: pool::Config) -> Invoker {
        Invoker {
            up: false,
            incarnation: 0,
            pool: Pool::new(config.clone()),
            proxies: BTreeMap::new(),
            fenced: (0, Instant::ZERO),
            containers: BTreeMap::new(),
            link: Link::new(),
            config,
            mail: BTreeMap::new(),
            announced: None,
        }
    }

    fn clear(&mut self) {
        self.up = false;
        self.proxies.clear();
        self.containers.clear();
        self.mail.clear();
        self.announced = None;
    }
}

impl World {
    pub(crate) fn start_invoker(&mut self, number: usize) {
        let invoker = &mut self.invokers[number];
        invoker.up = true;
        invoker.incarnation += 1;
        let first = u64::from(invoker.incarnation) * IDS_OF_INCARNATION;
        let config = pool::Config { first_container: ContainerId(first), ..invoker.config.clone() };
        invoker.pool = Pool::new(config);
        self.connect(number);
        self.tell_pool(number, pool::Event::Open);
    }

    /// Joins the two again, if both are there.
    pub(crate) fn connect(&mut self, number: usize) {
        let invoker = &mut self.invokers[number];
        if invoker.up && self.scheduler.up && !invoker.link.up {
            invoker.link.connect();
            invoker.announced = None;
            self.announce(number);
        }
    }

    /// The process dies, and its containers with it.
    pub(crate) fn crash_invoker(&mut self, number: usize) {
        if self.invokers[number].up {
            self.end_invoker(number);
            let back = self.rng.millis(2_500, 6_000);
            self.after(back, Delivery::RestartInvoker { invoker: number });
        }
    }

    fn end_invoker(&mut self, number: usize) {
        self.lose_link(number, true);
        self.invokers[number].clear();
        let (epoch, heard) = (self.scheduler.epoch, self.rng.millis(1, 2_000));
        self.after(heard, Delivery::InvokerLost { invoker: number, epoch });
    }

    pub(crate) fn drain_invoker(&mut self, number: usize) {
        if self.invokers[number].up {
            self.tell_pool(number, pool::Event::Drain);
        }
    }

    /// A drained invoker has sent all that it had to send, and ends.
    pub(crate) fn exit_invoker(&mut self, number: usize, incarnation: u32) {
        if self.invokers[number].up && self.invokers[number].incarnation == incarnation {
            self.end_invoker(number);
            let back = self.rng.millis(2_500, 6_000);
            self.after(back, Delivery::RestartInvoker { invoker: number });
        }
    }

    /// The stream breaks while both live. First the invoker notices, and starts nothing more of what it was given; then
    /// the scheduler counts on that; then they find each other again.
    pub(crate) fn break_link(&mut self, number: usize) {
        if !self.invokers[number].link.up {
            return;
        }
        self.lose_link(number, false);
        let incarnation = self.invokers[number].incarnation;
        let (epoch, generation) = (self.scheduler.epoch, self.invokers[number].link.generation);
        let noticed = self.rng.millis(1, 1_000);
        self.after(noticed, Delivery::SchedulerLost { invoker: number, incarnation });
        let counted_on = self.rng.millis(1_001, 2_000);
        self.after(counted_on, Delivery::InvokerLost { invoker: number, epoch });
        let again = self.rng.millis(2_001, 5_000);
        self.after(again, Delivery::Reconnect { invoker: number, generation });
    }

    pub(crate) fn scheduler_lost(&mut self, number: usize, incarnation: u32) {
        if self.invokers[number].up && self.invokers[number].incarnation == incarnation {
            self.tell_pool(number, pool::Event::SchedulerLost(SchedulerId(0)));
            self.invokers[number].fenced = (self.invokers[number].link.generation, self.now + TIME_TO_TELL);
        }
    }

    /// What the scheduler orders, handed on as an invoker's shell does.
    pub(crate) fn hear_scheduler(&mut self, number: usize, what: ToInvoker) {
        match what {
            ToInvoker::Create { creation, action, epoch, insists } => {
                let assignment = Assignment { insists, ..self.assignment(creation, &action, epoch) };
                self.tell_pool(number, pool::Event::Create(assignment));
            }
            ToInvoker::RemoveOutdated { action, up_to } => {
                let queue = self.scheduler.keys[action].clone();
                self.tell_pool(number, pool::Event::RemoveOutdated { queue, up_to });
            }
            ToInvoker::Remove { container } => self.mail(number, container, proxy::Event::Remove),
            ToInvoker::Rest { container } => self.mail(number, container, proxy::Event::Rest),
            ToInvoker::Recall { container, activation, attempt } => {
                self.mail(number, container, proxy::Event::Recall { activation, attempt });
            }
            ToInvoker::Dispatch { container, attempt, message, epoch } => {
                let activation = message.id();
                match self.invokers[number].containers.get_mut(&container) {
                    Some(there) => there.held.insert(activation, message),
                    None => None,
                };
                self.mail(number, container, proxy::Event::Dispatch { activation, attempt, epoch });
            }
        }
    }

    fn assignment(&self, creation: CreationId, action: &Arc<Action>, epoch: Epoch) -> Assignment {
        Assignment {
            creation,
            scheduler: SchedulerId(0),
            epoch,
            queue: self.scheduler.keys[action.number].clone(),
            revision: action.revision,
            spec: Spec {
                kind: Arc::from(KIND),
                image: None,
                memory: action.facts.memory,
                slots: action.facts.concurrency,
            },
            keep: Keep::default(),
            insists: false,
            received: self.now,
        }
    }

    /// Puts a letter into a container's mailbox.
    fn mail(&mut self, number: usize, container: ContainerId, event: proxy::Event) {
        let delay = self.rng.micros(1, 30);
        let last = self.invokers[number].mail.entry(container).or_insert(Instant::ZERO);
        let at = (*last).max(self.now + delay);
        *last = at;
        let incarnation = self.invokers[number].incarnation;
        self.at(at, Delivery::Mail { invoker: number, incarnation, container, event });
    }

    pub(crate) fn mail_arrives(
        &mut self,
        number: usize,
        incarnation: u32,
        container: ContainerId,
        event: proxy::Event,
    ) {
        if !self.invokers[number].up || self.invokers[number].incarnation != incarnation {
            return;
        }
        if self.invokers[number].proxies.contains_key(&container) {
            return self.tell_proxy(number, container, event);
        }
        // There is no such container any more; whoever waits for an answer gets one.
        match event {
            proxy::Event::Dispatch { activation, attempt, .. }
            | proxy::Event::Recall { activation, attempt } => {
                self.unknown(number, container, activation, attempt);
            }
            proxy::Event::Assign(order) => self.note(number, container, Note::Returned(order)),
            _ => {}
        }
    }

    fn unknown(&mut self, number: usize, container: ContainerId, activation: ActivationId, attempt: Attempt) {
        let (reason, action) = (NackReason::Unknown, self.oracle.known(activation).action);
        let report = proxy::Report::Nack { activation, attempt, reason };
        let revision = types::Revision(0);
        self.send_to_scheduler(number, FromInvoker::Report { action, revision, container, report });
    }

    pub(crate) fn tell_proxy(&mut self, number: usize, container: ContainerId, event: proxy::Event) {
        let now = self.now;
        let Some(proxy) = self.invokers[number].proxies.get_mut(&container) else { return };
        let mut out = Vec::new();
        proxy.handle(now, event, &mut out);
        self.proxy_said(number, container, out);
    }

    pub(crate) fn tick_proxy(&mut self, number: usize, incarnation: u32, container: ContainerId) {
        let now = self.now;
        if self.invokers[number].incarnation != incarnation {
            return;
        }
        let Some(proxy) = self.invokers[number].proxies.get_mut(&container) else { return };
        let mut out = Vec::new();
        proxy.tick(now, &mut out);
        self.proxy_said(number, container, out);
    }

    fn proxy_said(&mut self, number: usize, container: ContainerId, out: Vec<proxy::Command>) {
        for command in out {
            self.trace(|_| format!("  {container} of invoker{number}: {command:?}"));
            self.obey_proxy(number, container, command);
        }
        let Some(proxy) = self.invokers[number].proxies.get(&container) else { return };
        if proxy.is_gone() {
            let invoker = &mut self.invokers[number];
            invoker.proxies.remove(&container);
            invoker.containers.remove(&container);
            return;
        }
        let (deadline, incarnation) = (proxy.next_deadline(), self.invokers[number].incarnation);
        self.arm(Who::Proxy { invoker: number, incarnation, container }, deadline);
    }

    fn obey_proxy(&mut self, number: usize, container: ContainerId, command: proxy::Command) {
        use proxy::Command;
        match command {
            Command::Create(spec) => self.make_container(number, container, spec),
            Command::Initialise { activation } => self.initialise(number, container, activation),
            Command::Run { activation } => self.run_code(number, container, activation),
            Command::TakeLogs { activation } => self.take_logs(number, container, activation),
            Command::Finish { activation } => self.finish(number, container, activation),
            Command::Pause => self.pause(number, container),
            Command::Resume => self.resume(number, container),
            Command::Destroy => self.destroy(number, container),
            Command::Report(report) => self.report_of(number, container, report),
            Command::Tell(note) => self.note(number, container, note),
        }
    }

    /// The record is on the disk before the controller hears of it.
    fn finish(&mut self, number: usize, container: ContainerId, activation: ActivationId) {
        let held = self.invokers[number].containers.get_mut(&container);
        let status = held.and_then(|there| there.forget(activation)).unwrap_or(StatusCode::WhiskError);
        self.record(activation, End::Ran(status));
        let delay = self.delay();
        self.after(delay, Delivery::Ack { id: activation, ended: End::Ran(status) });
    }

    fn report_of(&mut self, number: usize, container: ContainerId, report: proxy::Report) {
        let invoker = &mut self.invokers[number];
        let generation = invoker.link.generation;
        if let Some(there) = invoker.containers.get_mut(&container) {
            match &report {
                proxy::Report::Created { .. } => there.tenure = Some(generation),
                proxy::Report::Nack { activation, .. } => {
                    there.forget(*activation);
                }
                _ => {}
            }
        }
        if let proxy::Report::Started { activation, attempt } = report {
            invariants::one_run::at_report(self, number, container, activation, attempt);
        }
        let tenant = self.invokers[number].proxies.get(&container).and_then(Proxy::tenant).cloned();
        let Some(tenant) = tenant else {
            return self.violate("invoker", || format!("{container} reports {report:?} to nobody"));
        };
        let (action, revision) = (self.scheduler.action_of(&tenant.queue), tenant.revision);
        self.send_to_scheduler(number, FromInvoker::Report { action, revision, container, report });
    }

    fn note(&mut self, number: usize, container: ContainerId, note: Note) {
        self.tell_pool(number, pool::Event::Note { container, note });
    }

    pub(crate) fn tell_pool(&mut self, number: usize, event: pool::Event) {
        let mut out = Vec::new();
        self.trace(|_| format!("  pool of invoker{number}: {event:?}"));
        self.invokers[number].pool.handle(self.now, event, &mut out);
        self.pool_said(number, out);
    }

    pub(crate) fn tick_pool(&mut self, number: usize, incarnation: u32) {
        if self.invokers[number].up && self.invokers[number].incarnation == incarnation {
            let mut out = Vec::new();
            self.invokers[number].pool.tick(self.now, &mut out);
            self.pool_said(number, out);
        }
    }

    fn pool_said(&mut self, number: usize, out: Vec<pool::Command>) {
        for command in out {
            self.trace(|_| format!("  pool of invoker{number} wants {command:?}"));
            self.obey_pool(number, command);
        }
        let incarnation = self.invokers[number].incarnation;
        let deadline = self.invokers[number].pool.next_deadline();
        self.arm(Who::Pool { invoker: number, incarnation }, deadline);
        self.announce(number);
    }

    fn obey_pool(&mut self, number: usize, command: pool::Command) {
        use pool::Command;
        match command {
            Command::Start { container, spec, assignment } => {
                let mut out = Vec::new();
                let proxy = Proxy::new(self.plan.proxy, spec, assignment.map(Box::new), &mut out);
                self.invokers[number].proxies.insert(container, proxy);
                self.proxy_said(number, container, out);
            }
            Command::Assign { container, assignment } => {
                self.mail(number, container, proxy::Event::Assign(Box::new(assignment)));
            }
            Command::Remove { container } => self.mail(number, container, proxy::Event::Remove),
            Command::Evict { container } => self.mail(number, container, proxy::Event::Evict),
            Command::Keep { container, time } => self.mail(number, container, proxy::Event::Keep(time)),
            Command::Detach { container } => self.mail(number, container, proxy::Event::Detach),
            Command::Refuse { creation, failure, .. } => {
                self.send_to_scheduler(number, FromInvoker::Refused { creation, failure });
            }
            Command::Drained => {
                let incarnation = self.invokers[number].incarnation;
                let flushed = self.flushed(number) + Duration::from_secs(1);
                self.at(flushed, Delivery::ExitInvoker { invoker: number, incarnation });
            }
        }
    }

    /// Tells the scheduler how much memory is free, where that has changed.
    fn announce(&mut self, number: usize) {
        let pool = &self.invokers[number].pool;
        let (free, unused, up) = (pool.free(), pool.unused(), !pool.is_draining());
        let orders = pool.orders_of(SchedulerId(0));
        if self.invokers[number].link.up
            && self.invokers[number].announced != Some((free, unused, up, orders))
        {
            self.invokers[number].announced = Some((free, unused, up, orders));
            self.send_to_scheduler(number, FromInvoker::Announce { free, unused, up, orders });
        }
    }

    /// The activation that a container was given.
    pub(crate) fn held(
        &self,
        number: usize,
        container: ContainerId,
        id: ActivationId,
    ) -> Option<&Activation> {
        self.invokers[number].containers.get(&container)?.held.get(&id)
    }
}
