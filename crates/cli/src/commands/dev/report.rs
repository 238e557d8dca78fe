//! What is told: lines for people, or with `--output json` an event in each line, for editors.

use super::check::Misplaced;
use super::places::local;
use super::wanted::{One, Wanted, name_of};
use crate::commands::action::url;
use crate::commands::activation::stripped;
use crate::commands::project::Done;
use crate::context::{Context, qualified};
use crate::failure::Failure;
use crate::output::{Format, pretty};
use client::{Activation, WithKeyValues as _};
use project::{Change, Kind};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// The one who tells.
pub(super) struct Report<'a> {
    context: &'a Context,
    events: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(context: &'a Context) -> Report<'a> {
        Report { context, events: context.format() != Format::Text }
    }

    fn tell(&self, event: Value, text: impl AsRef<str>) {
        let console = self.context.console;
        if self.events { console.line(event.to_string()) } else { console.line(text) }
    }

    /// A word to the user.
    pub(super) fn said(&self, text: &str) {
        self.tell(json!({"event": "message", "message": text}), text);
    }

    pub(super) fn watching(&self, wanted: &Wanted) {
        let actions = wanted.actions();
        let names: Vec<&str> = actions.iter().map(|one| one.name.as_str()).collect();
        let console = self.context.console;
        let text = format!("{} watching {}; ? for help, q to end", console.green("ok:"), names.join(", "));
        self.tell(json!({"event": "watching", "actions": names}), text);
    }

    pub(super) fn help(&self, wanted: &Wanted) {
        let actions = wanted.actions();
        let names: Vec<&str> = actions.iter().map(|one| one.name.as_str()).collect();
        self.said(&format!(
            "NAME {{\"json\": 1}} invokes an action; without NAME the last one, without JSON with no payload\n\
             an empty line invokes the last one; ? shows this; q ends\nactions: {}",
            names.join(", ")
        ));
    }

    /// Something was made.
    pub(super) fn updated(&self, done: &Done, took: Duration) {
        let (kind, name) = (done.step.entity.kind, &done.step.entity.name);
        let what = match done.step.change {
            Change::Create => "created",
            Change::Delete => "deleted",
            Change::Update(_) | Change::Unchanged => "updated",
        };
        let version = done.made.as_ref().and_then(|made| made["version"].as_str()).unwrap_or_default();
        let milliseconds = took.as_millis();
        let event = json!({
            "event": what, "kind": kind.to_string(), "name": name, "version": version,
            "milliseconds": u64::try_from(milliseconds).unwrap_or_default()
        });
        let console = self.context.console;
        let text =
            format!("{} {kind} {} {version} ({milliseconds} ms)", console.green(what), console.bold(name));
        self.tell(event, text);
        if done.step.change == Change::Create && kind == Kind::Action {
            self.web(name, done.made.as_ref());
        }
    }

    /// Where a web action is.
    fn web(&self, name: &str, made: Option<&Value>) {
        let action: Option<client::Action> = made.and_then(|made| serde_json::from_value(made.clone()).ok());
        let Some(action) = action else { return };
        let web = action.annotations.as_ref().and_then(|annotations| annotations.value("web-export"));
        if web == Some(&Value::Bool(true))
            && let Ok(name) = qualified(name)
            && let Ok(url) = url(&action, &name, self.context)
        {
            self.tell(json!({"event": "url", "url": url}), &url);
        }
    }

    /// An error whose place is known.
    pub(super) fn misplaced(&self, error: &Misplaced) {
        let Misplaced { file, line, column, message } = error;
        let event =
            json!({"event": "error", "file": file, "line": line, "column": column, "message": message});
        let column = column.map(|column| format!("{column}:")).unwrap_or_default();
        self.tell(event, format!("{}:{line}:{column} {}", file.display(), self.context.console.red(message)));
    }

    /// Something could not be done.
    pub(super) fn failed(&self, what: &str, failure: &Failure) {
        let event = json!({"event": "error", "of": what, "message": failure.message});
        self.tell(event, format!("{}{}", self.context.console.red("error: "), failure.message));
    }

    /// A line of a log.
    pub(super) fn log(&self, name: &str, line: &str, artifact: &Path) {
        let stderr = line.contains(" stderr: ");
        // A line without text has nothing behind its stream.
        let text =
            if line.ends_with(" stderr: ") || line.ends_with(" stdout: ") { "" } else { stripped(line) };
        let text = local(text, artifact);
        let event = json!({"event": "log", "name": name, "stream": if stderr { "stderr" } else { "stdout" }, "line": text});
        let shown = if stderr { self.context.console.red(text) } else { text };
        self.tell(event, format!("{} {shown}", self.context.console.tinted(name)));
    }

    /// What came of an invocation that was asked for.
    pub(super) fn result(&self, name: &str, record: &Activation, wanted: &Wanted) {
        let artifact = artifact(name, wanted);
        let result = local(&pretty(&record.response.result), &artifact.artifact);
        let start = if record.annotations.value("initTime").is_some() { "cold" } else { "warm" };
        let event = json!({
            "event": "result", "name": name, "activationId": record.activation_id, "status": record.response.status,
            "milliseconds": record.duration, "start": start, "result": record.response.result
        });
        let console = self.context.console;
        let status = &record.response.status;
        let status = if record.response.success { console.green(status) } else { console.red(status) };
        let id = console.dim(&record.activation_id);
        self.tell(
            event,
            format!("{} {status}, {} ms, {start} {id}\n{result}", console.tinted(name), record.duration),
        );
    }

    /// An activation that somebody else caused.
    pub(super) fn activation(&self, record: &Activation, wanted: &Wanted) {
        let name = name_of(record);
        let artifact = artifact(&name, wanted).artifact;
        record.logs.iter().for_each(|line| self.log(&name, line, &artifact));
        if !record.response.success {
            let error = local(&record.response.result["error"].to_string(), &artifact);
            let event = json!({
                "event": "failed", "name": name, "activationId": record.activation_id,
                "status": record.response.status, "error": record.response.result["error"]
            });
            let console = self.context.console;
            let (status, id) = (console.red(&record.response.status), console.dim(&record.activation_id));
            self.tell(event, format!("{} {status}: {error} {id}", console.tinted(&name)));
        }
    }
}

fn artifact(name: &str, wanted: &Wanted) -> One {
    let unknown = || One { name: name.to_owned(), artifact: Default::default() };
    wanted.actions().into_iter().find(|one| one.name == name).unwrap_or_else(unknown)
}
