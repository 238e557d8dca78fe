//! One file for each command.

pub(crate) mod admin;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod standalone;

use node::{Config, StartError};
use std::io::Write;
use std::process::ExitCode;

/// Why the process ends before its work is done. The codes are documented in `docs/operating/exit-codes.md`.
#[derive(Debug)]
pub(crate) struct Exit {
    code: u8,
    message: String,
}

impl Exit {
    /// Something broke that has no code of its own.
    pub(crate) fn failure(message: String) -> Exit {
        Exit { code: 1, message }
    }

    /// The arguments make no sense together.
    pub(crate) fn usage(message: String) -> Exit {
        Exit { code: 2, message }
    }

    /// The configuration is wrong. (2 is for wrong arguments.)
    pub(crate) fn config(message: String) -> Exit {
        Exit { code: 3, message }
    }

    /// The platform does not start.
    pub(crate) fn start(error: &StartError) -> Exit {
        let code = match error {
            StartError::Manifest { .. }
            | StartError::StemCells { .. }
            | StartError::InvokerMemory { .. }
            | StartError::WellKnownKey { .. } => 3,
            StartError::Address { .. } => 4,
            StartError::DataDir { .. }
            | StartError::NoDataDir
            | StartError::SecretFile { .. }
            | StartError::Store(_) => 5,
            StartError::NoRuntime(_) => 6,
            StartError::Sandboxes(_) => 7,
        };
        Exit { code, message: node::chain(error) }
    }

    /// What is wrong.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Says why on standard error.
    pub(crate) fn report(&self) -> ExitCode {
        // Nothing is left to do where standard error is closed.
        let _ = writeln!(std::io::stderr(), "oxiwhisk: {}", self.message);
        ExitCode::from(self.code)
    }
}

/// Writes to standard output; a reader that has gone is no failure.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// A runtime with as many threads as `server.threads` says.
pub(crate) fn runtime(config: &Config) -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.server.worker_threads())
        .enable_all()
        .thread_name("oxiwhisk")
        .build()
        .map_err(|error| Exit::failure(format!("cannot start threads: {error}")))
}
