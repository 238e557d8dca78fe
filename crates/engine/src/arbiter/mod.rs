//! The containers of one namespace, as tokens: a queue orders a container only with a token for it.
//!
//! This module must not know activations; it sees what queues say that they could use.

mod command;
mod event;

pub use command::{Answer, Command, Denial, DenialReason, NamespaceView};
pub use event::{Event, TokenRequest};
