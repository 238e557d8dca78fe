//! Who gets an activation next. Load balancers differ in this and nothing else.

mod pull;

pub(crate) use pull::Pull;

use rpc::{ActivationMessage, Flow, Follow, Refusal};
use std::fmt;
use std::sync::Arc;
use types::{ActivationId, ContainerRef};

/// Hands activations on to where they will be run.
pub(crate) trait LoadBalancer: Send + Sync + fmt::Debug {
    /// Hands one on, without waiting for what comes of it.
    ///
    /// # Errors
    /// When nobody takes it; nothing happens then.
    fn publish(&self, message: Arc<ActivationMessage>) -> Result<(), Refusal>;

    /// Passes a request for log lines on.
    fn follow(&self, follow: Follow);

    /// Passes on how the response of an activation goes on.
    fn flow(&self, container: ContainerRef, activation: ActivationId, flow: Flow);
}
