//! Every decision, as pure state machines.

pub mod pending;
pub mod pool;
pub mod proxy;
pub mod throttle;
