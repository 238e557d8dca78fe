//! What every implementation of [`Coordination`] must do, as one test for each rule.
//!
//! A back end's `tests/conformance.rs` calls [`conformance!`](crate::conformance) with a function that makes an empty
//! store and a guard that cleans up. Keys are below a prefix of the case's own, so a store may be shared.

#![expect(clippy::unwrap_used, reason = "a suite of tests: what fails here fails the test")]

use crate::{
    Claim, Condition, Coordination, CoordinationError, KeyState, LeaseId, Mirror, Outcome, Registry,
    Settings, Transaction, WatchEnd, Write,
};
use base::clock::SystemClock;
use base::ids::IdSource;
use base::shutdown::{Shutdown, ShutdownWatch};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// The shortest lease that etcd gives; tests that wait for the end of one take this long.
const TTL: Duration = Duration::from_secs(1);
/// How long a condition may take to come true.
const DEADLINE: Duration = Duration::from_secs(10);

/// Makes a test of each rule.
#[macro_export]
macro_rules! conformance {
    ($make:path) => {
        $crate::conformance!(@cases $make:
            a_key_is_created_once_however_many_try
            a_key_keeps_its_creation_until_it_is_deleted
            a_transaction_is_all_or_nothing
            a_listing_has_the_keys_of_the_prefix_in_order
            a_watch_has_no_gap_after_a_listing
            a_watch_ends_when_it_cannot_tell_everything
            a_lease_takes_its_keys_with_it
            a_lease_that_is_kept_alive_lasts
            a_lease_that_has_ended_says_so
            a_mirror_follows_what_it_mirrors
            a_registry_puts_its_keys_again_under_a_new_lease
            a_registry_says_when_a_claim_is_lost
            a_claim_is_whose_came_first
        );
    };
    (@cases $make:path: $($case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (coordination, _guard) = $make();
            $crate::conformance::$case(coordination).await;
        }
    )*};
}

type Store = Arc<dyn Coordination>;

fn put(key: &str, lease: Option<LeaseId>) -> Write {
    Write::Put { key: key.to_owned(), value: Arc::from(key.as_bytes()), lease }
}

fn when(key: &str, state: KeyState) -> Condition {
    Condition { key: key.to_owned(), state }
}

async fn commit(store: &Store, when: Vec<Condition>, then: Vec<Write>) -> Outcome {
    store.commit(Transaction { when, then }).await.expect("the transaction gets an outcome")
}

async fn eventually<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let end = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, end).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

fn parts() -> (Shutdown, Arc<IdSource>, ShutdownWatch) {
    let shutdown = Shutdown::new();
    let watch = shutdown.watch();
    (shutdown, Arc::new(IdSource::new(SystemClock::shared())), watch)
}

async fn registry(store: &Store) -> (Arc<Registry>, Shutdown) {
    let (shutdown, ids, watch) = parts();
    let settings = Settings { ttl: TTL };
    let registry = Registry::start(store.clone(), settings, SystemClock::shared(), ids, watch).await;
    (registry.expect("the registry starts"), shutdown)
}

async fn lease_of(store: &Store, key: &str) -> LeaseId {
    let entry = store.get(key).await.expect("the store answers").expect("the key is there");
    entry.lease.expect("the key has a lease")
}

pub async fn a_key_is_created_once_however_many_try(store: Store) {
    let attempts: Vec<_> = (0..16)
        .map(|number| {
            let store = store.clone();
            let (send, receive) = tokio::sync::oneshot::channel();
            base::task::spawn("claim", base::task::OnPanic::Log, async move {
                let write = Write::Put {
                    key: "once".to_owned(),
                    value: Arc::from(format!("{number}").as_bytes()),
                    lease: None,
                };
                let outcome = commit(&store, vec![when("once", KeyState::Absent)], vec![write]).await;
                let _ = send.send((number, outcome));
            });
            receive
        })
        .collect();
    let mut winners = Vec::new();
    let mut seen = Vec::new();
    for attempt in attempts {
        match attempt.await.expect("every attempt ends") {
            (number, Outcome::Committed { revision }) => winners.push((number, revision)),
            (_, Outcome::Conflict { entries }) => seen.push(entries[0].clone()),
        }
    }
    let [(winner, epoch)] = winners[..] else { panic!("not one winner but {winners:?}") };
    for entry in seen {
        assert_eq!((entry.created, &*entry.value), (epoch, winner.to_string().as_bytes()));
    }
}

