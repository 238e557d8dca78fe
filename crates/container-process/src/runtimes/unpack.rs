//! Puts the code of an action where its sandbox sees it.
//!
//! Archives come from whoever may create actions, and are unpacked by the server itself, outside any sandbox. So no
//! name leads out of the directory, no link is ever followed, and size, number of entries and ratio are bounded. Links
//! are made last, and none below another one: while files are written there are none.
//!
//! It blocks; it must not be called in an event loop.

use super::{RuntimeSpec, native};
use container::InitRequest;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use types::ByteSize;

/// The most entries of an archive.
const MAX_ENTRIES: usize = 100_000;

/// How many times its own size an archive may grow, beyond what any may.
const MAX_RATIO: u64 = 250;

/// What any archive may grow to, whatever its ratio.
const ANY_RATIO: u64 = 32 << 20;

/// The longest target of a link.
const MAX_TARGET: u64 = 4096;

/// Why code was not put in its place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It is not what it should be; the text is the developer's answer to init.
    #[error("{0}")]
    Developer(String),
    /// The machine failed.
    #[error("cannot put the code of an action in its place")]
    Platform(#[source] io::Error),
}

const BROKEN: &str = "There was an error uncompressing the action archive.";
const UNSUPPORTED: &str = "There was an error uncompressing the action archive. The file type is unsupported";
const NO_BINARY: &str = "The action failed to generate or locate a binary. See logs for details.";

/// Puts the code of an action into `action_dir` (this machine's path of [`super::ACTION_DIR`], empty), at most `limit`
/// of it. A single source text for an interpreter stays in the request.
///
/// # Errors
/// See [`PlaceError`]; what was written by then is left to the caller.
pub fn place_code(
    spec: &RuntimeSpec,
    request: &InitRequest,
    action_dir: &Path,
    limit: ByteSize,
) -> Result<(), PlaceError> {
    let Some(code) = &request.code else {
        return Ok(());
    };
    let is_native = spec.family() == "native";
    if !request.binary {
        return if is_native { place_program(code, action_dir) } else { Ok(()) };
    }
    let explained = |text: &str| {
        let text =
            if is_native { text.to_owned() } else { format!("Initialization has failed due to: {text}") };
        PlaceError::Developer(text)
    };
    let decoded = base64_simd::STANDARD.decode_to_vec(code.trim_ascii());
    let bytes = decoded.map_err(|_| explained(BROKEN))?;
    let mut files = Files::new(action_dir, bytes.len() as u64, limit);
    let unpacked = match bytes.as_slice() {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => unzip(&bytes, &mut files),
        [0x1f, 0x8b, ..] => untar(&bytes, &mut files),
        _ if is_native => return place_program(&bytes, action_dir),
        _ => return Err(explained(UNSUPPORTED)),
    };
    match unpacked.and_then(|()| files.make_links()) {
        Ok(()) if is_native => make_executable(&action_dir.join(native::PROGRAM)),
        Ok(()) => Ok(()),
        Err(Fault::Archive(detail)) => Err(explained(format!("{BROKEN} {detail}").trim())),
        Err(Fault::Machine(error)) => Err(PlaceError::Platform(error)),
    }
}

/// A single executable: a program of the machine, or a script that names its interpreter.
fn place_program(bytes: &[u8], action_dir: &Path) -> Result<(), PlaceError> {
    if !bytes.starts_with(b"#!") && !bytes.starts_with(b"\x7fELF") {
        let text = format!("{NO_BINARY} An executable begins with '#!' or is an ELF file.");
        return Err(PlaceError::Developer(text));
    }
    let path = action_dir.join(native::PROGRAM);
    fs::write(&path, bytes).map_err(PlaceError::Platform)?;
    make_executable(&path)
}

fn make_executable(path: &Path) -> Result<(), PlaceError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {
            let mode = found.permissions().mode() | 0o555;
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(PlaceError::Platform)
        }
        // A link to a file of the archive is as good; it has the mode that the archive gave it.
        Ok(found) if found.is_symlink() => Ok(()),
        Ok(_) | Err(_) => {
            Err(PlaceError::Developer(format!("{NO_BINARY} There is no file 'exec' in the archive.")))
        }
    }
}

/// What went wrong with an archive.
enum Fault {
    /// It is broken or breaks the rules.
    Archive(String),
    /// This machine cannot write.
    Machine(io::Error),
}

fn rule(text: impl Into<String>) -> Fault {
    Fault::Archive(text.into())
}

fn unzip(bytes: &[u8], files: &mut Files) -> Result<(), Fault> {
    let broken = |error: zip::result::ZipError| rule(error.to_string());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(broken)?;
        let name = PathBuf::from(entry.name());
        let mode = entry.unix_mode();
        if entry.is_dir() {
            files.directory(&name)?;
        } else if entry.is_symlink() {
            let mut target = String::new();
            let read = entry.by_ref().take(MAX_TARGET).read_to_string(&mut target);
            read.map_err(|error| rule(error.to_string()))?;
            files.link(&name, Path::new(&target))?;
        } else {
            files.file(&name, mode.unwrap_or(0o644), &mut entry)?;
        }
    }
    Ok(())
}

