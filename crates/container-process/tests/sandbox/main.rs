//! Sandboxes on this machine: what gets in, what must not get out, and what must not stay.
//!
//! Most of this needs the superuser. Where a test cannot say anything it says so on standard error.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may as well panic")]

mod escape;
mod leftovers;
mod life;
mod limits;
mod network;
mod ready;
mod rootless;
mod world;
