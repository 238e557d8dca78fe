use engine::queue::{ActionFacts, Message};
use rpc::{ActivationMessage, ExecutableAction};
use std::sync::Arc;
use types::{ActivationId, Revision};

/// An activation as its queue sees it.
#[derive(Clone, Debug)]
pub(crate) struct Queued(pub(crate) Arc<ActivationMessage>);

impl Message for Queued {
    type Action = Arc<ExecutableAction>;

    fn id(&self) -> ActivationId {
        self.0.activation_id
    }

    fn revision(&self) -> Revision {
        self.0.action.revision
    }

    fn action(&self) -> &Arc<ExecutableAction> {
        &self.0.action
    }

    fn facts(&self) -> ActionFacts {
        let action = &self.0.action;
        ActionFacts {
            concurrency: action.slots,
            instances: action.limits.instances,
            memory: action.limits.memory,
            blackbox: action.image.is_some(),
        }
    }

    fn size(&self) -> u64 {
        self.0.size()
    }

    fn blocking(&self) -> bool {
        self.0.blocking
    }

    fn caused(&self) -> bool {
        self.0.cause.is_some()
    }

    fn repeatable(&self) -> bool {
        // Nothing can opt in to at-least-once yet.
        false
    }

    fn with_action(&self, action: &Arc<ExecutableAction>) -> Queued {
        let message = ActivationMessage { action: action.clone(), ..(*self.0).clone() };
        Queued(Arc::new(message))
    }
}
