use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The version of an entity: `MAJOR.MINOR.PATCH`, at first 0.0.1 (NAME-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SemVer {
    /// Never raised by the platform.
    pub major: u32,
    /// Never raised by the platform.
    pub minor: u32,
    /// Raised by one with every update that names no version.
    pub patch: u32,
}

/// The text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad semantic version {0}")]
pub struct SemVerError(String);

impl SemVer {
    /// The version after one update.
    #[must_use]
    pub const fn next_patch(self) -> SemVer {
        SemVer { patch: self.patch.saturating_add(1), ..self }
    }
}

impl Default for SemVer {
    fn default() -> SemVer {
        SemVer { major: 0, minor: 0, patch: 1 }
    }
}

impl FromStr for SemVer {
    type Err = SemVerError;

    /// One to three numbers, of which the last may be followed by nothing else; missing ones are zero, and 0.0.0 is
    /// not a version.
    fn from_str(text: &str) -> Result<SemVer, SemVerError> {
        let bad = || SemVerError(text.to_owned());
        let mut numbers = [0u32; 3];
        for (place, part) in text.split('.').enumerate() {
            let number = numbers.get_mut(place).ok_or_else(bad)?;
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(bad());
            }
            *number = part.parse().map_err(|_| bad())?;
        }
        if numbers == [0, 0, 0] {
            return Err(bad());
        }
        let [major, minor, patch] = numbers;
        Ok(SemVer { major, minor, patch })
    }
}

impl fmt::Display for SemVer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Serialize for SemVer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SemVer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SemVer, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_07_versions_start_at_0_0_1_and_raise_the_patch() {
        assert_eq!(SemVer::default().to_string(), "0.0.1");
        assert_eq!(SemVer::default().next_patch().to_string(), "0.0.2");
        assert_eq!("1.2.3".parse::<SemVer>().unwrap().next_patch().to_string(), "1.2.4");
        for bad in ["", "1.2.3.4", "a", "1..2", "-1.0.0", "0.0.0"] {
            assert!(bad.parse::<SemVer>().is_err(), "{bad}");
        }
    }
}
