//! What the server does: the machines of an invoker, its pool and one for each container, driven through a trace. What they ask
//! for is done in no time, and a run takes as long as the trace says.

use super::Spent;
use super::traces::Trace;
use crate::inside::queues::key;
use crate::virtual_time::Agenda;
use engine::pool::{self, Pool};
use engine::proxy::{self, Assignment, Keep, Proxy, Report, Spec};
use machine::{Instant, Machine as _, Timers};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use types::{
    ActivationId, Attempt, ContainerId, CreationId, Epoch, QueueKey, Revision, SchedulerId, StatusCode,
};

/// Memory for everything, in MB.
pub const UNLIMITED: u64 = 1 << 50;

const EPOCH: Epoch = Epoch(1);

/// A container.
#[derive(Debug)]
struct Kept {
    proxy: Proxy,
    function: usize,
    /// Since when it has had nothing to do.
    free_since: Option<Instant>,
}

/// What is to be told to whom.
#[derive(Debug)]
enum Letter {
    Pool(pool::Event),
    Container(ContainerId, proxy::Event),
}

struct Invoker<'a> {
    trace: &'a Trace,
    config: proxy::Config,
    keys: Vec<Arc<QueueKey>>,
    pool: Pool,
    containers: BTreeMap<ContainerId, Kept>,
    /// Those with room, by function; the one that was used last is the last.
    with_room: Vec<Vec<ContainerId>>,
    /// For which activation each order was given.
    orders: BTreeMap<CreationId, usize>,
    letters: VecDeque<Letter>,
    timers: Timers<ContainerId>,
    ends: Agenda<(ContainerId, usize)>,
    spent: Spent,
}

/// What the invoker's machines have come to with so many MB of memory.
///
/// # Errors
/// When they ask for something that cannot be.
pub fn spend(trace: &Trace, memory: u64, config: proxy::Config) -> io::Result<Spent> {
    let keys = (0..trace.functions.len()).map(|function| key(function).map(Arc::new));
    let mut invoker = Invoker {
        trace,
        config,
        keys: keys.collect::<io::Result<_>>()?,
        pool: Pool::new(pool::Config { memory, ..pool::Config::default() }),
        containers: BTreeMap::new(),
        with_room: vec![Vec::new(); trace.functions.len()],
        orders: BTreeMap::new(),
        letters: VecDeque::new(),
        timers: Timers::new(),
        ends: Agenda::new(),
        spent: Spent { activations: trace.arrivals.len() as u64, ..Spent::default() },
    };
    for (number, arrival) in trace.arrivals.iter().enumerate() {
        invoker.pass(arrival.at)?;
        invoker.arrive(arrival.at, number)?;
    }
    invoker.pass(trace.end)?;
    for kept in std::mem::take(&mut invoker.containers).values() {
        invoker.held(kept.function, kept.free_since, trace.end);
    }
    Ok(invoker.spent)
}

