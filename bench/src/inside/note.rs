//! An activation that is no more than its number.

use engine::queue::{ActionFacts, Message};
use types::{ActivationId, Revision};

/// An activation of an action that takes 256 MB and runs one at a time; a client waits for it.
#[derive(Clone, Copy, Debug)]
pub struct Note(pub u64);

impl Message for Note {
    type Action = ();

    fn id(&self) -> ActivationId {
        ActivationId::from_bits(self.0.into())
    }
    fn revision(&self) -> Revision {
        Revision(1)
    }
    fn action(&self) -> &() {
        &()
    }
    fn facts(&self) -> ActionFacts {
        ActionFacts { concurrency: 1, instances: None, memory: 256, blackbox: false }
    }
    fn size(&self) -> u64 {
        256
    }
    fn blocking(&self) -> bool {
        true
    }
    fn caused(&self) -> bool {
        false
    }
    fn repeatable(&self) -> bool {
        false
    }
    fn with_action(&self, (): &()) -> Note {
        *self
    }
}
