//! The contract of [`ActivationStore`].

use crate::{ActivationQuery, ActivationStore, Intent, Ticket};
use bytes::Bytes;
use std::sync::Arc;
use types::{Activation, ActivationId};

/// 2025-01-01T00:00:00Z in milliseconds since 1970.
pub const BEGIN: u64 = 1_735_689_600_000;

/// An id of that millisecond; `number` tells those of the same time apart.
#[must_use]
pub fn id(millis: u64, number: u64) -> ActivationId {
    ActivationId::from_bits(u128::from(millis) << 80 | u128::from(number))
}

/// A record; `path` is `action` or `pkg/action`.
#[must_use]
pub fn record(namespace: &str, path: &str, start: u64, number: u64) -> Activation {
    let (id, name) = (id(start, number), path.rsplit('/').next().unwrap_or(path));
    let text = format!(
        r#"{{"namespace":"{namespace}","name":"{name}","version":"0.0.1","subject":"{namespace}",
        "activationId":"{id}","start":{start},"end":{end},"duration":5,
        "response":{{"result":{{"number":{number}}},"status":"success","success":true}},"logs":["line {number}"],
        "annotations":[{{"key":"path","value":"{namespace}/{path}"}},{{"key":"kind","value":"nodejs:20"}}],
        "publish":false}}"#,
        end = start + 5,
    );
    serde_json::from_str(&text).expect("the record is valid")
}

/// Everything of a namespace.
#[must_use]
pub fn all(namespace: &str) -> ActivationQuery {
    let namespace = namespace.to_owned();
    ActivationQuery { namespace, name: None, since: None, upto: None, skip: 0, limit: usize::MAX }
}

fn text(record: &Activation) -> Bytes {
    serde_json::to_vec(record).expect("the record is written as JSON").into()
}

fn keep(store: &impl ActivationStore, record: &Activation) -> Ticket {
    store.store(Arc::new(record.clone())).expect("the record is stored")
}

async fn listed(store: &impl ActivationStore, query: &ActivationQuery) -> Vec<ActivationId> {
    let records = store.list(query).await.expect("the list is read");
    let id = |text: &Bytes| {
        let record: Activation = serde_json::from_slice(text).expect("a list holds records");
        record.activation_id
    };
    records.iter().map(id).collect()
}

/// What was stored can be read at once, byte for byte what the API answers, and stays so.
pub async fn atv_06_a_record_reads_as_it_was_stored(store: &impl ActivationStore) {
    let record = record("ns", "pkg/a", BEGIN, 1);
    assert_eq!(store.get("ns", record.activation_id).await.expect("the store answers"), None);
    keep(store, &record);
    for _ in 0..2 {
        let read = store.get("ns", record.activation_id).await.expect("the store answers");
        assert_eq!(read, Some(text(&record)));
        assert_eq!(store.list(&all("ns")).await.expect("the list is read"), [text(&record)]);
        store.flush().await.expect("the store is flushed");
    }
}

/// The id alone does not open another namespace's record.
pub async fn atv_05_a_record_is_found_in_its_namespace_only(store: &impl ActivationStore) {
    let record = record("ns", "a", BEGIN, 1);
    keep(store, &record);
    for _ in 0..2 {
        for other in ["other", "n", "ns2", ""] {
            let read = store.get(other, record.activation_id).await.expect("the store answers");
            assert_eq!(read, None, "{other}");
        }
        store.flush().await.expect("the store is flushed");
    }
}

/// Records do not change, also after they went to the disk.
pub async fn atv_24_of_two_records_with_one_id_the_first_stays(store: &impl ActivationStore) {
    let first = record("ns", "a", BEGIN, 1);
    let mut second = record("ns", "b", BEGIN + 10, 1);
    second.activation_id = first.activation_id;
    keep(store, &first);
    for _ in 0..3 {
        keep(store, &second);
        assert_eq!(
            store.get("ns", first.activation_id).await.expect("the store answers"),
            Some(text(&first))
        );
        assert_eq!(store.list(&all("ns")).await.expect("the list is read"), [text(&first)]);
        assert_eq!(store.count(&all("ns")).await.expect("the count is read"), 1);
        store.flush().await.expect("the store is flushed");
    }
}

/// Newest start first, in whatever order they were stored.
pub async fn list_04_records_come_newest_first(store: &impl ActivationStore) {
    for at in [3, 1, 5, 2, 4] {
        keep(store, &record("ns", "a", BEGIN + at, at));
        if at == 5 {
            store.flush().await.expect("the store is flushed");
        }
    }
    let expected: Vec<_> = (1..=5).rev().map(|at| id(BEGIN + at, at)).collect();
    assert_eq!(listed(store, &all("ns")).await, expected);
    let newest = ActivationQuery { limit: 2, ..all("ns") };
    assert_eq!(listed(store, &newest).await, expected[..2]);
    assert!(listed(store, &ActivationQuery { limit: 0, ..all("ns") }).await.is_empty());
}

