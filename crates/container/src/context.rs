use std::fmt;
use std::sync::Arc;
use types::json;
use types::{ActivationId, TraceContext};

/// A value of the context of a run: a text. What is not one yet becomes one where it is written, in the runtime's pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextValue {
    /// A text that others have too.
    Text(Arc<str>),
    /// An id.
    Id(ActivationId),
    /// A number, in decimal digits.
    Number(u64),
    /// The header `traceparent` of a step of a trace.
    Parent(TraceContext),
}

impl ContextValue {
    /// Writes it as a JSON text.
    pub(crate) fn write_json(&self, into: &mut Vec<u8>) {
        if let ContextValue::Text(text) = self {
            return json::write_text(into, text);
        }
        // The others consist of digits, letters and dashes.
        into.push(b'"');
        match self {
            ContextValue::Text(_) => {}
            ContextValue::Id(id) => into.extend_from_slice(&id.encode()),
            ContextValue::Number(number) => json::write_number(into, *number),
            ContextValue::Parent(trace) => into.extend_from_slice(&trace.encode_parent()),
        }
        into.push(b'"');
    }
}

impl From<&str> for ContextValue {
    fn from(text: &str) -> ContextValue {
        ContextValue::Text(Arc::from(text))
    }
}

impl From<String> for ContextValue {
    fn from(text: String) -> ContextValue {
        ContextValue::Text(Arc::from(text))
    }
}

/// The text.
impl fmt::Display for ContextValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContextValue::Text(text) => f.write_str(text),
            ContextValue::Id(id) => id.fmt(f),
            ContextValue::Number(number) => number.fmt(f),
            ContextValue::Parent(trace) => trace.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_the_text_as_json() {
        let trace = TraceContext::root(0xabc, 0x12);
        let values = [
            ContextValue::from("plain"),
            ContextValue::from("with \"quotes\"\n"),
            ContextValue::Id(ActivationId::from_bits(7)),
            ContextValue::Number(1_735_689_660_123),
            ContextValue::Parent(trace.clone()),
        ];
        for value in values {
            let mut written = Vec::new();
            value.write_json(&mut written);
            assert_eq!(
                String::from_utf8(written).unwrap(),
                serde_json::to_string(&value.to_string()).unwrap()
            );
        }
        assert_eq!(ContextValue::Parent(trace.clone()).to_string(), trace.parent());
    }
}
