//! The pool, the container tasks that pull, and the end of an activation: result, logs, record.
//!
//! `engine::pool` decides about memory and stem cells, `engine::proxy` about the life of each container. Every container
//! has one task, which alone touches it. This crate must not know what kind of containers it drives.

mod answers;
mod code;
mod finish;
mod mailbox;
mod open;
mod operate;
mod service;
mod stream;
mod task;

pub use service::{Config, Deps, Invoker};
