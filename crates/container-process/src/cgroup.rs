//! Control groups, of version 1, of version 2, and of both side by side.
//!
//! Everything is made below one directory for each hierarchy, named after the instance, inside the group that this
//! process is in, so that limits on the server hold for its sandboxes too.

use crate::instance::Instance;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Which controllers are wanted.
const WANTED: [&str; 3] = ["memory", "cpu", "pids"];

/// How long the end of killed processes is waited for.
const DEATH_PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked at.
const DEATH_INTERVAL: Duration = Duration::from_millis(2);

/// The processor share that stands for one whole processor.
const SHARES_OF_A_CPU: u64 = 1024;

/// The share of a sandbox while it is made: that of a small function, so that functions that run are not kept from it by
/// many that are about to. The kernel's own would be that of a function with 1 GiB.
const SHARES_OF_MAKING: u64 = 128;

/// What this machine offers, and our directories in it.
#[derive(Debug, Default)]
pub(crate) struct Cgroups {
    places: Arc<Places>,
    /// Why something is missing, in words.
    pub faults: Vec<String>,
}

/// Our directories.
#[derive(Debug, Default)]
struct Places {
    /// A directory for each hierarchy of version 1, with its controllers.
    legacy: Vec<(PathBuf, BTreeSet<String>)>,
    /// The directory of version 2, with the controllers that are switched on.
    unified: Option<(PathBuf, BTreeSet<String>)>,
}

/// The groups of one sandbox, one in each place.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    places: Arc<Places>,
    slot: u32,
}

/// The limits of one sandbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupLimits {
    /// Bytes of memory; swap counts as memory.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Processors at most, in thousandths; `None`: as many as are idle.
    pub cpu_thousandths: Option<u64>,
}

impl Cgroups {
    /// Looks at what is mounted and makes the instance's directories.
    pub(crate) fn open(instance: &Instance) -> Cgroups {
        let mut cgroups = Cgroups::default();
        let (Ok(mounts), Ok(own)) =
            (fs::read_to_string("/proc/self/mountinfo"), fs::read_to_string("/proc/self/cgroup"))
        else {
            cgroups.faults.push("/proc cannot be read".to_owned());
            return cgroups;
        };
        let name = format!("oxiwhisk_{}", instance.name());
        let mut places = Places::default();
        let mut missing: BTreeSet<&str> = WANTED.into();
        for mount in hierarchies(&mounts, &own) {
            match &mount.controllers {
                Some(controllers) => {
                    let has_freezer = controllers.contains("freezer") && !mounts.contains(" cgroup2 ");
                    if !has_freezer && missing.is_disjoint(&controllers.iter().map(String::as_str).collect())
                    {
                        continue;
                    }
                    match make_legacy(instance, &mount, &name) {
                        Ok(dir) => {
                            missing.retain(|controller| !controllers.contains(*controller));
                            places.legacy.push((dir, controllers.clone()));
                        }
                        Err(error) => cgroups.faults.push(format!("{}: {error}", mount.dirs[0].display())),
                    }
                }
                None => match make_unified(instance, &mount, &name, &missing) {
                    Ok((dir, controllers)) => {
                        missing.retain(|controller| !controllers.contains(*controller));
                        places.unified = Some((dir, controllers));
                    }
                    Err(error) => cgroups.faults.push(format!("{}: {error}", mount.dirs[0].display())),
                },
            }
        }
        places.weigh_all();
        cgroups.places = Arc::new(places);
        cgroups
    }

    /// The version of the hierarchy that has a controller; `freezer` is one of them.
    pub(crate) fn version_of(&self, controller: &str) -> Option<u8> {
        let Places { legacy, unified } = &*self.places;
        let in_unified = |(_, controllers): &(PathBuf, BTreeSet<String>)| {
            controller == "freezer" || controllers.contains(controller)
        };
        if unified.as_ref().is_some_and(in_unified) {
            return Some(2);
        }
        find(legacy, controller).map(|_| 1)
    }

    /// Makes the groups of a sandbox.
    pub(crate) fn make(&self, slot: u32) -> io::Result<Group> {
        let group = Group { places: self.places.clone(), slot };
        let made = group.dirs().try_for_each(|dir| match fs::create_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        });
        match made {
            Ok(()) => {
                group.weigh(SHARES_OF_MAKING);
                Ok(group)
            }
            Err(error) => {
                group.remove();
                Err(error)
            }
        }
    }
}

