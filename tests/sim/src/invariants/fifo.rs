//! What a queue hands out for the first time, it hands out in the order in which it was accepted.

use crate::world::World;
use types::{ActivationId, Attempt};

pub(crate) fn at_dispatch(world: &mut World, action: usize, id: ActivationId, attempt: Attempt) {
    let accepted = world.oracle.known(id).accepted.unwrap_or(0);
    let Some(slot) = world.scheduler.queues.get_mut(&action) else { return };
    if attempt != Attempt(1) {
        return;
    }
    let last = std::mem::replace(&mut slot.last_first, accepted);
    if accepted <= last {
        world
            .violate("first in, first out", || format!("{id} (number {accepted}) comes after number {last}"));
    }
}
