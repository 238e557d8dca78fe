//! Which system calls a function may make: an allow list in the spirit of Docker's default, for a process without
//! capabilities. What is not named is refused with EPERM.
//!
//! The program that the kernel runs is a search tree over the numbers of the calls. When a filter is installed the
//! kernel tries it for every call that there is; for the chain of comparisons that filter compilers make of such a
//! list this alone took 4 ms of processor time for each sandbox.

use super::sys;
use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter,
};
use std::collections::BTreeMap;
use std::io;

/// The namespaces that `clone` may make, all of which are refused.
const CLONE_NAMESPACES: u32 = 0x7e02_0000;

/// What the kernel hands to a filter: the call's number, the processor, and the arguments, of which the lower half of
/// the first one matters here.
const NUMBER: u32 = 0;
const PROCESSOR: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

/// The processor as the kernel names it; `None` where this filter was not made for it.
const THIS_PROCESSOR: Option<u32> = if cfg!(target_endian = "big") {
    None
} else if cfg!(target_arch = "x86_64") {
    Some(0xc000_003e)
} else if cfg!(target_arch = "aarch64") {
    Some(0xc000_00b7)
} else if cfg!(target_arch = "riscv64") {
    Some(0xc000_00f3)
} else {
    None
};

/// What is to be done about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    /// It fails with this error.
    Refuse(i32),
    /// Allowed where none of these bits of the first argument is set.
    WithoutBits(u32),
    /// Allowed where the first argument is one of these.
    OneOf(&'static [u32]),
}

/// The filter, ready to be installed.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    program: Vec<sock_filter>,
}

impl Filter {
    /// The filter for this machine's processor.
    pub(super) fn compile() -> io::Result<Filter> {
        let unknown = || io::Error::new(io::ErrorKind::Unsupported, "there is no filter for this processor");
        let processor = THIS_PROCESSOR.ok_or_else(unknown)?;
        let mut program = vec![
            load(PROCESSOR),
            jump(BPF_JEQ, processor, 1, 0),
            give(libc::SECCOMP_RET_KILL_PROCESS),
            load(NUMBER),
        ];
        program.extend(search(&intervals()));
        Ok(Filter { program })
    }

    /// Installs it for this process and all that it starts, which must have given up new privileges.
    pub(super) fn install(&self) -> io::Result<()> {
        sys::install_filter(&self.program)
    }
}

/// The verdict of each call that has one.
fn verdicts() -> BTreeMap<u32, Verdict> {
    let number = |call: i64| u32::try_from(call).unwrap_or(u32::MAX);
    let allowed = CALLS.iter().chain(ARCH_CALLS).map(|call| (number(*call), Verdict::Allow));
    let mut verdicts: BTreeMap<u32, Verdict> = allowed.collect();
    verdicts.insert(number(libc::SYS_clone), Verdict::WithoutBits(CLONE_NAMESPACES));
    // It hides its flags in memory, so that it must seem to be missing; the C library then takes `clone`.
    verdicts.insert(number(libc::SYS_clone3), Verdict::Refuse(libc::ENOSYS));
    verdicts.insert(number(libc::SYS_socket), Verdict::OneOf(&SOCKET_FAMILIES));
    verdicts.insert(number(libc::SYS_personality), Verdict::OneOf(&PERSONALITIES));
    verdicts
}

/// Files, both versions of the internet protocol, and the kernel's own way to tell of interfaces.
const SOCKET_FAMILIES: [u32; 4] =
    [libc::AF_UNIX as u32, libc::AF_INET as u32, libc::AF_INET6 as u32, libc::AF_NETLINK as u32];

