//! The built command line, as people use it: in a directory of its own, with a home of its own.

use crate::api::GUEST;
use crate::server::{self, Server};
use crate::time::{self, PATIENCE};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};

/// A person with a directory, a server and a key.
#[derive(Debug)]
pub struct Wsk {
    directory: tempfile::TempDir,
    address: SocketAddr,
    key: String,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Wsk {
    /// The guest at that server.
    ///
    /// # Panics
    /// When there is no room for a directory.
    #[must_use]
    pub fn guest(server: &Server) -> Wsk {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Wsk { directory, address: server.address(), key: GUEST.to_owned() }
    }

    /// The directory in which commands run.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file into it; directories are made.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.directory().join(name);
        std::fs::create_dir_all(path.parent().expect("a file is in a directory"))
            .expect("directories can be made");
        // As editors do it: whoever reads sees the old file or the new one.
        let beside = path.with_extension("tmp");
        std::fs::write(&beside, text).expect("a file can be written");
        std::fs::rename(&beside, &path).expect("a file can be renamed");
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).stdin(Stdio::null()).output().expect("wsk can be started");
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command that must succeed, and gives its standard output.
    ///
    /// # Panics
    /// When it does not.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "wsk {}\n{}{}", arguments.join(" "), said.out, said.err);
        said.out
    }

    /// The same, as JSON.
    ///
    /// # Panics
    /// When it does not succeed, or prints no JSON.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let out = self.ok(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("no JSON: {error}\n{out}"))
    }

    /// Starts `wsk dev`, which tells events.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn dev(&self, arguments: &[&str]) -> Dev {
        let mut command = self.command(&[&["dev", "--output", "json"], arguments].concat());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("wsk can be started");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Dev { child, input, events, heard: Vec::new() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.directory());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("WHISK_") || name.starts_with("WSK_") {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.directory()).env("WSK_CONFIG_FILE", self.directory().join(".wskprops"));
        command.env("WHISK_APIHOST", format!("http://{}", self.address)).env("WHISK_AUTH", &self.key);
        command
    }
}

/// A `wsk dev` that goes on.
#[derive(Debug)]
pub struct Dev {
    child: Child,
    input: Option<ChildStdin>,
    events: Receiver<Value>,
    heard: Vec<Value>,
}

impl Dev {
    /// Types a line.
    ///
    /// # Panics
    /// When it has ended.
    pub fn types(&mut self, line: &str) {
        let input = self.input.as_mut().expect("standard input is a pipe");
        writeln!(input, "{line}").expect("it reads what is typed");
    }

    /// Waits for an event of a kind that was not waited for yet.
    ///
    /// # Panics
    /// When none comes in time.
    pub fn hears(&mut self, event: &str) -> Value {
        let limit = time::now() + PATIENCE;
        loop {
            let left = limit.saturating_duration_since(time::now());
            match self.events.recv_timeout(left) {
                Ok(heard) if heard["event"] == event => return heard,
                Ok(other) => self.heard.push(other),
                Err(_) => panic!("no event '{event}' came; these did: {:#?}", self.heard),
            }
        }
    }

    /// Ends it as a user does.
    ///
    /// # Panics
    /// When it does not end.
    pub fn quits(mut self) -> ExitStatus {
        self.types("q");
        let ended = time::poll(PATIENCE, || self.child.try_wait().expect("a child can be waited for"));
        ended.expect("it ends when it is told to")
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command line's binary: `OXIWHISK_WSK`, or the one beside the server's.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("OXIWHISK_WSK") {
        return PathBuf::from(path);
    }
    let path = server::binary().with_file_name("wsk");
    assert!(path.exists(), "{} is not there: cargo build -p oxiwhisk-cli", path.display());
    path
}
