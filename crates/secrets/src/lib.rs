//! Everything that must stay secret: the operator's credential, the keys of subjects at rest, keys for one activation,
//! and parameters that are locked.
//!
//! Nothing here reads a file, a clock or a store: what is needed is handed in. No type of this crate shows a secret in its
//! debug form.

mod credential;

pub use credential::Credential;
