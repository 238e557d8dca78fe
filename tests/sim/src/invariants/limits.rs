//! A namespace never has more containers than it may have, nor an action, and no token is lost or made up.
//!
//! Where a limit was lowered, what was there before may go on until it ends.

use crate::world::World;

const NAME: &str = "limits";

pub(crate) fn after_step(world: &mut World) {
    if !world.scheduler.up {
        return;
    }
    tokens(world);
    running(world);
}

/// The arbiter's books and those of the queues agree, and stay within the limit.
fn tokens(world: &mut World) {
    for namespace in 0..world.plan.namespaces.len() {
        let used = world.scheduler.arbiters[namespace].view().used;
        let queues = world.scheduler.queues.iter();
        let held: usize = queues
            .filter(|(action, _)| world.plan.actions[**action].namespace == namespace)
            .map(|(_, slot)| slot.queue.tokens())
            .sum();
        if held != used as usize {
            return world.violate(NAME, || format!("ns{namespace}: {used} tokens given, {held} held"));
        }
        let allowed = &mut world.allowed[namespace];
        let limit = world.plan.namespaces[namespace].unwrap_or(u32::MAX);
        *allowed = limit.max(used.min(*allowed));
        if used > *allowed {
            let allowed = *allowed;
            return world.violate(NAME, || format!("ns{namespace}: {used} tokens of {allowed}"));
        }
    }
}

/// The containers in which something runs, as far as the scheduler can know of them.
fn running(world: &mut World) {
    let mut of_namespace = vec![0; world.plan.namespaces.len()];
    let mut of_action = vec![0; world.plan.actions.len()];
    for invoker in world.invokers.iter().filter(|invoker| invoker.link.up) {
        for (id, container) in &invoker.containers {
            let counted = container.running() > 0 && container.tenure == Some(invoker.link.generation);
            let tenant = invoker.proxies.get(id).and_then(|proxy| proxy.tenant()).filter(|_| counted);
            if let Some(tenant) = tenant {
                let action = world.scheduler.action_of(&tenant.queue);
                of_action[action] += 1;
                of_namespace[world.plan.actions[action].namespace] += 1;
            }
        }
    }
    for (namespace, count) in of_namespace.into_iter().enumerate() {
        let allowed = world.allowed[namespace];
        if count > allowed {
            return world.violate(NAME, || format!("ns{namespace}: {count} containers run, {allowed} may"));
        }
    }
    for (action, count) in of_action.into_iter().enumerate() {
        let most = world.plan.actions[action].instances.unwrap_or(u32::MAX);
        if count > most {
            return world.violate(NAME, || format!("action{action}: {count} containers run, {most} may"));
        }
    }
}
