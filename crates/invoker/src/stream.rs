//! A response in pieces on its way from a container to the controller that waits.

use bytes::Bytes;
use container::ResponseStream;
use rpc::{ControllerLink, Part, Piece};
use std::sync::Arc;
use types::{ActivationId, ContainerRef};

/// Hands on what the code of one activation gives.
#[derive(Debug)]
pub(crate) struct Pieces {
    pub(crate) controller: Arc<dyn ControllerLink>,
    pub(crate) activation: ActivationId,
    pub(crate) container: ContainerRef,
}

impl Pieces {
    fn send(&self, part: Part) {
        self.controller.piece(Piece { activation: self.activation, container: self.container, part });
    }
}

impl ResponseStream for Pieces {
    fn begin(&self, head: Bytes) {
        self.send(Part::Head(head));
    }

    fn chunk(&self, bytes: Bytes) {
        self.send(Part::Chunk(bytes));
    }
}
