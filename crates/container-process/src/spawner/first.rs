//! The first process of a sandbox: makes it, waits for a program, starts that, and reaps what ends.
//!
//! It is process 1 of its namespace: when it ends, the kernel ends everything in the sandbox. It must not be reachable
//! for the program: it runs as another user, without capabilities, and reads nothing that comes from the program.

use super::netlink::{LOOPBACK, Netlink};
use super::seccomp::Filter;
use super::sys::{self, Forked};
use super::view;
use crate::runtimes::{ACTION_DIR, skeleton};
use crate::wire::{self, Failure, Limits, Network, Report, SandboxSpec, Start};
use rustix::mount::{MountFlags, mount};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::Path;

/// Where the first process finds itself.
pub(super) struct Place<'a> {
    /// Joins it to the server.
    pub socket: OwnedFd,
    /// The `tasks` files to join, of version 1.
    pub joins: Vec<OwnedFd>,
    /// The root that the spawner made.
    pub root: &'a Path,
    /// Whether there is only one user.
    pub rootless: bool,
    /// The filter of system calls.
    pub filter: &'a Filter,
}

/// How many files there are of accounts.
const ACCOUNTS: u64 = 2;

/// The name of the interface in the sandbox.
const INTERFACE: &str = "eth0";

type Step<T> = Result<T, Failure>;

/// Lives the whole life of the first process. `kept`: the network of an earlier sandbox with the same addresses.
pub(super) fn run(place: Place<'_>, kept: Option<OwnedFd>, spec: &SandboxSpec) -> ! {
    // A panic must not unwind into the copy of the spawner's loop.
    let life = std::panic::AssertUnwindSafe(|| live(&place, kept, spec));
    let code = match std::panic::catch_unwind(life) {
        Ok(Ok(())) => 0,
        Ok(Err(failure)) => {
            // A server that is gone needs no report.
            let _ = wire::send(place.socket.as_fd(), &Report::Failed(failure), &[]);
            1
        }
        Err(_) => 1,
    };
    sys::exit_now(code)
}

fn live(place: &Place<'_>, kept: Option<OwnedFd>, spec: &SandboxSpec) -> Step<()> {
    let socket = place.socket.as_fd();
    die_with_spawner()?;
    keep_only([&place.socket].into_iter().chain(&kept).chain(&place.joins));
    for join in &place.joins {
        rustix::io::write(join, b"0").map_err(|error| Failure::new("join a cgroup", &error.into()))?;
    }
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let network = make_network(&spec.network, kept)?;
    // On a kernel without them the sandbox sees the names of its cgroups, which does no harm.
    let _ = sys::unshare(libc::CLONE_NEWCGROUP);
    make_mounts(place, spec)?;
    // The program inherits all this. It is done here because the kernel takes its time to check a filter.
    step("shrink the set of capabilities", sys::drop_capabilities())?;
    step("forbid new privileges", sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1))?;
    step("install the filter of system calls", place.filter.install())?;
    let gone = |error: io::Error| Failure::new("speak to the server", &error);
    let shown: Vec<_> = network.iter().map(AsFd::as_fd).collect();
    wire::send(socket, &Report::Prepared, &shown).map_err(gone)?;
    drop(network);
    let Some((start, fds)) = wire::receive::<Start>(socket).map_err(gone)? else { return Ok(()) };
    step("set the name of the machine", sys::set_host_name(&start.host_name))?;
    let program = start_program(&start, fds)?;
    if let Some(users) = start.user {
        step("become the user of first processes", sys::become_user(users.first, users.first))?;
        // Changing the user has cleared what was asked for before.
        die_with_spawner()?;
    }
    step("drop capabilities", sys::empty_capabilities())?;
    wire::send(socket, &Report::Started, &[]).map_err(gone)?;
    let report = reap_until(program).map_err(|error| Failure::new("wait for the program", &error))?;
    wire::send(socket, &report, &[]).map_err(gone)
}

/// Asks to be killed when the spawner ends.
fn die_with_spawner() -> Step<()> {
    step("ask to end with the spawner", sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64))
}

