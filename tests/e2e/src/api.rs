//! The REST interface in the few words that tests need.

use crate::http::{Client, Request, Response};
use crate::server::Server;
use crate::time;
use base64::Engine as _;
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;

/// The well-known key of the guest (USR-05).
pub const GUEST: &str = concat!(
    "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:",
    "123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
);
/// The well-known key of `whisk.system` (USR-05).
pub const SYSTEM: &str = concat!(
    "789c46b1-71f6-4ed5-8c54-816aa4f8c502:",
    "abczO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
);

/// A caller with a key. Threads may share it.
#[derive(Debug)]
pub struct Api {
    client: Client,
    authorization: String,
}

impl Api {
    /// The guest at that server.
    #[must_use]
    pub fn guest(server: &Server) -> Api {
        Api::new(server.address(), GUEST)
    }

    /// Somebody with a key.
    #[must_use]
    pub fn new(address: SocketAddr, key: &str) -> Api {
        Api { client: Client::new(address), authorization: basic(key) }
    }

    /// Sends a request under `/api/v1/namespaces/_`.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn try_send(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Response> {
        let request = Request::new(method, &format!("/api/v1/namespaces/_{path}"))
            .header("Authorization", &self.authorization);
        self.client.send(&match body {
            Some(body) => request.json(body),
            None => request,
        })
    }

    /// The same where the connection must not fail.
    ///
    /// # Panics
    /// When the connection fails.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        self.try_send(method, path, body).unwrap_or_else(|problem| panic!("{method} {path}: {problem}"))
    }

    /// Sends a body as it is written, as JSON.
    ///
    /// # Panics
    /// When the connection fails.
    #[track_caller]
    pub fn send_raw(&self, method: &str, path: &str, body: &str) -> Response {
        let request = Request::new(method, &format!("/api/v1/namespaces/_{path}"))
            .header("Authorization", &self.authorization)
            .header("Content-Type", "application/json")
            .body(body);
        self.client.send(&request).unwrap_or_else(|problem| panic!("{method} {path}: {problem}"))
    }

    /// Forgets connections to a server that is gone.
    pub fn reset(&self) {
        self.client.reset();
    }

    /// Creates or updates an action from a whole body.
    ///
    /// # Panics
    /// When the server refuses.
    #[track_caller]
    pub fn put(&self, name: &str, body: &Value) -> Value {
        let answer = self.send("PUT", &format!("/actions/{name}?overwrite=true"), Some(body));
        assert_eq!(answer.status, 200, "creating {name}: {}", answer.text());
        answer.json()
    }

    /// Creates or updates an action of that kind and source.
    #[track_caller]
    pub fn put_code(&self, name: &str, kind: &str, code: &str) -> Value {
        self.put(name, &json!({"exec": {"kind": kind, "code": code}}))
    }

    /// Deletes an action.
    ///
    /// # Panics
    /// When the server refuses.
    #[track_caller]
    pub fn delete(&self, name: &str) {
        let answer = self.send("DELETE", &format!("/actions/{name}"), None);
        assert_eq!(answer.status, 200, "deleting {name}: {}", answer.text());
    }

    /// Invokes an action and waits for its record.
    #[track_caller]
    pub fn invoke(&self, name: &str, payload: &Value) -> Response {
        self.send("POST", &format!("/actions/{name}?blocking=true"), Some(payload))
    }

    /// Invokes an action and waits for its result alone.
    ///
    /// # Panics
    /// When it does not succeed.
    #[track_caller]
    pub fn result(&self, name: &str, payload: &Value) -> Value {
        let answer = self.send("POST", &format!("/actions/{name}?blocking=true&result=true"), Some(payload));
        assert_eq!(answer.status, 200, "invoking {name}: {}", answer.text());
        answer.json()
    }

    /// Invokes an action without waiting and gives the activation's id.
    ///
    /// # Panics
    /// When the server does not accept.
    #[track_caller]
    pub fn start(&self, name: &str, payload: &Value) -> String {
        let answer = self.send("POST", &format!("/actions/{name}"), Some(payload));
        assert_eq!(answer.status, 202, "invoking {name}: {}", answer.text());
        id_of(&answer.json())
    }

    /// Invokes an action, waits, and reads the stored record, in which the logs are.
    #[track_caller]
    pub fn recorded(&self, name: &str, payload: &Value) -> Value {
        let id = self.invoke(name, payload).header("x-openwhisk-activation-id").map(str::to_owned);
        self.record(&id.expect("every invocation names its activation (HTTP-19)"))
    }

    /// The stored record, as soon as it is there (INV-18).
    #[track_caller]
    pub fn record(&self, id: &str) -> Value {
        time::eventually(&format!("the record of {id}"), || self.record_now(id))
    }

    /// The stored record if it is there now.
    #[track_caller]
    pub fn record_now(&self, id: &str) -> Option<Value> {
        let answer = self.send("GET", &format!("/activations/{id}"), None);
        (answer.status == 200).then(|| answer.json())
    }
}

/// The `activationId` of a body.
///
/// # Panics
/// When there is none.
#[track_caller]
#[must_use]
pub fn id_of(body: &Value) -> String {
    let id = body.get("activationId").and_then(Value::as_str);
    id.unwrap_or_else(|| panic!("no activation id in {body}")).to_owned()
}

/// The value of an annotation of a record or action.
#[must_use]
pub fn annotation<'a>(record: &'a Value, key: &str) -> Option<&'a Value> {
    record.get("annotations")?.as_array()?.iter().find(|pair| pair["key"] == key)?.get("value")
}

/// The texts of a record's log lines, without time and stream.
#[must_use]
pub fn log_texts(record: &Value) -> Vec<String> {
    let lines = record.get("logs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    lines.map(|line| line.split_once(": ").map_or(line, |(_, text)| text).to_owned()).collect()
}

/// The value of an `Authorization` header.
#[must_use]
pub fn basic(key: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(key))
}