impl Places {
    /// Gives all sandboxes together the weight of the machine's processors, so that the server, which competes with
    /// them, neither starves nor starves them.
    fn weigh_all(&self) {
        let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        let unified = find(self.unified.as_slice(), "cpu");
        write_share(find(&self.legacy, "cpu"), unified, cpus * SHARES_OF_A_CPU);
    }
}

impl Group {
    /// What a process with a single thread must write a 0 into, of version 1.
    ///
    /// A thread that moves itself waits for nobody. To move a process by `cgroup.procs`, the kernel keeps every process
    /// of the machine from forking, executing and exiting, which takes it a grace period of some 10 ms each time that
    /// nobody did so a moment before.
    pub(crate) fn joins(&self) -> io::Result<Vec<OwnedFd>> {
        let open = |dir: PathBuf| Ok(OwnedFd::from(File::options().write(true).open(dir.join("tasks"))?));
        self.places.legacy.iter().map(|(place, _)| self.dir(place)).map(open).collect()
    }

    /// The directory into which a process is cloned, of version 2.
    pub(crate) fn unified(&self) -> io::Result<Option<OwnedFd>> {
        self.unified_any().map(|dir| Ok(OwnedFd::from(File::open(dir)?))).transpose()
    }

    /// Sets the limits, as far as there are controllers for them.
    pub(crate) fn limit(&self, limits: GroupLimits) -> io::Result<()> {
        let memory = limits.memory.to_string();
        // The first process and the program's own threads are processes too; what is left is the program's.
        let processes = (limits.processes + 1).to_string();
        if let Some(dir) = self.legacy_dir("memory") {
            fs::write(dir.join("memory.limit_in_bytes"), &memory)?;
            // Without accounting of swap the file is not there.
            let with_swap = dir.join("memory.memsw.limit_in_bytes");
            if with_swap.exists() {
                fs::write(with_swap, &memory)?;
            }
        } else if let Some(dir) = self.unified_dir("memory") {
            fs::write(dir.join("memory.max"), &memory)?;
            let swap = dir.join("memory.swap.max");
            if swap.exists() {
                fs::write(swap, "0")?;
            }
            fs::write(dir.join("memory.oom.group"), "1")?;
        }
        if let Some(dir) = self.legacy_dir("pids").or_else(|| self.unified_dir("pids")) {
            fs::write(dir.join("pids.max"), &processes)?;
        }
        // A share for each MiB: what has twice the memory gets twice the time when time is short.
        self.weigh(limits.memory >> 20);
        if let Some(thousandths) = limits.cpu_thousandths {
            let quota = thousandths.max(10) * 100;
            if let Some(dir) = self.legacy_dir("cpu") {
                fs::write(dir.join("cpu.cfs_period_us"), "100000")?;
                fs::write(dir.join("cpu.cfs_quota_us"), quota.to_string())?;
            } else if let Some(dir) = self.unified_dir("cpu") {
                fs::write(dir.join("cpu.max"), format!("{quota} 100000"))?;
            }
        }
        Ok(())
    }

    fn weigh(&self, shares: u64) {
        let (legacy, unified) = (self.legacy_dir("cpu"), self.unified_dir("cpu"));
        write_share(legacy.as_deref(), unified.as_deref(), shares);
    }

    /// Asks the kernel to stop or go on with all processes; [`Group::is_frozen`] says when it has.
    pub(crate) fn freeze(&self, frozen: bool) -> io::Result<()> {
        if let Some(dir) = self.unified_any() {
            return fs::write(dir.join("cgroup.freeze"), if frozen { "1" } else { "0" });
        }
        match self.legacy_dir("freezer") {
            Some(dir) => fs::write(dir.join("freezer.state"), if frozen { "FROZEN" } else { "THAWED" }),
            None => Err(io::Error::new(io::ErrorKind::Unsupported, "this machine has no freezer")),
        }
    }

