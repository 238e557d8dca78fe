//! The built server as a child process on a free loopback port.

use crate::http::{Client, Request};
use crate::time;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a server may take until it answers `/ping`, on a machine that is busy with other tests.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to end after SIGTERM when a test is over.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// How to start a server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where its data lives; `None` for a directory of its own that goes with it.
    pub data_dir: Option<PathBuf>,
    /// Further arguments after `standalone --host … --port … --data-dir …`.
    pub arguments: Vec<String>,
    /// Further environment variables.
    pub environment: Vec<(String, String)>,
    /// The address to listen on, if not 127.0.0.1. The harness itself always connects to 127.0.0.1.
    pub host: Option<String>,
    /// The port to listen on; `None` for a free one.
    pub port: Option<u16>,
}

impl Options {
    /// Data in that directory, so that it outlives the server.
    #[must_use]
    pub fn in_dir(dir: &Path) -> Options {
        Options { data_dir: Some(dir.to_owned()), ..Options::default() }
    }

    /// One more argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Options {
        self.arguments.push(argument.to_owned());
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Options {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this configuration file.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn config(self, dir: &Path, text: &str) -> Options {
        let path = dir.join("oxiwhisk.toml");
        std::fs::write(&path, text).expect("the configuration can be written");
        self.argument("--config").argument(path.to_str().expect("a path in UTF-8"))
    }
}

/// The code with which a server ends that cannot listen.
const PORT_IS_TAKEN: i32 = 4;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    output: PathBuf,
    ready_after: Duration,
    // Goes with the server.
    _scratch: tempfile::TempDir,
}

impl Server {
    /// Starts a server and waits until it answers `/ping`.
    ///
    /// # Panics
    /// When it does not, with what it printed.
    #[must_use]
    pub fn start(options: &Options) -> Server {
        let started = time::now();
        let mut server = Server::spawn(options);
        let ready = time::poll(START_LIMIT, || {
            match server.child.try_wait().expect("a child can be waited for") {
                // Another test's server has found the same port free, and was faster.
                Some(status) if options.port.is_none() && status.code() == Some(PORT_IS_TAKEN) => {
                    server = Server::spawn(options);
                    return None;
                }
                Some(status) => panic!("the server ended with {status}:\n{}", server.output()),
                None => {}
            }
            // Until it says so itself, it could be another one that answers.
            let is_ready = server.output().contains("is ready at");
            let ping = || Client::new(server.address).send(&Request::new("GET", "/ping")).ok();
            is_ready.then(ping).flatten().filter(|answer| answer.status == 200)
        });
        assert!(ready.is_some(), "the server is not ready after {START_LIMIT:?}:\n{}", server.output());
        server.ready_after = started.elapsed();
        server
    }

    /// Starts a server and does not wait.
    ///
    /// # Panics
    /// When the binary cannot be started.
    #[must_use]
    pub fn spawn(options: &Options) -> Server {
        let port = options.port.unwrap_or_else(free_port);
        let host = options.host.as_deref().unwrap_or("127.0.0.1");
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let data_dir = options.data_dir.clone().unwrap_or_else(|| scratch.path().join("data"));
        let output = scratch.path().join("output");
        let file = File::create(&output).expect("a file for the server's output");
        let mut command = Command::new(binary());
        // The server takes every variable of that name as a key of its configuration; those of the tests are none.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OXIWHISK_"))
        {
            command.env_remove(name);
        }
        let child = command
            .arg("standalone")
            .args(["--host", host, "--port", &port.to_string()])
            .arg("--data-dir")
            .arg(&data_dir)
            .args(&options.arguments)
            .envs(options.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be shared"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|problem| panic!("{} cannot be started: {problem}", binary().display()));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Server { child, address, output, ready_after: Duration::ZERO, _scratch: scratch }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How long it took from the start of the process to the first answer.
    #[must_use]
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        crate::processes::signal(self.pid(), signal);
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let status = time::poll(limit, || self.child.try_wait().expect("a child can be waited for"));
        status.unwrap_or_else(|| panic!("the server still runs after {limit:?}:\n{}", self.output()))
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        self.signal(libc::SIGKILL);
        self.wait(STOP_LIMIT);
    }

    /// Asks it to drain, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(libc::SIGTERM);
        self.wait(STOP_LIMIT)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        // One that is stopped while it starts leaves what it has begun to its next start, and there may be none.
        let settled =
            |server: &mut Server| ended(&mut server.child) || server.output().contains("is ready at");
        let _ = time::poll(STOP_LIMIT, || settled(self).then_some(()));
        if !ended(&mut self.child) {
            self.signal(libc::SIGTERM);
            if time::poll(STOP_LIMIT, || ended(&mut self.child).then_some(())).is_none() {
                self.signal(libc::SIGKILL);
                let _ = self.child.wait();
            }
        }
        if std::thread::panicking() {
            eprintln!("--- the server's output:\n{}", self.output());
        }
    }
}

/// A loopback port that was free a moment ago.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// The server's binary: `OXIWHISK_BIN`, or the one that cargo built beside this test.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("OXIWHISK_BIN") {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/PROFILE/deps/TEST-HASH
    let path = test.ancestors().nth(2).expect("a test lies in a target directory").join("oxiwhisk");
    assert!(path.exists(), "{} is not there: cargo build -p oxiwhisk-server", path.display());
    path
}
