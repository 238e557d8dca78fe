//! The containers of an invoker never take more memory than it has: those that are really there, stem cells and those
//! that are being made or removed included.

use crate::world::World;

pub(crate) fn after_step(world: &mut World) {
    for (number, invoker) in world.invokers.iter().enumerate() {
        let used: u64 = invoker.containers.values().map(|container| container.spec.memory).sum();
        let most = world.plan.invokers[number].memory;
        if used > most {
            return world.violate("memory", || format!("invoker{number} uses {used} MB of {most}"));
        }
    }
}
