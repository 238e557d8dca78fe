//! What browsers are told of who may call (WEB-10).

use crate::api::Reply;
use crate::api::respond::{CORS_HEADERS, CORS_ORIGIN};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS,
};
use http::{HeaderMap, HeaderValue};

const CORS_METHODS: HeaderValue = HeaderValue::from_static("OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH");

/// Allows everything, but for what the action has said itself: browsers refuse a response that says it twice.
pub(super) fn allow(reply: Reply, request: &HeaderMap) -> Reply {
    let headers = request.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned().unwrap_or(CORS_HEADERS);
    reply
        .header_unless_set(ACCESS_CONTROL_ALLOW_ORIGIN, CORS_ORIGIN)
        .header_unless_set(ACCESS_CONTROL_ALLOW_METHODS, CORS_METHODS)
        .header_unless_set(ACCESS_CONTROL_ALLOW_HEADERS, headers)
}
