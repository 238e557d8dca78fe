//! Which of this machine's files a sandbox sees: what interpreters are made of, and nothing that belongs to anybody.

use crate::wire::{View, ViewFile};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Seen as they are, where they exist. Where one is a symbolic link the sandbox has the same link.
const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32", "/nix/store"];

/// Directories of `/etc` that are seen as they are: certificates of authorities and names of alternatives.
const SHARED_ETC: [&str; 5] = [
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/etc/alternatives",
];

/// Files of `/etc` that are copied: nothing in them tells one machine from another of its kind.
const COPIED_ETC: [&str; 10] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/mime.types",
    "/etc/services",
    "/etc/protocols",
    "/etc/ssl/openssl.cnf",
    "/etc/os-release",
    "/etc/gai.conf",
];

/// The longest file that is copied.
const MAX_COPY: u64 = 1 << 20;

/// What every sandbox sees. `optional` are the directories that only some will; `files` are those of ours.
pub(crate) fn view(optional: Vec<PathBuf>, files: BTreeMap<PathBuf, ViewFile>, resolv_conf: String) -> View {
    let mut view = View { optional, files, ..View::default() };
    for path in SYSTEM.map(Path::new) {
        match fs::read_link(path) {
            Ok(target) => {
                view.links.insert(path.to_owned(), target);
            }
            Err(_) if path.is_dir() => view.shared.push(path.to_owned()),
            Err(_) => {}
        }
    }
    view.shared.extend(SHARED_ETC.into_iter().map(PathBuf::from).filter(|path| path.is_dir()));
    for path in COPIED_ETC.map(Path::new) {
        if fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= MAX_COPY) {
            view.copied.push(path.to_owned());
        }
    }
    let hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost\n".to_owned();
    let switch =
        "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n".to_owned();
    for (name, text) in [
        // Each sandbox has a list of its own.
        ("passwd", String::new()),
        ("group", String::new()),
        ("hosts", hosts),
        ("nsswitch.conf", switch),
        ("resolv.conf", resolv_conf),
    ] {
        let file = ViewFile { text, executable: false };
        view.files.insert(Path::new("/etc").join(name), file);
    }
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_files_are_seen() {
        let view = view(Vec::new(), BTreeMap::new(), String::new());
        let paths = view.shared.iter().chain(&view.copied).chain(view.files.keys()).chain(view.links.keys());
        for path in paths {
            for private in
                ["/root", "/home", "/var", "/etc/shadow", "/etc/ssl/private", "/proc", "/sys", "/run"]
            {
                assert!(!path.starts_with(private), "{}", path.display());
            }
            assert_ne!(path, Path::new("/etc"));
        }
        assert!(view.files.contains_key(Path::new("/etc/resolv.conf")));
    }
}
