//! Why a call has no answer, or not the one that was wanted.

use crate::Answer;
use serde_json::Value;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server was not reached, or the connection broke.
    #[error("{0}")]
    Transport(String),
    /// A call that needs a key has none.
    #[error("Authorization key is not configured (--auth is required)")]
    NoKey,
    /// The server refused or failed (CLI-20): the body has `error` and `code`.
    #[error("{message} (code {code})")]
    Server {
        /// HTTP status.
        status: u16,
        /// What the server said.
        message: String,
        /// The id of the transaction, by which the server's log knows the request (ERR-02).
        code: String,
        /// Everything.
        answer: Box<Answer>,
    },
    /// The function failed (CLI-20, CLI-21): the record or the result tells how.
    #[error("{message}")]
    Application {
        /// HTTP status; 502, or 2xx where only the record tells.
        status: u16,
        /// What the function said.
        message: String,
        /// Everything.
        answer: Box<Answer>,
    },
    /// An error that no OpenWhisk made: a proxy between, or no OpenWhisk at all.
    #[error("The connection failed, or timed out. (HTTP status code {status})")]
    Unexpected {
        /// HTTP status.
        status: u16,
        /// Everything.
        answer: Box<Answer>,
    },
    /// A good status, and a body that is not what the API says.
    #[error("the answer of the server is not understood: {0}")]
    Body(String),
}

impl Error {
    /// The HTTP status, where there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Server { status, .. }
            | Error::Application { status, .. }
            | Error::Unexpected { status, .. } => Some(*status),
            Error::Transport(_) | Error::NoKey | Error::Body(_) => None,
        }
    }

    /// The answer that said so.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Error::Server { answer, .. }
            | Error::Application { answer, .. }
            | Error::Unexpected { answer, .. } => Some(answer),
            Error::Transport(_) | Error::NoKey | Error::Body(_) => None,
        }
    }

    /// What a bad status means (CLI-20).
    pub(crate) fn of(answer: Answer) -> Error {
        let status = answer.status;
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
            return Error::Unexpected { status, answer: Box::new(answer) };
        };
        let (message, code) = (&body["error"], &body["code"]);
        if !message.is_null() && !code.is_null() {
            let (message, code) = (plain(message), plain(code));
            return Error::Server { status, message, code, answer: Box::new(answer) };
        }
        if status == 502 && code.is_null() {
            if !body["response"]["status"].is_null() {
                let told = application_message(&body["response"]["result"]);
                let message = format!("The following application error was received: {told}");
                return Error::Application { status, message, answer: Box::new(answer) };
            }
            if !message.is_null() {
                let message = application_message(message);
                return Error::Application { status, message, answer: Box::new(answer) };
            }
        }
        Error::Unexpected { status, answer: Box::new(answer) }
    }

    /// What a good status means whose record says that the function failed (CLI-21).
    pub(crate) fn of_record(answer: Answer, record: &Value) -> Error {
        let message = application_message(&record["response"]["result"]);
        Error::Application { status: answer.status, message, answer: Box::new(answer) }
    }
}

/// A text without its quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a function's error says: its `error`, or the texts in it, or all of it.
fn application_message(result: &Value) -> String {
    let Some(error) = result.get("error") else { return plain(result) };
    let Some(fields) = error.as_object() else { return plain(error) };
    let texts: Vec<&str> = fields.values().filter_map(Value::as_str).collect();
    if texts.is_empty() { error.to_string() } else { texts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;

    fn of(status: u16, body: &'static str) -> Error {
        Error::of(Answer { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) })
    }

    #[test]
    fn cli_20_whose_fault_it_was_is_told_from_the_body() {
        let error = of(404, r#"{"error":"The requested resource does not exist.","code":"abc"}"#);
        assert!(matches!(error, Error::Server { status: 404, .. }));
        assert_eq!(error.to_string(), "The requested resource does not exist. (code abc)");

        let error = of(502, r#"{"error":{"error":"odd","more":"and more"}}"#);
        assert!(matches!(error, Error::Application { .. }), "{error:?}");
        assert_eq!(error.to_string(), "odd");

        let error = of(
            502,
            r#"{"response":{"status":"application error","result":{"error":{"a":"odd","b":"and more"}}}}"#,
        );
        assert_eq!(error.to_string(), "The following application error was received: odd; and more");

        let error = of(503, "<html>no</html>");
        assert_eq!(error.to_string(), "The connection failed, or timed out. (HTTP status code 503)");
        assert!(matches!(of(500, r#"{"error":"no code"}"#), Error::Unexpected { status: 500, .. }));
    }
}
