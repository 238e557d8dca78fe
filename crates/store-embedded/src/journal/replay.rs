//! Reading the journal of an earlier process.

use super::frame::{Entry, FILE_HEADER, FileHeader};
use super::{Position, SealedFile, path_of};
use crate::OpenError;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;

/// What was found beside the entries.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The files, oldest first.
    pub(crate) files: VecDeque<SealedFile>,
    /// The last sequence.
    pub(crate) last: u64,
    /// How many times something was missing or broken before the end.
    pub(crate) gaps: u64,
}

/// One thing that was found in the journal.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// An entry; `file` is the whole text of its file, of which the payload is a part.
    Entry { position: Position, entry: Entry<'a>, file: &'a Bytes },
    /// Something is missing here.
    Gap,
}

/// Reads every file, oldest first, and hands on what is found. What a killed process left of its last write is cut
/// off; what is broken in the middle is said loudly and passed over.
pub(crate) fn replay(
    dir: &Path,
    watermark: u64,
    mut visit: impl FnMut(Step<'_>),
) -> Result<Replayed, OpenError> {
    let numbers = file_numbers(dir)?;
    let mut state = Replayed::default();
    for (at, &number) in numbers.iter().enumerate() {
        let path = path_of(dir, number);
        let bytes = Bytes::from(std::fs::read(&path).map_err(OpenError::file("read", &path))?);
        let is_last = at + 1 == numbers.len();
        if is_last && bytes.len() < FILE_HEADER {
            tracing::warn!(path = %path.display(), "the newest file of the journal was just being made");
            std::fs::remove_file(&path).map_err(OpenError::file("remove", &path))?;
            break;
        }
        let mut reading = Reading {
            path: &path,
            number,
            file: &bytes,
            state: &mut state,
            visit: &mut visit,
            damaged: false,
            follows: if at == 0 { None } else { numbers.get(at - 1).copied() },
        };
        let end = reading.run(is_last, watermark);
        let damaged = reading.damaged;
        if end < bytes.len() {
            cut(&path, end).map_err(OpenError::file("cut the torn end off", &path))?;
        }
        state.files.push_back(SealedFile { number, last: state.last, bytes: end as u64, damaged });
    }
    Ok(state)
}

fn cut(path: &Path, length: usize) -> std::io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.set_len(length as u64)?;
    file.sync_all()
}

fn file_numbers(dir: &Path) -> Result<Vec<u64>, OpenError> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(OpenError::file("read", dir))? {
        let name = entry.map_err(OpenError::file("read", dir))?.file_name();
        let number: Option<u64> = name.to_str().and_then(|name| name.strip_suffix(".log")?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The reading of one file.
struct Reading<'a, F> {
    path: &'a Path,
    number: u64,
    file: &'a Bytes,
    state: &'a mut Replayed,
    visit: &'a mut F,
    damaged: bool,
    /// The number of the file before.
    follows: Option<u64>,
}

impl<F: FnMut(Step<'_>)> Reading<'_, F> {
    /// Answers where the readable part ends.
    fn run(&mut self, is_last: bool, watermark: u64) -> usize {
        let mut expected = self.begin(watermark);
        let file = self.file;
        let mut offset = FILE_HEADER.min(file.len());
        while offset < file.len() {
            let Some((at, entry)) = next_entry(file, offset, self.state.last) else {
                return self.end(offset, is_last);
            };
            if at > offset || expected.is_some_and(|expected| entry.sequence != expected) {
                let bytes = at - offset;
                self.gap(&format!("{bytes} bytes are broken before entry {}", entry.sequence));
            }
            let position = Position {
                file: self.number,
                offset: at as u64,
                length: u32::try_from(entry.length()).unwrap_or(u32::MAX),
                sequence: entry.sequence,
            };
            (self.visit)(Step::Entry { position, entry, file });
            self.state.last = entry.sequence;
            expected = Some(entry.sequence + 1);
            offset = at + entry.length();
        }
        offset
    }

    /// Checks the file's header; answers its first sequence, if that is known.
    fn begin(&mut self, watermark: u64) -> Option<u64> {
        let Some(header) = FileHeader::decode(self.file) else {
            self.gap("its header is broken");
            return None;
        };
        let is_next = self.follows.is_none_or(|before| before + 1 == self.number);
        let continues = match self.follows {
            // The files before the first were dropped, which happens up to the watermark only.
            None => header.follows <= watermark,
            Some(_) => header.follows == self.state.last,
        };
        if !is_next || !continues || header.number != self.number {
            let last = self.state.last;
            self.gap(&format!("it follows entry {}, and what is there ends at {last}", header.follows));
        }
        Some(header.first)
    }

    fn end(&mut self, offset: usize, is_last: bool) -> usize {
        let bytes = self.file.len() - offset;
        if is_last {
            let path = self.path.display();
            tracing::warn!(%path, bytes, "a write that was not finished is cut off the journal's end");
            return offset;
        }
        self.gap(&format!("its last {bytes} bytes are broken"));
        self.file.len()
    }

    fn gap(&mut self, what: &str) {
        let path = self.path.display();
        tracing::error!(%path, what, "the journal is damaged; what can be read of it is kept");
        self.damaged = true;
        self.state.gaps += 1;
        (self.visit)(Step::Gap);
    }
}

/// The first whole entry from `offset` on that comes after `last`, and where it begins.
fn next_entry(file: &[u8], offset: usize, last: u64) -> Option<(usize, Entry<'_>)> {
    (offset..file.len()).find_map(|at| {
        let entry = Entry::parse(&file[at..]).filter(|entry| entry.sequence > last)?;
        Some((at, entry))
    })
}
