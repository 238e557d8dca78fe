//! Lists of Redis as a queue: producers push, consumers wait.

use super::{Daemon, find};
use oxiwhisk_test_e2e::server::free_port;
use oxiwhisk_test_e2e::time;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// The bytes of an element.
const PAYLOAD: usize = 200;

/// A server without persistence.
#[derive(Debug)]
pub struct Redis {
    daemon: Daemon,
}

impl Redis {
    /// Starts it.
    ///
    /// # Errors
    /// When it is missing or does not answer.
    pub fn start() -> io::Result<Redis> {
        let port = free_port();
        let arguments =
            ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        Ok(Redis { daemon: Daemon::start(&find("redis-server", "redis-server")?, arguments, port)? })
    }

    /// Its resident memory, in MiB.
    #[must_use]
    pub fn resident_mib(&self) -> f64 {
        self.daemon.resident_mib()
    }

    /// Elements a second from that many producers to as many consumers, `pipelined` of them in one message.
    ///
    /// # Errors
    /// When a connection fails.
    pub fn rate(&self, pairs: usize, pipelined: usize, period: Duration) -> io::Result<f64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let address = self.daemon.address;
        LocalSet::new().block_on(&runtime, async {
            let started = time::now();
            let mut tasks = Vec::new();
            for _ in 0..pairs {
                tasks.push(tokio::task::spawn_local(produce(address, pipelined, period)));
            }
            let mut consumers = Vec::new();
            for _ in 0..pairs {
                consumers.push(tokio::task::spawn_local(consume(address, pipelined, period)));
            }
            for task in tasks {
                task.await.map_err(io::Error::other)??;
            }
            let mut count = 0;
            for consumer in consumers {
                count += consumer.await.map_err(io::Error::other)??;
            }
            Ok(f64::from(count) / started.elapsed().as_secs_f64())
        })
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn command(words: &[&str]) -> String {
    let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), words.collect::<String>())
}

async fn produce(address: SocketAddr, pipelined: usize, period: Duration) -> io::Result<()> {
    let mut stream = connect(address).await?;
    let pushes = command(&["LPUSH", "queue", &"x".repeat(PAYLOAD)]).repeat(pipelined);
    let mut buffer = Vec::with_capacity(4096);
    let started = time::now();
    while started.elapsed() < period {
        stream.write_all(pushes.as_bytes()).await?;
        // An answer is one line, the length of the list.
        let mut answers = 0;
        while answers < pipelined {
            buffer.clear();
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answers += memchr::memchr_iter(b'\n', &buffer).count();
        }
    }
    Ok(())
}

async fn consume(address: SocketAddr, pipelined: usize, period: Duration) -> io::Result<u32> {
    let mut stream = connect(address).await?;
    // A list that stays empty is given up after a while, so that consumers end when producers have.
    let pops = command(&["BRPOP", "queue", "0.2"]).repeat(pipelined);
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut count = 0;
    let started = time::now();
    while started.elapsed() < period {
        stream.write_all(pops.as_bytes()).await?;
        buffer.clear();
        let mut answers = 0;
        let mut seen = 0;
        while answers < pipelined {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            while let Some((length, full)) = answer(&buffer[seen..]) {
                seen += length;
                answers += 1;
                count += u32::from(full);
            }
        }
    }
    Ok(count)
}

/// The length of the first answer, if all of it is there, and whether it holds an element: `*2` and two strings, or `*-1`.
fn answer(bytes: &[u8]) -> Option<(usize, bool)> {
    let first = memchr::memchr(b'\n', bytes)? + 1;
    if bytes.starts_with(b"*-1") {
        return Some((first, false));
    }
    // `$5`, the name of the list, `$200`, the element.
    let lines = memchr::memchr_iter(b'\n', bytes).nth(4)? + 1;
    Some((lines, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let full = b"*2\r\n$5\r\nqueue\r\n$1\r\nx\r\n*-1\r\n";
        assert_eq!(answer(full), Some((22, true)));
        assert_eq!(answer(&full[22..]), Some((5, false)));
        assert_eq!(answer(&full[..20]), None);
    }
}
