//! One look through a text: whether it is a JSON value, and what else those who pass it on want to know.
//!
//! It takes what serde's parser takes when it skips a value, and nothing else, for a fraction of the instructions: long
//! strings, which great values mostly consist of, are passed over many bytes at a time. It must not build anything.

use super::{Key, Shape};
use std::ops::Range;

/// What a JSON text is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Where the value stands; around it is white space.
    pub value: Range<usize>,
    /// Whether there is white space between its tokens.
    pub is_spaced: bool,
    /// How deep its objects and arrays are nested.
    pub depth: usize,
    /// Its outermost form.
    pub shape: Shape,
}

/// Looks through a text. `None`: it is not one JSON value.
#[must_use]
pub fn scan(text: &str) -> Option<Scan> {
    let mut scanner = Scanner { text: text.as_bytes(), at: 0, is_spaced: false, depth: 0, has_error: false };
    scanner.skip_space();
    scanner.is_spaced = false;
    let start = scanner.at;
    let first = scanner.peek()?;
    scanner.value()?;
    let (value, is_spaced) = (start..scanner.at, scanner.is_spaced);
    scanner.skip_space();
    let shape = match first {
        b'{' => Shape::Object { has_error: scanner.has_error },
        b'[' => Shape::Array,
        _ => Shape::Scalar,
    };
    (scanner.at == text.len()).then_some(Scan { value, is_spaced, depth: scanner.depth, shape })
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    is_spaced: bool,
    depth: usize,
    has_error: bool,
}

/// What is open.
#[derive(Clone, Copy)]
enum Open {
    Object,
    Array,
}

