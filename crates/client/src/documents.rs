//! The documents of the API, as a client sees them. What is not known here is kept in `more` and shown.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One parameter or annotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyValue {
    /// Its name.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: Value,
    /// `init`, `encryption`, …
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Parameters or annotations, in their order.
pub type KeyValues = Vec<KeyValue>;

/// Whether there is nothing to send or to show: an empty list is like none.
fn nothing<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_none_or(Vec::is_empty)
}

/// What lists of parameters and annotations are asked for.
pub trait WithKeyValues {
    /// The value of `key`.
    fn value(&self, key: &str) -> Option<&Value>;
    /// Puts it in the place of the one with its key, or at the end.
    fn set(&mut self, key: &str, value: Value);
    /// Takes the one of `key` away.
    fn unset(&mut self, key: &str);
}

impl WithKeyValues for KeyValues {
    fn value(&self, key: &str) -> Option<&Value> {
        self.iter().find(|pair| pair.key == key).map(|pair| &pair.value)
    }

    fn set(&mut self, key: &str, value: Value) {
        match self.iter_mut().find(|pair| pair.key == key) {
            Some(pair) => pair.value = value,
            None => self.push(KeyValue { key: key.to_owned(), value, more: Map::new() }),
        }
    }

    fn unset(&mut self, key: &str) {
        self.retain(|pair| pair.key != key);
    }
}

/// An action, or what is to become of one: absent fields stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Action {
    /// `NAMESPACE` or `NAMESPACE/PACKAGE`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name, without a package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `0.0.1`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Exec>,
    /// Its annotations.
    #[serde(skip_serializing_if = "nothing")]
    pub annotations: Option<KeyValues>,
    /// Names of annotations that an update takes away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub del_annotations: Vec<String>,
    /// What is merged under every payload.
    #[serde(skip_serializing_if = "nothing")]
    pub parameters: Option<KeyValues>,
    /// Its limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Always false of an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<bool>,
    /// When it was changed, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<i64>,
    /// What else the server sent.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What an action runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exec {
    /// `nodejs:20`, `sequence`, `blackbox`, …
    pub kind: String,
    /// Text, or base64 where `binary`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Of `blackbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The function's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main: Option<String>,
    /// Of `sequence`: full names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<String>>,
    /// Whether `code` is base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<bool>,
    /// What else the server sent.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Limits of an action or trigger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// Megabytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<i64>,
    /// Megabytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<i64>,
    /// Activations at a time in one container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<i64>,
    /// What else the server sent.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A trigger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Trigger {
    /// Its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `0.0.1`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Of a fire: its record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_id: Option<String>,
    /// Its annotations.
    #[serde(skip_serializing_if = "nothing")]
    pub annotations: Option<KeyValues>,
    /// What is merged under every payload.
    #[serde(skip_serializing_if = "nothing")]
    pub parameters: Option<KeyValues>,
    /// Empty of a trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Always false of a trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<bool>,
    /// The rules that it fires: by full name, with action and status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Map<String, Value>>,
    /// When it was changed, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<i64>,
    /// What else the server sent.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `0.0.1`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its annotations.
    #[serde(skip_serializing_if = "nothing")]
    pub annotations: Option<KeyValues>,
    /// `active` or `inactive`; empty in lists (LIST-10).
    pub status: String,
    /// What fires it: a full name when sent, `{path, name}` when received.
    pub trigger: Value,
    /// What it invokes, likewise.
    pub action: Value,
    /// Always false of a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<bool>,
    /// When it was changed, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<i64>,
    /// What else the server sent.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What a rule refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRef {
    /// `NAMESPACE` or `NAMESPACE/PACKAGE`
    pub path: String,
    /// Its name.
    pub name: String,
}

/// A package or binding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Package {
    /// Its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `0.0.1`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether others may use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<bool>,
    /// Its annotations.
    #[serde(skip_serializing_if = "nothing")]
    pub annotations: Option<KeyValues>,
    /// What is merged under the parameters of its actions.
    #[serde(skip_serializing_if = "nothing")]
    pub parameters: Option<KeyValues>,
    /// What it binds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<Bound>,
    /// Its actions.
    #[serde(skip_serializing_if = "nothing")]
    pub actions: Option<Vec<Action>>,
    /// Those of its actions that are feeds.
    #[serde(skip_serializing_if = "nothing")]
    pub feeds: Option<Vec<Action>>,
    /// When it was changed, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<i64>,
    /// What else the server sent.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Whether a package is a binding, and what it binds: `{}` of a package, `false` of one in upstream's lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bound {
    /// A binding.
    To(Binding),
    /// A package.
    Nothing {},
    /// Either, in a list.
    Flag(bool),
}

/// What a binding binds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The provider's namespace.
    pub namespace: String,
    /// The provider's package.
    pub name: String,
}

/// The record of an activation; in lists without `docs` most of it is missing (LIST-07).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Activation {
    /// Whose it is.
    pub namespace: String,
    /// What ran: an action, sequence, trigger or rule.
    pub name: String,
    /// Its version then.
    pub version: String,
    /// Who invoked it.
    pub subject: String,
    /// Its id.
    pub activation_id: String,
    /// The activation that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Milliseconds since 1970.
    pub start: i64,
    /// Milliseconds since 1970; 0 of a trigger.
    pub end: i64,
    /// Milliseconds.
    pub duration: i64,
    /// 0 success, 1 application error, 2 developer error, 3 whisk error.
    pub status_code: i64,
    /// What came of it.
    pub response: Response,
    /// Lines as they were logged.
    pub logs: Vec<String>,
    /// `kind`, `path`, `limits`, `waitTime`, `initTime`, …
    pub annotations: KeyValues,
    /// Always false of a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<bool>,
    /// What else the server sent.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What came of an activation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Response {
    /// `success`, `application error`, …
    pub status: String,
    /// See [`Activation::status_code`]; absent of summaries.
    pub status_code: i64,
    /// Whether the status is `success`.
    pub success: bool,
    /// The function's own result.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// `size`, …
    #[serde(flatten)]
    pub more: Map<String, Value>,
}
