use super::*;
use base::clock::SystemClock;
use std::fs::File;
use store::conformance::activation::{BEGIN, all, id, record};

fn open_in(dir: &Path) -> EmbeddedActivationStore {
    let lock = Arc::new(DirectoryLock::acquire(dir).unwrap());
    let age = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let config = Config { retention_age: age, ..Config::default() };
    EmbeddedActivationStore::open(&config, dir, lock, SystemClock::shared()).unwrap()
}

fn intent(number: u64) -> Intent {
    Intent { activation_id: id(BEGIN, number), body: Bytes::from_static(b"body") }
}

#[tokio::test]
async fn after_a_failed_sync_all_writes_are_refused_and_reads_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_in(dir.path());
    let stored = store.store(Arc::new(record("ns", "a", BEGIN, 1))).unwrap();
    store.durable(stored).await.unwrap();
    // Takes every write, and cannot be brought to any disk.
    let null = File::options().write(true).open("/dev/null").unwrap();
    store.shared.front.lock().journal.replace_file(null);
    let ticket = store.accept(intent(2)).unwrap();
    assert!(store.durable(ticket).await.is_err());
    let error = store.accept(intent(3)).unwrap_err();
    assert!(!error.retryable);
    assert!(error.source.unwrap().to_string().contains("restart the server"));
    assert!(store.store(Arc::new(record("ns", "a", BEGIN, 4))).is_err());
    assert!(store.started(id(BEGIN, 2)).is_err());
    assert!(store.flush().await.is_err());
    store.durable(stored).await.unwrap();
    assert_eq!(store.count(&all("ns")).await.unwrap(), 1);
    assert!(store.get("ns", id(BEGIN, 1)).await.unwrap().is_some());
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_accepted_and_reads_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_in(dir.path());
    store.store(Arc::new(record("ns", "a", BEGIN, 1))).unwrap();
    store.shared.front.lock().journal.replace_file(File::options().write(true).open("/dev/full").unwrap());
    let error = store.accept(intent(2)).unwrap_err();
    assert!(error.source.unwrap().to_string().contains("the disk is full"));
    assert_eq!(store.usage().unwrap().open_intents, 0);
    assert!(store.store(Arc::new(record("ns", "a", BEGIN, 3))).is_err());
    assert_eq!(store.list(&all("ns")).await.unwrap().len(), 1);
}
