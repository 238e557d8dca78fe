//! The ports of entities, activation records and attachments.
//!
//! [`ArtifactStore`] keeps entities and the code that belongs to them; [`ActivationStore`] keeps intents and records of
//! activations. Each has a memory implementation here, and a conformance suite that every back end must pass.
//!
//! This crate must not know SQL or HTTP.

mod activation;
mod artifact;
pub mod cache;
pub mod callback;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod entity;
mod error;
pub mod fault;
pub mod index;
pub mod members;
pub mod memory;
mod shared;
pub mod subject;

pub use activation::{ActivationQuery, ActivationStore, Intent, Ticket, Unfinished};
pub use artifact::{ArtifactStore, Attachment, Document, DocumentKind, EntityQuery, list_paths};
pub use cache::Cached;
pub use error::{PutError, StoreError};
