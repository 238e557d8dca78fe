use crate::ActivationId;
use crate::json::{self, Raw};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::time::Duration;

/// One annotation (ACT-35).
#[derive(Clone, Debug, Serialize)]
pub struct Annotation {
    /// Its name.
    pub key: Cow<'static, str>,
    /// Its value.
    pub value: AnnotationValue,
}

/// The value of an annotation: JSON text.
#[derive(Clone, Debug)]
pub struct AnnotationValue(Text);

#[derive(Clone, Debug)]
enum Text {
    /// It was JSON before.
    Given(Raw),
    /// It was written here, and so need not be read to be known for JSON.
    Written(String),
}

impl AnnotationValue {
    /// The text.
    #[must_use]
    pub fn get(&self) -> &str {
        match &self.0 {
            Text::Given(value) => value.get(),
            Text::Written(text) => text,
        }
    }

    /// An id, as a text.
    #[must_use]
    pub fn id(id: ActivationId) -> AnnotationValue {
        AnnotationValue::written(ActivationId::LENGTH + 2, |out| {
            out.push(b'"');
            out.extend_from_slice(&id.encode());
            out.push(b'"');
        })
    }

    /// An object of durations, in milliseconds to the microsecond. The keys must need no escapes.
    #[must_use]
    pub fn durations(members: &[(&'static str, Duration)]) -> AnnotationValue {
        /// What a member mostly takes, with a key of up to nine characters.
        const MEMBER: usize = br#""container":1000.001,"#.len();
        AnnotationValue::written(MEMBER * members.len() + 2, |out| {
            out.push(b'{');
            for (at, (key, duration)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                debug_assert!(json::is_plain(key), "'{key}' needs escapes");
                out.push(b'"');
                out.extend_from_slice(key.as_bytes());
                out.extend_from_slice(b"\":");
                json::write_millis(out, *duration);
            }
            out.push(b'}');
        })
    }

    /// `write` writes JSON.
    fn written(room: usize, write: impl FnOnce(&mut Vec<u8>)) -> AnnotationValue {
        let mut text = Vec::with_capacity(room);
        write(&mut text);
        // JSON is UTF-8.
        AnnotationValue(Text::Written(String::from_utf8(text).unwrap_or_default()))
    }
}

impl From<Raw> for AnnotationValue {
    fn from(value: Raw) -> AnnotationValue {
        AnnotationValue(Text::Given(value))
    }
}

impl Serialize for AnnotationValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Text::Given(value) => value.serialize(serializer),
            Text::Written(text) => serde_json::from_str::<&RawValue>(text)
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}

/// Annotations in the order they were given; a key stands once, the last value wins (ACT-35).
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Annotations(Vec<Annotation>);

impl Annotations {
    /// No annotations.
    #[must_use]
    pub const fn new() -> Annotations {
        Annotations(Vec::new())
    }

    /// No annotations yet, and room for so many.
    #[must_use]
    pub fn with_capacity(count: usize) -> Annotations {
        Annotations(Vec::with_capacity(count))
    }

    /// The annotations in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Annotation> {
        self.0.iter()
    }

    /// The value of that key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&AnnotationValue> {
        self.0.iter().find(|annotation| &*annotation.key == key).map(|annotation| &annotation.value)
    }

    /// Sets one, in place of an earlier one of its key.
    pub fn set(&mut self, key: &str, value: impl Into<AnnotationValue>) {
        let value = value.into();
        match self.0.iter_mut().find(|old| &*old.key == key) {
            Some(old) => old.value = value,
            None => self.0.push(Annotation { key: Cow::Owned(key.to_owned()), value }),
        }
    }

    /// Adds one whose key is known not to be there yet.
    pub fn push(&mut self, key: &'static str, value: impl Into<AnnotationValue>) {
        debug_assert!(self.get(key).is_none(), "annotation {key} stands already");
        self.0.push(Annotation { key: Cow::Borrowed(key), value: value.into() });
    }

    /// Takes one out.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|annotation| &*annotation.key != key);
    }

    /// Whether the value counts as true: `true`, a number but zero, a text but the empty one, an object or an array
    /// (CON-01). Absent and `null` count as false.
    #[must_use]
    pub fn is_truthy(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| match value.get() {
            "false" | "null" | "\"\"" => false,
            text => text.parse::<f64>() != Ok(0.0),
        })
    }

    /// The sum of the bytes of keys and values (LIM-01).
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.iter().map(|a| (a.key.len() + a.value.get().len()) as u64).sum()
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Annotations, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            key: String,
            #[serde(default)]
            value: Option<Box<serde_json::value::RawValue>>,
        }
        let malformed = |_| serde::de::Error::custom("annotations malformed!");
        let mut all = Annotations::new();
        for wire in Vec::<Wire>::deserialize(deserializer).map_err(malformed)? {
            let value = wire.value.map_or_else(|| json::raw(&()), |value| json::compacted(&value));
            all.set(&wire.key, value);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn act_35_keys_are_unique_and_the_last_wins() {
        let given = r#"[{"key":"a","value":1},{"key":"b","value":[]},{"key":"a","value":{"x":true}}]"#;
        let annotations: Annotations = serde_json::from_str(given).unwrap();
        let written = serde_json::to_string(&annotations).unwrap();
        assert_eq!(written, r#"[{"key":"a","value":{"x":true}},{"key":"b","value":[]}]"#);
    }

    #[test]
    fn what_is_written_here_is_what_serde_writes() {
        let id = ActivationId::from_bits(0x0123_4567_89ab_cdef << 40);
        assert_eq!(AnnotationValue::id(id).get(), json::raw(&id).get());
        let micros = [0, 1, 10, 12, 100, 120, 123, 999, 1_000, 1_250, 30_000, 1_000_001, 86_400_123_450];
        for micros in micros {
            let value = AnnotationValue::durations(&[("a", Duration::from_micros(micros))]);
            assert_eq!(value.get(), json::raw(&serde_json::json!({"a": micros as f64 / 1000.0})).get());
            assert_eq!(json::raw(&value).get(), value.get());
        }
        let two = AnnotationValue::durations(&[("a", Duration::ZERO), ("b", Duration::from_millis(2))]);
        assert_eq!(two.get(), r#"{"a":0.0,"b":2.0}"#);
        assert_eq!(AnnotationValue::durations(&[]).get(), "{}");
    }

    #[test]
    fn con_01_truth_is_as_upstream_has_it() {
        let given = r#"[{"key":"t","value":true},{"key":"n","value":1},{"key":"s","value":"x"},{"key":"o","value":{}},
            {"key":"f","value":false},{"key":"z","value":0},{"key":"e","value":""},{"key":"u","value":null}]"#;
        let annotations: Annotations = serde_json::from_str(given).unwrap();
        for key in ["t", "n", "s", "o"] {
            assert!(annotations.is_truthy(key), "{key}");
        }
        for key in ["f", "z", "e", "u", "absent"] {
            assert!(!annotations.is_truthy(key), "{key}");
        }
    }
}
