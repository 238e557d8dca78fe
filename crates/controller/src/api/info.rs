//! What the platform says of itself: `/` and `/api/v1` (HTTP-05 to HTTP-08). Made once, because it never changes.

use crate::Config;
use bytes::Bytes;
use serde_json::{Value, json};
use types::{ByteSize, RuntimeManifest, SystemLimits};

/// What a limit that is not set is shown as: clients expect a number.
pub(crate) const UNLIMITED: u32 = i32::MAX as u32;

/// The two documents.
#[derive(Debug)]
pub(crate) struct Info {
    /// `GET /`
    pub(crate) root: Bytes,
    /// `GET /api/v1`
    pub(crate) api: Bytes,
}

impl Info {
    pub(crate) fn new(config: &Config, runtimes: &RuntimeManifest) -> Info {
        let root = json!({
            "description": "OpenWhisk",
            "support": {
                "github": "https://github.com/apache/openwhisk/issues",
                "slack": "http://slack.openwhisk.org",
            },
            "api_paths": ["/api/v1"],
            "limits": limits(&config.limits),
            "runtimes": kinds(runtimes),
        });
        let api = json!({
            "description": "OpenWhisk API",
            "api_version": "1.0.0",
            "api_version_path": "v1",
            "build": config.build,
            "buildno": config.build_number,
            "swagger_paths": { "ui": "/docs", "api-docs": "/api-docs" },
        });
        Info { root: root.to_string().into(), api: api.to_string().into() }
    }
}

/// HTTP-07: durations in milliseconds, memory and logs in bytes.
fn limits(limits: &SystemLimits) -> Value {
    let bytes = |mb: u64| ByteSize::mb(mb).as_bytes();
    json!({
        "actions_per_minute": limits.invocations_per_minute.unwrap_or(UNLIMITED),
        "triggers_per_minute": limits.fires_per_minute.unwrap_or(UNLIMITED),
        "concurrent_actions": limits.concurrent_invocations.unwrap_or(UNLIMITED),
        "sequence_length": limits.sequence_length,
        "default_min_action_duration": limits.timeout.min,
        "default_max_action_duration": limits.timeout.max,
        "default_min_action_memory": bytes(limits.memory.min),
        "default_max_action_memory": bytes(limits.memory.max),
        "default_min_action_logs": bytes(limits.logs.min),
        "default_max_action_logs": bytes(limits.logs.max),
        "min_action_duration": limits.timeout.min,
        "max_action_duration": limits.timeout.max,
        "min_action_memory": bytes(limits.memory.min),
        "max_action_memory": bytes(limits.memory.max),
        "min_action_logs": bytes(limits.logs.min),
        "max_action_logs": bytes(limits.logs.max),
    })
}

/// HTTP-08
fn kinds(runtimes: &RuntimeManifest) -> Value {
    let families = runtimes.runtimes.iter().map(|(family, kinds)| {
        let kinds: Vec<Value> = kinds
            .iter()
            .map(|kind| {
                json!({
                    "kind": kind.kind,
                    "image": kind.image.full(),
                    "deprecated": kind.deprecated,
                    "default": kind.default,
                    "attached": kind.attached.is_some(),
                    "requireMain": kind.require_main,
                })
            })
            .collect();
        (family.clone(), Value::Array(kinds))
    });
    Value::Object(families.collect())
}
