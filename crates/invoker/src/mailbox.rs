//! Where a container's task hears from others: bounded, and nearly nothing as long as it is empty, because most containers
//! rest. (A channel of tokio's holds room for 32 messages from the start.)

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::task::coop::cooperative;

/// So much room is kept for the next messages when all have been read.
const KEPT: usize = 4;

/// Puts messages in.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Mailbox<T>>);

/// Takes them out. Dropping it closes the mailbox.
#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Mailbox<T>>);

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many wait as may.
    Full,
    /// Nobody reads them any more.
    Closed,
}

#[derive(Debug)]
struct Mailbox<T> {
    state: Mutex<State<T>>,
    most: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    /// Who is to be told of the next one.
    reader: Option<Waker>,
    closed: bool,
}

/// A mailbox in which at most `most` messages wait.
pub(crate) fn mailbox<T>(most: usize) -> (Sender<T>, Receiver<T>) {
    let state = Mutex::new(State { waiting: VecDeque::with_capacity(1), reader: None, closed: false });
    let mailbox = Arc::new(Mailbox { state, most });
    (Sender(mailbox.clone()), Receiver(mailbox))
}

impl<T> Sender<T> {
    /// Never waits.
    pub(crate) fn send(&self, message: T) -> Result<(), Refused> {
        let mut state = self.0.state.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= self.0.most {
            return Err(Refused::Full);
        }
        state.waiting.push_back(message);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    /// Whether more than half of its room is free.
    pub(crate) fn is_roomy(&self) -> bool {
        self.0.state.lock().waiting.len() * 2 < self.0.most
    }
}

impl<T> Receiver<T> {
    /// Waits for a message. Nothing is lost when the future is dropped.
    pub(crate) async fn receive(&mut self) -> T {
        cooperative(poll_fn(|cx| self.poll(cx))).await
    }

    /// Refuses what comes from now on, and gives what waits.
    pub(crate) fn close(&mut self) -> VecDeque<T> {
        let mut state = self.0.state.lock();
        state.closed = true;
        std::mem::take(&mut state.waiting)
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<T> {
        let mut state = self.0.state.lock();
        if let Some(message) = state.waiting.pop_front() {
            if state.waiting.is_empty() {
                state.waiting.shrink_to(KEPT);
            }
            return Poll::Ready(message);
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::task::{OnPanic, spawn};
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn messages_come_in_their_order_and_wake_the_reader() {
        let (sender, mut receiver) = mailbox(8);
        let reading = async {
            let mut read = Vec::new();
            while read.len() < 100 {
                read.push(receiver.receive().await);
            }
            read
        };
        spawn("sender", OnPanic::Log, async move {
            for number in 0..100 {
                while sender.send(number) == Err(Refused::Full) {
                    tokio::task::yield_now().await;
                }
            }
        });
        let read = tokio::time::timeout(PATIENCE, reading).await.unwrap();
        assert_eq!(read, (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn it_takes_no_more_than_it_may() {
        let (sender, mut receiver) = mailbox(2);
        assert!(sender.is_roomy());
        assert_eq!([(); 3].map(|()| sender.send(())), [Ok(()), Ok(()), Err(Refused::Full)]);
        assert!(!sender.is_roomy());
        receiver.receive().await;
        assert_eq!(sender.send(()), Ok(()));
    }

    #[test]
    fn what_came_before_the_end_is_not_lost() {
        let (sender, mut receiver) = mailbox(2);
        sender.send("before").unwrap();
        assert_eq!(receiver.close(), ["before"]);
        assert_eq!(sender.send("after"), Err(Refused::Closed));
        let (sender, receiver) = mailbox(2);
        drop(receiver);
        assert_eq!(sender.send("after"), Err(Refused::Closed));
    }

    #[tokio::test]
    async fn a_flood_leaves_little_behind() {
        let (sender, mut receiver) = mailbox(1000);
        (0..1000).for_each(|number| sender.send(number).unwrap());
        for _ in 0..1000 {
            receiver.receive().await;
        }
        assert!(receiver.0.state.lock().waiting.capacity() <= KEPT);
    }
}
