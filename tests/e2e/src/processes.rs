//! The processes, control groups and mounts that a server has made, seen from outside.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// A process, told apart from a later one with the same id by the time it started.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id.
    pub parent: u32,
    /// The file name of its program, or empty for a process that has none any more.
    pub program: String,
    started: u64,
    zombie: bool,
}

impl Process {
    fn read(pid: u32) -> Option<Process> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold any character, so count from its end.
        let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
        let program = program.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        Some(Process {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            program: program.unwrap_or_default(),
            started: fields.get(19)?.parse().ok()?,
            zombie: *fields.first()? == "Z",
        })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn alive(&self) -> bool {
        Process::read(self.pid).is_some_and(|now| now.started == self.started && !now.zombie)
    }

    /// Whether a file is there in its own view of the file system.
    #[must_use]
    pub fn sees(&self, path: &str) -> bool {
        PathBuf::from(format!("/proc/{}/root{path}", self.pid)).exists()
    }

    /// The control groups that it is in, as directories.
    #[must_use]
    pub fn cgroups(&self) -> BTreeSet<PathBuf> {
        Process::cgroups_of(self.pid)
    }

    /// The control groups that the process with that id is in, as directories.
    #[must_use]
    pub fn cgroups_of(pid: u32) -> BTreeSet<PathBuf> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let mut found = BTreeSet::new();
        for line in text.lines() {
            let mut parts = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let path = path.trim_start_matches('/');
            for root in [controllers, "unified", ""] {
                let dir = PathBuf::from("/sys/fs/cgroup").join(root).join(path);
                if !path.is_empty() && dir.is_dir() {
                    found.insert(dir);
                }
            }
        }
        found
    }
}

/// All processes below `pid`, nearest first.
#[must_use]
pub fn below(pid: u32) -> Vec<Process> {
    let all: Vec<Process> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| Process::read(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .collect();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            parents.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// The processes of functions below a server: those that run another program than the server's own.
#[must_use]
pub fn functions(server: u32) -> Vec<Process> {
    let own = std::fs::read_link(format!("/proc/{server}/exe")).ok();
    let own = own.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())).unwrap_or_default();
    below(server)
        .into_iter()
        .filter(|process| !process.zombie && !process.program.is_empty() && process.program != own)
        .collect()
}

/// Sends a signal; a process that is gone does not mind.
pub fn signal(pid: u32, signal: i32) {
    let pid = libc::pid_t::try_from(pid).unwrap_or(libc::pid_t::MAX);
    #[expect(unsafe_code, reason = "the standard library cannot send a signal")]
    // SAFETY: kill takes no pointers.
    unsafe {
        libc::kill(pid, signal)
    };
}

/// The lines of this machine's mount table that name `text`.
#[must_use]
pub fn mounts_naming(text: &str) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

/// The processor time that a process has used so far; that of ended threads counts, that of child processes does not.
#[must_use]
pub fn cpu_time(pid: u32) -> Duration {
    let pid = libc::pid_t::try_from(pid).unwrap_or(libc::pid_t::MAX);
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "the standard library has no clock of another process")]
    // SAFETY: both calls write to one value each, which lives on this stack.
    let known = unsafe {
        libc::clock_getcpuclockid(pid, &raw mut clock) == 0 && libc::clock_gettime(clock, &raw mut time) == 0
    };
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    if known {
        seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
    } else {
        Duration::ZERO
    }
}

/// The resident memory of a process in bytes.
#[must_use]
pub fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
