//! The scheduler's queues without any shell: how many activations a second they decide about on one thread, from submitting to
//! the end, found by their keys and locked as in a server.

use super::note::Note;
use base::shared_map::SharedMap;
use crossbeam_queue::SegQueue;
use engine::arbiter::{Answer, NamespaceView};
use engine::queue::{Command, Event, Message as _, Queue, QueueConfig};
use machine::{Instant, Machine as _};
use oxiwhisk_test_e2e::time;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use types::{
    ContainerId, ContainerRef, EntityName, EntityPath, FullyQualifiedName, InvokerId, QueueKey, Revision,
};

/// The exponent of Zipf's law, by which a few queues get most activations.
const SKEW: f64 = 1.1;
/// How many activations go by between two looks at the clock.
const STEPS: u64 = 1000;
/// How many keys are drawn ahead.
const DRAWN: usize = 1 << 16;

/// Queues with a waiting container each.
pub struct Queues {
    slots: SharedMap<Arc<QueueKey>, Arc<Mutex<Queue<Note>>>>,
    /// Keys in the order in which activations come for them.
    order: Vec<QueueKey>,
    next: u64,
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queues").field("count", &self.slots.len()).finish_non_exhaustive()
    }
}

impl Queues {
    /// That many.
    ///
    /// # Errors
    /// When a name is not allowed.
    pub fn new(count: usize) -> io::Result<Queues> {
        let slots = SharedMap::default();
        for number in 0..count {
            slots.pin().insert(Arc::new(key(number)?), Arc::new(Mutex::new(warm(number as u64))));
        }
        let mut draw = Zipf::new(count);
        // Each key is made anew, as it is when it comes with an activation.
        let order = (0..DRAWN).map(|_| key(draw.next())).collect::<io::Result<_>>()?;
        Ok(Queues { slots, order, next: 0 })
    }

    /// Activations a second: submitted, handed to the container that waits, started and finished.
    ///
    /// # Errors
    /// When one of them does not end.
    pub fn rate(&mut self, period: Duration) -> io::Result<f64> {
        let mut out = Vec::with_capacity(8);
        let (mut ended, mut submitted) = (0_u64, 0_u64);
        let started = time::now();
        while started.elapsed() < period {
            for _ in 0..STEPS {
                self.next += 1;
                let now = Instant::from_nanos(self.next * 200);
                let index = usize::try_from(self.next).unwrap_or(0) % DRAWN;
                let slots = self.slots.pin();
                let Some(slot) = slots.get(&self.order[index]) else {
                    return Err(io::Error::other("a queue is missing"));
                };
                // A lock for each event, because in a server they come from different tasks.
                let _ = slot.lock().submit(now, Note(self.next), &mut out);
                while let Some(command) = out.pop() {
                    if let Command::Dispatch { container, attempt, message } = command {
                        let activation = message.id();
                        let begun = Event::Started { container, activation, attempt };
                        slot.lock().handle(now, begun, &mut out);
                        slot.lock().handle(now, finished(container, &message), &mut out);
                        ended += 1;
                    }
                }
            }
            submitted += STEPS;
        }
        if ended != submitted {
            return Err(io::Error::other(format!("{ended} activations ended of {submitted}")));
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Ok(ended as f64 / started.elapsed().as_secs_f64())
    }
}

/// Elements a second that go through crossbeam's queue on one thread, pushed and popped.
#[must_use]
pub fn crossbeam_rate(period: Duration) -> f64 {
    let queue = SegQueue::new();
    let mut count = 0_u64;
    let started = time::now();
    while started.elapsed() < period {
        for number in 0..STEPS {
            queue.push(std::hint::black_box(number));
            std::hint::black_box(queue.pop());
        }
        count += STEPS;
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let count = count as f64;
    count / started.elapsed().as_secs_f64()
}

/// The key of one of many queues, in one of a hundred namespaces.
pub(crate) fn key(number: usize) -> io::Result<QueueKey> {
    let name = |text: &str| EntityName::new(text).map_err(io::Error::other);
    let namespace = name(&format!("namespace-{}", number % 100))?;
    let path = EntityPath::of_namespace(&namespace);
    let action = FullyQualifiedName::new(path, name(&format!("action-{number}"))?);
    Ok(QueueKey { namespace, action })
}

/// A queue whose one container waits.
fn warm(number: u64) -> Queue<Note> {
    let mut queue = Queue::new(QueueConfig::default(), 1);
    let mut out = Vec::new();
    queue.handle(Instant::ZERO, Event::Submit { message: Note(0) }, &mut out);
    let answer = Answer { granted: 1, denied: None, namespace: NamespaceView::default() };
    queue.handle(Instant::ZERO, Event::Tokens(answer), &mut out);
    let container = ContainerRef { invoker: InvokerId(0), container: ContainerId(number) };
    for command in std::mem::take(&mut out) {
        if let Command::Create(request) = command {
            let took = Duration::from_millis(5);
            let creation = request.creation;
            let event = Event::Created { creation, container, revision: Revision(1), slots: 1, took };
            queue.handle(Instant::ZERO, event, &mut out);
        }
    }
    for command in std::mem::take(&mut out) {
        if let Command::Dispatch { container, message, .. } = command {
            queue.handle(Instant::ZERO, finished(container, &message), &mut out);
        }
    }
    queue
}

fn finished(container: ContainerRef, message: &Note) -> Event<Note> {
    let run = Duration::from_millis(1);
    Event::Finished { container, activation: message.id(), init: None, run, healthy: true }
}

/// Numbers below a bound, drawn by Zipf's law, the same in every run.
struct Zipf {
    sums: Vec<f64>,
    state: u64,
}

impl Zipf {
    fn new(count: usize) -> Zipf {
        let mut sum = 0.0;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let sums = (1..=count).map(|rank| {
            sum += (rank as f64).powf(-SKEW);
            sum
        });
        Zipf { sums: sums.collect(), state: 0x2545_f491_4f6c_dd1d }
    }

    fn next(&mut self) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let whole = self.sums.last().copied().unwrap_or(1.0);
        #[expect(clippy::cast_precision_loss, reason = "as exact as it needs to be")]
        let point = self.state as f64 / u64::MAX as f64 * whole;
        self.sums.partition_point(|sum| *sum < point).min(self.sums.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_activation_of_every_queue_ends() {
        let mut queues = Queues::new(50).unwrap();
        assert!(queues.rate(Duration::from_millis(10)).unwrap() > 0.0);
    }

    #[test]
    fn the_first_queue_gets_the_most() {
        let mut draw = Zipf::new(1000);
        let mut counts = [0_u32; 1000];
        for _ in 0..100_000 {
            counts[draw.next()] += 1;
        }
        // 1 of the sum of k^-1.1 for 1000 queues, which is 5.6.
        assert!((15_000..22_000).contains(&counts[0]), "{}", counts[0]);
        assert!(counts[0] > counts[1] && counts[1] > counts[20]);
    }
}