pub async fn a_key_keeps_its_creation_until_it_is_deleted(store: Store) {
    let Outcome::Committed { revision: first } = commit(&store, vec![], vec![put("kept", None)]).await else {
        panic!("nothing stood against it")
    };
    commit(&store, vec![], vec![put("kept", None)]).await;
    let entry = store.get("kept").await.unwrap().unwrap();
    assert_eq!(entry.created, first);
    assert!(entry.modified > first);
    commit(&store, vec![], vec![Write::Delete { key: "kept".to_owned() }]).await;
    assert_eq!(store.get("kept").await.unwrap(), None);
    commit(&store, vec![], vec![put("kept", None)]).await;
    let condition = vec![when("kept", KeyState::CreatedAt(first))];
    assert!(matches!(commit(&store, condition, vec![]).await, Outcome::Conflict { .. }));
}

pub async fn a_transaction_is_all_or_nothing(store: Store) {
    commit(&store, vec![], vec![put("taken", None)]).await;
    let conditions = vec![when("free", KeyState::Absent), when("taken", KeyState::Absent)];
    let outcome = commit(&store, conditions, vec![put("free", None), put("taken", None)]).await;
    let Outcome::Conflict { entries } = outcome else { panic!("a condition did not hold") };
    assert_eq!(entries.iter().map(|entry| &*entry.key).collect::<Vec<_>>(), ["taken"]);
    assert_eq!(store.get("free").await.unwrap(), None);
    let twice = vec![put("free", None), Write::Delete { key: "free".to_owned() }];
    let refused = store.commit(Transaction { when: vec![], then: twice }).await;
    assert!(matches!(refused, Err(CoordinationError::Refused(_))), "{refused:?}");
}

pub async fn a_listing_has_the_keys_of_the_prefix_in_order(store: Store) {
    for key in ["l/b", "l/a", "l", "m/a", "l/c"] {
        commit(&store, vec![], vec![put(key, None)]).await;
    }
    let listing = store.range("l/").await.unwrap();
    let keys: Vec<_> = listing.entries.iter().map(|entry| &*entry.key).collect();
    assert_eq!(keys, ["l/a", "l/b", "l/c"]);
    assert!(listing.entries.iter().all(|entry| entry.modified <= listing.revision));
}

pub async fn a_watch_has_no_gap_after_a_listing(store: Store) {
    commit(&store, vec![], vec![put("w/old", None)]).await;
    let listing = store.range("w/").await.unwrap();
    commit(&store, vec![], vec![put("w/between", None)]).await;
    let mut watch = store.watch("w/", listing.revision).await.unwrap();
    commit(&store, vec![], vec![put("x", None)]).await;
    commit(&store, vec![], vec![Write::Delete { key: "w/old".to_owned() }]).await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let changes = tokio::time::timeout(DEADLINE, watch.next()).await.expect("changes come").unwrap();
        seen.extend(changes.into_iter().map(|change| (change.key().to_owned(), change.revision())));
    }
    assert_eq!(seen.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["w/between", "w/old"]);
    assert!(seen[0].1 > listing.revision && seen[1].1 > seen[0].1);
}

/// A watch may be ended at any time, but it must not pass over a change: a reader that is slow sees the end.
pub async fn a_watch_ends_when_it_cannot_tell_everything(store: Store) {
    const MANY: usize = 20_000;
    let mut watch = store.watch("s/", 0).await.unwrap();
    for _ in 0..MANY {
        commit(&store, vec![], vec![put("s/key", None)]).await;
    }
    let mut told = 0;
    let mut last = 0;
    let reason = loop {
        match tokio::time::timeout(DEADLINE, watch.next()).await.expect("it ends or goes on") {
            Ok(changes) => {
                for change in changes {
                    assert!(change.revision() == last + 1 || last == 0, "a change was passed over");
                    last = change.revision();
                    told += 1;
                }
                if told == MANY {
                    return;
                }
            }
            Err(reason) => break reason,
        }
    };
    assert_eq!(reason, WatchEnd::Lost);
    let mut late = store.watch("s/", 1).await.unwrap();
    match tokio::time::timeout(DEADLINE, late.next()).await.expect("it ends or goes on") {
        Ok(changes) => assert_eq!(changes[0].revision(), 2),
        Err(reason) => assert_eq!(reason, WatchEnd::Compacted),
    }
}

pub async fn a_lease_takes_its_keys_with_it(store: Store) {
    let lease = store.grant(TTL).await.unwrap();
    commit(&store, vec![], vec![put("e/a", Some(lease)), put("e/b", Some(lease)), put("e/c", None)]).await;
    let listing = store.range("e/").await.unwrap();
    assert_eq!(listing.entries.len(), 3);
    let mut watch = store.watch("e/", listing.revision).await.unwrap();
    let changes = tokio::time::timeout(DEADLINE, watch.next()).await.expect("the lease ends").unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!(store.range("e/").await.unwrap().entries.len(), 1);
}

