//! The metrics of a controller: those by which upstream's dashboards know actions (EVT-04), and its own.

use super::facts::Facts;
use base::metrics::{Counter, Histogram, Kind, Page, Scale, labels};
use engine::throttle::Throttled;
use http::StatusCode;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use types::{EntityName, Identity, StatusCode as Ended};

/// How many namespaces have counters of their own for what was refused; the others share one.
const MOST_NAMESPACES: usize = 1000;

/// An action has so many kinds and sizes of memory, one after the other, before further ones count as `other`; and as
/// many statuses of its own.
const MOST_VARIANTS: usize = 32;

/// What stands for everything that has no series of its own.
const OTHER: &str = "other";

static MILLIS: Scale = Scale {
    bounds: &[1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000],
    unit: 1000,
};

static BYTES: Scale =
    Scale { bounds: &[64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20], unit: 1 };

/// What is counted. Series are made when they are first needed; their number is bounded.
#[derive(Debug)]
pub(crate) struct Measures {
    most_actions: usize,
    /// By invoking namespace and path of the action.
    actions: RwLock<HashMap<EntityName, HashMap<String, Arc<Series>>>>,
    made: Mutex<usize>,
    other: Arc<Series>,
    refusals: RwLock<HashMap<EntityName, Arc<Refusals>>>,
    other_refusals: Arc<Refusals>,
    /// By first digit of the status.
    answers: [Counter; 6],
}

/// One action, as one namespace invokes it.
#[derive(Debug)]
struct Series {
    namespace: String,
    initiator: String,
    action: String,
    /// By kind and memory, which change when the action does.
    variants: Mutex<Vec<Variant>>,
    cold: Counter,
    wait: Histogram,
    init: Histogram,
    duration: Histogram,
    size: Histogram,
    statuses: [Counter; 4],
    /// By the status that the action itself gave.
    own_statuses: Mutex<Vec<(String, u64)>>,
}

#[derive(Debug)]
struct Variant {
    kind: String,
    memory: u64,
    count: u64,
}

#[derive(Debug, Default)]
struct Refusals {
    concurrent: Counter,
    timed: Counter,
}

impl Measures {
    pub(super) fn new(most_actions: usize) -> Measures {
        Measures {
            most_actions,
            actions: RwLock::default(),
            made: Mutex::new(0),
            other: Arc::new(Series::new(OTHER, OTHER, OTHER)),
            refusals: RwLock::default(),
            other_refusals: Arc::default(),
            answers: Default::default(),
        }
    }

    pub(super) fn ended(&self, caller: &Identity, facts: &Facts<'_>) {
        let known = {
            let actions = self.actions.read();
            actions.get(&caller.namespace.name).and_then(|own| own.get(facts.name)).cloned()
        };
        known.unwrap_or_else(|| self.series(&caller.namespace.name, facts)).count(facts);
    }

    /// The series of an action that has none yet; the common one where there are as many as there may be.
    fn series(&self, initiator: &EntityName, facts: &Facts<'_>) -> Arc<Series> {
        let mut made = self.made.lock();
        if *made >= self.most_actions {
            return self.other.clone();
        }
        let mut actions = self.actions.write();
        let own = actions.entry(initiator.clone()).or_default();
        let series = own.entry(facts.name.to_owned()).or_insert_with(|| {
            *made += 1;
            let (namespace, action) = facts.action();
            Arc::new(Series::new(namespace, initiator.as_str(), action))
        });
        series.clone()
    }

    pub(super) fn refused(&self, namespace: &EntityName, throttled: &Throttled) {
        let known = self.refusals.read().get(namespace).cloned();
        let refusals = known.unwrap_or_else(|| {
            let mut all = self.refusals.write();
            if all.len() >= MOST_NAMESPACES {
                return self.other_refusals.clone();
            }
            all.entry(namespace.clone()).or_default().clone()
        });
        match throttled {
            Throttled::Rate { .. } => refusals.timed.increment(),
            Throttled::Concurrency { .. } => refusals.concurrent.increment(),
        }
    }

    pub(super) fn answered(&self, status: StatusCode) {
        if let Some(counter) = self.answers.get(usize::from(status.as_u16() / 100)) {
            counter.increment();
        }
    }

    /// Writes everything out.
    pub(crate) fn write(&self, page: &mut Page) {
        let mut all: Vec<Arc<Series>> =
            self.actions.read().values().flat_map(|own| own.values().cloned()).collect();
        all.sort_by(|a, b| {
            (&a.initiator, &a.namespace, &a.action).cmp(&(&b.initiator, &b.namespace, &b.action))
        });
        if !self.other.variants.lock().is_empty() {
            all.push(self.other.clone());
        }
        write_counts(page, &all);
        write_histograms(page, &all);
        self.write_refusals(page);
        let name = "oxiwhisk_controller_responses_total";
        page.family(name, Kind::Counter, "Answers of the REST API, by class of their status.");
        for (class, counter) in self.answers.iter().enumerate().skip(1) {
            page.sample(name, &labels(&[("class", &format!("{class}xx"))]), counter.get());
        }
    }

