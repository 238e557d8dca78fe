//! Containers as sandboxed processes of this machine's own interpreters.
//!
//! `runtimes` knows what is to run, `sandbox` knows how a process is kept in, `factory` joins both.

pub mod runtimes;
pub mod sandbox;
