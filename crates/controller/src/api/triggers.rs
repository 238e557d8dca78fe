//! Triggers (section TRG of the API rules).

use super::Asked;
use super::error::ApiError;
use super::query::Query;
use super::respond::Reply;
use crate::Controller;
use crate::identities::Caller;
use types::EntityName;

impl Controller {
    /// What a path names one trigger for.
    pub(super) async fn dispatch_trigger(
        &self,
        _namespace: EntityName,
        _name: EntityName,
        _asked: Asked<'_>,
    ) -> Result<Reply, ApiError> {
        Err(ApiError::no_route())
    }

    /// The triggers of a namespace.
    pub(super) async fn list_triggers(
        &self,
        _caller: &Caller,
        _namespace: &EntityName,
        _query: Query<'_>,
    ) -> Result<Reply, ApiError> {
        Err(ApiError::no_route())
    }
}
