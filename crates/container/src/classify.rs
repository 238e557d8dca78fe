//! What the answers of a container mean for the activation (CLS-02 to CLS-14, CLS-20).
//!
//! Pure functions: they read no clock and touch no container. A result is never built as a tree; it stays the text
//! that the runtime wrote, so its numbers and the order of its keys survive.

use crate::{Answer, CreateError};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::time::Duration;
use types::json::{self, Raw, Shape};
use types::{ActivationResponse, ByteSize, StatusCode};

/// What an answer is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerLimits {
    /// How long init, and each run, may take.
    pub timeout: Duration,
    /// The greatest result.
    pub payload: ByteSize,
    /// How much of a greater one is shown to the developer.
    pub truncation: ByteSize,
}

/// What an answer means.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What goes into the record and to the client.
    pub response: ActivationResponse,
    /// Whether the time limit was reached, for the annotation `timeout` (ATV-16).
    pub timed_out: bool,
}

impl Outcome {
    /// Whether the container may take the next activation (CLS-20).
    #[must_use]
    pub fn keeps_container(&self) -> bool {
        matches!(self.response.status, StatusCode::Success | StatusCode::ApplicationError)
    }

    fn of(response: ActivationResponse) -> Outcome {
        Outcome { response, timed_out: false }
    }

    fn developer(text: &str) -> Outcome {
        Outcome::of(ActivationResponse::error(StatusCode::DeveloperError, text))
    }

    fn timed_out(text: &str) -> Outcome {
        Outcome { timed_out: true, ..Outcome::developer(text) }
    }
}

/// The deepest nesting of a result; upstream's JSON reader takes as much. A deeper one counts as invalid, so that
/// nobody who reads results needs to fear for the stack.
pub const MAX_DEPTH: usize = 1000;

const MEMORY_EXHAUSTED: &str = "The action exhausted its memory and was aborted.";

/// What it means that no container could be made (CLS-13, CLS-14).
#[must_use]
pub fn create(error: &CreateError) -> Outcome {
    match error {
        CreateError::Developer(text) => Outcome::developer(text),
        CreateError::Platform { .. } => Outcome::of(ActivationResponse::error(
            StatusCode::WhiskError,
            "Failed to provision resources to run the action.",
        )),
    }
}

/// What the answer to init means; `took` is how long it took.
///
/// # Errors
/// The end of the activation, where the code was not loaded (CLS-07, CLS-08, CLS-10 to CLS-12).
pub fn init(answer: &Answer, took: Duration, limits: &AnswerLimits) -> Result<(), Outcome> {
    if took >= limits.timeout || *answer == Answer::TimedOut {
        return Err(Outcome::timed_out(&format!(
            "The action exceeded its time limits of {} milliseconds during initialization.",
            limits.timeout.as_millis()
        )));
    }
    match answer {
        Answer::Reply { ok: true, .. } => Ok(()),
        Answer::Reply { ok: false, body, cut_from: Some(length) } => {
            Err(Outcome::of(cut(StatusCode::DeveloperError, body, *length, limits)))
        }
        Answer::Reply { ok: false, body, cut_from: None } => {
            Err(Outcome::of(refused("The action failed during initialization", body)))
        }
        Answer::TimedOut | Answer::Exited { .. } => {
            Err(Outcome::developer("The action did not initialize and exited unexpectedly."))
        }
        Answer::OutOfMemory => Err(Outcome::developer(MEMORY_EXHAUSTED)),
    }
}

/// What the answer to a run means; `took` is how long it took.
#[must_use]
pub fn run(answer: &Answer, took: Duration, limits: &AnswerLimits) -> Outcome {
    if took >= limits.timeout || *answer == Answer::TimedOut {
        return Outcome::timed_out(&format!(
            "The action exceeded its time limits of {} milliseconds.",
            limits.timeout.as_millis()
        ));
    }
    match answer {
        Answer::Reply { body, cut_from: Some(length), .. } => {
            Outcome::of(cut(StatusCode::ApplicationError, body, *length, limits))
        }
        Answer::Reply { ok: true, body, cut_from: None } => Outcome::of(result(body)),
        Answer::Reply { ok: false, body, cut_from: None } => Outcome::of(refused(INVALID_RESPONSE, body)),
        Answer::TimedOut | Answer::Exited { .. } => {
            Outcome::developer("The action did not produce a valid response and exited unexpectedly.")
        }
        Answer::OutOfMemory => Outcome::developer(MEMORY_EXHAUSTED),
    }
}

