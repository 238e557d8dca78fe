//! A record's JSON, written straight into a buffer.
//!
//! Every activation's record is written two or three times (the whole, its summary, the answer of a blocking call). What is
//! written here is what serde writes, to the byte, for a third of the instructions: names of fields are whole pieces of
//! text, and most values need no escapes.

use super::{Activation, ActivationResponse};
use crate::json::{Raw, write_number, write_text};
use crate::{ActivationId, Annotations, SemVer};
use bytes::Bytes;
use std::borrow::Cow;
use std::ops::Range;

/// What is in every record beside the values that are counted, in bytes: names of fields, ids, times.
const FIELDS: usize = 380;

/// What is around the key and the value of an annotation, in bytes.
const AROUND_ANNOTATION: usize = br#"{"key":"","value":},"#.len();

/// What is around a log line, in bytes.
const AROUND_LINE: usize = br#""","#.len();

impl Activation {
    /// How much room the full record wants, in bytes; a little more where texts need escapes.
    #[must_use]
    pub fn json_room(&self) -> usize {
        self.room(&self.logs, self.result_text())
    }

    /// How much room the summary wants.
    #[must_use]
    pub fn summary_json_room(&self) -> usize {
        let names = self.namespace.as_str().len() + self.name.as_str().len() + self.subject.as_str().len();
        let annotations =
            self.annotations.size() + (self.annotations.iter().len() * AROUND_ANNOTATION) as u64;
        FIELDS + names + usize::try_from(annotations).unwrap_or_default()
    }

    fn room(&self, logs: &[String], result: &str) -> usize {
        let logs: usize = logs.iter().map(|line| line.len() + AROUND_LINE).sum();
        self.summary_json_room() + result.len() + logs
    }

    /// Writes the full record, as its serialization is (ATV-06).
    pub fn write_json(&self, out: &mut Vec<u8>) {
        self.write(&self.logs, self.result_text(), None, out);
    }

    /// The same with no logs.
    pub fn write_json_without_logs(&self, out: &mut Vec<u8>) {
        self.write(&[], self.result_text(), None, out);
    }

    /// The record with no logs, in three pieces, of which the second is the result, which is not copied.
    #[must_use]
    pub fn json_without_logs_in_pieces(&self) -> [Bytes; 3] {
        let mut out = Vec::new();
        let place = self.write(&[], "", None, &mut out);
        let around = Bytes::from(out);
        let result = self.response.result.clone().map(Raw::into_bytes).unwrap_or_default();
        [around.slice(..place), result, around.slice(place..)]
    }

    fn result_text(&self) -> &str {
        self.response.result.as_deref().unwrap_or_default()
    }

