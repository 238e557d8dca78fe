//! Reading what a request carries, within bounds of size and time (HTTP-18, HTTP-23).

use super::error::ApiError;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use std::time::Duration;

/// The greatest body that is read (HTTP-18).
const MAX_BODY: u64 = 50 << 20;

/// How long a client may take to send it (HTTP-23).
const MAX_TIME: Duration = Duration::from_secs(30);

/// What a request carries.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    /// Empty where it was longer than the `keep` it was read with.
    bytes: Bytes,
    length: u64,
    kind: Kind,
}

/// What its `Content-Type` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Unsaid,
    Json,
    Other,
}

impl Payload {
    /// How long it is.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The text of a JSON body. Nothing sent is no body, whatever its type; a type is needed where `strict` says so
    /// (ERR-13).
    pub(crate) fn json(&self, strict: bool) -> Result<Option<&str>, ApiError> {
        if self.length == 0 {
            return Ok(None);
        }
        match self.kind {
            Kind::Json => {}
            Kind::Unsaid if !strict => {}
            Kind::Unsaid | Kind::Other => return Err(ApiError::unsupported_type()),
        }
        let text = std::str::from_utf8(&self.bytes).map_err(ApiError::malformed)?;
        Ok((!text.trim_ascii().is_empty()).then_some(text))
    }
}

/// Reads the whole body. Of one that is longer than `keep` bytes only the length is kept, so that a call that will be
/// refused for its size costs no memory.
pub(crate) async fn read<B>(
    method: &Method,
    headers: &HeaderMap,
    body: B,
    keep: u64,
) -> Result<Payload, ApiError>
where
    B: http_body::Body,
{
    if method == Method::GET || body.is_end_stream() {
        return Ok(Payload::default());
    }
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if let Some(declared) = declared.filter(|declared| *declared > MAX_BODY) {
        return Err(ApiError::too_large("Request", declared, MAX_BODY));
    }
    match tokio::time::timeout(MAX_TIME, collect(body, keep)).await {
        Ok(collected) => collected.map(|(bytes, length)| Payload { bytes, length, kind: kind(headers) }),
        Err(_) => Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "The request was not sent in time.")),
    }
}

async fn collect<B: http_body::Body>(body: B, keep: u64) -> Result<(Bytes, u64), ApiError> {
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::bad_request("The request was not sent completely."))?;
        let Ok(mut data) = frame.into_data() else { continue };
        length += data.remaining() as u64;
        if length > MAX_BODY {
            return Err(ApiError::too_large("Request", length, MAX_BODY));
        }
        if length > keep {
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if first.is_empty() {
            // A body in one piece, as almost all are, is taken as it came.
            let size = data.remaining();
            first = data.copy_to_bytes(size);
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.put(data);
        }
    }
    Ok((if rest.is_empty() { first } else { rest.freeze() }, length))
}

fn kind(headers: &HeaderMap) -> Kind {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Kind::Unsaid };
    let name = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if name.eq_ignore_ascii_case(b"application/json") { Kind::Json } else { Kind::Other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};

    #[tokio::test]
    async fn http_23_chunked_bodies_are_put_together() {
        let chunks = ["{\"a\"", ":", "1}"]
            .map(|text| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from(text))));
        let body = StreamBody::new(futures_util::stream::iter(chunks));
        let payload = read(&Method::POST, &HeaderMap::new(), body, 100).await.unwrap();
        assert_eq!(payload.bytes, Bytes::from("{\"a\":1}"));
        assert_eq!(payload.length(), 7);
    }

    #[tokio::test]
    async fn of_a_body_that_is_too_long_only_the_length_is_kept() {
        let body = Full::new(Bytes::from("x".repeat(11)));
        let payload = read(&Method::POST, &HeaderMap::new(), body, 10).await.unwrap();
        assert_eq!((payload.length(), payload.bytes.len()), (11, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn http_23_a_body_that_never_ends_is_given_up() {
        let body = StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<Bytes>, std::io::Error>,
        >());
        let error = read(&Method::PUT, &HeaderMap::new(), body, 10).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }
}
