//! The directory of one instance, and in it one file that is both its lock and the record of what the instance has
//! made on this machine outside of it.
//!
//! What is made is written down before it is made, so that a sweep finds it after any end. Server and spawner hold the
//! same open file: it can be read even when somebody has removed the directory. Two instances never share a directory,
//! and none touches what the record of another names.

use crate::cgroup;
use crate::spawner::netlink::Netlink;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// The name of the file.
const FILE: &str = "instance";

/// How long a start waits for the spawner of an earlier server that is still cleaning up.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// How often it looks.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// An instance on this machine.
#[derive(Debug)]
pub(crate) struct Instance {
    dir: PathBuf,
    name: String,
    record: Mutex<Record>,
    file: File,
}

/// What was made outside of the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Record {
    /// Directories of cgroups below which everything is ours.
    cgroups: Vec<PathBuf>,
    /// Commands that undo what was done to the machine's network; that there is nothing to undo is no fault of theirs.
    undo: Vec<Vec<String>>,
    /// What the names of our network interfaces begin with.
    interfaces: Option<String>,
    /// A range of addresses that was claimed, and its prefix.
    range: Option<(Ipv4Addr, u8)>,
}

impl Instance {
    /// Takes a directory for this process, and waits a while for an earlier one that is about to end.
    ///
    /// # Errors
    /// When the directory cannot be used, or another server uses it.
    pub(crate) fn open(dir: &Path) -> io::Result<Instance> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let dir = dir.canonicalize()?;
        // Other users of this machine have no business in functions' code.
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
        let file =
            File::options().create(true).truncate(false).read(true).write(true).open(dir.join(FILE))?;
        let mut waited = Duration::ZERO;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) if waited < LOCK_PATIENCE => {
                    std::thread::sleep(LOCK_INTERVAL);
                    waited += LOCK_INTERVAL;
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let text = format!("another server uses {}", dir.display());
                    return Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Instance::adopt(&dir, file))
    }

    /// The instance whose locked file another process has handed over: for the spawner.
    pub(crate) fn adopt(dir: &Path, file: File) -> Instance {
        let name = format!("{:08x}", fingerprint(dir));
        Instance { name, dir: dir.to_owned(), record: Mutex::new(read(&file)), file }
    }

    /// Eight characters that tell this instance from others on the machine.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The locked file, for the spawner to keep.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The directory of a slot, which its sandbox sees as `/action`.
    pub(crate) fn slot_dir(&self, slot: u32) -> PathBuf {
        self.dir.join("slots").join(slot.to_string())
    }

    /// Writes down a directory of cgroups that is about to be made.
    pub(crate) fn record_cgroup(&self, path: &Path) -> io::Result<()> {
        self.change(|record| {
            if !record.cgroups.iter().any(|known| known == path) {
                record.cgroups.push(path.to_owned());
            }
        })
    }

    /// Writes down how something is undone that is about to be done.
    pub(crate) fn record_undo(&self, command: &[&str]) -> io::Result<()> {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        self.change(|record| {
            if !record.undo.contains(&command) {
                record.undo.push(command);
            }
        })
    }

    /// Writes down a range of addresses that is about to be claimed.
    pub(crate) fn record_range(&self, range: Ipv4Addr, prefix: u8) -> io::Result<()> {
        self.change(|record| record.range = Some((range, prefix)))
    }

    /// Forgets it where another has it.
    pub(crate) fn forget_range(&self) -> io::Result<()> {
        self.change(|record| record.range = None)
    }

    /// Writes down what the names of our interfaces begin with.
    pub(crate) fn record_interfaces(&self, prefix: &str) -> io::Result<()> {
        self.change(|record| record.interfaces = Some(prefix.to_owned()))
    }

    /// Ends and removes everything of this instance: processes, cgroups, interfaces, rules, directories. May wait a
    /// few seconds for processes to die. What could not be removed stays on record for the next time.
    pub(crate) fn sweep(&self) {
        let Ok(mut record) = self.record.lock() else { return };
        // The other holder of the file may have written since.
        *record = read(&self.file);
        record.cgroups.retain(|path| !cgroup::remove_tree(path));
        // The last rules belong to what the first ones set up, hence the reverse.
        for command in record.undo.drain(..).rev() {
            run_quietly(&command);
        }
        if let Some(prefix) = record.interfaces.take() {
            remove_interfaces(&prefix);
        }
        if let Some((range, prefix)) = record.range.take()
            && let Ok(netlink) = Netlink::open()
        {
            // That it is gone already is what was wanted.
            let _ = netlink.release_range(range, prefix);
        }
        let _ = fs::remove_dir_all(self.dir.join("slots"));
        let _ = fs::remove_dir(self.dir.join("root"));
        // Where this fails, a later sweep finds nothing behind what the record names.
        let _ = self.write(&record);
    }

    fn change(&self, change: impl FnOnce(&mut Record)) -> io::Result<()> {
        let mut record =
            self.record.lock().map_err(|_| io::Error::other("the record was left half changed"))?;
        let mut new = record.clone();
        change(&mut new);
        if new != *record {
            self.write(&new)?;
            *record = new;
        }
        Ok(())
    }

    fn write(&self, record: &Record) -> io::Result<()> {
        let text = serde_json::to_vec(record)?;
        self.file.write_all_at(&text, 0)?;
        // Whoever is killed here leaves the end of a longer text, which is not read.
        self.file.set_len(text.len() as u64)
    }
}

/// The record in a file: the first JSON text there; nothing where there is none.
fn read(file: &File) -> Record {
    let mut text = Vec::new();
    let mut part = [0u8; 4096];
    while let Ok(length @ 1..) = file.read_at(&mut part, text.len() as u64) {
        text.extend(&part[..length]);
    }
    serde_json::Deserializer::from_slice(&text).into_iter().next().and_then(Result::ok).unwrap_or_default()
}

fn run_quietly(command: &[String]) {
    if let [program, arguments @ ..] = command {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A tool that has gone since cannot be asked again; the machine's next start forgets what it had set.
        let _ = command.status();
    }
}

fn remove_interfaces(prefix: &str) {
    let Ok(entries) = fs::read_dir("/sys/class/net") else { return };
    let Ok(netlink) = Netlink::open() else { return };
    for entry in entries.flatten() {
        if let Some(name) = entry.file_name().to_str().filter(|name| name.starts_with(prefix)) {
            // Most go with the network namespace at their other end.
            let _ = netlink.remove(name);
        }
    }
}

/// A number for a path that is the same in every process (FNV-1a).
fn fingerprint(path: &Path) -> u32 {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str()
        .as_bytes()
        .iter()
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_instance_keeps_others_out() {
        let dir = tempfile::tempdir().unwrap();
        let first = Instance::open(dir.path()).unwrap();
        let other = File::options().write(true).open(dir.path().join(FILE)).unwrap();
        assert!(flock(&other, FlockOperation::NonBlockingLockExclusive).is_err());
        drop(first);
        flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
    }

    #[test]
    fn a_sweep_undoes_what_was_recorded_and_forgets_it() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("mark");
        let instance = Instance::open(dir.path()).unwrap();
        fs::create_dir_all(instance.slot_dir(3).join("action")).unwrap();
        instance.record_undo(&["touch", mark.to_str().unwrap()]).unwrap();
        drop(instance);
        // Another process of the same instance, as after a kill.
        let instance = Instance::open(dir.path()).unwrap();
        instance.sweep();
        assert!(mark.exists() && !dir.path().join("slots").exists());
        fs::remove_file(&mark).unwrap();
        instance.sweep();
        assert!(!mark.exists(), "what was undone is forgotten");
    }
}