impl Invoker<'_> {
    /// Everything until then.
    fn pass(&mut self, until: Instant) -> io::Result<()> {
        loop {
            let (end, timer) = (self.ends.next_at(), self.timers.next());
            let Some(now) = end.into_iter().chain(timer).min().filter(|now| *now <= until) else {
                return Ok(());
            };
            if let Some((_, (container, number))) = self.ends.pop_due(now) {
                let (status, took) = (StatusCode::Success, self.trace.arrivals[number].run);
                let ran = proxy::Event::Ran { activation: activation(number), status, took };
                self.letters.push_back(Letter::Container(container, ran));
            } else if let Some(container) = self.timers.pop_due(now) {
                let mut commands = Vec::new();
                if let Some(kept) = self.containers.get_mut(&container) {
                    kept.proxy.tick(now, &mut commands);
                }
                self.carry_out(now, container, commands)?;
            }
            self.deliver(now)?;
        }
    }

    fn arrive(&mut self, now: Instant, number: usize) -> io::Result<()> {
        let function = self.trace.arrivals[number].function;
        if let Some(container) = self.with_room[function].pop() {
            self.dispatch(now, container, number);
        } else {
            let creation = CreationId(number as u64);
            self.orders.insert(creation, number);
            let assignment = Assignment {
                creation,
                scheduler: SchedulerId(0),
                epoch: EPOCH,
                queue: self.keys[function].clone(),
                revision: Revision(1),
                spec: Spec {
                    kind: Arc::from("made:up"),
                    image: None,
                    memory: self.trace.functions[function].memory,
                    slots: 1,
                },
                keep: Keep::default(),
                insists: false,
                received: now,
            };
            self.letters.push_back(Letter::Pool(pool::Event::Create(assignment)));
        }
        self.deliver(now)
    }

    fn dispatch(&mut self, now: Instant, container: ContainerId, number: usize) {
        if let Some(kept) = self.containers.get_mut(&container) {
            let (function, since) = (kept.function, kept.free_since.take());
            self.held(function, since, now);
        }
        let activation = activation(number);
        let event = proxy::Event::Dispatch { activation, attempt: Attempt(1), epoch: EPOCH };
        self.letters.push_back(Letter::Container(container, event));
    }

    /// Hands over all letters, and those that come of them.
    fn deliver(&mut self, now: Instant) -> io::Result<()> {
        while let Some(letter) = self.letters.pop_front() {
            match letter {
                Letter::Pool(event) => {
                    let mut commands = Vec::new();
                    self.pool.handle(now, event, &mut commands);
                    for command in commands {
                        self.order(now, command)?;
                    }
                }
                Letter::Container(container, event) => {
                    let mut commands = Vec::new();
                    if let Some(kept) = self.containers.get_mut(&container) {
                        kept.proxy.handle(now, event, &mut commands);
                    }
                    self.carry_out(now, container, commands)?;
                }
            }
        }
        Ok(())
    }

    /// What the pool asks for.
    fn order(&mut self, now: Instant, command: pool::Command) -> io::Result<()> {
        let (container, event) = match command {
            pool::Command::Start { container, spec, assignment } => {
                let number = assignment.as_ref().and_then(|order| self.orders.get(&order.creation));
                let Some(&number) = number else { return Err(impossible("a start for nobody")) };
                let mut commands = Vec::new();
                let proxy = Proxy::new(self.config, spec, assignment.map(Box::new), &mut commands);
                let function = self.trace.arrivals[number].function;
                self.containers.insert(container, Kept { proxy, function, free_since: None });
                return self.carry_out(now, container, commands);
            }
            pool::Command::Assign { container, assignment } => {
                (container, proxy::Event::Assign(Box::new(assignment)))
            }
            pool::Command::Remove { container } => (container, proxy::Event::Remove),
            pool::Command::Evict { container } => (container, proxy::Event::Evict),
            pool::Command::Keep { container, time } => (container, proxy::Event::Keep(time)),
            pool::Command::Detach { container } => (container, proxy::Event::Detach),
            pool::Command::Refuse { creation, .. } => {
                self.orders.remove(&creation);
                self.spent.crowded += 1;
                return Ok(());
            }
            pool::Command::Drained => return Ok(()),
        };
        self.letters.push_back(Letter::Container(container, event));
        Ok(())
    }

    /// What a container asks for.
    fn carry_out(
        &mut self,
        now: Instant,
        container: ContainerId,
        commands: Vec<proxy::Command>,
    ) -> io::Result<()> {
        for command in commands {
            let event = match command {
                proxy::Command::Create(_) => {
                    if let Some(kept) = self.containers.get(&container) {
                        self.spent.start(&self.trace.functions[kept.function]);
                    }
                    proxy::Event::Created
                }
                proxy::Command::Initialise { activation } => proxy::Event::Initialised {
                    activation,
                    status: StatusCode::Success,
                    took: Duration::ZERO,
                },
                proxy::Command::Run { activation } => {
                    let number = usize::try_from(activation.bits()).unwrap_or_default();
                    self.ends.at(now + self.trace.arrivals[number].run, (container, number));
                    continue;
                }
                proxy::Command::TakeLogs { activation } => proxy::Event::LogsTaken { activation },
                proxy::Command::Pause => proxy::Event::Paused,
                proxy::Command::Resume => proxy::Event::Resumed,
                proxy::Command::Destroy => proxy::Event::Destroyed,
                proxy::Command::Finish { .. } => continue,
                proxy::Command::Report(report) => {
                    self.hear(now, container, report)?;
                    continue;
                }
                proxy::Command::Tell(note) => {
                    self.letters.push_back(Letter::Pool(pool::Event::Note { container, note }));
                    continue;
                }
            };
            self.letters.push_back(Letter::Container(container, event));
        }
        self.look_at(now, container);
        Ok(())
    }

    /// Its next deadline, or its end.
    fn look_at(&mut self, now: Instant, container: ContainerId) {
        let Some(kept) = self.containers.get(&container) else { return };
        if kept.proxy.is_gone() {
            let (function, since) = (kept.function, kept.free_since);
            self.containers.remove(&container);
            self.timers.clear(&container);
            self.held(function, since, now);
        } else if let Some(at) = kept.proxy.next_deadline() {
            self.timers.set(container, at);
        } else {
            self.timers.clear(&container);
        }
    }

    /// What the scheduler would hear.
    fn hear(&mut self, now: Instant, container: ContainerId, report: Report) -> io::Result<()> {
        let Some(kept) = self.containers.get_mut(&container) else {
            return Err(impossible("a report of nobody"));
        };
        match report {
            Report::Created { creation, .. } => {
                let number = self.orders.remove(&creation).ok_or_else(|| impossible("a second container"))?;
                self.dispatch(now, container, number);
            }
            Report::Finished { healthy: true, .. } => {
                kept.free_since = Some(now);
                self.with_room[kept.function].push(container);
            }
            Report::Idle { .. } | Report::Gone => {
                self.with_room[kept.function].retain(|other| *other != container);
            }
            Report::Started { .. } => {}
            other => return Err(impossible(&format!("{other:?}"))),
        }
        Ok(())
    }

    fn held(&mut self, function: usize, since: Option<Instant>, now: Instant) {
        if let Some(since) = since {
            self.spent.hold(&self.trace.functions[function], (now - since).as_secs_f64());
        }
    }
}

fn activation(number: usize) -> ActivationId {
    ActivationId::from_bits(number as u128)
}

fn impossible(what: &str) -> io::Error {
    io::Error::other(format!("the invoker's machines have come to {what}"))
}
