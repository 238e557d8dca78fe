//! Namespaces and their limits (section NS of the API rules).

use super::error::ApiError;
use super::info::UNLIMITED;
use super::respond::Reply;
use crate::entitlement;
use crate::identities::Caller;
use serde::Serialize;
use types::EntityName;

/// NS-01
pub(super) fn list(caller: &Caller) -> Result<Reply, ApiError> {
    Reply::of(&[caller.namespace()])
}

/// NS-03, NS-04, NS-05
pub(super) fn limits(caller: &Caller, namespace: &EntityName) -> Result<Reply, ApiError> {
    entitlement::own(caller, namespace, namespace)?;
    let (limits, own) = (&caller.limits, &caller.identity.limits);
    let concurrent = limits.concurrent_invocations.unwrap_or(UNLIMITED);
    Reply::of(&Limits {
        invocations_per_minute: limits.invocations_per_minute.unwrap_or(UNLIMITED),
        concurrent_invocations: concurrent,
        fires_per_minute: limits.fires_per_minute.unwrap_or(UNLIMITED),
        min_action_memory: limits.memory.min,
        max_action_memory: limits.memory.max,
        min_action_logs: limits.logs.min,
        max_action_logs: limits.logs.max,
        min_action_timeout: limits.timeout.min,
        max_action_timeout: limits.timeout.max,
        min_action_concurrency: limits.concurrency.min,
        max_action_concurrency: limits.concurrency.max,
        max_parameter_size: format!("{} B", limits.parameters.as_bytes()),
        max_action_instances: concurrent,
        allowed_kinds: own.allowed_kinds.as_deref(),
        store_activations: own.store_activations,
        warmed_container_keeping_count: own.warmed_container_keeping_count,
        warmed_container_keeping_timeout: own.warmed_container_keeping_timeout,
        max_payload_size: own.max_payload_size.map(|size| format!("{} B", size.as_bytes())),
        truncation_size: own.truncation_size.map(|size| format!("{} B", size.as_bytes())),
    })
}

/// NS-06
pub(super) fn limits_entity() -> Result<Reply, ApiError> {
    Err(ApiError::bad_request("Inner entity level routes for limits are not yet implemented."))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Limits<'a> {
    invocations_per_minute: u32,
    concurrent_invocations: u32,
    fires_per_minute: u32,
    min_action_memory: u64,
    max_action_memory: u64,
    min_action_logs: u64,
    max_action_logs: u64,
    min_action_timeout: u64,
    max_action_timeout: u64,
    min_action_concurrency: u32,
    max_action_concurrency: u32,
    max_parameter_size: String,
    max_action_instances: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_kinds: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store_activations: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warmed_container_keeping_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warmed_container_keeping_timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_payload_size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncation_size: Option<String>,
}
