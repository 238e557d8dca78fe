//! From the header `Authorization` to a caller (AUTH-01 to AUTH-04).

use super::error::ApiError;
use crate::identities::{Caller, Identities};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::sync::Arc;
use types::AuthKey;

/// Finds the caller. Warm, this neither decodes nor reads anything.
pub(crate) async fn authenticate(
    identities: &Identities,
    headers: &HeaderMap,
) -> Result<Arc<Caller>, ApiError> {
    let header = headers.get(AUTHORIZATION).ok_or_else(ApiError::no_credentials)?.as_bytes();
    if let Some(caller) = identities.remembered(header) {
        return Ok(caller);
    }
    let authkey = basic(header).ok_or_else(ApiError::bad_credentials)?;
    identities.find(header, &authkey).await?.ok_or_else(ApiError::bad_credentials)
}

/// `Basic` and base64 of `uuid:key`.
fn basic(header: &[u8]) -> Option<AuthKey> {
    AuthKey::parse(std::str::from_utf8(&basic_text(header)?).ok()?)
}

/// What stands in base64 behind `Basic`.
pub(super) fn basic_text(header: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(header).ok()?;
    let (scheme, credentials) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    STANDARD.decode(credentials.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_01_anything_malformed_is_no_key() {
        let key = format!("23bc46b1-71f6-4ed5-8c54-816aa4f8c502:{}", "k".repeat(64));
        let header = |scheme: &str, text: &str| format!("{scheme} {}", STANDARD.encode(text));
        assert!(basic(header("Basic", &key).as_bytes()).is_some());
        assert!(basic(header("basic", &key).as_bytes()).is_some());
        for bad in [
            header("Bearer", &key),
            header("Basic", &key[1..]),
            header("Basic", "no colon"),
            format!("Basic {key}"),
            String::from("Basic"),
            String::new(),
        ] {
            assert!(basic(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(basic(b"Basic \xff\xfe").is_none());
    }
}
