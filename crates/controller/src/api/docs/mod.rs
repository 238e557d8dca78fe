//! The document of the API, and the page that shows it (HTTP-10).
//!
//! One table of operations is rendered twice: as Swagger 2.0, where clients of OpenWhisk look for it, and as OpenAPI 3.
//! Tests see that the table has every route that [`super::paths`] knows, with its methods, and nothing else.

mod operation;
mod operations;
mod render;
mod schemas;
#[cfg(test)]
mod tests;

use super::error::ApiError;
use super::respond::{Body, Reply};
use crate::Controller;
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use std::sync::LazyLock;

/// The page; it needs nothing but the document.
const PAGE: &str = include_str!("page.html");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=UTF-8");

/// Where the page is, with the document that it shows.
const PAGE_LOCATION: HeaderValue = HeaderValue::from_static("/api/v1/docs/index.html?url=/api/v1/api-docs");

/// What the page may do: run its own script, and read documents of this server.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'",
);

// Neither depends on the configuration, so they are made once, when somebody asks.
static SWAGGER: LazyLock<Bytes> = LazyLock::new(|| render::swagger().to_string().into());
static OPENAPI: LazyLock<Bytes> = LazyLock::new(|| render::openapi().to_string().into());

impl Controller {
    /// What stands behind `/api/v1/` at `api-docs`, `openapi.json`, `docs` and below.
    pub(super) fn docs(&self, method: &Method, rest: &str) -> Result<Reply, ApiError> {
        let reply = match rest {
            "api-docs" => Reply::json(StatusCode::OK, SWAGGER.clone()),
            "openapi.json" => Reply::json(StatusCode::OK, OPENAPI.clone()),
            "docs" | "docs/" => Reply::empty(StatusCode::PERMANENT_REDIRECT).header(LOCATION, PAGE_LOCATION),
            "docs/index.html" => Reply::new(StatusCode::OK, Body::new(PAGE), Some(HTML))
                .header(CONTENT_SECURITY_POLICY, PAGE_POLICY),
            _ => return Err(ApiError::no_route()),
        };
        if method == Method::GET { Ok(reply) } else { Err(ApiError::method_not_allowed("GET")) }
    }
}
