//! Records that the controller makes: of sequences and compositions, and of what did not run or nobody reported.

use super::resolve::ResolvedAction;
use crate::api::Body;
use engine::compose::Form;
use rpc::{ActivationMessage, ExecutableAction, Phases, Refusal, Run};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use types::{
    ActionLimits, Activation, ActivationId, ActivationResponse, Annotations, EntityPath, Identity,
    StatusCode, TraceContext, json,
};

/// The completion did not come.
pub(super) const LOST_COMPLETION: &str = "The activation was handed to an invoker, but its completion was never received. Its result and logs are lost.";

/// The server stopped while the action was running.
pub(super) const LOST_RUN: &str = "The server stopped while this activation was running. It may have run in part or completely; its result and logs are lost, and it was not run again.";

/// The server stopped while a sequence or composition was on its way.
pub(super) const LOST_ON_THE_WAY: &str = "The server stopped while this activation was running. Those of its parts that are known to have ended are in the logs; one more may have run in part or completely. It was not continued, and nothing of it was run again.";

/// CLS-17
pub(super) const BLOCKED: &str = "The action was not invoked due to a blacklisted namespace.";

/// CLS-15
pub(super) const ACTION_GONE: &str = "Action could not be found or may have been deleted.";

/// What a record is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// An action that just ran.
    #[default]
    Simple,
    /// A sequence.
    Sequence,
    /// A composition.
    Composition,
}

impl Kind {
    pub(super) fn of(action: &ResolvedAction) -> Kind {
        match action.form {
            None => Kind::Simple,
            Some(Form::Sequence(_)) => Kind::Sequence,
            Some(Form::Conductor { .. }) => Kind::Composition,
        }
    }

    /// For serde, which asks with a reference.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn is_simple(&self) -> bool {
        *self == Kind::Simple
    }
}

/// A sequence or composition that has ended. Times are in milliseconds, points in time since 1970.
#[derive(Debug)]
pub(super) struct Ended<'a> {
    pub(super) id: ActivationId,
    pub(super) action: &'a ExecutableAction,
    pub(super) caller: &'a Identity,
    pub(super) conductor: bool,
    pub(super) cause: Option<ActivationId>,
    /// When the request came, or for a part when its turn came.
    pub(super) received: u64,
    pub(super) began: u64,
    pub(super) end: u64,
    /// How long the parts took together (SEQ-16).
    pub(super) duration: u64,
    /// The greatest memory of the parts; `None`: nothing has run.
    pub(super) memory: Option<u64>,
    pub(super) parts: &'a [ActivationId],
    pub(super) response: ActivationResponse,
    pub(super) trace: &'a TraceContext,
}

impl Ended<'_> {
    /// SEQ-14 to SEQ-16, CON-13, CON-14, ATV-21
    pub(super) fn record(self) -> Activation {
        let action = self.action;
        let mut annotations = Annotations::new();
        annotations.push("topmost", json::raw(&self.cause.is_none()));
        annotations.push("path", json::raw(&format_args!("{}", action.name)));
        annotations.push("kind", json::raw("sequence"));
        if self.conductor {
            annotations.push("conductor", json::raw(&true));
        }
        if self.cause.is_some() {
            annotations.push("causedBy", json::raw("sequence"));
        }
        annotations.push("waitTime", json::raw(&self.began.saturating_sub(self.received)));
        if let Some(binding) = &action.binding {
            annotations.push("binding", json::raw(binding));
        }
        if let Some(memory) = self.memory {
            annotations.push("limits", json::raw(&ActionLimits { memory, ..action.limits }));
        }
        annotations.push("traceId", json::id(self.trace.trace_id()));
        Activation {
            namespace: EntityPath::of_namespace(&self.caller.namespace.name),
            name: action.name.name.clone(),
            version: action.version,
            subject: self.caller.subject.clone(),
            activation_id: self.id,
            cause: self.cause,
            start: self.began,
            end: Some(self.end.max(self.began)),
            duration: Some(self.duration),
            response: self.response,
            logs: self.parts.iter().map(ActivationId::to_string).collect(),
            annotations,
            publish: false,
        }
    }
}

/// The record of an activation that has no other. `now` is in milliseconds since 1970.
pub(super) fn unrun(
    message: &ActivationMessage,
    kind: Kind,
    status: StatusCode,
    text: &str,
    now: u64,
) -> Activation {
    let response = ActivationResponse::error(status, text);
    if kind == Kind::Simple {
        let queued = Duration::from_micros((now * 1000).saturating_sub(message.accepted));
        let phases = Phases { queued, ..Phases::NONE };
        return message.record(Run { phases, ..Run::none(now, response) });
    }
    unrun_parts(message, kind, &[], response, now)
}

/// The record of a sequence or composition that ends before its time, of which these parts are known.
pub(super) fn unrun_parts(
    message: &ActivationMessage,
    kind: Kind,
    parts: &[ActivationId],
    response: ActivationResponse,
    now: u64,
) -> Activation {
    let ended = Ended {
        id: message.activation_id,
        action: &message.action,
        caller: &message.caller,
        conductor: kind == Kind::Composition,
        cause: message.cause,
        received: message.received,
        began: now,
        end: now,
        duration: 0,
        memory: None,
        parts,
        response,
        trace: &message.trace,
    };
    ended.record()
}

/// How an activation ends that was accepted and then taken by nobody (THR-07, CLS-18).
pub(super) fn of_refusal(refusal: &Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::QueueFull | Refusal::NamespaceThrottled => {
            (StatusCode::DeveloperError, "Too many concurrent requests in flight.")
        }
        Refusal::NoCapacity => {
            (StatusCode::DeveloperError, "The namespace limit is less than or equal to 0.")
        }
        Refusal::ShuttingDown | Refusal::NoInvokers => {
            (StatusCode::WhiskError, "Failed to provision resources to run the action.")
        }
    }
}

/// The record as a blocking answer shows it: logs are not collected yet when it goes out, but for the ids of parts
/// (INV-08).
pub(super) fn as_answer(record: &Activation) -> Body {
    /// A longer result is not copied, which costs another piece to be sent.
    const GREAT: usize = 64 << 10;
    let mut text = Vec::new();
    match &record.response.result {
        _ if record.has_parts() => record.write_json(&mut text),
        Some(result) if result.len() > GREAT => return Body::parts(record.json_without_logs_in_pieces()),
        Some(_) | None => record.write_json_without_logs(&mut text),
    }
    Body::new(text)
}
