//! A queue with scripted containers: events in, commands out, as short texts.

mod delivery;
mod properties;
mod regressions;
mod rules;
mod scaling;

use super::decide::{Rules, UpstreamRules};
use super::*;
use crate::arbiter::{Answer, NamespaceView};
use machine::Machine;
use std::time::Duration;
use types::{ActivationId, Attempt, ContainerId, ContainerRef, CreationId, InvokerId, NackReason, Revision};

#[derive(Clone, Debug)]
struct Note {
    id: u64,
    action: Facts,
    size: u64,
    blocking: bool,
    caused: bool,
    repeatable: bool,
}

#[derive(Clone, Debug)]
struct Facts {
    revision: u64,
    facts: ActionFacts,
}

impl Message for Note {
    type Action = Facts;

    fn id(&self) -> ActivationId {
        activation(self.id)
    }
    fn revision(&self) -> Revision {
        Revision(self.action.revision)
    }
    fn action(&self) -> &Facts {
        &self.action
    }
    fn facts(&self) -> ActionFacts {
        self.action.facts
    }
    fn size(&self) -> u64 {
        self.size
    }
    fn blocking(&self) -> bool {
        self.blocking
    }
    fn caused(&self) -> bool {
        self.caused
    }
    fn repeatable(&self) -> bool {
        self.repeatable
    }
    fn with_action(&self, action: &Facts) -> Note {
        Note { action: action.clone(), ..self.clone() }
    }
}

const PLAIN: ActionFacts = ActionFacts { concurrency: 1, instances: None, memory: 256, blackbox: false };

/// An activation of revision 1.
fn note(id: u64) -> Note {
    let action = Facts { revision: 1, facts: PLAIN };
    Note { id, action, size: 100, blocking: true, caused: false, repeatable: false }
}

fn activation(id: u64) -> ActivationId {
    ActivationId::from_bits(id.into())
}

fn container(number: u64) -> ContainerRef {
    ContainerRef { invoker: InvokerId((number / 100) as u32), container: ContainerId(number) }
}

fn started(id: u64, at: u64, attempt: u32) -> Event<Note> {
    Event::Started { container: container(at), activation: activation(id), attempt: Attempt(attempt) }
}

fn finished(id: u64, at: u64) -> Event<Note> {
    ended(id, at, 10, true)
}

fn ended(id: u64, at: u64, millis: u64, healthy: bool) -> Event<Note> {
    let run = Duration::from_millis(millis);
    Event::Finished { container: container(at), activation: activation(id), init: None, run, healthy }
}

fn nack(id: u64, at: u64, attempt: u32, reason: NackReason) -> Event<Note> {
    Event::Nack { container: container(at), activation: activation(id), attempt: Attempt(attempt), reason }
}

fn paused(at: u64) -> Event<Note> {
    Event::Idle { container: container(at), paused: true }
}

fn gone(at: u64) -> Event<Note> {
    Event::Gone { container: container(at) }
}

/// A queue and a clock. An arbiter that grants everything answers requests unless `grants` is false.
struct Bed {
    queue: Queue<Note>,
    now: Instant,
    grants: bool,
    /// Tokens that were requested last, while `grants` is false.
    wanted: u32,
    concurrency: u32,
}

impl Bed {
    fn new() -> Bed {
        Bed::with(QueueConfig::default())
    }

    fn with(config: QueueConfig) -> Bed {
        let now = Instant::from_millis(10_000);
        Bed { queue: Queue::new(config, 7), now, grants: true, wanted: 0, concurrency: 1 }
    }

    fn upstream() -> Bed {
        let rules = Rules::Upstream(UpstreamRules::default());
        Bed::with(QueueConfig { rules, ..QueueConfig::default() })
    }

    /// With containers 1 to `count`, which have nothing to do.
    fn warm(count: u64) -> Bed {
        let mut bed = Bed::new();
        bed.warm_up(count);
        bed
    }

    fn warm_up(&mut self, count: u64) {
        for number in 1..=count {
            self.on(Event::Submit { message: self.message(number + 1_000_000) });
        }
        self.on(Event::Tokens(answer(u32::try_from(count).unwrap())));
        for number in 1..=count {
            let creation = self.oldest_order();
            self.created(creation, number);
        }
        for number in 1..=count {
            self.on(finished(number + 1_000_000, number));
        }
        assert_eq!(self.queue.stats().serving, u32::try_from(count).unwrap());
        assert_eq!(self.queue.stats().waiting, 0);
    }

