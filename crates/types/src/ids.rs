use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The id of one activation: 128 bits, written as 32 lowercase hexadecimal characters (NAME-06).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivationId(u128);

/// Why a text is not an activation id; the texts are those that clients know (NAME-06).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActivationIdError {
    /// Not 32 characters long.
    #[error("Activation id length is {0} but must be 32.")]
    Length(usize),
    /// A character that is not hexadecimal.
    #[error("The activation id is not valid.")]
    Alphabet,
}

impl ActivationId {
    /// The number of characters of its text.
    pub const LENGTH: usize = 32;

    /// The id with these bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> ActivationId {
        ActivationId(bits)
    }

    /// Its bits; ids that were made later have greater ones, to the millisecond.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Its text, without an allocation.
    #[must_use]
    pub fn encode(self) -> [u8; ActivationId::LENGTH] {
        let mut text = [0; ActivationId::LENGTH];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair.copy_from_slice(&HEXADECIMAL[usize::from(byte)]);
        }
        text
    }
}

/// Each byte as two hexadecimal digits.
const HEXADECIMAL: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

impl FromStr for ActivationId {
    type Err = ActivationIdError;

    fn from_str(text: &str) -> Result<ActivationId, ActivationIdError> {
        let length = text.chars().count();
        if length != ActivationId::LENGTH {
            return Err(ActivationIdError::Length(length));
        }
        // `from_str_radix` would let a sign pass.
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ActivationIdError::Alphabet);
        }
        u128::from_str_radix(text, 16).map(ActivationId).map_err(|_| ActivationIdError::Alphabet)
    }
}

impl fmt::Display for ActivationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.encode()).unwrap_or_default())
    }
}

impl fmt::Debug for ActivationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.encode()).unwrap_or_default())
    }
}

impl Serialize for ActivationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.encode();
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for ActivationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ActivationId, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The id of one request, given by the client or made by the server (HTTP-11); error bodies carry it as `code`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransactionId {
    text: Arc<str>,
    /// Not part of the id; it goes wherever the request does.
    #[serde(skip)]
    extra_logging: bool,
}

impl TransactionId {
    /// A transaction id with this text.
    #[must_use]
    pub fn new(text: &str) -> TransactionId {
        TransactionId { text: Arc::from(text), extra_logging: false }
    }

    /// The same for a request that asks to be followed closely: it is logged in detail, and its activations' records are
    /// kept (HTTP-12).
    #[must_use]
    pub fn with_extra_logging(self) -> TransactionId {
        TransactionId { extra_logging: true, ..self }
    }

    /// Whether the request asks to be followed closely.
    #[must_use]
    pub const fn extra_logging(&self) -> bool {
        self.extra_logging
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its text, to be kept without a copy.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        self.text.clone()
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The revision of a stored document. A store never hands out a number twice, not even for a name that was deleted
/// and made again, so a greater one is always the newer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_06_activation_ids_are_32_hexadecimal_characters() {
        let id: ActivationId = "00ff00ff00ff00ff00ff00ff00ff00ff".parse().unwrap();
        assert_eq!(id.to_string(), "00ff00ff00ff00ff00ff00ff00ff00ff");
        assert_eq!(&id.encode(), b"00ff00ff00ff00ff00ff00ff00ff00ff");
        assert_eq!(
            "abc".parse::<ActivationId>().unwrap_err().to_string(),
            "Activation id length is 3 but must be 32."
        );
        let signed = "+0ff00ff00ff00ff00ff00ff00ff00ff".parse::<ActivationId>();
        assert_eq!(signed.unwrap_err().to_string(), "The activation id is not valid.");
    }
}
