//! Programs of others, beside which the platform is measured. Nothing is installed here: `bench/run` does that, and what is
//! missing is said in the report.

pub mod docker;
pub mod etcd;
pub mod hop;
pub mod nats;
pub mod redis;
pub mod servers;
pub mod wasm;

use crate::report::Row;
use oxiwhisk_test_e2e::time;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a program may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to end when it is asked to.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Where a program is, in the search path or where administrators' programs are.
///
/// # Errors
/// When it is missing ([`is_missing`]), with what to install.
pub fn find(program: &str, package: &str) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = dirs.map(|dir| dir.join(program)).find(|path| path.is_file());
    found.ok_or_else(|| missing(&format!("{program} is not installed (package {package})")))
}

/// A program from a package of Python's or npm's index, which `bench/run` keeps in a directory of its own.
///
/// # Errors
/// When it is missing ([`is_missing`]).
pub fn tool(place: &str) -> io::Result<PathBuf> {
    let dir = std::env::var_os("OXIWHISK_BENCH_TOOLS").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache/oxiwhisk/bench"),
        PathBuf::from,
    );
    let path = dir.join(place);
    if path.exists() {
        Ok(path)
    } else {
        Err(missing(&format!("{place} is not installed: bench/run does that")))
    }
}

/// What says that something is missing on this machine.
#[must_use]
pub fn missing(text: &str) -> io::Error {
    io::Error::new(ErrorKind::Unsupported, text)
}

/// Whether an error says that.
#[must_use]
pub fn is_missing(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported
}

/// Rows, or that one instead which says what is missing.
///
/// # Errors
/// Every other error.
pub fn or_unavailable(id: &str, what: &str, rows: io::Result<Vec<Row>>) -> io::Result<Vec<Row>> {
    match rows {
        Err(error) if is_missing(&error) => Ok(vec![Row::unavailable(id, what, &error.to_string())]),
        other => other,
    }
}

/// A program that runs beside us and listens; it is asked to end with this value, and made to.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Daemon {
    /// Starts a program that will listen on that loopback port, and waits until it does.
    ///
    /// # Errors
    /// When it ends before, or never listens.
    pub fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        port: u16,
    ) -> io::Result<Daemon> {
        let mut command = Command::new(program);
        command.args(arguments);
        let daemon = Daemon::spawn(&mut command, port)?;
        daemon.wait()
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(command: &mut Command, port: u16) -> io::Result<Daemon> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let name = Path::new(command.get_program()).file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        Ok(Daemon { name, child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// Waits until it listens.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait(mut self) -> io::Result<Daemon> {
        let ready = time::poll(START_LIMIT, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(Err(missing(&format!("{} ended at once with {status}", self.name))));
            }
            TcpStream::connect(self.address).ok().map(|_| Ok(()))
        });
        ready.unwrap_or_else(|| Err(missing(&format!("{} does not listen", self.name))))?;
        Ok(self)
    }

    /// Its resident memory, in MiB.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn resident_mib(&self) -> f64 {
        oxiwhisk_test_e2e::processes::resident_bytes(self.child.id()) as f64 / f64::from(1 << 20)
    }

    /// Ends it as a power cut would.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        if ended(&mut self.child) {
            return;
        }
        oxiwhisk_test_e2e::processes::signal(self.child.id(), libc::SIGTERM);
        if time::poll(STOP_LIMIT, || ended(&mut self.child).then_some(())).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
