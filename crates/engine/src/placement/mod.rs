//! Which invoker gets a container: a pure function of what is known about the invokers.
//!
//! This module must not wait, retry or remember (`creation`).

use types::{EntityName, InvokerId};

/// What is known about one invoker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokerState {
    /// Which.
    pub id: InvokerId,
    /// Whether it takes orders: healthy, and not going down.
    pub up: bool,
    /// The memory that it has for containers, in MB.
    pub memory: u64,
    /// What of that no busy or starting container holds, in MB; paused containers can be evicted and count as free.
    pub free: u64,
    /// What it can do that others cannot.
    pub tags: Vec<String>,
    /// The namespaces that it works for; empty: all.
    pub dedicated: Vec<EntityName>,
}
