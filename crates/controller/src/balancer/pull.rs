use super::LoadBalancer;
use rpc::{ActivationMessage, Follow, Refusal, SchedulerLink};
use std::sync::Arc;

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
}
