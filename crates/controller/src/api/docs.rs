//! The document of the API (HTTP-10).

use super::error::ApiError;
use super::respond::Reply;
use crate::Controller;
use http::Method;

impl Controller {
    /// What stands behind `/api/v1/` at `api-docs`, `docs` and below.
    pub(super) fn docs(&self, _method: &Method, _rest: &str) -> Result<Reply, ApiError> {
        Err(ApiError::no_route())
    }
}
