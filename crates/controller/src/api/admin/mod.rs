//! The operator's REST API, below `/admin/v1`.
//!
//! Whoever calls it shows the operator's credential, which is never that of a subject. Errors have the same shape as
//! those of the API.

mod documents;
mod limits;
mod paths;
mod subjects;

use super::auth;
use super::body::{self, Payload};
use super::error::ApiError;
use super::query::Query;
use super::respond::{self, Body, Reply};
use crate::Controller;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Response, request};
use paths::Route;
use types::TransactionId;

/// The user name that goes with the operator's credential in `Authorization: Basic`.
const ADMIN: &str = "admin";

/// The longest body: the documents of this API are small.
const MAX_BODY: u64 = 1 << 20;

/// A request that may be answered.
struct AdminAsked<'a> {
    method: &'a Method,
    query: Query<'a>,
    payload: Payload,
}

impl Controller {
    /// Answers a request for what stands behind `/admin/`.
    pub(super) async fn admin<B: http_body::Body>(
        &self,
        rest: &str,
        parts: &request::Parts,
        body: B,
        transaction: TransactionId,
    ) -> Response<Body> {
        let authorised = self.admin_authorised(&parts.headers);
        let read = body::read(&parts.method, &parts.headers, body, MAX_BODY, &self.room).await;
        let outcome = match authorised.and(read) {
            Err(error) => Err(error),
            Ok(payload) if payload.length() > MAX_BODY => {
                Err(ApiError::too_large("Request", payload.length(), MAX_BODY))
            }
            Ok(payload) => {
                let query = Query::new(parts.uri.query());
                self.administer(rest, AdminAsked { method: &parts.method, query, payload }).await
            }
        };
        respond::respond(outcome, &transaction, &self.config.transaction_header, false)
    }

    /// Whether the operator's credential comes with a request: as `Bearer SECRET`, or as `Basic` with the user `admin`.
    /// Without a credential in the configuration nobody is the operator.
    pub(super) fn admin_authorised(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let header = headers.get(AUTHORIZATION).ok_or_else(ApiError::no_credentials)?;
        let shown = header.to_str().ok().and_then(shown_secret);
        match (&self.config.admin, shown) {
            (Some(credential), Some(secret)) if credential.fits(&secret) => Ok(()),
            _ => Err(ApiError::bad_credentials()),
        }
    }

    async fn administer(&self, rest: &str, asked: AdminAsked<'_>) -> Result<Reply, ApiError> {
        let route = paths::parse(rest)?;
        if !route.methods().split(", ").any(|method| method == asked.method.as_str()) {
            return Err(ApiError::method_not_allowed(route.methods()));
        }
        let put = asked.method == Method::PUT;
        let delete = asked.method == Method::DELETE;
        match route {
            Route::Index => Reply::of(&paths::index()),
            Route::Subjects => self.list_subjects(&asked).await,
            Route::Subject(name) if put => self.create_subject(&name, &asked).await,
            Route::Subject(name) if delete => self.delete_subject(&name).await,
            Route::Subject(name) => self.get_subject(&name, &asked).await,
            Route::Block(name) => self.block_subject(&name, true).await,
            Route::Unblock(name) => self.block_subject(&name, false).await,
            Route::Namespace(name, namespace) if delete => self.remove_namespace(&name, &namespace).await,
            Route::Namespace(name, namespace) => self.add_namespace(&name, namespace, &asked).await,
            Route::Key(name, namespace) => self.renew_key(&name, namespace, &asked).await,
            Route::Members(namespace) => self.list_members(&namespace, &asked).await,
            Route::Limits(namespace) if delete => self.delete_limits(&namespace).await,
            Route::Limits(namespace) if put => self.set_limits(&namespace, &asked, false).await,
            Route::Limits(namespace) if asked.method == Method::PATCH => {
                self.set_limits(&namespace, &asked, true).await
            }
            Route::Limits(namespace) => self.get_limits(&namespace).await,
            Route::Whois => self.whois(&asked).await,
            Route::Documents(kind) => self.list_documents(kind, &asked).await,
        }
    }
}

/// The secret in the header `Authorization`.
fn shown_secret(header: &str) -> Option<Vec<u8>> {
    let (scheme, text) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(text.trim().as_bytes().to_vec());
    }
    let decoded = auth::basic_text(header.as_bytes())?;
    let secret = decoded.strip_prefix(ADMIN.as_bytes())?.strip_prefix(b":")?;
    Some(secret.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn the_secret_comes_as_bearer_or_as_the_password_of_admin() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(shown_secret("Bearer abc").unwrap(), b"abc");
        assert_eq!(shown_secret("bearer  abc ").unwrap(), b"abc");
        assert_eq!(shown_secret(&basic("admin:abc")).unwrap(), b"abc");
        for bad in [
            basic("guest:abc"),
            basic("admin"),
            basic("administrator:abc"),
            "Basic ???".to_owned(),
            "x".to_owned(),
        ] {
            assert!(shown_secret(&bad).is_none(), "{bad}");
        }
    }
}
