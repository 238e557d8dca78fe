//! Containers as sandboxed processes of this machine's own interpreters.
//!
//! `runtimes` knows what is to run, `sandbox` knows how a process is kept in, and `factory` joins both. What runs
//! outside of the server is in `spawner`.

mod cgroup;
mod config;
mod container;
mod factory;
mod instance;
mod network;
mod probes;
pub mod runtimes;
pub mod sandbox;
pub mod spawner;
mod wire;

pub use config::{Config, NetworkConfig, NetworkMode, Places};
pub use factory::{OpenError, ProcessFactory, Settings};
