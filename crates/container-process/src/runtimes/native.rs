//! Executables: they need no interpreter of ours, and keep to one of two conventions.

use super::discover::{environment, kind};
use super::{ACTION_DIR, RuntimeSpec, Start, skeleton};

/// The program that was given as code, in the directory of the action.
pub(super) const PROGRAM: &str = "exec";

/// Many runs by one process, with a line of JSON each way (PROXY-05).
pub(super) const ACTION_LOOP: &str = "native:actionloop";

/// A process for each run, with its arguments on the command line (PROXY-08).
pub(super) const SKELETON: &str = "native:skeleton";

pub(super) fn specs() -> [RuntimeSpec; 2] {
    let action_loop = RuntimeSpec {
        kind: kind(ACTION_LOOP, true),
        version: Vec::new(),
        argv: vec![format!("{ACTION_DIR}/{PROGRAM}")],
        environment: environment(None),
        mounts: Vec::new(),
        command_fd: 0,
        result_fd: 3,
        start: Start::WithCode,
        offered: true,
    };
    let skeleton = RuntimeSpec {
        kind: kind(SKELETON, false),
        argv: vec![skeleton::PROGRAM.to_owned()],
        command_fd: 3,
        result_fd: 4,
        start: Start::Ahead,
        ..action_loop.clone()
    };
    [action_loop, skeleton]
}
