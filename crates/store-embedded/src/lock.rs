//! The lock that keeps a data directory to one process.

use crate::OpenError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// A held lock. It goes with this value, and with the process, also when that is killed.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Makes the directory where it is missing, and locks it.
    pub(crate) fn acquire(dir: &Path) -> Result<DirectoryLock, OpenError> {
        std::fs::create_dir_all(dir).map_err(OpenError::file("make directory", dir))?;
        let path = dir.join("lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(OpenError::file("write", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { dir: dir.to_owned(), owner: owner(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(OpenError::file("lock", &path)(error)),
        }
        let note = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        note.map_err(OpenError::file("write", &path))?;
        Ok(DirectoryLock { _file: file })
    }
}

/// The id that the holder has written into its lock.
fn owner(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => text,
        _ => "unknown".to_owned(),
    }
}