/// Summaries are those of the records, in the order of the list.
pub async fn list_11_summaries_come_in_the_same_order(store: &impl ActivationStore) {
    let records: Vec<_> = (0..6).map(|at| record("ns", "pkg/a", BEGIN + at, at)).collect();
    for (at, record) in records.iter().enumerate() {
        keep(store, record);
        if at == 2 {
            store.flush().await.expect("the store is flushed");
        }
    }
    let summary = |record: &Activation| {
        Bytes::from(serde_json::to_vec(&record.summary()).expect("the summary is written as JSON"))
    };
    let expected: Vec<Bytes> = records.iter().rev().map(summary).collect();
    assert_eq!(store.summaries(&all("ns")).await.expect("the list is read"), expected);
    let named = ActivationQuery { name: Some("pkg/a".to_owned()), skip: 1, limit: 3, ..all("ns") };
    assert_eq!(store.summaries(&named).await.expect("the list is read"), expected[1..4]);
}

/// `action` is that of the default package only, `pkg/action` that of the package.
pub async fn atv_03_the_name_selects_action_or_package(store: &impl ActivationStore) {
    for (number, path) in (0..).zip(["a", "b", "pkg/a", "pkg/b", "pk/ga", "a"]) {
        keep(store, &record("ns", path, BEGIN + number, number));
    }
    for _ in 0..2 {
        for (path, numbers) in [("a", vec![5, 0]), ("pkg/a", vec![2]), ("pk/ga", vec![4]), ("c", vec![])] {
            let query = ActivationQuery { name: Some(path.to_owned()), ..all("ns") };
            let expected: Vec<_> = numbers.iter().map(|&number| id(BEGIN + number, number)).collect();
            assert_eq!(listed(store, &query).await, expected, "{path}");
            assert_eq!(store.count(&query).await.expect("it is counted"), expected.len() as u64, "{path}");
        }
        store.flush().await.expect("the store is flushed");
    }
}

/// Both bounds include their millisecond; bounds that cross hold nothing.
pub async fn atv_04_since_and_upto_are_inclusive(store: &impl ActivationStore) {
    for at in 0..5 {
        keep(store, &record("ns", "a", BEGIN + at, at));
    }
    for _ in 0..2 {
        for (since, upto, expected) in [
            (Some(BEGIN + 1), Some(BEGIN + 3), vec![3, 2, 1]),
            (Some(BEGIN + 4), None, vec![4]),
            (None, Some(BEGIN), vec![0]),
            (Some(BEGIN + 3), Some(BEGIN + 1), vec![]),
            (Some(BEGIN + 5), None, vec![]),
            (Some(0), Some(u64::MAX), vec![4, 3, 2, 1, 0]),
        ] {
            for name in [None, Some("a".to_owned())] {
                let query = ActivationQuery { name, since, upto, ..all("ns") };
                let ids: Vec<_> = expected.iter().map(|&at| id(BEGIN + at, at)).collect();
                assert_eq!(listed(store, &query).await, ids, "{query:?}");
                assert_eq!(store.count(&query).await.expect("it is counted"), ids.len() as u64, "{query:?}");
            }
        }
        store.flush().await.expect("the store is flushed");
    }
}

/// Pages put together are the whole list, also where starts are equal.
pub async fn atv_26_pages_walk_the_same_order(store: &impl ActivationStore) {
    for at in 0..23 {
        keep(store, &record("ns", "a", BEGIN + at / 10, at));
        if at % 7 == 6 {
            store.flush().await.expect("the store is flushed");
        }
    }
    let whole = listed(store, &all("ns")).await;
    assert_eq!(whole.len(), 23);
    let mut pages = Vec::new();
    for skip in (0..30).step_by(5) {
        pages.extend(listed(store, &ActivationQuery { skip, limit: 5, ..all("ns") }).await);
    }
    assert_eq!(pages, whole);
}

/// Counts have the filters of lists, and neither `skip` nor `limit` (LIST-03).
pub async fn counts_follow_the_filters(store: &impl ActivationStore) {
    assert_eq!(store.count(&all("ns")).await.expect("it is counted"), 0);
    for at in 0..10 {
        keep(store, &record("ns", if at % 3 == 0 { "a" } else { "pkg/b" }, BEGIN + at, at));
        if at == 6 {
            store.flush().await.expect("the store is flushed");
        }
    }
    let query = ActivationQuery { skip: 3, limit: 1, ..all("ns") };
    assert_eq!(store.count(&query).await.expect("it is counted"), 10);
    let named = ActivationQuery { name: Some("a".to_owned()), ..query.clone() };
    assert_eq!(store.count(&named).await.expect("it is counted"), 4);
    let recent = ActivationQuery { since: Some(BEGIN + 4), ..named };
    assert_eq!(store.count(&recent).await.expect("it is counted"), 2);
    let early = ActivationQuery { upto: Some(BEGIN + 7), ..query };
    assert_eq!(store.count(&early).await.expect("it is counted"), 8);
}

