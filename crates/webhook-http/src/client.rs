use crate::network::{Network, canonical, is_public};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use webhook::{Call, CallError, Forbidden, Target, Webhook};

/// How many addresses of one name are tried.
const MAX_ADDRESSES: usize = 4;
/// The longest head of an answer that is read; of its body nothing is.
const MAX_HEAD: usize = 16 << 10;

/// How receivers are spoken to.
#[derive(Clone, Debug)]
pub struct Config {
    /// The networks that may be spoken to beside the public Internet.
    pub networks: Vec<Network>,
    /// How long one call may take, from looking its name up to the head of its answer.
    pub timeout: Duration,
}

/// Speaks to receivers, each time over a connection of its own.
pub struct HttpWebhook {
    config: Config,
    tls: TlsConnector,
}

impl HttpWebhook {
    /// A client that trusts the authorities that browsers do.
    #[must_use]
    pub fn new(config: Config) -> HttpWebhook {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        HttpWebhook::with_roots(config, roots)
    }

    /// A client that trusts these authorities.
    ///
    /// # Panics
    /// Never: the provider offers the versions of TLS that are asked for.
    #[must_use]
    pub fn with_roots(config: Config, roots: RootCertStore) -> HttpWebhook {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring offers TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        HttpWebhook { config, tls: TlsConnector::from(Arc::new(tls)) }
    }

    fn judge(&self, address: std::net::IpAddr) -> Result<(), Forbidden> {
        let address = canonical(address);
        let allowed =
            is_public(address) || self.config.networks.iter().any(|network| network.contains(address));
        if allowed { Ok(()) } else { Err(Forbidden(address)) }
    }

    /// A connection to one of the target's addresses that may be spoken to.
    async fn connect(&self, target: &Target) -> Result<TcpStream, CallError> {
        let found = lookup_host((target.host(), target.port())).await;
        let addresses: Vec<SocketAddr> =
            found.map_err(|error| failed("find", error))?.take(MAX_ADDRESSES).collect();
        let mut last = failed("find", "its name has no address");
        for address in addresses {
            if let Err(forbidden) = self.judge(address.ip()) {
                last = forbidden.into();
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = failed("connect to", error),
            }
        }
        Err(last)
    }

    async fn call_without_bounds(&self, call: Call) -> Result<StatusCode, CallError> {
        let stream = self.connect(&call.target).await?;
        if !call.target.is_secure() {
            return exchange(stream, call).await;
        }
        let name =
            ServerName::try_from(call.target.host().to_owned()).map_err(|error| failed("name", error))?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| failed("trust", error))?;
        exchange(stream, call).await
    }
}

#[async_trait]
impl Webhook for HttpWebhook {
    fn check(&self, target: &Target) -> Result<(), Forbidden> {
        target.address().map_or(Ok(()), |address| self.judge(address))
    }

    async fn call(&self, call: Call) -> Result<StatusCode, CallError> {
        match tokio::time::timeout(self.config.timeout, self.call_without_bounds(call)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::TooSlow),
        }
    }
}

/// Sends the call and reads the head of the answer; then the connection is dropped, and whatever body there is with it.
async fn exchange<S>(stream: S, call: Call) -> Result<StatusCode, CallError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let handshake = http1::Builder::new().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| failed("speak to", error))?;
    let mut answer = pin!(sender.send_request(request(call)?));
    let mut connection = pin!(connection);
    let mut open = true;
    let answered = loop {
        tokio::select! {
            biased;
            answered = &mut answer => break answered,
            // What went wrong, if anything did, is heard from the answer.
            _ = &mut connection, if open => open = false,
        }
    };
    Ok(answered.map_err(|error| failed("speak to", error))?.status())
}

fn request(call: Call) -> Result<Request<Full<Bytes>>, CallError> {
    let Call { target, headers, body } = call;
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(target.path())
        .body(Full::new(body))
        .map_err(|error| failed("ask", error))?;
    *request.headers_mut() = headers;
    let host = HeaderValue::from_str(target.authority()).map_err(|error| failed("name", error))?;
    request.headers_mut().insert(HOST, host);
    Ok(request)
}

fn failed(verb: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CallError {
    CallError::Failed { verb, source: source.into() }
}

impl fmt::Debug for HttpWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpWebhook").field("config", &self.config).finish_non_exhaustive()
    }
}
