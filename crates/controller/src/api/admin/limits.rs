//! The limits of namespaces (USR-04, NS-05).

use super::AdminAsked;
use crate::Controller;
use crate::api::{ApiError, Reply};
use http::StatusCode;
use serde_json::{Map, Value};
use store::subject::{limits_document, limits_id, read_limits};
use types::{EntityName, Revision, UserLimits};

/// Every limit that a namespace may have.
const NAMES: [&str; 18] = [
    "invocationsPerMinute",
    "concurrentInvocations",
    "firesPerMinute",
    "allowedKinds",
    "storeActivations",
    "warmedContainerKeepingCount",
    "warmedContainerKeepingTimeout",
    "maxPayloadSize",
    "truncationSize",
    "maxParameterSize",
    "minActionMemory",
    "maxActionMemory",
    "minActionLogs",
    "maxActionLogs",
    "minActionTimeout",
    "maxActionTimeout",
    "minActionConcurrency",
    "maxActionConcurrency",
];

impl Controller {
    pub(super) async fn get_limits(&self, namespace: &EntityName) -> Result<Reply, ApiError> {
        let (limits, _) = self.limits_of(namespace).await?.ok_or_else(no_limits)?;
        Reply::of(&limits)
    }

    /// USR-04. AUTH-18: from the next request on. `merge` keeps those that the body does not name; one that is `null`
    /// goes.
    pub(super) async fn set_limits(
        &self,
        namespace: &EntityName,
        asked: &AdminAsked<'_>,
        merge: bool,
    ) -> Result<Reply, ApiError> {
        let text = asked.payload.json(false)?.ok_or_else(|| ApiError::malformed("limits are expected"))?;
        let given: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| ApiError::malformed_json(&error))?;
        check_each(&given)?;
        let (present, revision) = self.limits_of(namespace).await?.unzip();
        let mut all = match present.filter(|_| merge).map(serde_json::to_value) {
            Some(Ok(Value::Object(all))) => all,
            Some(Ok(_) | Err(_)) | None => Map::new(),
        };
        all.extend(given);
        all.retain(|_, value| !value.is_null());
        let limits: UserLimits =
            serde_json::from_value(Value::Object(all)).map_err(|error| ApiError::malformed_json(&error))?;
        check_bounds(&limits)?;
        let document = limits_document(namespace, &limits, self.clock.unix_millis())?;
        self.artifacts.put(document, None, revision).await?;
        Reply::of(&limits)
    }

    pub(super) async fn delete_limits(&self, namespace: &EntityName) -> Result<Reply, ApiError> {
        let (_, revision) = self.limits_of(namespace).await?.ok_or_else(no_limits)?;
        self.artifacts.delete(&limits_id(namespace.as_str()), revision).await?;
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    async fn limits_of(&self, namespace: &EntityName) -> Result<Option<(UserLimits, Revision)>, ApiError> {
        let Some(document) = self.artifacts.get(&limits_id(namespace.as_str())).await? else {
            return Ok(None);
        };
        let limits = read_limits(&document).map_err(|error| ApiError::corrupted(&error))?;
        Ok(Some((limits, document.revision)))
    }
}

fn no_limits() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "No limits found, default system limits apply")
}

/// Every name is a limit and every value fits it, so that a fault is said by the name of what is wrong.
fn check_each(given: &Map<String, Value>) -> Result<(), ApiError> {
    for (name, value) in given {
        if !NAMES.contains(&&**name) {
            let allowed = NAMES.join(", ");
            return Err(ApiError::malformed(format!("there is no limit '{name}', only {allowed}")));
        }
        let one = Value::Object(Map::from_iter([(name.clone(), value.clone())]));
        if let Err(error) = serde_json::from_value::<UserLimits>(one) {
            return Err(ApiError::malformed(format!("limit '{name}': {error}")));
        }
    }
    Ok(())
}

/// No least value is above its greatest.
fn check_bounds(limits: &UserLimits) -> Result<(), ApiError> {
    let pairs = [
        ("ActionMemory", limits.min_action_memory, limits.max_action_memory),
        ("ActionLogs", limits.min_action_logs, limits.max_action_logs),
        ("ActionTimeout", limits.min_action_timeout, limits.max_action_timeout),
        (
            "ActionConcurrency",
            limits.min_action_concurrency.map(u64::from),
            limits.max_action_concurrency.map(u64::from),
        ),
    ];
    for (name, min, max) in pairs {
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            return Err(ApiError::malformed(format!("limit 'min{name}' is {min}, above 'max{name}', {max}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::ByteSize;

    #[test]
    fn ns_05_every_limit_can_be_set() {
        let all = UserLimits {
            invocations_per_minute: Some(1),
            concurrent_invocations: Some(1),
            fires_per_minute: Some(1),
            allowed_kinds: Some(vec!["nodejs:20".to_owned()]),
            store_activations: Some(true),
            warmed_container_keeping_count: Some(1),
            warmed_container_keeping_timeout: Some(1),
            max_payload_size: Some(ByteSize::mb(1)),
            truncation_size: Some(ByteSize::mb(1)),
            max_parameter_size: Some(ByteSize::mb(1)),
            min_action_memory: Some(1),
            max_action_memory: Some(1),
            min_action_logs: Some(1),
            max_action_logs: Some(1),
            min_action_timeout: Some(1),
            max_action_timeout: Some(1),
            min_action_concurrency: Some(1),
            max_action_concurrency: Some(1),
        };
        let Value::Object(all) = serde_json::to_value(&all).unwrap() else { panic!("an object") };
        assert_eq!(all.len(), NAMES.len());
        check_each(&all).unwrap();
    }
}
