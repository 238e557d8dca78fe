//! The one thread that writes entities.

use super::tables::{self, Fault, Refused};
use redb::Database;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use store::{Attachment, Document, PutError, StoreError};
use tokio::sync::{mpsc, oneshot};
use types::Revision;

/// How many writes may wait for the thread; further callers wait for room. Each may hold an attachment of 48 MB.
const WRITES_WAITING: usize = 32;

/// How many writes become durable together at the most, so that the first of them does not wait long.
const WRITES_TOGETHER: usize = 64;

/// One write.
#[derive(Debug)]
pub(super) enum Write {
    Put { document: Document, attachment: Option<Attachment>, expected: Option<Revision> },
    Delete { id: String, revision: Revision },
}

struct Order {
    write: Write,
    reply: oneshot::Sender<Result<Revision, PutError>>,
}

/// The way to the thread; it ends when this is dropped.
pub(super) struct Writer {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(database: Arc<Database>) -> io::Result<Writer> {
        let (orders, waiting) = mpsc::channel(WRITES_WAITING);
        let thread = std::thread::Builder::new().name("store-entities".to_owned());
        let thread = thread.spawn(move || run(&database, waiting))?;
        Ok(Writer { orders: Some(orders), thread: Some(thread) })
    }

    /// Hands a write over and waits until it is durable. Answers the new revision; for a delete, the old one.
    pub(super) async fn write(&self, write: Write) -> Result<Revision, PutError> {
        let closed = || StoreError::new("write an entity", "the thread that writes has ended");
        let (reply, answer) = oneshot::channel();
        let orders = self.orders.as_ref().ok_or_else(closed)?;
        orders.send(Order { write, reply }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.orders = None;
        // What waits is still written: its callers may have gone, and count on it nevertheless.
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that writes entities panicked");
        }
    }
}

fn run(database: &Database, mut waiting: mpsc::Receiver<Order>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut orders = vec![first];
        while orders.len() < WRITES_TOGETHER
            && let Ok(order) = waiting.try_recv()
        {
            orders.push(order);
        }
        write_together(database, orders);
    }
}

/// Writes all in one transaction. No caller hears of its own write before all are durable, nor of a conflict with one
/// that may yet fail.
fn write_together(database: &Database, orders: Vec<Order>) {
    let (writes, replies): (Vec<Write>, Vec<_>) =
        orders.into_iter().map(|order| (order.write, order.reply)).unzip();
    match commit(database, writes) {
        Ok(answers) => {
            for (reply, answer) in replies.into_iter().zip(answers) {
                // A caller that does not wait any more has gone away; its write stays.
                let _ = reply.send(answer.map_err(|Refused| PutError::Conflict));
            }
        }
        Err(fault) => {
            tracing::error!(%fault, "entities cannot be written");
            let text = fault.to_string();
            let retryable = tables::is_retryable(&fault);
            for reply in replies {
                let error = StoreError { retryable, ..StoreError::new("write an entity", text.clone()) };
                let _ = reply.send(Err(PutError::Store(error)));
            }
        }
    }
}

fn commit(database: &Database, writes: Vec<Write>) -> Result<Vec<Result<Revision, Refused>>, Fault> {
    let mut transaction = tables::Transaction::begin(database)?;
    let mut answers = Vec::with_capacity(writes.len());
    for write in writes {
        answers.push(match write {
            Write::Put { document, attachment, expected } => {
                transaction.put(&document, attachment.as_ref(), expected)?
            }
            Write::Delete { id, revision } => transaction.delete(&id, revision)?.map(|()| revision),
        });
    }
    transaction.commit()?;
    Ok(answers)
}
