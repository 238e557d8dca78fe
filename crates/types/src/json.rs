//! JSON that is passed through rather than looked into.

mod raw;
mod scan;

pub use raw::{Raw, Unreadable, durations, id, plain, raw};
pub use scan::{Scan, scan};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

/// Writes a JSON text with its quotation marks, as serde does.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    if is_plain(text) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing a text to a vector cannot fail.
        let written = serde_json::to_writer(out, text);
        debug_assert!(written.is_ok(), "texts are JSON");
    }
}

/// Whether a text stands in JSON as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\'))
}

/// Writes a whole number in decimal digits.
pub fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Writes a duration as a number of milliseconds, to the microsecond, as serde writes it: with one digit behind the point
/// at least.
pub(crate) fn write_millis(out: &mut Vec<u8>, duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    write_number(out, micros / 1000);
    let part = micros % 1000;
    // Each is a digit.
    let digits = [part / 100, part / 10 % 10, part % 10].map(|digit| b'0' + digit as u8);
    let count = if part % 100 == 0 {
        1
    } else if part % 10 == 0 {
        2
    } else {
        3
    };
    out.push(b'.');
    out.extend_from_slice(&digits[..count]);
}

/// `true` or `false`.
#[must_use]
pub fn boolean(value: bool) -> Raw {
    static BOTH: LazyLock<[Raw; 2]> = LazyLock::new(|| [raw(&false), raw(&true)]);
    BOTH[usize::from(value)].clone()
}

/// A whole number. Those that are in most records, as times of few milliseconds are, are made once.
#[must_use]
pub fn number(value: u64) -> Raw {
    static SMALL: LazyLock<[Raw; 32]> = LazyLock::new(|| std::array::from_fn(|number| raw(&number)));
    let small = usize::try_from(value).ok().and_then(|value| SMALL.get(value));
    small.map_or_else(|| raw(&value), Raw::clone)
}

/// The text as a JSON value, without white space between its tokens.
///
/// # Errors
/// When the text is not one JSON value.
pub fn parse(text: &str) -> Result<Raw, serde_json::Error> {
    Raw::of(text.to_owned().into())
}

/// Drops the white space between the tokens of a valid JSON text; borrows where there is none.
#[must_use]
pub fn compact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut kept: Option<Vec<u8>> = None;
    // What lies before `copied` is kept or was dropped.
    let (mut copied, mut at) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = behind_string(bytes, at),
            b' ' | b'\n' | b'\r' | b'\t' => {
                let kept = kept.get_or_insert_with(|| Vec::with_capacity(bytes.len()));
                kept.extend_from_slice(&bytes[copied..at - 1]);
                copied = at;
            }
            _ => {}
        }
    }
    match kept {
        None => Cow::Borrowed(text),
        // Only whole ASCII characters were taken out, so what is left is still UTF-8.
        Some(mut kept) => {
            kept.extend_from_slice(&bytes[copied..]);
            String::from_utf8(kept).map_or(Cow::Borrowed(text), Cow::Owned)
        }
    }
}

/// Where a string ends whose first character behind the quotation mark is at `from`: the place behind its other mark, or
/// the end of the text.
#[must_use]
pub fn behind_string(text: &[u8], mut from: usize) -> usize {
    while let Some(left) = text.get(from..)
        && let Some(at) = memchr::memchr2(b'"', b'\\', left)
    {
        if left[at] == b'"' {
            return from + at + 1;
        }
        // What is escaped is passed over.
        from += at + 2;
    }
    text.len()
}

/// The keys of a valid JSON object that has no white space between its tokens, as they are written there, without their
/// quotation marks. Values are passed over, not read.
pub fn keys(object: &str) -> impl Iterator<Item = &str> {
    let bytes = object.as_bytes();
    let mut at = 1;
    std::iter::from_fn(move || {
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let begin = at + 1;
        let behind = behind_string(bytes, begin);
        // Behind the key is a colon, and behind the value a comma or the end.
        at = behind_value(bytes, behind + 1) + 1;
        object.get(begin..behind - 1)
    })
}

/// Where the value of a member ends that begins at `at`.
fn behind_value(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => at = behind_string(text, at),
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => return at - 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    at
}

