//! After a quiet time nothing is left: no queue, order or token, no container but stem cells, no open activation, no
//! timer but those of the pools.

use crate::world::{Who, World};

const NAME: &str = "nothing is left";

pub(crate) fn at_end(world: &mut World) {
    if let Some(text) = leftover(world) {
        world.violate(NAME, || text);
    }
}

fn leftover(world: &World) -> Option<String> {
    if world.oracle.open() > 0 {
        return Some(format!("{} open activations", world.oracle.open()));
    }
    if let Some((action, slot)) = world.scheduler.queues.first_key_value() {
        return Some(format!("the queue of action{action}: {:?}", slot.queue.stats()));
    }
    if world.scheduler.orders.open() > 0 {
        return Some(format!("{} orders", world.scheduler.orders.open()));
    }
    if let Some(namespace) = world.scheduler.arbiters.iter().position(|arbiter| arbiter.view().used > 0) {
        return Some(format!("tokens of ns{namespace}"));
    }
    for (number, invoker) in world.invokers.iter().enumerate() {
        let of_queue = |proxy: &&engine::proxy::Proxy| proxy.tenant().is_some();
        if let Some(proxy) = invoker.proxies.values().find(of_queue) {
            return Some(format!("a container of invoker{number}: {proxy:?}"));
        }
        let counts = [invoker.proxies.len(), invoker.containers.len(), invoker.pool.len()];
        if counts.iter().any(|count| *count != counts[0]) {
            return Some(format!("invoker{number} counts its stem cells differently: {counts:?}"));
        }
    }
    let timer = world.armed().find(|who| !matches!(who, Who::Pool { .. }));
    timer.map(|who| format!("a timer of {who:?}"))
}
