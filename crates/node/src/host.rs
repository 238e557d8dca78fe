//! What the machine has, as far as composition and `doctor` need to know it.

use crate::StartError;
use container::{Probe, Verdict};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use types::ByteSize;

/// Less room than this for data is worth a warning.
const LITTLE_DISK: ByteSize = ByteSize::mb(1024);

/// The memory that this process may use: the machine's, or less where a control group limits it.
#[must_use]
pub fn memory() -> ByteSize {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_memory(&text));
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = groups.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    let bytes = machine.into_iter().chain(limits.map(ByteSize::bytes)).min();
    bytes.unwrap_or(ByteSize::mb(1024))
}

/// Reads `MemTotal: 24681120 kB`.
fn total_memory(text: &str) -> Option<ByteSize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse().ok().map(ByteSize::kb)
}

/// Where files are kept when the configuration does not say: `/var/lib/oxiwhisk` for root, and for others `oxiwhisk` in
/// `$XDG_DATA_HOME` or `~/.local/share`.
///
/// # Errors
/// When the environment of somebody else than root names no such place.
pub fn default_data_dir() -> Result<PathBuf, StartError> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/oxiwhisk"));
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    base.map(|base| base.join("oxiwhisk")).ok_or(StartError::NoDataDir)
}

/// Makes the directory if it is missing, and sees whether files can be written there.
///
/// # Errors
/// What the system said.
pub fn prepare_data_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if !dir.is_dir() {
        // Sandboxes' users must be able to pass through it, but nobody else needs to see what is there.
        if let Some(parent) = dir.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::DirBuilder::new().mode(0o711).create(dir)?;
    }
    let probe = dir.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)
}

/// Lets this process have as many file descriptors as the machine permits: every connection and every container needs
/// some, and the usual soft limit is 1,024.
pub fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Where it fails, the old limit holds, and accepting says so when it is reached.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// What the disk below the data directory has.
#[must_use]
pub fn probe_disk(dir: &Path) -> Probe {
    let name = "data directory".to_owned();
    if let Err(error) = prepare_data_dir(dir) {
        return Probe {
            name,
            verdict: Verdict::Broken,
            detail: format!("{} cannot be written: {error}", dir.display()),
            remedy: "choose another directory with --data-dir, or keep nothing with --ephemeral".to_owned(),
        };
    }
    let free =
        rustix::fs::statvfs(dir).map(|disk| ByteSize::bytes(disk.f_bavail.saturating_mul(disk.f_frsize)));
    match free {
        Ok(free) if free < LITTLE_DISK => Probe {
            name,
            verdict: Verdict::Degraded,
            detail: format!("{} has {} MB left", dir.display(), free.as_mb()),
            remedy: "make room, or lower store.embedded.retention_size".to_owned(),
        },
        Ok(free) => Probe {
            name,
            verdict: Verdict::Works,
            detail: format!("{} has {} MB left", dir.display(), free.as_mb()),
            remedy: String::new(),
        },
        Err(error) => Probe {
            name,
            verdict: Verdict::Degraded,
            detail: format!("the room left in {} is not known: {error}", dir.display()),
            remedy: String::new(),
        },
    }
}

/// Whether the port is free.
#[must_use]
pub fn probe_port(address: SocketAddr) -> Probe {
    let name = "port".to_owned();
    match std::net::TcpListener::bind(address) {
        Ok(_) => Probe {
            name,
            verdict: Verdict::Works,
            detail: format!("{address} is free"),
            remedy: String::new(),
        },
        Err(source) => {
            let error = StartError::Address { address, source };
            Probe {
                name,
                verdict: Verdict::Broken,
                detail: crate::error::chain(&error),
                remedy: "stop the program that listens there, or choose another --port or --host".to_owned(),
            }
        }
    }
}

/// How many file descriptors there can be.
#[must_use]
pub fn probe_files() -> Probe {
    /// Some thousand connections and containers.
    const ENOUGH: u64 = 16_384;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let name = "open files".to_owned();
    match limit {
        Some(limit) if limit < ENOUGH => Probe {
            name,
            verdict: Verdict::Degraded,
            detail: format!("at most {limit} at a time"),
            remedy: format!("raise the hard limit (ulimit -Hn, or LimitNOFILE= of the service) to {ENOUGH}"),
        },
        Some(limit) => Probe {
            name,
            verdict: Verdict::Works,
            detail: format!("up to {limit} at a time"),
            remedy: String::new(),
        },
        None => Probe {
            name,
            verdict: Verdict::Works,
            detail: "any number at a time".to_owned(),
            remedy: String::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_memory_is_read() {
        let text = "MemFree:  1 kB\nMemTotal:       24681120 kB\n";
        assert_eq!(total_memory(text), Some(ByteSize::kb(24_681_120)));
        assert_eq!(total_memory("nothing"), None);
        assert!(memory() > ByteSize::mb(1));
    }

    #[test]
    fn a_taken_port_is_broken_and_names_a_remedy() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let probe = probe_port(taken.local_addr().unwrap());
        assert_eq!(probe.verdict, Verdict::Broken);
        assert!(probe.remedy.contains("--port"), "{probe:?}");
    }
}