/// Linux itself, 32-bit addresses, and asking what is set.
const PERSONALITIES: [u32; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// All numbers, cut where the verdict changes: each interval with its first number.
fn intervals() -> Vec<(u32, Verdict)> {
    let refused = Verdict::Refuse(libc::EPERM);
    let mut intervals = vec![(0, refused)];
    let mut put = |start: u32, verdict: Verdict| {
        if intervals.last().is_some_and(|(last, _)| *last == start) {
            intervals.pop();
        }
        if intervals.last().is_none_or(|(_, last)| *last != verdict) {
            intervals.push((start, verdict));
        }
    };
    for (number, verdict) in verdicts() {
        put(number, verdict);
        put(number + 1, refused);
    }
    intervals
}

/// The instructions that find the interval of the loaded number.
fn search(intervals: &[(u32, Verdict)]) -> Vec<sock_filter> {
    if let [(_, verdict)] = intervals {
        return judge(*verdict);
    }
    let (lower, upper) = intervals.split_at(intervals.len() / 2);
    let (lower, rest) = (search(lower), search(upper));
    // A conditional jump reaches 255 instructions only, an unconditional one any number.
    let mut program = vec![jump(BPF_JGE, upper[0].0, 0, 1), skip(lower.len())];
    program.extend(lower);
    program.extend(rest);
    program
}

fn judge(verdict: Verdict) -> Vec<sock_filter> {
    let refuse = |error: i32| give(libc::SECCOMP_RET_ERRNO | error.unsigned_abs());
    let allow = give(libc::SECCOMP_RET_ALLOW);
    match verdict {
        Verdict::Allow => vec![allow],
        Verdict::Refuse(error) => vec![refuse(error)],
        Verdict::WithoutBits(bits) => vec![
            load(FIRST_ARGUMENT),
            instruction(BPF_ALU | BPF_AND | BPF_K, bits, 0, 0),
            jump(BPF_JEQ, 0, 0, 1),
            allow,
            refuse(libc::EPERM),
        ],
        Verdict::OneOf(values) => {
            let mut program = vec![load(FIRST_ARGUMENT)];
            for value in values {
                program.extend([jump(BPF_JEQ, *value, 0, 1), allow]);
            }
            program.push(refuse(libc::EPERM));
            program
        }
    }
}

fn load(offset: u32) -> sock_filter {
    instruction(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0)
}

fn give(answer: u32) -> sock_filter {
    instruction(BPF_RET | BPF_K, answer, 0, 0)
}

fn jump(condition: u32, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    instruction(BPF_JMP | condition | BPF_K, value, if_true, if_false)
}

fn skip(count: usize) -> sock_filter {
    instruction(BPF_JMP | BPF_JA, u32::try_from(count).unwrap_or(u32::MAX), 0, 0)
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap_or(u16::MAX), jt, jf, k }
}

