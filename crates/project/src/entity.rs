//! What a project consists of, in the form in which the API takes it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};
use std::fmt;

/// The annotation of what a project manages (CLI-16).
pub const MANAGED: &str = "whisk-managed";
/// The annotation of a trigger that says what feeds it.
pub(crate) const FEED: &str = "feed";
/// The annotation by which a change of a feed's inputs is seen: the feed alone knows them.
pub(crate) const FEED_INPUTS: &str = "feed-inputs";

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A package.
    Package,
    /// A package of somebody else, with parameters of one's own.
    Binding,
    /// An action.
    Action,
    /// Actions in turn.
    Sequence,
    /// A trigger.
    Trigger,
    /// A rule.
    Rule,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Package => "package",
            Kind::Binding => "binding",
            Kind::Action => "action",
            Kind::Sequence => "sequence",
            Kind::Trigger => "trigger",
            Kind::Rule => "rule",
        })
    }
}

impl Kind {
    /// Where the API keeps it.
    #[must_use]
    pub fn collection(self) -> &'static str {
        match self {
            Kind::Package | Kind::Binding => "packages",
            Kind::Action | Kind::Sequence => "actions",
            Kind::Trigger => "triggers",
            Kind::Rule => "rules",
        }
    }
}

/// Something that a project wants to be there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entity {
    /// What it is.
    pub kind: Kind,
    /// `[PACKAGE/]NAME`
    pub name: String,
    /// What is sent to make it so.
    pub document: Value,
    /// What its feed is told, of a trigger with a feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<Feed>,
}

/// What feeds a trigger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Feed {
    /// The full name of its action.
    pub action: String,
    /// What it is told.
    pub inputs: Map<String, Value>,
}

impl Entity {
    /// An annotation of its document.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&Value> {
        annotation(&self.document, key)
    }
}

/// An annotation of a document.
pub(crate) fn annotation<'a>(document: &'a Value, key: &str) -> Option<&'a Value> {
    let annotations = document["annotations"].as_array()?;
    annotations.iter().find(|pair| pair["key"] == key).map(|pair| &pair["value"])
}

/// Parameters or annotations as the API takes them.
pub(crate) fn pairs(values: &Map<String, Value>) -> Value {
    values.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// The hash of a text, in hex.
pub(crate) fn hash(text: &[u8]) -> String {
    Sha1::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A project that manages what it deploys: what is no longer in its manifest goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Managed {
    /// The manifest.
    pub file: String,
    /// What it is known by.
    pub project_name: String,
    /// Of the manifest's text.
    pub project_hash: String,
}

impl Managed {
    /// A project called `name`, from a manifest.
    #[must_use]
    pub fn new(name: &str, file: &str, text: &str) -> Managed {
        // Upstream's form: the size stands there as the letter with that number.
        let size =
            u32::try_from(text.len()).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        let hashed = format!("OpenWhisk{size}golang\0{text}");
        Managed {
            file: file.to_owned(),
            project_name: name.to_owned(),
            project_hash: hash(hashed.as_bytes()),
        }
    }

    /// The annotation that says so.
    #[must_use]
    pub fn annotation(&self) -> Value {
        json!({
            "file": self.file, "projectName": self.project_name, "projectHash": self.project_hash, "projectDeps": []
        })
    }

    /// The project that manages what has this document.
    #[must_use]
    pub fn of(document: &Value) -> Option<&str> {
        annotation(document, MANAGED)?["projectName"].as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cli_16_the_hash_of_a_project_is_upstreams() {
        // SHA-1 of "OpenWhisk", the letter 3, "golang", NUL and the text, by sha1sum.
        let managed = Managed::new("demo", "manifest.yaml", "abc");
        assert_eq!(managed.project_hash, "a0822f8b1519ece9dbec602f4ce311a16dbe9087");
        let document = json!({"annotations": [{"key": MANAGED, "value": managed.annotation()}]});
        assert_eq!(Managed::of(&document), Some("demo"));
    }
}
