use crate::json::{self, Raw};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;

/// One annotation (ACT-35).
#[derive(Clone, Debug, Serialize)]
pub struct Annotation {
    /// Its name.
    pub key: Cow<'static, str>,
    /// Its value.
    pub value: Raw,
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
    pub fn get(&self, key: &str) -> Option<&Raw> {
        self.0.iter().find(|annotation| &*annotation.key == key).map(|annotation| &annotation.value)
    }

    /// Sets one, in place of an earlier one of its key.
    pub fn set(&mut self, key: &str, value: Raw) {
        match self.0.iter_mut().find(|old| &*old.key == key) {
            Some(old) => old.value = value,
            None => self.0.push(Annotation { key: Cow::Owned(key.to_owned()), value }),
        }
    }

    /// Adds one whose key is known not to be there yet.
    pub fn push(&mut self, key: &'static str, value: Raw) {
        debug_assert!(self.get(key).is_none(), "annotation {key} stands already");
        self.0.push(Annotation { key: Cow::Borrowed(key), value });
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
            let value = wire.value.map_or_else(|| json::raw(&()), |value| Raw::from(&*value));
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
