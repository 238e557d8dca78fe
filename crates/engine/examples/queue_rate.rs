//! How many activations a second one queue decides about on one thread: submit, dispatch, started, finished.
//!
//! `cargo run --release --example queue_rate -p oxiwhisk-engine`

use machine::{Instant, Machine};
use oxiwhisk_engine::arbiter::{Answer, NamespaceView};
use oxiwhisk_engine::queue::{ActionFacts, Command, Event, Message, Queue, QueueConfig};
use std::time::Duration;
use types::{ActivationId, Attempt, ContainerId, ContainerRef, InvokerId, Revision};

const ROUNDS: u64 = 5_000_000;

#[derive(Clone, Debug)]
struct Note(u64);

impl Message for Note {
    type Action = ();

    fn id(&self) -> ActivationId {
        ActivationId::from_bits(self.0.into())
    }
    fn revision(&self) -> Revision {
        Revision(1)
    }
    fn action(&self) -> &() {
        &()
    }
    fn facts(&self) -> ActionFacts {
        ActionFacts { concurrency: 1, instances: None, memory: 256, blackbox: false }
    }
    fn size(&self) -> u64 {
        256
    }
    fn blocking(&self) -> bool {
        true
    }
    fn caused(&self) -> bool {
        false
    }
    fn repeatable(&self) -> bool {
        false
    }
    fn with_action(&self, (): &()) -> Note {
        self.clone()
    }
}

/// A queue with so many containers without work.
fn warm(containers: u64) -> Queue<Note> {
    let mut queue = Queue::new(QueueConfig::default(), 1);
    let mut out = Vec::new();
    for id in 0..containers {
        queue.handle(Instant::ZERO, Event::Submit { message: Note(id) }, &mut out);
    }
    let granted = u32::try_from(containers).unwrap_or(u32::MAX);
    let namespace = NamespaceView::default();
    queue.handle(Instant::ZERO, Event::Tokens(Answer { granted, denied: None, namespace }), &mut out);
    let orders: Vec<_> = out
        .drain(..)
        .filter_map(|command| match command {
            Command::Create(request) => Some(request.creation),
            _ => None,
        })
        .collect();
    for (number, creation) in orders.into_iter().enumerate() {
        let container = container(number as u64);
        let took = Duration::from_millis(5);
        let event = Event::Created { creation, container, revision: Revision(1), slots: 1, took };
        queue.handle(Instant::ZERO, event, &mut out);
    }
    for command in std::mem::take(&mut out) {
        if let Command::Dispatch { container, message, .. } = command {
            queue.handle(Instant::ZERO, finished(container, &message), &mut out);
        }
    }
    queue
}

fn container(number: u64) -> ContainerRef {
    ContainerRef { invoker: InvokerId(0), container: ContainerId(number) }
}

fn finished(container: ContainerRef, message: &Note) -> Event<Note> {
    let run = Duration::from_millis(1);
    Event::Finished { container, activation: message.id(), init: None, run, healthy: true }
}

/// Submits into a warm queue; every activation starts and ends at once.
fn warm_path(queue: &mut Queue<Note>) -> u64 {
    let mut out = Vec::with_capacity(8);
    let mut ended = 0;
    for id in 0..ROUNDS {
        let now = Instant::from_nanos(id * 200);
        let _ = queue.submit(now, Note(id), &mut out);
        ended += serve(queue, now, &mut out);
    }
    ended
}

/// Keeps `depth` activations waiting behind one container.
fn backlog_path(queue: &mut Queue<Note>, depth: u64) -> u64 {
    let mut out = Vec::with_capacity(8);
    for id in 0..depth {
        let _ = queue.submit(Instant::ZERO, Note(id), &mut out);
    }
    let mut busy: Vec<(ContainerRef, Attempt, Note)> = Vec::new();
    let mut ended = 0;
    for id in depth..ROUNDS {
        let now = Instant::from_nanos(id * 200);
        for command in out.drain(..) {
            if let Command::Dispatch { container, attempt, message } = command {
                busy.push((container, attempt, message));
            }
        }
        if let Some((container, attempt, message)) = busy.pop() {
            queue.handle(now, Event::Started { container, activation: message.id(), attempt }, &mut out);
            queue.handle(now, finished(container, &message), &mut out);
            ended += 1;
        }
        let _ = queue.submit(now, Note(id), &mut out);
    }
    ended
}

fn serve(queue: &mut Queue<Note>, now: Instant, out: &mut Vec<Command<Note>>) -> u64 {
    let mut ended = 0;
    while let Some(command) = out.pop() {
        if let Command::Dispatch { container, attempt, message } = command {
            queue.handle(now, Event::Started { container, activation: message.id(), attempt }, out);
            queue.handle(now, finished(container, &message), out);
            ended += 1;
        }
    }
    ended
}

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example is a shell, and measures time"
)]
fn measure(name: &str, run: impl FnOnce() -> u64) {
    let start = std::time::Instant::now();
    let ended = run();
    let elapsed = start.elapsed();
    let each = elapsed.as_nanos() as f64 / ended as f64;
    let rate = ended as f64 / elapsed.as_secs_f64() / 1e6;
    #[expect(clippy::print_stdout, reason = "the result")]
    {
        println!("{name:>24}: {rate:6.2} million activations a second, {each:6.1} ns each");
    }
}

fn main() {
    for containers in [1, 30, 1_000] {
        let mut queue = warm(containers);
        measure(&format!("warm, {containers} containers"), || warm_path(&mut queue));
    }
    for depth in [10, 5_000] {
        let mut queue = warm(1);
        measure(&format!("{depth} waiting"), || backlog_path(&mut queue, depth));
    }
}
