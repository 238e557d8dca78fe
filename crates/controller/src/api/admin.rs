//! The operator's REST API: subjects, keys, limits (section USR of the API rules).

use super::error::ApiError;
use super::respond::{self, Body};
use crate::Controller;
use http::{Response, request};
use types::TransactionId;

impl Controller {
    /// Answers a request for what stands behind `/admin/`.
    pub(super) async fn admin<B: http_body::Body>(
        &self,
        _rest: &str,
        _parts: &request::Parts,
        _body: B,
        transaction: TransactionId,
    ) -> Response<Body> {
        respond::respond(Err(ApiError::no_route()), &transaction, &self.config.transaction_header, false)
    }
}
