//! One call: what is sent, and what comes back.

use crate::{Answer, Client, Error, Result};
use base64::Engine as _;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use url::Url;

/// From which size on the way of a body is told, in bytes, and in which pieces.
const BIG: usize = 1 << 20;
const PIECE: usize = 64 << 10;

/// Who watches what goes over the wire: the traces of `wsk -v`, progress.
pub trait Observer: Send + Sync + fmt::Debug {
    /// A request is about to be sent.
    fn sending(&self, _request: &Sent<'_>) {}
    /// The whole answer is there.
    fn received(&self, _answer: &Answer) {}
    /// Whether [`Observer::uploaded`] is asked for.
    fn shows_uploads(&self) -> bool {
        false
    }
    /// So many bytes of a big body are on their way.
    fn uploaded(&self, _sent: usize, _total: usize) {}
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {}

/// A request as it goes over the wire.
#[derive(Debug)]
pub struct Sent<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its URL.
    pub url: &'a Url,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: Option<&'a [u8]>,
}

/// A call that is being built.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'a> {
    client: &'a Client,
    method: Method,
    url: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Option<Bytes>,
    authorized: bool,
    record: bool,
}

impl Client {
    /// A call of `path`, whose segments are encoded already, under the API's version. It carries the key.
    pub fn request(&self, method: Method, path: &str) -> Request<'_> {
        self.request_url(method, self.url(path))
    }

    /// A call of any URL. It carries the key, unless [`Request::anonymous`] says otherwise.
    pub fn request_url(&self, method: Method, url: String) -> Request<'_> {
        Request {
            client: self,
            method,
            url,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            authorized: true,
            record: true,
        }
    }
}

impl Request<'_> {
    /// With one more parameter in the query.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// The same, where there is a value.
    pub fn query_opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// With one more header.
    pub fn header(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// With a document as its body.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Body(error.to_string()))?;
        self.body = Some(body.into());
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(self)
    }

    /// With a body of any kind.
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = Some(body.into());
        self
    }

    /// Without the key.
    pub fn anonymous(mut self) -> Self {
        self.authorized = false;
        self
    }

    /// The body may look like the record of a failed activation and is none, or is asked for as it is: it is not looked
    /// into (CLI-21).
    pub fn as_it_is(mut self) -> Self {
        self.record = false;
        self
    }

    /// Sends it, and waits for the whole answer.
    ///
    /// # Errors
    /// [`Error::NoKey`], when the network fails, and when the status or the record in the answer is not good.
    pub async fn send(self) -> Result<Answer> {
        let (observer, looked_into) = (self.client.observer.clone(), self.record);
        let response = self.start().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(transport)?;
        let answer = Answer { status, headers, body };
        observer.received(&answer);
        if !answer.is_good() {
            return Err(Error::of(answer));
        }
        // A cheap look first: most answers are no records.
        if looked_into && memmem(&answer.body, b"\"response\"") {
            let record: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            if record["response"]["success"] == Value::Bool(false) {
                return Err(Error::of_record(answer, &record));
            }
        }
        Ok(answer)
    }

    /// Sends it, and gives the body while it comes, in the pieces in which it comes.
    ///
    /// # Errors
    /// As [`Request::send`]; a piece that does not come is an error in its place, and the last.
    pub async fn stream(self) -> Result<impl futures_util::Stream<Item = Result<Bytes>> + Send + use<>> {
        let response = self.start().await?;
        if !response.status().is_success() {
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.bytes().await.map_err(transport)?;
            return Err(Error::of(Answer { status, headers, body }));
        }
        Ok(response.bytes_stream().map(|piece| piece.map_err(transport)))
    }

    async fn start(mut self) -> Result<reqwest::Response> {
        let config = &self.client.config;
        if self.authorized {
            let key = config.auth.as_deref().filter(|key| !key.is_empty()).ok_or(Error::NoKey)?;
            let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(key));
            let value = HeaderValue::from_str(&value).map_err(|error| Error::Transport(error.to_string()))?;
            self.headers.insert(header::AUTHORIZATION, value);
        }
        let agent =
            HeaderValue::from_str(&config.user_agent).map_err(|error| Error::Transport(error.to_string()))?;
        self.headers.insert(header::USER_AGENT, agent);
        let mut url =
            Url::parse(&self.url).map_err(|error| Error::Transport(format!("{}: {error}", self.url)))?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        self.client.observer.sending(&Sent {
            method: &self.method,
            url: &url,
            headers: &self.headers,
            body: self.body.as_deref(),
        });
        let mut request = self.client.http.request(self.method, url).headers(self.headers);
        if let Some(body) = self.body {
            request = if body.len() > BIG && self.client.observer.shows_uploads() {
                request
                    .header(header::CONTENT_LENGTH, body.len())
                    .body(watched(body, self.client.observer.clone()))
            } else {
                request.body(body)
            };
        }
        request.send().await.map_err(transport)
    }
}

/// A body that tells how much of it was taken.
fn watched(body: Bytes, observer: Arc<dyn Observer>) -> reqwest::Body {
    let total = body.len();
    let pieces = (0..total).step_by(PIECE).map(move |from| {
        let to = (from + PIECE).min(total);
        observer.uploaded(to, total);
        Ok::<_, std::convert::Infallible>(body.slice(from..to))
    });
    reqwest::Body::wrap_stream(stream::iter(pieces))
}

/// What went wrong on the way, down to its cause: the outermost error alone says only that sending failed.
fn transport(error: reqwest::Error) -> Error {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    Error::Transport(text)
}

fn memmem(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
