//! From what a handler says to a response with its headers.

use super::error::{ApiError, Extra};
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW,
    CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use types::{ActivationId, TransactionId};

/// The body of a response: known when the response is made, or sent as it is made.
#[derive(Debug)]
pub struct Body(Source);

/// Where the bytes come from.
#[derive(Debug)]
enum Source {
    /// Here they are; `None`: they have been taken.
    Whole(Option<Bytes>),
    /// Here they are, in parts, none of which is empty.
    Parts(std::array::IntoIter<Bytes, 3>),
    /// Piece by piece. A piece that is an error breaks the connection off, so that the client sees that the rest is
    /// missing.
    Pieces(mpsc::Receiver<io::Result<Bytes>>),
}

impl Body {
    /// A body that is known.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Body {
        Body(Source::Whole(Some(bytes.into())))
    }

    /// A body that is known and lies in parts, none of which is empty.
    pub(crate) fn parts(parts: [Bytes; 3]) -> Body {
        Body(Source::Parts(parts.into_iter()))
    }

    /// A body that comes in pieces. Whoever sends them waits when the client is slow: the channel's length is the limit.
    pub(crate) fn pieces(receiver: mpsc::Receiver<io::Result<Bytes>>) -> Body {
        Body(Source::Pieces(receiver))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
        match &mut self.0 {
            Source::Whole(bytes) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(bytes.map(|bytes| Ok(http_body::Frame::data(bytes))))
            }
            Source::Parts(parts) => Poll::Ready(parts.next().map(|part| Ok(http_body::Frame::data(part)))),
            Source::Pieces(receiver) => {
                let polled = receiver.poll_recv(context);
                polled.map(|piece| piece.map(|piece| piece.map(http_body::Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Source::Parts(parts) => parts.len() == 0,
            Source::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.0 {
            Source::Whole(bytes) => {
                http_body::SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64)
            }
            Source::Parts(parts) => {
                http_body::SizeHint::with_exact(parts.as_slice().iter().map(|part| part.len() as u64).sum())
            }
            Source::Pieces(_) => http_body::SizeHint::default(),
        }
    }
}

/// HTTP-19
pub(crate) const ACTIVATION_ID: HeaderName = HeaderName::from_static("x-openwhisk-activation-id");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"OpenWhisk secure realm\"");

/// HTTP-14
pub(crate) const CORS_ORIGIN: HeaderValue = HeaderValue::from_static("*");
/// HTTP-14
pub(crate) const CORS_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent");
const CORS_METHODS: HeaderValue = HeaderValue::from_static("GET, DELETE, POST, PUT, HEAD");

/// A preference of the client that counted (RFC 7240).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Not to wait.
    RespondAsync,
    /// To wait for that many seconds.
    Wait(u32),
}

impl Applied {
    fn header(self) -> HeaderValue {
        match self {
            Applied::RespondAsync => HeaderValue::from_static("respond-async"),
            // Letters and digits always make a header.
            Applied::Wait(seconds) => {
                HeaderValue::from_str(&format!("wait={seconds}")).unwrap_or(HeaderValue::from_static("wait"))
            }
        }
    }
}

/// What a handler answers when all goes well.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    body: Body,
    content_type: Option<HeaderValue>,
    activation: Option<ActivationId>,
    headers: HeaderMap,
}

impl Reply {
    /// A status, and a body that may be of some type.
    pub(crate) fn new(status: StatusCode, body: Body, content_type: Option<HeaderValue>) -> Reply {
        Reply { status, body, content_type, activation: None, headers: HeaderMap::new() }
    }

    /// A JSON text.
    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
        Reply::json_body(status, Body::new(body))
    }

    /// A body that is a JSON text.
    pub(crate) fn json_body(status: StatusCode, body: Body) -> Reply {
        Reply::new(status, body, Some(JSON))
    }

    /// A value as JSON, with status 200.
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Result<Reply, ApiError> {
        let body = serde_json::to_vec(value).map_err(|error| ApiError::internal(&error))?;
        Ok(Reply::json(StatusCode::OK, body))
    }

    /// A plain text, with status 200.
    pub(crate) fn text(body: impl Into<Bytes>) -> Reply {
        Reply::new(StatusCode::OK, Body::new(body), Some(TEXT))
    }

    /// Nothing but a status.
    pub(crate) fn empty(status: StatusCode) -> Reply {
        Reply::new(status, Body::new(Bytes::new()), None)
    }

    /// The same with one more header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Reply {
        self.headers.append(name, value);
        self
    }

    /// The same, saying which preference counted.
    pub(crate) fn applying(self, applied: Option<Applied>) -> Reply {
        match applied {
            None => self,
            Some(applied) => self.header(PREFERENCE_APPLIED, applied.header()),
        }
    }

    /// The same with these headers as well.
    pub(crate) fn headers(mut self, headers: HeaderMap) -> Reply {
        self.headers.extend(headers);
        self
    }

    /// The same with one more header, unless it has that already.
    pub(crate) fn header_unless_set(mut self, name: HeaderName, value: HeaderValue) -> Reply {
        self.headers.entry(name).or_insert(value);
        self
    }

    /// The same, naming the activation that was made (HTTP-19).
    pub(crate) fn for_activation(self, id: ActivationId) -> Reply {
        Reply { activation: Some(id), ..self }
    }
}

