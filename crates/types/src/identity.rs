use crate::{ByteSize, EntityName};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Who somebody is: a subject can own several namespaces (AUTH-02).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(Arc<str>);

impl Subject {
    /// The subject of that name.
    #[must_use]
    pub fn new(text: &str) -> Subject {
        Subject(Arc::from(text))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A namespace and the uuid of its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceId {
    /// Its name.
    pub name: EntityName,
    /// The uuid half of its key; stays when the key is renewed.
    pub uuid: Arc<str>,
}

/// `uuid:key` (AUTH-01). Its debug form hides the secret half.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthKey {
    /// A UUID.
    pub uuid: Arc<str>,
    /// 64 characters.
    pub key: Arc<str>,
}

impl AuthKey {
    /// The number of characters of the secret half.
    pub const KEY_LENGTH: usize = 64;

    /// Reads `uuid:key`; `None` for anything malformed, which counts as wrong credentials (AUTH-01).
    #[must_use]
    pub fn parse(text: &str) -> Option<AuthKey> {
        AuthKey::check(text).ok()
    }

    /// Reads `uuid:key`, for somebody who chooses one and wants to hear what is wrong with it (USR-02).
    ///
    /// # Errors
    /// See [`AuthKeyError`].
    pub fn check(text: &str) -> Result<AuthKey, AuthKeyError> {
        let (uuid, key) = text.split_once(':').ok_or(AuthKeyError::NoColon)?;
        if !is_uuid(uuid) {
            return Err(AuthKeyError::NoUuid);
        }
        match key.chars().count().cmp(&AuthKey::KEY_LENGTH) {
            Ordering::Less => Err(AuthKeyError::Short),
            Ordering::Equal => Ok(AuthKey { uuid: Arc::from(uuid), key: Arc::from(key) }),
            Ordering::Greater => Err(AuthKeyError::Long),
        }
    }
}

/// What is wrong with a text that should be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthKeyError {
    /// There are no two halves.
    #[error("failed to determine authorization id and key")]
    NoColon,
    /// The first half is no UUID.
    #[error("authorization id is not a valid UUID")]
    NoUuid,
    /// The second half is short.
    #[error("authorization key must be at least 64 characters long")]
    Short,
    /// The second half is long. Upstream's tool takes such a key, with which nobody can then authenticate (AUTH-01).
    #[error("authorization key must be no longer than 64 characters")]
    Long,
}

/// Five groups of hexadecimal digits: 8-4-4-4-12.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl fmt::Display for AuthKey {
    /// The whole key: this is what goes into a container that asked for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uuid, self.key)
    }
}

impl fmt::Debug for AuthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:…", self.uuid)
    }
}

/// What a method needs (AUTH-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Privilege {
    /// GET.
    Read,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
    /// POST.
    Activate,
}

impl Privilege {
    /// What an identity has when nothing else is said (AUTH-04).
    pub const ALL: [Privilege; 4] = [Privilege::Read, Privilege::Put, Privilege::Delete, Privilege::Activate];
}

/// What an identity tells of the key that selected it: never the key itself, so that an identity can be handed on and
/// written down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTrace {
    /// Changes with the key.
    pub stamp: Arc<str>,
    /// The key, sealed, where keys are kept so that they can be handed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Arc<str>>,
}

/// A subject in one of its namespaces, as its credentials select it (AUTH-02, AUTH-04).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// Who.
    pub subject: Subject,
    /// Where.
    pub namespace: NamespaceId,
    /// What is known of its key.
    #[serde(default)]
    pub key: KeyTrace,
    /// What it may do at all.
    pub rights: Vec<Privilege>,
    /// The limits of the namespace, where they differ from the platform's.
    pub limits: UserLimits,
}

/// The limits of a namespace, where they differ from the platform's (NS-05, USR-01).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserLimits {
    /// Activations started in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocations_per_minute: Option<u32>,
    /// Activations in flight, and containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_invocations: Option<u32>,
    /// Triggers fired in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fires_per_minute: Option<u32>,
    /// The kinds that may be created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_kinds: Option<Vec<String>>,
    /// Whether activation records are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_activations: Option<bool>,
    /// How many paused containers of an action are kept past their time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmed_container_keeping_count: Option<u32>,
    /// For how long, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmed_container_keeping_timeout: Option<u64>,
    /// The greatest payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_payload_size: Option<ByteSize>,
    /// How much is kept of a result that is too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncation_size: Option<ByteSize>,
    /// The greatest set of parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parameter_size: Option<ByteSize>,
    /// The bounds of an action's memory, in MB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_action_memory: Option<u64>,
    /// See `min_action_memory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_action_memory: Option<u64>,
    /// The bounds of an activation's logs, in MB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_action_logs: Option<u64>,
    /// See `min_action_logs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_action_logs: Option<u64>,
    /// The bounds of an action's time limit, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_action_timeout: Option<u64>,
    /// See `min_action_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_action_timeout: Option<u64>,
    /// The bounds of the activations in one container at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_action_concurrency: Option<u32>,
    /// See `min_action_concurrency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_action_concurrency: Option<u32>,
}

impl UserLimits {
    /// The bounds of actions and the sizes in it, and those of `defaults` where it has none (LIM-10).
    #[must_use]
    pub fn with_defaults(&self, defaults: &UserLimits) -> UserLimits {
        UserLimits {
            max_payload_size: self.max_payload_size.or(defaults.max_payload_size),
            max_parameter_size: self.max_parameter_size.or(defaults.max_parameter_size),
            min_action_memory: self.min_action_memory.or(defaults.min_action_memory),
            max_action_memory: self.max_action_memory.or(defaults.max_action_memory),
            min_action_logs: self.min_action_logs.or(defaults.min_action_logs),
            max_action_logs: self.max_action_logs.or(defaults.max_action_logs),
            min_action_timeout: self.min_action_timeout.or(defaults.min_action_timeout),
            max_action_timeout: self.max_action_timeout.or(defaults.max_action_timeout),
            min_action_concurrency: self.min_action_concurrency.or(defaults.min_action_concurrency),
            max_action_concurrency: self.max_action_concurrency.or(defaults.max_action_concurrency),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_01_a_malformed_key_is_no_key() {
        let uuid = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502";
        let key = "x".repeat(64);
        let good = format!("{uuid}:{key}");
        assert_eq!(AuthKey::parse(&good).unwrap().to_string(), good);
        let short = format!("{uuid}:{}", &key[1..]);
        for bad in ["", ":", uuid, &format!("not-a-uuid:{key}"), &short, &format!("{good}y")] {
            assert!(AuthKey::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_debug_form_hides_the_secret() {
        let key = AuthKey { uuid: Arc::from("u"), key: Arc::from("secret") };
        assert!(!format!("{key:?}").contains("secret"));
    }
}
