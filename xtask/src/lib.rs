//! Generators of what is written down twice, and which rules of the API a test holds. What is generated is committed, and
//! tests see that it is up to date; the tidy tests beside them keep the rules of the workspace that no compiler knows.

mod files;
pub mod rules;

pub use files::{File, files};

use std::path::{Path, PathBuf};

/// Where the reference of the configuration is.
pub const CONFIG_REFERENCE: &str = "docs/reference/configuration.md";

/// The reference of the configuration, as it is to be.
#[must_use]
pub fn config_reference() -> String {
    base::config::reference::<node::Config>()
}

/// The top of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.to_owned(), Path::to_owned)
}