    /// Whether all processes are stopped.
    pub(crate) fn is_frozen(&self) -> io::Result<bool> {
        if let Some(dir) = self.unified_any() {
            return Ok(fs::read_to_string(dir.join("cgroup.events"))?.lines().any(|line| line == "frozen 1"));
        }
        match self.legacy_dir("freezer") {
            Some(dir) => Ok(fs::read_to_string(dir.join("freezer.state"))?.trim() == "FROZEN"),
            None => Ok(false),
        }
    }

    /// How many processes the kernel has killed for want of memory; 0 where nobody counts.
    pub(crate) fn oom_kills(&self) -> u64 {
        let legacy = self.legacy_dir("memory").map(|dir| dir.join("memory.oom_control"));
        let file = legacy.or_else(|| Some(self.unified_dir("memory")?.join("memory.events")));
        let text = file.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok()).unwrap_or(0)
    }

    /// Kills what is left and removes the groups. Whether all are gone.
    pub(crate) fn remove(&self) -> bool {
        let mut all = true;
        for dir in self.dirs() {
            all &= remove_group(&dir);
        }
        all
    }

    /// All of its directories, version 2 first. They are put together when they are wanted, which is seldom.
    fn dirs(&self) -> impl Iterator<Item = PathBuf> {
        self.places.unified.iter().chain(&self.places.legacy).map(|(place, _)| self.dir(place))
    }

    fn legacy_dir(&self, controller: &str) -> Option<PathBuf> {
        find(&self.places.legacy, controller).map(|place| self.dir(place))
    }

    fn unified_dir(&self, controller: &str) -> Option<PathBuf> {
        find(self.places.unified.as_slice(), controller).map(|place| self.dir(place))
    }

    /// That of version 2, whatever is switched on in it.
    fn unified_any(&self) -> Option<PathBuf> {
        self.places.unified.as_ref().map(|(place, _)| self.dir(place))
    }

    fn dir(&self, place: &Path) -> PathBuf {
        place.join(self.slot.to_string())
    }
}

/// Kills everything below a directory and removes it. Whether it is gone.
pub(crate) fn remove_tree(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return !dir.exists() };
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            remove_group(&entry.path());
        }
    }
    remove_group(dir)
}

fn remove_group(dir: &Path) -> bool {
    let mut waited = Duration::ZERO;
    loop {
        match fs::remove_dir(dir) {
            Ok(()) => return true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
            Err(_) if waited >= DEATH_PATIENCE => return false,
            Err(_) => {}
        }
        kill_all(dir);
        std::thread::sleep(DEATH_INTERVAL);
        waited += DEATH_INTERVAL;
    }
}

/// Kills every process of a group, also one that is stopped.
fn kill_all(dir: &Path) {
    if fs::write(dir.join("cgroup.kill"), "1").is_err() {
        let processes = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        for process in
            processes.lines().filter_map(|line| line.parse().ok()).filter_map(rustix::process::Pid::from_raw)
        {
            // It may have ended since; what is in a group of ours is ours.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
    }
    for (file, text) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
        let file = dir.join(file);
        if file.exists() {
            let _ = fs::write(file, text);
        }
    }
}

fn find<'a>(groups: &'a [(PathBuf, BTreeSet<String>)], controller: &str) -> Option<&'a Path> {
    groups.iter().find(|(_, controllers)| controllers.contains(controller)).map(|(dir, _)| dir.as_path())
}

/// Sets a share of processor time; a kernel that refuses the value keeps its own.
fn write_share(legacy: Option<&Path>, unified: Option<&Path>, shares: u64) {
    let shares = shares.clamp(2, 262_144);
    if let Some(dir) = legacy {
        let _ = fs::write(dir.join("cpu.shares"), shares.to_string());
    } else if let Some(dir) = unified {
        // The default share of 1024 is the default weight of 100.
        let weight = (shares * 100 / SHARES_OF_A_CPU).clamp(1, 10_000);
        let _ = fs::write(dir.join("cpu.weight"), weight.to_string());
    }
}

/// A mounted hierarchy.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    /// Where groups may be made, best first: this process' own group, then the mount's root.
    dirs: Vec<PathBuf>,
    /// Its controllers; `None` for version 2.
    controllers: Option<BTreeSet<String>>,
}

