//! What a request says of its callback.

use crate::api::ApiError;
use crate::identities::Caller;
use http::{HeaderMap, HeaderName};
use std::fmt::Display;
use webhook::{Target, Webhook};

/// The header with the receiver's URL.
const URL: &str = "x-ow-callback";
const URL_HEADER: HeaderName = HeaderName::from_static(URL);
/// The header with a secret for this callback alone.
const SECRET: &str = "x-ow-callback-secret";
/// How long such a secret is: long enough that nobody guesses it, and short enough to be kept.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 16..=256;

/// A callback that a request asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(super) target: Target,
    pub(super) secret: Option<String>,
}

impl Wanted {
    /// Reads the headers; `None`: no callback is wanted.
    ///
    /// # Errors
    /// 400 when one is wanted that cannot be: because of the URL, the secret, or because `caller` keeps no records.
    pub(crate) fn read(
        headers: &HeaderMap,
        caller: &Caller,
        webhook: &dyn Webhook,
    ) -> Result<Option<Wanted>, ApiError> {
        let Some(url) = headers.get(URL_HEADER) else { return Ok(None) };
        let url = url.to_str().map_err(|_| malformed(URL, "it is not a text"))?;
        let target: Target = url.trim().parse().map_err(|error| malformed(URL, error))?;
        webhook.check(&target).map_err(|error| malformed(URL, error))?;
        if caller.identity.limits.store_activations == Some(false) {
            return Err(malformed(URL, "the namespace keeps no activation records, which is what is sent"));
        }
        let secret = headers.get(SECRET).map(|secret| {
            let secret = secret.to_str().ok().filter(|secret| SECRET_LENGTH.contains(&secret.len()));
            secret
                .map(str::to_owned)
                .ok_or_else(|| malformed(SECRET, "it takes 16 to 256 visible characters"))
        });
        Ok(Some(Wanted { target, secret: secret.transpose()? }))
    }
}

/// A callback goes with an activation that nobody waits for.
pub(crate) fn blocking() -> ApiError {
    malformed(URL, "it goes with non-blocking invocations only")
}

fn malformed(header: &str, detail: impl Display) -> ApiError {
    ApiError::bad_request(format!("The header '{header}' was malformed:\n{detail}"))
        .because("malformed_callback")
}
