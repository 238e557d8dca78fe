use super::LoadBalancer;
use rpc::{ActivationMessage, Flow, Follow, Refusal, SchedulerLink};
use std::sync::Arc;
use types::{ActivationId, ContainerRef};

/// Gives every activation to the one invoker of this process (scheduler D5): without a look at its memory, and without
/// supervision. What it has no room for waits in its run buffer, the oldest first.
#[derive(Debug)]
pub(crate) struct Lean {
    feed: Arc<dyn SchedulerLink>,
}

impl Lean {
    pub(crate) fn new(feed: Arc<dyn SchedulerLink>) -> Lean {
        Lean { feed }
    }
}

impl LoadBalancer for Lean {
    fn publish(&self, message: Arc<ActivationMessage>) -> Result<(), Refusal> {
        self.feed.submit(message)
    }

    fn follow(&self, follow: Follow) {
        self.feed.follow(follow);
    }

    fn flow(&self, container: ContainerRef, activation: ActivationId, flow: Flow) {
        self.feed.flow(container, activation, flow);
    }
}
