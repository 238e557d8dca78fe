//! Answers that wait until their records are on the disk.
//!
//! One task serves them all: whenever the disk has got further, it answers everybody whose record is there. A task for
//! each activation would cost a start and a wake-up from another thread every time.

use crate::service::Invoker;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use store::Ticket;
use tokio::sync::Notify;
use types::{Activation, ControllerId};

/// Who waits, in the order in which they came. Each belongs to a blocking call that is open at its controller, which
/// bounds their number.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    waiting: Mutex<VecDeque<Answer>>,
    filled: Notify,
}

#[derive(Debug)]
struct Answer {
    ticket: Ticket,
    controller: ControllerId,
    record: Arc<Activation>,
}

impl Answers {
    /// Answers that controller once everything up to `ticket` is on the disk.
    pub(crate) fn after(&self, ticket: Ticket, controller: ControllerId, record: Arc<Activation>) {
        let mut waiting = self.waiting.lock();
        waiting.push_back(Answer { ticket, controller, record });
        let first = waiting.len() == 1;
        drop(waiting);
        if first {
            self.filled.notify_one();
        }
    }

    /// The ticket of who has waited longest.
    fn first(&self) -> Option<Ticket> {
        self.waiting.lock().front().map(|answer| answer.ticket)
    }

    /// Takes those from the front whose records are on the disk, `most` at a time.
    fn take(&self, durable: Ticket, most: usize) -> Vec<Answer> {
        let mut waiting = self.waiting.lock();
        let there = waiting.iter().take(most).take_while(|answer| answer.ticket <= durable).count();
        waiting.drain(..there).collect()
    }
}

/// Answers for as long as the invoker is there.
pub(crate) async fn run(invoker: Weak<Invoker>, answers: Arc<Answers>) {
    /// Taken under one hold of the lock, which those who finish activations need too.
    const AT_ONCE: usize = 64;
    loop {
        answers.filled.notified().await;
        while let Some(first) = answers.first() {
            let Some(invoker) = invoker.upgrade() else { return };
            let durable = match invoker.deps.activations.durable(first).await {
                Ok(durable) => durable,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the records of activations are not on the disk");
                    first
                }
            };
            loop {
                let taken = answers.take(durable, AT_ONCE);
                if taken.is_empty() {
                    break;
                }
                for Answer { controller, record, .. } in taken {
                    let activation = record.activation_id;
                    // A fault in what hears of one end must not keep the others from their answers.
                    let told = catch_unwind(AssertUnwindSafe(|| invoker.acknowledge(controller, record)));
                    if told.is_err() {
                        tracing::error!(%activation, "the answer to an activation panicked");
                    }
                }
            }
        }
    }
}
