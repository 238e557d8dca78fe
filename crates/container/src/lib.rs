//! The port of containers, and what all back ends share: the protocols that drive a runtime in a container, the
//! classification of answers, and the form of log lines.
//!
//! This crate must not know pools.

mod context;
mod factory;

pub mod classify;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod fake;
pub mod line;
pub mod logs;

pub use context::ContextValue;
pub use factory::{
    Answer, Container, ContainerFactory, ContainerSpec, CreateError, Flow, InitRequest, LogLine, LogStream,
    Logs, Probe, ResponseStream, RunRequest, STREAM_WINDOW, Verdict,
};
