use serde::{Deserialize, Serialize};
use types::{Activation, ActivationId};

/// What an event tells of an activation (EVT-02).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Facts<'a> {
    /// `ns/[pkg/]action` of what ran.
    pub(super) name: &'a str,
    pub(super) activation_id: ActivationId,
    /// 0 to 3 (CLS-01).
    pub(super) status_code: u8,
    /// In milliseconds, as are the next two.
    pub(super) duration: u64,
    pub(super) wait_time: u64,
    /// 0 for a warm one.
    pub(super) init_time: u64,
    /// Whether its container had to be initialised.
    #[serde(skip)]
    pub(super) cold: bool,
    pub(super) kind: &'a str,
    pub(super) conductor: bool,
    /// In MB.
    pub(super) memory: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) caused_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_defined_status_code: Option<i64>,
}

/// A count of a namespace (EVT-03).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metric {
    pub(super) metric_name: &'static str,
    pub(super) metric_value: u32,
}

impl<'a> Facts<'a> {
    /// What a record says. `None`: it is not the record of something that ran.
    pub(super) fn of(record: &'a Activation) -> Option<Facts<'a>> {
        let text = |key: &str| record.annotations.get(key).map(|value| value.get());
        // Names and kinds need no escapes.
        let string = |key: &str| text(key).and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
        let number = |key: &str| text(key).and_then(|text| text.parse().ok()).unwrap_or_default();
        Some(Facts {
            name: string("path")?,
            activation_id: record.activation_id,
            status_code: record.response.status as u8,
            duration: record.duration?,
            wait_time: number("waitTime"),
            init_time: number("initTime"),
            cold: text("initTime").is_some(),
            kind: string("kind").unwrap_or("unknown"),
            conductor: record.annotations.is_truthy("conductor"),
            memory: text("limits").and_then(memory).unwrap_or_default(),
            caused_by: string("causedBy"),
            size: record.response.size,
            user_defined_status_code: record.response.result.as_ref().and_then(|result| status(result.get())),
        })
    }

    /// The namespace whose action ran, and the rest of its path.
    pub(super) fn action(&self) -> (&'a str, &'a str) {
        self.name.split_once('/').unwrap_or(("", self.name))
    }
}

/// The memory in the annotation of limits, an object of numbers that this process has written: found without reading the
/// rest, since every activation passes here.
fn memory(limits: &str) -> Option<u64> {
    let (_, behind) = limits.split_once("\"memory\":")?;
    let end = behind.find(|character: char| !character.is_ascii_digit()).unwrap_or(behind.len());
    behind[..end].parse().ok()
}

/// What a status counts as that is no whole number.
const BAD_REQUEST: i64 = 400;

/// CLS-22: `statusCode` in the result's `error`, else in the result itself.
fn status(result: &str) -> Option<i64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Peek<'a> {
        #[serde(borrow, default)]
        status_code: Option<&'a serde_json::value::RawValue>,
        #[serde(borrow, default)]
        error: Option<&'a serde_json::value::RawValue>,
    }
    /// Only of an object: an array would be read as its members in their order.
    fn peek(text: &str) -> Option<Peek<'_>> {
        text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok())?
    }
    // Results can be long, and few have one.
    if !result.contains("\"statusCode\"") {
        return None;
    }
    let outer = peek(result)?;
    let inner = outer.error.and_then(|error| peek(error.get()));
    let code = inner.and_then(|inner| inner.status_code).or(outer.status_code)?;
    // A text counts if a whole number stands in it.
    Some(code.get().trim_matches('"').parse::<i32>().map_or(BAD_REQUEST, i64::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_found_among_the_limits() {
        let limits = types::ActionLimits { memory: 384, ..types::SystemLimits::default().standard() };
        assert_eq!(memory(types::json::raw(&limits).get()), Some(384));
        assert_eq!(memory("{}"), None);
    }

    #[test]
    fn cls_22_the_status_stands_in_the_result_or_in_its_error() {
        assert_eq!(status(r#"{"statusCode":204,"body":""}"#), Some(204));
        assert_eq!(status(r#"{"error":{"statusCode":404}}"#), Some(404));
        assert_eq!(status(r#"{"statusCode":200,"error":{"statusCode":"503"}}"#), Some(503));
        assert_eq!(status(r#"{"statusCode":200,"error":"text"}"#), Some(200));
        for odd in [r#"{"statusCode":"i404"}"#, r#"{"statusCode":1.5}"#, r#"{"statusCode":{}}"#] {
            assert_eq!(status(odd), Some(400), "{odd}");
        }
        for none in
            [r#"{"a":1}"#, r#"{"a":{"statusCode":200}}"#, r#"["statusCode"]"#, r#"{"error":"statusCode"}"#]
        {
            assert_eq!(status(none), None, "{none}");
        }
    }
}
