//! What upstream's roles answer to operators (section ADM of the API rules).

use super::error::ApiError;
use super::respond::{self, Body};
use crate::Controller;
use http::{Response, request};
use types::TransactionId;

impl Controller {
    /// Answers a request outside the versioned API.
    pub(super) async fn operator(
        &self,
        _path: &str,
        _parts: &request::Parts,
        transaction: TransactionId,
    ) -> Response<Body> {
        respond::respond(Err(ApiError::no_route()), &transaction, &self.config.transaction_header, false)
    }
}
