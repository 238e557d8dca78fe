//! What caused an activation, and what it caused: triggers, rules, sequences, conductors, as a tree.

use super::{entity, kind};
use crate::console::Console;
use client::{Activation, Client};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// How many causes are followed up, and how deep what they caused is followed down.
const DEPTH: usize = 10;
/// How many activations are shown.
const MOST: usize = 100;

/// An activation and what it caused.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    pub(super) activation_id: String,
    /// `/namespace/[package/]name`
    pub(super) entity: String,
    /// What it is.
    pub(super) kind: String,
    pub(super) status: String,
    /// Milliseconds.
    pub(super) duration: i64,
    /// The rule by which a trigger caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) caused: Vec<Node>,
}

/// The tree that `record` stands in, from its first cause.
pub(super) async fn of(record: &Activation, client: &Client) -> Node {
    let mut first = record.clone();
    for _ in 0..DEPTH {
        let Some(cause) = first.cause.clone() else { break };
        // A cause whose record is gone, or not there yet, ends the way up.
        let Ok(above) = client.get_activation(&cause).await else { break };
        first = above;
    }
    let mut seen = BTreeSet::new();
    below(&first, None, DEPTH, &mut seen, client).await
}

async fn below(
    record: &Activation,
    rule: Option<String>,
    depth: usize,
    seen: &mut BTreeSet<String>,
    client: &Client,
) -> Node {
    seen.insert(record.activation_id.clone());
    let mut node = Node {
        activation_id: record.activation_id.clone(),
        entity: entity(record),
        kind: kind(record).to_owned(),
        status: record.response.status.clone(),
        duration: record.duration,
        rule,
        caused: Vec::new(),
    };
    if depth == 0 {
        return node;
    }
    for caused in caused(record) {
        if seen.len() >= MOST || seen.contains(&caused.id) {
            continue;
        }
        let child = match client.get_activation(&caused.id).await {
            Ok(child) => Box::pin(below(&child, caused.rule, depth - 1, seen, client)).await,
            Err(_) => Node {
                activation_id: caused.id,
                status: "no record".to_owned(),
                rule: caused.rule,
                ..Node::default()
            },
        };
        node.caused.push(child);
    }
    node
}

/// Something that a record says it caused.
#[derive(Debug, PartialEq, Eq)]
struct Caused {
    id: String,
    rule: Option<String>,
}

/// A sequence and a conductor log the ids of their parts; a trigger logs a document for each of its rules (TRG-12).
fn caused(record: &Activation) -> Vec<Caused> {
    let line = |line: &String| {
        if is_id(line) {
            return Some(Caused { id: line.clone(), rule: None });
        }
        let told: Value = serde_json::from_str(line).ok()?;
        let id = told["activationId"].as_str()?.to_owned();
        Some(Caused { id, rule: told["rule"].as_str().map(str::to_owned) })
    };
    record.logs.iter().filter_map(line).collect()
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Node {
    pub(super) fn has_relatives(&self) -> bool {
        !self.caused.is_empty()
    }

    /// The tree, a line for each; `this` is the one that was asked for.
    pub(super) fn text(&self, this: &str, console: Console) -> String {
        let mut text = String::new();
        self.lines("  ", "  ", this, console, &mut text);
        text
    }

    fn lines(&self, first: &str, further: &str, this: &str, console: Console, text: &mut String) {
        let rule = self.rule.as_ref().map(|rule| format!("rule {rule}: ")).unwrap_or_default();
        let mark = if self.activation_id == this { console.bold(" <-- this one") } else { String::new() };
        let status = match self.status.as_str() {
            "success" | "" => self.status.clone(),
            failed => console.red(failed),
        };
        let what = format!("{rule}{} ({}) {status} {} ms", self.entity, self.kind, self.duration);
        *text += &format!("{first}{what} {}{mark}\n", console.dim(&self.activation_id));
        let (branch, last, line) =
            if console.knows_unicode() { ("├─ ", "└─ ", "│  ") } else { ("|- ", "`- ", "|  ") };
        for (at, child) in self.caused.iter().enumerate() {
            let is_last = at + 1 == self.caused.len();
            let own = format!("{further}{}", if is_last { last } else { branch });
            let below = format!("{further}{}", if is_last { "   " } else { line });
            child.lines(&own, &below, this, console, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn trg_12_what_a_record_caused_is_in_its_logs() {
        let id = "0123456789abcdef0123456789abcdef";
        let rule =
            json!({"statusCode": 0, "success": true, "activationId": id, "rule": "ns/r", "action": "ns/a"});
        let record =
            |line: String| Activation { logs: vec![line, "plain words".to_owned()], ..Activation::default() };
        assert_eq!(caused(&record(id.to_owned())), [Caused { id: id.to_owned(), rule: None }]);
        let expected = Caused { id: id.to_owned(), rule: Some("ns/r".to_owned()) };
        assert_eq!(caused(&record(rule.to_string())), [expected]);
    }

    #[test]
    fn a_tree_is_drawn_with_its_branches() {
        let node = |entity: &str, caused| Node {
            activation_id: format!("id-{entity}"),
            entity: entity.to_owned(),
            kind: "k".to_owned(),
            status: "success".to_owned(),
            duration: 1,
            caused,
            ..Node::default()
        };
        let tree = node("t", vec![node("a", vec![node("b", vec![])]), node("c", vec![])]);
        let expected = "  t (k) success 1 ms id-t\n  |- a (k) success 1 ms id-a\n  |  `- b (k) success 1 ms id-b <-- this one\n  `- c (k) success 1 ms id-c\n";
        assert_eq!(tree.text("id-b", Console::plain()), expected);
    }
}