pub async fn a_lease_that_is_kept_alive_lasts(store: Store) {
    let lease = store.grant(TTL).await.unwrap();
    commit(&store, vec![], vec![put("k", Some(lease))]).await;
    for _ in 0..8 {
        tokio::time::sleep(TTL / 4).await;
        store.keep_alive(lease).await.unwrap();
    }
    assert!(store.get("k").await.unwrap().is_some());
    store.revoke(lease).await.unwrap();
    assert!(store.get("k").await.unwrap().is_none());
}

pub async fn a_lease_that_has_ended_says_so(store: Store) {
    let lease = store.grant(TTL).await.unwrap();
    store.revoke(lease).await.unwrap();
    store.revoke(lease).await.unwrap();
    assert!(matches!(store.keep_alive(lease).await, Err(CoordinationError::LeaseGone)));
    let write = Transaction { when: vec![], then: vec![put("g", Some(lease))] };
    assert!(matches!(store.commit(write).await, Err(CoordinationError::LeaseGone)));
}

pub async fn a_mirror_follows_what_it_mirrors(store: Store) {
    let (_shutdown, ids, stop) = parts();
    commit(&store, vec![], vec![put("m/a", None)]).await;
    let mirror = Mirror::start(store.clone(), "m/".to_owned(), ids, stop).await.unwrap();
    assert_eq!(mirror.entries().len(), 1);
    let mut changes = mirror.changes();
    commit(&store, vec![], vec![put("m/b", None), put("n", None)]).await;
    let delete = Write::Delete { key: "m/a".to_owned() };
    let Outcome::Committed { revision } = commit(&store, vec![], vec![delete]).await else {
        panic!("nothing stood against it")
    };
    let caught_up = changes.wait_for(|seen| *seen >= revision);
    tokio::time::timeout(DEADLINE, caught_up).await.expect("the mirror follows").unwrap();
    let keys: Vec<_> = mirror.entries().into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, ["m/b"]);
    assert_eq!(mirror.get("m/b"), store.get("m/b").await.unwrap());
}

pub async fn a_registry_puts_its_keys_again_under_a_new_lease(store: Store) {
    let (registry, _shutdown) = registry(&store).await;
    registry.publish("r/here", Arc::from(*b"address")).await.unwrap();
    let first = lease_of(&store, "r/here").await;
    store.revoke(first).await.unwrap();
    eventually("the key is there again", || async { store.get("r/here").await.unwrap().is_some() }).await;
    assert_ne!(lease_of(&store, "r/here").await, first);
    registry.publish("r/more", Arc::from(*b"")).await.unwrap();
    registry.close().await.unwrap();
    assert!(store.range("r/").await.unwrap().entries.is_empty());
}

pub async fn a_registry_says_when_a_claim_is_lost(store: Store) {
    let (registry, _shutdown) = registry(&store).await;
    let claim = registry.claim("o/queue", Arc::from(*b"me")).await.unwrap();
    let Claim::Owned { epoch } = claim else { panic!("{claim:?}") };
    store.revoke(lease_of(&store, "o/queue").await).await.unwrap();
    let lost = tokio::time::timeout(DEADLINE, registry.lost()).await.expect("the loss is told");
    assert_eq!(lost, ("o/queue".to_owned(), epoch));
    let again = registry.claim("o/queue", Arc::from(*b"me")).await.unwrap();
    assert!(matches!(again, Claim::Owned { epoch: newer } if newer > epoch), "{again:?}");
}

pub async fn a_claim_is_whose_came_first(store: Store) {
    let (ours, _shutdown) = registry(&store).await;
    let (theirs, _other_shutdown) = registry(&store).await;
    let first = ours.claim("c/queue", Arc::from(*b"ours")).await.unwrap();
    let Claim::Owned { epoch } = first else { panic!("{first:?}") };
    assert_eq!(ours.claim("c/queue", Arc::from(*b"ours")).await.unwrap(), first);
    let Claim::Held(entry) = theirs.claim("c/queue", Arc::from(*b"theirs")).await.unwrap() else {
        panic!("both own it")
    };
    assert_eq!((entry.created, &*entry.value), (epoch, &b"ours"[..]));
    theirs.withdraw("c/queue").await.unwrap();
    assert!(store.get("c/queue").await.unwrap().is_some());
    ours.withdraw("c/queue").await.unwrap();
    let next = theirs.claim("c/queue", Arc::from(*b"theirs")).await.unwrap();
    assert!(matches!(next, Claim::Owned { epoch: newer } if newer > epoch), "{next:?}");
}
