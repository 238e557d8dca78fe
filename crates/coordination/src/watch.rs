use crate::Change;
use tokio::sync::mpsc;

/// How many notices wait for the owner of a watch. One that does not read them loses its watch, and lists again.
const BACKLOG: usize = 1024;

/// The changes that a watch tells of. To end it, drop it.
#[derive(Debug)]
pub struct Watch {
    receiver: mpsc::Receiver<Vec<Change>>,
    end: tokio::sync::watch::Receiver<WatchEnd>,
}

/// Why a watch tells no more. In both cases its owner lists the keys again and watches from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEnd {
    /// The changes that it asked for are forgotten.
    Compacted,
    /// The connection is lost, or its owner was too slow.
    Lost,
}

/// The other side of a [`Watch`], for back ends.
#[derive(Debug)]
pub struct WatchSink {
    sender: mpsc::Sender<Vec<Change>>,
    end: tokio::sync::watch::Sender<WatchEnd>,
}

impl Watch {
    /// A watch and what feeds it.
    #[must_use]
    pub fn new() -> (WatchSink, Watch) {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let (end_sender, end) = tokio::sync::watch::channel(WatchEnd::Lost);
        (WatchSink { sender, end: end_sender }, Watch { receiver, end })
    }

    /// The next changes, in order of their revisions and never empty. May be cancelled without loss.
    ///
    /// # Errors
    /// When there will be no more, after everything that was told before.
    pub async fn next(&mut self) -> Result<Vec<Change>, WatchEnd> {
        match self.receiver.recv().await {
            Some(changes) => Ok(changes),
            None => Err(*self.end.borrow()),
        }
    }
}

impl WatchSink {
    /// Tells of changes; `false`: nobody listens any more, or not fast enough, and the sink is to be dropped.
    #[must_use]
    pub fn tell(&self, changes: Vec<Change>) -> bool {
        self.sender.try_send(changes).is_ok()
    }

    /// Whether nobody listens any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Ends the watch for that reason.
    pub fn end(self, reason: WatchEnd) {
        self.end.send_replace(reason);
    }
}
