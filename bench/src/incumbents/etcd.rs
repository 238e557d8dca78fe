//! etcd on loopback, spoken to in its own protocol over kept connections.

use super::{Daemon, find, missing};
use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use oxiwhisk_test_e2e::server::free_port;
use oxiwhisk_test_e2e::{Client, Request, time};
use serde_json::Value;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// The bytes of a value.
const VALUE: usize = 200;
/// Connections that clients share; each carries many calls at a time.
const CONNECTIONS: usize = 8;
/// How long an election may take.
const ELECTION_LIMIT: Duration = Duration::from_secs(30);
/// How often a write is begun while there is no leader.
const RETRY: Duration = Duration::from_millis(5);

/// One or more members.
#[derive(Debug)]
pub struct Etcd {
    members: Vec<Daemon>,
    // Goes with the members.
    _scratch: tempfile::TempDir,
}

impl Etcd {
    /// Starts that many members, and waits until a write succeeds.
    ///
    /// # Errors
    /// When etcd is missing, or nobody becomes leader.
    pub fn start(count: usize) -> io::Result<Etcd> {
        let program = find("etcd", "etcd-server")?;
        let scratch = tempfile::tempdir()?;
        let ports: Vec<(u16, u16)> = (0..count).map(|_| (free_port(), free_port())).collect();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let all = ports.iter().enumerate().map(|(number, (_, peer))| format!("m{number}={}", url(*peer)));
        let all = all.collect::<Vec<_>>().join(",");
        let mut members = Vec::new();
        for (number, (client, peer)) in ports.into_iter().enumerate() {
            let mut command = Command::new(&program);
            command.arg("--name").arg(format!("m{number}"));
            command.arg("--data-dir").arg(scratch.path().join(number.to_string()));
            for (name, port) in [
                ("--listen-client-urls", client),
                ("--advertise-client-urls", client),
                ("--listen-peer-urls", peer),
                ("--initial-advertise-peer-urls", peer),
            ] {
                command.arg(name).arg(url(port));
            }
            command.args(["--initial-cluster", &all, "--log-level", "error"]);
            members.push(Daemon::spawn(&mut command, client)?);
        }
        let members = members.into_iter().map(Daemon::wait).collect::<io::Result<Vec<_>>>()?;
        let etcd = Etcd { members, _scratch: scratch };
        etcd.first_write(ELECTION_LIMIT)?;
        Ok(etcd)
    }

    /// The resident memory of all members, in MiB.
    #[must_use]
    pub fn resident_mib(&self) -> f64 {
        self.members.iter().map(Daemon::resident_mib).sum()
    }

    /// Writes in a second with so many clients, each waiting for its own.
    ///
    /// # Errors
    /// The first write that fails.
    pub fn put_rate(&self, clients: usize, period: Duration) -> io::Result<f64> {
        let address = self.members[0].address;
        block_on(async {
            let mut channels = Vec::new();
            for _ in 0..CONNECTIONS.min(clients) {
                channels.push(Channel::connect(address).await?);
            }
            let count = Rc::new(Cell::new(0_u32));
            let started = time::now();
            let tasks: Vec<_> = (0..clients)
                .map(|client| {
                    let (channel, count) = (channels[client % channels.len()].clone(), count.clone());
                    tokio::task::spawn_local(async move {
                        while started.elapsed() < period {
                            let key = format!("bench/{}", count.replace(count.get() + 1) % 10_000);
                            channel.put(&key).await?;
                        }
                        Ok::<_, io::Error>(())
                    })
                })
                .collect();
            for task in tasks {
                task.await.map_err(io::Error::other)??;
            }
            Ok(f64::from(count.get()) / started.elapsed().as_secs_f64())
        })
    }

    /// Ends the leader as a power cut would, and gives how long it takes until a write succeeds again.
    ///
    /// # Errors
    /// When no member is the leader, or nobody becomes it.
    pub fn lose_leader(&mut self) -> io::Result<Duration> {
        let leader = (0..self.members.len())
            .find(|member| self.leads(*member).unwrap_or(false))
            .ok_or_else(|| io::Error::other("no member is the leader"))?;
        let mut leader = self.members.swap_remove(leader);
        let started = time::now();
        leader.kill()?;
        self.first_write(ELECTION_LIMIT)?;
        Ok(started.elapsed())
    }

