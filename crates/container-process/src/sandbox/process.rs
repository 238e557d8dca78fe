use super::link;
use super::maker::Shared;
use super::slots::{Left, Slot};
use crate::cgroup::{Group, GroupLimits};
use crate::wire::{self, Report, Start};
use base::task::{OnPanic, spawn};
use parking_lot::Mutex;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, pidfd_send_signal};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::sync::{OnceCell, SetOnce};

/// How long the kernel may take to make a sandbox, to start a program, or to stop its processes.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the reason of an end may come after the end.
const REASON_PATIENCE: Duration = Duration::from_secs(1);

/// How often the freezer is looked at.
const FREEZE_INTERVAL: Duration = Duration::from_micros(500);

/// What is to be started in a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program's absolute path in the sandbox, and its arguments.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// The file descriptor on which it reads commands.
    pub command_fd: i32,
    /// The file descriptor on which it writes results.
    pub result_fd: i32,
}

/// The server's ends of the pipes to a process. All are non-blocking.
#[derive(Debug)]
pub struct Pipes {
    /// Commands are written here.
    pub commands: OwnedFd,
    /// Results are read here.
    pub results: OwnedFd,
    /// Its standard output.
    pub stdout: OwnedFd,
    /// Its standard error.
    pub stderr: OwnedFd,
}

/// How the main process of a sandbox ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited with this code.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// The kernel ended it, or one of its processes, for using too much memory.
    OutOfMemory,
    /// Its sandbox is gone: it was destroyed, or the spawner ended.
    Lost,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Exited(code) => write!(f, "exit code {code}"),
            End::Signalled(signal) => write!(f, "signal {signal}"),
            End::OutOfMemory => f.write_str("out of memory"),
            End::Lost => f.write_str("the sandbox was removed"),
        }
    }
}

/// A sandbox, with or without a program in it. Dropping the last of its handles destroys it.
#[derive(Debug)]
pub struct Sandbox {
    parts: Arc<Parts>,
    /// The first process.
    process: Arc<AsyncFd<OwnedFd>>,
    /// The way to the first process.
    socket: Arc<AsyncFd<OwnedFd>>,
    end: Arc<SetOnce<End>>,
    destroyed: OnceCell<()>,
}

/// What of a sandbox is left on the machine when its processes are gone.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    pub(super) slot: u32,
    pub(super) group: Group,
    /// Its network namespace, where that is joined to this machine.
    pub(super) network: Mutex<Option<OwnedFd>>,
}

impl Sandbox {
    /// A sandbox whose first process has been cloned; returns when it is made.
    pub(super) async fn prepared(
        parts: Arc<Parts>,
        process: OwnedFd,
        socket: OwnedFd,
    ) -> io::Result<Arc<Sandbox>> {
        let made = async {
            rustix::io::ioctl_fionbio(&socket, true)?;
            Ok::<_, io::Error>((Arc::new(link::register(process)?), Arc::new(link::register(socket)?)))
        };
        let (process, socket) = match made.await {
            Ok(made) => made,
            Err(error) => {
                parts.remove().await;
                return Err(error);
            }
        };
        let sandbox = Arc::new(Sandbox {
            parts,
            process,
            socket,
            end: Arc::new(SetOnce::new()),
            destroyed: OnceCell::new(),
        });
        match sandbox.next_report("make a sandbox").await {
            Ok((Report::Prepared, fds)) => {
                if let Some(network) = fds.into_iter().next() {
                    *sandbox.parts.network.lock() = Some(network);
                }
                Ok(sandbox)
            }
            Ok((report, _)) => Err(sandbox.give_up(unexpected(&report)).await),
            Err(error) => Err(sandbox.give_up(error).await),
        }
    }

    /// This machine's path of the directory that programs see as `/action`.
    #[must_use]
    pub fn action_dir(&self) -> PathBuf {
        self.parts.action_dir()
    }

