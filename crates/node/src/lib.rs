//! Composition: the whole configuration, the choice of back ends, and the roles of a process with the links between
//! them.
//!
//! This crate must not decide anything about activations: it only puts together what the other crates are.

mod backends;
mod bootstrap;
pub mod config;
mod doctor;
mod error;
mod front;
pub mod host;
mod keyfiles;
mod roles;

pub use bootstrap::{GUEST_KEY, KeyOrigin, SYSTEM_KEY, StockIdentity};
pub use config::Config;
pub use container::{Probe, Verdict};
pub use container_process::spawner::main as spawner;
pub use doctor::doctor;
pub use error::{StartError, chain};
pub use keyfiles::admin_file;
pub use roles::standalone::{Announcement, Standalone};
