//! Why a command failed: what is said of it, and the exit code.

use crate::console::Console;
use client::Error;
use std::process::ExitCode;

/// What commands answer.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Something is wrong here: arguments, files.
const GENERAL: u8 = 1;
/// A file or key is missing.
const USAGE: u8 = 2;
/// The server was not reached.
const NETWORK: u8 = 3;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What is said, after `error: `.
    pub(crate) message: String,
    /// The exit code: 1 to 4 for what failed here, the status modulo 256 for what the server said (CLI-02).
    pub(crate) exit: u8,
    /// Whether to point at `--help`.
    usage: bool,
    /// Whether it was told already.
    told: bool,
    /// The next thing to try.
    hint: Option<String>,
}

impl Failure {
    /// Something is wrong here.
    pub(crate) fn general(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit: GENERAL, usage: false, told: false, hint: None }
    }

    /// The arguments are wrong; `--help` tells what is right.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { usage: true, ..Failure::general(message) }
    }

    /// A file cannot be read or written.
    pub(crate) fn file(message: impl Into<String>) -> Failure {
        Failure { exit: USAGE, ..Failure::usage(message) }
    }

    /// With an exit code of its own.
    pub(crate) fn exit(mut self, code: u8) -> Failure {
        self.exit = code;
        self
    }

    /// With a pointer at `--help`.
    pub(crate) fn pointing_at_help(mut self) -> Failure {
        self.usage = true;
        self
    }

    /// Whether the server was not reached.
    pub(crate) fn is_of_network(&self) -> bool {
        self.exit == NETWORK
    }

    /// What failed was shown already: only the exit code is left.
    pub(crate) fn told(mut self) -> Failure {
        self.told = true;
        self
    }

    /// With the next thing to try.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// Whether its message begins so.
    pub(crate) fn begins_with(&self, text: &str) -> bool {
        self.message.starts_with(text)
    }

    /// The same, with something before it.
    pub(crate) fn prefixed(mut self, prefix: &str) -> Failure {
        self.message.insert_str(0, prefix);
        self
    }

    /// The same, as a part of something bigger: `Unable to get action 'a': …`.
    pub(crate) fn because(mut self, what: impl AsRef<str>) -> Failure {
        self.message = format!("{}: {}", what.as_ref(), self.message);
        self
    }

    /// Tells it, and gives the exit code.
    pub(crate) fn report(&self, console: &Console) -> ExitCode {
        if !self.told {
            console.error_line(format!("{}{}", console.red("error: "), self.message));
            if self.usage {
                console.error_line("Run 'wsk --help' for usage.");
            }
            if let Some(hint) = &self.hint {
                console.error_line(format!("hint: {hint}"));
            }
        }
        ExitCode::from(self.exit)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let mut failure = Failure::general(error.to_string());
        failure.exit = match &error {
            Error::NoKey => USAGE,
            Error::Transport(_) => NETWORK,
            Error::Body(_) => GENERAL,
            // 404 is 404 - 256 as a byte: 148.
            Error::Server { status, .. }
            | Error::Application { status, .. }
            | Error::Unexpected { status, .. } => (status % 256) as u8,
        };
        failure.usage = matches!(error, Error::NoKey);
        failure.hint = hint(&error);
        failure
    }
}

/// The next thing to try, where it is known.
fn hint(error: &Error) -> Option<String> {
    let text = match error {
        Error::NoKey => "set a key once with: wsk property set --auth KEY",
        Error::Transport(_) => "is the server running, and is this its address? wsk property get --apihost",
        Error::Server { status: 401, .. } => "the server does not know this key: wsk property get --auth",
        Error::Server { status: 403, .. } => {
            "this key has no right to it: wsk namespace list shows what it owns"
        }
        Error::Server { status: 409, answer, .. } if answer.text().contains("exists") => {
            "to change what is there, use update instead of create"
        }
        Error::Server { status: 429, .. } => "the namespace is at its limit; try again in a while",
        _ => return None,
    };
    Some(text.to_owned())
}

/// Says what was tried when a call failed.
pub(crate) trait Because<T> {
    /// `WHAT: the error`.
    fn because(self, what: impl AsRef<str>) -> Outcome<T>;
}

impl<T, E: Into<Failure>> Because<T> for Result<T, E> {
    fn because(self, what: impl AsRef<str>) -> Outcome<T> {
        self.map_err(|error| error.into().because(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::Answer;
    use http::HeaderMap;

    #[test]
    fn cli_02_the_exit_code_is_the_status_minus_256_as_a_byte() {
        for (status, exit) in [(401, 145), (403, 147), (404, 148), (409, 153), (429, 173), (502, 246)] {
            let answer = Box::new(Answer { status, headers: HeaderMap::new(), body: Vec::new().into() });
            assert_eq!(Failure::from(Error::Unexpected { status, answer }).exit, exit, "{status}");
        }
        assert_eq!(Failure::from(Error::Transport("gone".into())).exit, 3);
        assert_eq!(Failure::from(Error::NoKey).exit, 2);
    }
}
