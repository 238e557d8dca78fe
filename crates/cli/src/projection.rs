//! One field of an entity: `wsk action get NAME FIELD`.

use crate::failure::{Failure, Outcome};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What can be asked for of an action.
pub(crate) const ACTION: &[&str] = &[
    "namespace",
    "name",
    "version",
    "exec",
    "annotations",
    "delannotations",
    "parameters",
    "limits",
    "error",
    "code",
    "publish",
    "updated",
    "env",
];
/// Of a trigger.
pub(crate) const TRIGGER: &[&str] = &[
    "namespace",
    "name",
    "version",
    "activationid",
    "annotations",
    "parameters",
    "limits",
    "publish",
    "rules",
    "updated",
];
/// Of a rule.
pub(crate) const RULE: &[&str] =
    &["namespace", "name", "version", "annotations", "status", "trigger", "action", "publish", "updated"];
/// Of a package.
pub(crate) const PACKAGE: &[&str] = &[
    "namespace",
    "name",
    "version",
    "publish",
    "annotations",
    "parameters",
    "binding",
    "actions",
    "feeds",
    "updated",
];
/// Of an activation.
pub(crate) const ACTIVATION: &[&str] = &[
    "namespace",
    "name",
    "version",
    "subject",
    "activationid",
    "cause",
    "start",
    "end",
    "duration",
    "statuscode",
    "response",
    "logs",
    "annotations",
    "publish",
];

/// Those of them that are lists.
const LISTS: &[&str] = &["annotations", "parameters", "actions", "feeds"];

/// Whether a field is one of `fields`; upstream's names, in any case.
pub(crate) fn check(field: Option<&String>, fields: &[&str]) -> Outcome {
    match field {
        Some(field) if !fields.contains(&field.to_lowercase().as_str()) => {
            Err(Failure::general(format!("Invalid field filter '{field}'."))
                .hint(format!("the fields are {}", fields.join(", "))))
        }
        _ => Ok(()),
    }
}

/// The value of a field, as JSON with its fields in their order; `null` where the document has none.
pub(crate) fn project(document: &impl Serialize, field: &str) -> Box<RawValue> {
    let fields = serde_json::to_string(document).and_then(|text| serde_json::from_str(&text));
    let fields: BTreeMap<String, Box<RawValue>> = fields.unwrap_or_default();
    let found = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(field));
    match found {
        Some((_, value)) => value,
        // Empty lists are left out of documents.
        None if LISTS.contains(&field.to_lowercase().as_str()) => {
            RawValue::from_string("[]".to_owned()).unwrap_or_default()
        }
        None => RawValue::NULL.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::{Action, Activation, Limits};

    #[test]
    fn fields_are_found_in_any_case() {
        let limits = Limits { timeout: Some(5), logs: Some(1), ..Limits::default() };
        let action = Action { limits: Some(limits), ..Action::default() };
        assert_eq!(project(&action, "LIMITS").get(), r#"{"timeout":5,"logs":1}"#);
        assert_eq!(project(&action, "exec").get(), "null");
        let record = Activation { activation_id: "x".to_owned(), ..Activation::default() };
        assert_eq!(project(&record, "activationid").get(), "\"x\"");
        assert!(check(Some(&"ActivationID".to_owned()), ACTIVATION).is_ok());
        assert!(check(Some(&"nonsense".to_owned()), ACTIVATION).is_err());
    }
}