    /// Writes the record with these logs, and this in the place of its result; answers where that is. `annotations`: where in
    /// `out` they are already.
    fn write(
        &self,
        logs: &[String],
        result: &str,
        annotations: Option<Range<usize>>,
        out: &mut Vec<u8>,
    ) -> usize {
        out.reserve(self.room(logs, result));
        self.write_names(out);
        out.extend_from_slice(b",\"version\":");
        write_version(out, self.version);
        out.extend_from_slice(b",\"subject\":");
        write_text(out, self.subject.as_str());
        write_id(out, b",\"activationId\":\"", self.activation_id);
        if let Some(cause) = self.cause {
            write_id(out, b",\"cause\":\"", cause);
        }
        write_field(out, b",\"start\":", self.start);
        if let Some(end) = self.end {
            write_field(out, b",\"end\":", end);
        }
        if let Some(duration) = self.duration {
            write_field(out, b",\"duration\":", duration);
        }
        out.extend_from_slice(b",\"response\":");
        let place = write_response(out, &self.response, result);
        out.extend_from_slice(b",\"logs\":[");
        for (at, line) in logs.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_text(out, line);
        }
        out.extend_from_slice(b"],\"annotations\":");
        match annotations {
            Some(written) => out.extend_from_within(written),
            None => write_annotations(out, &self.annotations),
        }
        write_publish(out, self.publish);
        out.push(b'}');
        place
    }

    /// Writes the summary, as its serialization is (LIST-11).
    pub fn write_summary_json(&self, out: &mut Vec<u8>) {
        self.write_summary(out);
    }

    /// Writes the summary and behind it the full record; answers where that begins. What is the same in both is made once.
    pub fn write_summary_and_json(&self, out: &mut Vec<u8>) -> usize {
        self.write_both(self.result_text(), out).0
    }

    /// The same but for the record's result; answers as well where that belongs.
    pub fn write_summary_and_json_around_result(&self, out: &mut Vec<u8>) -> (usize, usize) {
        self.write_both("", out)
    }

    fn write_both(&self, result: &str, out: &mut Vec<u8>) -> (usize, usize) {
        let annotations = self.write_summary(out);
        let begin = out.len();
        (begin, self.write(&self.logs, result, Some(annotations), out))
    }

    /// Says where in `out` the annotations are.
    fn write_summary(&self, out: &mut Vec<u8>) -> Range<usize> {
        out.reserve(self.summary_json_room());
        self.write_names(out);
        out.extend_from_slice(b",\"version\":");
        write_version(out, self.version);
        write_publish(out, self.publish);
        out.extend_from_slice(b",\"annotations\":");
        let begin = out.len();
        write_annotations(out, &self.annotations);
        let annotations = begin..out.len();
        write_id(out, b",\"activationId\":\"", self.activation_id);
        write_field(out, b",\"start\":", self.start);
        if let Some(cause) = self.cause {
            write_id(out, b",\"cause\":\"", cause);
        }
        if let Some(end) = self.end {
            write_field(out, b",\"end\":", end);
            write_field(out, b",\"duration\":", self.duration.unwrap_or_default());
            write_field(out, b",\"statusCode\":", self.response.status as u64);
        }
        out.push(b'}');
        annotations
    }

    /// Writes how both begin.
    fn write_names(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"namespace\":");
        write_plain(out, self.namespace.as_str());
        out.extend_from_slice(b",\"name\":");
        write_plain(out, self.name.as_str());
    }
}

/// Writes a response with this in the place of its result; answers where that is.
fn write_response(out: &mut Vec<u8>, response: &ActivationResponse, result: &str) -> usize {
    out.push(b'{');
    let mut place = out.len();
    if response.result.is_some() {
        out.extend_from_slice(b"\"result\":");
        place = out.len();
        out.extend_from_slice(result.as_bytes());
        out.push(b',');
    }
    if let Some(size) = response.size {
        write_field(out, b"\"size\":", size);
        out.push(b',');
    }
    // None of the texts needs an escape.
    out.extend_from_slice(b"\"status\":\"");
    out.extend_from_slice(response.status.text().as_bytes());
    out.extend_from_slice(if response.is_success() {
        b"\",\"success\":true}"
    } else {
        b"\",\"success\":false}"
    });
    place
}

fn write_annotations(out: &mut Vec<u8>, annotations: &Annotations) {
    out.push(b'[');
    for (at, annotation) in annotations.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"key\":" } else { b"{\"key\":" });
        match &annotation.key {
            Cow::Borrowed(ours) => write_plain(out, ours),
            Cow::Owned(any) => write_text(out, any),
        }
        out.extend_from_slice(b",\"value\":");
        out.extend_from_slice(annotation.value.get().as_bytes());
        out.push(b'}');
    }
    out.push(b']');
}

fn write_version(out: &mut Vec<u8>, version: SemVer) {
    let SemVer { major, minor, patch } = version;
    out.push(b'"');
    write_number(out, major.into());
    out.push(b'.');
    write_number(out, minor.into());
    out.push(b'.');
    write_number(out, patch.into());
    out.push(b'"');
}

