use std::fmt;
use std::os::fd::OwnedFd;

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
