//! The form of the journal's entries.
//!
//! ```text
//! entry    length u32, sequence u64, kind u8, check of the payload u32, check of all before u32; payload
//! file     magic, number u64, the sequence it follows u64, its first sequence u64, check of all before u32; entries
//! ```

use crate::codec::Fields;
use bytes::Bytes;

/// The length of what precedes a payload.
pub(crate) const HEADER: usize = 21;

/// The length of what precedes the entries of a file.
pub(crate) const FILE_HEADER: usize = 36;

const MAGIC: &[u8; 8] = b"OXWJRNL1";

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// An activation was accepted: its id, then the intent's body.
    Accept = 1,
    /// An accepted activation begins to run: its id.
    Started = 2,
    /// A record; see `records::record`.
    Record = 3,
    /// An activation was accepted and has begun to run: as `Accept`. Both in one entry, because an acceptance that is
    /// written again makes what was written earlier needless, and with it that it was started.
    AcceptStarted = 4,
    /// An accepted activation has ended and leaves no record: its id.
    Dismissed = 5,
}

impl Kind {
    const fn of(code: u8) -> Option<Kind> {
        Some(match code {
            1 => Kind::Accept,
            2 => Kind::Started,
            3 => Kind::Record,
            4 => Kind::AcceptStarted,
            5 => Kind::Dismissed,
            _ => return None,
        })
    }
}

/// An entry in the making. The payload is checked where there is time; its sequence comes last, under the lock.
#[derive(Debug)]
pub(crate) struct Frame {
    bytes: Vec<u8>,
    /// A part of the payload that is not copied, and before which of the bytes it belongs.
    inserted: Option<(usize, Bytes)>,
}

impl Frame {
    /// An entry without a payload yet, with room for one.
    pub(crate) fn new(kind: Kind, room: usize) -> Frame {
        let mut bytes = Vec::with_capacity(HEADER + room);
        bytes.resize(HEADER, 0);
        bytes[12] = kind as u8;
        Frame { bytes, inserted: None }
    }

    /// Where the payload is written to, behind what is there.
    pub(crate) fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Makes something that is not copied a part of the payload, before that place in [`Frame::payload`].
    pub(crate) fn insert(&mut self, place: usize, part: Bytes) {
        self.inserted = Some((place, part));
    }

    /// All of it, in its order.
    fn parts(&self) -> [&[u8]; 3] {
        match &self.inserted {
            None => [&self.bytes, &[], &[]],
            Some((place, part)) => [&self.bytes[..*place], part, &self.bytes[*place..]],
        }
    }

    /// Ends the payload. `None`: it is longer than an entry can be.
    pub(crate) fn finish(mut self) -> Option<Frame> {
        let [before, inserted, behind] = self.parts();
        let length = u32::try_from(before.len() - HEADER + inserted.len() + behind.len()).ok()?;
        let mut check = crc32fast::Hasher::new();
        for part in [&before[HEADER..], inserted, behind] {
            check.update(part);
        }
        let check = check.finalize();
        self.bytes[0..4].copy_from_slice(&length.to_be_bytes());
        self.bytes[13..17].copy_from_slice(&check.to_be_bytes());
        Some(self)
    }

    /// Gives the finished entry its place, and answers what is written.
    pub(crate) fn seal(&mut self, sequence: u64) -> [&[u8]; 3] {
        self.bytes[4..12].copy_from_slice(&sequence.to_be_bytes());
        let check = crc32fast::hash(&self.bytes[..17]);
        self.bytes[17..21].copy_from_slice(&check.to_be_bytes());
        self.parts()
    }

    /// The bytes in their order; the payload begins at [`HEADER`] of the first.
    pub(crate) fn into_parts(self) -> [Bytes; 3] {
        let bytes = Bytes::from(self.bytes);
        match self.inserted {
            None => [bytes, Bytes::new(), Bytes::new()],
            Some((place, part)) => [bytes.slice(..place), part, bytes.slice(place..)],
        }
    }
}

