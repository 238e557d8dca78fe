//! What this machine can give, in words.

use crate::cgroup::Cgroups;
use crate::config::{Config, NetworkMode};
use crate::network::Outbound;
use container::{Probe, Verdict};
use std::fs;
use std::io;
use std::path::Path;

/// Free bytes below which the disk is worth a word.
const LITTLE_SPACE: u64 = 1 << 30;

/// A probe of something that works.
pub(crate) fn works(name: &str, detail: impl Into<String>) -> Probe {
    Probe { name: name.to_owned(), verdict: Verdict::Works, detail: detail.into(), remedy: String::new() }
}

/// A probe of something that is done without.
pub(crate) fn degraded(name: &str, detail: impl Into<String>, remedy: &str) -> Probe {
    Probe {
        name: name.to_owned(),
        verdict: Verdict::Degraded,
        detail: detail.into(),
        remedy: remedy.to_owned(),
    }
}

/// A probe of something without which nothing runs.
pub(crate) fn broken(name: &str, detail: impl Into<String>, remedy: &str) -> Probe {
    Probe {
        name: name.to_owned(),
        verdict: Verdict::Broken,
        detail: detail.into(),
        remedy: remedy.to_owned(),
    }
}

/// What keeps functions apart. With `require_isolation` each of these must work.
pub(crate) fn isolation(
    rootless: bool,
    cgroups: &Cgroups,
    outbound: &Result<Outbound, String>,
    config: &Config,
) -> Vec<Probe> {
    let mut probes = vec![users(rootless), seccomp()];
    for (controller, purpose) in
        [("memory", "limit of memory"), ("cpu", "share of processor time"), ("pids", "limit of processes")]
    {
        let name = format!("cgroup controller {controller}");
        probes.push(match cgroups.version_of(controller) {
            Some(version) => works(&name, format!("version {version}")),
            None => degraded(
                &name,
                format!("sandboxes have no {purpose}{}", reasons(cgroups)),
                "run as root, or have systemd delegate the controller to the service (Delegate=yes)",
            ),
        });
    }
    let wants_outbound = config.network.mode == NetworkMode::Outbound
        || config.network.kinds.values().any(|mode| *mode == NetworkMode::Outbound);
    if wants_outbound {
        probes.push(network(outbound, config));
    }
    probes
}

/// What else a server on this machine lives on.
pub(crate) fn surroundings(cgroups: &Cgroups, outbound_dns: bool, run_dir: &Path) -> Vec<Probe> {
    let freezer = match cgroups.version_of("freezer") {
        Some(version) => works("freezer", format!("version {version}")),
        None => degraded(
            "freezer",
            format!("idle containers cannot be paused and are removed instead{}", reasons(cgroups)),
            "run as root with cgroups mounted",
        ),
    };
    let dns = if outbound_dns {
        works("name resolution in sandboxes", "the machine's resolvers")
    } else {
        degraded(
            "name resolution in sandboxes",
            "the machine's resolvers listen on its loopback only, where sandboxes cannot reach them",
            "name a server as `dns` in the section of the network",
        )
    };
    vec![freezer, dns, user_namespaces(), overlay(), docker(), disk(run_dir)]
}

/// That a sandbox could be made, or why not.
pub(crate) fn namespaces(made: &io::Result<()>) -> Probe {
    let name = "namespaces (mount, pid, ipc, uts)";
    match made {
        Ok(()) => works(name, "a sandbox was made"),
        Err(error) => broken(
            name,
            error.to_string(),
            "run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces); Linux 5.12 or later is needed; \
             in a container, run it privileged",
        ),
    }
}

fn users(rootless: bool) -> Probe {
    let name = "own user for each sandbox";
    if rootless {
        let detail = "not the superuser: sandboxes run as this server's user in a user namespace";
        return degraded(name, detail, "run as root");
    }
    works(name, "user ids of their own, no capabilities, no new privileges")
}

fn seccomp() -> Probe {
    let name = "seccomp filter";
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let supported = matches!(std::env::consts::ARCH, "x86_64" | "aarch64" | "riscv64");
    match status.lines().any(|line| line.starts_with("Seccomp:")) && supported {
        true => works(name, "an allow list of system calls"),
        false => broken(name, "this kernel or processor has none", "use a kernel with CONFIG_SECCOMP_FILTER"),
    }
}

fn network(outbound: &Result<Outbound, String>, config: &Config) -> Probe {
    let name = "network of sandboxes";
    match outbound {
        Ok(outbound) if outbound.changed.is_empty() => {
            works(name, format!("outbound, translated by {}", outbound.tool))
        }
        Ok(outbound) => {
            works(name, format!("outbound, translated by {}; {}", outbound.tool, outbound.changed))
        }
        Err(reason) => {
            let instead = if config.network.fallback == NetworkMode::Host { "host" } else { "none" };
            degraded(
                name,
                format!("no way to the outside: {reason}; `{instead}` is used instead"),
                "run as root with nftables (or iptables) installed: apt-get install nftables",
            )
        }
    }
}

fn user_namespaces() -> Probe {
    let name = "user namespaces";
    let text = |file: &str| fs::read_to_string(file).unwrap_or_default().trim().to_owned();
    let most: u64 = text("/proc/sys/user/max_user_namespaces").parse().unwrap_or(0);
    let closed = text("/proc/sys/kernel/unprivileged_userns_clone") == "0"
        || text("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1";
    match (most, closed) {
        (0, _) => degraded(
            name,
            "there are none; only root can make sandboxes",
            "sysctl user.max_user_namespaces=65536",
        ),
        (_, true) => degraded(
            name,
            "only root can make them",
            "needed only by servers that do not run as root: sysctl kernel.unprivileged_userns_clone=1",
        ),
        (most, false) => works(name, format!("up to {most}")),
    }
}

fn overlay() -> Probe {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let found = known.lines().any(|line| line.trim_end().ends_with("overlay"));
    let detail =
        if found { "there, though nothing here needs it" } else { "not there; nothing here needs it" };
    works("overlay file system", detail)
}

fn docker() -> Probe {
    let socket = Path::new("/var/run/docker.sock");
    let answers = std::os::unix::net::UnixStream::connect(socket).is_ok();
    works(
        "Docker",
        if answers { "its socket answers" } else { "no socket; only images of the user's own need it" },
    )
}

fn disk(run_dir: &Path) -> Probe {
    let name = "disk space for code";
    match rustix::fs::statvfs(run_dir) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let detail = format!("{} MB free at {}", free >> 20, run_dir.display());
            if free < LITTLE_SPACE { degraded(name, detail, "make room") } else { works(name, detail) }
        }
        Err(error) => degraded(name, format!("{}: {error}", run_dir.display()), "check the directory"),
    }
}

fn reasons(cgroups: &Cgroups) -> String {
    if cgroups.faults.is_empty() { String::new() } else { format!(" ({})", cgroups.faults.join("; ")) }
}
