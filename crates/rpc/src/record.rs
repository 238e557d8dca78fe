//! The record of an activation, made from its message and from what is known of its run.

use crate::ActivationMessage;
use std::time::Duration;
use types::json::{self, Raw};
use types::{Activation, ActivationResponse, Annotations, EntityPath};

/// What is known of an activation's run when it has ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// When initialisation began, or the run where there was none, in milliseconds since 1970 (ATV-12).
    pub began: u64,
    /// How long initialisation took; `None` for a warm container (ATV-18).
    pub init: Option<Duration>,
    /// How long the run took; zero where it did not come to one.
    pub run: Duration,
    /// Whether a time limit ended it (ATV-16).
    pub timed_out: bool,
    /// How it ended.
    pub response: ActivationResponse,
    /// Its log lines (LOG-03).
    pub logs: Vec<String>,
    /// Where its time went.
    pub phases: Phases,
}

/// Where the time of an activation went, from its acceptance to its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Waiting for a container that others were using, or for room for one.
    pub queued: Duration,
    /// Waiting while the container that ran it was made or resumed.
    pub container: Duration,
    /// Loading the code into the container.
    pub init: Duration,
    /// Running.
    pub run: Duration,
    /// Taking what it wrote.
    pub logs: Duration,
}

impl Run {
    /// An activation that ended at `now`, in milliseconds since 1970, without having been run.
    #[must_use]
    pub const fn none(now: u64, response: ActivationResponse) -> Run {
        Run {
            began: now,
            init: None,
            run: Duration::ZERO,
            timed_out: false,
            response,
            logs: Vec::new(),
            phases: Phases::NONE,
        }
    }
}

impl Phases {
    /// Nothing took any time.
    pub const NONE: Phases = Phases {
        queued: Duration::ZERO,
        container: Duration::ZERO,
        init: Duration::ZERO,
        run: Duration::ZERO,
        logs: Duration::ZERO,
    };

    fn annotation(self) -> Raw {
        let Phases { queued, container, init, run, logs } = self;
        json::durations(&[
            ("queued", queued),
            ("container", container),
            ("init", init),
            ("run", run),
            ("logs", logs),
        ])
    }
}

/// The annotations that a record can have.
const MOST_ANNOTATIONS: usize = 10;

impl ActivationMessage {
    /// The record of this activation (ATV-06, ATV-10 to ATV-20).
    #[must_use]
    pub fn record(&self, run: Run) -> Activation {
        let action = &self.action;
        let duration = millis(run.init.unwrap_or_default()) + millis(run.run);
        let texts = action.texts();
        let mut annotations = Annotations::with_capacity(MOST_ANNOTATIONS);
        annotations.push("path", texts.path.clone());
        annotations.push("waitTime", json::number(run.began.saturating_sub(self.received)));
        annotations.push("kind", texts.kind.clone());
        annotations.push("timeout", json::boolean(run.timed_out));
        annotations.push("limits", texts.limits.clone());
        if let Some(init) = run.init {
            annotations.push("initTime", json::number(millis(init)));
        }
        if self.cause.is_some() {
            annotations.push("causedBy", json::raw("sequence"));
        }
        if let Some(binding) = &texts.binding {
            annotations.push("binding", binding.clone());
        }
        annotations.push("traceId", json::id(self.trace.trace_id()));
        annotations.push("phases", run.phases.annotation());
        Activation {
            namespace: EntityPath::of_namespace(&self.caller.namespace.name),
            name: action.name.name.clone(),
            version: action.version,
            subject: self.caller.subject.clone(),
            activation_id: self.activation_id,
            cause: self.cause,
            start: run.began,
            end: Some(run.began + duration),
            duration: Some(duration),
            response: run.response,
            logs: run.logs,
            annotations,
            publish: false,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{ActivationId, StatusCode};

    fn run(init: Option<Duration>) -> Run {
        let response = ActivationResponse::error(StatusCode::ApplicationError, "no");
        let run = Duration::from_millis(30);
        Run { began: 1_200, init, run, timed_out: false, response, logs: Vec::new(), phases: Phases::NONE }
    }

    #[test]
    fn a_record_shows_its_phases_and_its_trace() {
        let micros = Duration::from_micros;
        let phases =
            Phases { queued: micros(1_250), container: micros(3), run: micros(30_000), ..Phases::NONE };
        let record = ActivationMessage::for_tests().record(Run { phases, ..run(None) });
        assert_eq!(
            annotation(&record, "phases").as_deref(),
            Some(r#"{"queued":1.25,"container":0.003,"init":0.0,"run":30.0,"logs":0.0}"#)
        );
        let trace = r#""00000000000000000000000000000005""#;
        assert_eq!(annotation(&record, "traceId").as_deref(), Some(trace));
    }

    fn annotation(record: &Activation, key: &str) -> Option<String> {
        record.annotations.get(key).map(|value| value.get().to_owned())
    }

    #[test]
    fn atv_12_atv_17_atv_18_a_cold_start_counts_its_initialisation() {
        let record = ActivationMessage::for_tests().record(run(Some(Duration::from_millis(20))));
        assert_eq!((record.start, record.end, record.duration), (1_200, Some(1_250), Some(50)));
        assert_eq!(annotation(&record, "initTime").as_deref(), Some("20"));
        assert_eq!(annotation(&record, "waitTime").as_deref(), Some("200"));
    }

    #[test]
    fn atv_18_a_warm_start_has_no_init_time() {
        let record = ActivationMessage::for_tests().record(run(None));
        assert_eq!(record.duration, Some(30));
        assert_eq!(annotation(&record, "initTime"), None);
    }

    #[test]
    fn atv_10_atv_13_atv_20_a_binding_shows_in_the_annotations() {
        let record = ActivationMessage::for_tests().record(run(None));
        assert_eq!(record.namespace.as_str(), "caller");
        assert_eq!(annotation(&record, "path").as_deref(), Some(r#""provider/pkg/hello""#));
        assert_eq!(annotation(&record, "binding").as_deref(), Some(r#""caller/bound""#));
        assert_eq!(record.path_in_namespace(), "bound/hello");
    }

    #[test]
    fn atv_19_what_was_caused_says_so() {
        let cause = Some(ActivationId::from_bits(1));
        let record = ActivationMessage { cause, ..ActivationMessage::for_tests() }.record(run(None));
        assert_eq!(annotation(&record, "causedBy").as_deref(), Some(r#""sequence""#));
        assert_eq!(record.cause, Some(ActivationId::from_bits(1)));
    }
}