/// What is allowed on every processor.
#[rustfmt::skip]
const CALLS: &[i64] = &[
    // Processes, threads and what they know of themselves.
    libc::SYS_execve, libc::SYS_execveat, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_wait4,
    libc::SYS_waitid, libc::SYS_getpid, libc::SYS_getppid, libc::SYS_gettid, libc::SYS_getpgid, libc::SYS_setpgid,
    libc::SYS_getsid, libc::SYS_setsid, libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid,
    libc::SYS_getgroups, libc::SYS_setgroups, libc::SYS_getresuid, libc::SYS_getresgid, libc::SYS_setuid,
    libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid, libc::SYS_setresgid,
    libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_capget, libc::SYS_capset, libc::SYS_prctl,
    libc::SYS_set_tid_address, libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_rseq, libc::SYS_futex,
    libc::SYS_futex_waitv, libc::SYS_membarrier, libc::SYS_getrlimit, libc::SYS_setrlimit, libc::SYS_prlimit64,
    libc::SYS_getrusage, libc::SYS_times, libc::SYS_getpriority, libc::SYS_setpriority, libc::SYS_ioprio_get,
    libc::SYS_ioprio_set, libc::SYS_uname, libc::SYS_sysinfo, libc::SYS_getcpu, libc::SYS_umask, libc::SYS_restart_syscall,
    libc::SYS_seccomp, libc::SYS_pidfd_open, libc::SYS_pidfd_send_signal, libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self,
    // Scheduling.
    libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_setaffinity, libc::SYS_sched_getparam,
    libc::SYS_sched_setparam, libc::SYS_sched_getscheduler, libc::SYS_sched_setscheduler,
    libc::SYS_sched_get_priority_max, libc::SYS_sched_get_priority_min, libc::SYS_sched_rr_get_interval,
    libc::SYS_sched_getattr, libc::SYS_sched_setattr,
    // Signals.
    libc::SYS_kill, libc::SYS_tkill, libc::SYS_tgkill, libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigpending, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_sigreturn, libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait, libc::SYS_rt_tgsigqueueinfo, libc::SYS_sigaltstack, libc::SYS_signalfd4,
    // Of use to the first process only: a program has no right to it.
    libc::SYS_sethostname,
    // Memory.
    libc::SYS_brk, libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_madvise,
    libc::SYS_mincore, libc::SYS_msync, libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_mlockall, libc::SYS_munlock,
    libc::SYS_munlockall, libc::SYS_memfd_create, libc::SYS_memfd_secret, libc::SYS_pkey_alloc, libc::SYS_pkey_free,
    libc::SYS_pkey_mprotect, libc::SYS_remap_file_pages, libc::SYS_process_mrelease,
    // Files.
    libc::SYS_openat, libc::SYS_openat2, libc::SYS_close, libc::SYS_close_range, libc::SYS_read, libc::SYS_readv,
    libc::SYS_pread64, libc::SYS_preadv, libc::SYS_preadv2, libc::SYS_write, libc::SYS_writev, libc::SYS_pwrite64,
    libc::SYS_pwritev, libc::SYS_pwritev2, libc::SYS_lseek, libc::SYS_fcntl, libc::SYS_flock, libc::SYS_ioctl,
    libc::SYS_dup, libc::SYS_dup3, libc::SYS_pipe2, libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_sync,
    libc::SYS_syncfs, libc::SYS_sync_file_range, libc::SYS_truncate, libc::SYS_ftruncate, libc::SYS_fallocate,
    libc::SYS_fadvise64, libc::SYS_readahead, libc::SYS_getdents64, libc::SYS_getcwd, libc::SYS_chdir, libc::SYS_fchdir,
    libc::SYS_mkdirat, libc::SYS_mknodat, libc::SYS_unlinkat, libc::SYS_linkat, libc::SYS_symlinkat,
    libc::SYS_readlinkat, libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_faccessat, libc::SYS_faccessat2,
    libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_fstat, libc::SYS_newfstatat,
    libc::SYS_statx, libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_utimensat, libc::SYS_setxattr, libc::SYS_lsetxattr,
    libc::SYS_fsetxattr, libc::SYS_getxattr, libc::SYS_lgetxattr, libc::SYS_fgetxattr, libc::SYS_listxattr,
    libc::SYS_llistxattr, libc::SYS_flistxattr, libc::SYS_removexattr, libc::SYS_lremovexattr, libc::SYS_fremovexattr,
    libc::SYS_copy_file_range, libc::SYS_sendfile, libc::SYS_splice, libc::SYS_tee, libc::SYS_vmsplice,
    libc::SYS_inotify_init1, libc::SYS_inotify_add_watch, libc::SYS_inotify_rm_watch, libc::SYS_io_setup,
    libc::SYS_io_destroy, libc::SYS_io_submit, libc::SYS_io_cancel, libc::SYS_io_getevents,
    // Sockets; `socket` itself is allowed for some families only.
    libc::SYS_socketpair, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4, libc::SYS_connect,
    libc::SYS_getsockname, libc::SYS_getpeername, libc::SYS_getsockopt, libc::SYS_setsockopt, libc::SYS_sendto,
    libc::SYS_sendmsg, libc::SYS_sendmmsg, libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_recvmmsg,
    libc::SYS_shutdown,
    // Waiting.
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2, libc::SYS_eventfd2,
    // Time.
    libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep, libc::SYS_nanosleep,
    libc::SYS_gettimeofday, libc::SYS_getitimer, libc::SYS_setitimer, libc::SYS_timer_create, libc::SYS_timer_delete,
    libc::SYS_timer_getoverrun, libc::SYS_timer_gettime, libc::SYS_timer_settime, libc::SYS_timerfd_create,
    libc::SYS_timerfd_gettime, libc::SYS_timerfd_settime,
    // Between processes of the sandbox, whose IPC namespace is its own.
    libc::SYS_shmget, libc::SYS_shmat, libc::SYS_shmdt, libc::SYS_shmctl, libc::SYS_semget, libc::SYS_semop,
    libc::SYS_semctl, libc::SYS_semtimedop, libc::SYS_msgget, libc::SYS_msgsnd, libc::SYS_msgrcv, libc::SYS_msgctl,
    libc::SYS_mq_open, libc::SYS_mq_unlink, libc::SYS_mq_timedsend, libc::SYS_mq_timedreceive, libc::SYS_mq_notify,
    libc::SYS_mq_getsetattr, libc::SYS_getrandom,
];

/// What this processor has beside them: mostly older forms of the calls above.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ARCH_CALLS: &[i64] = &[
    libc::SYS_fork, libc::SYS_vfork, libc::SYS_open, libc::SYS_creat, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access,
    libc::SYS_poll, libc::SYS_select, libc::SYS_pipe, libc::SYS_dup2, libc::SYS_pause, libc::SYS_alarm, libc::SYS_mkdir,
    libc::SYS_rmdir, libc::SYS_mknod, libc::SYS_unlink, libc::SYS_link, libc::SYS_symlink, libc::SYS_readlink,
    libc::SYS_rename, libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes,
    libc::SYS_futimesat, libc::SYS_getdents, libc::SYS_getpgrp, libc::SYS_time, libc::SYS_arch_prctl,
    libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_eventfd, libc::SYS_signalfd, libc::SYS_inotify_init,
];

