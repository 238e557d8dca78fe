use crate::{
    Coordination, CoordinationError, Entry, LeaseId, Listing, Outcome, Revision, Transaction, Watch,
    WatchEnd, WatchSink,
};
use async_trait::async_trait;
use base::clock::Clock;
use base::shutdown::{Phase, ShutdownWatch};
use base::task::{OnPanic, spawn};
use engine::kv::{Command, Event, Kv, Reply};
use machine::Machine;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The coordination of a single process: a shell around [`Kv`].
pub struct Memory {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// A lease was made, so that the next expiry may be sooner than was thought.
    granted: Notify,
}

#[derive(Default)]
struct State {
    kv: Kv,
    sinks: BTreeMap<u64, WatchSink>,
    last_watch: u64,
    out: Vec<Command>,
}

impl Memory {
    /// An empty store, whose leases expire until the process stops.
    #[must_use]
    pub fn start(clock: Arc<dyn Clock>, stop: ShutdownWatch) -> Arc<Memory> {
        let memory = Arc::new(Memory { clock, state: Mutex::default(), granted: Notify::new() });
        spawn("coordination leases", OnPanic::Abort, memory.clone().expire_leases(stop));
        memory
    }

    async fn expire_leases(self: Arc<Memory>, stop: ShutdownWatch) {
        loop {
            let now = self.clock.now();
            let deadline = {
                let state = &mut *self.state.lock();
                state.kv.tick(now, &mut state.out);
                state.carry_out();
                state.kv.next_deadline()
            };
            let expiry = async {
                match deadline {
                    None => std::future::pending().await,
                    Some(deadline) => tokio::time::sleep(deadline - now).await,
                }
            };
            tokio::select! {
                biased;
                () = stop.reached(Phase::Stopped) => return,
                () = self.granted.notified() => {}
                () = expiry => {}
            }
        }
    }

    /// Lets the machine handle a request, and answers its reply.
    fn ask(&self, event: Event) -> Reply {
        let now = self.clock.now();
        let state = &mut *self.state.lock();
        state.kv.handle(now, event, &mut state.out);
        // A machine that forgets a reply is broken beyond repair.
        state.carry_out().expect("a request has a reply")
    }
}

impl State {
    /// Feeds the watches; the reply, if there is one, is left for the caller.
    fn carry_out(&mut self) -> Option<Reply> {
        let mut answer = None;
        for command in std::mem::take(&mut self.out) {
            match command {
                Command::Reply { reply, .. } => answer = Some(reply),
                Command::Changed { watch, changes } => {
                    if !self.sinks.get(&watch).is_some_and(|sink| sink.tell(changes)) {
                        self.close(watch);
                    }
                }
                Command::Compacted { watch } => {
                    if let Some(sink) = self.sinks.remove(&watch) {
                        sink.end(WatchEnd::Compacted);
                    }
                }
            }
        }
        answer
    }

    fn close(&mut self, watch: u64) {
        self.sinks.remove(&watch);
        self.kv.unwatch(watch);
    }

    /// Closes watches whose owners have gone, so that they do not pile up where nothing changes.
    fn sweep(&mut self) {
        let gone: Vec<u64> =
            self.sinks.iter().filter(|(_, sink)| sink.is_closed()).map(|(watch, _)| *watch).collect();
        for watch in gone {
            self.close(watch);
        }
    }
}

#[async_trait]
impl Coordination for Memory {
    async fn get(&self, key: &str) -> Result<Option<Entry>, CoordinationError> {
        match self.ask(Event::Get { request: 0, key: key.to_owned() }) {
            Reply::Entries { entries, .. } => Ok(entries.into_iter().next()),
            other => unreachable!("{other:?} is no answer to a get"),
        }
    }

    async fn range(&self, prefix: &str) -> Result<Listing, CoordinationError> {
        match self.ask(Event::Range { request: 0, prefix: prefix.to_owned() }) {
            Reply::Entries { revision, entries } => Ok(Listing { revision, entries }),
            other => unreachable!("{other:?} is no answer to a range"),
        }
    }

    async fn commit(&self, transaction: Transaction) -> Result<Outcome, CoordinationError> {
        match self.ask(Event::Commit { request: 0, transaction }) {
            Reply::Committed { revision } => Ok(Outcome::Committed { revision }),
            Reply::Conflict { entries, .. } => Ok(Outcome::Conflict { entries }),
            Reply::LeaseGone => Err(CoordinationError::LeaseGone),
            Reply::Refused(refusal) => Err(CoordinationError::Refused(format!("{refusal:?}"))),
            other => unreachable!("{other:?} is no answer to a commit"),
        }
    }

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, CoordinationError> {
        match self.ask(Event::Grant { request: 0, ttl }) {
            Reply::Granted(lease) => {
                self.granted.notify_one();
                Ok(lease)
            }
            other => unreachable!("{other:?} is no answer to a grant"),
        }
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), CoordinationError> {
        match self.ask(Event::KeepAlive { request: 0, lease }) {
            Reply::Alive => Ok(()),
            Reply::LeaseGone => Err(CoordinationError::LeaseGone),
            other => unreachable!("{other:?} is no answer to a keep-alive"),
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), CoordinationError> {
        self.ask(Event::Revoke { request: 0, lease });
        Ok(())
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch, CoordinationError> {
        let now = self.clock.now();
        let (sink, view) = Watch::new();
        let state = &mut *self.state.lock();
        state.sweep();
        state.last_watch += 1;
        let watch = state.last_watch;
        state.sinks.insert(watch, sink);
        state.kv.handle(now, Event::Watch { watch, prefix: prefix.to_owned(), after }, &mut state.out);
        state.carry_out();
        Ok(view)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("revision", &self.state.lock().kv.revision()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::clock::SystemClock;
    use base::shutdown::Shutdown;

    /// The store and what keeps its task running.
    fn make() -> (Arc<dyn Coordination>, Shutdown) {
        let shutdown = Shutdown::new();
        (Memory::start(SystemClock::shared(), shutdown.watch()), shutdown)
    }

    crate::conformance!(make);
}