/// Writes a text that needs no escapes: a name (NAME-01), or a key of our own.
fn write_plain(out: &mut Vec<u8>, text: &str) {
    debug_assert!(crate::json::is_plain(text), "'{text}' needs escapes");
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// `before` ends with the quotation mark.
fn write_id(out: &mut Vec<u8>, before: &[u8], id: ActivationId) {
    out.extend_from_slice(before);
    out.extend_from_slice(&id.encode());
    out.push(b'"');
}

fn write_field(out: &mut Vec<u8>, before: &[u8], value: u64) {
    out.extend_from_slice(before);
    write_number(out, value);
}

fn write_publish(out: &mut Vec<u8>, publish: bool) {
    out.extend_from_slice(if publish { b",\"publish\":true" } else { b",\"publish\":false" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StatusCode, json};

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("JSON is text")
    }

    /// Records of every shape: with and without what is optional, with texts that need escapes.
    fn records() -> Vec<Activation> {
        let whole: Activation = serde_json::from_str(
            r#"{"namespace":"guest","name":"hello world","version":"12.0.345","subject":"gu\"est\\\u0007ä",
            "activationId":"00ff00ff00ff00ff00ff00ff00ff00ff","cause":"10ff00ff00ff00ff00ff00ff00ff0001",
            "start":1735689600123,"end":1735689600125,"duration":2,
            "response":{"result":{"n":1.0,"s":"\u0001"},"size":9,"status":"success","success":true},
            "logs":["plain","with \"quotes\"","tab\tand\nline ☃"],
            "annotations":[{"key":"path","value":"guest/pkg/hello"},{"key":"odd \"key\"","value":[1,{"a":null}]}],
            "publish":false}"#,
        )
        .expect("a record");
        let mut all = vec![whole.clone()];
        all.push(Activation {
            cause: None,
            logs: Vec::new(),
            annotations: Annotations::new(),
            ..whole.clone()
        });
        all.push(Activation { end: None, duration: None, publish: true, ..whole.clone() });
        all.push(Activation { duration: None, ..whole.clone() });
        for status in [StatusCode::ApplicationError, StatusCode::DeveloperError, StatusCode::WhiskError] {
            let response = ActivationResponse::error(status, "no\u{2028}t \"so\"");
            all.push(Activation { response, ..whole.clone() });
        }
        let response = ActivationResponse { status: StatusCode::Success, result: None, size: None };
        all.push(Activation { response, ..whole });
        all
    }

    #[test]
    fn atv_06_list_11_what_is_written_is_what_serde_writes() {
        for record in records() {
            let by_serde = serde_json::to_string(&record).expect("a record is JSON");
            assert_eq!(written(|out| record.write_json(out)), by_serde);
            let by_serde = serde_json::to_string(&record.summary()).expect("a summary is JSON");
            assert_eq!(written(|out| record.write_summary_json(out)), by_serde);
            let mut both = b"before".to_vec();
            let begin = record.write_summary_and_json(&mut both);
            assert_eq!(both[6..begin], *written(|out| record.write_summary_json(out)).as_bytes());
            assert_eq!(both[begin..], *written(|out| record.write_json(out)).as_bytes());
            let mut around = b"before".to_vec();
            let (same, place) = record.write_summary_and_json_around_result(&mut around);
            around.splice(place..place, record.result_text().bytes());
            assert_eq!((same, String::from_utf8_lossy(&around)), (begin, String::from_utf8_lossy(&both)));
            let bare = Activation { logs: Vec::new(), ..record.clone() };
            let by_serde = serde_json::to_string(&bare).expect("a record is JSON");
            assert_eq!(written(|out| record.write_json_without_logs(out)), by_serde);
            assert_eq!(record.json_without_logs_in_pieces().concat(), by_serde.as_bytes());
        }
    }

    #[test]
    fn every_character_is_escaped_as_serde_does() {
        for code in (0..0x250).chain([0x2028, 0xfeff, 0x1f600]) {
            let text: String = char::from_u32(code).into_iter().flat_map(|c| ['a', c, 'b']).collect();
            let by_serde = serde_json::to_string(&text).expect("a text is JSON");
            assert_eq!(written(|out| json::write_text(out, &text)), by_serde);
        }
        for number in [0, 9, 10, 99, 100, 12_345, u64::MAX] {
            assert_eq!(written(|out| json::write_number(out, number)), number.to_string());
        }
    }
}
