//! The freezer of control groups without any platform: what a pause and the resumption after it cost at least.

use oxiwhisk_test_e2e::{processes::Process, time};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where hierarchies of version 2 are mounted; the last is a freezer of version 1. The first that is there is what the
/// platform takes as well.
const ROOTS: [&str; 3] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup", "/sys/fs/cgroup/freezer"];
/// How long the kernel may take to stop one process.
const LIMIT: Duration = Duration::from_secs(5);

/// A process in a group of its own that can be frozen.
#[derive(Debug)]
pub struct Frozen {
    child: Child,
    dir: PathBuf,
}

impl Frozen {
    /// Starts `program`, which waits for input that never comes.
    ///
    /// # Errors
    /// When this machine has no freezer or we must not use it.
    pub fn start(program: &Path) -> io::Result<Frozen> {
        let has_freezer = |root: &&&str| {
            let root = Path::new(root);
            root.join("cgroup.controllers").exists() || root.ends_with("freezer") && root.exists()
        };
        let root = ROOTS.iter().find(has_freezer).ok_or(io::ErrorKind::NotFound)?;
        let dir = Path::new(root).join(format!("oxiwhisk-bench-{}", std::process::id()));
        std::fs::create_dir(&dir)?;
        let child = Command::new("sh")
            .args(["-c", "exec \"$0\" 3>/dev/null"])
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        let frozen = match child {
            Ok(child) => Frozen { child, dir },
            Err(problem) => {
                let _ = std::fs::remove_dir(&dir);
                return Err(problem);
            }
        };
        std::fs::write(frozen.dir.join("cgroup.procs"), frozen.child.id().to_string())?;
        Ok(frozen)
    }

    /// Freezes it, waits until it is, and lets it go on; microseconds of both together.
    ///
    /// # Errors
    /// When the kernel does not do so.
    pub fn once(&self) -> io::Result<f64> {
        let started = time::now();
        write_state(&self.dir, true)?;
        while !group_is_frozen(&self.dir) {
            if started.elapsed() > LIMIT {
                return Err(io::Error::other("the kernel does not freeze a process"));
            }
        }
        write_state(&self.dir, false)?;
        Ok(started.elapsed().as_secs_f64() * 1e6)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = write_state(&self.dir, false);
        let _ = self.child.kill();
        let _ = self.child.wait();
        time::poll(LIMIT, || std::fs::remove_dir(&self.dir).is_ok().then_some(()));
    }
}

fn write_state(dir: &Path, frozen: bool) -> io::Result<()> {
    let modern = dir.join("cgroup.freeze");
    if modern.exists() {
        return std::fs::write(modern, if frozen { "1" } else { "0" });
    }
    std::fs::write(dir.join("freezer.state"), if frozen { "FROZEN" } else { "THAWED" })
}

fn group_is_frozen(dir: &Path) -> bool {
    let says = |file: &str, words: &str| {
        std::fs::read_to_string(dir.join(file))
            .is_ok_and(|text| text.lines().any(|line| line.trim() == words))
    };
    says("cgroup.events", "frozen 1") || says("freezer.state", "FROZEN")
}

/// Whether a process is frozen now.
#[must_use]
pub fn is_frozen(process: &Process) -> bool {
    process.cgroups().iter().any(|dir| group_is_frozen(dir))
}
