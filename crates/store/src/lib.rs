//! The ports of entities, activation records and attachments.
//!
//! [`ArtifactStore`] keeps entities and the code that belongs to them; [`ActivationStore`] keeps intents and records of
//! activations. Each has a memory implementation here, and a conformance suite that every back end must pass.
//!
//! This crate must not know SQL or HTTP.

mod activation;
mod artifact;
mod error;
pub mod memory;

pub use activation::{ActivationQuery, ActivationStore, Intent, Ticket, Unfinished};
pub use artifact::{ArtifactStore, Attachment, Document, DocumentKind, EntityQuery, list_paths};
pub use error::{PutError, StoreError};
