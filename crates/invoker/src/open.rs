//! What a container's task keeps of an activation that it runs.

use container::classify::Outcome as Ended;
use rpc::{ActivationMessage, Follow, Phases};
use std::sync::Arc;
use std::time::Duration;
use types::{ByteSize, ControllerId, SchedulerId, StatusCode};

/// An activation in this container.
pub(crate) struct Open {
    pub(crate) from: SchedulerId,
    pub(crate) message: Arc<ActivationMessage>,
    /// When `/init` began, or `/run` where there was none, in microseconds since 1970.
    pub(crate) began: u64,
    pub(crate) init: Option<Duration>,
    pub(crate) run: Duration,
    pub(crate) ended: Option<Ended>,
    /// When taking the logs began, in microseconds since 1970.
    pub(crate) asked_for_logs: u64,
    pub(crate) logs: Vec<String>,
    pub(crate) logs_took: Duration,
    /// Who waits for lines of it: the controller, and its number for the follower.
    followers: Vec<(ControllerId, u64)>,
}

impl Open {
    pub(crate) fn new(from: SchedulerId, message: Arc<ActivationMessage>) -> Open {
        Open {
            from,
            message,
            began: 0,
            init: None,
            run: Duration::ZERO,
            ended: None,
            asked_for_logs: 0,
            logs: Vec::new(),
            logs_took: Duration::ZERO,
            followers: Vec::new(),
        }
    }

    /// Whether its code runs, or is being loaded for it, and its logs were not taken yet.
    pub(crate) fn has_begun(&self) -> bool {
        self.began > 0 && self.asked_for_logs == 0
    }

    /// Notes that somebody waits for its lines; false: they did already.
    pub(crate) fn begin_to_follow(&mut self, follow: &Follow) -> bool {
        let follower = (follow.controller, follow.follower);
        let new = !self.followers.contains(&follower);
        if new {
            self.followers.push(follower);
        }
        new
    }

    /// Notes that somebody does not wait any more.
    pub(crate) fn end_to_follow(&mut self, follow: &Follow) {
        self.followers.retain(|follower| *follower != (follow.controller, follow.follower));
    }

    /// Where its time went. What it waited while its container was being provided counts as `container`, the rest of
    /// its wait as `queued`.
    pub(crate) fn phases(&self, (from, ready): (u64, u64)) -> Phases {
        let accepted = self.message.accepted;
        let waited = self.began.saturating_sub(accepted);
        let container = ready.min(self.began).saturating_sub(from.max(accepted)).min(waited);
        Phases {
            queued: Duration::from_micros(waited - container),
            container: Duration::from_micros(container),
            init: self.init.unwrap_or_default(),
            run: self.run,
            logs: self.logs_took,
        }
    }

    pub(crate) fn log_limit(&self) -> ByteSize {
        ByteSize::mb(self.message.action.limits.logs)
    }

    pub(crate) fn broke_down(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.response.status == StatusCode::DeveloperError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_put_down_to_the_container_as_far_as_it_was_being_provided() {
        // For tests it was accepted at 1,000,000.
        let message = Arc::new(ActivationMessage::for_tests());
        let waits = |began, provided| {
            let open = Open { began, ..Open::new(SchedulerId(0), message.clone()) };
            let phases = open.phases(provided);
            (phases.queued.as_micros(), phases.container.as_micros())
        };
        // A container that was there before.
        assert_eq!(waits(1_000_300, (400, 500)), (300, 0));
        // One that was made for it, after a while in the queue.
        assert_eq!(waits(1_000_300, (1_000_100, 1_000_250)), (150, 150));
        // One that was being made already when it came.
        assert_eq!(waits(1_000_300, (900_000, 1_000_200)), (100, 200));
        // A clock that was set back.
        assert_eq!(waits(900_000, (800_000, 1_000_200)), (0, 0));
    }
}
