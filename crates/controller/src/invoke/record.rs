//! Records of activations that did not run, or whose run nobody reported.

use rpc::{ActivationMessage, Phases, Refusal, Run};
use std::time::Duration;
use types::{Activation, ActivationResponse, StatusCode};

/// The completion did not come.
pub(super) const LOST_COMPLETION: &str = "The activation was handed to an invoker, but its completion was never received. Its result and logs are lost.";

/// The server stopped while the action was running.
pub(super) const LOST_RUN: &str = "The server stopped while this activation was running. It may have run in part or completely; its result and logs are lost, and it was not run again.";

/// CLS-15
pub(super) const ACTION_GONE: &str = "Action could not be found or may have been deleted.";

/// What a record usually takes beside its result, in bytes.
const FIELDS: usize = 1024;

/// The record of an activation that has no other. `now` is in milliseconds since 1970.
pub(super) fn unrun(message: &ActivationMessage, status: StatusCode, text: &str, now: u64) -> Activation {
    let queued = Duration::from_micros((now * 1000).saturating_sub(message.accepted));
    let phases = Phases { queued, ..Phases::NONE };
    message.record(Run { phases, ..Run::none(now, ActivationResponse::error(status, text)) })
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

/// The record as a blocking answer shows it: logs are not collected yet when it goes out (INV-08).
pub(super) fn without_logs(record: &Activation) -> Result<Vec<u8>, serde_json::Error> {
    let result = record.response.result.as_ref().map_or(0, |result| result.get().len());
    let mut text = Vec::with_capacity(result + FIELDS);
    if record.logs.is_empty() {
        serde_json::to_writer(&mut text, record)?;
    } else {
        serde_json::to_writer(&mut text, &Activation { logs: Vec::new(), ..record.clone() })?;
    }
    Ok(text)
}
