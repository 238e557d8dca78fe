//! Web actions (section WEB of the API rules).

use super::error::ApiError;
use super::respond::{self, Body};
use crate::Controller;
use http::{Response, request};
use types::TransactionId;

impl Controller {
    /// Answers a request for what stands behind `/api/v1/web/`.
    pub(super) async fn web<B: http_body::Body>(
        &self,
        _rest: &str,
        _parts: &request::Parts,
        _body: B,
        transaction: TransactionId,
        _received: u64,
    ) -> Response<Body> {
        respond::respond(Err(ApiError::not_found()), &transaction, &self.config.transaction_header, false)
    }
}
