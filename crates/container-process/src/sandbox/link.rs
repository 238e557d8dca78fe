//! The server's side of the spawner: starts it, asks it for first processes, and starts it again when it has ended.

use crate::config::Places;
use crate::instance::Instance;
use crate::wire::{self, Answer, Hello, Make, SandboxSpec, View};
use base::task::{OnPanic, spawn};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Semaphore, oneshot};

/// The most questions that wait for an answer at a time; more wait for their turn.
const MAX_OPEN: usize = 64;

/// How long the spawner may take to get ready.
const READY_PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take to remove everything.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// The way to the spawner.
#[derive(Debug)]
pub(crate) struct Link {
    instance: Arc<Instance>,
    places: Places,
    view: View,
    rootless: bool,
    turns: Semaphore,
    next_id: AtomicU64,
    /// `None` before the first start and after the spawner has ended.
    current: tokio::sync::Mutex<Option<Arc<Connection>>>,
}

/// One spawner.
#[derive(Debug)]
struct Connection {
    socket: AsyncFd<OwnedFd>,
    /// Who waits for which answer; `None` once the spawner has ended.
    open: Mutex<Option<HashMap<u64, oneshot::Sender<io::Result<OwnedFd>>>>>,
}

/// What a first process is made with.
#[derive(Debug)]
pub(crate) struct FirstProcess {
    /// What it is to make.
    pub spec: SandboxSpec,
    /// Its end of the socket to the server.
    pub socket: OwnedFd,
    /// The group of version 2 that it is cloned into.
    pub unified: Option<OwnedFd>,
    /// The network of an earlier sandbox with the same addresses.
    pub kept: Option<OwnedFd>,
    /// The groups of version 1 that it joins.
    pub joins: Vec<OwnedFd>,
}

impl Link {
    pub(crate) fn new(instance: Arc<Instance>, places: Places, view: View, rootless: bool) -> Link {
        Link {
            instance,
            places,
            view,
            rootless,
            turns: Semaphore::new(MAX_OPEN),
            next_id: AtomicU64::new(1),
            current: tokio::sync::Mutex::new(None),
        }
    }

    /// Lets the spawner go: it ends every sandbox and removes what the instance has made.
    pub(crate) async fn stop(&self) {
        let last = self.current.lock().await.take();
        if let Some(connection) = last {
            // It reads the end, cleans up, and ends; the reader sees that.
            let _ = rustix::net::shutdown(connection.socket.get_ref(), rustix::net::Shutdown::Write);
            let gone = async {
                while connection.open.lock().is_some() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            if tokio::time::timeout(STOP_PATIENCE, gone).await.is_err() {
                tracing::error!(
                    "the spawner of sandboxes does not end; what is left is swept at the next start"
                );
            }
        }
    }

    /// Has a first process made and returns its descriptor.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn make(&self, first: FirstProcess) -> io::Result<OwnedFd> {
        let _turn = self.turns.acquire().await.map_err(io::Error::other)?;
        let connection = self.connection().await?;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        match connection.open.lock().as_mut() {
            Some(open) => open.insert(id, tell),
            None => return Err(ended()),
        };
        let make =
            Make { id, sandbox: first.spec, unified: first.unified.is_some(), kept: first.kept.is_some() };
        let mut fds = vec![first.socket.as_fd()];
        fds.extend(first.unified.iter().map(AsFd::as_fd));
        fds.extend(first.kept.iter().map(AsFd::as_fd));
        fds.extend(first.joins.iter().map(AsFd::as_fd));
        if let Err(error) = send(&connection.socket, &make, &fds).await {
            connection.open.lock().as_mut().and_then(|open| open.remove(&id));
            return Err(error);
        }
        told.await.unwrap_or_else(|_| Err(ended()))
    }

    async fn connection(&self) -> io::Result<Arc<Connection>> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current.as_ref().filter(|connection| connection.open.lock().is_some()) {
            return Ok(connection.clone());
        }
        if current.take().is_some() {
            tracing::error!("the spawner of sandboxes has ended; starting another");
        }
        let (connection, child) = self.connect().await?;
        let connection = Arc::new(connection);
        spawn("spawner answers", OnPanic::Abort, read_answers(connection.clone(), child));
        *current = Some(connection.clone());
        Ok(connection)
    }

    async fn connect(&self) -> io::Result<(Connection, Child)> {
        let (ours, theirs) = wire::pair()?;
        let (program, arguments) = &self.places.spawner;
        let child = start_program(program, arguments, theirs)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        let socket = register(ours)?;
        let run_dir = self.instance.dir().to_owned();
        let hello = Hello { run_dir, view: self.view.clone(), rootless: self.rootless };
        send(&socket, &hello, &[self.instance.file()]).await?;
        let answer = tokio::time::timeout(READY_PATIENCE, receive::<Answer>(&socket)).await;
        match answer.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the spawner does not answer"))?? {
            Some((Answer::Ready, _)) => {
                Ok((Connection { socket, open: Mutex::new(Some(HashMap::new())) }, child))
            }
            Some((Answer::Unable(failure), _)) => Err(failure.into_error()),
            Some(_) | None => Err(ended()),
        }
    }
}

/// Starts the spawner with nothing of this process but the socket. The standard library does not fork for that.
fn start_program(program: &std::path::Path, arguments: &[String], socket: OwnedFd) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;
    Command::new(program)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        // What the terminal sends to the server's group is the server's to answer.
        .process_group(0)
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
}

/// Hands answers out until the spawner ends.
async fn read_answers(connection: Arc<Connection>, mut child: Child) {
    while let Ok(Some((answer, mut fds))) = receive::<Answer>(&connection.socket).await {
        let (id, outcome) = match answer {
            Answer::Made { id } => (id, fds.pop().ok_or_else(ended)),
            Answer::Refused { id, failure } => (id, Err(failure.into_error())),
            Answer::Ready | Answer::Unable(_) => continue,
        };
        let waits = connection.open.lock().as_mut().and_then(|open| open.remove(&id));
        if let Some(waits) = waits {
            // Who has given up drops the process, which then finds its socket closed and ends.
            let _ = waits.send(outcome);
        }
    }
    // Without this the kernel would keep the process for us to look at.
    let _ = tokio::task::spawn_blocking(move || child.wait()).await;
    connection.open.lock().take();
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the spawner of sandboxes has ended")
}

/// Watches a descriptor that does not block.
#[expect(unsafe_code, reason = "the runtime asks its callers to vouch for the descriptor")]
pub(super) fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor keeps its number and stays open until it is dropped, which the result does with it.
    unsafe { AsyncFd::register(fd) }.map_err(|error| error.into_parts().1)
}

/// Sends a packet on a socket that does not block.
pub(super) async fn send<T: serde::Serialize + Sync>(
    socket: &AsyncFd<OwnedFd>,
    message: &T,
    fds: &[std::os::fd::BorrowedFd<'_>],
) -> io::Result<()> {
    loop {
        let mut ready = socket.writable().await?;
        if let Ok(sent) = ready.try_io(|socket| wire::send(socket.as_fd(), message, fds)) {
            return sent;
        }
    }
}

/// Receives a packet from a socket that does not block; `None` at the end.
pub(super) async fn receive<T: serde::de::DeserializeOwned>(
    socket: &AsyncFd<OwnedFd>,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    loop {
        let mut ready = socket.readable().await?;
        if let Ok(received) = ready.try_io(|socket| wire::receive(socket.as_fd())) {
            return received;
        }
    }
}
