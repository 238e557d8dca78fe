//! The trace that a request belongs to, as W3C Trace Context tells it.

use http::{HeaderMap, HeaderName};
use types::TraceContext;

const PARENT_HEADER: HeaderName = HeaderName::from_static("traceparent");
const STATE_HEADER: HeaderName = HeaderName::from_static("tracestate");

/// What the headers `traceparent` and `tracestate` say. Malformed ones, or several parents, count as absent: a trace is
/// never a reason to refuse a request.
pub(crate) fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all(PARENT_HEADER).iter();
    let parent = parents.next()?.to_str().ok()?;
    if parents.next().is_some() {
        return None;
    }
    let states: Vec<&str> =
        headers.get_all(STATE_HEADER).iter().filter_map(|value| value.to_str().ok()).collect();
    let state = (!states.is_empty()).then(|| states.join(","));
    TraceContext::parse(parent, state.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn states_are_put_together_and_of_two_parents_none_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(trace(&headers), None);
        headers.insert("traceparent", HeaderValue::from_static(PARENT));
        for state in ["a=1", "b=2"] {
            headers.append("tracestate", HeaderValue::from_static(state));
        }
        let found = trace(&headers).unwrap();
        assert_eq!((found.parent().as_str(), found.state()), (PARENT, Some("a=1,b=2")));
        headers.append("traceparent", HeaderValue::from_static(PARENT));
        assert_eq!(trace(&headers), None);
    }
}
