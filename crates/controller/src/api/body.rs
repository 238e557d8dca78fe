//! Reading what a request carries, within bounds of size and time (HTTP-18, HTTP-23).

use super::error::ApiError;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use types::ByteSize;
use types::json::{Raw, Unreadable};

/// The greatest body that is read (HTTP-18).
const MAX_BODY: u64 = 50 << 20;

/// How long a client may take to send it, the wait for room included (HTTP-23).
const MAX_TIME: Duration = Duration::from_secs(30);

/// A body up to this length is read without asking for room; the number of connections bounds those.
const SMALL: u64 = 64 << 10;

/// The unit in which room is counted.
const UNIT: u64 = 1 << 10;

/// The memory for all bodies that are not small. When there is none left, requests wait for it, and are answered with
/// 503 when that takes too long.
#[derive(Debug)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    /// Room for that many bytes, but at least for one body of the greatest length.
    pub(crate) fn new(size: ByteSize) -> Room {
        let units = size.as_bytes().max(MAX_BODY).div_ceil(UNIT);
        Room(Arc::new(Semaphore::new(usize::try_from(units).unwrap_or(Semaphore::MAX_PERMITS))))
    }

    async fn take(&self, length: u64) -> Result<OwnedSemaphorePermit, ApiError> {
        let units = u32::try_from(length.div_ceil(UNIT)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        self.0.clone().acquire_many_owned(units).await.map_err(|_| ApiError::unavailable())
    }
}

/// What a request carries.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    /// Empty where it was longer than the `keep` it was read with.
    bytes: Bytes,
    length: u64,
    kind: Kind,
    /// Given back with the body.
    _room: Option<OwnedSemaphorePermit>,
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

    /// The body as it came; empty where it was not kept.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text of a JSON body. Nothing sent is no body, whatever its type; a type is needed where `strict` says so
    /// (ERR-13).
    pub(crate) fn json(&self, strict: bool) -> Result<Option<&str>, ApiError> {
        let Some(bytes) = self.json_bytes(strict)? else { return Ok(None) };
        let text = std::str::from_utf8(bytes).map_err(ApiError::malformed)?;
        Ok((!text.trim_ascii().is_empty()).then_some(text))
    }

    fn json_bytes(&self, strict: bool) -> Result<Option<&Bytes>, ApiError> {
        match self.kind {
            _ if self.length == 0 => Ok(None),
            Kind::Json => Ok(Some(&self.bytes)),
            Kind::Unsaid if !strict => Ok(Some(&self.bytes)),
            Kind::Unsaid | Kind::Other => Err(ApiError::unsupported_type()),
        }
    }

    /// What a JSON body gives an action or a trigger: one object (INV-02), which is not copied.
    pub(crate) fn object_sent(&self) -> Result<Option<Raw>, ApiError> {
        let bytes = self.json_bytes(false)?.filter(|bytes| !bytes.trim_ascii().is_empty());
        let Some(bytes) = bytes else { return Ok(None) };
        match Raw::read(bytes.clone()) {
            Ok(value) if value.starts_with('{') => Ok(Some(value)),
            Ok(_) => Err(ApiError::malformed("JSON object expected")),
            Err(Unreadable::Text(error)) => Err(ApiError::malformed(error)),
            Err(Unreadable::Json(error)) => Err(ApiError::malformed_json(&error)),
        }
    }
}

/// Reads the whole body of a request to the API, where that of a GET means nothing.
pub(crate) async fn read<B>(
    method: &Method,
    headers: &HeaderMap,
    body: B,
    keep: u64,
    room: &Room,
) -> Result<Payload, ApiError>
where
    B: http_body::Body,
{
    if method == Method::GET {
        return Ok(Payload::default());
    }
    read_any(headers, body, keep, room).await
}

/// Reads the whole body. Of one that is longer than `keep` bytes only the length is kept, so that a call that will be
/// refused for its size costs no memory.
pub(crate) async fn read_any<B>(
    headers: &HeaderMap,
    body: B,
    keep: u64,
    room: &Room,
) -> Result<Payload, ApiError>
where
    B: http_body::Body,
{
    if body.is_end_stream() {
        return Ok(Payload::default());
    }
    let declared = declared_length(headers).or_else(|| body.size_hint().exact());
    if let Some(declared) = declared.filter(|declared| *declared > MAX_BODY) {
        return Err(ApiError::too_large("Request", declared, MAX_BODY));
    }
    if let Some(length) = declared.filter(|declared| *declared > keep)
        && waits_to_be_asked(headers)
    {
        return Ok(Payload { length, kind: kind(headers), ..Payload::default() });
    }
    let kept = declared.unwrap_or(MAX_BODY).min(keep);
    let deadline = Instant::now() + MAX_TIME;
    let room = match kept {
        ..=SMALL => None,
        _ => match tokio::time::timeout_at(deadline, room.take(kept)).await {
            Ok(room) => Some(room?),
            Err(_) => return Err(ApiError::unavailable()),
        },
    };
    match tokio::time::timeout_at(deadline, collect(body, keep, declared)).await {
        Ok(collected) => {
            let (bytes, length) = collected?;
            Ok(Payload { bytes, length, kind: kind(headers), _room: room })
        }
        Err(_) => Err(slow()),
    }
}

