//! Responses that come in pieces while their activation runs.
//!
//! The pieces go from the container to the controller without anybody waiting for anybody: a window bounds what is under
//! way, and whoever hands a chunk to the client gives room for another. So a slow client slows the function down, and
//! holds up nobody else.

use super::blocking::Waited;
use super::primitive::{Invocation, refused};
use super::record::Kind;
use crate::Controller;
use crate::api::{ApiError, Body};
use base::task::{OnPanic, spawn};
use bytes::Bytes;
use rpc::{ActivationMessage, Flow, Part, Piece, STREAM_WINDOW};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use types::{Activation, ContainerRef, StatusCode};

/// Where the response of an open activation goes.
#[derive(Debug)]
pub(crate) enum Response {
    /// It comes with the record.
    Whole,
    /// It may come in pieces, which somebody waits for.
    Awaited(oneshot::Sender<Begun>),
    /// It comes in pieces.
    Begun(mpsc::Sender<Came>),
    /// Nobody takes what still comes.
    Given,
}

/// A response that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    /// JSON: the result without its body.
    pub(crate) head: Bytes,
    message: Arc<ActivationMessage>,
    container: ContainerRef,
    pieces: mpsc::Receiver<Came>,
}

/// What comes of a response.
#[derive(Debug)]
pub(crate) enum Came {
    Chunk(Bytes),
    /// All of it has come, or it broke off.
    Ended(Arc<Activation>),
}

/// What came of a web call.
#[derive(Debug)]
pub(crate) enum WebOutcome {
    /// It is over, or takes too long.
    Waited(Waited),
    /// Its response has begun.
    Begun(Begun),
}

impl Response {
    /// Takes a piece; false: nobody wants it.
    pub(crate) fn take(&mut self, message: &Arc<ActivationMessage>, piece: Piece) -> bool {
        *self = match (std::mem::replace(self, Response::Given), piece.part) {
            (Response::Awaited(waiter), Part::Head(head)) => {
                // The chunks of a window, and the end.
                let (sender, pieces) = mpsc::channel(STREAM_WINDOW + 1);
                let begun = Begun { head, message: message.clone(), container: piece.container, pieces };
                if waiter.send(begun).is_err() {
                    return false;
                }
                Response::Begun(sender)
            }
            (Response::Begun(sender), Part::Chunk(bytes)) => {
                if sender.try_send(Came::Chunk(bytes)).is_err() {
                    return false;
                }
                Response::Begun(sender)
            }
            _ => return false,
        };
        true
    }

    /// Its activation has ended.
    pub(crate) fn end(self, record: &Arc<Activation>) {
        if let Response::Begun(sender) = self {
            // Nobody may read any more.
            let _ = sender.try_send(Came::Ended(record.clone()));
        }
    }
}

impl Controller {
    /// Hands a web call on and waits, up to `wait`, for its end or for its response to begin.
    pub(crate) async fn invoke_web(
        &self,
        invocation: Invocation,
        wait: Duration,
    ) -> Result<WebOutcome, ApiError> {
        if !invocation.streams {
            return self.invoke_waiting(invocation, wait).await.map(WebOutcome::Waited);
        }
        let ready = self.ready(invocation, true);
        let (message, kind) = (ready.message.clone(), Kind::of(&ready.action));
        let (sender, mut receiver) = oneshot::channel();
        let (begins, begun) = oneshot::channel();
        self.start(ready, Some(sender), Response::Awaited(begins)).map_err(refused)?;
        tokio::select! {
            biased;
            Ok(begun) = begun => self.begin(begun, kind).await,
            record = &mut receiver => match record {
                Ok(record) => Ok(WebOutcome::Waited(Waited::Ended(record))),
                Err(_) => self.waited(&message, kind, receiver).await.map(WebOutcome::Waited),
            },
            () = tokio::time::sleep(wait) => {
                self.waited(&message, kind, receiver).await.map(WebOutcome::Waited)
            }
        }
        .map_err(|error| error.for_activation(message.activation_id))
    }

    /// The client is about to be given the id of something that goes on.
    async fn begin(&self, begun: Begun, kind: Kind) -> Result<WebOutcome, ApiError> {
        match self.promise(&begun.message, kind).await {
            Ok(()) => Ok(WebOutcome::Begun(begun)),
            Err(error) => {
                self.refuse(&begun);
                Err(error)
            }
        }
    }

    /// Nobody reads this response: its run is to end.
    pub(crate) fn refuse(&self, begun: &Begun) {
        self.balancer.flow(begun.container, begun.message.activation_id, Flow::Stop);
    }

    /// The body of a response that has begun. Its activation ends, with a record as ever, when the client goes away.
    pub(crate) fn body_of(&self, begun: Begun) -> Body {
        let (out, pieces) = mpsc::channel(1);
        if let Some(controller) = self.this.upgrade() {
            spawn("response", OnPanic::Log, async move { hand_on(&controller, begun, &out).await });
        }
        Body::pieces(pieces)
    }
}

/// Hands pieces on to the client and lets more come.
async fn hand_on(controller: &Controller, mut begun: Begun, out: &mpsc::Sender<io::Result<Bytes>>) {
    let (message, container) = (begun.message, begun.container);
    let flow = |flow| controller.balancer.flow(container, message.activation_id, flow);
    let mut there = true;
    loop {
        let came = tokio::select! {
            biased;
            came = begun.pieces.recv() => came,
            () = out.closed(), if there => {
                there = false;
                flow(Flow::Stop);
                continue;
            }
        };
        match came {
            Some(Came::Chunk(bytes)) if there => match out.send(Ok(bytes)).await {
                Ok(()) => flow(Flow::More),
                Err(_) => {
                    there = false;
                    flow(Flow::Stop);
                }
            },
            Some(Came::Chunk(_)) => {}
            Some(Came::Ended(record)) => {
                let succeeded = record.response.status == StatusCode::Success;
                // The record may have come before the intent; now it ends the intent too.
                controller.keep_of(&message, &record, false);
                if succeeded {
                    return;
                }
                break;
            }
            None => break,
        }
    }
    // The client sees that the rest is missing.
    let _ = out.send(Err(io::Error::other("the action did not end its response"))).await;
}
