//! Y6: what starting a process costs without any platform.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The namespaces of a sandbox.
const NAMESPACES: libc::c_int =
    libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWNET | libc::CLONE_NEWPID;
/// The controllers whose groups a sandbox joins, as directories of version 1.
const CONTROLLERS: [&str; 3] = ["memory", "cpu", "pids"];
const CALL: &[u8] = b"{\"value\":{\"nonce\":\"0\"}}\n";

/// A small process with a single thread that starts a program each time it is asked, because a fork of a larger one
/// would cost more.
#[derive(Debug)]
pub struct Starter {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Starter {
    /// Starts the process.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn new(program: &Path) -> io::Result<Starter> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "starts"])
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("a process without pipes");
        let asks = child.stdin.take().ok_or_else(missing)?;
        let answers = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Starter { child, asks, answers })
    }

    /// Starts the program once in namespaces of its own and gives the milliseconds to its first answer; without and
    /// with joining control groups on the way.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn once(&mut self) -> io::Result<(f64, f64)> {
        self.asks.write_all(b"\n")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let mut words = line.split_whitespace().map(|word| word.parse::<f64>().map_err(io::Error::other));
        let mut next =
            || words.next().unwrap_or_else(|| Err(io::Error::other(format!("no time in {line:?}"))));
        Ok((next()?, next()?))
    }
}

impl Drop for Starter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other side of [`Starter`]: starts `program` for each line that comes.
///
/// # Errors
/// When it cannot be started.
#[expect(clippy::print_stdout, reason = "the answers go there")]
pub fn serve_starts(program: &Path) -> io::Result<()> {
    let groups = Groups::make();
    for line in io::stdin().lock().lines() {
        line?;
        println!("{} {}", start(program, &[])?, start(program, &groups.members)?);
        io::stdout().flush()?;
    }
    Ok(())
}

/// Control groups to join; removed with this value.
struct Groups {
    dirs: Vec<PathBuf>,
    members: Vec<File>,
}

impl Groups {
    fn make() -> Groups {
        let mut groups = Groups { dirs: Vec::new(), members: Vec::new() };
        for controller in CONTROLLERS {
            let dir =
                PathBuf::from(format!("/sys/fs/cgroup/{controller}/oxiwhisk-bench-{}", std::process::id()));
            if std::fs::create_dir(&dir).is_err() {
                continue;
            }
            if let Ok(file) = File::options().write(true).open(dir.join("cgroup.procs")) {
                groups.members.push(file);
            }
            groups.dirs.push(dir);
        }
        groups
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for dir in &self.dirs {
            let _ = std::fs::remove_dir(dir);
        }
    }
}

/// Milliseconds from the decision to start to the first byte of the answer.
fn start(program: &Path, groups: &[File]) -> io::Result<f64> {
    let groups: Vec<RawFd> = groups.iter().map(|file| file.as_raw_fd()).collect();
    let started = oxiwhisk_test_e2e::time::now();
    let (reads, writes) = pipe()?;
    let answers = writes.as_raw_fd();
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::null());
    #[expect(unsafe_code, reason = "there is no other way to run something between fork and exec")]
    // SAFETY: the closure calls nothing but unshare, write and dup2, all of which are safe after a fork.
    unsafe {
        command.pre_exec(move || {
            if libc::unshare(NAMESPACES) != 0 {
                return Err(io::Error::last_os_error());
            }
            for group in &groups {
                if libc::write(*group, b"0".as_ptr().cast(), 1) != 1 {
                    return Err(io::Error::last_os_error());
                }
            }
            if libc::dup2(answers, 3) != 3 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let mut child = command.spawn()?;
    drop(writes);
    if let Some(calls) = &mut child.stdin {
        calls.write_all(CALL)?;
    }
    File::from(reads).read_exact(&mut [0])?;
    let elapsed = started.elapsed();
    child.kill()?;
    child.wait()?;
    Ok(elapsed.as_secs_f64() * 1000.0)
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    #[expect(unsafe_code, reason = "the standard library makes no pipes that a child inherits")]
    // SAFETY: `ends` has room for both descriptors, which belong to nobody else once they are made.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

/// Milliseconds that `node -e 0` takes with a clean environment.
///
/// # Errors
/// When there is no node.
pub fn node_once() -> io::Result<f64> {
    let started = oxiwhisk_test_e2e::time::now();
    let status = Command::new("node")
        .args(["-e", "0"])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("node ended with {status}")));
    }
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}
