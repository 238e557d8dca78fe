//! What a process is kept in: namespaces, mounts, a user of its own, limits and a filter of system calls.
//!
//! The parts that run in the server are here; those that run in the spawner and in the sandbox's first process are in
//! `spawner`. This module must not know kinds or protocols: it starts a program and tells how it ended.

pub(crate) mod contents;
mod link;
mod maker;
mod process;
mod slots;

pub(crate) use link::Link;
pub(crate) use maker::{Form, Maker, Shared};
pub use process::{End, Pipes, Program, Sandbox};
pub(crate) use slots::Slots;
