//! The sequences and compositions that have begun and not ended.

use parking_lot::Mutex;
use rpc::{ActivationMessage, Refusal};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{ActivationId, EntityName, QueueKey};

/// How many sequences and compositions may be on their way, those inside others not counted. One more is refused as by
/// a full queue.
const MOST: usize = 10_000;

/// All of them, with what a follower may know of each.
#[derive(Debug, Default)]
pub(crate) struct OnTheWay(Arc<Mutex<BTreeMap<ActivationId, Progress>>>);

#[derive(Debug)]
struct Progress {
    queue: Arc<QueueKey>,
    /// The parts that have ended.
    parts: Vec<ActivationId>,
}

/// The place of one of them; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Passage {
    all: Arc<Mutex<BTreeMap<ActivationId, Progress>>>,
    id: ActivationId,
}

impl OnTheWay {
    pub(super) fn enter(&self, message: &ActivationMessage) -> Result<Passage, Refusal> {
        let mut all = self.0.lock();
        if all.len() >= MOST {
            return Err(Refusal::QueueFull);
        }
        let id = message.activation_id;
        all.insert(id, Progress { queue: message.queue.clone(), parts: Vec::new() });
        Ok(Passage { all: self.0.clone(), id })
    }

    /// The queue of the action, if it is one of that namespace's.
    pub(crate) fn queue_of(&self, id: ActivationId, namespace: &EntityName) -> Option<Arc<QueueKey>> {
        let all = self.0.lock();
        all.get(&id).map(|progress| &progress.queue).filter(|queue| queue.namespace == *namespace).cloned()
    }

    /// The lines of its log behind the first `seen`, which are the ids of the parts that have ended (SEQ-14). `None`: it
    /// is not on its way.
    pub(crate) fn lines(&self, id: ActivationId, seen: usize) -> Option<Vec<String>> {
        let all = self.0.lock();
        let parts = &all.get(&id)?.parts;
        Some(parts.iter().skip(seen).map(ActivationId::to_string).collect())
    }
}

impl Passage {
    /// So many parts have ended.
    pub(super) fn note(&self, parts: &[ActivationId]) {
        if let Some(progress) = self.all.lock().get_mut(&self.id) {
            progress.parts.extend(parts.iter().skip(progress.parts.len()));
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}
