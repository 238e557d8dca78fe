//! `wsk activation explain`: where the time went, why it failed, what caused it and what it caused.

mod phases;
mod reason;
mod tree;

use super::One;
use crate::console::Console;
use crate::context::Context;
use crate::failure::{Because as _, Outcome};
use client::{Activation, WithKeyValues as _};
use serde::Serialize;
use serde_json::Value;

/// What is told of an activation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explanation {
    activation_id: String,
    /// `/namespace/[package/]name`
    entity: String,
    version: String,
    kind: String,
    status: String,
    /// From acceptance to the end, in milliseconds.
    total: f64,
    phases: Vec<phases::Phase>,
    /// Why it failed, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<reason::Reason>,
    /// The activation that everything began with, and what came of it.
    tree: tree::Node,
}

pub(super) async fn run(one: &One, context: &Context) -> Outcome {
    let rest = one.arguments("Unable to explain activation", 1, context).await?;
    let id = &rest[0];
    let record = context.client()?.get_activation(id).await;
    let record = record.because(format!("Unable to explain activation '{id}'"))?;
    let explanation = Explanation {
        activation_id: record.activation_id.clone(),
        entity: entity(&record),
        version: record.version.clone(),
        kind: kind(&record).to_owned(),
        status: record.response.status.clone(),
        phases: phases::of(&record),
        total: phases::of(&record).iter().map(|phase| phase.milliseconds).sum(),
        reason: reason::of(&record),
        tree: tree::of(&record, context.client()?).await,
    };
    context.show(&explanation, || {
        context.console.print(explanation.text(context.console));
        Ok(())
    })
}

impl Explanation {
    fn text(&self, console: Console) -> String {
        let mut text =
            format!("{} {} {}\n", console.bold(&self.entity), self.version, console.dim(&self.activation_id));
        let status =
            if self.reason.is_some() { console.red(&self.status) } else { console.green(&self.status) };
        text += &format!("{}, {status}, {}\n\n", self.kind, phases::written(self.total));
        text += &phases::bars(&self.phases, console);
        if let Some(reason) = &self.reason {
            text += &format!("\n{}\n{}", console.bold("why"), reason.text());
        }
        if self.tree.has_relatives() {
            text += &format!(
                "\n{}\n{}",
                console.bold("caused by, and causing"),
                self.tree.text(&self.activation_id, console)
            );
        }
        text
    }
}

/// `/namespace/[package/]name`; the annotation `path` knows the package.
fn entity(record: &Activation) -> String {
    match record.annotations.value("path").and_then(Value::as_str) {
        Some(path) => format!("/{path}"),
        None => format!("/{}/{}", record.namespace, record.name),
    }
}

/// What it is: a kind of runtime, `sequence`, or `trigger`.
fn kind(record: &Activation) -> &str {
    record.annotations.value("kind").and_then(Value::as_str).unwrap_or("trigger")
}
