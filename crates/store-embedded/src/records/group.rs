//! Texts of records on the disk: groups of neighbours, each compressed as a whole.
//!
//! ```text
//! group    length of the entries u32, how many there are u16, their ids; the entries, compressed
//! id       how many milliseconds after the id before it (zigzag), and the ten bytes below the milliseconds
//! entry    namespace, 0, text without its id and what else is a mark here, 0
//! ```

use super::marks::Fault;
use super::record::Record;
use super::shape::{number, put_number};
use crate::codec::Fields;
use bytes::Bytes;
use memchr::{memchr_iter, memchr2, memchr3, memmem};
use types::ActivationId;
use zstd::bulk::{Compressor, Decompressor};

/// Ends a namespace and a text.
const END: u8 = 0;
/// Stands for the record's own id.
const ID: u8 = 1;
/// Before one of these three where a text has it, which no JSON does; what follows is the byte with another bit.
const ESCAPE: u8 = 2;
const ESCAPED: u8 = 0x40;

/// How many records are one group at most: more compress better, and take longer to read one.
const RECORDS: usize = 64;
/// How long the entries of a group may become before the next one is begun, in bytes.
const LENGTH: usize = 64 << 10;
/// Higher levels take three times as long for a twentieth less.
const LEVEL: i32 = 1;

/// Cuts neighbours into groups, as an iterator of the first record of each and its bytes.
pub(super) struct Groups<'a> {
    rest: std::slice::Iter<'a, &'a Record>,
    compressor: Compressor<'static>,
    entries: Vec<u8>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(records: &'a [&'a Record]) -> Result<Groups<'a>, Fault> {
        Ok(Groups { rest: records.iter(), compressor: Compressor::new(LEVEL)?, entries: Vec::new() })
    }

    /// The next group.
    pub(super) fn next(&mut self) -> Result<Option<(&'a Record, Vec<u8>)>, Fault> {
        self.entries.clear();
        let (mut ids, mut count, mut before) = (Vec::new(), 0u16, 0);
        let Some(first) = self.rest.as_slice().first() else { return Ok(None) };
        while usize::from(count) < RECORDS && self.entries.len() < LENGTH {
            let Some(record) = self.rest.next() else { break };
            count += 1;
            put_id(&mut ids, record.id.bits(), &mut before);
            // Or else the buffer is copied again and again while it grows for the first great text.
            self.entries.reserve(record.namespace.len() + record.text.len() + 2);
            self.entries.extend_from_slice(record.namespace.as_bytes());
            self.entries.push(END);
            for part in record.text.parts() {
                put_text(&mut self.entries, part, record.id);
            }
            self.entries.push(END);
        }
        let length = u32::try_from(self.entries.len())?;
        let mut group = Vec::new();
        group.extend_from_slice(&length.to_be_bytes());
        group.extend_from_slice(&count.to_be_bytes());
        group.append(&mut ids);
        group.append(&mut self.compressor.compress(&self.entries)?);
        Ok(Some((first, group)))
    }
}

fn put_id(out: &mut Vec<u8>, bits: u128, before: &mut i64) {
    let millis = (bits >> 80) as i64;
    let apart = millis - std::mem::replace(before, millis);
    put_number(out, (apart << 1 ^ apart >> 63).cast_unsigned());
    out.extend_from_slice(&bits.to_be_bytes()[6..]);
}

/// Writes a text without its id, wherever that stands.
fn put_text(out: &mut Vec<u8>, text: &[u8], id: ActivationId) {
    let digits = id.encode();
    let mut rest = text;
    while let Some(at) = memmem::find(rest, &digits) {
        put_escaped(out, &rest[..at]);
        out.push(ID);
        rest = &rest[at + digits.len()..];
    }
    put_escaped(out, rest);
}

