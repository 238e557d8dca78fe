//! The same programs that the platform runs, driven directly over their pipes: what a platform without any cost would do.

use oxiwhisk_test_e2e::time;
use serde_json::json;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::LocalSet;

/// A program that is driven over pipes.
#[derive(Clone, Debug)]
pub enum Program {
    /// An executable with the ActionLoop convention.
    ActionLoop(std::path::PathBuf),
    /// The Node.js launcher of the platform, with this code.
    Node {
        /// The launcher.
        launcher: std::path::PathBuf,
        /// The action's code.
        code: String,
    },
}

impl Program {
    /// A shell moves our pipes to the descriptors that the program expects.
    fn command(&self) -> Command {
        let (script, path): (&str, &Path) = match self {
            Program::ActionLoop(path) => ("exec \"$0\" 3>&1 1>/dev/null", path),
            Program::Node { launcher, .. } => {
                ("exec node \"$0\" 3<&0 4>&1 0</dev/null 1>/dev/null", launcher)
            }
        };
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(path);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        command
    }

    fn first_line(&self) -> Option<String> {
        match self {
            Program::ActionLoop(_) => None,
            Program::Node { code, .. } => {
                Some(json!({"init": {"main": "main", "code": code, "env": {}}}).to_string())
            }
        }
    }
}

struct Process {
    // Ends with this value.
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    answer: String,
}

impl Process {
    async fn start(program: &Program) -> io::Result<Process> {
        let mut child = program.command().spawn()?;
        let missing = || io::Error::other("a process without pipes");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let mut process = Process { _child: child, input, output, answer: String::new() };
        if let Some(line) = program.first_line() {
            process.call(&line).await?;
        }
        Ok(process)
    }

    async fn call(&mut self, line: &str) -> io::Result<&str> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        self.answer.clear();
        if self.output.read_line(&mut self.answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(&self.answer)
    }
}

/// Processes that stay, so that each round finds them warm.
pub struct Fleet {
    runtime: tokio::runtime::Runtime,
    processes: Vec<Process>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("processes", &self.processes.len()).finish_non_exhaustive()
    }
}

impl Fleet {
    /// Starts that many.
    ///
    /// # Errors
    /// When one cannot be started.
    pub fn start(program: &Program, count: usize) -> io::Result<Fleet> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let processes = runtime.block_on(async {
            let mut processes = Vec::new();
            for _ in 0..count {
                processes.push(Process::start(program).await?);
            }
            Ok::<_, io::Error>(processes)
        })?;
        Ok(Fleet { runtime, processes })
    }

    /// Calls the processes in turn, `at_once` at a time, for `period`, and gives the calls in a second. Every answer
    /// must hold the number of its call.
    ///
    /// # Errors
    /// The first answer that is wrong.
    pub fn rate(&mut self, at_once: usize, period: Duration) -> io::Result<f64> {
        let lanes = at_once.min(self.processes.len());
        let mut shares: Vec<Vec<Process>> = (0..lanes).map(|_| Vec::new()).collect();
        for (index, process) in self.processes.drain(..).enumerate() {
            shares[index % lanes].push(process);
        }
        let started = time::now();
        let done = LocalSet::new().block_on(&self.runtime, async {
            let tasks: Vec<_> = shares
                .into_iter()
                .enumerate()
                .map(|(index, share)| tokio::task::spawn_local(lane(share, index as u64, period)))
                .collect();
            let mut done = Vec::new();
            for task in tasks {
                done.push(task.await.map_err(io::Error::other)??);
            }
            Ok::<_, io::Error>(done)
        })?;
        let elapsed = started.elapsed().as_secs_f64();
        let mut count = 0;
        for (share, calls) in done {
            self.processes.extend(share);
            count += calls;
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Ok(count as f64 / elapsed)
    }
}

async fn lane(mut share: Vec<Process>, lane: u64, period: Duration) -> io::Result<(Vec<Process>, u64)> {
    let started = time::now();
    let mut calls = 0_u64;
    while started.elapsed() < period {
        let number = format!("{:016}", (lane << 40) + calls);
        let index = usize::try_from(calls % share.len() as u64).unwrap_or(0);
        let line = format!(
            r#"{{"value":{{"nonce":"{number}"}},"namespace":"guest","action_name":"/guest/echo","action_version":"0.0.1","activation_id":"{number}{number}","transaction_id":"{number}","deadline":"9999999999999"}}"#
        );
        let answer = share[index].call(&line).await?;
        if memchr::memmem::find(answer.as_bytes(), number.as_bytes()).is_none() {
            return Err(io::Error::other(format!("not the answer to call {number}: {answer}")));
        }
        calls += 1;
    }
    Ok((share, calls))
}
