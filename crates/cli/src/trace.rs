//! `-v` and `-d`: what goes over the wire.

use crate::args::Globals;
use crate::console::Console;
use client::{Answer, Observer, Sent};
use http::HeaderMap;
use std::collections::BTreeMap;

/// How much of a body `-v` shows, in bytes; `-d` shows all.
const SHOWN: usize = 1000;

/// Prints requests and answers where the flags say so, in the form of upstream's CLI.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    console: Console,
    verbose: bool,
    debug: bool,
}

impl Trace {
    pub(crate) fn new(console: Console, globals: &Globals) -> Trace {
        let debug = globals.debug || std::env::var_os("WSK_CLI_DEBUG").is_some_and(|value| !value.is_empty());
        Trace { console, verbose: globals.verbose || debug, debug }
    }

    /// A line of `-d`: where it comes from, and what happens there.
    fn debug(&self, place: &str, text: impl AsRef<str>) {
        if self.debug {
            self.console.line(format!("[{place:<25}]:{:03}:[Inf] {}", line!(), text.as_ref()));
        }
    }

    /// A body as it is shown: cut where it is long, without passwords.
    fn body(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        if self.debug || text.len() <= SHOWN {
            return without_passwords(&text);
        }
        self.console.line(format!("Body exceeds {SHOWN} bytes and will be truncated"));
        format!("{}...", without_passwords(&text[..text.floor_char_boundary(SHOWN)]))
    }

    fn headers(&self, headers: &HeaderMap) {
        let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            shown.entry(canonical(name.as_str())).or_default().push(value);
        }
        self.console.line(serde_json::to_string_pretty(&shown).unwrap_or_default());
    }
}

impl Observer for Trace {
    fn sending(&self, request: &Sent<'_>) {
        self.debug("client.Request.send", format!("Sending HTTP request - URL '{}'", request.url));
        if !self.verbose {
            return;
        }
        self.console.line("REQUEST:");
        self.console.line(format!("[{}]\t{}", request.method, request.url));
        self.console.line("Req Headers");
        self.headers(request.headers);
        if let Some(body) = request.body {
            self.console.line("Req Body");
            let body = self.body(body);
            // Upstream's bodies end with a line's end of their own.
            self.console.line(format!("{body}\n"));
        }
    }

    fn shows_uploads(&self) -> bool {
        self.console.shows_progress()
    }

    fn uploaded(&self, sent: usize, total: usize) {
        let megabytes = |bytes: usize| bytes as f64 / (1024.0 * 1024.0);
        let end = if sent == total { "\r\x1b[K" } else { "" };
        let line = format!("\r\x1b[Ksent {:.1} of {:.1} MB{end}", megabytes(sent), megabytes(total));
        self.console.progress(&line);
    }

    fn received(&self, answer: &Answer) {
        if !self.verbose {
            return;
        }
        // Without a line's end between them, as upstream has it.
        self.console.line(format!("RESPONSE:Got response with code {}", answer.status));
        self.console.line("Resp Headers");
        self.headers(&answer.headers);
        self.console.line(format!("Response body size is {} bytes", answer.body.len()));
        let body = self.body(&answer.body);
        self.console.line(format!("Response body received:\n{body}"));
    }
}

/// `content-type` as `Content-Type`.
fn canonical(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
            .unwrap_or_default()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// `text` with the values of fields named `password` hidden.
fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find("\"password\"") {
        let (before, found) = rest.split_at(at + "\"password\"".len());
        shown.push_str(before);
        let value = found.trim_start_matches([':', ' ']);
        shown.push_str(&found[..found.len() - value.len()]);
        rest = match value.strip_prefix('"').and_then(|value| Some(&value[end_of_text(value)? + 1..])) {
            Some(after) => {
                shown.push_str("\"******\"");
                after
            }
            None => value,
        };
    }
    shown.push_str(rest);
    shown
}

/// Where the quote is that ends a text in JSON.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden() {
        let text = r#"{"password": "a\"b", "x": 1, "Password":"c", "password": 5}"#;
        assert_eq!(
            without_passwords(text),
            r#"{"password": "******", "x": 1, "Password":"******", "password": 5}"#
        );
    }

    #[test]
    fn headers_are_named_as_people_write_them() {
        assert_eq!(canonical("content-type"), "Content-Type");
    }
}
