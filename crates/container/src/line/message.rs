//! The lines that go to a runtime.

use crate::{Flow, RunRequest};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use types::{ActivationId, json};

/// The code of an action, ready to be loaded.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Init<'a> {
    /// The bare action name.
    pub name: &'a str,
    /// The entry point.
    pub main: &'a str,
    /// The source text; `None` where the code lies in `folder`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    /// Where the unpacked archive or the executable lies, as the process sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<&'a str>,
    /// The environment.
    #[serde(rename = "env", serialize_with = "as_map")]
    pub environment: &'a [(String, String)],
    /// How many runs may be under way at a time; a launcher that is told of more than one numbers its answers.
    #[serde(skip_serializing_if = "is_one")]
    pub concurrency: u32,
    /// Whose first call this is a part of.
    #[serde(skip)]
    pub activation: ActivationId,
}

impl Init<'_> {
    /// Whether the environment asks the executable to say when it is ready (PROXY-05).
    pub(super) fn waits_for_ack(&self) -> bool {
        self.environment.iter().any(|(name, value)| name == "__OW_WAIT_FOR_ACK" && !value.is_empty())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_one(concurrency: &u32) -> bool {
    *concurrency <= 1
}

fn as_map<S: Serializer>(pairs: &&[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (name, value) in *pairs {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// `{"init":{..}}` and a line end.
pub(super) fn write_init(into: &mut Vec<u8>, init: &Init<'_>) {
    into.extend_from_slice(b"{\"init\":");
    write_json(into, init);
    into.extend_from_slice(b"}\n");
}

/// Room for everything in a run's line but its value, in bytes; a longer context only takes longer to write.
const CONTEXT: usize = 4 << 10;

/// `{"value":..,"namespace":..}` and a line end, with the number of the call where it has one.
pub(super) fn write_run(into: &mut Vec<u8>, request: &RunRequest, number: Option<u64>) {
    // Or else a great value would be copied once more when the buffer has to grow behind it.
    into.reserve(request.value.len() + CONTEXT);
    write_before_value(into, number);
    into.extend_from_slice(request.value.as_bytes());
    write_behind_value(into, request);
}

/// The line of a run up to its value, which has no line ends.
pub(super) fn write_before_value(into: &mut Vec<u8>, number: Option<u64>) {
    into.push(b'{');
    if let Some(number) = number {
        into.extend_from_slice(b"\"number\":");
        json::write_number(into, number);
        into.push(b',');
    }
    into.extend_from_slice(b"\"value\":");
}

/// The line of a run from its value on.
pub(super) fn write_behind_value(into: &mut Vec<u8>, request: &RunRequest) {
    for (name, value) in &request.context {
        into.push(b',');
        json::write_text(into, name);
        into.push(b':');
        value.write_json(into);
    }
    if request.stream.is_some() {
        into.extend_from_slice(b",\"stream\":true");
    }
    into.extend_from_slice(b"}\n");
}

/// `{"flow":1}` for another chunk, `{"flow":0}` for none, and a line end; with the number of the call where it has one.
pub(super) fn write_flow(into: &mut Vec<u8>, flow: Flow, number: Option<u64>) {
    into.extend_from_slice(match flow {
        Flow::More => b"{\"flow\":1",
        Flow::Stop => b"{\"flow\":0",
    });
    if let Some(number) = number {
        into.extend_from_slice(b",\"number\":");
        json::write_number(into, number);
    }
    into.extend_from_slice(b"}\n");
}

fn write_json<T: Serialize + ?Sized>(into: &mut Vec<u8>, value: &T) {
    // Neither a vector that is written to nor texts can fail to be JSON.
    let written = serde_json::to_writer(into, value);
    debug_assert!(written.is_ok(), "texts are JSON");
}
