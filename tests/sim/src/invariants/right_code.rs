//! An activation runs on the revision of its action that it was dispatched with, and only after that was loaded.

use crate::world::World;
use types::{ActivationId, ContainerId, Revision};

/// A container begins to run it.
pub(crate) fn at_run(world: &mut World, invoker: usize, container: ContainerId, id: ActivationId) {
    let wanted = world.held(invoker, container, id).map(|message| message.action.revision);
    let loaded: Option<Revision> =
        world.invokers[invoker].containers.get(&container).and_then(|there| there.code);
    if wanted.is_none() || wanted != loaded {
        let text = format!("{container} runs {id}, which wants revision {wanted:?}, with {loaded:?}");
        world.violate("the right code", || text);
    }
}
