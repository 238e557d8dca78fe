//! A JSON value that is handed on as its text.

use super::{Scan, compact, scan};
use crate::ActivationId;
use bytes::Bytes;
use bytestring::ByteString;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::Utf8Error;
use std::time::Duration;

/// A JSON value as its own valid text, without white space between its tokens. Numbers keep their form (HTTP-24). It is
/// cheap to clone, and a part of the memory that the text came in: a great one is not copied from there.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(ByteString);

/// Why bytes are not a JSON value.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// They are no text.
    #[error(transparent)]
    Text(#[from] Utf8Error),
    /// The text is not one JSON value.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A shorter text is not worth that the memory around it is kept for it.
const SHARED: usize = 64 << 10;

impl Raw {
    /// The value that those bytes are, which are looked through once for all.
    ///
    /// # Errors
    /// When they are not one JSON value.
    pub fn read(bytes: Bytes) -> Result<Raw, Unreadable> {
        Raw::scanned(bytes).map(|(value, _)| value)
    }

    /// The same with what else was seen.
    ///
    /// # Errors
    /// When they are not one JSON value.
    pub fn scanned(bytes: Bytes) -> Result<(Raw, Scan), Unreadable> {
        Ok(Raw::look_through(ByteString::try_from(bytes)?)?)
    }

    /// The value that a text is.
    ///
    /// # Errors
    /// When it is not one JSON value.
    pub fn of(text: ByteString) -> Result<Raw, serde_json::Error> {
        Raw::look_through(text).map(|(value, _)| value)
    }

    fn look_through(text: ByteString) -> Result<(Raw, Scan), serde_json::Error> {
        let Some(scan) = scan(&text) else {
            // The parser can say what is wrong with it.
            let wrong = serde_json::from_str::<&RawValue>(&text).err();
            return Err(wrong.unwrap_or_else(|| serde::de::Error::custom("not a JSON value")));
        };
        let value = &text[scan.value.clone()];
        let value = if scan.is_spaced { Raw::compacted(value) } else { Raw(text.slice_ref(value)) };
        Ok((value, scan))
    }

    /// A value of a text that is made of valid ones.
    pub(super) fn made(text: String) -> Raw {
        debug_assert!(is_compact(&text), "no JSON, or with blanks: {text}");
        Raw(text.into())
    }

    /// A valid text without its white space.
    fn compacted(text: &str) -> Raw {
        Raw(match compact(text) {
            Cow::Borrowed(text) => text.to_owned().into(),
            Cow::Owned(mut text) => {
                // What was mostly white space shall not take the memory of that.
                if text.capacity() > 2 * text.len() {
                    text.shrink_to_fit();
                }
                text.into()
            }
        })
    }

    /// The text.
    #[must_use]
    pub fn get(&self) -> &str {
        &self.0
    }

    /// The text as bytes to be sent, which are not copied.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// The same, copied if it is short. What stays longer than the memory it came in does not hold that then.
    #[must_use]
    pub fn apart(self) -> Raw {
        if self.0.len() < SHARED { Raw(self.get().to_owned().into()) } else { self }
    }
}

impl From<&RawValue> for Raw {
    fn from(value: &RawValue) -> Raw {
        Raw::compacted(value.get())
    }
}

impl Deref for Raw {
    type Target = str;

    fn deref(&self) -> &str {
        self.get()
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raw").field(&format_args!("{}", self.get())).finish()
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The only way to say to a serializer that this is JSON already.
        let value: &RawValue = serde_json::from_str(self.get()).map_err(serde::ser::Error::custom)?;
        value.serialize(serializer)
    }
}

/// Any serialisable value as JSON text.
///
/// # Panics
/// Never for values whose maps have text keys, which are the only ones used here.
#[must_use]
pub fn raw<T: Serialize + ?Sized>(value: &T) -> Raw {
    match serde_json::to_string(value) {
        Ok(text) => {
            debug_assert!(is_compact(&text), "with blanks: {text}");
            // As long as it is, for values that stay.
            Raw(text.into_boxed_str().into())
        }
        Err(error) => panic!("a value that cannot be written as JSON: {error}"),
    }
}

/// The same, to become a part of other texts: serde writes it there without looking through it again.
///
/// # Panics
/// As [`raw`] does.
#[must_use]
pub fn plain<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    match serde_json::value::to_raw_value(value) {
        Ok(text) => text,
        Err(error) => panic!("a value that cannot be written as JSON: {error}"),
    }
}

/// An id, as a JSON text.
#[must_use]
pub fn id(id: ActivationId) -> Raw {
    written(ActivationId::LENGTH + 2, |out| {
        out.push(b'"');
        out.extend_from_slice(&id.encode());
        out.push(b'"');
    })
}

/// An object of durations, in milliseconds to the microsecond. The keys must need no escapes.
#[must_use]
pub fn durations(members: &[(&'static str, Duration)]) -> Raw {
    /// What a member mostly takes, with a key of up to nine characters.
    const MEMBER: usize = br#""container":1000.001,"#.len();
    written(MEMBER * members.len() + 2, |out| {
        out.push(b'{');
        for (at, (key, duration)) in members.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            debug_assert!(super::is_plain(key), "'{key}' needs escapes");
            out.push(b'"');
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            super::write_millis(out, *duration);
        }
        out.push(b'}');
    })
}

/// `write` writes JSON without white space.
fn written(room: usize, write: impl FnOnce(&mut Vec<u8>)) -> Raw {
    let mut text = Vec::with_capacity(room);
    write(&mut text);
    // JSON is UTF-8.
    Raw::made(String::from_utf8(text).unwrap_or_default())
}

fn is_compact(text: &str) -> bool {
    scan(text).is_some_and(|scan| !scan.is_spaced && scan.value.len() == text.len())
}
