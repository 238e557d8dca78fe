//! The processor time of a server with all that it has started, helpers that have ended too, without that of functions.
//!
//! The server is started in a control group of its own. The groups of its functions lie below that one, and their
//! time is subtracted: both sums only grow, and both keep the time of what has ended.

use oxiwhisk_test_e2e::time;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How the groups begin that a server makes for its functions.
const FUNCTIONS: &str = "oxiwhisk_";
/// How the one ends in which it may put itself.
const SERVER: &str = "_server";
/// How long the kernel may take to let go of processes that have ended.
const REMOVAL_LIMIT: Duration = Duration::from_secs(2);

/// A control group whose processor time is counted; removed with this value.
#[derive(Debug)]
pub struct Account {
    dir: PathBuf,
    /// The group that this process is in.
    home: PathBuf,
    unified: bool,
}

impl Account {
    /// Makes a group in a hierarchy in which functions get groups of their own. `None` where there is none that may be
    /// written.
    #[must_use]
    pub fn open() -> Option<Account> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let (home, unified) = hierarchy(&fs::read_to_string("/proc/self/cgroup").ok()?)?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let dir = home.join(format!("bench-{}-{number}", std::process::id()));
        fs::create_dir(&dir).ok()?;
        let account = Account { dir, home, unified };
        account.spent().map(|_| account)
    }

    /// Runs `start`; the processes that it starts belong to the group.
    ///
    /// # Errors
    /// When this process may not enter the group, or not leave it.
    pub fn inside<T>(&self, start: impl FnOnce() -> T) -> io::Result<T> {
        let home = Home(&self.home);
        fs::write(self.dir.join("cgroup.procs"), "0")?;
        let started = start();
        home.enter()?;
        Ok(started)
    }

    /// The processor time of all in the group so far, without that of functions.
    #[must_use]
    pub fn spent(&self) -> Option<Duration> {
        let functions = fs::read_dir(&self.dir).ok()?.flatten().filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(FUNCTIONS) && !name.ends_with(SERVER)
        });
        let functions: Duration = functions.filter_map(|entry| self.usage(&entry.path())).sum();
        Some(self.usage(&self.dir)?.saturating_sub(functions))
    }

    /// Whether the time of that process is left out.
    #[must_use]
    pub fn leaves_out(&self, process: &oxiwhisk_test_e2e::processes::Process) -> bool {
        !process.cgroups().iter().any(|group| match group.strip_prefix(&self.dir) {
            Ok(below) => !below.to_string_lossy().starts_with(FUNCTIONS),
            Err(_) => false,
        })
    }

    fn usage(&self, dir: &Path) -> Option<Duration> {
        if self.unified {
            let text = fs::read_to_string(dir.join("cpu.stat")).ok()?;
            let micros = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
            Some(Duration::from_micros(micros.parse().ok()?))
        } else {
            let nanos = fs::read_to_string(dir.join("cpuacct.usage")).ok()?;
            Some(Duration::from_nanos(nanos.trim().parse().ok()?))
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        remove(&self.dir);
    }
}

/// Removes a control group as soon as the kernel has done with what ended in it.
pub fn remove(group: &Path) {
    // One that stays is empty, and harms nobody.
    let _ = time::poll(REMOVAL_LIMIT, || fs::remove_dir(group).is_ok().then_some(()));
}

/// Where this process belongs; it goes there with this value.
struct Home<'a>(&'a Path);

impl Home<'_> {
    fn enter(&self) -> io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), "0")
    }
}

impl Drop for Home<'_> {
    fn drop(&mut self) {
        let _ = self.enter();
    }
}

/// The group that this process is in in the hierarchy of version 2, if that is mounted.
#[must_use]
pub fn unified_home() -> Option<PathBuf> {
    let (home, unified) = hierarchy(&fs::read_to_string("/proc/self/cgroup").ok()?)?;
    unified.then_some(home)
}

/// Our group in the hierarchy of version 2, if that is mounted, or in the one of version 1 that counts processor time and
/// in which functions have groups because it also shares it out. Whether it is version 2.
fn hierarchy(own: &str) -> Option<(PathBuf, bool)> {
    let lines = || own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let root = Path::new("/sys/fs/cgroup");
    let at = |mount: PathBuf, group: &str| mount.join(group.trim_start_matches('/'));
    let unified = lines().find(|(names, _)| names.is_empty()).and_then(|(_, group)| {
        let mounts = ["unified", ""].map(|mount| root.join(mount));
        let mount = mounts.into_iter().find(|mount| mount.join("cgroup.controllers").exists())?;
        Some((at(mount, group), true))
    });
    unified.or_else(|| {
        let has = |names: &str, name: &str| names.split(',').any(|word| word == name);
        let (names, group) = lines().find(|(names, _)| has(names, "cpuacct") && has(names, "cpu"))?;
        Some((at(root.join(names), group), false))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hierarchy_in_which_functions_have_groups_counts() {
        let joint = "3:cpu,cpuacct:/user.slice\n2:memory:/x\n";
        assert_eq!(hierarchy(joint), Some(("/sys/fs/cgroup/cpu,cpuacct/user.slice".into(), false)));
        assert_eq!(hierarchy("2:cpuacct:/\n1:cpu:/\n"), None);
    }

    #[test]
    fn what_ended_still_counts() {
        // Without the right to make groups there is nothing to see.
        let Some(account) = Account::open() else { return };
        let before = account.spent().unwrap();
        let busy = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
        let status = account.inside(|| std::process::Command::new("sh").args(["-c", busy]).status());
        assert!(status.unwrap().unwrap().success());
        assert!(account.spent().unwrap() > before);
    }
}
