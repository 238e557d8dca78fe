//! An activation runs at most once, unless it was handed out again before the scheduler could know that it had begun.
//!
//! That can only be where the report was on a link that broke, or in a process that died. An invoker that has given a
//! link up starts nothing of what came over it, because its scheduler counts on that.

use crate::client::Try;
use crate::world::World;
use types::{ActivationId, Attempt, ContainerId};

const NAME: &str = "an activation runs once";

/// The scheduler hands it out, perhaps again.
pub(crate) fn at_dispatch(world: &mut World, id: ActivationId) {
    let wrong =
        world.oracle.known(id).attempts.iter().find(|this| this.heard || (this.started && !this.lost));
    if let Some(this) = wrong {
        let text = format!("{id} is dispatched again after {this:?}");
        world.violate(NAME, || text);
    }
}

/// A container says that it begins; it may say so again when it is asked.
pub(crate) fn at_report(
    world: &mut World,
    invoker: usize,
    container: ContainerId,
    id: ActivationId,
    attempt: Attempt,
) {
    let here = (attempt, invoker, container);
    let known = world.oracle.known_mut(id);
    match known.attempts.iter_mut().find(|this| (this.attempt, this.invoker, this.container) == here) {
        Some(this) => this.reported = true,
        None => {
            world.violate(NAME, || format!("{container} says that it starts {id}, which it was not given"))
        }
    }
}

/// A container shows it to user code, after it has said so.
pub(crate) fn at_start(world: &mut World, invoker: usize, container: ContainerId, id: ActivationId) {
    let known = world.oracle.known_mut(id);
    let again = known.attempts.iter().any(|this| this.started && !this.lost);
    let here = |this: &&mut Try| (this.invoker, this.container) == (invoker, container) && this.reported;
    match known.attempts.iter_mut().rev().find(here) {
        Some(this) => this.started = true,
        None => world.violate(NAME, || format!("{container} starts {id} and has not said so")),
    }
    let tenure = world.invokers[invoker].containers.get(&container).and_then(|there| there.tenure);
    let (fenced, since) = world.invokers[invoker].fenced;
    if tenure < Some(fenced) && world.now > since {
        world.violate(NAME, || format!("{container} starts {id}, which its scheduler counts as given up"));
    }
    if again {
        world.violate(NAME, || format!("{container} starts {id} a second time"));
    }
}
