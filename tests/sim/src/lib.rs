//! A whole cluster of engine machines under seeded faults, in virtual time.
//!
//! [`simulate`] builds controllers, a scheduler and invokers of the machines that production runs, joins them by links
//! that delay, and breaks things as the seed says: processes, links, containers. What a client was promised is kept by
//! an oracle, and one file for each invariant says what must hold. First faults are on and safety is checked after every
//! step; then they are off, and everything has to come to its end and leave nothing behind.
//!
//! Nothing here reads a clock, starts a thread or iterates over a hash map: a seed is a run.

mod client;
mod container;
mod invariants;
mod invoker;
mod link;
mod message;
mod plan;
mod rng;
mod scheduler;
mod world;

pub use world::{Report, Run, simulate};