/// The hierarchies of `mounts` (`/proc/self/mountinfo`), those of version 1 first, with the groups of `own`
/// (`/proc/self/cgroup`).
fn hierarchies(mounts: &str, own: &str) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for line in mounts.lines() {
        let Some((place, kind)) = line.split_once(" - ") else { continue };
        let place: Vec<&str> = place.split(' ').collect();
        let kind: Vec<&str> = kind.split(' ').collect();
        let ([_, _, _, root, point, ..], [kind, _, options, ..]) = (place.as_slice(), kind.as_slice()) else {
            continue;
        };
        let options: BTreeSet<&str> = options.split(',').collect();
        let groups = own.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            Some((parts.next()?, parts.next()?))
        });
        let controllers = match *kind {
            "cgroup2" => None,
            "cgroup" => Some(options.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>()),
            _ => continue,
        };
        let is_own = |names: &str| match &controllers {
            None => names.is_empty(),
            Some(_) => !names.is_empty() && names.split(',').all(|name| options.contains(name)),
        };
        let point = PathBuf::from(point.replace("\\040", " "));
        let mut dirs = Vec::new();
        if let Some((_, group)) = groups.into_iter().find(|(names, _)| is_own(names))
            && let Ok(below) = Path::new(group).strip_prefix(root)
            && !below.as_os_str().is_empty()
        {
            dirs.push(point.join(below));
        }
        dirs.push(point);
        found.push(Hierarchy { dirs, controllers });
    }
    found.sort_by_key(|hierarchy| hierarchy.controllers.is_none());
    found
}

fn make_legacy(instance: &Instance, hierarchy: &Hierarchy, name: &str) -> io::Result<PathBuf> {
    first_that_works(&hierarchy.dirs, |dir| {
        let dir = dir.join(name);
        make_recorded(instance, &dir)?;
        Ok(dir)
    })
}

fn make_unified(
    instance: &Instance,
    hierarchy: &Hierarchy,
    name: &str,
    missing: &BTreeSet<&str>,
) -> io::Result<(PathBuf, BTreeSet<String>)> {
    first_that_works(&hierarchy.dirs, |parent| {
        let wanted = controllers_in(parent, "cgroup.controllers", missing);
        make_room(instance, parent, &wanted)?;
        let dir = parent.join(name);
        make_recorded(instance, &dir)?;
        for controller in &wanted {
            fs::write(dir.join("cgroup.subtree_control"), format!("+{controller}"))?;
        }
        Ok((dir, wanted))
    })
}

/// Switches controllers on for the groups below `parent`. A group with processes of its own cannot do that, except the
/// topmost one: where all of them are ours, they move into a group beside those of the sandboxes.
fn make_room(instance: &Instance, parent: &Path, wanted: &BTreeSet<String>) -> io::Result<()> {
    let switch = || {
        let write = |name: &String| fs::write(parent.join("cgroup.subtree_control"), format!("+{name}"));
        wanted.iter().try_for_each(write)
    };
    match switch() {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            let processes = fs::read_to_string(parent.join("cgroup.procs"))?;
            let own = std::process::id().to_string();
            if processes.lines().any(|process| process != own) {
                return Err(error);
            }
            let leaf = parent.join(format!("oxiwhisk_{}_server", instance.name()));
            fs::create_dir_all(&leaf)?;
            fs::write(leaf.join("cgroup.procs"), own)?;
            switch()
        }
        done => done,
    }
}

