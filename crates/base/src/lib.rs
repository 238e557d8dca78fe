//! What any server needs and nothing of OpenWhisk: time, ids, supervised tasks, shutdown, configuration, telemetry,
//! metrics.
//!
//! This crate must not name a domain type.

pub mod alarm;
pub mod clock;
pub mod config;
pub mod driven;
pub mod ids;
pub mod metrics;
pub mod retry;
pub mod shared_map;
pub mod shutdown;
pub mod task;
pub mod telemetry;
