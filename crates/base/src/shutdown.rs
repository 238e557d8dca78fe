//! Stopping in two steps: first nothing new is taken on and what is under way ends; then everything stops at once.

use tokio::sync::watch;

/// How far the stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Work as usual.
    Running,
    /// Take on nothing new; end what is under way.
    Draining,
    /// Stop at once.
    Stopped,
}

/// Decides the phase. There is one in a process.
#[derive(Debug)]
pub struct Shutdown {
    phase: watch::Sender<Phase>,
}

/// Sees the phase; cheap to clone.
#[derive(Clone, Debug)]
pub struct ShutdownWatch {
    phase: watch::Receiver<Phase>,
}

impl Shutdown {
    /// Running.
    #[must_use]
    pub fn new() -> Shutdown {
        Shutdown { phase: watch::Sender::new(Phase::Running) }
    }

    /// A view of the phase.
    #[must_use]
    pub fn watch(&self) -> ShutdownWatch {
        ShutdownWatch { phase: self.phase.subscribe() }
    }

    /// Moves on to `phase`; never back.
    pub fn advance(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = phase > *now;
            if later {
                *now = phase;
            }
            later
        });
    }
}

impl Default for Shutdown {
    fn default() -> Shutdown {
        Shutdown::new()
    }
}

impl ShutdownWatch {
    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the phase is `phase` or later; a [`Shutdown`] that was dropped counts as stopped.
    pub async fn reached(&self, phase: Phase) {
        let mut view = self.phase.clone();
        // An error means that the sender is gone: that is the end too.
        let _ = view.wait_for(|now| *now >= phase).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_phase_only_moves_on() {
        let shutdown = Shutdown::new();
        let watch = shutdown.watch();
        shutdown.advance(Phase::Stopped);
        shutdown.advance(Phase::Draining);
        watch.reached(Phase::Draining).await;
        assert_eq!(watch.phase(), Phase::Stopped);
    }
}
