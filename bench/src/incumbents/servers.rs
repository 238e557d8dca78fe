//! Servers that run functions: those of Python that speak ASGI and its kin (Y2), and workerd (Y4).

use super::{Daemon, tool};
use crate::scenes::file;
use oxiwhisk_test_e2e::server::free_port;
use std::io;
use std::path::Path;

/// A server of Python's, with its best event loop, and so many processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Python {
    /// uvicorn with uvloop and httptools.
    Uvicorn,
    /// granian with ASGI and uvloop.
    Granian,
    /// granian with RSGI, its own interface, and uvloop.
    GranianRsgi,
}

impl Python {
    /// All of them.
    pub const ALL: [Python; 3] = [Python::Uvicorn, Python::Granian, Python::GranianRsgi];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Python::Uvicorn => "uvicorn",
            Python::Granian => "granian (ASGI)",
            Python::GranianRsgi => "granian (RSGI)",
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it is missing or does not start.
    pub fn start(self, processes: usize) -> io::Result<Daemon> {
        let port = free_port();
        let (program, options): (&str, &[&str]) = match self {
            Python::Uvicorn => {
                ("uvicorn", &["--no-access-log", "--loop", "uvloop", "--http", "httptools", "asgi:app"])
            }
            Python::Granian => {
                ("granian", &["--no-access-log", "--loop", "uvloop", "--interface", "asgi", "asgi:app"])
            }
            Python::GranianRsgi => {
                ("granian", &["--no-access-log", "--loop", "uvloop", "--interface", "rsgi", "asgi:rsgi"])
            }
        };
        let place = if self == Python::Uvicorn { "--app-dir" } else { "--working-dir" };
        let program = tool(&format!("python/bin/{program}"))?;
        let mut arguments: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        arguments.extend([
            "--host".to_owned(),
            "127.0.0.1".to_owned(),
            "--port".to_owned(),
            port.to_string(),
        ]);
        arguments.extend(["--workers".to_owned(), processes.to_string()]);
        arguments.extend([place.to_owned(), file("yardsticks").to_string_lossy().into_owned()]);
        Daemon::start(&program, arguments, port)
    }
}

/// workerd with the echo function; its configuration goes with it.
#[derive(Debug)]
pub struct Workerd {
    /// The server.
    pub daemon: Daemon,
    _scratch: tempfile::TempDir,
}

impl Workerd {
    /// Starts it.
    ///
    /// # Errors
    /// When it is missing or does not start.
    pub fn start() -> io::Result<Workerd> {
        let program = workerd()?;
        let port = free_port();
        let scratch = tempfile::tempdir()?;
        std::fs::copy(file("yardsticks/workerd.js"), scratch.path().join("worker.js"))?;
        let config = scratch.path().join("config.capnp");
        std::fs::write(
            &config,
            format!(
                "using Workerd = import \"/workerd/workerd.capnp\";\n\
                 const config :Workerd.Config = (\n\
                 services = [(name = \"main\", worker = .echo)],\n\
                 sockets = [(name = \"http\", address = \"127.0.0.1:{port}\", http = (), service = \"main\")]);\n\
                 const echo :Workerd.Worker = (\n\
                 modules = [(name = \"worker\", esModule = embed \"worker.js\")],\n\
                 compatibilityDate = \"2024-01-01\");\n"
            ),
        )?;
        let arguments = ["serve".into(), config.into_os_string()];
        Ok(Workerd { daemon: Daemon::start(&program, arguments, port)?, _scratch: scratch })
    }
}

/// The binary itself: the command of the package is a script around it.
fn workerd() -> io::Result<std::path::PathBuf> {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "64" };
    let place = format!("npm/node_modules/@cloudflare/workerd-linux-{machine}/bin/workerd");
    tool(Path::new(&place).to_str().unwrap_or_default())
}
