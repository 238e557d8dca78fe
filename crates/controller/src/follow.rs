//! Following the log of an activation while it is under way.
//!
//! Whoever follows asks for lines, sends those that come to the client, and asks for more when the client has taken
//! them: so a slow client holds up nothing but itself, and loses nothing. When nobody follows, nothing of this costs an
//! activation more than one look at a number.

use crate::Controller;
use crate::api::{ApiError, Body, Reply};
use base::task::{OnPanic, spawn};
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use rpc::{Follow, Lines};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use types::{Activation, ActivationId, EntityName, QueueKey};

/// A line of log each, as in records.
pub(crate) const LINES: &str = "text/plain";

/// An event each (Server-Sent Events).
pub(crate) const EVENTS: &str = "text/event-stream";

/// How many may follow at a time; more are refused with 429.
const MOST: usize = 256;

/// How long to wait before asking again without an answer: the activation may have got into a container meanwhile.
const AGAIN: Duration = Duration::from_millis(500);

/// After so many vain waits in a row an event stream gets a comment, so that nobody between takes it for dead.
const QUIET: u32 = 30;

/// How many answers may lie ready for a follower: one that was asked for, and the end. More are dropped.
const READY: usize = 4;

/// Who follows.
#[derive(Debug, Default)]
pub(crate) struct Followers {
    count: AtomicUsize,
    next: AtomicU64,
    by_number: Mutex<BTreeMap<u64, (ActivationId, mpsc::Sender<News>)>>,
}

/// What a follower hears.
#[derive(Debug)]
enum News {
    Lines(Lines),
    /// The activation has ended with these lines.
    Ended(Vec<String>),
}

/// One that follows; leaves when dropped.
#[derive(Debug)]
struct Follower {
    followers: Arc<Followers>,
    number: u64,
    news: mpsc::Receiver<News>,
}

impl Followers {
    fn join(self: &Arc<Followers>, activation: ActivationId) -> Option<Follower> {
        if self.count.fetch_add(1, Ordering::SeqCst) >= MOST {
            self.count.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, news) = mpsc::channel(READY);
        self.by_number.lock().insert(number, (activation, sender));
        Some(Follower { followers: self.clone(), number, news })
    }

    /// Lines have come for one of them.
    pub(crate) fn lines(&self, lines: Lines) {
        if let Some((_, follower)) = self.by_number.lock().get(&lines.follower) {
            // Who has not taken what it asked for before asks again.
            let _ = follower.try_send(News::Lines(lines));
        }
    }

    /// An activation has ended.
    pub(crate) fn ended(&self, record: &Activation) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let by_number = self.by_number.lock();
        for (_, follower) in by_number.values().filter(|(id, _)| *id == record.activation_id) {
            // Who misses it finds the record in the store.
            let _ = follower.try_send(News::Ended(record.logs.clone()));
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.followers.by_number.lock().remove(&self.number);
        self.followers.count.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The form in which lines go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Lines,
    Events,
}

impl Form {
    /// Events, where the client names them.
    fn of(headers: &HeaderMap) -> Form {
        let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if accepted.any(|value| value.contains(EVENTS)) { Form::Events } else { Form::Lines }
    }

    const fn content_type(self) -> HeaderValue {
        match self {
            Form::Lines => HeaderValue::from_static("text/plain; charset=UTF-8"),
            Form::Events => HeaderValue::from_static(EVENTS),
        }
    }

    fn write(self, lines: &[String]) -> Bytes {
        let mut text = String::new();
        for line in lines {
            match self {
                Form::Lines => text.push_str(line),
                Form::Events => {
                    // To a reader of events a carriage return ends a line too.
                    for part in line.split('\r') {
                        text.push_str("data: ");
                        text.push_str(part);
                        text.push('\n');
                    }
                }
            }
            text.push('\n');
        }
        text.into()
    }