    /// Starts the program; called once. What the sandbox calls the machine is `host_name`.
    ///
    /// # Errors
    /// What went wrong; the sandbox is of no more use then.
    pub async fn start(&self, program: Program, host_name: &str) -> io::Result<Pipes> {
        // The ends that the program gets block, as programs expect; the flag belongs to each end alone.
        let pipe = || pipe_with(PipeFlags::CLOEXEC);
        let ((commands_read, commands), (results, results_write)) = (pipe()?, pipe()?);
        let ((stdout, stdout_write), (stderr, stderr_write)) = (pipe()?, pipe()?);
        for end in [&commands, &results, &stdout, &stderr] {
            rustix::io::ioctl_fionbio(end, true)?;
        }
        let start = Start {
            // The kernel's limit for such names.
            host_name: host_name.chars().take(64).collect(),
            argv: program.argv,
            environment: program.environment,
            command_fd: program.command_fd,
            result_fd: program.result_fd,
            user: self.parts.shared.users(self.parts.slot),
            limits: self.parts.shared.limits(),
        };
        let theirs = [commands_read, results_write, stdout_write, stderr_write];
        link::send(&self.socket, &start, &wire::borrow(&theirs)).await?;
        drop(theirs);
        match self.next_report("start the program").await?.0 {
            Report::Started => {}
            report => return Err(unexpected(&report)),
        }
        self.watch();
        Ok(Pipes { commands, results, stdout, stderr })
    }

    /// How the program ended; `None` while it runs.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end.get().cloned()
    }

    /// Waits until the program has ended, whatever the reason.
    pub async fn ended(&self) -> End {
        tokio::select! {
            biased;
            _ = self.end.wait() => {}
            // Without a program nobody else looks; with one, the reason is known a moment later.
            () = wait_for_end(&self.process) => {
                let _ = tokio::time::timeout(REASON_PATIENCE, self.end.wait()).await;
            }
        }
        self.end().unwrap_or(End::Lost)
    }

    /// How many of its processes the kernel has killed for want of memory.
    #[must_use]
    pub fn oom_kills(&self) -> u64 {
        self.parts.group.oom_kills()
    }

    /// Stops its processes from running.
    ///
    /// # Errors
    /// When the machine has no freezer, or processes do not stop in time.
    pub async fn pause(&self) -> io::Result<()> {
        self.parts.group.freeze(true)?;
        let frozen = async {
            while !self.parts.group.is_frozen()? {
                tokio::time::sleep(FREEZE_INTERVAL).await;
            }
            Ok(())
        };
        match tokio::time::timeout(PATIENCE, frozen).await {
            Ok(frozen) => frozen,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "its processes do not stop")),
        }
    }

    /// Lets its processes run again.
    ///
    /// # Errors
    /// When the machine refuses.
    pub fn resume(&self) -> io::Result<()> {
        self.parts.group.freeze(false)
    }

    /// Ends its processes and removes every trace. A second call waits for the first one and does nothing else.
    pub async fn destroy(&self) {
        self.destroyed
            .get_or_init(|| async {
                self.kill();
                wait_for_end(&self.process).await;
                // Unless the reason is known.
                let _ = self.end.set(End::Lost);
                self.parts.remove().await;
            })
            .await;
    }

    /// Sets its limits; called before a program is started.
    pub(super) fn limit(&self, limits: GroupLimits) -> io::Result<()> {
        self.parts.group.limit(limits)
    }

    /// Whether its first process has ended.
    pub(super) fn has_ended(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut ended = [PollFd::new(self.process.get_ref(), PollFlags::IN)];
        poll(&mut ended, Some(&Timespec::default())).is_ok_and(|count| count > 0)
    }

    fn kill(&self) {
        // It may have ended already. What is frozen dies when it thaws.
        let _ = pidfd_send_signal(self.process.get_ref(), Signal::KILL);
        let _ = self.parts.group.freeze(false);
    }

    async fn next_report(&self, action: &str) -> io::Result<(Report, Vec<OwnedFd>)> {
        let text = |text: &str| format!("{action}: {text}");
        match tokio::time::timeout(PATIENCE, link::receive::<Report>(&self.socket)).await {
            Ok(Ok(Some((Report::Failed(failure), _)))) => Err(failure.into_error()),
            Ok(Ok(Some(report))) => Ok(report),
            Ok(Ok(None)) if self.oom_kills() > 0 => {
                Err(io::Error::new(io::ErrorKind::OutOfMemory, text("it took more memory than it may")))
            }
            Ok(Ok(None)) => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, text("its first process has ended")))
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, text("no answer"))),
        }
    }

    async fn give_up(&self, error: io::Error) -> io::Error {
        self.destroy().await;
        error
    }

    /// Waits for the program's end in a task of its own, which must not keep the sandbox alive.
    fn watch(&self) {
        let (socket, process, end) = (self.socket.clone(), self.process.clone(), self.end.clone());
        let group = self.parts.group.clone();
        spawn("sandbox end", OnPanic::Log, async move {
            let report = link::receive::<Report>(&socket).await;
            wait_for_end(&process).await;
            let out_of_memory = group.oom_kills() > 0;
            let reason = match report {
                // The kernel kills by this signal, and whoever killed the program by it says the same.
                Ok(Some((Report::Signalled(signal), _))) if signal == libc::SIGKILL && out_of_memory => {
                    End::OutOfMemory
                }
                Ok(Some((Report::Signalled(signal), _))) => End::Signalled(signal),
                Ok(Some((Report::Exited(_), _))) if out_of_memory => End::OutOfMemory,
                Ok(Some((Report::Exited(code), _))) => End::Exited(code),
                _ if out_of_memory => End::OutOfMemory,
                _ => End::Lost,
            };
            let _ = end.set(reason);
        });
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.destroyed.initialized() {
            return;
        }
        self.kill();
        let (parts, process) = (self.parts.clone(), self.process.clone());
        // Without a runtime the process is about to end, and the spawner cleans up after it.
        if tokio::runtime::Handle::try_current().is_ok() {
            spawn("sandbox removal", OnPanic::Log, async move {
                wait_for_end(&process).await;
                parts.remove().await;
            });
        }
    }
}