/// A valid JSON text for people to read: each member of an object on a line of its own, two spaces in for each level up
/// to the 32nd; the elements of an array follow each other on one line. Numbers keep their form.
#[must_use]
pub fn pretty(text: &str) -> String {
    let mut pretty = Vec::with_capacity(text.len() + text.len() / 4);
    // What is open, outermost first: whether it is an object. Only objects move their members in.
    let (mut open, mut level): (Vec<bool>, usize) = (Vec::new(), 0);
    let (mut in_string, mut escaped, mut opened) = (false, false, false);
    for &byte in text.as_bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            pretty.push(byte);
            continue;
        }
        if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            continue;
        }
        let closes = matches!(byte, b'}' | b']');
        if opened && !closes && open.last() == Some(&true) {
            new_line(&mut pretty, level);
        }
        if closes && open.pop() == Some(true) {
            level = level.saturating_sub(1);
            if !opened {
                new_line(&mut pretty, level);
            }
        }
        pretty.push(byte);
        opened = matches!(byte, b'{' | b'[');
        match byte {
            b'{' => {
                open.push(true);
                level += 1;
            }
            b'[' => open.push(false),
            b'"' => in_string = true,
            b':' => pretty.push(b' '),
            b',' if open.last() == Some(&true) => new_line(&mut pretty, level),
            b',' => pretty.push(b' '),
            _ => {}
        }
    }
    // Only whole ASCII characters were added, so what was UTF-8 still is.
    String::from_utf8(pretty).unwrap_or_else(|_| text.to_owned())
}

/// Deeper lines are not moved in further, so that the text of deep objects does not grow with the square of its length.
const MOST_LEVELS: usize = 32;

fn new_line(text: &mut Vec<u8>, level: usize) {
    text.push(b'\n');
    text.extend(std::iter::repeat_n(b' ', 2 * level.min(MOST_LEVELS)));
}

/// The text that a JSON string stands for, borrowed where it has no escapes; `None` where the value is no string, or one
/// that UTF-8 has no words for.
#[must_use]
pub fn borrowed_text(value: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Key<'_>>(value).ok().map(|text| text.0)
}

/// The text that a JSON string stands for; `None` where the value is no string. Half of a surrogate pair, which JSON can
/// write and UTF-8 cannot, becomes a replacement character.
#[must_use]
pub fn text(value: &str) -> Option<String> {
    struct TextVisitor;
    impl Visitor<'_> for TextVisitor {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
    }
    // Asked for bytes, the parser takes halves of pairs; it would also take an array of numbers.
    value
        .starts_with('"')
        .then(|| serde_json::Deserializer::from_str(value).deserialize_bytes(TextVisitor).ok())?
}

/// An object of members that are JSON already, each as `"key":value`. They are gone through twice: how long they are, then
/// what they are.
#[must_use]
pub fn object<'a>(members: impl Iterator<Item = &'a str> + Clone) -> Raw {
    let length: usize = members.clone().map(|member| member.len() + 1).sum();
    let mut text = String::with_capacity(length.max(1) + 1);
    text.push('{');
    for (at, member) in members.enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(member);
    }
    text.push('}');
    // Members are made of keys and values that were JSON before; an object of them is JSON too.
    Raw::made(text)
}

