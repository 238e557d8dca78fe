//! Both ports in memory: for tests, and for servers that need not remember anything.
//!
//! What is here ends with the process.

mod activation;
mod artifact;

pub use activation::{MemoryActivationStore, RecordLimits};
pub use artifact::MemoryArtifactStore;
