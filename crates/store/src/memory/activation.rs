use crate::index::{HashMap, Place, RecordIndex};
use crate::{ActivationQuery, ActivationStore, Intent, StoreError, Ticket, Unfinished};
use async_trait::async_trait;
use base::clock::Clock;
use bytes::Bytes;
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use types::{Activation, ActivationId};

/// How many records are kept. What is beyond a limit goes, those that started first before the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLimits {
    /// How many.
    pub records: usize,
    /// How many bytes their texts have together, about.
    pub bytes: u64,
    /// How long after its start a record is kept.
    pub age: Duration,
}

impl Default for RecordLimits {
    /// 100,000 records, 256 MiB, seven days.
    fn default() -> RecordLimits {
        RecordLimits { records: 100_000, bytes: 256 << 20, age: Duration::from_secs(7 * 24 * 60 * 60) }
    }
}

/// Records of activations in memory. It keeps no intents: no other process could ask for them.
pub struct MemoryActivationStore {
    clock: Arc<dyn Clock>,
    limits: RecordLimits,
    tickets: AtomicU64,
    records: Mutex<Records>,
}

/// A record as it came: most are never asked for, so texts are written when they are.
struct Record {
    record: Arc<Activation>,
    path: String,
}

impl Record {
    fn namespace(&self) -> &str {
        self.record.namespace.root()
    }

    fn bytes(&self) -> u64 {
        (self.record.json_room() + self.record.summary_json_room()) as u64
    }

    fn text(&self) -> Bytes {
        written(|out| self.record.write_json(out))
    }

    fn summary(&self) -> Bytes {
        written(|out| self.record.write_summary_json(out))
    }
}

#[derive(Default)]
struct Records {
    bytes: u64,
    by_id: HashMap<ActivationId, Record>,
    by_start: BTreeSet<Place>,
    index: RecordIndex,
}

impl MemoryActivationStore {
    /// An empty store that keeps as much as `limits` say.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: RecordLimits) -> MemoryActivationStore {
        let (tickets, records) = (AtomicU64::new(0), Mutex::new(Records::default()));
        MemoryActivationStore { clock, limits, tickets, records }
    }

    fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// What `read` finds, records that are too old left out.
    fn read<T>(&self, read: impl FnOnce(&Records) -> T) -> T {
        let mut records = self.records.lock();
        records.evict(&self.limits, self.oldest());
        read(&records)
    }

    /// The start that a record must at least have, in milliseconds since 1970.
    fn oldest(&self) -> u64 {
        let age = u64::try_from(self.limits.age.as_millis()).unwrap_or(u64::MAX);
        self.clock.unix_millis().saturating_sub(age)
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut text = Vec::new();
    write(&mut text);
    text.into()
}

impl fmt::Debug for MemoryActivationStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.records.lock().by_id.len();
        f.debug_struct("MemoryActivationStore").field("records", &records).finish()
    }
}

#[async_trait]
impl ActivationStore for MemoryActivationStore {
    fn accept(&self, _intent: Intent) -> Result<Ticket, StoreError> {
        Ok(self.ticket())
    }

    fn started(&self, _id: ActivationId) -> Result<Ticket, StoreError> {
        Ok(self.ticket())
    }

    fn dismiss(&self, _id: ActivationId) -> Result<Ticket, StoreError> {
        Ok(self.ticket())
    }

    fn store(&self, record: Arc<Activation>) -> Result<Ticket, StoreError> {
        let kept = Record { path: record.path_in_namespace(), record };
        let oldest = self.oldest();
        let mut records = self.records.lock();
        records.insert(kept);
        records.evict(&self.limits, oldest);
        Ok(self.ticket())
    }

    async fn durable(&self, ticket: Ticket) -> Result<Ticket, StoreError> {
        Ok(ticket)
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        Vec::new()
    }

    async fn get(&self, namespace: &str, id: ActivationId) -> Result<Option<Bytes>, StoreError> {
        Ok(self.read(|records| {
            let record = records.by_id.get(&id).filter(|record| record.namespace() == namespace);
            record.map(Record::text)
        }))
    }

