//! Requests over NATS, answered by the members of a queue group.

use super::{Daemon, find};
use oxiwhisk_test_e2e::server::free_port;
use oxiwhisk_test_e2e::time;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// The bytes of a request and of its answer.
const PAYLOAD: usize = 200;

/// A server.
#[derive(Debug)]
pub struct Nats {
    daemon: Daemon,
}

impl Nats {
    /// Starts it.
    ///
    /// # Errors
    /// When it is missing or does not answer.
    pub fn start() -> io::Result<Nats> {
        let port = free_port();
        let arguments = ["-a", "127.0.0.1", "-p", &port.to_string()];
        Ok(Nats { daemon: Daemon::start(&find("nats-server", "nats-server")?, arguments, port)? })
    }

    /// Its resident memory, in MiB.
    #[must_use]
    pub fn resident_mib(&self) -> f64 {
        self.daemon.resident_mib()
    }

    /// Requests a second of that many callers, answered by as many members of a queue group.
    ///
    /// # Errors
    /// When a connection fails.
    pub fn rate(&self, pairs: usize, period: Duration) -> io::Result<f64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let address = self.daemon.address;
        LocalSet::new().block_on(&runtime, async {
            for _ in 0..pairs {
                let mut wire = Wire::connect(address).await?;
                wire.send("SUB work workers 1\r\nPING\r\n").await?;
                wire.until_pong().await?;
                tokio::task::spawn_local(answer(wire));
            }
            let started = time::now();
            let tasks: Vec<_> =
                (0..pairs).map(|number| tokio::task::spawn_local(ask(address, number, period))).collect();
            let mut count = 0;
            for task in tasks {
                count += task.await.map_err(io::Error::other)??;
            }
            Ok(f64::from(count) / started.elapsed().as_secs_f64())
        })
    }
}

async fn ask(address: SocketAddr, number: usize, period: Duration) -> io::Result<u32> {
    let mut wire = Wire::connect(address).await?;
    wire.send(&format!("SUB inbox.{number} 1\r\nPING\r\n")).await?;
    wire.until_pong().await?;
    let request = format!("PUB work inbox.{number} {PAYLOAD}\r\n{}\r\n", "x".repeat(PAYLOAD));
    let started = time::now();
    let mut count = 0;
    while started.elapsed() < period {
        wire.send(&request).await?;
        wire.message().await?;
        count += 1;
    }
    Ok(count)
}

/// Answers until the connection, or the test of the rate, is over.
async fn answer(mut wire: Wire) {
    while let Ok(reply) = wire.message().await {
        let text = format!("PUB {reply} {PAYLOAD}\r\n{}\r\n", "y".repeat(PAYLOAD));
        if wire.send(&text).await.is_err() {
            return;
        }
    }
}

/// A connection.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    seen: usize,
}

impl Wire {
    async fn connect(address: SocketAddr) -> io::Result<Wire> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut wire = Wire { stream, buffer: Vec::with_capacity(4096), seen: 0 };
        wire.send("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n").await?;
        Ok(wire)
    }

    async fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer[self.seen..]) {
                let line =
                    String::from_utf8_lossy(&self.buffer[self.seen..self.seen + end]).trim().to_owned();
                self.seen += end + 1;
                return Ok(line);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.seen);
        self.seen = 0;
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    async fn until_pong(&mut self) -> io::Result<()> {
        while self.line().await? != "PONG" {}
        Ok(())
    }

    /// Waits for the next message, skips its payload, and gives where its answer goes (empty if nowhere).
    async fn message(&mut self) -> io::Result<String> {
        loop {
            let line = self.line().await?;
            if line == "PING" {
                self.send("PONG\r\n").await?;
            } else if let Some(head) = line.strip_prefix("MSG ") {
                // SUBJECT NUMBER [REPLY] LENGTH
                let words: Vec<&str> = head.split(' ').collect();
                let length: usize = words.last().and_then(|word| word.parse().ok()).unwrap_or(0);
                while self.buffer.len() < self.seen + length + 2 {
                    self.fill().await?;
                }
                self.seen += length + 2;
                return Ok(if words.len() == 4 { words[2].to_owned() } else { String::new() });
            }
        }
    }
}