/// What this processor has beside them: nothing.
#[cfg(not(target_arch = "x86_64"))]
const ARCH_CALLS: &[i64] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    /// Does what the kernel does with the filter; returns the answer and the number of steps.
    fn run(program: &[sock_filter], processor: u32, number: u32, argument: u32) -> (u32, usize) {
        let (mut at, mut steps, mut value) = (0usize, 0, 0);
        loop {
            let instruction = program[at];
            let code = u32::from(instruction.code);
            at += 1;
            steps += 1;
            if code == BPF_LD | BPF_W | BPF_ABS {
                value = match instruction.k {
                    NUMBER => number,
                    PROCESSOR => processor,
                    FIRST_ARGUMENT => argument,
                    other => panic!("offset {other}"),
                };
            } else if code == BPF_RET | BPF_K {
                return (instruction.k, steps);
            } else if code == BPF_ALU | BPF_AND | BPF_K {
                value &= instruction.k;
            } else if code == BPF_JMP | BPF_JA {
                at += instruction.k as usize;
            } else {
                let holds = match code {
                    c if c == BPF_JMP | BPF_JEQ | BPF_K => value == instruction.k,
                    c if c == BPF_JMP | BPF_JGE | BPF_K => value >= instruction.k,
                    other => panic!("code {other}"),
                };
                at += usize::from(if holds { instruction.jt } else { instruction.jf });
            }
        }
    }

    const REFUSED: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

    fn answer(call: i64, argument: u32) -> u32 {
        let filter = Filter::compile().unwrap();
        run(&filter.program, THIS_PROCESSOR.unwrap(), u32::try_from(call).unwrap(), argument).0
    }

    #[test]
    fn every_number_gets_its_verdict_in_a_few_steps() {
        let (filter, verdicts) = (Filter::compile().unwrap(), verdicts());
        for number in (0..2000).chain([0x4000_0000, 0x4000_0001, u32::MAX]) {
            let (answer, steps) = run(&filter.program, THIS_PROCESSOR.unwrap(), number, 1);
            let expected = match verdicts.get(&number) {
                Some(Verdict::Allow | Verdict::WithoutBits(_)) => libc::SECCOMP_RET_ALLOW,
                Some(Verdict::OneOf(values)) if values.contains(&1) => libc::SECCOMP_RET_ALLOW,
                Some(Verdict::Refuse(error)) => libc::SECCOMP_RET_ERRNO | error.unsigned_abs(),
                Some(Verdict::OneOf(_)) | None => REFUSED,
            };
            assert_eq!(answer, expected, "call {number}");
            assert!(steps < 40, "call {number} takes {steps} steps");
        }
        assert!(filter.program.len() < 4096, "the kernel takes no longer ones");
    }

    #[test]
    fn another_processors_calls_end_the_process() {
        let filter = Filter::compile().unwrap();
        // 32-bit calls of x86 have other numbers.
        assert_eq!(run(&filter.program, 0x4000_0003, 1, 0).0, libc::SECCOMP_RET_KILL_PROCESS);
    }

    #[test]
    fn arguments_are_looked_at() {
        assert_eq!(answer(libc::SYS_clone, libc::SIGCHLD as u32), libc::SECCOMP_RET_ALLOW);
        assert_eq!(answer(libc::SYS_clone, libc::CLONE_NEWUSER as u32), REFUSED);
        assert_eq!(answer(libc::SYS_socket, libc::AF_INET6 as u32), libc::SECCOMP_RET_ALLOW);
        for family in [libc::AF_VSOCK, libc::AF_ALG, libc::AF_PACKET] {
            assert_eq!(answer(libc::SYS_socket, family as u32), REFUSED);
        }
        assert_eq!(answer(libc::SYS_personality, 0xffff_ffff), libc::SECCOMP_RET_ALLOW);
        assert_eq!(answer(libc::SYS_personality, 0x40_0000), REFUSED);
    }

    #[test]
    fn nothing_that_reaches_out_of_a_sandbox_is_allowed() {
        for call in [
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_move_mount,
            libc::SYS_open_tree,
            libc::SYS_fsopen,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_io_uring_setup,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_request_key,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_open_by_handle_at,
            libc::SYS_init_module,
            libc::SYS_kexec_load,
            libc::SYS_reboot,
            libc::SYS_pidfd_getfd,
            libc::SYS_syslog,
        ] {
            assert_eq!(answer(call, 0), REFUSED, "call {call}");
        }
    }
}
