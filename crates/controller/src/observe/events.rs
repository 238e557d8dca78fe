//! The latest events, and those who read them.

use base::clock::Clock;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::watch;
use types::{ControllerId, EntityName, Identity, Subject};

/// How many events are kept for readers that are slow, or come back. Of what is older a reader learns only how much it
/// has missed.
const KEPT: usize = 4096;

/// How many may read at a time; each costs a task and what is on its way to it.
const MOST_READERS: usize = 64;

/// How long events are kept after the last reader has gone, in milliseconds, so that one that was cut off and comes
/// back misses none.
const AFTERGLOW: u64 = 60_000;

/// How many events a reader takes at a time.
const BATCH: usize = 256;

/// The latest events of this process. There are none while nobody reads.
pub(super) struct Events {
    source: String,
    ring: Mutex<Ring>,
    /// The number of the next event; gone when all is over.
    next: Mutex<Option<watch::Sender<u64>>>,
    readers: AtomicUsize,
    /// Until when events are kept though nobody reads, in milliseconds since 1970.
    wanted_until: AtomicU64,
}

#[derive(Debug, Default)]
struct Ring {
    /// When it was begun: a time in which nobody read lies between two runs, and how many events that had nobody knows.
    run: u64,
    kept: VecDeque<Arc<Event>>,
    /// The number of the next one.
    next: u64,
}

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    /// Its number in this run.
    pub(crate) number: u64,
    /// Whose it is.
    pub(crate) namespace: EntityName,
    /// `Activation` or `Metric`.
    pub(crate) kind: &'static str,
    /// The whole event (EVT-01).
    pub(crate) json: String,
}

/// EVT-01
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a, T> {
    source: &'a str,
    body: &'a T,
    subject: &'a Subject,
    namespace: &'a EntityName,
    user_id: &'a str,
    event_type: &'static str,
    timestamp: u64,
}

impl Events {
    pub(super) fn new(id: ControllerId) -> Events {
        Events {
            source: format!("controller{}", id.0),
            ring: Mutex::default(),
            next: Mutex::new(Some(watch::Sender::new(0))),
            readers: AtomicUsize::new(0),
            wanted_until: AtomicU64::new(0),
        }
    }

    /// Whether anybody reads, or may be about to come back. Where nobody has read yet, the time is not asked for.
    pub(super) fn wanted(&self, now: impl FnOnce() -> u64) -> bool {
        let until = || self.wanted_until.load(Ordering::Relaxed);
        self.readers.load(Ordering::Relaxed) > 0 || (until() > 0 && now() < until())
    }

    /// How many read.
    pub(super) fn readers(&self) -> usize {
        self.readers.load(Ordering::Relaxed)
    }

    /// Keeps an event for its readers.
    pub(super) fn tell<T: Serialize>(&self, caller: &Identity, kind: &'static str, now: u64, body: &T) {
        let namespace = &caller.namespace.name;
        let envelope = Envelope {
            source: &self.source,
            body,
            subject: &caller.subject,
            namespace,
            user_id: &caller.namespace.uuid,
            event_type: kind,
            timestamp: now,
        };
        let json = match serde_json::to_string(&envelope) {
            Ok(json) => json,
            Err(error) => return tracing::error!(%error, "an event cannot be written"),
        };
        let next = {
            let mut ring = self.ring.lock();
            if ring.kept.len() >= KEPT {
                ring.kept.pop_front();
            }
            let number = ring.next;
            ring.kept.push_back(Arc::new(Event { number, namespace: namespace.clone(), kind, json }));
            ring.next += 1;
            ring.next
        };
        if let Some(sender) = &*self.next.lock() {
            // Two that come at the same time may do so in either order.
            sender.send_modify(|shown| *shown = next.max(*shown));
        }
    }

    /// Ends every reader.
    pub(super) fn close(&self) {
        self.next.lock().take();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("readers", &self.readers).finish_non_exhaustive()
    }
}

/// Somebody who reads events.
pub(crate) struct Reader {
    events: Arc<Events>,
    clock: Arc<dyn Clock>,
    changed: watch::Receiver<u64>,
    run: u64,
    position: u64,
    /// Whether it read before, in another run.
    returned: bool,
}

/// What a reader gets at a time.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Whether events are missing before these, and how many, where that is known.
    pub(crate) gap: Option<Option<u64>>,
    /// The events, in their order.
    pub(crate) events: Vec<Arc<Event>>,
}

