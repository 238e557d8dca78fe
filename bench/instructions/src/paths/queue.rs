//! `engine::queue` alone: submit, dispatch, started, finished.

use super::RUN;
use crate::counted::Counted;
use engine::arbiter::{Answer, NamespaceView};
use engine::queue::{ActionFacts, Command, Event, Message, Queue, QueueConfig};
use machine::{Instant, Machine};
use std::sync::Arc;
use std::time::Duration;
use types::{ActivationId, ContainerId, ContainerRef, InvokerId, Revision};

const WARM: u64 = 1000;
const OPERATIONS: u64 = 10_000;

/// How many wait in a queue with a backlog.
const BACKLOG: u64 = 1000;

/// How much time passes between two activations.
const STEP: Duration = Duration::from_micros(50);

/// As cheap to clone as the scheduler's.
#[derive(Clone, Debug)]
struct Note(Arc<u64>);

impl Message for Note {
    type Action = ();

    fn id(&self) -> ActivationId {
        ActivationId::from_bits((*self.0).into())
    }
    fn revision(&self) -> Revision {
        Revision(1)
    }
    fn action(&self) -> &() {
        &()
    }
    fn facts(&self) -> ActionFacts {
        ActionFacts { concurrency: 1, instances: Some(1), memory: 256, blackbox: false }
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

/// A queue, its only container, and what the container has.
struct Bed {
    queue: Queue<Note>,
    now: Instant,
    out: Vec<Command<Note>>,
    /// What is being carried out.
    orders: Vec<Command<Note>>,
    notes: Vec<Note>,
    ended: u64,
}

impl Bed {
    /// One container, which has just been handed its first activation, and so many activations in all.
    fn new(activations: u64) -> Bed {
        let queue = Queue::new(QueueConfig::default(), 1);
        let notes = (0..activations).rev().map(|id| Note(Arc::new(id))).collect();
        let mut bed = Bed {
            queue,
            now: Instant::ZERO,
            out: Vec::with_capacity(16),
            orders: Vec::with_capacity(16),
            notes,
            ended: 0,
        };
        bed.submit();
        let answer = Answer { granted: 1, denied: None, namespace: NamespaceView::default() };
        bed.queue.handle(bed.now, Event::Tokens(answer), &mut bed.out);
        let order = bed.out.drain(..).find_map(|command| match command {
            Command::Create(request) => Some(request.creation),
            _ => None,
        });
        let creation = order.expect("a container is ordered");
        let container = ContainerRef { invoker: InvokerId(0), container: ContainerId(7) };
        let took = Duration::from_millis(5);
        let created = Event::Created { creation, container, revision: Revision(1), slots: 1, took };
        bed.queue.handle(bed.now, created, &mut bed.out);
        bed
    }

    fn submit(&mut self) {
        self.now += STEP;
        let note = self.notes.pop().expect("there are enough");
        self.queue.submit(self.now, note, &mut self.out).expect("it is taken");
    }

    /// The container runs what it was handed.
    fn serve(&mut self) {
        std::mem::swap(&mut self.out, &mut self.orders);
        for command in self.orders.drain(..) {
            if let Command::Dispatch { container, attempt, message } = command {
                let activation = message.id();
                self.queue.handle(self.now, Event::Started { container, activation, attempt }, &mut self.out);
                let end = Event::Finished { container, activation, init: None, run: RUN, healthy: true };
                self.queue.handle(self.now, end, &mut self.out);
                self.ended += 1;
            }
        }
    }
}

/// A container waits for each activation.
pub(super) fn one(counted: &mut Counted) {
    let mut bed = Bed::new(WARM + OPERATIONS + 1);
    // The activation for which the container was ordered.
    bed.serve();
    measure(counted, bed);
}

/// Each activation comes while the only container is busy with the one before, so that it is decided whether to add one.
pub(super) fn busy(counted: &mut Counted) {
    measure(counted, Bed::new(WARM + OPERATIONS + 1));
}

/// Each activation waits for the container behind a thousand others.
pub(super) fn backlog(counted: &mut Counted) {
    let mut bed = Bed::new(WARM + OPERATIONS + BACKLOG + 1);
    // So that the container is busy while they come.
    for _ in 0..BACKLOG {
        bed.submit();
    }
    measure(counted, bed);
}

fn measure(counted: &mut Counted, mut bed: Bed) {
    let mut go = |operations| {
        let before = bed.ended;
        for _ in 0..operations {
            bed.submit();
            bed.serve();
        }
        assert_eq!(bed.ended, before + operations, "one ends for each that comes");
    };
    go(WARM);
    counted.count(OPERATIONS, || go(OPERATIONS));
}
