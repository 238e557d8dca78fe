//! The kinds that this machine's own interpreters give: how each is found, started and given its code.
//!
//! This module must not know how a sandbox is made; it says what is to run in one.

mod discover;
mod found;
mod native;
mod unpack;

pub mod skeleton;

pub use discover::{Config, discover};
pub use unpack::{PlaceError, place_code};

use container::Probe;
use std::path::PathBuf;
use std::sync::Arc;
use types::RuntimeKind;

/// Where a sandbox sees the code of its action, read-only.
pub const ACTION_DIR: &str = "/action";

/// Where a sandbox sees the files of [`launchers`], read-only.
pub const LAUNCHER_DIR: &str = "/launchers";

/// One kind, and how a process of it is started.
#[derive(Clone, Debug)]
pub struct RuntimeSpec {
    /// The kind with its true version, as the manifest shows it.
    pub kind: RuntimeKind,
    /// The interpreter's whole version; none for executables.
    pub version: Vec<u32>,
    /// The program as the sandbox sees it (an absolute path), and its arguments; or [`skeleton::PROGRAM`] alone, which
    /// is no file: the sandbox's first process calls [`skeleton::serve`] instead of executing it.
    pub argv: Vec<String>,
    /// The whole environment of the process at its start; nothing is inherited.
    pub environment: Vec<(String, String)>,
    /// Directories of this machine that it needs beyond `/usr`, `/bin`, `/lib*` and the few files of `/etc`:
    /// absolute, seen read-only at the same path.
    pub mounts: Vec<PathBuf>,
    /// The file descriptor on which the process reads commands; standard input is `/dev/null` unless it is 0.
    pub command_fd: i32,
    /// The file descriptor on which the process writes results; not 0, 1 or 2.
    pub result_fd: i32,
    /// When the process is started.
    pub start: Start,
    /// Whether clients may make actions of this kind; others only stand in for images.
    pub offered: bool,
}

/// When a runtime's process is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With its sandbox: a launcher that waits for code, so that stem cells are worth having.
    Ahead,
    /// Once its code lies in [`ACTION_DIR`]: the code is the program.
    WithCode,
}

/// A file that every sandbox sees in [`LAUNCHER_DIR`].
#[derive(Clone, Copy, Debug)]
pub struct Launcher {
    /// Its name, without a directory.
    pub name: &'static str,
    /// Its contents.
    pub contents: &'static [u8],
    /// Whether it may be executed.
    pub executable: bool,
}

/// What was found on this machine.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The kinds that can be run.
    pub specs: Vec<Arc<RuntimeSpec>>,
    /// What was looked at, and what is missing.
    pub probes: Vec<Probe>,
}

/// The files of [`LAUNCHER_DIR`].
#[must_use]
pub fn launchers() -> &'static [Launcher] {
    &[
        Launcher {
            name: "nodejs.js",
            contents: include_bytes!("../../../../runtimes/nodejs/launcher.js"),
            executable: false,
        },
        Launcher {
            name: "python.py",
            contents: include_bytes!("../../../../runtimes/python/launcher.py"),
            executable: false,
        },
    ]
}
