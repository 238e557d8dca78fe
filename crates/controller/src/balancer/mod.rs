//! Who gets an activation next. Load balancers differ in this and nothing else.

mod lean;
mod pull;
mod sharding;
mod test_action;

pub(crate) use lean::Lean;
pub(crate) use pull::Pull;
pub use sharding::Shard;
pub(crate) use sharding::Sharding;

use base::clock::Clock;
use base::ids::IdSource;
use engine::balance::{self, Health};
use rpc::{ActivationMessage, Flow, Follow, Outcome, Refusal, SchedulerLink};
use std::fmt;
use std::sync::Arc;
use types::{ActivationId, ContainerRef, InvokerId};

/// Where activations are handed on to, and by which design.
#[derive(Clone, Debug)]
pub enum Scheduling {
    /// To a scheduler with a queue for every action, from which containers pull.
    Pull(Arc<dyn SchedulerLink>),
    /// To one of several invokers, by a hash of the action (scheduler D1).
    Sharding {
        /// How the invokers are shared out.
        config: balance::Config,
        /// The invokers, in the order of their ids.
        shards: Vec<Shard>,
    },
    /// To the one invoker that there is (scheduler D5).
    Lean(Arc<dyn SchedulerLink>),
}

/// How an activation that was handed on has ended, for its balancer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End<'a> {
    /// Somebody said so.
    Heard(&'a Outcome),
    /// Nobody said anything in its time.
    GivenUp,
}

/// Hands activations on to where they will be run.
pub(crate) trait LoadBalancer: Send + Sync + fmt::Debug {
    /// Hands one on, without waiting for what comes of it.
    ///
    /// # Errors
    /// When nobody takes it; nothing happens then.
    fn publish(&self, message: Arc<ActivationMessage>) -> Result<(), Refusal>;

    /// One that was handed on has ended: comes once for each, before anybody else hears of it.
    fn ended(&self, _: ActivationId, _: End<'_>) {}

    /// Passes a request for log lines on.
    fn follow(&self, follow: Follow);

    /// Passes on how the response of an activation goes on.
    fn flow(&self, container: ContainerRef, activation: ActivationId, flow: Flow);

    /// The supervision of invokers, where the balancer does that itself.
    fn supervisor(&self) -> Option<&dyn Supervisor> {
        None
    }
}

/// What a balancer does that watches over invokers (scheduler D2).
pub(crate) trait Supervisor: Send + Sync {
    /// How every invoker is.
    fn health(&self) -> Vec<(InvokerId, Health)>;

    /// How often no invoker had room for an activation.
    fn overloads(&self) -> u64;

    /// Hears of the invokers that are there and looks at the time; to be called every second.
    fn watch(&self);

    /// Returns as soon as there are invokers to be tested.
    fn tests_due(&self) -> futures_util::future::BoxFuture<'_, Vec<InvokerId>>;

    /// Hands a test on to that invoker, whatever is thought of it.
    ///
    /// # Errors
    /// When it does not take it.
    fn test(&self, invoker: InvokerId, message: Arc<ActivationMessage>) -> Result<(), Refusal>;
}

impl Scheduling {
    pub(crate) fn into_balancer(self, clock: Arc<dyn Clock>, ids: Arc<IdSource>) -> Box<dyn LoadBalancer> {
        match self {
            Scheduling::Pull(scheduler) => Box::new(Pull::new(scheduler)),
            Scheduling::Lean(feed) => Box::new(Lean::new(feed)),
            Scheduling::Sharding { config, shards } => Box::new(Sharding::new(config, shards, clock, ids)),
        }
    }
}