fn put_escaped(out: &mut Vec<u8>, mut rest: &[u8]) {
    while let Some(at) = memchr3(END, ID, ESCAPE, rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend([ESCAPE, rest[at] | ESCAPED]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// The ids of a group, and its entries as they are compressed. `None`: it is not a group.
fn parse(group: &[u8]) -> Option<(Vec<u128>, usize, &[u8])> {
    let mut fields = Fields::new(group);
    let (length, count) = (fields.u32()?, fields.u16()?);
    let mut millis = 0i64;
    let mut ids = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let apart = number(&mut fields)?;
        millis = millis.wrapping_add((apart >> 1).cast_signed() ^ -(apart & 1).cast_signed());
        let mut spread = [0; 16];
        spread[6..].copy_from_slice(fields.bytes(10)?);
        ids.push(u128::from(millis.cast_unsigned()) << 80 | u128::from_be_bytes(spread));
    }
    Some((ids, usize::try_from(length).ok()?, fields.rest()))
}

/// The ids of the records of a group; nothing is decompressed for them.
pub(super) fn ids(group: &[u8]) -> Result<Vec<u128>, Fault> {
    parse(group).map(|(ids, ..)| ids).ok_or_else(|| "a group of records is broken".into())
}

/// A group that has been decompressed.
#[derive(Debug)]
pub(super) struct Texts {
    ids: Vec<u128>,
    entries: Vec<u8>,
    /// Where the namespace and the text of each record end, in the order of ids.
    ends: Vec<(usize, usize)>,
}

impl Texts {
    pub(super) fn read(group: &[u8]) -> Result<Texts, Fault> {
        let (ids, length, entries) = parse(group).ok_or("a group of records is broken")?;
        let entries = Decompressor::new()?.decompress(entries, length)?;
        let mut found = memchr_iter(END, &entries);
        let mut ends = Vec::with_capacity(ids.len());
        while let Some(both) = found.next().zip(found.next()) {
            ends.push(both);
        }
        if ends.len() != ids.len() {
            return Err("a group has other records than it says".into());
        }
        Ok(Texts { ids, entries, ends })
    }

    /// The text of a record, if it is here and belongs to that namespace.
    pub(super) fn get(&self, namespace: &str, id: ActivationId) -> Option<Bytes> {
        let at = self.ids.iter().position(|bits| *bits == id.bits())?;
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before].1 + 1);
        let (owner, text) = self.ends[at];
        let is_its = self.entries[begin..owner] == *namespace.as_bytes();
        is_its.then(|| read_text(&self.entries[owner + 1..text], id))
    }
}

fn read_text(text: &[u8], id: ActivationId) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + ActivationId::LENGTH);
    let mut rest = text;
    while let Some(at) = memchr2(ID, ESCAPE, rest) {
        out.extend_from_slice(&rest[..at]);
        if rest[at] == ID {
            out.extend_from_slice(&id.encode());
            rest = &rest[at + 1..];
        } else {
            out.extend(rest.get(at + 1).map(|byte| byte & !ESCAPED));
            rest = rest.get(at + 2..).unwrap_or_default();
        }
    }
    out.extend_from_slice(rest);
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::conformance::activation::{BEGIN, id};

    fn record(namespace: &str, id: ActivationId, text: Vec<u8>) -> Record {
        let (namespace, path) = (namespace.into(), "a".into());
        Record { id, start: BEGIN, namespace, path, summary: Bytes::new(), text: Bytes::from(text).into() }
    }

    #[test]
    fn every_text_comes_out_as_it_went_in() {
        let mut records = Vec::new();
        for number in 0..200u64 {
            let id = id(BEGIN + number * 7919 % 50, number);
            let text = match number % 4 {
                0 => format!(r#"{{"activationId":"{id}","cause":"{id}0","text":"\"{id}\""}}"#).into_bytes(),
                1 => (0..=u8::MAX).collect(),
                2 => vec![b'x'; number as usize * 50],
                _ => Vec::new(),
            };
            records.push(record(if number % 3 == 0 { "ns" } else { "other" }, id, text));
        }
        records.push(record("ns", ActivationId::from_bits(0), b"first".to_vec()));
        records.push(record("ns", ActivationId::from_bits(u128::MAX), b"last".to_vec()));
        let neighbours: Vec<&Record> = records.iter().collect();
        let mut groups = Groups::new(&neighbours).unwrap();
        let mut rest = &records[..];
        while let Some((first, group)) = groups.next().unwrap() {
            let (texts, ids) = (Texts::read(&group).unwrap(), ids(&group).unwrap());
            assert_eq!(first.id, rest[0].id);
            assert!((1..=RECORDS).contains(&ids.len()));
            let (here, after) = rest.split_at(ids.len());
            for (record, bits) in here.iter().zip(ids) {
                assert_eq!(record.id.bits(), bits);
                assert_eq!(texts.get(&record.namespace, record.id).unwrap(), record.text.whole());
                assert_eq!(texts.get("nobody", record.id), None);
            }
            rest = after;
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn a_broken_group_is_a_fault() {
        let record = record("ns", id(BEGIN, 1), b"text".to_vec());
        let group = Groups::new(&[&record]).unwrap().next().unwrap().unwrap().1;
        for length in 0..group.len() {
            assert!(Texts::read(&group[..length]).is_err(), "{length}");
        }
    }
}
