//! Nobody is refused without a reason that holds at that moment, and no refusal outlives its reason.

use crate::client::End;
use crate::world::World;
use engine::queue::decide::Rules;
use engine::queue::{Refusal, RefusalReason};
use std::time::Duration;
use types::{ActivationId, StatusCode};

const NAME: &str = "throttles are alive";

/// Nobody may be told to stay away for longer.
const LONGEST: Duration = Duration::from_secs(30);

pub(crate) fn at_refusal(world: &mut World, id: ActivationId, refusal: &Refusal) {
    let action = world.oracle.known(id).action;
    let namespace = world.plan.actions[action].namespace;
    let limit = world.plan.namespaces[namespace];
    let used = world.scheduler.arbiters[namespace].view().used;
    let waiting = world.scheduler.queues.get(&action).map_or(0, |slot| slot.queue.stats().waiting);
    let reopen = world.plan.queue.max_waiting as f64 * world.plan.queue.reopen_at;
    let has_reason = match refusal.reason {
        RefusalReason::QueueFull => waiting as f64 >= reopen,
        // Part of the limit is kept for actions that have nothing. OpenWhisk's rules decide for a while.
        RefusalReason::NamespaceThrottled => {
            let is_full = limit.is_some_and(|limit| limit == 0 || (used > 0 && used + 1 >= limit));
            is_full || refusal.until <= world.now + decided_for(&world.plan.queue.rules)
        }
        RefusalReason::NoCapacity => {
            limit == Some(0) || world.now < world.limits_changed[namespace] + LONGEST
        }
        RefusalReason::NoInvokers => true,
        RefusalReason::ShuttingDown | RefusalReason::Disowned | RefusalReason::Retired => false,
    };
    let is_short = refusal.until > world.now && refusal.until <= world.now + LONGEST;
    if !has_reason || !is_short {
        let text = format!("{id} is refused: {refusal:?}; limit {limit:?}, used {used}, waiting {waiting}");
        world.violate(NAME, || text);
    }
}

/// How long a decision to throttle stands.
fn decided_for(rules: &Rules) -> Duration {
    match rules {
        Rules::Upstream(rules) => rules.check_interval * 2,
        Rules::Predictive(_) => Duration::ZERO,
    }
}

/// A quiet cluster ran every probe that it can run.
pub(crate) fn after_probes(world: &mut World) {
    let wrong = world.oracle.all().filter(|(_, known)| known.probe).find_map(|(id, known)| {
        let plan = &world.plan.actions[known.action];
        // OpenWhisk's rules drop what finds the namespace full, be it of idle containers of another action (#5257).
        let may_be_dropped = matches!(world.plan.queue.rules, Rules::Upstream(_));
        let can_run = match world.plan.namespaces[plan.namespace] {
            None => !plan.impossible,
            Some(limit) => !plan.impossible && limit > 0 && !may_be_dropped,
        };
        let ran = known.records == [End::Ran(StatusCode::Success)];
        (can_run && !ran).then(|| format!("the probe {id} did not run: {known:?}"))
    });
    if let Some(text) = wrong {
        world.violate(NAME, || text);
    }
}
