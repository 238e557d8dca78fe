//! JSON that is passed through rather than looked into.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A JSON value as its own valid text, cheap to clone. Numbers keep their form (HTTP-24).
pub type Raw = Arc<RawValue>;

/// Any serialisable value as JSON text.
///
/// # Panics
/// Never for values whose maps have text keys, which are the only ones used here.
#[must_use]
pub fn raw<T: serde::Serialize + ?Sized>(value: &T) -> Raw {
    match serde_json::value::to_raw_value(value) {
        Ok(raw) => Arc::from(raw),
        Err(error) => panic!("a value that cannot be written as JSON: {error}"),
    }
}

/// The text as a JSON value, without white space between its tokens.
///
/// # Errors
/// When the text is not one JSON value.
pub fn parse(text: &str) -> Result<Raw, serde_json::Error> {
    serde_json::from_str::<&RawValue>(text).map(compacted)
}

/// The value without white space between its tokens.
#[must_use]
pub fn compacted(value: &RawValue) -> Raw {
    match compact(value.get()) {
        Cow::Borrowed(_) => Arc::from(value.to_owned()),
        // A valid text is still one without its white space; if it were not, the value as it was is right too.
        Cow::Owned(text) => Arc::from(RawValue::from_string(text).unwrap_or_else(|_| value.to_owned())),
    }
}

/// Drops the white space between the tokens of a valid JSON text; borrows where there is none.
#[must_use]
pub fn compact(text: &str) -> Cow<'_, str> {
    let blank = |byte: u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    let mut kept: Option<Vec<u8>> = None;
    let (mut in_string, mut escaped) = (false, false);
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if blank(byte) {
            kept.get_or_insert_with(|| text.as_bytes()[..at].to_vec());
            continue;
        } else {
            in_string = byte == b'"';
        }
        if let Some(kept) = &mut kept {
            kept.push(byte);
        }
    }
    match kept {
        None => Cow::Borrowed(text),
        // Only whole ASCII characters were taken out, so what is left is still UTF-8.
        Some(kept) => String::from_utf8(kept).map_or(Cow::Borrowed(text), Cow::Owned),
    }
}

/// The outermost form of a JSON value; enough to classify the answer of an action without building it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An object, and whether it has a key `error`.
    Object {
        /// It has one.
        has_error: bool,
    },
    /// An array.
    Array,
    /// `null`, a boolean, a number or a text.
    Scalar,
}

/// Finds the outermost form of a text and checks the whole of it for being one JSON value.
///
/// # Errors
/// When the text is not one JSON value.
pub fn shape(text: &str) -> Result<Shape, serde_json::Error> {
    serde_json::from_str(text)
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut has_error = false;
                while let Some(key) = map.next_key::<Key>()? {
                    has_error |= key.0 == "error";
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(Shape::Object { has_error })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Shape::Array)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }

            fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }

            fn visit_unit<E>(self) -> Result<Shape, E> {
                Ok(Shape::Scalar)
            }
        }
        deserializer.deserialize_any(ShapeVisitor)
    }
}

/// A key that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of a JSON object in their order, values as text; of a key that stands twice the last one counts.
///
/// # Errors
/// When the text is not a JSON object.
pub fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>, serde_json::Error> {
    struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);
    impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
            struct MembersVisitor;
            impl<'de> Visitor<'de> for MembersVisitor {
                type Value = Members<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a JSON object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                    let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                    while let Some((key, value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                        members.push((key.0, value));
                    }
                    Ok(Members(keep_last(members)))
                }
            }
            deserializer.deserialize_map(MembersVisitor)
        }
    }
    serde_json::from_str::<Members<'_>>(text).map(|members| members.0)
}

/// Of entries with the same key only the last stays; the others keep their order.
fn keep_last<'a>(mut members: Vec<(Cow<'a, str>, &'a RawValue)>) -> Vec<(Cow<'a, str>, &'a RawValue)> {
    let last: std::collections::HashMap<String, usize> =
        members.iter().enumerate().map(|(at, (key, _))| (key.to_string(), at)).collect();
    if last.len() == members.len() {
        return members;
    }
    let mut at = 0;
    members.retain(|(key, _)| {
        let keep = last.get(&**key) == Some(&at);
        at += 1;
        keep
    });
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_only_from_between_tokens() {
        assert_eq!(compact("{ \"a b\" :\n [1,\t2.50e3] }"), r#"{"a b":[1,2.50e3]}"#);
        assert_eq!(compact(r#"{"a":"\" x \\"}"#), r#"{"a":"\" x \\"}"#);
        assert_eq!(compact(r#"{"a":"\\" , "b":1}"#), r#"{"a":"\\","b":1}"#);
        assert!(matches!(compact("[1]"), Cow::Borrowed(_)));
    }

    #[test]
    fn http_24_numbers_keep_their_form() {
        assert_eq!(
            parse("{\"n\": 12345678901234567890123}").unwrap().get(),
            "{\"n\":12345678901234567890123}"
        );
        assert_eq!(parse("1.0").unwrap().get(), "1.0");
        assert!(parse("{} x").is_err());
    }

    #[test]
    fn shapes_are_found_without_building_the_value() {
        assert_eq!(shape(r#"{"a":{"error":1}}"#).unwrap(), Shape::Object { has_error: false });
        assert_eq!(shape(r#"{"a":1,"\u0065rror":null}"#).unwrap(), Shape::Object { has_error: true });
        assert_eq!(shape("[1,[2]]").unwrap(), Shape::Array);
        for scalar in ["1", "-1", "1.5", "null", "true", "\"x\"", "123456789012345678901234567890"] {
            assert_eq!(shape(scalar).unwrap(), Shape::Scalar, "{scalar}");
        }
        for bad in ["", "{", "{\"a\":}", "[1,]", "{} {}", "nul"] {
            assert!(shape(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_counts() {
        let members = members(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        let seen: Vec<_> = members.iter().map(|(key, value)| (&**key, value.get())).collect();
        assert_eq!(seen, [("b", "2"), ("a", "3")]);
    }
}
