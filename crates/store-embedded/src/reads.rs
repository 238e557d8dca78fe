//! Reads that may wait for the disk, kept off the async threads.

use std::sync::Arc;
use store::StoreError;
use tokio::sync::Semaphore;

/// How many reads of one store run at a time; further ones wait for their turn. More would not make a disk faster, and
/// each takes a thread.
const READS_AT_A_TIME: usize = 8;

/// Runs reads on threads that may block.
#[derive(Clone, Debug)]
pub(crate) struct Reads {
    permits: Arc<Semaphore>,
}

impl Reads {
    pub(crate) fn new() -> Reads {
        Reads { permits: Arc::new(Semaphore::new(READS_AT_A_TIME)) }
    }

    /// Runs `read` and answers with what it answers.
    pub(crate) async fn run<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        F: FnOnce() -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let failed = |what: &str| StoreError::new("read from the store", what.to_owned());
        // The permit goes into the thread: when the caller gives up, the read still runs, and counts.
        let permits = self.permits.clone();
        let permit = permits.acquire_owned().await.map_err(|_| failed("the store is closed"))?;
        let task = tokio::task::spawn_blocking(move || {
            let answer = read();
            drop(permit);
            answer
        });
        task.await.unwrap_or_else(|_| Err(failed("the read panicked, or the server stops")))
    }
}
