use crate::ActivationId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// The longest `tracestate` that is handed on; the W3C asks for no more. A longer one is left out.
const MAX_STATE: usize = 512;

/// The length of a `traceparent`.
const PARENT: usize = 55;

/// One step of a distributed trace, as the headers `traceparent` and `tracestate` of W3C Trace Context tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
    state: Option<Arc<str>>,
}

impl TraceContext {
    /// The first step of a new trace, which nobody asked to be sampled. Zeros, which stand for nothing, become ones.
    #[must_use]
    pub fn root(trace: u128, span: u64) -> TraceContext {
        TraceContext { trace: trace.max(1), span: span.max(1), flags: 0, state: None }
    }

    /// What the two headers say. `None`: the first one is malformed, and then both count as absent. Of a version that is
    /// not known yet, what the known one has is understood.
    #[must_use]
    pub fn parse(parent: &str, state: Option<&str>) -> Option<TraceContext> {
        let mut parts = parent.trim_ascii().split('-');
        let version = hexadecimal(parts.next()?, 2)?;
        let trace = hexadecimal(parts.next()?, 32)?;
        let span = u64::try_from(hexadecimal(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hexadecimal(parts.next()?, 2)?).ok()?;
        let well_formed = match version {
            0 => parts.next().is_none(),
            0xff => false,
            _ => true,
        };
        // Of the flags of later versions nothing is known but that the first two mean the same.
        let flags = if version == 0 { flags } else { flags & 3 };
        let state = state.map(str::trim_ascii).filter(|state| is_state(state)).map(Arc::from);
        (well_formed && trace != 0 && span != 0).then_some(TraceContext { trace, span, flags, state })
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn child(&self, span: u64) -> TraceContext {
        TraceContext { span: span.max(1), ..self.clone() }
    }

    /// The id of the trace, in the form of an activation's: 32 lowercase hexadecimal characters.
    #[must_use]
    pub const fn trace_id(&self) -> ActivationId {
        ActivationId::from_bits(self.trace)
    }

    /// The header `traceparent`.
    #[must_use]
    pub fn parent(&self) -> String {
        // Digits and dashes are text.
        std::str::from_utf8(&self.encode_parent()).unwrap_or_default().to_owned()
    }

    /// The same, without an allocation.
    #[must_use]
    pub fn encode_parent(&self) -> [u8; PARENT] {
        let hex = |number: u128| ActivationId::from_bits(number).encode();
        let mut text = *b"00-................................-................-..";
        text[3..35].copy_from_slice(&hex(self.trace));
        text[36..52].copy_from_slice(&hex(self.span.into())[16..]);
        text[53..].copy_from_slice(&hex(self.flags.into())[30..]);
        text
    }

    /// The header `tracestate`, if there is one.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.encode_parent()).unwrap_or_default())
    }
}

/// Lowercase digits, as many as that.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let lower = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    if text.len() != digits || !text.bytes().all(lower) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

fn is_state(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_STATE && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    parent: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<std::borrow::Cow<'a, str>>,
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire { parent: self.parent().into(), state: self.state().map(Into::into) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TraceContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TraceContext, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        TraceContext::parse(&wire.parent, wire.state.as_deref())
            .ok_or_else(|| serde::de::Error::custom("not a trace context"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_child_keeps_the_trace_its_flags_and_its_state() {
        let parent = TraceContext::parse(PARENT, Some("vendor=1,other=2")).unwrap();
        assert_eq!(parent.parent(), PARENT);
        let child = parent.child(0x12);
        assert_eq!(child.parent(), format!("00-{TRACE}-0000000000000012-01"));
        assert_eq!((child.trace_id().to_string().as_str(), child.state()), (TRACE, Some("vendor=1,other=2")));
        let text = serde_json::to_string(&child).unwrap();
        assert_eq!(serde_json::from_str::<TraceContext>(&text).unwrap(), child);
    }

    #[test]
    fn a_new_trace_is_not_sampled_and_has_no_zeros() {
        let root = TraceContext::root(0, 0);
        assert_eq!(root.parent(), "00-00000000000000000000000000000001-0000000000000001-00");
        assert!(TraceContext::parse(&root.parent(), None).is_some());
    }

    #[test]
    fn what_is_malformed_counts_as_absent() {
        for bad in [
            "",
            "garbage",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c8031-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(bad, None), None, "{bad}");
        }
    }

    #[test]
    fn later_versions_are_understood_as_far_as_they_are_known() {
        let later = TraceContext::parse(&format!("01-{TRACE}-b7ad6b7169203331-ff-more"), None).unwrap();
        assert_eq!(later.parent(), format!("00-{TRACE}-b7ad6b7169203331-03"));
    }

    #[test]
    fn a_bad_state_is_left_out() {
        let long = "x".repeat(MAX_STATE + 1);
        for bad in ["", " ", "a=\u{7f}", "a=ü", long.as_str()] {
            assert_eq!(TraceContext::parse(PARENT, Some(bad)).unwrap().state(), None, "{bad}");
        }
    }
}