    async fn list(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError> {
        Ok(self.read(|records| records.page(query, Record::text)))
    }

    async fn summaries(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError> {
        Ok(self.read(|records| records.page(query, Record::summary)))
    }

    async fn count(&self, query: &ActivationQuery) -> Result<u64, StoreError> {
        Ok(self.read(|records| records.index.count(query)))
    }

    async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Records {
    fn insert(&mut self, record: Record) {
        let (id, start) = (record.record.activation_id, record.record.start);
        if self.by_id.contains_key(&id) {
            return;
        }
        self.index.insert(record.namespace(), &record.path, start, id);
        self.by_start.insert((Reverse(start), id));
        self.bytes += record.bytes();
        self.by_id.insert(id, record);
    }

    /// Lets records go until the limits are kept.
    fn evict(&mut self, limits: &RecordLimits, oldest: u64) {
        while let Some(&(Reverse(start), id)) = self.by_start.last() {
            if start >= oldest && self.by_id.len() <= limits.records && self.bytes <= limits.bytes {
                return;
            }
            self.remove(id);
        }
    }

    fn remove(&mut self, id: ActivationId) {
        let Some(record) = self.by_id.remove(&id) else { return };
        self.bytes -= record.bytes();
        let start = record.record.start;
        self.by_start.remove(&(Reverse(start), id));
        self.index.remove(record.namespace(), &record.path, start, id);
    }

    fn page(&self, query: &ActivationQuery, show: impl Fn(&Record) -> Bytes) -> Vec<Bytes> {
        let places = self.index.places(query).skip(query.skip).take(query.limit);
        places.filter_map(|(_, id)| self.by_id.get(&id)).map(show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::clock::TestClock;

    fn record(start: u64, number: u128) -> Arc<Activation> {
        let id = ActivationId::from_bits(number);
        let text = format!(
            r#"{{"namespace":"ns","name":"a","version":"0.0.1","subject":"ns","activationId":"{id}",
            "start":{start},"response":{{"status":"success","success":true}},"logs":[],"annotations":[],
            "publish":false}}"#
        );
        Arc::new(serde_json::from_str(&text).unwrap())
    }

    async fn kept(store: &MemoryActivationStore) -> u64 {
        let namespace = "ns".to_owned();
        let query = ActivationQuery { namespace, name: None, since: None, upto: None, skip: 0, limit: 0 };
        store.count(&query).await.unwrap()
    }

    #[tokio::test]
    async fn the_oldest_records_go_when_there_are_too_many() {
        let clock = TestClock::new();
        let now = clock.unix_millis();
        let limits = RecordLimits { records: 3, ..RecordLimits::default() };
        let store = MemoryActivationStore::new(clock, limits);
        for number in 0..5 {
            store.store(record(now + 10 - number, u128::from(number))).unwrap();
        }
        assert_eq!(kept(&store).await, 3);
        assert!(store.get("ns", ActivationId::from_bits(2)).await.unwrap().is_some());
        assert!(store.get("ns", ActivationId::from_bits(3)).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn records_go_when_their_texts_are_too_long_together() {
        let clock = TestClock::new();
        let now = clock.unix_millis();
        let limits = RecordLimits { bytes: 1000, ..RecordLimits::default() };
        let store = MemoryActivationStore::new(clock, limits);
        for number in 0..10 {
            store.store(record(now + number, u128::from(number))).unwrap();
        }
        let kept = kept(&store).await;
        assert!((1..5).contains(&kept), "{kept}");
        assert!(store.records.lock().bytes <= 1000);
    }

    #[tokio::test]
    async fn records_go_when_they_are_old_also_without_new_ones() {
        let clock = TestClock::new();
        let limits = RecordLimits { age: Duration::from_secs(60), ..RecordLimits::default() };
        let store = MemoryActivationStore::new(clock.clone(), limits);
        store.store(record(clock.unix_millis(), 1)).unwrap();
        clock.advance(Duration::from_secs(60));
        assert_eq!(kept(&store).await, 1);
        clock.advance(Duration::from_millis(1));
        assert_eq!(kept(&store).await, 0);
        assert!(store.records.lock().index.by_namespace().is_empty());
    }
}
