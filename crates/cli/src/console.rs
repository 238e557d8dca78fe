//! Where output goes, and how it looks there.

use std::io::{self, IsTerminal as _, Write as _};

/// Standard output and standard error. Colour, bold and progress are for terminals; `NO_COLOR` and `TERM=dumb` turn
/// colour off there too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    colour: bool,
    out_is_terminal: bool,
    unicode: bool,
    err_is_terminal: bool,
}

impl Console {
    pub(crate) fn new() -> Console {
        let out_is_terminal = io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Console {
            colour: out_is_terminal && !plain,
            out_is_terminal,
            unicode: unicode(),
            err_is_terminal: io::stderr().is_terminal(),
        }
    }

    /// Without colour, and nobody before a terminal.
    #[cfg(test)]
    pub(crate) fn plain() -> Console {
        Console { colour: false, out_is_terminal: false, unicode: false, err_is_terminal: false }
    }

    /// Writes to standard output. Where nobody reads any more (`wsk … | head`), the process ends, as others do.
    pub(crate) fn print(&self, text: impl AsRef<str>) {
        self.print_bytes(text.as_ref().as_bytes());
    }

    /// The same, and ends the line.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        self.print(format!("{}\n", text.as_ref()));
    }

    /// The same as it is, which need not be text.
    pub(crate) fn print_bytes(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// Writes a line to standard error.
    pub(crate) fn error_line(&self, text: impl AsRef<str>) {
        // Nothing is left to be told where standard error is closed.
        let _ = writeln!(io::stderr(), "{}", text.as_ref());
    }

    /// Writes to standard error without ending the line, for what is written over.
    pub(crate) fn progress(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// `ok: text`, the answer to what was done.
    pub(crate) fn ok(&self, text: impl AsRef<str>) {
        self.line(format!("{} {}", self.green("ok:"), text.as_ref()));
    }

    /// Whether standard output is read by a person.
    pub(crate) fn is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// Whether lines and blocks can be drawn with more than ASCII.
    pub(crate) fn knows_unicode(&self) -> bool {
        self.unicode
    }

    /// Whether progress may be shown, on standard error.
    pub(crate) fn shows_progress(&self) -> bool {
        self.err_is_terminal
    }

    pub(crate) fn bold(&self, text: impl AsRef<str>) -> String {
        self.styled("1", text.as_ref())
    }

    pub(crate) fn green(&self, text: impl AsRef<str>) -> String {
        self.styled("32", text.as_ref())
    }

    pub(crate) fn red(&self, text: impl AsRef<str>) -> String {
        self.styled("31", text.as_ref())
    }

    /// `[name]` in a colour of its own.
    pub(crate) fn tinted(&self, name: &str) -> String {
        const TINTS: [&str; 6] = ["36", "35", "33", "34", "96", "95"];
        let sum: usize = name.bytes().map(usize::from).sum();
        self.styled(TINTS[sum % TINTS.len()], &format!("[{name}]"))
    }

    pub(crate) fn dim(&self, text: impl AsRef<str>) -> String {
        self.styled("2", text.as_ref())
    }

    fn styled(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Whether the locale is one of UTF-8.
fn unicode() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let locale = set.into_iter().find(|value| !value.is_empty()).unwrap_or_default().to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
