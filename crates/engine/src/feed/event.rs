use std::time::Duration;
use types::{ActivationId, Attempt, ContainerId, CreationFailure, CreationId, NackReason, Revision};

/// What can happen at an invoker, beside activations that come ([`super::Feed::submit`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The invoker says how it stands.
    Invoker {
        /// Whether it takes orders.
        up: bool,
        /// Its memory for containers, in MB.
        memory: u64,
    },
    /// An order was carried out: the container is there, new or resumed.
    Created {
        /// Which order.
        creation: CreationId,
        /// The container.
        container: ContainerId,
        /// The revision it serves.
        revision: Revision,
        /// How many activations it takes at a time.
        slots: u32,
    },
    /// An order cannot be carried out.
    CreationFailed {
        /// Which order.
        creation: CreationId,
        /// Why.
        failure: CreationFailure,
    },
    /// An activation begins to run.
    Started {
        /// Which.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
    },
    /// An activation has ended, and its container has room for another one.
    Finished {
        /// The container.
        container: ContainerId,
        /// Which.
        activation: ActivationId,
        /// How long it ran.
        run: Duration,
        /// Whether the container goes on; if not, `Gone` follows.
        healthy: bool,
    },
    /// The container did not start this activation and will not.
    Nack {
        /// The container.
        container: ContainerId,
        /// Which.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
        /// Why.
        reason: NackReason,
    },
    /// The container takes nothing more for now.
    Idle {
        /// The container.
        container: ContainerId,
        /// Whether it is kept, paused, and can be had again by an order.
        paused: bool,
    },
    /// The container is no more.
    Gone {
        /// The container.
        container: ContainerId,
    },
    /// Take nothing new; what is there is still served.
    Drain,
}