const INVALID_RESPONSE: &str = "The action did not produce a valid JSON or JSON Array response";

/// A run that says that it succeeded (CLS-02 to CLS-05).
fn result(body: &Bytes) -> ActivationResponse {
    let Some((value, shape)) = read(body) else {
        return refused(INVALID_RESPONSE, body);
    };
    let size = Some(if value.len() == body.len() { units(&value) } else { characters(body) });
    match shape {
        Shape::Object { has_error: true } if let Some(error) = error_of(&value) => {
            failure(StatusCode::ApplicationError, error, size)
        }
        Shape::Object { .. } | Shape::Array => {
            ActivationResponse { status: StatusCode::Success, result: Some(value), size }
        }
        Shape::Scalar => invalid(INVALID_RESPONSE, body),
    }
}

/// A call that says that it failed: the body's own `error`, else the text with the body (CLS-06, CLS-07).
fn refused(text: &str, body: &Bytes) -> ActivationResponse {
    let object = read(body).filter(|(_, shape)| *shape == Shape::Object { has_error: true });
    match object.as_ref().and_then(|(object, _)| error_of(object)) {
        Some(error) => failure(StatusCode::DeveloperError, error, Some(characters(body))),
        None => invalid(text, body),
    }
}

/// The text with the body behind it, or a full stop where there is none.
fn invalid(text: &str, body: &Bytes) -> ActivationResponse {
    let text = match body.trim_ascii() {
        [] => format!("{text}."),
        _ => format!("{text}: {}", String::from_utf8_lossy(body)),
    };
    let response = ActivationResponse::error(StatusCode::DeveloperError, &text);
    ActivationResponse { size: Some(characters(body)), ..response }
}

/// An answer that was longer than results may be (CLS-12).
fn cut(status: StatusCode, body: &Bytes, length: u64, limits: &AnswerLimits) -> ActivationResponse {
    let shown = usize::try_from(limits.truncation.as_bytes()).unwrap_or(usize::MAX).min(body.len());
    let text = format!(
        "The action produced a response that exceeded the allowed length: {length} > {} bytes. The truncated response was: {}",
        limits.payload.as_bytes(),
        String::from_utf8_lossy(&body[..shown])
    );
    ActivationResponse { size: Some(length), ..ActivationResponse::error(status, &text) }
}

/// A failure whose result is `{"error": value}` and nothing else (CLS-03).
fn failure(status: StatusCode, error: &RawValue, size: Option<u64>) -> ActivationResponse {
    let member = json::member("error", error.get());
    ActivationResponse { status, result: Some(json::object(std::iter::once(&*member))), size }
}

/// The body as JSON without blanks, and its outermost form; `None` where it is none, or is nested too deeply.
fn read(body: &Bytes) -> Option<(Raw, Shape)> {
    let (value, scan) = Raw::scanned(body.clone()).ok()?;
    (scan.depth <= MAX_DEPTH).then_some((value, scan.shape))
}

/// The value of the key `error` of an object that has one.
fn error_of(object: &str) -> Option<&RawValue> {
    let members = json::members(object).ok()?;
    members.into_iter().find(|(key, _)| key == "error").map(|(_, value)| value)
}

/// The length in characters as upstream counts them: units of UTF-16 (ATV-29).
fn characters(body: &[u8]) -> u64 {
    std::str::from_utf8(body).map_or_else(|_| units(&String::from_utf8_lossy(body)), units)
}