fn make_recorded(instance: &Instance, dir: &Path) -> io::Result<()> {
    instance.record_cgroup(dir)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn controllers_in(dir: &Path, file: &str, wanted: &BTreeSet<&str>) -> BTreeSet<String> {
    let text = fs::read_to_string(dir.join(file)).unwrap_or_default();
    text.split_whitespace().filter(|name| wanted.contains(name)).map(str::to_owned).collect()
}

fn first_that_works<T>(dirs: &[PathBuf], mut make: impl FnMut(&Path) -> io::Result<T>) -> io::Result<T> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for dir in dirs {
        match make(dir) {
            Ok(made) => return Ok(made),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_side_by_side_are_found() {
        let mounts = "\
            31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
            32 24 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
            33 24 0:29 /outer /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            34 24 0:30 / /proc rw - proc proc rw\n";
        let own = "5:cpu,cpuacct:/a\n4:memory:/outer/inner\n1:name=systemd:/s\n0::/u/s\n";
        let found = hierarchies(mounts, own);
        let dirs = |at: usize| found[at].dirs.iter().map(|dir| dir.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(found.len(), 3);
        assert_eq!(dirs(0), ["/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/cpu,cpuacct"]);
        assert_eq!(dirs(1), ["/sys/fs/cgroup/memory/inner", "/sys/fs/cgroup/memory"]);
        assert!(found[1].controllers.as_ref().unwrap().contains("memory"));
        assert_eq!(dirs(2), ["/sys/fs/cgroup/unified/u/s", "/sys/fs/cgroup/unified"]);
        assert_eq!(found[2].controllers, None);
    }

    /// Directories that look like groups.
    fn group(unified: bool) -> (tempfile::TempDir, Group) {
        let dir = tempfile::tempdir().unwrap();
        let place = (dir.path().to_owned(), WANTED.map(str::to_owned).into());
        let places = match unified {
            true => Places { legacy: Vec::new(), unified: Some(place) },
            false => Places { legacy: vec![place], unified: None },
        };
        let cgroups = Cgroups { places: Arc::new(places), faults: Vec::new() };
        let group = cgroups.make(7).unwrap();
        (dir, group)
    }

    const LIMITS: GroupLimits = GroupLimits { memory: 256 << 20, processes: 50, cpu_thousandths: Some(500) };

    #[test]
    fn run_17_limits_are_written_as_version_2_reads_them() {
        let (parent, group) = group(true);
        let dir = parent.path().join("7");
        assert_eq!(fs::read_to_string(dir.join("cpu.weight")).unwrap(), "12", "while it is made");
        fs::write(dir.join("memory.swap.max"), "max").unwrap();
        fs::write(dir.join("memory.events"), "oom 3\noom_kill 2\n").unwrap();
        group.limit(LIMITS).unwrap();
        group.freeze(true).unwrap();
        let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
        let expected = [
            ("memory.max", "268435456"),
            ("memory.swap.max", "0"),
            ("memory.oom.group", "1"),
            ("pids.max", "51"),
            ("cpu.weight", "25"),
            ("cpu.max", "50000 100000"),
            ("cgroup.freeze", "1"),
        ];
        for (name, value) in expected {
            assert_eq!(read(name), value, "{name}");
        }
        assert_eq!(group.oom_kills(), 2);
    }

    #[test]
    fn run_17_limits_are_written_as_version_1_reads_them() {
        let (parent, group) = group(false);
        let dir = parent.path().join("7");
        assert_eq!(fs::read_to_string(dir.join("cpu.shares")).unwrap(), "128", "while it is made");
        fs::write(dir.join("memory.memsw.limit_in_bytes"), "max").unwrap();
        fs::write(dir.join("memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n").unwrap();
        group.limit(LIMITS).unwrap();
        let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
        let expected = [
            ("memory.limit_in_bytes", "268435456"),
            ("memory.memsw.limit_in_bytes", "268435456"),
            ("pids.max", "51"),
            ("cpu.shares", "256"),
            ("cpu.cfs_quota_us", "50000"),
        ];
        for (name, value) in expected {
            assert_eq!(read(name), value, "{name}");
        }
        assert_eq!(group.oom_kills(), 1);
    }

    #[test]
    fn what_is_frozen_by_version_1_is_killed_and_removed() {
        let place = Path::new("/sys/fs/cgroup/freezer").join(format!("oxiwhisk_test_{}", std::process::id()));
        let dir = place.join("7");
        if fs::create_dir_all(&dir).is_err() {
            eprintln!("SKIPPED: a freezer of version 1 and the superuser are needed");
            return;
        }
        let mut sleeper = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        fs::write(dir.join("cgroup.procs"), sleeper.id().to_string()).unwrap();
        let places = Places { legacy: vec![(place.clone(), ["freezer".to_owned()].into())], unified: None };
        let group = Group { places: Arc::new(places), slot: 7 };
        group.freeze(true).unwrap();
        while !group.is_frozen().unwrap() {
            std::thread::sleep(DEATH_INTERVAL);
        }
        assert!(group.remove() && !dir.exists());
        assert!(!sleeper.wait().unwrap().success());
        fs::remove_dir(&place).unwrap();
    }
}