/// An entry that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) sequence: u64,
    pub(crate) kind: Kind,
    pub(crate) payload: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The whole and correct entry at the beginning of these bytes, if there is one.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Entry<'a>> {
        let mut fields = Fields::new(bytes);
        let length = fields.u32()?;
        let sequence = fields.u64()?;
        let kind = fields.u8()?;
        let payload_check = fields.u32()?;
        if fields.u32()? != crc32fast::hash(&bytes[..17]) {
            return None;
        }
        let payload = fields.bytes(usize::try_from(length).ok()?)?;
        if crc32fast::hash(payload) != payload_check {
            return None;
        }
        Some(Entry { sequence, kind: Kind::of(kind)?, payload })
    }

    /// How long it is in the file.
    pub(crate) fn length(&self) -> usize {
        HEADER + self.payload.len()
    }
}

/// The beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) number: u64,
    /// The last sequence before it that could be read when it was made.
    pub(crate) follows: u64,
    pub(crate) first: u64,
}

impl FileHeader {
    pub(crate) fn encode(self) -> [u8; FILE_HEADER] {
        let mut out = [0; FILE_HEADER];
        out[..8].copy_from_slice(MAGIC);
        out[8..16].copy_from_slice(&self.number.to_be_bytes());
        out[16..24].copy_from_slice(&self.follows.to_be_bytes());
        out[24..32].copy_from_slice(&self.first.to_be_bytes());
        let check = crc32fast::hash(&out[..32]);
        out[32..].copy_from_slice(&check.to_be_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<FileHeader> {
        let mut fields = Fields::new(bytes);
        let magic = fields.bytes(MAGIC.len())?;
        let header = FileHeader { number: fields.u64()?, follows: fields.u64()?, first: fields.u64()? };
        let check = fields.u32()?;
        (magic == MAGIC && check == crc32fast::hash(&bytes[..32])).then_some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(payload: &[u8]) -> Vec<u8> {
        let mut frame = Frame::new(Kind::Started, payload.len());
        frame.payload().extend_from_slice(payload);
        let mut frame = frame.finish().unwrap();
        frame.seal(7).concat()
    }

    #[test]
    fn an_entry_reads_as_it_was_written_and_any_changed_bit_is_seen() {
        let mut bytes = entry(b"payload");
        let read = Entry::parse(&bytes).unwrap();
        assert_eq!((read.sequence, read.kind, read.payload), (7, Kind::Started, &b"payload"[..]));
        for at in 0..bytes.len() * 8 {
            bytes[at / 8] ^= 1 << (at % 8);
            assert!(Entry::parse(&bytes).is_none(), "bit {at}");
            bytes[at / 8] ^= 1 << (at % 8);
        }
        for length in 0..bytes.len() {
            assert!(Entry::parse(&bytes[..length]).is_none(), "length {length}");
        }
    }

    #[test]
    fn what_is_not_copied_is_a_part_of_the_entry() {
        for place in 0..=7 {
            let (before, behind) = "payload".split_at(place);
            let mut frame = Frame::new(Kind::Started, 7);
            frame.payload().extend_from_slice(before.as_bytes());
            let at = frame.payload().len();
            frame.payload().extend_from_slice(behind.as_bytes());
            frame.insert(at, Bytes::from_static(b"great"));
            let mut frame = frame.finish().unwrap();
            let written = frame.seal(7).concat();
            assert_eq!(written, entry(format!("{before}great{behind}").as_bytes()));
            assert_eq!(frame.into_parts().concat(), written);
        }
    }

    #[test]
    fn a_file_header_reads_as_it_was_written() {
        let header = FileHeader { number: 3, follows: 20, first: 25 };
        let mut bytes = header.encode();
        assert_eq!(FileHeader::decode(&bytes), Some(header));
        bytes[20] ^= 1;
        assert_eq!(FileHeader::decode(&bytes), None);
    }
}