    fn write_refusals(&self, page: &mut Page) {
        let all: Vec<(EntityName, Arc<Refusals>)> = {
            let mut all: Vec<_> = self
                .refusals
                .read()
                .iter()
                .map(|(name, refusals)| (name.clone(), refusals.clone()))
                .collect();
            all.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
            all
        };
        let of = |refusals: &Refusals, timed| match timed {
            true => refusals.timed.get(),
            false => refusals.concurrent.get(),
        };
        for (name, help, timed) in [
            ("openwhisk_action_limit_concurrent_total", "Refused for too many activations in flight.", false),
            ("openwhisk_action_limit_timed_total", "Refused for too many requests in a minute.", true),
        ] {
            page.family(name, Kind::Counter, help);
            for (namespace, refusals) in &all {
                page.sample(name, &labels(&[("namespace", namespace.as_str())]), of(refusals, timed));
            }
            let other = of(&self.other_refusals, timed);
            if other > 0 {
                page.sample(name, &labels(&[("namespace", OTHER)]), other);
            }
        }
    }
}

impl Series {
    fn new(namespace: &str, initiator: &str, action: &str) -> Series {
        let histogram = || Histogram::new(&MILLIS);
        Series {
            namespace: namespace.to_owned(),
            initiator: initiator.to_owned(),
            action: action.to_owned(),
            variants: Mutex::default(),
            cold: Counter::default(),
            wait: histogram(),
            init: histogram(),
            duration: histogram(),
            size: Histogram::new(&BYTES),
            statuses: Default::default(),
            own_statuses: Mutex::default(),
        }
    }

    fn count(&self, facts: &Facts<'_>) {
        self.count_variant(facts);
        if facts.cold {
            self.cold.increment();
            self.init.observe(facts.init_time);
        }
        self.wait.observe(facts.wait_time);
        self.duration.observe(facts.duration);
        if let Some(size) = facts.size {
            self.size.observe(size);
        }
        if let Some(status) = self.statuses.get(usize::from(facts.status_code)) {
            status.increment();
        }
        if let Some(status) = facts.user_defined_status_code {
            self.count_own_status(status);
        }
    }

    fn count_variant(&self, facts: &Facts<'_>) {
        let mut variants = self.variants.lock();
        let full = variants.len() >= MOST_VARIANTS;
        let same = |variant: &Variant| variant.kind == facts.kind && variant.memory == facts.memory;
        match variants.iter().position(same).or(full.then(|| variants.len() - 1)) {
            Some(at) => variants[at].count += 1,
            None => {
                // Hardly any action has more than one.
                variants.reserve_exact(1);
                variants.push(Variant { kind: facts.kind.to_owned(), memory: facts.memory, count: 1 });
            }
        }
    }

    fn count_own_status(&self, status: i64) {
        let mut statuses = self.own_statuses.lock();
        let text = status.to_string();
        let text = if statuses.len() + 1 < MOST_VARIANTS { text.as_str() } else { OTHER };
        match statuses.iter_mut().find(|(known, _)| known == text || *known == status.to_string()) {
            Some((_, count)) => *count += 1,
            None => statuses.push((text.to_owned(), 1)),
        }
    }

    /// Its labels, and more.
    fn labels(&self, more: &[(&str, &str)]) -> String {
        let own = [
            ("namespace", self.namespace.as_str()),
            ("initiator", self.initiator.as_str()),
            ("action", self.action.as_str()),
        ];
        labels(&[&own, more].concat())
    }
}

fn write_counts(page: &mut Page, all: &[Arc<Series>]) {
    let name = "openwhisk_action_activations_total";
    page.family(name, Kind::Counter, "Activations that have ended.");
    for series in all {
        for variant in &*series.variants.lock() {
            let memory = variant.memory.to_string();
            page.sample(name, &series.labels(&[("kind", &variant.kind), ("memory", &memory)]), variant.count);
        }
    }
    let name = "openwhisk_action_coldStarts_total";
    page.family(name, Kind::Counter, "Activations whose container had to be initialised.");
    for series in all {
        page.sample(name, &series.labels(&[]), series.cold.get());
    }
    let name = "openwhisk_action_status";
    page.family(name, Kind::Counter, "Activations by how they ended.");
    let texts = [Ended::Success, Ended::ApplicationError, Ended::DeveloperError, Ended::WhiskError];
    for series in all {
        for (status, counter) in texts.iter().zip(&series.statuses) {
            let status = status.text().replace(' ', "_");
            page.sample(name, &series.labels(&[("status", &status)]), counter.get());
        }
    }
    let name = "openwhisk_action_status_code";
    page.family(name, Kind::Counter, "Activations by the statusCode that they gave.");
    for series in all {
        for (status, count) in &*series.own_statuses.lock() {
            page.sample(name, &series.labels(&[("status", status)]), count);
        }
    }
    let name = "openwhisk_action_memory";
    page.family(name, Kind::Gauge, "The memory of the action's containers, in MB.");
    for series in all {
        let memory = series.variants.lock().last().map_or(0, |variant| variant.memory);
        page.sample(name, &series.labels(&[]), memory);
    }
}

fn write_histograms(page: &mut Page, all: &[Arc<Series>]) {
    type Pick = fn(&Series) -> &Histogram;
    let families: [(&str, &str, Pick); 4] = [
        ("openwhisk_action_waitTime_seconds", "From the request to the run.", |series| &series.wait),
        ("openwhisk_action_initTime_seconds", "Initialisation.", |series| &series.init),
        ("openwhisk_action_duration_seconds", "Initialisation and run.", |series| &series.duration),
        ("openwhisk_action_response_size_bytes", "The length of the action's answer.", |series| &series.size),
    ];
    for (name, help, pick) in families {
        page.family(name, Kind::Histogram, help);
        for series in all {
            page.histogram(name, &series.labels(&[]), pick(series));
        }
    }
}