/// Closes what the spawner had open and this process does not need.
fn keep_only<'a>(needed: impl Iterator<Item = &'a OwnedFd>) {
    let mut keep: Vec<u32> = vec![0, 1, 2];
    keep.extend(needed.map(|fd| fd.as_raw_fd().unsigned_abs()));
    keep.sort_unstable();
    for pair in keep.windows(2) {
        sys::close_range(pair[0] + 1, pair[1].saturating_sub(1));
    }
    sys::close_range(keep.last().map_or(3, |last| last + 1), u32::MAX);
}

/// Returns the namespace where it is new and joined to this machine.
fn make_network(network: &Network, kept: Option<OwnedFd>) -> Step<Option<File>> {
    match network {
        Network::Host => Ok(None),
        Network::None => {
            step("make a network namespace", sys::unshare(libc::CLONE_NEWNET))?;
            let inside = step("open netlink", Netlink::open())?;
            step("switch the loopback interface on", inside.switch_on(LOOPBACK)).map(|()| None)
        }
        Network::Outbound { interface, host, address, prefix, mtu } => {
            let outside = step("open netlink", Netlink::open())?;
            if kept.is_some_and(|kept| enter_unused(&kept).is_ok_and(|unused| unused)) {
                return Ok(None);
            }
            step("make a network namespace", sys::unshare(libc::CLONE_NEWNET))?;
            // Only addresses of version 4 are translated, so that those of version 6 would lead nowhere: what is made from
            // here on gets none. To switch them off everywhere, the loopback included, the kernel would let this process
            // try again and again as long as another one changes any interface of the machine.
            let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
            let own = step("open the network namespace", File::open("/proc/self/ns/net"))?;
            let inside = step("open netlink", Netlink::open())?;
            step("switch the loopback interface on", inside.switch_on(LOOPBACK))?;
            let make = || outside.make_pair(interface, INTERFACE, own.as_fd(), *mtu);
            let made = match make() {
                // That of an earlier sandbox, which the kernel has not got round to removing.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    outside.remove(interface).and_then(|()| make())
                }
                made => made,
            };
            step("make a pair of interfaces", made)?;
            let index = step("find the host's interface", outside.index(interface))?;
            step("give the host's interface its address", outside.add_address(index, *host, *prefix))?;
            step("switch the host's interface on", outside.switch_on(index))?;
            let index = step("find the interface", inside.index(INTERFACE))?;
            step("give the interface its address", inside.add_address(index, *address, *prefix))?;
            step("switch the interface on", inside.switch_on(index))?;
            step("add the default route", inside.add_default_route(*host))?;
            Ok(Some(own))
        }
    }
}

/// Enters the network of an earlier sandbox, and says whether nothing was ever sent in it: then it is as a new one. All that
/// the kernel still knows of whoever had it before is how often it refused to send something.
fn enter_unused(kept: &OwnedFd) -> io::Result<bool> {
    sys::enter_network(kept.as_fd())?;
    let inside = Netlink::open()?;
    Ok(inside.sent("lo")? == 0 && inside.sent(INTERFACE)? == 0)
}

