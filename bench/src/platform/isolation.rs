//! Whether a function is really kept apart, seen from outside.

use oxiwhisk_test_e2e::processes::Process;
use std::fs;
use std::path::PathBuf;

/// The namespaces that a sandbox has of its own.
const NAMESPACES: [&str; 5] = ["mnt", "pid", "net", "ipc", "uts"];

/// What is missing from the isolation of a function's process, in words.
pub(super) fn missing(process: &Process, server: u32) -> Vec<String> {
    let mut missing = Vec::new();
    let namespace = |pid: u32, name: &str| fs::read_link(format!("/proc/{pid}/ns/{name}")).ok();
    for name in NAMESPACES {
        if namespace(process.pid, name) == namespace(server, name) {
            missing.push(format!("a {name} namespace of its own"));
        }
    }
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim).unwrap_or_default()
    };
    if field("Seccomp") != "2" {
        missing.push("a filter of system calls".to_owned());
    }
    if field("NoNewPrivs") != "1" {
        missing.push("the promise of no new privileges".to_owned());
    }
    if field("Uid").split_whitespace().any(|id| id == "0") {
        missing.push("a user of its own".to_owned());
    }
    let groups = process.cgroups();
    let limited = |file: &str| groups.iter().any(|group| is_limit(&group.join(file)));
    if !limited("memory.limit_in_bytes") && !limited("memory.max") {
        missing.push("a limit on memory".to_owned());
    }
    if !limited("pids.max") {
        missing.push("a limit on processes".to_owned());
    }
    missing
}

/// Whether a file of a control group holds a limit; without one there stands `max`, or the largest number of pages.
fn is_limit(path: &PathBuf) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim().parse::<u64>().is_ok_and(|limit| limit < 1 << 62)
}
