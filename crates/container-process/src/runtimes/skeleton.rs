//! The launcher for executables that are started anew for each run (PROXY-08): the arguments stand on the command
//! line, and the last line of standard output is the result.
//!
//! It is no file. The first process of a sandbox makes a child, as for any program, and the child calls [`serve`]
//! where it would execute another one. So it needs nothing of the machine, and starts in no time.
//!
//! It blocks; it must not be called where anything else is to go on.

use super::native;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use types::json;

/// What stands in the place of a program's path.
pub const PROGRAM: &str = "builtin:skeleton";

/// The launcher's ends of its pipes.
#[derive(Debug)]
pub struct Ends {
    /// Where it reads commands.
    pub commands: OwnedFd,
    /// Where it writes results.
    pub results: OwnedFd,
    /// Where the action's standard output goes, but for the result.
    pub stdout: OwnedFd,
    /// Where the action's standard error goes.
    pub stderr: OwnedFd,
}

/// The longest text that the kernel takes on a command line, less its end. Longer arguments go to standard input, as
/// upstream gives them.
const MAX_ARGUMENT: usize = 131_071;

/// The longest line that may still turn out to be the result. A longer one is only a line of the log.
const MAX_RESULT: usize = 64 << 20;

const NO_DICTIONARY: &str = r#"{"error":"The action did not return a dictionary."}"#;

/// The answer of upstream's image as long as it was given no code.
const STUB: &str = r#"{"error":"This is a stub action. Replace it with custom logic."}"#;

/// Answers commands until there are none any more.
///
/// # Errors
/// When a pipe fails.
pub fn serve(ends: Ends, environment: Vec<(String, String)>, action_dir: &Path) -> io::Result<()> {
    let Ends { commands, results, stdout, stderr } = ends;
    let mut commands = BufReader::new(File::from(commands));
    let mut results = File::from(results);
    let mut skeleton = Skeleton {
        program: action_dir.join(native::PROGRAM),
        action_dir: action_dir.to_owned(),
        environment: environment.into_iter().collect(),
        stdout: File::from(stdout),
        stderr: File::from(stderr),
    };
    let mut line = String::new();
    while commands.read_line(&mut line)? > 0 {
        let mut answer = match json::members(&line) {
            Ok(message) => skeleton.answer(&message),
            Err(_) => format!("-{NO_DICTIONARY}"),
        };
        answer.push('\n');
        results.write_all(answer.as_bytes())?;
        line.clear();
    }
    Ok(())
}

#[derive(Debug)]
struct Skeleton {
    program: PathBuf,
    action_dir: PathBuf,
    environment: BTreeMap<String, String>,
    stdout: File,
    stderr: File,
}

type Members<'a> = [(std::borrow::Cow<'a, str>, &'a RawValue)];

impl Skeleton {
    fn answer(&mut self, message: &Members<'_>) -> String {
        let text_of = |value: &RawValue| serde_json::from_str::<String>(value.get()).ok();
        let mut arguments = None;
        for (name, value) in message {
            match &**name {
                "init" => return self.init(value),
                "value" => arguments = Some(value.get()),
                _ => {
                    if let Some(text) = text_of(value) {
                        self.environment.insert(format!("__OW_{}", name.to_uppercase()), text);
                    }
                }
            }
        }
        self.run(arguments.unwrap_or("{}"))
    }

    fn init(&mut self, init: &RawValue) -> String {
        #[derive(serde::Deserialize)]
        struct Init {
            env: BTreeMap<String, String>,
        }
        if let Ok(init) = serde_json::from_str::<Init>(init.get()) {
            self.environment.extend(init.env);
        }
        r#"+{"ok":true}"#.to_owned()
    }

    fn run(&mut self, arguments: &str) -> String {
        if !self.program.exists() {
            return format!("+{STUB}");
        }
        let mut output = LastLine { log: &mut self.stdout, held: Vec::new() };
        let ran = start(&self.program, &self.action_dir, &self.environment, &self.stderr, arguments)
            .and_then(|child| follow(child, arguments, &mut output));
        if let Err(error) = ran {
            // Whoever reads the log of the action is who can do something about it.
            let _ = writeln!(self.stderr, "cannot run the executable: {error}");
            return format!("-{NO_DICTIONARY}");
        }
        let last = String::from_utf8_lossy(&output.held).trim().to_owned();
        match json::shape(&last) {
            Some(json::Shape::Object { .. } | json::Shape::Array) => format!("+{last}"),
            Some(json::Shape::Scalar) | None => {
                let _ = writeln!(self.stdout, "{last}");
                format!("-{NO_DICTIONARY}")
            }
        }
    }
}

fn start(
    program: &Path,
    directory: &Path,
    environment: &BTreeMap<String, String>,
    stderr: &File,
    arguments: &str,
) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.current_dir(directory).env_clear().envs(environment);
    if arguments.len() > MAX_ARGUMENT {
        command.stdin(Stdio::piped());
    } else {
        command.arg(arguments).stdin(Stdio::null());
    }
    command.stdout(Stdio::piped()).stderr(stderr.try_clone()?).spawn()
}

/// Reads the output of a process until the process has ended. What it started and left behind may hold the pipe open
/// for longer; that is not waited for.
fn follow(mut child: Child, arguments: &str, output: &mut LastLine<'_>) -> io::Result<()> {
    let stdin = child.stdin.take();
    let stdout = child.stdout.take();
    let ended = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended = ended.and_then(|id| pidfd_open(id, PidfdFlags::empty()).ok());
    std::thread::scope(|scope| {
        if let Some(mut stdin) = stdin {
            // A program that does not read all its input need not.
            scope.spawn(move || stdin.write_all(arguments.as_bytes()));
        }
        if let (Some(stdout), Some(ended)) = (stdout, ended) {
            read_until(stdout, &ended, output)?;
        }
        child.wait().map(|_| ())
    })
}

fn read_until(mut stdout: ChildStdout, ended: &OwnedFd, output: &mut LastLine<'_>) -> io::Result<()> {
    let mut chunk = [0; 8 << 10];
    loop {
        let mut fds = [PollFd::new(&stdout, PollFlags::IN), PollFd::new(ended, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let (readable, over) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
        if readable {
            match stdout.read(&mut chunk)? {
                0 => return Ok(()),
                length => output.take_in(&chunk[..length])?,
            }
        } else if over {
            return Ok(());
        }
    }
}

/// Passes lines on to the log as soon as another one follows, so that at the end the last one is left.
struct LastLine<'a> {
    log: &'a mut File,
    /// The last line so far, with its end perhaps.
    held: Vec<u8>,
}

impl LastLine<'_> {
    fn take_in(&mut self, piece: &[u8]) -> io::Result<()> {
        self.held.extend_from_slice(piece);
        // The end of the very last line does not end the line that is looked for.
        let body = &self.held[..self.held.len().saturating_sub(1)];
        let done = match memchr::memrchr(b'\n', body) {
            Some(at) => at + 1,
            None if self.held.len() > MAX_RESULT => self.held.len(),
            None => return Ok(()),
        };
        self.log.write_all(&self.held[..done])?;
        self.held.drain(..done);
        Ok(())
    }
}
