//! How sources are written.

use crate::{none, sources};
use oxiwhisk_xtask::File;

/// The most lines of a file without its tests.
const MAX_LINES: usize = 500;

/// Whether a file holds only tests.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/conformance")
        || path.ends_with("/tests.rs")
}

/// The file without the tests at its end.
fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

#[test]
fn files_are_short() {
    let lines = |file: &File| without_tests(&file.text).lines().count();
    let broken: Vec<String> = sources()
        .iter()
        .filter(|file| !is_test(&file.path) && lines(file) > MAX_LINES)
        .map(|file| format!("{}: {} lines", file.path, lines(file)))
        .collect();
    none(&broken, &format!("more than {MAX_LINES} lines"));
}

#[test]
fn nothing_is_left_to_do() {
    // In parts, so that this file does not break its own rule.
    let marks =
        [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut broken = Vec::new();
    for file in sources() {
        for (number, line) in file.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                broken.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    none(&broken, "unfinished");
}

#[test]
fn features_are_only_where_back_ends_are_chosen_and_suites_are_offered() {
    let allowed = |file: &File, line: &str| {
        let suite = ["conformance", "fault", "fake"]
            .iter()
            .any(|name| line.contains(&format!("feature = \"{name}\"")));
        file.path == "crates/node/src/backends.rs" || suite
    };
    let mut broken = Vec::new();
    for file in sources().iter().filter(|file| file.path.starts_with("crates/")) {
        for (number, line) in file.text.lines().enumerate() {
            if line.contains("cfg") && line.contains("feature = ") && !allowed(file, line) {
                broken.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    none(&broken, "a feature in the wrong place");
}

#[test]
fn unsafe_code_says_why_it_is_sound() {
    /// How far above the keyword the reason may stand.
    const ABOVE: usize = 6;
    let keyword = concat!("uns", "afe {");
    let mut broken = Vec::new();
    for file in sources().iter().filter(|file| !is_test(&file.path)) {
        let lines: Vec<&str> = file.text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let reason =
                lines[number.saturating_sub(ABOVE)..=number].iter().any(|line| line.contains("SAFETY:"));
            if code.contains(keyword) && !reason {
                broken.push(format!("{}:{}", file.path, number + 1));
            }
        }
    }
    none(&broken, "no SAFETY comment");
}

#[test]
fn log_messages_are_lower_case_without_a_full_stop() {
    let mut broken = Vec::new();
    for file in sources().iter().filter(|file| !is_test(&file.path)) {
        for (at, message) in messages(&file.text) {
            let first = message.chars().next();
            // A name may be all capitals: `SIGTERM`.
            let name = message.chars().nth(1).is_some_and(char::is_uppercase);
            if first.is_some_and(|first| first.is_uppercase() && !name) || message.ends_with('.') {
                let line = file.text[..at].lines().count();
                broken.push(format!("{}:{line}: {message}", file.path));
            }
        }
    }
    none(&broken, "a log message that begins with a capital or ends in a full stop");
}

/// The messages of the log statements of a file, and where the statements are.
fn messages(text: &str) -> Vec<(usize, &str)> {
    let levels = ["error", "warn", "info", "debug", "trace"];
    let starts = levels.iter().flat_map(|level| text.match_indices(&*format!("tracing::{level}!(").leak()));
    let starts: Vec<(usize, usize)> = starts.map(|(at, call)| (at, at + call.len())).collect();
    starts.into_iter().filter_map(|(at, inside)| Some((at, message(&text[inside..])?))).collect()
}

/// The first text among the arguments that is not the value of a field.
fn message(arguments: &str) -> Option<&str> {
    let bytes = arguments.as_bytes();
    let (mut depth, mut before, mut at) = (0, b',', 0);
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'"' => {
                let end = end_of_text(bytes, at + 1)?;
                if before == b',' && depth == 0 {
                    return arguments.get(at + 1..end);
                }
                at = end;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' if depth == 0 => return None,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
        at += 1;
    }
    None
}

/// Where the quotes are that end a text.
fn end_of_text(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[test]
fn messages_are_found_among_their_fields() {
    let text = r#"
        tracing::warn!(what = "Not. This", error = %f("x", [1]), "the \"message\"");
        tracing::info!("Bad.");
        tracing::debug!(only = "fields");
    "#;
    let found: Vec<&str> = messages(text).into_iter().map(|(_, message)| message).collect();
    assert_eq!(found, [r#"the \"message\""#, "Bad."]);
}