/// How many headers most responses have: three for CORS, a type, the transaction's id, the activation's.
const USUAL_HEADERS: usize = 6;

/// Makes the response: body, CORS headers where they belong, transaction id (HTTP-11), activation id.
pub(crate) fn respond(
    outcome: Result<Reply, ApiError>,
    transaction: &TransactionId,
    transaction_header: &HeaderName,
    cors: bool,
) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
    if cors {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, CORS_ORIGIN);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, CORS_HEADERS);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, CORS_METHODS);
    }
    // A client's own id came as a header, and ours are letters and digits.
    if let Ok(value) = HeaderValue::from_str(transaction.as_str()) {
        headers.insert(transaction_header, value);
    }
    let reply = outcome.unwrap_or_else(|error| of_error(&error, transaction, Style::Compact));
    if let Some(content_type) = reply.content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    if let Some(id) = reply.activation {
        headers.insert(ACTIVATION_ID, activation_value(id));
    }
    headers.extend(reply.headers);
    let Reply { status, body, .. } = reply;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// How an error body is written (HTTP-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// In one line.
    Compact,
    /// For people to read: so are those of web actions.
    Pretty,
}

/// What an error becomes.
pub(crate) fn of_error(error: &ApiError, transaction: &TransactionId, style: Style) -> Reply {
    let Extra { challenge, retry_after, allow, activation, applied } = error.extra();
    let mut reply = Reply::json(error.status(), envelope(error, transaction, style));
    reply.activation = activation;
    if challenge {
        reply = reply.header(WWW_AUTHENTICATE, CHALLENGE);
    }
    if let Some(seconds) = retry_after {
        reply = reply.header(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(methods) = allow {
        reply = reply.header(ALLOW, HeaderValue::from_static(methods));
    }
    reply.applying(applied)
}

/// ERR-01
fn envelope(error: &ApiError, transaction: &TransactionId, style: Style) -> Bytes {
    struct Envelope<'a>(&'a ApiError, &'a TransactionId);
    impl Serialize for Envelope<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("error", self.0.text())?;
            map.serialize_entry("code", self.1)?;
            if let Some(reason) = self.0.reason() {
                map.serialize_entry("reason", reason)?;
            }
            if let Some(id) = self.0.extra().activation {
                map.serialize_entry("activationId", &id)?;
            }
            for (name, value) in self.0.details() {
                map.serialize_entry(name, value)?;
            }
            map.end()
        }
    }
    let envelope = Envelope(error, transaction);
    let written = match style {
        Style::Compact => serde_json::to_vec(&envelope),
        Style::Pretty => serde_json::to_vec_pretty(&envelope),
    };
    written.unwrap_or_default().into()
}

fn activation_value(id: ActivationId) -> HeaderValue {
    // Hexadecimal digits always make a header.
    HeaderValue::from_bytes(&id.encode()).unwrap_or(HeaderValue::from_static(""))
}

/// Whether the client takes that type (ERR-10).
pub(crate) fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let given = headers.get_all(http::header::ACCEPT);
    let mut lines = given.iter();
    match (lines.next(), lines.next()) {
        (None, _) => return true,
        // What clients say that do not care.
        (Some(only), None) if only == "*/*" => return true,
        _ => {}
    }
    let family = kind.split_once('/').map_or(kind, |(family, _)| family);
    let ranges = given.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    // The most precise range that fits decides.
    let mut best: Option<(u8, bool)> = None;
    for range in ranges {
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        let name = name.trim();
        let precision = if name == "*/*" {
            1
        } else if name.strip_suffix("/*").is_some_and(|named| named.eq_ignore_ascii_case(family)) {
            2
        } else if name.eq_ignore_ascii_case(kind) {
            3
        } else {
            continue;
        };
        let mut parameters = parameters.split(';').filter_map(|part| part.trim().strip_prefix("q="));
        let refused = parameters.any(|q| q.parse() == Ok(0.0));
        if best.is_none_or(|(found, _)| precision > found) {
            best = Some((precision, !refused));
        }
    }
    best.is_some_and(|(_, taken)| taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn err_10_the_most_precise_range_decides() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::ACCEPT, HeaderValue::from_static(value));
            accepts(&headers, "application/json")
        };
        for good in ["*/*", "application/*", "text/html, application/json;q=0.1", "Application/JSON"] {
            assert!(accepts(good), "{good}");
        }
        for bad in ["text/html", "application/json;q=0", "*/*, application/json; q=0.0", "application/xml"] {
            assert!(!accepts(bad), "{bad}");
        }
        assert!(super::accepts(&HeaderMap::new(), "application/json"));
    }
}
