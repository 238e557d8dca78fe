//! The sockets of the REST API: accepting, limits of connections, and draining.
//!
//! It must not know what requests mean. The one exception is `GET /ping` while the controller is still being put
//! together: it is answered here, so that a supervisor sees a live process at once; other requests wait for the
//! controller.

mod patient;

use crate::StartError;
use crate::config::Server;
use base::shutdown::{Phase, ShutdownWatch};
use base::task::{OnPanic, spawn};
use bytes::Bytes;
use controller::{Body, Controller};
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use patient::Patient;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SetOnce};

/// Connections that the kernel has accepted and that wait for us; more are not answered until there is room.
const BACKLOG: u32 = 4096;
/// The longest head of a request, so that a connection's buffer is bounded. The longest address alone may have 8 KB
/// (HTTP-18).
const MAX_HEAD: usize = 64 << 10;
/// How long to wait after an accept that failed, because file descriptors are short for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Front {
    listener: TcpListener,
    address: SocketAddr,
    max_connections: usize,
    idle_timeout: Duration,
}

/// What answers requests: there once the controller is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Service {
    controller: Arc<SetOnce<Arc<Controller>>>,
}

impl Front {
    /// Binds the configured address.
    pub(crate) fn bind(config: &Server) -> Result<Front, StartError> {
        let wanted = SocketAddr::new(config.host, config.port);
        let bind = || {
            let socket = if wanted.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // A server that was just stopped leaves connections behind that must not keep the port.
            socket.set_reuseaddr(true)?;
            socket.bind(wanted)?;
            let listener = socket.listen(BACKLOG)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bind().map_err(|source| StartError::Address { address: wanted, source })?;
        Ok(Front {
            listener,
            address,
            max_connections: config.max_connections,
            idle_timeout: config.idle_timeout,
        })
    }

    /// Where it listens: with the port that was taken where the configuration says 0.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections until the drain begins, and returns when the last one has closed or all is to stop. While it
    /// drains, requests under way are answered and idle connections closed.
    pub(crate) async fn serve(self, service: Service, stop: ShutdownWatch) {
        let most = u32::try_from(self.max_connections).unwrap_or(u32::MAX).min(MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(most as usize));
        let mut draining = pin!(stop.reached(Phase::Draining));
        loop {
            let next = async {
                // The semaphore is never closed.
                let permit = permits.clone().acquire_owned().await.ok();
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                biased;
                () = &mut draining => break,
                next = next => next,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (service, stop) = (service.clone(), stop.clone());
                    let connection = serve_connection(stream, permit, service, self.idle_timeout, stop);
                    spawn("connection", OnPanic::Log, connection);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        tokio::select! {
            biased;
            () = stop.reached(Phase::Stopped) => {}
            // All permits are back when no connection is left.
            _ = permits.acquire_many(most) => {}
        }
    }
}

/// More than a process can have file descriptors.
const MAX_PERMITS: u32 = 1 << 28;

/// Serves one connection, which keeps its permit for as long.
async fn serve_connection(
    stream: TcpStream,
    _permit: Option<OwnedSemaphorePermit>,
    service: Service,
    idle: Duration,
    stop: ShutdownWatch,
) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Patient::new(stream, idle)), answer);
    let mut connection = pin!(connection);
    let mut draining = pin!(stop.reached(Phase::Draining));
    tokio::select! {
        biased;
        // A client that goes away, or speaks something else, is none of our faults.
        _ = &mut connection => return,
        () = &mut draining => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        biased;
        _ = &mut connection => {}
        () = stop.reached(Phase::Stopped) => {}
    }
}

impl Service {
    /// From now on the controller answers. Called once.
    pub(crate) fn set(&self, controller: Arc<Controller>) {
        let first = self.controller.set(controller).is_ok();
        assert!(first, "there is one controller in a process");
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let controller = match self.controller.get() {
            Some(controller) => controller,
            None if request.method() == Method::GET && request.uri().path() == "/ping" => return pong(),
            None => self.controller.wait().await,
        };
        // An idle connection keeps room for this future; boxed, that is a pointer instead of kilobytes.
        let mut response = guarded(Box::pin(controller.handle(request))).await;
        // WEB-36: without this, a placeholder would stand where no reason is known.
        if response.status().canonical_reason().is_none() {
            response.extensions_mut().insert(ReasonPhrase::from_static(b""));
        }
        response
    }
}

/// The answer, or that of a fault of the server where making it panics: that costs one request, and not the others of its
/// connection (ERR-16).
async fn guarded(answer: impl Future<Output = Response<Body>>) -> Response<Body> {
    let made = AssertUnwindSafe(answer).catch_unwind().await;
    made.unwrap_or_else(|_| {
        tracing::error!("a request panicked");
        // Upstream's id of a request that has none that is known.
        let text = r#"{"error":"There was an internal server error.","code":"sid_unknown"}"#;
        let mut response = Response::new(Body::new(text));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    })
}

/// HTTP-09.
fn pong() -> Response<Body> {
    let mut response = Response::new(Body::new(Bytes::from_static(b"pong")));
    let text = HeaderValue::from_static("text/plain; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

#[cfg(test)]
mod tests;
