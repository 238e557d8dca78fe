//! Summaries without what they have in common. Those of one action differ in an id and a few numbers; the text with
//! gaps in the place of these is its shape, which a segment holds once, and a summary is the number of its shape and
//! what fills the gaps.
//!
//! This module must not know what the texts say, but for the id and the start by which a record is found anyway: any
//! text comes out as it went in.

use crate::codec::Fields;
use memchr::memchr2;
use types::ActivationId;
use types::json::write_number;

/// In a shape: the record's id.
const ID: u8 = 1;
/// The record's start.
const START: u8 = 2;
/// A time after the start; how long after it fills the gap.
const AFTER_START: u8 = 3;
/// How long after the start the time before this was.
const SO_LONG: u8 = 4;
/// Any other number.
const NUMBER: u8 = 5;
/// An even number of hexadecimal digits: half their number, and their bytes.
const DIGITS: u8 = 6;
/// Texts that have a byte of these already have no shape.
const GAPS: std::ops::RangeInclusive<u8> = ID..=DIGITS;

/// What is deeper in a text, such as an action's limits, is taken for a part of its shape.
const DEPTH: usize = 2;
/// How many digits in quotes are a gap: fewer may well be a word, and more are rare.
const GAP_DIGITS: std::ops::RangeInclusive<usize> = 16..=128;

/// A text as its shape and what fills it.
#[derive(Debug, Default)]
pub(super) struct Split {
    pub(super) shape: Vec<u8>,
    pub(super) filling: Vec<u8>,
}

/// Splits the text of a record, into what may hold another split already. False: it has no shape.
pub(super) fn split(text: &[u8], id: ActivationId, start: u64, split: &mut Split) -> bool {
    split.shape.clear();
    split.filling.clear();
    // Without a way out of the loop, which lets many bytes be looked at together.
    if text.iter().fold(false, |found, byte| found | GAPS.contains(byte)) {
        return false;
    }
    let mut splitting = Splitting { id: &id.encode(), start, split, elapsed: None };
    let (mut at, mut depth, mut taken) = (0, 0usize, 0);
    while let Some(&byte) = text.get(at) {
        at += 1;
        let (length, gap) = match byte {
            b'"' => splitting.string(&text[at..]),
            b':' if depth <= DEPTH => splitting.number(&text[at..]),
            b'{' => {
                depth += 1;
                continue;
            }
            b'}' => {
                depth = depth.saturating_sub(1);
                continue;
            }
            _ => continue,
        };
        if let Some(gap) = gap {
            splitting.split.shape.extend_from_slice(&text[taken..at]);
            splitting.split.shape.push(gap);
            taken = at + length;
        }
        at += length + usize::from(byte == b'"');
    }
    splitting.split.shape.extend_from_slice(&text[taken..]);
    true
}

struct Splitting<'a> {
    id: &'a [u8; ActivationId::LENGTH],
    start: u64,
    split: &'a mut Split,
    /// What a gap of [`AFTER_START`] that was just met is filled with.
    elapsed: Option<u64>,
}

impl Splitting<'_> {
    /// How long the string is that follows, up to the quote that ends it, and what gap it is.
    fn string(&mut self, text: &[u8]) -> (usize, Option<u8>) {
        let mut end = 0;
        while let Some(at) = text.get(end..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
            end += at;
            if text[end] == b'"' {
                break;
            }
            end += 2;
        }
        let is_open = text.get(end) != Some(&b'"');
        let length = if is_open { text.len() } else { end };
        let string = &text[..length];
        let gap = if string == self.id {
            Some(ID)
        } else {
            from_digits(string).map(|bytes| {
                put_number(&mut self.split.filling, bytes.len() as u64);
                self.split.filling.extend_from_slice(&bytes);
                DIGITS
            })
        };
        (length, gap)
    }

    /// How long the number is that follows, and what gap it is; 0 when there is none.
    fn number(&mut self, text: &[u8]) -> (usize, Option<u8>) {
        let length = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let is_plain = length > 0 && (length == 1 || text[0] != b'0');
        let is_whole = matches!(text.get(length), Some(b',' | b'}'));
        let digits = std::str::from_utf8(&text[..length]).ok().filter(|_| is_plain && is_whole);
        let Some(number) = digits.and_then(|digits| digits.parse::<u64>().ok()) else { return (0, None) };
        let filling = &mut self.split.filling;
        let elapsed = self.elapsed.take();
        let gap = if number == self.start {
            START
        } else if elapsed == Some(number) {
            SO_LONG
        } else if number > self.start && self.start > 0 {
            put_number(filling, number - self.start);
            self.elapsed = Some(number - self.start);
            AFTER_START
        } else {
            put_number(filling, number);
            NUMBER
        };
        (length, Some(gap))
    }
}