    /// What says that nothing follows.
    fn end(self) -> Bytes {
        match self {
            Form::Lines => Bytes::new(),
            Form::Events => Bytes::from_static(b"event: end\ndata:\n\n"),
        }
    }
}

impl Controller {
    /// Answers with the lines of an activation as they come, to its end. One that has ended gives what is stored.
    pub(crate) async fn follow_logs(
        &self,
        namespace: &EntityName,
        id: ActivationId,
        headers: &HeaderMap,
    ) -> Result<Reply, ApiError> {
        let form = Form::of(headers);
        // First of all, so that an end that comes meanwhile is heard of.
        let follower = self.followers.join(id).ok_or_else(|| {
            ApiError::throttled("Too many requests follow logs.").because("followers").retry_after(1)
        })?;
        let body = match self.queue_of(id, namespace) {
            Some(queue) => {
                let (out, pieces) = mpsc::channel(1);
                let Some(controller) = self.this.upgrade() else { return Err(ApiError::unavailable()) };
                let following = Following {
                    controller,
                    follower,
                    namespace: namespace.clone(),
                    id,
                    queue,
                    form,
                    seen: 0,
                };
                spawn("follower", OnPanic::Log, following.run(out));
                Body::pieces(pieces)
            }
            None => {
                let lines = self.stored_logs(namespace, id).await?.ok_or_else(ApiError::not_found)?;
                Body::new([form.write(&lines), form.end()].concat())
            }
        };
        let reply = Reply::new(StatusCode::OK, body, Some(form.content_type()));
        Ok(reply.header(CACHE_CONTROL, HeaderValue::from_static("no-store")))
    }

    /// The queue of an activation of that namespace, if it has not ended.
    fn queue_of(&self, id: ActivationId, namespace: &EntityName) -> Option<Arc<QueueKey>> {
        self.pending.queue_of(id, namespace).or_else(|| self.on_the_way.queue_of(id, namespace))
    }

    async fn stored_logs(
        &self,
        namespace: &EntityName,
        id: ActivationId,
    ) -> Result<Option<Vec<String>>, ApiError> {
        #[derive(Deserialize)]
        struct Stored {
            logs: Vec<String>,
        }
        let Some(record) = self.activations.get(namespace.as_str(), id).await? else { return Ok(None) };
        let stored: Stored = serde_json::from_slice(&record).map_err(|error| ApiError::corrupted(&error))?;
        Ok(Some(stored.logs))
    }
}

/// A follower at work.
struct Following {
    controller: Arc<Controller>,
    follower: Follower,
    namespace: EntityName,
    id: ActivationId,
    queue: Arc<QueueKey>,
    form: Form,
    /// How many lines went out.
    seen: usize,
}

/// The client has gone.
struct Gone;

impl Following {
    async fn run(mut self, out: mpsc::Sender<io::Result<Bytes>>) {
        // A client that has gone needs to be told nothing.
        let _ = self.send_all(&out).await;
    }

    async fn send_all(&mut self, out: &mpsc::Sender<io::Result<Bytes>>) -> Result<(), Gone> {
        let mut quiet = 0;
        loop {
            self.ask();
            let news = tokio::select! {
                () = out.closed() => return Err(Gone),
                news = tokio::time::timeout(AGAIN, self.follower.news.recv()) => news,
            };
            let ended = match news {
                Ok(Some(News::Lines(lines))) if lines.from == self.seen => {
                    quiet = 0;
                    self.seen += lines.lines.len();
                    send(out, self.form.write(&lines.lines)).await?;
                    None
                }
                // It was asked for twice, and came twice.
                Ok(Some(News::Lines(_))) => None,
                Ok(Some(News::Ended(lines))) => Some(lines),
                Ok(None) => return Ok(()),
                Err(_) => {
                    quiet += 1;
                    if quiet % QUIET == 0 && self.form == Form::Events {
                        send(out, Bytes::from_static(b": the action runs\n\n")).await?;
                    }
                    self.ended_unheard().await
                }
            };
            if let Some(lines) = ended {
                send(out, self.form.write(lines.get(self.seen..).unwrap_or_default())).await?;
                return send(out, self.form.end()).await;
            }
        }
    }

    fn ask(&self) {
        let (follower, from) = (self.follower.number, self.seen);
        if let Some(lines) = self.controller.on_the_way.lines(self.id, from) {
            if !lines.is_empty() {
                self.controller.followers.lines(Lines { follower, from, lines });
            }
            return;
        }
        self.controller.balancer.follow(Follow {
            activation: self.id,
            queue: self.queue.clone(),
            controller: self.controller.id,
            follower,
            from,
        });
    }

    /// The lines of an activation that has ended without this follower having heard of it.
    async fn ended_unheard(&self) -> Option<Vec<String>> {
        if self.controller.queue_of(self.id, &self.namespace).is_some() {
            return None;
        }
        let stored = self.controller.stored_logs(&self.namespace, self.id).await;
        // There may be no record: its namespace keeps none, or the store fails. Nothing more comes then either.
        Some(stored.ok().flatten().unwrap_or_default())
    }
}

async fn send(out: &mpsc::Sender<io::Result<Bytes>>, bytes: Bytes) -> Result<(), Gone> {
    if bytes.is_empty() {
        return Ok(());
    }
    out.send(Ok(bytes)).await.map_err(|_| Gone)
}
