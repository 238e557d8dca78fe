use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest URL that is taken, in bytes.
const MAX_LENGTH: usize = 2048;

/// The URL of a receiver: `http` or `https`, with a host and without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    uri: Uri,
    secure: bool,
    host: String,
}

/// Why a text is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Too long.
    #[error("longer than {MAX_LENGTH} bytes")]
    Length,
    /// No URL.
    #[error("not a URL")]
    Malformed,
    /// Another scheme.
    #[error("its scheme is neither http nor https")]
    Scheme,
    /// Credentials before the host.
    #[error("it has credentials in it")]
    Credentials,
}

impl Target {
    /// Whether TLS is to be spoken.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host: a name or an address, the latter without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host where it is an address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// Host and port as the header `Host` has them.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path_and_query().map_or("/", PathAndQuery::as_str)
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        if text.len() > MAX_LENGTH {
            return Err(TargetError::Length);
        }
        let uri: Uri = text.parse().map_err(|_| TargetError::Malformed)?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(_) => return Err(TargetError::Scheme),
            None => return Err(TargetError::Malformed),
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(TargetError::Credentials);
        }
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
        // What stands behind the host is nothing, or a colon and a number.
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let behind = authority.strip_prefix(uri.host().unwrap_or_default()).unwrap_or_default();
        let port_is_right = behind.is_empty() || uri.port_u16().is_some_and(|port| port != 0);
        if host.is_empty() || !port_is_right {
            return Err(TargetError::Malformed);
        }
        Ok(Target { uri, secure, host })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn targets_have_a_host_a_port_and_a_path() {
        let plain = target("http://example.com");
        assert_eq!((plain.host(), plain.port(), plain.path()), ("example.com", 80, "/"));
        let whole = target("https://example.com:8443/a/b?c=d");
        assert_eq!((whole.port(), whole.path(), whole.is_secure()), (8443, "/a/b?c=d", true));
        assert_eq!(whole.authority(), "example.com:8443");
        assert_eq!(whole.to_string(), "https://example.com:8443/a/b?c=d");
        let six = target("https://[::1]/");
        assert_eq!((six.host(), six.port(), six.address()), ("::1", 443, "::1".parse().ok()));
        assert_eq!(plain.address(), None);
    }

    #[test]
    fn everything_else_is_refused() {
        let long = format!("http://a/{}", "x".repeat(MAX_LENGTH));
        for (text, error) in [
            ("", TargetError::Malformed),
            ("/path", TargetError::Malformed),
            ("example.com", TargetError::Malformed),
            ("http://", TargetError::Malformed),
            ("http://a b/", TargetError::Malformed),
            ("http://a:0/", TargetError::Malformed),
            ("http://a:99999/", TargetError::Malformed),
            ("ftp://a/", TargetError::Scheme),
            ("file:///etc/passwd", TargetError::Malformed),
            ("http://user:password@a/", TargetError::Credentials),
            (long.as_str(), TargetError::Length),
        ] {
            assert_eq!(text.parse::<Target>(), Err(error), "{text}");
        }
    }
}
