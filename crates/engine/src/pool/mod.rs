//! An invoker's containers: memory, the choice of a container for an order, stem cells, eviction.
//!
//! It hears of a container only when it changes hands or comes to rest, never for a single activation. It must not know
//! activations.

mod command;
mod event;

pub use command::Command;
pub use event::Event;
