//! What operators can see of a scheduler and of an invoker, and do to them (section ADM of the API rules).
//!
//! Unlike the verbs between roles these are for the process that the role is in, and are answered at once, out of
//! memory.

use crate::InvokerCapacity;
use engine::pool::{Starts, View};
use std::fmt;
use std::sync::Arc;
use types::{InvokerId, QueueKey};

/// The roles of this process, as far as it has them.
#[derive(Clone, Debug, Default)]
pub struct Operated {
    /// Its scheduler.
    pub scheduler: Option<Arc<dyn SchedulerOperations>>,
    /// Its invokers.
    pub invokers: Vec<Arc<dyn InvokerOperations>>,
}

/// What operators can see of a scheduler, and do to it.
pub trait SchedulerOperations: Send + Sync + fmt::Debug {
    /// How every queue stands.
    fn queues(&self) -> Vec<QueueView>;

    /// How the invokers stand that it knows.
    fn invokers(&self) -> Vec<InvokerCapacity>;

    /// Whether it takes activations.
    fn is_enabled(&self) -> bool;

    /// Takes no more activations, or takes them again. What is queued is served either way.
    fn set_enabled(&self, enabled: bool);
}

/// What operators can see of an invoker, and do to it.
pub trait InvokerOperations: Send + Sync + fmt::Debug {
    /// How its containers stand.
    fn pool(&self) -> PoolView;

    /// Whether it takes orders.
    fn is_enabled(&self) -> bool;

    /// Takes no more orders and removes every container once it is idle, or takes orders again.
    fn set_enabled(&self, enabled: bool);
}

/// How one queue stands.
#[derive(Clone, Debug)]
pub struct QueueView {
    /// Which.
    pub queue: Arc<QueueKey>,
    /// Activations that wait.
    pub waiting: usize,
    /// The bytes that they hold.
    pub waiting_bytes: u64,
    /// Activations that containers have.
    pub in_flight: u32,
    /// All containers, those that are leaving too.
    pub containers: usize,
    /// Containers on order.
    pub creating: usize,
}

/// How the containers of an invoker stand.
#[derive(Clone, Debug)]
pub struct PoolView {
    /// Whose they are.
    pub invoker: InvokerId,
    /// The memory that there is for containers, in MB.
    pub memory: u64,
    /// What of that containers hold, in MB.
    pub used: u64,
    /// Each container.
    pub containers: Vec<View>,
    /// How orders for containers were carried out since the start.
    pub starts: Starts,
}