/// Adds what is this sandbox' own to the shared root, and makes that the root.
fn make_mounts(place: &Place<'_>, spec: &SandboxSpec) -> Step<()> {
    let root = place.root;
    let quiet = MountFlags::NOSUID | MountFlags::NODEV;
    let proc_flags = quiet | MountFlags::NOEXEC | MountFlags::RDONLY;
    let own = mount("proc", root.join("proc"), "proc", proc_flags, Some(c"hidepid=invisible"));
    match own {
        Ok(()) => {}
        // In a user namespace the kernel refuses where the machine's own /proc is partly covered.
        Err(rustix::io::Errno::PERM) if place.rootless => {}
        Err(error) => return Err(Failure::new("mount /proc", &error.into())),
    }
    let memory = |bytes: u64, files: u64, mode: &str| {
        CString::new(format!("size={bytes},nr_inodes={files},mode={mode}")).unwrap_or_default()
    };
    // The accounts lie in there as well.
    let options = memory(spec.tmp_bytes, spec.tmp_files + ACCOUNTS, "1777");
    let made = mount("tmp", root.join("tmp"), "tmpfs", quiet, Some(options.as_c_str()));
    step("mount /tmp", made.map_err(Into::into))?;
    let options = memory(spec.shm_bytes, spec.tmp_files, "1777");
    let made =
        mount("shm", root.join("dev/shm"), "tmpfs", quiet | MountFlags::NOEXEC, Some(options.as_c_str()));
    step("mount /dev/shm", made.map_err(Into::into))?;
    step("mount /action", view::show_at(&spec.action, &root.join("action")))?;
    for (name, text) in view::accounts(spec.user) {
        // Files of the machine's disk would take longer to make than all of the mounts.
        let file = root.join("tmp").join(name);
        step("write the accounts", std::fs::write(&file, text))?;
        step("mount the accounts", view::show_at(&file, &root.join("etc").join(name)))?;
        step("hide the file of the accounts", std::fs::remove_file(&file))?;
    }
    for path in &spec.mounts {
        step("mount what the interpreter needs", view::show(root, path, false))?;
    }
    step("enter the root", std::env::set_current_dir(root))?;
    step("make it the root", sys::enter_root())?;
    step("let go of the spawner's standard streams", let_go_of_streams())
}

/// Standard input is the spawner's own socket, and standard error leads into the server's log.
fn let_go_of_streams() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    (0..=2).try_for_each(|stream| sys::duplicate_onto(null.as_raw_fd(), stream))
}

/// Starts the program and returns its number in this namespace.
fn start_program(start: &Start, fds: Vec<OwnedFd>) -> Step<i32> {
    let arguments = texts(start.argv.iter().cloned())?;
    let environment = texts(start.environment.iter().map(|(name, value)| format!("{name}={value}")))?;
    let Some(program) = arguments.first().cloned() else {
        return Err(Failure { action: "start the program".into(), errno: 0, text: "it has no name".into() });
    };
    // Closed when the program is executed; until then the program's process can say here what went wrong.
    let (read, write) =
        step("make a pipe", rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(Into::into))?;
    match step("fork", sys::fork())? {
        Forked::Child => {
            let (failure, channel) = match prepare_program(start, &fds, &write) {
                Ok(channel) if program.as_bytes() == skeleton::PROGRAM.as_bytes() => {
                    serve_skeleton(start, channel)
                }
                Ok(channel) => {
                    let error = sys::execute(&program, &arguments, &environment);
                    (Failure::new(format!("execute {}", program.to_string_lossy()), &error), channel)
                }
                Err(failure) => (failure, write.as_raw_fd()),
            };
            report_and_exit(&failure, channel)
        }
        Forked::Parent { pid, .. } => {
            drop(write);
            drop(fds);
            let mut text = Vec::new();
            let read = io::Read::read_to_end(&mut File::from(read), &mut text);
            step("wait for the program to be executed", read.map(drop))?;
            if text.is_empty() {
                return Ok(pid);
            }
            let unreadable = |error: serde_json::Error| Failure::new("execute the program", &error.into());
            Err(serde_json::from_slice(&text).map_err(unreadable)?)
        }
    }
}

/// Is the launcher that executes a program for each run, instead of executing one itself.
fn serve_skeleton(start: &Start, channel: RawFd) -> ! {
    // As an execution would.
    sys::close_range(channel.unsigned_abs(), channel.unsigned_abs());
    let ends = skeleton::Ends {
        commands: sys::own(start.command_fd),
        results: sys::own(start.result_fd),
        stdout: sys::own(1),
        stderr: sys::own(2),
    };
    let served = skeleton::serve(ends, start.environment.clone(), Path::new(ACTION_DIR));
    sys::exit_now(i32::from(served.is_err()))
}