    fn leads(&self, member: usize) -> io::Result<bool> {
        let client = Client::new(self.members[member].address);
        let status: Value =
            client.send(&Request::new("POST", "/v3/maintenance/status").json(&serde_json::json!({})))?.json();
        Ok(status["leader"].is_string() && status["leader"] == status["header"]["member_id"])
    }

    /// Begins a write every few milliseconds, at every member in turn, until one has succeeded: one that was begun without
    /// a leader may not be answered for seconds.
    fn first_write(&self, limit: Duration) -> io::Result<()> {
        let addresses: Vec<SocketAddr> = self.members.iter().map(|member| member.address).collect();
        block_on(async {
            let done = Rc::new(tokio::sync::Notify::new());
            let attempts = async {
                for address in addresses.iter().cycle() {
                    let (address, done) = (*address, done.clone());
                    tokio::task::spawn_local(async move {
                        let written = async { Channel::connect(address).await?.put("bench/first").await };
                        if written.await.is_ok() {
                            done.notify_one();
                        }
                    });
                    tokio::time::sleep(RETRY).await;
                }
            };
            tokio::select! {
                biased;
                () = done.notified() => Ok(()),
                () = attempts => Ok(()),
                () = tokio::time::sleep(limit) => Err(missing("etcd takes no writes here")),
            }
        })
    }
}

fn block_on<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

/// A connection.
#[derive(Clone)]
struct Channel {
    send: SendRequest<Bytes>,
    target: String,
}

impl Channel {
    async fn connect(address: SocketAddr) -> io::Result<Channel> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (send, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
        tokio::task::spawn_local(async move {
            // What goes wrong there shows in the calls.
            let _ = connection.await;
        });
        Ok(Channel { send, target: format!("http://{address}/etcdserverpb.KV/Put") })
    }

    async fn put(&self, key: &str) -> io::Result<()> {
        let request = http::Request::post(&self.target)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(io::Error::other)?;
        let mut send = self.send.clone().ready().await.map_err(io::Error::other)?;
        let (response, mut body) = send.send_request(request, false).map_err(io::Error::other)?;
        body.send_data(message(key), true).map_err(io::Error::other)?;
        let mut answer = response.await.map_err(io::Error::other)?.into_body();
        while let Some(piece) = answer.data().await {
            let piece = piece.map_err(io::Error::other)?;
            answer.flow_control().release_capacity(piece.len()).map_err(io::Error::other)?;
        }
        let trailers = answer.trailers().await.map_err(io::Error::other)?.unwrap_or_default();
        match trailers.get("grpc-status").map(http::HeaderValue::as_bytes) {
            Some(b"0") => Ok(()),
            _ => Err(io::Error::other(format!("etcd did not write: {trailers:?}"))),
        }
    }
}

/// The message of a `PutRequest` with its frame: field 1 is the key, field 2 the value.
fn message(key: &str) -> Bytes {
    let mut message = BytesMut::new();
    let mut field = |tag: u8, bytes: &[u8]| {
        message.put_u8(tag);
        let mut length = bytes.len();
        while length >= 0x80 {
            message.put_u8(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
            length >>= 7;
        }
        message.put_u8(u8::try_from(length).unwrap_or(0));
        message.put_slice(bytes);
    };
    field(0x0a, key.as_bytes());
    field(0x12, &[b'x'; VALUE]);
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(&message);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_fields_have_long_lengths() {
        let frame = message("k");
        assert_eq!(frame[..5], [0, 0, 0, 0, 206]);
        assert_eq!(frame[5..8], [0x0a, 1, b'k']);
        assert_eq!(frame[8..11], [0x12, 0xc8, 1]);
        assert_eq!(frame.len(), 5 + 206);
    }
}
