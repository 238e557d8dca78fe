//! What operators and owners can follow: user events (section EVT of the API rules) and metrics.
//!
//! Whatever ends an activation, or refuses one, says so here once. Where nobody listens and metrics are off, nothing is
//! computed.

mod events;
mod facts;
mod measures;

pub(crate) use events::{Batch, Reader};
pub(crate) use measures::Measures;

use base::clock::Clock;
use engine::throttle::Throttled;
use events::Events;
use facts::Facts;
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use types::{Activation, ControllerId, Identity};

/// Tells of what has happened.
#[derive(Debug)]
pub(crate) struct Observer {
    clock: Arc<dyn Clock>,
    events: Arc<Events>,
    measures: Option<Measures>,
}

impl Observer {
    /// `most_actions`: how many actions have metrics of their own; `None`: there are no metrics.
    pub(crate) fn new(id: ControllerId, clock: Arc<dyn Clock>, most_actions: Option<usize>) -> Observer {
        let events = Arc::new(Events::new(id));
        Observer { clock, events, measures: most_actions.map(Measures::new) }
    }

    /// An activation of `caller` has ended; told once for each record, whether it is kept or not.
    pub(crate) fn ended(&self, caller: &Identity, record: &Activation) {
        let wanted = self.wanted();
        if !wanted && self.measures.is_none() {
            return;
        }
        // A trigger's record runs nothing, and is none of EVT-02.
        let Some(facts) = Facts::of(record) else { return };
        if let Some(measures) = &self.measures {
            measures.ended(caller, &facts);
        }
        if wanted {
            self.tell(caller, "Activation", &facts);
        }
    }

    /// An invocation of `caller` was let in; with it, so many are in flight (EVT-03).
    pub(crate) fn admitted(&self, caller: &Identity, in_flight: u32) {
        if self.wanted() {
            let metric = facts::Metric { metric_name: "ConcurrentInvocations", metric_value: in_flight };
            self.tell(caller, "Metric", &metric);
        }
    }

    /// A request of `caller` was refused (THR-09).
    pub(crate) fn refused(&self, caller: &Identity, throttled: &Throttled) {
        let namespace = &caller.namespace.name;
        if let Some(measures) = &self.measures {
            measures.refused(namespace, throttled);
        }
        if self.wanted() {
            let metric_name = match throttled {
                Throttled::Rate { .. } => "TimedRateLimit",
                Throttled::Concurrency { .. } => "ConcurrentRateLimit",
            };
            self.tell(caller, "Metric", &facts::Metric { metric_name, metric_value: 1 });
        }
    }

    /// Whether anybody is to hear of events.
    fn wanted(&self) -> bool {
        self.events.wanted(|| self.clock.unix_millis())
    }

    fn tell<T: Serialize>(&self, caller: &Identity, kind: &'static str, body: &T) {
        self.events.tell(caller, kind, self.clock.unix_millis(), body);
    }

    /// A request was answered with this status.
    pub(crate) fn answered(&self, status: StatusCode) {
        if let Some(measures) = &self.measures {
            measures.answered(status);
        }
    }

    /// Somebody who reads events from now on. `None`: there are as many as there may be.
    pub(crate) fn reader(&self) -> Option<Reader> {
        Reader::new(&self.events, &self.clock)
    }

    /// Ends every reader.
    pub(crate) fn close(&self) {
        self.events.close();
    }

    /// The metrics, where there are any.
    pub(crate) fn measures(&self) -> Option<&Measures> {
        self.measures.as_ref()
    }

    /// How many read events.
    pub(crate) fn readers(&self) -> usize {
        self.events.readers()
    }
}
