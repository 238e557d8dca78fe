//! Where a server is, who asks, and how it is reached.

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::time::Duration;
use url::Url;

/// How long a connection may take to be made. An answer may take as long as the server wants: it has its own limits.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Where a server is, and who asks.
#[derive(Clone, Debug)]
pub struct Config {
    /// `host`, `host:port`, or a URL; without a scheme it is `https`.
    pub host: String,
    /// `v1`
    pub version: String,
    /// `UUID:KEY`, or nothing where no call needs it.
    pub auth: Option<String>,
    /// A file with the client's certificate, in PEM.
    pub cert: Option<String>,
    /// A file with the certificate's key, in PEM.
    pub key: Option<String>,
    /// Whether any certificate of the server is good.
    pub insecure: bool,
    /// What the client calls itself.
    pub user_agent: String,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no host.
    #[error("An API host must be provided.")]
    NoHost,
    /// The host is no URL.
    #[error("'{host}' is no host and no URL: {reason}")]
    Host {
        /// What was given.
        host: String,
        /// Why it is none.
        reason: String,
    },
    /// The key has no certificate.
    #[error("The Cert file is not configured. Please configure the missing Cert file.")]
    NoCert,
    /// The certificate has no key.
    #[error("The Key file is not configured. Please configure the missing Key file.")]
    NoKey,
    /// The certificate or its key cannot be used.
    #[error("Unable to load the X509 key pair due to the following reason: {0}")]
    KeyPair(String),
}

/// The URL of the API at `host`: `https://host/api`.
///
/// # Errors
/// When `host` is empty or no URL.
pub fn base_url(host: &str) -> Result<Url, ConfigError> {
    let (scheme, place) = match host.split_once("://") {
        Some((scheme @ ("http" | "https"), place)) => (scheme, place),
        _ => ("https", host),
    };
    let place = place.trim_end_matches('/');
    if place.is_empty() {
        return Err(ConfigError::NoHost);
    }
    let text = format!("{scheme}://{place}/api");
    Url::parse(&text).map_err(|error| ConfigError::Host { host: host.to_owned(), reason: error.to_string() })
}

impl Config {
    /// What carries requests to `base`.
    pub(crate) fn transport(&self, base: &Url) -> Result<reqwest::Client, ConfigError> {
        let builder = reqwest::Client::builder().connect_timeout(CONNECT_LIMIT).user_agent(&self.user_agent);
        let identity = self.identity()?;
        builder
            .tls_backend_preconfigured(self.tls(base, identity)?)
            .build()
            .map_err(|error| ConfigError::Host { host: self.host.clone(), reason: error.to_string() })
    }

    /// The client's certificate and its key.
    fn identity(&self) -> Result<Option<Identity>, ConfigError> {
        let (cert, key) = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => (cert, key),
            (None, None) => return Ok(None),
            _ if self.insecure => return Ok(None),
            (None, Some(_)) => return Err(ConfigError::NoCert),
            (Some(_), None) => return Err(ConfigError::NoKey),
        };
        let certs: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
        let certs = certs.map_err(|error| ConfigError::KeyPair(format!("{cert}: {error}")))?;
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| ConfigError::KeyPair(format!("{key}: {error}")))?;
        Ok(Some(Identity { certs, key }))
    }

    fn tls(&self, base: &Url, identity: Option<Identity>) -> Result<rustls::ClientConfig, ConfigError> {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| ConfigError::KeyPair(error.to_string()))?;
        let builder = if self.insecure {
            builder.dangerous().with_custom_certificate_verifier(std::sync::Arc::new(Anyone(provider)))
        } else {
            builder.with_root_certificates(roots(base))
        };
        match identity {
            Some(Identity { certs, key }) => builder
                .with_client_auth_cert(certs, key)
                .map_err(|error| ConfigError::KeyPair(error.to_string())),
            None => Ok(builder.with_no_client_auth()),
        }
    }
}

struct Identity {
    certs: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Whom to believe: the machine's own authorities. Reading them takes longer than a call on loopback, so a server
/// without TLS does without.
fn roots(base: &Url) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    if base.scheme() == "https" {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    roots
}

/// `--insecure`: any certificate is good. Signatures are checked nevertheless.
#[derive(Debug)]
struct Anyone(std::sync::Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_a_scheme_is_https() {
        assert_eq!(base_url("example.org:8443").unwrap().as_str(), "https://example.org:8443/api");
        assert_eq!(base_url("http://127.0.0.1:3233/").unwrap().as_str(), "http://127.0.0.1:3233/api");
        assert!(matches!(base_url(""), Err(ConfigError::NoHost)));
        assert!(matches!(base_url("a b"), Err(ConfigError::Host { .. })));
        assert!(matches!(base_url("http://"), Err(ConfigError::NoHost)));
    }
}
