use std::io;
use std::path::{Path, PathBuf};
use store::StoreError;

/// Why the store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data directory {} is in use by process {owner}; stop it, or take another directory", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The process's id, or `unknown`.
        owner: String,
    },
    /// A file or directory cannot be made, read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is there is broken, or of another version.
    #[error("cannot open {}", path.display())]
    Content {
        /// What was read.
        path: PathBuf,
        /// What the storage engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A read failed while the state was put together.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenError {
    /// A fault of a file.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
        move |source| OpenError::File { action, path: path.to_owned(), source }
    }

    /// A fault of what a file holds.
    pub(crate) fn content<E>(path: &Path) -> impl FnOnce(E) -> OpenError
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| OpenError::Content { path: path.to_owned(), source: source.into() }
    }
}
