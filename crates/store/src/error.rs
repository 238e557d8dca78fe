/// The store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
pub struct StoreError {
    /// What was tried, such as `read activation 00ff…`.
    pub action: String,
    /// Whether the same call could succeed later.
    pub retryable: bool,
    /// What the back end said.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// A fault that another try will not mend.
    pub fn new(
        action: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError { action: action.into(), retryable: false, source: Some(source.into()) }
    }
}

/// Why a document was not written.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The revision that was expected is not the one that is there (ACT-40).
    #[error("the document was changed in the meantime")]
    Conflict,
    /// The back end failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
