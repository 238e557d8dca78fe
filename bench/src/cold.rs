//! Y6: what starting a process costs without any platform.

use crate::accounting;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The namespaces of a sandbox.
const NAMESPACES: libc::c_int =
    libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWNET | libc::CLONE_NEWPID;
/// The controllers whose groups a sandbox joins, as directories of version 1.
const CONTROLLERS: [&str; 3] = ["memory", "cpu", "pids"];
/// `libc` has it in a type that is too narrow.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
const CALL: &[u8] = b"{\"value\":{\"nonce\":\"0\"}}\n";

/// What raw starts take, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    /// To the first byte, in namespaces of its own.
    pub namespaces: f64,
    /// The same with joining control groups on the way.
    pub groups: f64,
    /// The processor time of a start with both, to the end of the process.
    pub processor: f64,
}

/// A small process with a single thread that starts a program each time it is asked, because a fork of a larger one
/// would cost more.
#[derive(Debug)]
pub struct Starter {
    child: Child,
    asks: Option<ChildStdin>,
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
        let asks = Some(child.stdin.take().ok_or_else(missing)?);
        let answers = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Starter { child, asks, answers })
    }

    /// Starts the program once in namespaces of its own, without and with joining control groups.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn once(&mut self) -> io::Result<Raw> {
        match self.ask("once")?[..] {
            [namespaces, groups, processor] => Ok(Raw { namespaces, groups, processor }),
            ref other => Err(io::Error::other(format!("not three times: {other:?}"))),
        }
    }

    /// Starts and ends the program again and again, with namespaces and control groups, and gives how often in a second.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn rate(&mut self, period: Duration) -> io::Result<f64> {
        let answer = self.ask(&period.as_millis().to_string())?;
        answer.first().copied().ok_or_else(|| io::Error::other("no rate"))
    }

    fn ask(&mut self, what: &str) -> io::Result<Vec<f64>> {
        let asks = self.asks.as_mut().ok_or_else(|| io::Error::other("a process without pipes"))?;
        asks.write_all(format!("{what}\n").as_bytes())?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.split_whitespace().map(|word| word.parse().map_err(io::Error::other)).collect()
    }
}

impl Drop for Starter {
    fn drop(&mut self) {
        // It takes its groups away when nobody asks any more; one that is killed could not.
        self.asks = None;
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
    let launch = Launch::new(program)?;
    for line in io::stdin().lock().lines() {
        if let Ok(millis) = line?.parse() {
            let (started, mut count) = (oxiwhisk_test_e2e::time::now(), 0_u32);
            while started.elapsed() < Duration::from_millis(millis) {
                launch.once(&groups)?;
                count += 1;
            }
            println!("{}", f64::from(count) / started.elapsed().as_secs_f64());
        } else {
            let bare = launch.once(&Groups::default())?;
            let before = processor_time()?;
            let grouped = launch.once(&groups)?;
            println!("{bare} {grouped} {}", (processor_time()? - before).as_secs_f64() * 1000.0);
        }
        io::stdout().flush()?;
    }
    Ok(())
}

/// Control groups to join; removed with this value.
#[derive(Default)]
struct Groups {
    dirs: Vec<PathBuf>,
    /// Of version 1, to be written to.
    members: Vec<File>,
    /// Of version 2, to be cloned into.
    unified: Option<File>,
}

impl Groups {
    fn make() -> Groups {
        let mut groups = Groups::default();
        let name = format!("oxiwhisk-bench-{}", std::process::id());
        for controller in CONTROLLERS {
            let dir = Path::new("/sys/fs/cgroup").join(controller).join(&name);
            if std::fs::create_dir(&dir).is_err() {
                continue;
            }
            // As the platform joins: a thread that moves itself waits for no grace period of the kernel.
            if let Ok(file) = File::options().write(true).open(dir.join("tasks")) {
                groups.members.push(file);
            }
            groups.dirs.push(dir);
        }
        if let Some(home) = accounting::unified_home() {
            let dir = home.join(&name);
            if std::fs::create_dir(&dir).is_ok() {
                groups.unified = File::open(&dir).ok();
                groups.dirs.push(dir);
            }
        }
        groups
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for dir in &self.dirs {
            accounting::remove(dir);
        }
    }
}

/// A program that is ready to be started.
struct Launch {
    program: CString,
    nowhere: File,
}

impl Launch {
    fn new(program: &Path) -> io::Result<Launch> {
        let program = CString::new(program.as_os_str().as_bytes()).map_err(io::Error::other)?;
        Ok(Launch { program, nowhere: File::options().write(true).open("/dev/null")? })
    }

