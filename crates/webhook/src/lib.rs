//! The port through which receivers of completion callbacks are told.
//!
//! A receiver is somebody else's server, named by a user. So whoever implements this port sees to it that no user can make
//! the platform speak to what only the platform reaches. This crate must not know what is sent, or when.

mod memory;
mod target;

pub use memory::MemoryWebhook;
pub use target::{Target, TargetError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::fmt;
use std::net::IpAddr;

/// What is sent to a receiver, by POST.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where to.
    pub target: Target,
    /// Beside `Host` and `Content-Length`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why a receiver did not answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It may not be spoken to.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Its name leads nowhere, it does not take the connection, or it breaks it off.
    #[error("cannot {verb} the receiver")]
    Failed {
        /// What did not work.
        verb: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It takes too long.
    #[error("the receiver did not answer in time")]
    TooSlow,
}

/// Callbacks to this address are not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("callbacks to {0} are not allowed")]
pub struct Forbidden(pub IpAddr);

/// What speaks to receivers.
#[async_trait]
pub trait Webhook: Send + Sync + fmt::Debug {
    /// Whether the target may be spoken to, as far as its text tells.
    ///
    /// # Errors
    /// When it is an address that may not. One that is a name is judged when it is called.
    fn check(&self, target: &Target) -> Result<(), Forbidden>;

    /// Sends a call and answers the status. Redirects are not followed, and the body of the answer is not kept.
    ///
    /// # Errors
    /// When there is no answer.
    async fn call(&self, call: Call) -> Result<StatusCode, CallError>;
}
