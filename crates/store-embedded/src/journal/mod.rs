//! The journal: what was written of activations lately, in the order of writing.
//!
//! An entry is one plain write to the end of the current file; from then on it outlives this process. Files are
//! brought to the disk by the sync thread, and dropped whole once everything in them stands elsewhere.
//!
//! This module must not know what the entries mean.

mod frame;
mod replay;

pub(crate) use frame::{Entry, Frame, HEADER, Kind};
pub(crate) use replay::{Replayed, Step, replay};

use crate::OpenError;
use frame::{FILE_HEADER, FileHeader};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::StoreError;

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The number of the file.
    pub(crate) file: u64,
    /// Where it begins there.
    pub(crate) offset: u64,
    /// Its length, with its header.
    pub(crate) length: u32,
    /// Its place in the order of all entries.
    pub(crate) sequence: u64,
}

/// A file that nothing is added to any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealedFile {
    pub(crate) number: u64,
    /// The last sequence in it; that of the file before when it is empty.
    pub(crate) last: u64,
    pub(crate) bytes: u64,
    /// Some of it could not be read. It is kept aside instead of being dropped.
    pub(crate) damaged: bool,
}

/// The end of the journal, to which entries are added.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: Arc<PathBuf>,
    /// When the current file is longer, the next one is begun.
    file_size: u64,
    number: u64,
    file: Arc<File>,
    length: u64,
    /// Of the last entry.
    sequence: u64,
    sealed: VecDeque<SealedFile>,
    /// Sealed and not on the disk yet.
    unsynced: Vec<Arc<File>>,
    /// A file was made since the directory was brought to the disk.
    new_files: bool,
    /// Why nothing can be written any more.
    failure: Option<Arc<str>>,
}

/// What must be brought to the disk so that everything up to `sequence` is there.
#[derive(Debug)]
pub(crate) struct Unsynced {
    files: Vec<Arc<File>>,
    dir: Option<Arc<PathBuf>>,
    pub(crate) sequence: u64,
}

impl Unsynced {
    pub(crate) fn sync(&self) -> io::Result<()> {
        for file in &self.files {
            file.sync_data()?;
        }
        self.dir.as_ref().map_or(Ok(()), |dir| File::open(&**dir)?.sync_all())
    }
}

impl Journal {
    /// Begins a new file after what was replayed; sequences go on from the greater of the last one and `watermark`.
    pub(crate) fn begin(
        dir: &Path,
        file_size: u64,
        replayed: Replayed,
        watermark: u64,
    ) -> Result<Journal, OpenError> {
        let number = replayed.files.back().map_or(0, |file| file.number) + 1;
        let sequence = replayed.last.max(watermark);
        let header = FileHeader { number, follows: replayed.last, first: sequence + 1 };
        let path = path_of(dir, number);
        let file = create(&path, header).map_err(OpenError::file("write", &path))?;
        Ok(Journal {
            dir: Arc::new(dir.to_owned()),
            file_size,
            number,
            file: Arc::new(file),
            length: FILE_HEADER as u64,
            sequence,
            sealed: replayed.files,
            unsynced: Vec::new(),
            new_files: true,
            failure: None,
        })
    }

