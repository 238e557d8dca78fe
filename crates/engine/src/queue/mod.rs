//! One action's queue for one namespace: what waits, which containers pull, and when to add or drop one.
//!
//! This module must not place containers (`creation`), nor count those of other actions (`arbiter`).

mod command;
mod event;

pub use command::{Command, CreateRequest, DropReason, Refusal, RefusalReason};
pub use event::{ActionFacts, Event, Message};