impl Parts {
    /// Removes what nobody else can use, and gives the slot back unless something stayed that should not.
    pub(super) async fn remove(self: &Arc<Parts>) {
        let parts = self.clone();
        let removed = tokio::task::spawn_blocking(move || parts.remove_now()).await;
        if !removed.unwrap_or(false) {
            tracing::warn!(
                slot = self.slot,
                "a sandbox could not be removed as a whole; its slot is not used again"
            );
        }
    }

    /// Whether nothing stayed.
    fn remove_now(&self) -> bool {
        let (slots, dir) = (&self.shared.slots, self.action_dir());
        let is_empty = empty(&dir).is_ok();
        // Where it is not, the next one must not see what there is.
        if !self.group.remove() || !is_empty && std::fs::remove_dir_all(&dir).is_err() && dir.exists() {
            return false;
        }
        let network = self.network.lock().take();
        let is_used = network.is_some()
            && !self.shared.outbound.lock().as_ref().is_some_and(|out| out.is_unused(self.slot));
        let slot = |network| Slot { number: self.slot, left: is_empty.then_some(Left { network }) };
        if is_used {
            slots.give_back_used(slot(None));
        } else {
            slots.give_back(slot(network));
        }
        true
    }

    /// This machine's path of the directory that programs see as `/action`.
    fn action_dir(&self) -> PathBuf {
        self.shared.instance.slot_dir(self.slot)
    }
}

/// Removes everything in a directory.
fn empty(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Waits until a process has ended, which for a first process means that everything in its sandbox has.
async fn wait_for_end(process: &AsyncFd<OwnedFd>) {
    // An error means that there is nothing to wait for.
    let _ = process.readable().await;
}

fn unexpected(report: &Report) -> io::Error {
    io::Error::other(format!("the first process of a sandbox said {report:?} out of turn"))
}