fn untar(bytes: &[u8], files: &mut Files) -> Result<(), Fault> {
    let broken = |error: io::Error| rule(error.to_string());
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.into_owned();
        let header = entry.header();
        match header.entry_type() {
            tar::EntryType::Directory => files.directory(&name)?,
            tar::EntryType::Symlink => {
                let target = entry.link_name().map_err(broken)?;
                files.link(&name, &target.ok_or_else(|| rule("A link leads nowhere."))?)?;
            }
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                let mode = header.mode().map_err(broken)?;
                files.file(&name, mode, &mut entry)?;
            }
            tar::EntryType::XGlobalHeader => {}
            _ => return Err(rule(format!("'{}' is neither file nor directory.", name.display()))),
        }
    }
    Ok(())
}

/// Writes entries into one directory.
struct Files<'a> {
    root: &'a Path,
    /// How many more bytes may be written.
    room: u64,
    entries: usize,
    /// To be made at the end, with their targets.
    links: BTreeMap<PathBuf, PathBuf>,
}

impl<'a> Files<'a> {
    fn new(root: &'a Path, packed: u64, limit: ByteSize) -> Files<'a> {
        let room = packed.saturating_mul(MAX_RATIO).max(ANY_RATIO).min(limit.as_bytes());
        Files { root, room, entries: 0, links: BTreeMap::new() }
    }

    fn directory(&mut self, name: &Path) -> Result<(), Fault> {
        let path = self.root.join(self.enter(name)?);
        make_directories(self.root, &path)
    }

    fn file(&mut self, name: &Path, mode: u32, contents: &mut dyn Read) -> Result<(), Fault> {
        let relative = self.enter(name)?;
        if relative.as_os_str().is_empty() {
            return Err(rule("An entry has no name."));
        }
        let path = self.root.join(relative);
        make_directories(self.root, path.parent().unwrap_or(self.root))?;
        // Whoever runs the code is not who unpacks it, so all may read; and nothing runs as its owner.
        let executable = if mode & 0o111 == 0 { 0 } else { 0o111 };
        let mode = mode & 0o755 | 0o644 | executable;
        let mut file = open(&path, mode)?;
        let mut bounded = contents.take(self.room.saturating_add(1));
        let written = io::copy(&mut bounded, &mut Target(&mut file)).map_err(|error| {
            match error.downcast::<WriteFailed>() {
                Ok(WriteFailed(error)) => Fault::Machine(error),
                Err(error) => rule(error.to_string()),
            }
        })?;
        self.room = self.room.checked_sub(written).ok_or_else(|| rule("It is too large."))?;
        Ok(())
    }

    fn link(&mut self, name: &Path, target: &Path) -> Result<(), Fault> {
        let relative = self.enter(name)?;
        let from = relative.parent().unwrap_or(Path::new(""));
        // Where it leads must be inside, too.
        inside(&from.join(target)).filter(|_| target.is_relative()).ok_or_else(|| leads_out(name))?;
        self.links.insert(relative, target.to_owned());
        Ok(())
    }

    fn make_links(&self) -> Result<(), Fault> {
        for (name, target) in &self.links {
            if name.ancestors().skip(1).any(|above| self.links.contains_key(above)) {
                return Err(rule(format!("'{}' stands below a link.", name.display())));
            }
            let path = self.root.join(name);
            make_directories(self.root, path.parent().unwrap_or(self.root))?;
            std::os::unix::fs::symlink(target, path).map_err(judged)?;
        }
        Ok(())
    }

    /// Counts an entry and says where it goes, relative to the root.
    fn enter(&mut self, name: &Path) -> Result<PathBuf, Fault> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(rule("It has too many entries."));
        }
        inside(name).ok_or_else(|| leads_out(name))
    }
}

fn leads_out(name: &Path) -> Fault {
    rule(format!("'{}' leads out of the archive.", name.display()))
}

/// The path without `.` and `..`; `None` where it is absolute or goes above where it starts.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

/// Makes a directory and those above it, all readable to everyone.
fn make_directories(root: &Path, path: &Path) -> Result<(), Fault> {
    if path == root || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directories(root, parent)?;
    }
    fs::create_dir(path).map_err(judged)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(judged)
}

fn open(path: &Path, mode: u32) -> Result<File, Fault> {
    let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let mut options = OpenOptions::new();
    let file =
        options.write(true).create(true).truncate(true).custom_flags(flags).open(path).map_err(judged)?;
    // Set apart from the opening, so that this process's own mask has no say.
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(judged)?;
    Ok(file)
}

/// A name that is used for a file and a directory, or is too long, is the archive's fault; the rest is the machine's.
fn judged(error: io::Error) -> Fault {
    use io::ErrorKind::{AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory};
    match error.kind() {
        AlreadyExists | InvalidFilename | InvalidInput | IsADirectory | NotADirectory => {
            rule(error.to_string())
        }
        _ => Fault::Machine(error),
    }
}

/// Tells failures to write from failures to read, which a copy mixes.
struct Target<'a>(&'a mut File);

#[derive(Debug, thiserror::Error)]
#[error("cannot write")]
struct WriteFailed(#[source] io::Error);

impl io::Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|error| io::Error::other(WriteFailed(error)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