/// `declared`: how long the body is said to be, so that its pieces go where they stay.
async fn collect<B: http_body::Body>(
    body: B,
    keep: u64,
    declared: Option<u64>,
) -> Result<(Bytes, u64), ApiError> {
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            ApiError::bad_request("The request was not sent completely.").because("incomplete")
        })?;
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
                rest.reserve(usize::try_from(declared.unwrap_or_default().min(keep)).unwrap_or_default());
                rest.extend_from_slice(&first);
            }
            rest.put(data);
        }
    }
    Ok((if rest.is_empty() { first } else { rest.freeze() }, length))
}

fn slow() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "The request was not sent in time.").because("too_slow")
}

/// Whether the client sends the body only when it is asked for it. One that will be refused is not asked for.
fn waits_to_be_asked(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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

    fn room() -> Room {
        Room::new(ByteSize::bytes(0))
    }

    #[tokio::test]
    async fn http_23_chunked_bodies_are_put_together() {
        let chunks = ["{\"a\"", ":", "1}"]
            .map(|text| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from(text))));
        let body = StreamBody::new(futures_util::stream::iter(chunks));
        let payload = read(&Method::POST, &HeaderMap::new(), body, 100, &room()).await.unwrap();
        assert_eq!(payload.bytes, Bytes::from("{\"a\":1}"));
        assert_eq!(payload.length(), 7);
    }

    #[test]
    fn inv_02_a_payload_is_one_object() {
        let sent = |text: &'static str| {
            let (bytes, length) = (Bytes::from_static(text.as_bytes()), text.len() as u64);
            Payload { bytes, length, kind: Kind::Json, _room: None }.object_sent()
        };
        assert_eq!(sent(" {\"a\": 1} ").unwrap().unwrap().get(), "{\"a\":1}");
        assert!(sent("").unwrap().is_none() && sent(" \n").unwrap().is_none());
        for bad in ["[1]", "1", "null", "\"x\""] {
            let text = "The request content was malformed:\nJSON object expected";
            assert_eq!(sent(bad).unwrap_err().text(), text, "{bad}");
        }
        for (bad, why) in [
            ("{", "EOF while parsing an object at line 1 column 1"),
            ("{} {}", "trailing characters at line 1 column 4"),
            ("{\"a\":}", "expected value at line 1 column 6"),
            ("nope", "expected ident at line 1 column 2"),
        ] {
            let text = format!("The request content was malformed:\n{why}");
            assert_eq!(sent(bad).unwrap_err().text(), text, "{bad}");
        }
    }

    #[tokio::test]
    async fn of_a_body_that_is_too_long_only_the_length_is_kept() {
        let body = Full::new(Bytes::from("x".repeat(11)));
        let payload = read(&Method::POST, &HeaderMap::new(), body, 10, &room()).await.unwrap();
        assert_eq!((payload.length(), payload.bytes.len()), (11, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn http_23_a_body_that_never_ends_is_given_up() {
        let body = StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<Bytes>, std::io::Error>,
        >());
        let error = read(&Method::PUT, &HeaderMap::new(), body, 10, &room()).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn great_bodies_wait_for_room() {
        let room = room();
        let great = || Full::new(Bytes::from(vec![b'x'; usize::try_from(MAX_BODY).unwrap_or_default()]));
        let first = read(&Method::PUT, &HeaderMap::new(), great(), u64::MAX, &room).await.unwrap();
        let small = Full::new(Bytes::from(vec![b'x'; 1000]));
        assert!(read(&Method::PUT, &HeaderMap::new(), small, u64::MAX, &room).await.is_ok());
        let refused = read(&Method::PUT, &HeaderMap::new(), great(), u64::MAX, &room).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(first);
        assert!(read(&Method::PUT, &HeaderMap::new(), great(), u64::MAX, &room).await.is_ok());
    }
}
