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