    /// Milliseconds from the decision to start to the first byte of the answer. The process has ended then.
    fn once(&self, groups: &Groups) -> io::Result<f64> {
        let started = oxiwhisk_test_e2e::time::now();
        let ((calls_out, calls), (answers, answers_in)) = (pipe()?, pipe()?);
        let members: Vec<RawFd> = groups.members.iter().map(|file| file.as_raw_fd()).collect();
        let child = self.clone_and_exec(
            &[calls_out.as_raw_fd(), self.nowhere.as_raw_fd(), answers_in.as_raw_fd()],
            &members,
            groups.unified.as_ref(),
        )?;
        drop((calls_out, answers_in));
        let answered =
            File::from(calls).write_all(CALL).and_then(|()| File::from(answers).read_exact(&mut [0]));
        let elapsed = started.elapsed();
        let mut status = 0;
        #[expect(unsafe_code, reason = "the process was not started by the standard library")]
        // SAFETY: the process is ours and was not waited for; the status is written to a value on this stack.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, &raw mut status, 0);
        }
        answered
            .map_err(|error| io::Error::new(error.kind(), format!("no answer (status {status}): {error}")))?;
        Ok(elapsed.as_secs_f64() * 1000.0)
    }

    /// Starts the program as the first process of its namespaces; `ends` become its descriptors 0, 1 and 3.
    fn clone_and_exec(
        &self,
        ends: &[RawFd; 3],
        members: &[RawFd],
        unified: Option<&File>,
    ) -> io::Result<libc::pid_t> {
        let argv = [self.program.as_ptr(), std::ptr::null()];
        let environment = [std::ptr::null::<libc::c_char>()];
        #[expect(unsafe_code, reason = "the standard library does not clone into namespaces")]
        // SAFETY: this process has a single thread, and the clone has memory of its own; it calls nothing but dup2,
        // write, execve and _exit, with values that were made before, and does not return.
        unsafe {
            let mut arguments: libc::clone_args = std::mem::zeroed();
            arguments.flags = u64::from(NAMESPACES.cast_unsigned());
            arguments.exit_signal = u64::from(libc::SIGCHLD.cast_unsigned());
            if let Some(group) = unified {
                arguments.flags |= CLONE_INTO_CGROUP;
                arguments.cgroup = u64::from(group.as_raw_fd().cast_unsigned());
            }
            let child = libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>());
            if child < 0 {
                return Err(io::Error::last_os_error());
            }
            if child > 0 {
                return libc::pid_t::try_from(child).map_err(io::Error::other);
            }
            let joined = members.iter().all(|group| libc::write(*group, b"0".as_ptr().cast(), 1) == 1);
            // Low numbers are taken by the standard streams, so none is overwritten before it is copied, but the third's
            // place may be: the other two go first.
            let moved = libc::dup2(ends[0], 0) == 0 && libc::dup2(ends[1], 1) == 1 && move_to(ends[2], 3);
            if joined && moved {
                libc::execve(argv[0], argv.as_ptr(), environment.as_ptr());
            }
            libc::_exit(127);
        }
    }
}

/// Makes `target` the same as `end`, open across an exec.
fn move_to(end: RawFd, target: RawFd) -> bool {
    #[expect(unsafe_code, reason = "the standard library cannot choose a number")]
    // SAFETY: both calls only change this process' table of descriptors.
    unsafe {
        if end == target {
            libc::fcntl(end, libc::F_SETFD, 0) == 0
        } else {
            libc::dup2(end, target) == target
        }
    }
}

/// The processor time of this process and of the children that it has waited for.
fn processor_time() -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for who in [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN] {
        #[expect(unsafe_code, reason = "the standard library does not tell processor time")]
        // SAFETY: the call writes to `usage` only, which lives throughout.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            if libc::getrusage(who, &raw mut usage) != 0 {
                return Err(io::Error::last_os_error());
            }
            usage
        };
        for time in [usage.ru_utime, usage.ru_stime] {
            sum += Duration::from_secs(time.tv_sec.cast_unsigned())
                + Duration::from_micros(time.tv_usec.cast_unsigned());
        }
    }
    Ok(sum)
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

/// Milliseconds that an interpreter takes to do nothing, with a clean environment.
///
/// # Errors
/// When there is no such program.
pub fn program_once(program: &Path, arguments: &[&str]) -> io::Result<f64> {
    let started = oxiwhisk_test_e2e::time::now();
    let status = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("{} ended with {status}", program.display())));
    }
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}

/// Milliseconds that `node -e 0` takes with a clean environment.
///
/// # Errors
/// When there is no node.
pub fn node_once() -> io::Result<f64> {
    program_once(Path::new("node"), &["-e", "0"])
}
