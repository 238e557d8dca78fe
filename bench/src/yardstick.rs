//! The servers that everything is measured against. Each runs in a process of its own, one thread.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::task::LocalSet;

/// A yardstick in a process of its own; ends with this value.
#[derive(Debug)]
pub struct Yardstick {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Yardstick {
    /// Starts a program that prints the port it listens on as its first line.
    ///
    /// # Errors
    /// When it cannot be started or prints something else.
    pub fn start(command: &mut Command) -> io::Result<Yardstick> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = Vec::new();
        let out = child.stdout.as_mut().ok_or_else(|| io::Error::other("a yardstick without output"))?;
        let mut byte = [0];
        while out.read(&mut byte)? == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        let port = String::from_utf8_lossy(&line).trim().parse().map_err(io::Error::other)?;
        Ok(Yardstick { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// One of this program's own yardsticks.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn own(name: &str) -> io::Result<Yardstick> {
        Yardstick::start(Command::new(std::env::current_exe()?).args(["serve", name]))
    }

    /// The processor time that it has used.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        oxiwhisk_test_e2e::processes::cpu_time(self.child.id())
    }
}

impl Drop for Yardstick {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Y1: a bare hyper server that sends bodies back. `/run` does what a function's own server would: it takes the `value`
/// out of the body and answers with that.
///
/// # Errors
/// When it cannot listen.
pub fn serve_http() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        tell_port(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(async move {
                // A client that goes away is no failure of the yardstick.
                let _ =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            });
        }
    })
}

#[derive(Deserialize)]
struct Run<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let is_run = request.uri().path() == "/run";
    let mut body = request.into_body().collect().await?.to_bytes();
    if is_run && let Ok(run) = serde_json::from_slice::<Run<'_>>(&body) {
        body = Bytes::copy_from_slice(run.value.get().as_bytes());
    }
    let mut response = Response::new(Full::new(body));
    response
        .headers_mut()
        .insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

#[expect(clippy::print_stdout, reason = "whoever started the yardstick reads its port there")]
pub(crate) fn tell_port(address: SocketAddr) -> io::Result<()> {
    println!("{}", address.port());
    io::stdout().flush()
}