/// A namespace is a name and not the beginning of a text.
pub async fn namespaces_that_begin_alike_do_not_mix(store: &impl ActivationStore) {
    let namespaces = ["ns", "n", "ns2", "ns a", "ns-a", "nsa"];
    for (number, namespace) in (0..).zip(namespaces) {
        keep(store, &record(namespace, "a", BEGIN, number));
    }
    for _ in 0..2 {
        for (number, namespace) in (0..).zip(namespaces) {
            assert_eq!(listed(store, &all(namespace)).await, [id(BEGIN, number)], "{namespace}");
            assert_eq!(store.count(&all(namespace)).await.expect("it is counted"), 1, "{namespace}");
        }
        store.flush().await.expect("the store is flushed");
    }
}

/// A few hundred records in a mixed order, with flushes in between, seen through every filter.
pub async fn every_view_agrees_with_a_plain_model(store: &impl ActivationStore) {
    let (namespaces, paths) = (["ns", "other", "n"], ["a", "pkg/a", "b"]);
    let mut model: Vec<Activation> = Vec::new();
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("it is small")
    };
    for number in 0..400 {
        let (namespace, path) = (namespaces[random(3)], paths[random(3)]);
        let record = record(namespace, path, BEGIN + random(200) as u64, number);
        store.accept(intent(record.activation_id)).expect("it is accepted");
        keep(store, &record);
        model.push(record);
        if random(50) == 0 {
            store.flush().await.expect("the store is flushed");
        }
    }
    model.sort_by_key(|record| (std::cmp::Reverse(record.start), record.activation_id));
    for _ in 0..100 {
        let query = ActivationQuery {
            namespace: namespaces[random(3)].to_owned(),
            name: (random(2) == 0).then(|| paths[random(3)].to_owned()),
            since: (random(2) == 0).then(|| BEGIN + random(200) as u64),
            upto: (random(2) == 0).then(|| BEGIN + random(200) as u64),
            skip: random(20),
            limit: random(60),
        };
        let fits = |record: &&Activation| {
            record.namespace.root() == query.namespace
                && query.name.as_ref().is_none_or(|name| record.path_in_namespace() == *name)
                && query.since.is_none_or(|since| record.start >= since)
                && query.upto.is_none_or(|upto| record.start <= upto)
        };
        let fitting: Vec<&Activation> = model.iter().filter(fits).collect();
        let page = fitting.iter().skip(query.skip).take(query.limit);
        let expected: Vec<_> = page.map(|record| record.activation_id).collect();
        assert_eq!(listed(store, &query).await, expected, "{query:?}");
        let count = store.count(&query).await.expect("it is counted");
        assert_eq!(count, fitting.len() as u64, "{query:?}");
    }
}

fn intent(activation_id: ActivationId) -> Intent {
    Intent { activation_id, body: Bytes::from_static(b"what is to be done") }
}

/// What this process accepted is not handed back to it.
pub async fn own_intents_are_not_unfinished(store: &impl ActivationStore) {
    store.accept(intent(id(BEGIN, 1))).expect("it is accepted");
    store.started(id(BEGIN, 1)).expect("it is noted");
    store.accept(intent(id(BEGIN, 2))).expect("it is accepted");
    store.flush().await.expect("the store is flushed");
    assert!(store.unfinished().is_empty());
    assert_eq!(store.count(&all("ns")).await.expect("it is counted"), 0, "an intent is no record");
}

/// Tickets grow, and each can be waited for, also again and by many.
pub async fn every_ticket_becomes_durable(store: &impl ActivationStore) {
    let record = record("ns", "a", BEGIN, 1);
    let accepted = store.accept(intent(record.activation_id)).expect("it is accepted");
    let started = store.started(record.activation_id).expect("it is noted");
    let stored = keep(store, &record);
    assert!(accepted < started && started < stored);
    let tickets = [stored, accepted, started, stored];
    let waits = tickets.map(|ticket| store.durable(ticket));
    for (ticket, waited) in tickets.into_iter().zip(futures_util::future::join_all(waits).await) {
        assert!(waited.expect("the disk takes it") >= ticket, "it says that less is on the disk");
    }
    store.durable(Ticket::default()).await.expect("nothing was written before");
}
