//! The record of an activation that a container ran, or failed to run.

use rpc::ActivationMessage;
use std::time::Duration;
use types::json::{self, Raw};
use types::{Activation, ActivationResponse, Annotations, EntityPath};

/// What is known of an activation's run when it has ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// When initialisation began, or the run where there was none, in milliseconds since 1970 (ATV-12).
    pub(crate) began: u64,
    /// How long initialisation took; `None` for a warm container (ATV-18).
    pub(crate) init: Option<Duration>,
    /// How long the run took; zero where it did not come to one.
    pub(crate) run: Duration,
    /// Whether a time limit ended it (ATV-16).
    pub(crate) timed_out: bool,
    /// How it ended.
    pub(crate) response: ActivationResponse,
    /// Its log lines (LOG-03).
    pub(crate) logs: Vec<String>,
}

/// Makes the record (ATV-06, ATV-10 to ATV-20).
pub(crate) fn record(message: &ActivationMessage, run: Run) -> Activation {
    let action = &message.action;
    let duration = millis(run.init.unwrap_or_default()) + millis(run.run);
    let mut annotations = Annotations::new();
    annotations.push("path", json::raw(&format_args!("{}", action.name)));
    annotations.push("waitTime", number(run.began.saturating_sub(message.received)));
    annotations.push("kind", json::raw(&*action.kind));
    annotations.push("timeout", json::raw(&run.timed_out));
    annotations.push("limits", json::raw(&action.limits));
    if let Some(init) = run.init {
        annotations.push("initTime", number(millis(init)));
    }
    if message.cause.is_some() {
        annotations.push("causedBy", json::raw("sequence"));
    }
    if let Some(binding) = &action.binding {
        annotations.push("binding", json::raw(binding));
    }
    Activation {
        namespace: EntityPath::of_namespace(&message.caller.namespace.name),
        name: action.name.name.clone(),
        version: action.version,
        subject: message.caller.subject.clone(),
        activation_id: message.activation_id,
        cause: message.cause,
        start: run.began,
        end: Some(run.began + duration),
        duration: Some(duration),
        response: run.response,
        logs: run.logs,
        annotations,
        publish: false,
    }
}

fn number(value: u64) -> Raw {
    json::raw(&value)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rpc::ExecutableAction;
    use std::sync::Arc;
    use types::{
        ActivationId, AuthKey, ControllerId, EntityName, FullyQualifiedName, Identity, NamespaceId, QueueKey,
        Revision, SemVer, StatusCode, Subject, SystemLimits, TransactionId, UserLimits,
    };

    /// An activation of an action that was invoked through a binding.
    pub(crate) fn message() -> ActivationMessage {
        let name = EntityName::new("caller").unwrap();
        let action = FullyQualifiedName::parse("provider/pkg/hello").unwrap();
        let authkey = AuthKey { uuid: Arc::from("uuid"), key: Arc::from("key") };
        ActivationMessage {
            activation_id: ActivationId::from_bits(7),
            transaction_id: TransactionId::new("transaction"),
            queue: Arc::new(QueueKey { namespace: name.clone(), action: action.clone() }),
            action: Arc::new(ExecutableAction {
                name: action,
                binding: Some(EntityPath::parse("caller/bound").unwrap()),
                version: SemVer { major: 0, minor: 0, patch: 3 },
                revision: Revision(1),
                kind: Arc::from("nodejs:20"),
                image: None,
                limits: SystemLimits::default().standard(),
                provide_api_key: false,
            }),
            caller: Arc::new(Identity {
                subject: Subject::new("somebody"),
                namespace: NamespaceId { name, uuid: authkey.uuid.clone() },
                authkey,
                rights: Vec::new(),
                limits: UserLimits::default(),
            }),
            controller: ControllerId(0),
            blocking: true,
            payload: json::parse("{}").unwrap(),
            environment: None,
            cause: None,
            received: 1_000,
            journaled: false,
        }
    }

    fn run(init: Option<Duration>) -> Run {
        let response = ActivationResponse::error(StatusCode::ApplicationError, "no");
        let run = Duration::from_millis(30);
        Run { began: 1_200, init, run, timed_out: false, response, logs: Vec::new() }
    }

    fn annotation(record: &Activation, key: &str) -> Option<String> {
        record.annotations.get(key).map(|value| value.get().to_owned())
    }

    #[test]
    fn atv_12_atv_17_atv_18_a_cold_start_counts_its_initialisation() {
        let record = record(&message(), run(Some(Duration::from_millis(20))));
        assert_eq!((record.start, record.end, record.duration), (1_200, Some(1_250), Some(50)));
        assert_eq!(annotation(&record, "initTime").as_deref(), Some("20"));
        assert_eq!(annotation(&record, "waitTime").as_deref(), Some("200"));
    }

    #[test]
    fn atv_18_a_warm_start_has_no_init_time() {
        let record = record(&message(), run(None));
        assert_eq!(record.duration, Some(30));
        assert_eq!(annotation(&record, "initTime"), None);
    }

    #[test]
    fn atv_10_atv_13_atv_20_a_binding_shows_in_the_annotations() {
        let record = record(&message(), run(None));
        assert_eq!(record.namespace.as_str(), "caller");
        assert_eq!(annotation(&record, "path").as_deref(), Some(r#""provider/pkg/hello""#));
        assert_eq!(annotation(&record, "binding").as_deref(), Some(r#""caller/bound""#));
        assert_eq!(record.path_in_namespace(), "bound/hello");
    }

    #[test]
    fn atv_19_what_was_caused_says_so() {
        let caused = ActivationMessage { cause: Some(ActivationId::from_bits(1)), ..message() };
        let record = record(&caused, run(None));
        assert_eq!(annotation(&record, "causedBy").as_deref(), Some(r#""sequence""#));
        assert_eq!(record.cause, Some(ActivationId::from_bits(1)));
    }
}
