//! Packages and bindings (section PKG of the API rules).

use super::Asked;
use super::error::ApiError;
use super::query::Query;
use super::respond::Reply;
use crate::Controller;
use crate::identities::Caller;
use types::EntityName;

impl Controller {
    /// What a path names one package for.
    pub(super) async fn dispatch_package(
        &self,
        _namespace: EntityName,
        _name: EntityName,
        _asked: Asked<'_>,
    ) -> Result<Reply, ApiError> {
        Err(ApiError::no_route())
    }

    /// The packages of a namespace.
    pub(super) async fn list_packages(
        &self,
        _caller: &Caller,
        _namespace: &EntityName,
        _query: Query<'_>,
    ) -> Result<Reply, ApiError> {
        Err(ApiError::no_route())
    }
}
