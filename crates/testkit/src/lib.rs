//! For tests only: a whole platform in one process, with stores in memory and scripted containers.
//!
//! The roles are the real ones, joined by local links as in standalone; the router is called without a socket. Under
//! `#[tokio::test(start_paused = true)]` its time is tokio's, so a test can wait for minutes in no time.

mod clock;
mod cluster;

pub use clock::TokioClock;
pub use cluster::{Cluster, ClusterConfig, GUEST_KEY, Reply};