impl Reader {
    pub(super) fn new(events: &Arc<Events>, clock: &Arc<dyn Clock>) -> Option<Reader> {
        let changed = events.next.lock().as_ref()?.subscribe();
        let mut ring = events.ring.lock();
        let now = clock.unix_millis();
        if !events.wanted(|| now) {
            *ring = Ring { run: now, kept: VecDeque::new(), next: 0 };
        }
        if events.readers.fetch_add(1, Ordering::SeqCst) >= MOST_READERS {
            events.readers.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        let (run, position) = (ring.run, ring.next);
        let (events, clock) = (events.clone(), clock.clone());
        Some(Reader { events, clock, changed, run, position, returned: false })
    }

    /// Goes on behind the event of that id, which an earlier reader got last.
    pub(crate) fn resume(&mut self, last: &str) {
        let parts = last.split_once('-').and_then(|(run, number)| {
            Some((u64::from_str_radix(run, 16).ok()?, number.parse::<u64>().ok()?))
        });
        match parts {
            Some((run, number)) if run == self.run && number < self.position => {
                self.position = number + 1;
            }
            _ => self.returned = true,
        }
    }

    /// The id of an event, by which a reader can go on behind it.
    pub(crate) fn id(&self, event: &Event) -> String {
        format!("{:x}-{}", self.run, event.number)
    }

    /// The next events, once there are any. `None`: there will be no more.
    pub(crate) async fn next(&mut self) -> Option<Batch> {
        loop {
            self.changed.borrow_and_update();
            if let Some(batch) = self.take() {
                return Some(batch);
            }
            self.changed.changed().await.ok()?;
        }
    }

    fn take(&mut self) -> Option<Batch> {
        let ring = self.events.ring.lock();
        let first = ring.kept.front().map_or(ring.next, |event| event.number);
        let missed = first.saturating_sub(self.position);
        // How many an earlier run had to tell nobody knows.
        let gap = match std::mem::take(&mut self.returned) {
            true => Some(None),
            false => (missed > 0).then_some(Some(missed)),
        };
        self.position = self.position.max(first);
        let skip = usize::try_from(self.position - first).unwrap_or(usize::MAX);
        let events: Vec<_> = ring.kept.iter().skip(skip).take(BATCH).cloned().collect();
        self.position += events.len() as u64;
        (gap.is_some() || !events.is_empty()).then_some(Batch { gap, events })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let until = self.clock.unix_millis() + AFTERGLOW;
        self.events.wanted_until.store(until, Ordering::SeqCst);
        self.events.readers.fetch_sub(1, Ordering::SeqCst);
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("position", &self.position).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::clock::TestClock;
    use std::time::Duration;

    fn events() -> (Arc<Events>, Arc<dyn Clock>, Arc<TestClock>) {
        let clock = TestClock::new();
        (Arc::new(Events::new(ControllerId(0))), clock.clone(), clock)
    }

    fn tell(events: &Events, count: u64) {
        let caller = rpc::ActivationMessage::for_tests().caller;
        for number in 0..count {
            events.tell(&caller, "Metric", 5, &number);
        }
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_many_it_has_missed() {
        let (events, clock, _) = events();
        let mut reader = Reader::new(&events, &clock).unwrap();
        tell(&events, KEPT as u64 + 7);
        let batch = reader.next().await.unwrap();
        assert_eq!((batch.gap, batch.events.len()), (Some(Some(7)), BATCH));
        assert_eq!(batch.events[0].number, 7);
        assert_eq!(reader.next().await.unwrap().gap, None);
        events.close();
        let mut seen = 2 * BATCH;
        while let Some(batch) = reader.next().await {
            seen += batch.events.len();
        }
        assert_eq!(seen, KEPT);
    }

    #[tokio::test]
    async fn one_that_comes_back_goes_on_where_it_was() {
        let (events, clock, time) = events();
        let mut reader = Reader::new(&events, &clock).unwrap();
        tell(&events, 3);
        let batch = reader.next().await.unwrap();
        let last = reader.id(&batch.events[1]);
        drop(reader);
        assert!(events.wanted(|| clock.unix_millis()), "it may be about to come back");
        let mut reader = Reader::new(&events, &clock).unwrap();
        reader.resume(&last);
        let batch = reader.next().await.unwrap();
        assert_eq!((batch.gap, batch.events[0].number), (None, 2));
        drop(reader);
        time.advance(Duration::from_millis(AFTERGLOW));
        assert!(!events.wanted(|| clock.unix_millis()), "nobody reads");
        // What happened meanwhile was told to nobody, and not counted either.
        let mut reader = Reader::new(&events, &clock).unwrap();
        reader.resume(&last);
        let batch = reader.next().await.unwrap();
        assert_eq!((batch.gap, batch.events.len()), (Some(None), 0));
    }

    #[test]
    fn readers_are_bounded() {
        let (events, clock, _) = events();
        let mut readers: Vec<_> = (0..MOST_READERS).map(|_| Reader::new(&events, &clock).unwrap()).collect();
        assert!(Reader::new(&events, &clock).is_none());
        readers.pop();
        assert!(Reader::new(&events, &clock).is_some());
    }
}
