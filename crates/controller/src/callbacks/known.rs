//! What is known of callbacks beside when they are tried: where they go, and how they fare.

use engine::callback::Verdict;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::callback::CallbackDocument;
use types::{ActivationId, EntityName};
use webhook::Target;

/// How many settled callbacks are remembered; the oldest are forgotten first.
const SETTLED: usize = 1000;

/// A callback that is pending.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) target: Target,
    /// `None`: the namespace's.
    pub(super) secret: Option<String>,
    pub(super) namespace: EntityName,
    promised: u64,
    trouble: Mutex<Trouble>,
}

#[derive(Clone, Debug, Default)]
struct Trouble {
    tries: u32,
    error: Option<String>,
    next: Option<u64>,
}

/// A callback as its owner sees it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    activation_id: ActivationId,
    url: String,
    /// `pending`, `delivered`, `gone` or `given up`.
    state: &'static str,
    /// When it was promised, in milliseconds since 1970.
    promised: u64,
    /// How often it was sent.
    tries: u32,
    /// What came of the last try that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When it is tried again, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// All callbacks of a controller that are pending, and the last ones that were settled.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pending: Mutex<BTreeMap<ActivationId, Arc<Known>>>,
    /// How many are pending, to be asked without a lock.
    count: AtomicUsize,
    settled: Mutex<VecDeque<(EntityName, Shown)>>,
}

impl Known {
    pub(super) fn new(target: Target, secret: Option<String>, document: &CallbackDocument) -> Known {
        let namespace = document.namespace.clone();
        Known { target, secret, namespace, promised: document.promised, trouble: Mutex::default() }
    }

    fn shown(&self, id: ActivationId) -> Shown {
        let Trouble { tries, error, next } = self.trouble.lock().clone();
        let (url, promised) = (self.target.to_string(), self.promised);
        Shown { activation_id: id, url, state: "pending", promised, tries, error, next }
    }
}

impl Ledger {
    /// Answers whether it is new.
    pub(super) fn add(&self, id: ActivationId, known: Known) -> bool {
        let new = self.pending.lock().insert(id, Arc::new(known)).is_none();
        self.count.fetch_add(usize::from(new), Ordering::SeqCst);
        new
    }

    pub(super) fn has(&self, id: ActivationId) -> bool {
        self.count.load(Ordering::SeqCst) > 0 && self.pending.lock().contains_key(&id)
    }

    pub(super) fn get(&self, id: ActivationId) -> Option<Arc<Known>> {
        self.pending.lock().get(&id).cloned()
    }

    /// Notes a try that failed.
    pub(super) fn note(&self, id: ActivationId, tries: u32, error: &dyn std::error::Error, next: u64) {
        if let Some(known) = self.get(id) {
            *known.trouble.lock() = Trouble { tries, error: Some(error.to_string()), next: Some(next) };
        }
    }

    pub(super) fn settle(&self, id: ActivationId, verdict: Verdict, tries: u32) {
        let Some(known) = self.pending.lock().remove(&id) else { return };
        self.count.fetch_sub(1, Ordering::SeqCst);
        let state = match verdict {
            Verdict::Delivered => "delivered",
            Verdict::Gone => "gone",
            Verdict::GivenUp => "given up",
            // Nobody was told of it.
            Verdict::Withdrawn => return,
        };
        let shown = Shown { state, tries, next: None, ..known.shown(id) };
        let mut settled = self.settled.lock();
        if settled.len() >= SETTLED {
            settled.pop_front();
        }
        settled.push_back((known.namespace.clone(), shown));
    }

    /// Those of a namespace: the pending ones, and those that were settled, the newest promise first.
    pub(super) fn of(&self, namespace: &EntityName) -> Vec<Shown> {
        let settled = self.settled.lock();
        let settled = settled.iter().filter(|(of, _)| of == namespace).map(|(_, shown)| shown.clone());
        let mut all: Vec<Shown> = settled.collect();
        let pending = self.pending.lock();
        all.extend(
            pending.iter().filter(|(_, known)| known.namespace == *namespace).map(|(id, k)| k.shown(*id)),
        );
        all.sort_by_key(|shown| std::cmp::Reverse((shown.promised, shown.activation_id)));
        all
    }
}
