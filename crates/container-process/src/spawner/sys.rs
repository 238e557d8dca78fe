//! The calls that the kernel offers and no safe wrapper covers.

#![expect(unsafe_code, reason = "this is where the kernel is spoken to")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

/// What a new process is to have of its own: see `clone(2)`.
pub(super) const NEW_NAMESPACES: u64 =
    (libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS) as u64;

/// From `linux/sched.h`; the C library's number for it is too narrow.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Which side of a fork this is.
#[derive(Debug)]
pub(super) enum Forked {
    /// The new process.
    Child,
    /// The old one, with what it knows of the new one.
    Parent { pid: i32, pidfd: Option<OwnedFd> },
}

/// Forks into the namespaces of `flags` and, on version 2, into a cgroup.
///
/// The caller must have one thread only.
pub(super) fn clone_into(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Forked> {
    let mut pidfd: RawFd = -1;
    // SAFETY: `clone_args` is plain numbers, for which zero means "not asked for".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags | libc::CLONE_PIDFD as u64;
    args.pidfd = std::ptr::from_mut(&mut pidfd) as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: without CLONE_VM the child gets a copy of everything, and as there is one thread only, nothing in that
    // copy is half changed or locked.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) };
    match i32::try_from(pid).unwrap_or(-1) {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        // SAFETY: the kernel has just made this descriptor for us.
        pid => Ok(Forked::Parent { pid, pidfd: Some(unsafe { OwnedFd::from_raw_fd(pidfd) }) }),
    }
}

/// Forks. The caller must have one thread only.
pub(super) fn fork() -> io::Result<Forked> {
    // SAFETY: as there is one thread only, nothing in the child's copy is half changed or locked.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent { pid, pidfd: None }),
    }
}

/// Ends this process at once, without running what Rust or C would run at an exit.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: always sound.
    unsafe { libc::_exit(code) }
}

/// Waits for the end of any child. `None`: none has ended (only with `no_hang`).
pub(super) fn wait_any(no_hang: bool) -> io::Result<Option<(i32, i32)>> {
    let mut status = 0;
    let options = if no_hang { libc::WNOHANG } else { 0 };
    // SAFETY: `status` is a place for the answer.
    match unsafe { libc::waitpid(-1, &raw mut status, options) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some((pid, status))),
    }
}

/// Sends SIGKILL to a child that has not been waited for.
pub(super) fn kill(pid: i32) {
    // SAFETY: always sound; an unreaped child's id belongs to nobody else. That it has ended already is no fault.
    let _ = unsafe { libc::kill(pid, libc::SIGKILL) };
}

/// Closes every descriptor from `first` to `last`.
pub(super) fn close_range(first: u32, last: u32) {
    if first <= last {
        // SAFETY: the callers are about to execute another program or keep no owner of these descriptors.
        let _ = unsafe { libc::close_range(first, last, 0) };
    }
}

/// Makes `to` the same as `from`, open in executed programs.
pub(super) fn duplicate_onto(from: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: called only where no owned descriptor has the number `to`.
    if unsafe { libc::dup2(from, to) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Another descriptor for the same thing, with a number of at least `least`.
pub(super) fn duplicate_above(from: RawFd, least: RawFd) -> io::Result<RawFd> {
    // SAFETY: makes a new descriptor; nothing else changes.
    let fd = unsafe { libc::fcntl(from, libc::F_DUPFD_CLOEXEC, least) };
    if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(fd) }
}

/// Marks a descriptor to be closed when a program is executed.
pub(super) fn close_on_execute(fd: RawFd) -> io::Result<()> {
    // SAFETY: sets a flag of one descriptor.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })
}

/// Writes as much of a text as a descriptor takes at once.
pub(super) fn write_all(fd: RawFd, text: &[u8]) {
    // SAFETY: the pointer and the length are those of the text. A failure cannot be told to anybody.
    let _ = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
}

/// Takes a descriptor that [`duplicate_onto`] has made.
pub(super) fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: called once for each descriptor of a program, which nothing else owns.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Leaves namespaces for new ones.
pub(super) fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: changes only which namespaces this single-threaded process is in.
    check(unsafe { libc::unshare(flags) })
}

