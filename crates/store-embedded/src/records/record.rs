//! A record as the journal and the memory hold it: what the API shows, beside the few fields by which it is found.

use crate::codec::{Fields, slice_of};
use crate::journal::{Frame, HEADER, Kind};
use bytes::Bytes;
use store::StoreError;
use types::{Activation, ActivationId};

/// What a record takes beside its texts in memory: the maps' and lists' slots.
const OVERHEAD: u64 = 300;

/// A longer result is not copied: the record holds what the container answered, and the journal is given its text in
/// parts.
const GREAT: usize = 64 << 10;

/// What an entry has before the namespace.
const ENTRY_HEAD: usize = 32;

/// A record with the texts that the API shows of it.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: ActivationId,
    pub(crate) start: u64,
    pub(crate) namespace: Box<str>,
    /// `action` or `pkg/action` (ATV-03).
    pub(crate) path: Box<str>,
    /// LIST-11
    pub(crate) summary: Bytes,
    /// ATV-06
    pub(crate) text: Text,
}

/// A text in its parts, which are one but for that of a great record.
#[derive(Clone, Debug)]
pub(crate) struct Text([Bytes; 3]);

impl Text {
    /// The parts, in their order.
    pub(crate) fn parts(&self) -> &[Bytes; 3] {
        &self.0
    }

    /// How long it is.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// The text, which is put together where it has parts.
    pub(crate) fn whole(&self) -> Bytes {
        let [first, second, third] = &self.0;
        if second.is_empty() && third.is_empty() { first.clone() } else { self.0.concat().into() }
    }
}

impl From<Bytes> for Text {
    fn from(text: Bytes) -> Text {
        Text([text, Bytes::new(), Bytes::new()])
    }
}

impl Record {
    /// What it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        OVERHEAD + (self.summary.len() + self.text.len()) as u64
    }
}

/// A record that is ready to be written.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) frame: Frame,
    id: ActivationId,
    start: u64,
    namespace: Box<str>,
    path: Box<str>,
    /// Where the summary begins and ends in the entry; the text is the rest.
    summary: std::ops::Range<usize>,
}

/// Writes a record's entry:
/// id u128, start u64, length of the namespace u16, of the path u16, of the summary u32; these three, and the text.
pub(crate) fn encode(record: &Activation) -> Result<Encoded, StoreError> {
    let id = record.activation_id;
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        StoreError::new(format!("encode record {id}"), error)
    };
    let too_long = |_| failed("a name or the summary is too long".into());
    let (namespace, path) =
        (Box::<str>::from(record.namespace.root()), record.path_in_namespace().into_boxed_str());
    let great = record.response.result.as_ref().filter(|result| result.len() > GREAT);
    let texts = record.summary_json_room() + record.json_room() - great.map_or(0, |result| result.len());
    let mut frame = Frame::new(Kind::Record, ENTRY_HEAD + namespace.len() + path.len() + texts);
    let out = frame.payload();
    out.extend_from_slice(&id.bits().to_be_bytes());
    out.extend_from_slice(&record.start.to_be_bytes());
    out.extend_from_slice(&u16::try_from(namespace.len()).map_err(too_long)?.to_be_bytes());
    out.extend_from_slice(&u16::try_from(path.len()).map_err(too_long)?.to_be_bytes());
    let summary_length = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(namespace.as_bytes());
    out.extend_from_slice(path.as_bytes());
    let begin = out.len();
    let (end, place) = if great.is_some() {
        let (end, place) = record.write_summary_and_json_around_result(out);
        (end, Some(place))
    } else {
        (record.write_summary_and_json(out), None)
    };
    let length = u32::try_from(end - begin).map_err(too_long)?;
    out[summary_length..summary_length + 4].copy_from_slice(&length.to_be_bytes());
    if let (Some(place), Some(result)) = (place, great) {
        frame.insert(place, result.clone().into_bytes());
    }
    let frame = frame.finish().ok_or_else(|| failed("it is longer than 4 GB".into()))?;
    Ok(Encoded { frame, id, start: record.start, namespace, path, summary: begin..end })
}

impl Encoded {
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The record, its texts being parts of the entry that was written.
    pub(crate) fn into_record(self) -> Record {
        let [first, second, third] = self.frame.into_parts();
        let text = Text([first.slice(self.summary.end..), second, third]);
        let summary = first.slice(self.summary);
        Record { id: self.id, start: self.start, namespace: self.namespace, path: self.path, summary, text }
    }
}

/// Reads a record's entry, of which `whole` is the text that it is a part of. `None`: it is not what [`encode`] writes.
pub(crate) fn decode(payload: &[u8], whole: &Bytes) -> Option<Record> {
    let mut fields = Fields::new(payload);
    let (id, start) = (ActivationId::from_bits(fields.u128()?), fields.u64()?);
    let (namespace, path) = (usize::from(fields.u16()?), usize::from(fields.u16()?));
    let summary = usize::try_from(fields.u32()?).ok()?;
    let (namespace, path) = (Box::from(fields.text(namespace)?), Box::from(fields.text(path)?));
    let summary = slice_of(whole, fields.bytes(summary)?);
    Some(Record { id, start, namespace, path, summary, text: slice_of(whole, fields.rest()).into() })
}

/// An entry that says that an activation was accepted, and whether it has begun to run.
pub(crate) fn accept_entry(id: ActivationId, body: &[u8], started: bool) -> Option<Frame> {
    let kind = if started { Kind::AcceptStarted } else { Kind::Accept };
    let mut frame = Frame::new(kind, 16 + body.len());
    frame.payload().extend_from_slice(&id.bits().to_be_bytes());
    frame.payload().extend_from_slice(body);
    frame.finish()
}

/// An entry that says that an activation begins to run.
pub(crate) fn started_entry(id: ActivationId) -> Option<Frame> {
    id_entry(Kind::Started, id)
}

/// The entry that says that an activation has ended without a record.
pub(crate) fn dismissed_entry(id: ActivationId) -> Option<Frame> {
    id_entry(Kind::Dismissed, id)
}

fn id_entry(kind: Kind, id: ActivationId) -> Option<Frame> {
    let mut frame = Frame::new(kind, 16);
    frame.payload().extend_from_slice(&id.bits().to_be_bytes());
    frame.finish()
}

/// The id and the body of an entry made by those above.
pub(crate) fn decode_intent(payload: &[u8]) -> Option<(ActivationId, &[u8])> {
    let mut fields = Fields::new(payload);
    Some((ActivationId::from_bits(fields.u128()?), fields.rest()))
}

/// The payload of an entry that was read back whole.
pub(crate) fn payload_of(entry: &[u8]) -> &[u8] {
    entry.get(HEADER..).unwrap_or_default()
}
