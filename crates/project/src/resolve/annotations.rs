//! Annotations that stand for something else, and what they must be.

use serde_json::{Map, Value, json};

/// Annotations that are true or false; older YAML calls that `yes` and `no`.
pub(super) const TRUTHS: &[&str] = &["web-export", "raw-http", "final", "conductor", "provide-api-key"];

pub(super) fn truth(text: &str) -> Value {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "on" => Value::Bool(true),
        "no" | "false" | "off" => Value::Bool(false),
        _ => text.into(),
    }
}

/// The secret of a web action is a text, a number that is exact in JavaScript, or a truth.
pub(super) fn secret(annotations: &Map<String, Value>) -> Result<(), String> {
    const GREATEST: u64 = (1 << 53) - 1;
    match annotations.get("require-whisk-auth") {
        Some(Value::String(text)) if text.is_empty() => {
            Err("the secret require-whisk-auth is empty".to_owned())
        }
        Some(Value::Number(number)) if number.as_u64().is_none_or(|number| number > GREATEST) => {
            Err(format!("the secret require-whisk-auth is a number from 0 to {GREATEST}, not {number}"))
        }
        Some(other @ (Value::Null | Value::Array(_) | Value::Object(_))) => {
            Err(format!("the secret require-whisk-auth is a text, a number, true or false, not {other}"))
        }
        _ => Ok(()),
    }
}

/// WEB-40: what `web` stands for.
pub(super) fn web_annotations(web: &str, annotations: &mut Map<String, Value>) -> Result<(), String> {
    let (export, raw) = match web.to_lowercase().as_str() {
        "yes" | "true" => (true, false),
        "raw" => (true, true),
        "no" | "false" => (false, false),
        _ => return Err(format!("web is yes, true, raw, no or false, not '{web}'")),
    };
    for (key, value) in [("web-export", export), ("raw-http", raw), ("final", export)] {
        annotations.insert(key.to_owned(), json!(value));
    }
    Ok(())
}
