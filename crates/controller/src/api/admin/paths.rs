//! From the path of an operator's request to what it names.

use crate::api::ApiError;
use serde_json::{Value, json};

/// What a path below `/admin/` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `v1`: what there is.
    Index,
}

/// Every route, as the index shows it: path, methods, what it does.
const ROUTES: [(&str, &str, &str); 1] = [("/admin/v1", "GET", "this list")];

impl Route {
    /// The methods that it takes, as `Allow` says them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Route::Index => "GET",
        }
    }
}

/// Reads what stands behind `/admin/`.
pub(super) fn parse(rest: &str) -> Result<Route, ApiError> {
    match rest {
        "v1" | "v1/" => Ok(Route::Index),
        _ => Err(ApiError::no_route()),
    }
}

/// What there is.
pub(super) fn index() -> Value {
    let routes = ROUTES.map(|(path, methods, description)| {
        json!({"path": path, "methods": methods.split(", ").collect::<Vec<_>>(), "description": description})
    });
    json!({"description": "OxiWhisk administration", "api_version": "1", "routes": routes})
}
