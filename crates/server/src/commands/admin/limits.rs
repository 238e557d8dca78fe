//! `oxiwhisk admin limits` (USR-04).

use super::http::Client;
use super::{FAILED, say, segment};
use crate::args::{LimitsCommand, SetArgs};
use crate::commands::Exit;
use serde_json::{Map, Value, json};

/// The limits in the order in which they are shown; `wskadmin` knows the first five.
const ORDER: [&str; 5] =
    ["invocationsPerMinute", "firesPerMinute", "concurrentInvocations", "allowedKinds", "storeActivations"];

pub(super) fn run(command: &LimitsCommand, client: &Client) -> Result<u8, Exit> {
    match command {
        LimitsCommand::Set(args) => set(args, client),
        LimitsCommand::Get { namespace } => get(namespace, client),
        LimitsCommand::Delete { namespace } => {
            let answer = client.send("DELETE", &path(namespace), None)?;
            match answer.is_good() {
                true => say("Limits deleted", 0),
                false => say(&format!("Failed to delete limits ({})", answer.error()), FAILED),
            }
        }
    }
}

fn path(namespace: &str) -> String {
    format!("/namespaces/{}/limits", segment(namespace.trim()))
}

fn set(args: &SetArgs, client: &Client) -> Result<u8, Exit> {
    let answer = client.send("PATCH", &path(&args.namespace), Some(&Value::Object(given(args))))?;
    match answer.is_good() {
        true => say(&format!("Limits successfully set for \"{}\"", args.namespace), 0),
        false => say(&format!("Failed to set limits ({})", answer.error()), FAILED),
    }
}

/// The limits that were named.
fn given(args: &SetArgs) -> Map<String, Value> {
    let switched = (args.enable_store_activations || args.disable_store_activations)
        .then_some(args.enable_store_activations);
    let all = [
        ("invocationsPerMinute", json!(args.invocations_per_minute)),
        ("firesPerMinute", json!(args.fires_per_minute)),
        ("concurrentInvocations", json!(args.concurrent_invocations)),
        ("allowedKinds", json!(args.allowed_kinds)),
        ("storeActivations", json!(args.store_activations.or(switched))),
        ("warmedContainerKeepingCount", json!(args.warmed_container_keeping_count)),
        ("warmedContainerKeepingTimeout", json!(args.warmed_container_keeping_timeout)),
        ("maxPayloadSize", json!(args.max_payload_size)),
        ("truncationSize", json!(args.truncation_size)),
        ("maxParameterSize", json!(args.max_parameter_size)),
        ("minActionMemory", json!(args.min_action_memory)),
        ("maxActionMemory", json!(args.max_action_memory)),
        ("minActionLogs", json!(args.min_action_logs)),
        ("maxActionLogs", json!(args.max_action_logs)),
        ("minActionTimeout", json!(args.min_action_timeout)),
        ("maxActionTimeout", json!(args.max_action_timeout)),
        ("minActionConcurrency", json!(args.min_action_concurrency)),
        ("maxActionConcurrency", json!(args.max_action_concurrency)),
    ];
    // What was not named is no limit to be removed.
    all.into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn get(namespace: &str, client: &Client) -> Result<u8, Exit> {
    let answer = client.send("GET", &path(namespace), None)?;
    match (answer.status, answer.body.as_object()) {
        (200, Some(limits)) => {
            let rest = limits.keys().map(String::as_str).filter(|name| !ORDER.contains(name));
            let lines: Vec<String> = ORDER
                .into_iter()
                .chain(rest)
                .filter_map(|name| Some(format!("{name} = {}", shown(limits.get(name)?))))
                .collect();
            if lines.is_empty() { Ok(0) } else { say(&lines.join("\n"), 0) }
        }
        (404, _) => say(&answer.error(), 0),
        _ => say(&format!("Failed to get limits ({})", answer.error()), FAILED),
    }
}

/// A value as `wskadmin` shows it: as Python does.
fn shown(value: &Value) -> String {
    match value {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| shown(item), |text| format!("'{text}'")))
                .collect();
            format!("[{}]", items.join(", "))
        }
        Value::Null | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}