/// The bytes of digits that are worth a gap.
fn from_digits(string: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if !GAP_DIGITS.contains(&string.len()) || !string.len().is_multiple_of(2) {
        return None;
    }
    string.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// The text that was split. `None`: the filling is not one of this shape.
pub(super) fn join(shape: &[u8], filling: &[u8], id: ActivationId, start: u64) -> Option<Vec<u8>> {
    let mut filling = Fields::new(filling);
    let mut text = Vec::with_capacity(shape.len() + 3 * ActivationId::LENGTH);
    let mut elapsed = 0;
    for part in shape.split_inclusive(|byte| GAPS.contains(byte)) {
        let Some((&last, before)) = part.split_last() else { continue };
        text.extend_from_slice(before);
        match last {
            ID => text.extend_from_slice(&id.encode()),
            START => write_number(&mut text, start),
            AFTER_START => {
                elapsed = number(&mut filling)?;
                write_number(&mut text, start.checked_add(elapsed)?);
            }
            SO_LONG => write_number(&mut text, elapsed),
            NUMBER => write_number(&mut text, number(&mut filling)?),
            DIGITS => {
                let length = usize::try_from(number(&mut filling)?).ok()?;
                for byte in filling.bytes(length)? {
                    text.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
                }
            }
            other => text.push(other),
        }
    }
    filling.rest().is_empty().then_some(text)
}

/// Writes a number in as many bytes as it needs, seven bits in each, the lowest first.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads what [`put_number`] wrote.
pub(super) fn number(fields: &mut Fields<'_>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = fields.u8()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::conformance::activation::{BEGIN, id, record};

    fn both_ways(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let (id, mut parts) = (id(BEGIN, 7), Split::default());
        split(text, id, BEGIN, &mut parts).then(|| {
            let joined = join(&parts.shape, &parts.filling, id, BEGIN).unwrap();
            assert_eq!(String::from_utf8_lossy(&joined), String::from_utf8_lossy(text));
            (parts.shape, parts.filling)
        })
    }

    #[test]
    fn summaries_of_one_action_have_one_shape_and_a_short_filling() {
        let shape = |number, elapsed| {
            let mut record = record("ns", "pkg/a", BEGIN + number, number);
            record.cause = Some(id(BEGIN - number, number));
            record.end = Some(record.start + elapsed);
            record.duration = Some(elapsed);
            let (mut text, mut parts) = (Vec::new(), Split::default());
            record.write_summary_json(&mut text);
            assert!(split(&text, record.activation_id, record.start, &mut parts));
            assert_eq!(join(&parts.shape, &parts.filling, record.activation_id, record.start).unwrap(), text);
            (parts.shape, parts.filling.len())
        };
        let (first, second) = (shape(1, 9), shape(200, 4000));
        assert_eq!(first.0, second.0);
        assert!(second.1 < 25, "{second:?}");
    }

    #[test]
    fn any_text_comes_out_as_it_went_in() {
        let own = id(BEGIN, 7);
        let texts = [
            String::new(),
            "{".to_owned(),
            r#"{"a":"#.to_owned(),
            r#"{"a":12"#.to_owned(),
            r#"{"a":"\"#.to_owned(),
            r#"{"a":"open"#.to_owned(),
            r#"{"a":007,"b":1.5,"c":-3,"d":1e9,"e":0,"f":18446744073709551615,"g":99999999999999999999}"#.to_owned(),
            r#"{"a":"0123456789abcdef","b":"0123456789ABCDEF","c":"0123456789abcde","d":"\"0123456789abcdef"}"#
                .to_owned(),
            format!(r#"{{"a":"{own}","b":"{own}{own}","c":{BEGIN},"d":{},"e":5,"f":5}}"#, BEGIN + 5),
            r#"{"a":[{"b":{"c":1}}],"d":{"e":{"f":{"g":2}}}}}}}{"h":3}"#.to_owned(),
        ];
        for text in texts {
            assert!(both_ways(text.as_bytes()).is_some(), "{text}");
        }
        assert!(both_ways(b"{\"a\":\x03}").is_none());
        assert!(both_ways(b"{\"a\x06\":1}").is_none());
    }

    #[test]
    fn a_filling_that_is_cut_off_is_seen() {
        let (shape, filling) = both_ways(br#"{"a":300,"b":"0123456789abcdef"}"#).unwrap();
        for length in 0..filling.len() {
            assert!(join(&shape, &filling[..length], id(BEGIN, 7), BEGIN).is_none());
        }
    }
}
