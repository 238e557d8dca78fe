//! A scheduler's orders for containers: each is placed, sent, placed anew when it fails, and given up at its deadline.
//!
//! This module must not decide how many containers an action needs (`queue`), nor how many it may have (`arbiter`).

mod command;
mod event;
mod failure;

pub use command::Command;
pub use event::Event;
pub use failure::StartFailure;
