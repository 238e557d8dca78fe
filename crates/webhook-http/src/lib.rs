//! Receivers of completion callbacks, reached by HTTP and HTTPS.
//!
//! Whom a user names is looked up first and judged by its addresses, and the connection goes to an address that was judged:
//! a name that changes between the two changes nothing. This crate must not know what is sent, or when.

mod client;
mod network;

pub use client::{Config, HttpWebhook};
pub use network::{Network, NetworkError};