/// Everything between the fork and the execution. Returns where failures are to be said from then on.
fn prepare_program(start: &Start, fds: &[OwnedFd], channel: &OwnedFd) -> Step<RawFd> {
    step("begin a session", rustix::process::setsid().map(drop).map_err(Into::into))?;
    let channel = step("arrange descriptors", arrange(start, fds, channel))?;
    set_limits(start.limits)?;
    if let Some(users) = start.user {
        step("become the program's user", sys::become_user(users.program, users.program))?;
    }
    step("drop capabilities", sys::empty_capabilities())?;
    step("enter the directory of the action", std::env::set_current_dir(ACTION_DIR))?;
    sys::reset_signals();
    Ok(channel)
}

/// Gives the descriptors the numbers that the program expects and closes all others.
fn arrange(start: &Start, fds: &[OwnedFd], channel: &OwnedFd) -> io::Result<RawFd> {
    let [commands, results, stdout, stderr] = fds else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "four descriptors belong to a program"));
    };
    let places = [(commands, start.command_fd), (results, start.result_fd), (stdout, 1), (stderr, 2)];
    let highest = places.iter().map(|(_, to)| *to).max().unwrap_or(2).max(2);
    if places.iter().any(|(_, to)| !(0..=MAX_CHILD_FD).contains(to)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a descriptor's number is out of range"));
    }
    // All are first moved out of the way of the numbers that are about to be taken.
    let mut moved = Vec::with_capacity(places.len());
    for (from, to) in places {
        moved.push((sys::duplicate_above(from.as_raw_fd(), highest + 2)?, to));
    }
    let channel = sys::duplicate_above(channel.as_raw_fd(), highest + 2)?;
    for (from, to) in moved {
        sys::duplicate_onto(from, to)?;
    }
    let kept = highest + 1;
    sys::duplicate_onto(channel, kept)?;
    let used = [start.command_fd, start.result_fd, 0, 1, 2, kept];
    for fd in 0..kept {
        if !used.contains(&fd) {
            sys::close_range(fd.unsigned_abs(), fd.unsigned_abs());
        }
    }
    sys::close_range(kept.unsigned_abs() + 1, u32::MAX);
    sys::close_on_execute(kept)?;
    Ok(kept)
}

/// The highest descriptor that a program may ask for.
const MAX_CHILD_FD: i32 = 255;

fn set_limits(limits: Limits) -> Step<()> {
    let all = [
        (libc::RLIMIT_NOFILE, limits.open_files),
        (libc::RLIMIT_NPROC, limits.processes),
        (libc::RLIMIT_FSIZE, limits.file_bytes),
        // One byte is too little for any file, and tells the kernel not to start a machine's crash reporter either.
        (libc::RLIMIT_CORE, 1),
        (libc::RLIMIT_MEMLOCK, 64 << 10),
        (libc::RLIMIT_NICE, 0),
        (libc::RLIMIT_RTPRIO, 0),
    ];
    all.into_iter().try_for_each(|(resource, value)| step("set a limit", sys::limit(resource, value)))
}

fn report_and_exit(failure: &Failure, channel: RawFd) -> ! {
    let text = serde_json::to_vec(failure).unwrap_or_default();
    sys::write_all(channel, &text);
    sys::exit_now(127)
}

/// Waits for all processes until the program's own ends.
fn reap_until(program: i32) -> io::Result<Report> {
    loop {
        match sys::wait_any(false) {
            Ok(Some((pid, status))) if pid == program => {
                return Ok(if libc::WIFSIGNALED(status) {
                    Report::Signalled(libc::WTERMSIG(status))
                } else {
                    Report::Exited(libc::WEXITSTATUS(status))
                });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn texts(all: impl Iterator<Item = String>) -> Step<Vec<CString>> {
    all.map(CString::new).collect::<Result<_, _>>().map_err(|_| Failure {
        action: "start the program".to_owned(),
        errno: libc::EINVAL,
        text: "an argument or a variable holds a zero byte".to_owned(),
    })
}

fn step<T>(action: &str, result: io::Result<T>) -> Step<T> {
    result.map_err(|error| Failure::new(action, &error))
}
