//! `GET /admin/v1/events`: user events as Server-Sent Events (section EVT of the API rules).
//!
//! A reader that is slow is told how many events it has missed, in an event `gap` with `{"lost": N}`. One that was cut
//! off goes on where it was by `Last-Event-ID`, for as long as what it missed is kept; `{"lost": null}` says that nobody
//! knows how many there were.

use super::error::ApiError;
use super::query::Query;
use super::respond::{Body, Reply};
use crate::Controller;
use crate::observe::{Batch, Reader};
use base::task::{OnPanic, spawn};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header, request};
use std::fmt::Write;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use types::EntityName;

/// How many pieces are under way to a reader; then its turn comes when it has taken one.
const UNDER_WAY: usize = 8;

/// How often something is sent though nothing happens, so that connections are not taken for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What is sent then: a comment, which readers pass over.
const STILL_HERE: &str = ": still here\n\n";

impl Controller {
    /// Begins to send events, of all namespaces or of `?namespace=`.
    pub(super) fn events(&self, parts: &request::Parts) -> Result<Reply, ApiError> {
        let namespace = Query::new(parts.uri.query()).get("namespace").map(|name| EntityName::new(&name));
        let namespace = namespace.transpose().map_err(|error| ApiError::from(error.of_namespace()))?;
        let Some(mut reader) = self.observer.reader() else {
            return Err(ApiError::unavailable().detail("reason", "too_many_readers"));
        };
        if let Some(last) = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok()) {
            reader.resume(last);
        }
        let (sender, receiver) = mpsc::channel(UNDER_WAY);
        spawn("events", OnPanic::Log, send(reader, namespace, sender));
        let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
        let reply = Reply::new(StatusCode::OK, Body::pieces(receiver), Some(kind));
        Ok(reply.header(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
    }
}

/// Sends until the reader has gone or the server stops.
async fn send(mut reader: Reader, only: Option<EntityName>, sender: mpsc::Sender<io::Result<Bytes>>) {
    // At once, so that a reader knows that it is heard.
    let mut text = STILL_HERE.to_owned();
    loop {
        if !text.is_empty() && sender.send(Ok(Bytes::from(text))).await.is_err() {
            return;
        }
        text = tokio::select! {
            batch = reader.next() => match batch {
                Some(batch) => written(&reader, &batch, only.as_ref()),
                None => return,
            },
            () = tokio::time::sleep(HEARTBEAT) => STILL_HERE.to_owned(),
            () = sender.closed() => return,
        };
    }
}

fn written(reader: &Reader, batch: &Batch, only: Option<&EntityName>) -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    if let Some(lost) = batch.gap {
        let lost = lost.map_or_else(|| "null".to_owned(), |count| count.to_string());
        let _ = write!(text, "event: gap\ndata: {{\"lost\":{lost}}}\n\n");
    }
    let wanted = batch.events.iter().filter(|event| only.is_none_or(|only| *only == event.namespace));
    for event in wanted {
        let _ = write!(text, "id: {}\nevent: {}\ndata: {}\n\n", reader.id(event), event.kind, event.json);
    }
    text
}