fn units(text: &str) -> u64 {
    let count = if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() };
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: AnswerLimits = AnswerLimits {
        timeout: Duration::from_millis(100),
        payload: ByteSize::bytes(10),
        truncation: ByteSize::bytes(4),
    };
    const SOON: Duration = Duration::from_millis(1);

    fn reply(ok: bool, body: &[u8]) -> Answer {
        Answer::Reply { ok, body: Bytes::copy_from_slice(body), cut_from: None }
    }

    /// Status and result of a run that answered so.
    fn ran(ok: bool, body: &str) -> (StatusCode, String) {
        seen(&run(&reply(ok, body.as_bytes()), SOON, &LIMITS))
    }

    fn seen(outcome: &Outcome) -> (StatusCode, String) {
        assert_eq!(outcome.keeps_container(), (outcome.response.status as u8) < 2, "CLS-20");
        (outcome.response.status, outcome.response.result.as_ref().unwrap().get().to_owned())
    }

    fn failed_init(answer: &Answer) -> (StatusCode, String) {
        seen(&init(answer, SOON, &LIMITS).unwrap_err())
    }

    fn developer(text: &str) -> (StatusCode, String) {
        (StatusCode::DeveloperError, serde_json::json!({ "error": text }).to_string())
    }

    #[test]
    fn cls_02_cls_04_objects_and_arrays_are_results_as_they_are_written() {
        for body in [r#"{"b":1.0,"a":123456789012345678901234567890}"#, "[]", "[1,{\"error\":1}]", "{}"] {
            assert_eq!(ran(true, body), (StatusCode::Success, body.to_owned()));
        }
        assert_eq!(ran(true, " { \"a b\" : 1 }\r\n").1, r#"{"a b":1}"#);
        assert_eq!(ran(true, r#"{"a":{"error":1}}"#).0, StatusCode::Success);
    }

    #[test]
    fn cls_03_an_error_stands_alone() {
        for (body, kept) in [
            (r#"{"x":1,"error":{"statusCode": 4, "n":1e2}}"#, r#"{"error":{"statusCode":4,"n":1e2}}"#),
            (r#"{"error":null}"#, r#"{"error":null}"#),
            (r#"{"\u0065rror":"x"}"#, r#"{"error":"x"}"#),
            (r#"{"error":1,"error":2}"#, r#"{"error":2}"#),
        ] {
            assert_eq!(ran(true, body), (StatusCode::ApplicationError, kept.to_owned()), "{body}");
        }
    }

    #[test]
    fn cls_05_anything_else_is_shown_to_the_developer() {
        for body in ["1", "null", "\"error\"", "true", "{", "not json", "{} {}"] {
            assert_eq!(ran(true, body), developer(&format!("{INVALID_RESPONSE}: {body}")), "{body}");
        }
        assert_eq!(ran(true, ""), developer(&format!("{INVALID_RESPONSE}.")));
    }

    #[test]
    fn cls_05_broken_utf_8_and_deep_nesting_are_no_results() {
        let outcome = run(&reply(true, b"{\"a\":\"\xff\"}"), SOON, &LIMITS);
        assert_eq!(seen(&outcome), developer(&format!("{INVALID_RESPONSE}: {{\"a\":\"\u{fffd}\"}}")));
        for depth in [MAX_DEPTH, MAX_DEPTH + 1, 200_000] {
            let body = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            let expected = if depth <= MAX_DEPTH { StatusCode::Success } else { StatusCode::DeveloperError };
            assert_eq!(ran(true, &body).0, expected, "{depth}");
            assert_eq!(ran(false, &body).0, StatusCode::DeveloperError);
        }
        let brackets_in_text = format!("[\"\\\"{}\"]", "[".repeat(5000));
        assert_eq!(ran(true, &brackets_in_text).0, StatusCode::Success);
    }

    #[test]
    fn cls_06_a_run_that_failed_says_why() {
        assert_eq!(ran(false, r#"{"error":"why","x":1}"#), developer("why"));
        assert_eq!(ran(false, r#"{"x":1}"#), developer(&format!("{INVALID_RESPONSE}: {{\"x\":1}}")));
        assert_eq!(ran(false, ""), developer(&format!("{INVALID_RESPONSE}.")));
        assert_eq!(ran(false, "[]"), developer(&format!("{INVALID_RESPONSE}: []")));
    }

    #[test]
    fn cls_07_an_init_that_failed_says_why() {
        assert!(init(&reply(true, b"whatever"), SOON, &LIMITS).is_ok());
        assert_eq!(failed_init(&reply(false, br#"{"error":"why"}"#)), developer("why"));
        let text = "The action failed during initialization: oops";
        assert_eq!(failed_init(&reply(false, b"oops")), developer(text));
        assert_eq!(failed_init(&reply(false, b"")), developer("The action failed during initialization."));
    }

    #[test]
    fn cls_08_cls_09_time_limits_count_even_with_an_answer() {
        let late = LIMITS.timeout;
        for (answer, took) in [(Answer::TimedOut, SOON), (reply(true, b"{}"), late)] {
            let outcome = init(&answer, took, &LIMITS).unwrap_err();
            let text = "The action exceeded its time limits of 100 milliseconds during initialization.";
            assert_eq!(seen(&outcome), developer(text));
            assert!(outcome.timed_out);
            let outcome = run(&answer, took, &LIMITS);
            assert_eq!(seen(&outcome), developer("The action exceeded its time limits of 100 milliseconds."));
            assert!(outcome.timed_out);
        }
        assert!(!run(&reply(true, b"{}"), SOON, &LIMITS).timed_out);
    }

    #[test]
    fn cls_10_cls_11_unexpected_ends() {
        let exited = Answer::Exited { detail: "signal 9".to_owned() };
        assert_eq!(failed_init(&exited), developer("The action did not initialize and exited unexpectedly."));
        let text = "The action did not produce a valid response and exited unexpectedly.";
        assert_eq!(seen(&run(&exited, SOON, &LIMITS)), developer(text));
        assert_eq!(failed_init(&Answer::OutOfMemory), developer(MEMORY_EXHAUSTED));
        assert_eq!(seen(&run(&Answer::OutOfMemory, SOON, &LIMITS)), developer(MEMORY_EXHAUSTED));
    }

    #[test]
    fn cls_12_a_result_that_is_too_long_is_cut() {
        let answer =
            |ok| Answer::Reply { ok, body: Bytes::from_static(b"{\"a\":\"\xc3\xa4\xc3"), cut_from: Some(99) };
        let text = "The action produced a response that exceeded the allowed length: 99 > 10 bytes. The truncated response was: {\"a\"";
        let outcome = run(&answer(true), SOON, &LIMITS);
        assert_eq!(outcome.response.size, Some(99));
        let (_, body) = developer(text);
        assert_eq!(seen(&outcome), (StatusCode::ApplicationError, body));
        assert_eq!(failed_init(&answer(false)), developer(text));
    }

    #[test]
    fn cls_13_cls_14_containers_that_could_not_be_made() {
        let image = CreateError::Developer("Failed to pull container image 'x/y'.".to_owned());
        assert_eq!(seen(&create(&image)), developer("Failed to pull container image 'x/y'."));
        let source = std::io::Error::other("full");
        let outcome = create(&CreateError::Platform { action: "fork".to_owned(), source });
        assert_eq!(outcome.response.status, StatusCode::WhiskError);
        let body = r#"{"error":"Failed to provision resources to run the action."}"#;
        assert_eq!(outcome.response.result.unwrap().get(), body);
    }

    #[test]
    fn atv_29_size_counts_characters_of_the_answer_itself() {
        let size = |body: &str| run(&reply(true, body.as_bytes()), SOON, &LIMITS).response.size;
        assert_eq!(size(r#"{ "a" : 1 }"#), Some(11));
        assert_eq!(size("{\"a\":\"ä\u{1f600}\"}"), Some(11));
        assert_eq!(size("nonsense"), Some(8));
    }
}