/// One member of an object: `"key":value`.
#[must_use]
pub fn member(key: &str, value: &str) -> String {
    format!("{}:{value}", raw(key))
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

/// The outermost form of a text, the whole of which is checked for being one JSON value. `None`: it is not.
#[must_use]
pub fn shape(text: &str) -> Option<Shape> {
    scan(text).map(|scan| scan.shape)
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
    /// So few are compared with each other. Of more the keys are looked up, because it is clients who say how many.
    const FEW: usize = 16;
    let again = |at: usize| members[at + 1..].iter().any(|(key, _)| *key == members[at].0);
    if members.len() <= FEW && !(0..members.len()).any(again) {
        return members;
    }
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
    use crate::ActivationId;

    #[test]
    fn white_space_goes_only_from_between_tokens() {
        assert_eq!(compact("{ \"a b\" :\n [1,\t2.50e3] }"), r#"{"a b":[1,2.50e3]}"#);
        assert_eq!(compact(r#"{"a":"\" x \\"}"#), r#"{"a":"\" x \\"}"#);
        assert_eq!(compact(r#"{"a":"\\" , "b":1}"#), r#"{"a":"\\","b":1}"#);
        assert!(matches!(compact("[1]"), Cow::Borrowed(_)));
    }

    #[test]
    fn strings_of_every_length_are_passed_over_whole() {
        for length in (0..100).chain([255, 256, 257, 300]) {
            for special in ["", r#"\""#, r"\\", "ä", r#"\\\""#] {
                for before in 0..=length {
                    let string =
                        format!("\"{}{special}{}\"", " ".repeat(before), "x".repeat(length - before));
                    assert_eq!(behind_string(string.as_bytes(), 1), string.len(), "{string}");
                    assert_eq!(compact(&format!("[{string} , 1]")), format!("[{string},1]"));
                }
            }
        }
        for open in ["\"abc", "\"abc\\", "\""] {
            assert_eq!(behind_string(open.as_bytes(), 1), open.len(), "{open}");
        }
    }

    #[test]
    fn keys_are_found_whatever_their_values_are() {
        for text in [
            "{}",
            r#"{"a":1}"#,
            r#"{"a":{"b":[1,{"c":"}"}],"d":{}},"e":[],"":"x\\","f":"\"},\"g\":","h":-1.5e3,"a":null}"#,
            r#"{"\"a\":":"{","b\\":"["}"#,
        ] {
            let expected: Vec<String> =
                members(text).unwrap().iter().map(|(key, _)| raw(&**key).get().to_owned()).collect();
            let mut found: Vec<String> = Vec::new();
            for key in keys(text).map(|key| format!("\"{key}\"")) {
                found.retain(|earlier| *earlier != key);
                found.push(key);
            }
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn pretty_text_has_a_line_for_each_member() {
        let given = r#"{"a":{"b":[1,{"c":2.50}],"e":{},"f":[]}, "g":"{\"x\": [1,2]}"}"#;
        let expected = "{\n  \"a\": {\n    \"b\": [1, {\n      \"c\": 2.50\n    }],\n    \"e\": {},\n    \"f\": []\n  },\n  \"g\": \"{\\\"x\\\": [1,2]}\"\n}";
        assert_eq!(pretty(given), expected);
        assert_eq!(pretty(expected), expected);
        let (deep, depth) = (|depth| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)), 50_000);
        assert!(pretty(&deep(depth)).len() < 2 * depth * (2 * MOST_LEVELS + 16));
        for same in ["1", "null", "\" a \"", "[]", "{}", "[{}, []]"] {
            assert_eq!(pretty(same), same);
        }
    }

    #[test]
    fn texts_are_read_even_where_utf_8_has_no_words_for_them() {
        let read = |json: &str| text(&parse(json).unwrap());
        assert_eq!(read(r#""a\n\u00fc\ud83d\ude00""#), Some("a\nü😀".to_owned()));
        assert_eq!(read(r#""x\ud800y""#).unwrap().chars().next_back(), Some('y'));
        for other in ["1", "null", "[120]", "{}"] {
            assert_eq!(read(other), None, "{other}");
        }
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
            assert!(shape(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn ids_and_durations_are_what_serde_writes() {
        let bits = ActivationId::from_bits(0x0123_4567_89ab_cdef << 40);
        assert_eq!(id(bits).get(), raw(&bits).get());
        let micros = [0, 1, 10, 12, 100, 120, 123, 999, 1_000, 1_250, 30_000, 1_000_001, 86_400_123_450];
        for micros in micros {
            let value = durations(&[("a", Duration::from_micros(micros))]);
            assert_eq!(value.get(), raw(&serde_json::json!({"a": micros as f64 / 1000.0})).get());
        }
        let two = durations(&[("a", Duration::ZERO), ("b", Duration::from_millis(2))]);
        assert_eq!((two.get(), durations(&[]).get()), (r#"{"a":0.0,"b":2.0}"#, "{}"));
    }

    #[test]
    fn objects_are_made_of_members_that_are_json() {
        let (one, two) = (parse("1.0").unwrap(), parse("[null]").unwrap());
        let members = [member("a \"b\"", &one), member("c", &two)];
        assert_eq!(object(members.iter().map(String::as_str)).get(), r#"{"a \"b\"":1.0,"c":[null]}"#);
        assert_eq!(object(std::iter::empty()).get(), "{}");
    }

    #[test]
    fn of_many_members_too_the_last_counts() {
        for others in [14, 15, 16, 100] {
            let some: Vec<String> = (0..others).map(|number| format!("\"k{number}\":{number}")).collect();
            let text = format!("{{\"a\":1,{},\"\\u0061\":3}}", some.join(","));
            let members = members(&text).unwrap();
            assert_eq!(members.len(), others + 1);
            assert_eq!(members.last().map(|(key, value)| (&**key, value.get())), Some(("a", "3")));
        }
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_counts() {
        let members = members(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        let seen: Vec<_> = members.iter().map(|(key, value)| (&**key, value.get())).collect();
        assert_eq!(seen, [("b", "2"), ("a", "3")]);
        assert_eq!(super::members(r#"{"a":1,"a":2}"#).unwrap().len(), 1);
    }
}
