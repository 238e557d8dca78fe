//! `--web` and `--web-secure`: annotations that make an action a web action (WEB-40).

use crate::failure::{Failure, Outcome};
use client::{Action, KeyValues, WithKeyValues as _};
use serde_json::{Value, json};

/// Whether it is one.
const EXPORT: &str = "web-export";
/// Whether it gets requests as they are.
const RAW: &str = "raw-http";
/// Whether its parameters cannot be overridden.
const FINAL: &str = "final";
/// The secret that a request must have.
const SECRET: &str = "require-whisk-auth";
/// Numbers up to here are exact in JavaScript.
const GREATEST_SECRET: u64 = (1 << 53) - 1;

/// What the flags say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Web<'a> {
    pub(super) web: Option<&'a str>,
    pub(super) secure: Option<&'a str>,
}

impl Web<'_> {
    /// Whether an update must see the action as it is (CLI-05).
    pub(super) fn needs_existing(self) -> bool {
        self.web.is_some() || self.secure.is_some()
    }

    /// Puts the annotations in. `existing` is the action that is updated, if there is one: what is not given now is
    /// taken from it, since annotations are replaced as a whole.
    pub(super) fn apply(self, action: &mut Action, existing: Option<&Action>) -> Outcome {
        let none_given = action.annotations.is_none();
        let existing_annotations = existing.and_then(|action| action.annotations.clone()).unwrap_or_default();
        if let Some(web) = self.web {
            let mut annotations = action.annotations.take().unwrap_or_default();
            if none_given {
                append(&mut annotations, &existing_annotations);
            }
            let (export, raw) = match web.to_lowercase().as_str() {
                "yes" | "true" => (true, false),
                "no" | "false" => (false, false),
                "raw" => (true, true),
                _ => return Err(unknown(web)),
            };
            for (key, value) in [(EXPORT, export), (RAW, raw), (FINAL, export)] {
                annotations.unset(key);
                annotations.set(key, Value::Bool(value));
            }
            append(&mut annotations, &only(&existing_annotations, &[SECRET]));
            action.annotations = Some(annotations);
        }
        if let Some(secure) = self.secure {
            self.secure(secure, action, none_given, &existing_annotations)?;
        }
        Ok(())
    }

    fn secure(self, secure: &str, action: &mut Action, none_given: bool, existing: &KeyValues) -> Outcome {
        let disabled = self.web.is_some_and(|web| ["no", "false"].contains(&web.to_lowercase().as_str()));
        let mut annotations = action.annotations.take().unwrap_or_default();
        if !exported(&annotations) && (disabled || !exported(existing)) {
            return Err(Failure::file(
                "The --web-secure option is only valid when the --web option is enabled.",
            ));
        }
        match none_given {
            true => append(&mut annotations, existing),
            false => append(&mut annotations, &only(existing, &[EXPORT, RAW, FINAL, SECRET])),
        }
        match secure.to_lowercase().as_str() {
            "false" => {
                if annotations.value(SECRET).is_some() {
                    action.del_annotations = vec![SECRET.to_owned()];
                    annotations.unset(SECRET);
                } else {
                    annotations.set(SECRET, Value::Bool(false));
                }
            }
            // A secret that was made before stays.
            "true" if annotations.value(SECRET).is_some_and(Value::is_number) => {}
            "true" => annotations.set(SECRET, json!(random()?)),
            _ => annotations.set(SECRET, json!(secure)),
        }
        action.annotations = Some(annotations);
        Ok(())
    }
}

fn exported(annotations: &KeyValues) -> bool {
    annotations.value(EXPORT) == Some(&Value::Bool(true))
}

/// Adds those whose keys are not there.
fn append(annotations: &mut KeyValues, more: &KeyValues) {
    for pair in more {
        if annotations.value(&pair.key).is_none() {
            annotations.push(pair.clone());
        }
    }
}

fn only(annotations: &KeyValues, keys: &[&str]) -> KeyValues {
    annotations.iter().filter(|pair| keys.contains(&pair.key.as_str())).cloned().collect()
}

fn unknown(web: &str) -> Failure {
    Failure::file(format!(
        "Invalid argument '{web}' for --web flag. Valid input consist of 'yes', 'true', 'raw', 'false', or 'no'."
    ))
}

/// A secret that nobody can guess.
fn random() -> Outcome<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::general(format!("no random number can be had: {error}")))?;
    Ok(u64::from_le_bytes(bytes) & GREATEST_SECRET)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(annotations: Value) -> Action {
        Action { annotations: serde_json::from_value(annotations).unwrap(), ..Action::default() }
    }

    fn keys(action: &Action) -> Vec<(&str, &Value)> {
        action.annotations.iter().flatten().map(|pair| (pair.key.as_str(), &pair.value)).collect()
    }

    #[test]
    fn web_40_web_sets_three_annotations() {
        let (yes, no) = (Value::Bool(true), Value::Bool(false));
        for (flag, export, raw, last) in [
            ("yes", &yes, &no, &yes),
            ("TRUE", &yes, &no, &yes),
            ("raw", &yes, &yes, &yes),
            ("no", &no, &no, &no),
        ] {
            let mut made = Action::default();
            Web { web: Some(flag), secure: None }.apply(&mut made, None).unwrap();
            assert_eq!(keys(&made), [(EXPORT, export), (RAW, raw), (FINAL, last)], "{flag}");
        }
        let bad = Web { web: Some("maybe"), secure: None }.apply(&mut Action::default(), None).unwrap_err();
        assert!(bad.message.contains("'maybe'"), "{bad:?}");
    }

    #[test]
    fn cli_05_an_update_keeps_what_is_not_given() {
        let existing = action(json!([{"key": "note", "value": "x"}, {"key": SECRET, "value": 5}]));
        let mut update = Action::default();
        Web { web: Some("true"), secure: None }.apply(&mut update, Some(&existing)).unwrap();
        assert!(keys(&update).contains(&("note", &json!("x"))));
        assert!(keys(&update).contains(&(SECRET, &json!(5))));

        // Annotations that are given replace the others, but the secret stays.
        let mut update = action(json!([{"key": "new", "value": 1}]));
        Web { web: Some("true"), secure: None }.apply(&mut update, Some(&existing)).unwrap();
        assert!(!keys(&update).iter().any(|(key, _)| *key == "note"));
        assert!(keys(&update).contains(&(SECRET, &json!(5))));
    }

    #[test]
    fn a_secret_needs_a_web_action() {
        let web = |secure| Web { web: None, secure: Some(secure) };
        assert!(web("true").apply(&mut Action::default(), None).is_err());
        let existing = action(json!([{"key": EXPORT, "value": true}, {"key": SECRET, "value": "s"}]));
        let mut update = Action::default();
        web("false").apply(&mut update, Some(&existing)).unwrap();
        assert_eq!(update.del_annotations, [SECRET]);
        assert!(!keys(&update).iter().any(|(key, _)| *key == SECRET));
        let mut update = Action::default();
        web("mine").apply(&mut update, Some(&existing)).unwrap();
        assert!(keys(&update).contains(&(SECRET, &json!("mine"))));
    }
}