    fn message(&self, id: u64) -> Note {
        let mut message = note(id);
        message.action.facts.concurrency = self.concurrency;
        message
    }

    fn oldest_order(&self) -> u64 {
        *self.orders().first().expect("a container on order")
    }

    /// The numbers of the open orders, without the number of the queue.
    fn orders(&self) -> Vec<u64> {
        self.queue.supply.orders().map(|creation| creation.0 & 0xffff_ffff).collect()
    }

    fn submit(&mut self, id: u64) -> Vec<String> {
        self.on(Event::Submit { message: self.message(id) })
    }

    fn created(&mut self, creation: u64, number: u64) -> Vec<String> {
        self.created_as(creation, number, 1)
    }

    fn created_as(&mut self, creation: u64, number: u64, revision: u64) -> Vec<String> {
        self.on(Event::Created {
            creation: CreationId((7 << 32) | creation),
            container: container(number),
            revision: Revision(revision),
            slots: self.concurrency,
            took: Duration::from_millis(200),
        })
    }

    fn creation_failed(&mut self, creation: u64, failure: crate::creation::StartFailure) -> Vec<String> {
        self.on(Event::CreationFailed { creation: CreationId((7 << 32) | creation), failure })
    }

    fn on(&mut self, event: Event<Note>) -> Vec<String> {
        let mut out = Vec::new();
        self.queue.handle(self.now, event, &mut out);
        self.carry_out(out)
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, millis: u64) -> Vec<String> {
        let end = self.now + Duration::from_millis(millis);
        let mut texts = Vec::new();
        while let Some(at) = self.queue.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let mut out = Vec::new();
            self.queue.tick(self.now, &mut out);
            texts.extend(self.carry_out(out));
            let next = self.queue.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "a deadline at {at:?} was not acted upon");
        }
        self.now = end;
        texts
    }

    fn carry_out(&mut self, commands: Vec<Command<Note>>) -> Vec<String> {
        let mut texts = Vec::new();
        for command in commands {
            if let Command::Request(request) = &command {
                self.wanted = request.want;
                if self.grants {
                    let granted = request.want;
                    texts.extend(self.on(Event::Tokens(answer(granted))));
                }
                continue;
            }
            texts.push(text(&command));
        }
        texts
    }
}

fn answer(granted: u32) -> Answer {
    Answer { granted, denied: None, namespace: NamespaceView { limit: None, used: granted } }
}

fn text(command: &Command<Note>) -> String {
    match command {
        Command::Dispatch { container, attempt, message } => {
            let revision = message.action.revision;
            let revision = if revision == 1 { String::new() } else { format!(" as {revision}") };
            let attempt = if attempt.0 == 1 { String::new() } else { format!(" again {}", attempt.0) };
            format!("run {} on {}{revision}{attempt}", message.id, container.container.0)
        }
        Command::Recall { container, activation, attempt } => {
            format!("recall {} from {} try {}", activation.bits(), container.container.0, attempt.0)
        }
        Command::Create(request) => {
            format!("create {} of {}", request.creation.0 & 0xffff_ffff, request.revision)
        }
        Command::Withdraw { creation } => format!("withdraw {}", creation.0 & 0xffff_ffff),
        Command::Insist { creation } => format!("insist on {}", creation.0 & 0xffff_ffff),
        Command::Remove { container } => format!("remove {}", container.container.0),
        Command::Rest { container } => format!("rest {}", container.container.0),
        Command::RemoveOutdated { up_to } => format!("remove outdated {up_to}"),
        Command::Drop { message, reason } => format!("drop {}: {}", message.id, reason.text()),
        Command::Lost { message, .. } => format!("lost {}", message.id),
        Command::HandOver { message } => format!("hand over {}", message.id),
        Command::Refuse { message, refusal } => format!("refuse {}: {:?}", message.id, refusal.reason),
        Command::Request(request) => format!("request {}", request.want),
        Command::Release { count } => format!("release {count}"),
        Command::Retire => "retire".to_owned(),
    }
}