    /// The sequence of the last entry.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What the files take on the disk, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.length + self.sealed.iter().map(|file| file.bytes).sum::<u64>()
    }

    /// Adds a finished entry.
    pub(crate) fn append(&mut self, frame: &mut Frame) -> Result<Position, StoreError> {
        if let Some(failure) = &self.failure {
            return Err(StoreError::new("write the journal", failure.to_string()));
        }
        if self.length >= self.file_size {
            self.rotate().map_err(|error| write_error(&error))?;
        }
        let sequence = self.sequence + 1;
        let parts = frame.seal(sequence);
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        if let Err(error) = write_parts(&self.file, parts) {
            self.cut_back(&error);
            return Err(write_error(&error));
        }
        let offset = self.length;
        self.length += length as u64;
        self.sequence = sequence;
        // `Frame::finish` has seen that the payload's length fits.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Ok(Position { file: self.number, offset, length, sequence })
    }

    /// Nothing can be written from now on: what the disk holds is not known any more.
    pub(crate) fn fail(&mut self, why: Arc<str>) {
        self.failure.get_or_insert(why);
    }

    /// What is to be brought to the disk now.
    pub(crate) fn take_unsynced(&mut self) -> Unsynced {
        let mut files = std::mem::take(&mut self.unsynced);
        files.push(self.file.clone());
        let dir = std::mem::take(&mut self.new_files).then(|| self.dir.clone());
        Unsynced { files, dir, sequence: self.sequence }
    }

    /// How many files nothing is added to any more.
    pub(crate) fn sealed(&self) -> usize {
        self.sealed.len()
    }

    /// The oldest file, if it is sealed and everything in it has a sequence of at most `upto`.
    pub(crate) fn oldest(&self, upto: u64) -> Option<SealedFile> {
        self.sealed.front().copied().filter(|file| file.last <= upto)
    }

    /// Takes the oldest file out; the caller removes it by [`remove`].
    pub(crate) fn forget_oldest(&mut self) {
        self.sealed.pop_front();
    }

    pub(crate) fn dir(&self) -> Arc<PathBuf> {
        self.dir.clone()
    }

    /// Puts a file in the place of the current one that fails as a test needs it.
    #[cfg(test)]
    pub(crate) fn replace_file(&mut self, file: File) {
        self.file = Arc::new(file);
    }

    fn rotate(&mut self) -> io::Result<()> {
        let number = self.number + 1;
        let header = FileHeader { number, follows: self.sequence, first: self.sequence + 1 };
        let file = create(&path_of(&self.dir, number), header)?;
        let full = std::mem::replace(&mut self.file, Arc::new(file));
        self.unsynced.push(full);
        self.new_files = true;
        self.sealed.push_back(SealedFile {
            number: self.number,
            last: self.sequence,
            bytes: self.length,
            damaged: false,
        });
        (self.number, self.length) = (number, FILE_HEADER as u64);
        Ok(())
    }

    /// After a write that failed: takes what it left behind away, so that the next one does not stand behind it.
    fn cut_back(&mut self, cause: &io::Error) {
        if let Err(error) = self.file.set_len(self.length) {
            let why =
                format!("a write failed ({cause}) and could not be undone ({error}); restart the server");
            tracing::error!(why, "the journal refuses writes from now on");
            self.fail(why.into());
        }
    }
}

/// Writes all of them, which are mostly one. They are one write to the kernel too, unless it takes less than that.
fn write_parts(mut file: &File, parts: [&[u8]; 3]) -> io::Result<()> {
    let [first, second, third] = parts;
    if second.is_empty() && third.is_empty() {
        return file.write_all(first);
    }
    let mut slices = parts.map(IoSlice::new);
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The text of an entry that was written earlier, with its header.
pub(crate) fn read_at(dir: &Path, position: Position) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(position.length).unwrap_or(usize::MAX)];
    File::open(path_of(dir, position.file))?.read_exact_at(&mut bytes, position.offset)?;
    Ok(bytes)
}

/// Removes a file from the disk; one that is damaged is only put aside, for somebody to look at.
pub(crate) fn remove(dir: &Path, file: SealedFile) {
    let path = path_of(dir, file.number);
    let done = if file.damaged {
        std::fs::rename(&path, path.with_extension("damaged"))
    } else {
        std::fs::remove_file(&path)
    };
    if let Err(error) = done {
        tracing::warn!(path = %path.display(), %error, "a file of the journal cannot be removed");
    }
}

fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016}.log"))
}

fn create(path: &Path, header: FileHeader) -> io::Result<File> {
    let mut file = File::options().append(true).create_new(true).open(path)?;
    let written = file.write_all(&header.encode());
    if written.is_err() {
        // Else the next try would find it and stop there.
        let _ = std::fs::remove_file(path);
    }
    written.map(|()| file)
}

fn write_error(error: &io::Error) -> StoreError {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let text = if full { format!("the disk is full: {error}") } else { error.to_string() };
    // Whatever the reason, nothing was left behind, so another try does no harm.
    StoreError { retryable: true, ..StoreError::new("write the journal", text) }
}

#[cfg(test)]
mod tests;
