//! The root that all sandboxes share, made once: a small skeleton in memory with read-only views of this machine.
//!
//! Each sandbox gets a copy of the spawner's mounts when its first process is cloned, and adds only what is its own.

use super::sys;
use crate::wire::View;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// The device files of a sandbox: none of them leads to hardware or to another process.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Where `path`, which is absolute, lies under `root`.
pub(super) fn under(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Leaves the machine's mount namespace for an own one, which follows what happens in the old one but not the reverse.
///
/// Without the rights of the superuser it is one in a user namespace, where this user is the only one.
pub(super) fn leave(rootless: bool) -> io::Result<()> {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    if rootless {
        sys::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{ROOTLESS_ID} {uid} 1"))?;
        fs::write("/proc/self/gid_map", format!("{ROOTLESS_ID} {gid} 1"))?;
    } else {
        sys::unshare(libc::CLONE_NEWNS)?;
    }
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    Ok(())
}

/// The number of the only user that a sandbox made by an ordinary user knows.
pub(crate) const ROOTLESS_ID: u32 = 1000;

/// `/etc/passwd` and `/etc/group` of a sandbox whose programs run as user `id`.
pub(super) fn accounts(id: u32) -> [(&'static str, String); 2] {
    let passwd = format!(
        "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n\
         action:x:{id}:{id}:action:/tmp:/bin/sh\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    );
    [("passwd", passwd), ("group", format!("root:x:0:\naction:x:{id}:\nnogroup:x:65534:\n"))]
}

/// Makes the root at `root`, an empty directory, in this process' mount namespace.
pub(super) fn build(root: &Path, view: &View) -> io::Result<()> {
    mount("oxiwhisk", root, "tmpfs", MountFlags::NOSUID, Some(c"size=8m,mode=0755"))?;
    for directory in ["proc", "tmp", "dev/shm", "action", "etc", "var", "run"] {
        fs::create_dir_all(root.join(directory))?;
    }
    for path in &view.optional {
        fs::create_dir_all(under(root, path))?;
    }
    for path in &view.shared {
        show(root, path, false)?;
    }
    for name in DEVICES {
        show(root, &Path::new("/dev").join(name), true)?;
    }
    let links = [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")];
    for (name, target) in links {
        symlink(
            format!("/proc/self/{}", target.trim_start_matches("/proc/self/")),
            root.join("dev").join(name),
        )?;
    }
    symlink("/tmp", root.join("var/tmp"))?;
    for (path, target) in &view.links {
        symlink(target, under(root, path))?;
    }
    for (path, file) in &view.files {
        let path = under(root, path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, &file.text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(if file.executable { 0o755 } else { 0o644 }))?;
    }
    for path in &view.copied {
        let place = under(root, path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        // One that has gone or may not be read is done without.
        let _ = fs::copy(path, &place);
    }
    // Only the mount is read-only: below it lie those that a sandbox adds.
    rustix::mount::mount_remount(root, MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID, c"")?;
    Ok(())
}

/// Shows a file or directory of this machine at the same path under `root`, read-only.
pub(super) fn show(root: &Path, path: &Path, device: bool) -> io::Result<()> {
    let place = under(root, path);
    if !path.try_exists()? {
        return Ok(());
    }
    if !place.exists() {
        if path.is_dir() {
            fs::create_dir_all(&place)?;
        } else {
            if let Some(parent) = place.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&place, "")?;
        }
    }
    mount_bind_recursive(path, &place)?;
    sys::restrict_mount(&place, device)
}

/// Shows a file or directory at an existing place, read-only.
pub(super) fn show_at(path: &Path, place: &Path) -> io::Result<()> {
    mount_bind_recursive(path, place)?;
    sys::restrict_mount(place, false)
}
