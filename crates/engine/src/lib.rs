//! Every decision, as pure state machines.

pub mod arbiter;
pub mod balance;
pub mod callback;
pub mod compose;
pub mod creation;
pub mod feed;
pub mod kv;
pub mod pending;
pub mod placement;
pub mod pool;
pub mod proxy;
pub mod queue;
pub mod queues;
pub mod throttle;
