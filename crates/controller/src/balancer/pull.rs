use super::LoadBalancer;
use rpc::{ActivationMessage, Flow, Follow, Refusal, SchedulerLink};
use std::sync::Arc;
use types::{ActivationId, ContainerRef};

/// Gives each activation to the scheduler that owns its action's queue; containers pull it from there.
#[derive(Debug)]
pub(crate) struct Pull {
    scheduler: Arc<dyn SchedulerLink>,
}

impl Pull {
    pub(crate) fn new(scheduler: Arc<dyn SchedulerLink>) -> Pull {
        Pull { scheduler }
    }
}

impl LoadBalancer for Pull {
    fn publish(&self, message: Arc<ActivationMessage>) -> Result<(), Refusal> {
        self.scheduler.submit(message)
    }

    fn follow(&self, follow: Follow) {
        self.scheduler.follow(follow);
    }

    fn flow(&self, container: ContainerRef, activation: ActivationId, flow: Flow) {
        self.scheduler.flow(container, activation, flow);
    }
}