/// Leaves this network namespace for an existing one.
pub(super) fn enter_network(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: changes only which namespace this single-threaded process is in.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) })
}

/// Makes a mount and everything mounted below it read-only, without devices (unless `devices`) and set-user-id
/// programs, and cut off from what happens to the original.
pub(super) fn restrict_mount(path: &Path, devices: bool) -> io::Result<()> {
    let path = c_path(path)?;
    let mut set = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID;
    if !devices {
        set |= libc::MOUNT_ATTR_NODEV;
    }
    let attributes =
        libc::mount_attr { attr_set: set, attr_clr: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    // SAFETY: both pointers live through the call; the size tells the kernel which version of the struct it is.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    } as i32)
}

/// Makes the mount at `.` the root, and takes the old root away.
pub(super) fn enter_root() -> io::Result<()> {
    // SAFETY: the arguments are C texts; what changes is this process' view of files.
    check(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) } as i32)?;
    // The old root now lies on top of the new one.
    // SAFETY: as above.
    check(unsafe { libc::umount2(c".".as_ptr(), libc::MNT_DETACH) })?;
    std::env::set_current_dir("/")
}

/// Becomes this user and group, without supplementary groups.
pub(super) fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    // The raw calls, because those of the C library try to tell other threads.
    // SAFETY: numbers only.
    unsafe {
        check(libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) as i32)?;
        check(libc::syscall(libc::SYS_setresgid, gid, gid, gid) as i32)?;
        check(libc::syscall(libc::SYS_setresuid, uid, uid, uid) as i32)
    }
}

/// Gives up every capability, for now and for every program executed later.
pub(super) fn drop_capabilities() -> io::Result<()> {
    for capability in 0..64 {
        // SAFETY: numbers only. EINVAL says that the kernel has no more of them.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINVAL) => break,
                // Without the right to shrink the set, as an ordinary user, what follows still takes all that is there.
                Some(libc::EPERM) => break,
                _ => return Err(error),
            }
        }
    }
    // SAFETY: numbers only; a kernel without ambient capabilities has none to clear.
    let _ = unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    Ok(())
}

/// Empties this process' own sets of capabilities.
pub(super) fn empty_capabilities() -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let data = [0u32; 6];
    // SAFETY: version 3 takes a header of two words and two times three words of data.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) } as i32)
}

/// The numbered setting of `prctl(2)`.
pub(super) fn prctl(option: i32, value: u64) -> io::Result<()> {
    // SAFETY: called with options that take a number only.
    check(unsafe { libc::prctl(option, value, 0, 0, 0) })
}

/// Installs a filter of system calls.
pub(super) fn install_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel only reads the program, which outlives the call.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) }
        as i32)
}

/// Sets both the soft and the hard limit of a resource, as far as the hard limit allows.
pub(super) fn limit(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a place for the answer.
    check(unsafe { libc::getrlimit(resource, &raw mut now) })?;
    let value = value.min(now.rlim_max);
    let new = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: `new` is read only.
    check(unsafe { libc::setrlimit(resource, &raw const new) })
}

/// Leaves polite requests to end to the server.
pub(super) fn ignore_requests_to_end() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: ignoring a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Lets every signal through and gives each its default meaning.
pub(super) fn reset_signals() {
    // SAFETY: default handlers are always sound; the set is filled before it is used.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// A descriptor that becomes readable when a child ends.
pub(super) fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: the set is filled before it is used; the descriptor is new and ours.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        check(libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()))?;
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        check(fd)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Executes a program; returns only when that fails.
pub(super) fn execute(program: &CString, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |texts: &[CString]| {
        let mut list: Vec<*const libc::c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        list.push(std::ptr::null());
        list
    };
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    // SAFETY: both lists end in a null and their texts outlive the call.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// Sets the name of the machine as this namespace sees it.
pub(super) fn set_host_name(name: &str) -> io::Result<()> {
    // SAFETY: the length is that of the text.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) })
}

/// A path for the kernel.
pub(super) fn c_path(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a path holds a zero byte"))
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
