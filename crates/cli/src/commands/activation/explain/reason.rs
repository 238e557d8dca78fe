//! Why an activation failed, and what to do about it.

use crate::commands::activation::stripped;
use client::{Activation, WithKeyValues as _};
use serde::Serialize;
use serde_json::Value;

/// How many lines of standard error are shown.
const LINES: usize = 10;

/// Why it failed.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Reason {
    /// Whose fault it is.
    pub(super) fault: &'static str,
    /// What the record says.
    pub(super) error: String,
    /// The next thing to try.
    pub(super) next: String,
    /// The last lines of standard error.
    pub(super) stderr: Vec<String>,
}

/// The reason, of an activation that failed.
pub(super) fn of(record: &Activation) -> Option<Reason> {
    let code = match record.response.status.as_str() {
        "success" | "" => return None,
        "application error" => 1,
        // Upstream calls it so in records, and `developer error` in lists.
        "action developer error" | "developer error" => 2,
        _ => 3,
    };
    let error = match record.response.result.get("error") {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => record.response.result.to_string(),
    };
    let (fault, next) = match code {
        1 => (
            "the function answered with an error",
            format!("wsk action get {} --save shows its code", record.name),
        ),
        2 => ("the code or its limits", developer(record, &error)),
        _ => ("the platform", "nothing is wrong with the function; invoke it again".to_owned()),
    };
    let stderr = record.logs.iter().filter(|line| line.contains(" stderr: "));
    let stderr: Vec<String> = stderr.map(|line| stripped(line).to_owned()).collect();
    let stderr = stderr[stderr.len().saturating_sub(LINES)..].to_vec();
    Some(Reason { fault, error, next, stderr })
}

fn developer(record: &Activation, error: &str) -> String {
    let name = &record.name;
    let timed_out =
        record.annotations.value("timeout") == Some(&Value::Bool(true)) || error.contains("time limit");
    let limit = |limit: &str| record.annotations.value("limits").and_then(|limits| limits[limit].as_i64());
    if timed_out {
        let more = limit("timeout").unwrap_or(60_000) * 2;
        return format!(
            "let it run longer, wsk action update {name} --timeout {more}, or do less in one activation"
        );
    }
    if error.to_lowercase().contains("memory") {
        let more = limit("memory").unwrap_or(256) * 2;
        return format!("give it more memory: wsk action update {name} --memory {more}");
    }
    if error.contains("dictionary") || error.contains("valid response") {
        return "the function must return an object (or an array)".to_owned();
    }
    if record.logs.is_empty() {
        return format!("mend the code and send it again: wsk action update {name} FILE");
    }
    "the lines below are what the function wrote; mend the code and send it again".to_owned()
}

impl Reason {
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "  fault     {}\n  error     {}\n  try       {}\n",
            self.fault,
            indented(&self.error),
            self.next
        );
        for line in &self.stderr {
            text += &format!("  stderr    {line}\n");
        }
        text
    }
}

/// Further lines of a text stand under its first.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n            ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(status: &str, result: Value, more: Value) -> Activation {
        let mut record = json!({"name": "a", "response": {"status": status, "result": result}});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn each_kind_of_failure_has_its_own_advice() {
        assert_eq!(of(&record("success", json!({}), json!({}))), None);
        let application = of(&record("application error", json!({"error": "no"}), json!({}))).unwrap();
        assert_eq!(
            (application.error.as_str(), application.fault),
            ("no", "the function answered with an error")
        );

        let annotations = json!({"annotations": [
            {"key": "timeout", "value": true}, {"key": "limits", "value": {"timeout": 1000}}
        ]});
        let slow = of(&record("action developer error", json!({"error": "exceeded"}), annotations)).unwrap();
        assert!(slow.next.contains("--timeout 2000"), "{slow:?}");

        let logs = json!({"logs": ["2026-11-26T10:00:00.123456789Z stderr: Error: boom", "x stdout: fine"]});
        let thrown = of(&record("action developer error", json!({"error": "An error"}), logs)).unwrap();
        assert_eq!(thrown.stderr, ["Error: boom"]);

        let platform = of(&record("whisk internal error", json!({"error": "lost"}), json!({}))).unwrap();
        assert_eq!(platform.fault, "the platform");
    }
}
