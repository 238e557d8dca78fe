use engine::queue::{ActionFacts, Message};
use std::sync::Arc;
use types::{ActivationId, Revision};

/// One revision of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    /// Which of the plan's actions.
    pub(crate) number: usize,
    pub(crate) revision: Revision,
    pub(crate) facts: ActionFacts,
}

/// One activation on its way.
#[derive(Clone, Debug)]
pub(crate) struct Activation {
    pub(crate) id: ActivationId,
    pub(crate) action: Arc<Action>,
    pub(crate) blocking: bool,
    pub(crate) caused: bool,
}

impl Message for Activation {
    type Action = Arc<Action>;

    fn id(&self) -> ActivationId {
        self.id
    }

    fn revision(&self) -> Revision {
        self.action.revision
    }

    fn action(&self) -> &Arc<Action> {
        &self.action
    }

    fn facts(&self) -> ActionFacts {
        self.action.facts
    }

    fn size(&self) -> u64 {
        1_000
    }

    fn blocking(&self) -> bool {
        self.blocking
    }

    fn caused(&self) -> bool {
        self.caused
    }

    fn repeatable(&self) -> bool {
        false
    }

    fn with_action(&self, action: &Arc<Action>) -> Activation {
        Activation { action: action.clone(), ..self.clone() }
    }
}
