//! The activations of this controller that have not ended, and the door through which new ones come in.

use crate::identities::Place;
use crate::invoke::Response;
use engine::pending::Pending;
use machine::Instant;
use parking_lot::Mutex;
use rpc::{ActivationMessage, Piece};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{Notify, oneshot};
use types::{Activation, ActivationId, EntityName, QueueKey};

/// Locks; a power of two.
const SHARDS: usize = 16;

/// An activation that was handed on.
#[derive(Debug)]
pub(crate) struct Open {
    /// What was handed on: enough to make its record if nobody else does.
    pub(crate) message: Arc<ActivationMessage>,
    /// Who waits for its record; `None` where nobody does.
    pub(crate) waiter: Option<oneshot::Sender<Arc<Activation>>>,
    /// Where its response goes.
    pub(crate) response: Response,
    /// Its place among the activations in flight, given back with this.
    pub(crate) _place: Place,
}

/// All open activations. Their number is bounded by what the queues take: what is refused is closed at once.
#[derive(Debug)]
pub(crate) struct OpenActivations {
    shards: [Mutex<Pending<Open>>; SHARDS],
    count: AtomicUsize,
    empty: Notify,
}

impl OpenActivations {
    pub(crate) fn new() -> OpenActivations {
        let shards = std::array::from_fn(|_| Mutex::new(Pending::new()));
        OpenActivations { shards, count: AtomicUsize::new(0), empty: Notify::new() }
    }

    /// Adds one. Must come before it is submitted, because its end may come while it is being submitted.
    pub(crate) fn open(&self, deadline: Instant, open: Open) {
        let id = open.message.activation_id;
        let old = self.shard(id).lock().open(id, deadline, open);
        if old.is_none() {
            self.count.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Hands a piece of a response on to whoever waits for it; false: nobody does.
    pub(crate) fn take_piece(&self, piece: Piece) -> bool {
        let mut shard = self.shard(piece.activation).lock();
        let Some(Open { message, response, .. }) = shard.get_mut(piece.activation) else { return false };
        response.take(message, piece)
    }

    /// The queue of an activation of that namespace, if it is open.
    pub(crate) fn queue_of(&self, id: ActivationId, namespace: &EntityName) -> Option<Arc<QueueKey>> {
        let shard = self.shard(id).lock();
        let message = &shard.get(id)?.message;
        (message.caller.namespace.name == *namespace).then(|| message.queue.clone())
    }

    /// Takes one out; the first end counts.
    pub(crate) fn close(&self, id: ActivationId) -> Option<Open> {
        let closed = self.shard(id).lock().close(id);
        self.counted(closed)
    }

    /// Takes out one that is overdue.
    pub(crate) fn pop_overdue(&self, now: Instant) -> Option<Open> {
        let overdue = self.shards.iter().find_map(|shard| shard.lock().pop_overdue(now));
        self.counted(overdue.map(|(_, open)| open))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// All of them, for an operator.
    pub(crate) fn all(&self) -> Vec<Arc<ActivationMessage>> {
        let of = |shard: &Mutex<Pending<Open>>| -> Vec<_> {
            shard.lock().values().map(|open| open.message.clone()).collect()
        };
        self.shards.iter().flat_map(of).collect()
    }

    /// Returns when there are none.
    pub(crate) async fn emptied(&self) {
        wait_for_zero(&self.count, &self.empty).await;
    }

    fn counted(&self, closed: Option<Open>) -> Option<Open> {
        if closed.is_some() && self.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.empty.notify_waiters();
        }
        closed
    }

    fn shard(&self, id: ActivationId) -> &Mutex<Pending<Open>> {
        // The low bits of an id are spread at random.
        let bits = usize::try_from(id.bits() & 0xffff).unwrap_or_default();
        &self.shards[bits % SHARDS]
    }
}

/// Counts the invocations that are being handled, and the sequences, compositions and fires that go on after their
/// request; refuses new ones once it is closed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<Door>);

#[derive(Debug, Default)]
struct Door {
    inside: AtomicUsize,
    /// For good.
    closed: AtomicBool,
    /// Until an operator undoes it.
    disabled: AtomicBool,
    empty: Notify,
}

/// One invocation inside the gate.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Door>);

impl Gate {
    /// Lets one in, unless the gate is closed or disabled.
    pub(crate) fn enter(&self) -> Option<Pass> {
        // Counted first and then asked: whoever closes the gate afterwards sees the count.
        self.0.inside.fetch_add(1, Ordering::SeqCst);
        let pass = Pass(self.0.clone());
        self.is_open().then_some(pass)
    }

    /// Lets in what belongs to something that was accepted before, also when the gate is closed.
    pub(crate) fn go_on(&self) -> Pass {
        self.0.inside.fetch_add(1, Ordering::SeqCst);
        Pass(self.0.clone())
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// Whether it lets anybody in.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.closed.load(Ordering::SeqCst) && self.is_enabled()
    }

    /// Lets nobody in until it is undone, or undoes that (ADM-02).
    pub(crate) fn set_enabled(&self, enabled: bool) {
        self.0.disabled.store(!enabled, Ordering::SeqCst);
    }

    /// Whether no operator has disabled it.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.0.disabled.load(Ordering::SeqCst)
    }

    /// Returns when nobody is inside.
    pub(crate) async fn emptied(&self) {
        wait_for_zero(&self.0.inside, &self.0.empty).await;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.0.inside.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.empty.notify_waiters();
        }
    }
}

async fn wait_for_zero(count: &AtomicUsize, changed: &Notify) {
    loop {
        let notified = changed.notified();
        tokio::pin!(notified);
        // Registered before the count is read, so that a change in between is not missed.
        notified.as_mut().enable();
        if count.load(Ordering::SeqCst) == 0 {
            return;
        }
        notified.await;
    }
}
