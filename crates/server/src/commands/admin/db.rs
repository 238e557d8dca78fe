//! `oxiwhisk admin db`.

use super::http::Client;
use super::{FAILED, say, segment};
use crate::args::{Database, DbCommand};
use crate::commands::Exit;
use serde_json::{Value, json};

pub(super) fn run(command: &DbCommand, client: &Client) -> Result<u8, Exit> {
    let DbCommand::Get { database, view, docs } = command;
    let collections: &[&str] = match database {
        Database::Subjects => &["subjects", "limits"],
        Database::Whisks => &["actions", "packages", "triggers", "rules"],
    };
    let wanted: Vec<&str> = match view {
        None => collections.to_vec(),
        Some(view) => collections.iter().copied().filter(|name| name == view).collect(),
    };
    if wanted.is_empty() {
        let there = collections.join(", ");
        return Err(Exit::usage(format!("there is no such view; there are: {there}")));
    }
    let mut rows = Vec::new();
    for collection in wanted {
        if let Err(text) = read(client, collection, *docs, &mut rows)? {
            return say(&format!("Failed to get the database ({text})"), FAILED);
        }
    }
    let shown = json!({"total_rows": rows.len(), "rows": rows});
    say(&serde_json::to_string_pretty(&shown).unwrap_or_default(), 0)
}

/// Appends every document of a collection; the inner error is what the server said.
fn read(
    client: &Client,
    collection: &str,
    docs: bool,
    rows: &mut Vec<Value>,
) -> Result<Result<(), String>, Exit> {
    let mut after = String::new();
    loop {
        let path = format!("/documents/{collection}?limit=200&docs={docs}&after={}", segment(&after));
        let mut answer = client.send("GET", &path, None)?;
        if !answer.is_good() {
            return Ok(Err(answer.error()));
        }
        match answer.body["documents"].take() {
            Value::Array(page) => rows.extend(page),
            _ => return Ok(Err("the answer lists no documents".to_owned())),
        }
        match answer.body["after"].as_str() {
            Some(last) => last.clone_into(&mut after),
            None => return Ok(Ok(())),
        }
    }
}
