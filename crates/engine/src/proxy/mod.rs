//! One container's life: made, assigned, initialised, running, idle, paused, removed.
//!
//! The task that owns the container runs this machine and carries out its commands one after another. It must not know
//! what is in an activation, nor what other containers do: memory and eviction are the pool's.

mod command;
mod event;

pub use command::{Command, Note, Report};
pub use event::{Assignment, Event, Keep, Spec};