/// Each method passes over something; `None`: it does not stand there.
impl Scanner<'_> {
    /// There is no recursion, so that no text is too deep.
    fn value(&mut self) -> Option<()> {
        let mut open = Vec::new();
        loop {
            match self.peek()? {
                b'{' => {
                    self.open(&mut open, Open::Object);
                    if self.peek()? != b'}' {
                        self.key(open.len() == 1)?;
                        continue;
                    }
                }
                b'[' => {
                    self.open(&mut open, Open::Array);
                    if self.peek()? != b']' {
                        continue;
                    }
                }
                b'"' => self.string()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.number()?,
            }
            // A value has ended, or there is none in what was just opened.
            loop {
                let Some(innermost) = open.last() else { return Some(()) };
                self.skip_space();
                match (innermost, self.next()?) {
                    (Open::Object, b'}') | (Open::Array, b']') => drop(open.pop()),
                    (Open::Object, b',') => {
                        self.skip_space();
                        self.key(open.len() == 1)?;
                        break;
                    }
                    (Open::Array, b',') => {
                        self.skip_space();
                        break;
                    }
                    _ => return None,
                }
            }
        }
    }

    fn open(&mut self, all: &mut Vec<Open>, this: Open) {
        all.push(this);
        self.depth = self.depth.max(all.len());
        self.at += 1;
        self.skip_space();
    }

    /// A key and the colon behind it.
    fn key(&mut self, is_outermost: bool) -> Option<()> {
        let start = self.at;
        self.string()?;
        if is_outermost && !self.has_error {
            self.has_error = is_error(&self.text[start..self.at]);
        }
        self.skip_space();
        (self.next()? == b':').then(|| self.skip_space())
    }

    fn string(&mut self) -> Option<()> {
        if self.next()? != b'"' {
            return None;
        }
        loop {
            self.at += plain(&self.text[self.at..]);
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                // Control characters must be escaped.
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => (0..4).try_for_each(|_| self.next()?.is_ascii_hexdigit().then_some(())),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        self.skip(b"-");
        let start = self.at;
        self.digits()?;
        if self.text[start] == b'0' && self.at > start + 1 {
            return None;
        }
        if self.skip(b".") {
            self.digits()?;
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        (count > 0).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let is_there = self.text[self.at..].starts_with(word);
        self.at += word.len();
        is_there.then_some(())
    }

    /// Passes over one of these, if it stands there.
    fn skip(&mut self, any: &[u8]) -> bool {
        let is_there = self.peek().is_some_and(|byte| any.contains(&byte));
        self.at += usize::from(is_there);
        is_there
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.is_spaced = true;
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}

/// How many bytes of a string stand before its end, an escape, or what may not stand there.
fn plain(text: &[u8]) -> usize {
    const STEP: usize = 64;
    // Without a way out of a step, which lets many bytes be looked at together.
    let ends = |byte: u8| (byte == b'"') | (byte == b'\\') | (byte < b' ');
    let is_plain = |step: &[u8; STEP]| step.iter().fold(0, |found, byte| found | u8::from(ends(*byte))) == 0;
    let (steps, _) = text.as_chunks();
    let passed = steps.iter().take_while(|step| is_plain(step)).count() * STEP;
    let rest = &text[passed..];
    passed + rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len())
}

/// Whether a key, with its quotation marks, is `error`. It can also be written with escapes.
fn is_error(key: &[u8]) -> bool {
    let escaped =
        || key.contains(&b'\\') && serde_json::from_slice::<Key<'_>>(key).is_ok_and(|key| key.0 == "error");
    key == b"\"error\"" || escaped()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::compact;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    /// What serde says of it.
    fn by_serde(text: &str) -> Option<&str> {
        serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get)
    }

    fn check(text: &str) {
        let scanned = scan(text);
        let value = scanned.as_ref().map(|scan| &text[scan.value.clone()]);
        assert_eq!(value, by_serde(text), "{text}");
        if let (Some(scan), Some(value)) = (scanned, value) {
            assert_eq!(scan.is_spaced, compact(value) != value, "{text}");
            assert_eq!(scan.depth, depth(value), "{text}");
        }
    }

    /// How deep a value is, found in another way.
    fn depth(value: &str) -> usize {
        let (mut depth, mut deepest, mut at) = (0usize, 0, 0);
        while let Some(byte) = value.as_bytes().get(at) {
            at += 1;
            match byte {
                b'"' => at = crate::json::behind_string(value.as_bytes(), at),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            deepest = deepest.max(depth);
        }
        deepest
    }

    #[test]
    fn it_takes_what_serde_takes() {
        let words = ["true", "false", "null", "tru", "nulll", "True", "t", ""];
        let numbers =
            ["0", "-0", "00", "01", "-", "1.", ".5", "1.5", "1e", "1e+", "1E-07", "1e400", "+1", "0x1", "-a"];
        let strings = [
            r#""""#,
            r#"""#,
            r#""\"#,
            r#""\""#,
            r#""\"""#,
            r#""\u12"#,
            r#""\u12g4""#,
            r#""\ud800""#,
            r#""\x""#,
            "\"a\nb\"",
            "\"\u{7f}é\u{10ffff}\"",
            r#""\\""#,
            "\"\u{1f}\"",
            "'a'",
        ];
        let nested = [
            "{}",
            "[]",
            "{",
            "[",
            "}",
            "]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "{1:2}",
            "{\"a\":[}]",
            "[{\"a\":[{}]},[]]",
            "[]]",
            "{}{}",
            "{\"a\":{\"b\":[1,2,{}]}}",
        ];
        for text in words.iter().chain(&numbers).chain(&strings).chain(&nested) {
            check(text);
            check(&format!(" \n{text}\t\r"));
            check(&format!("[{text}]"));
            check(&format!("[ {text} ,1]"));
            check(&format!("{{\"k\" :{text} }}"));
            check(&format!("{text} 1"));
            check(&format!("\u{a0}{text}"));
        }
    }

    #[test]
    fn long_strings_are_looked_at_whole() {
        for length in (0..100).chain([1000]) {
            for odd in ["\"", "\\\"", "\n", "\u{0}", "é", " ", "\\u00e9", "\\"] {
                for before in [0, 1, length / 2, length] {
                    let rest = "x".repeat(length - before.min(length));
                    check(&format!("[\"{}{odd}{rest}\" , 1]", "x".repeat(before)));
                }
            }
        }
    }

    #[test]
    fn no_text_is_too_deep() {
        for depth in [1, 1000, 300_000] {
            let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(scan(&text).map(|scan| scan.depth), Some(depth));
            assert_eq!(scan(&text[1..]), None);
        }
    }

    proptest! {
        #[test]
        fn it_takes_what_serde_takes_of_anything(text in r#"([\[\]{}:, \n"\\u0-9.eE+-]|true|null|"a"|"error"|é){0,24}"#) {
            check(&text);
        }

        #[test]
        fn a_broken_value_is_seen(at in any::<prop::sample::Index>(), byte in 0u8..128) {
            let good = r#" {"error" : [1.5e3,true, {"a\u00e9":"x\\"}], "long":"0123456789012345678901234567890123456789"} "#;
            let mut text = good.to_owned().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            check(&String::from_utf8(text).unwrap());
            check(&good[..at]);
        }
    }
}
