//! The kinds that this machine's own interpreters give: how each is found, started and given its code.
//!
//! This module must not know how a sandbox is made; it says what is to run in one.

use container::{InitRequest, Probe};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use types::{ByteSize, RuntimeKind};

/// Where a sandbox sees the code of its action, read-only.
pub const ACTION_DIR: &str = "/action";

/// Where a sandbox sees the files of [`launchers`], read-only.
pub const LAUNCHER_DIR: &str = "/launchers";

/// One kind, and how a process of it is started.
#[derive(Clone, Debug)]
pub struct RuntimeSpec {
    /// The kind with its true version, as the manifest shows it.
    pub kind: RuntimeKind,
    /// The program as the sandbox sees it (an absolute path), and its arguments.
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
    pub specs: Vec<RuntimeSpec>,
    /// What was looked at, and what is missing.
    pub probes: Vec<Probe>,
}

/// What the operator says about interpreters.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {}

/// Looks for interpreters. Runs each that it finds once, to learn its version; may take some hundred milliseconds.
#[must_use]
pub fn discover(_config: &Config) -> Found {
    Found::default()
}

/// The files of [`LAUNCHER_DIR`].
#[must_use]
pub fn launchers() -> &'static [Launcher] {
    &[]
}

/// Puts the code of an action into `action_dir` (this machine's path of [`ACTION_DIR`]), at most `limit` of it.
///
/// # Errors
/// What the developer is told about code that cannot be unpacked, or what the machine refused.
pub fn place_code(
    _spec: &RuntimeSpec,
    _request: &InitRequest,
    _action_dir: &Path,
    _limit: ByteSize,
) -> std::io::Result<()> {
    Ok(())
}
