//! `--summary`: what an entity is for and what it takes, in two lines.

use crate::console::Console;
use crate::context::Context;
use client::{Action, KeyValues, Package, Rule, Trigger, WithKeyValues as _};
use serde_json::Value;

/// What is printed of something that has annotations and parameters.
struct Summary<'a> {
    /// `package`, ` action`, …: with the indentation of upstream's form.
    what: &'a str,
    name: String,
    annotations: &'a KeyValues,
    parameters: &'a KeyValues,
}

/// Prints the summary of an action.
pub(crate) fn action(action: &Action, context: &Context) {
    let name = name(action.namespace.as_ref(), None, action.name.as_ref());
    of("action", name, action.annotations.as_ref(), action.parameters.as_ref(), context.console);
}

/// Prints the summary of a trigger.
pub(crate) fn trigger(trigger: &Trigger, context: &Context) {
    let name = name(trigger.namespace.as_ref(), None, trigger.name.as_ref());
    of("trigger", name, trigger.annotations.as_ref(), trigger.parameters.as_ref(), context.console);
}

/// Prints the summaries of a package, its actions and its feeds.
pub(crate) fn package(package: &Package, context: &Context) {
    let (namespace, own) = (package.namespace.as_ref(), package.name.as_ref());
    let console = context.console;
    of(
        "package",
        name(namespace, None, own),
        package.annotations.as_ref(),
        package.parameters.as_ref(),
        console,
    );
    let actions = package.actions.iter().flatten().map(|action| (" action", action));
    let feeds = package.feeds.iter().flatten().map(|feed| (" feed  ", feed));
    for (what, action) in actions.chain(feeds) {
        let name = name(namespace, own, action.name.as_ref());
        of(what, name, action.annotations.as_ref(), action.parameters.as_ref(), console);
    }
}

/// Prints the summary of a rule.
pub(crate) fn rule(rule: &Rule, context: &Context) {
    let console = context.console;
    let name = name(rule.namespace.as_ref(), None, rule.name.as_ref());
    console.line(format!("{} {name}", console.bold("rule")));
    console.line(format!("   ({}: {})", console.bold("status"), rule.status));
}

fn of(
    what: &str,
    name: String,
    annotations: Option<&KeyValues>,
    parameters: Option<&KeyValues>,
    console: Console,
) {
    let none = KeyValues::new();
    let summary = Summary {
        what,
        name,
        annotations: annotations.unwrap_or(&none),
        parameters: parameters.unwrap_or(&none),
    };
    console.print(summary.text(console));
}

impl Summary<'_> {
    fn text(&self, console: Console) -> String {
        let takes = self.takes();
        let description = match self.annotations.value("description").and_then(Value::as_str) {
            Some(description) if !description.is_empty() => format!(": {description}"),
            _ if takes.is_empty() => String::new(),
            _ => format!(": {}", described(&takes)),
        };
        let takes = if takes.is_empty() { "none defined".to_owned() } else { takes.join(", ") };
        let (what, parameters) = (console.bold(self.what), console.bold("parameters"));
        format!("{what} {}{description}\n   ({parameters}: {takes})\n", self.name)
    }

    /// The parameters that are bound or described, sorted; bound ones have a `*`, and two where they cannot be changed.
    fn takes(&self) -> Vec<String> {
        let mark = if self.annotations.value("final") == Some(&Value::Bool(true)) { "**" } else { "*" };
        let described = self.annotations.value("parameters").and_then(Value::as_array);
        let described = described.into_iter().flatten().filter_map(|parameter| parameter["name"].as_str());
        let bound = |name: &str| self.parameters.iter().any(|pair| pair.key == name);
        let mut names: Vec<&str> =
            self.parameters.iter().map(|pair| pair.key.as_str()).chain(described).collect();
        names.sort_unstable();
        names.dedup();
        names.iter().map(|name| format!("{}{name}", if bound(name) { mark } else { "" })).collect()
    }
}

/// What is said of something without a description.
fn described(takes: &[String]) -> String {
    let names: Vec<String> = takes.iter().map(|name| name.replace('*', "")).collect();
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => {
            format!("Returns a result based on parameters {} and {last}", first.join(", "))
        }
        names => format!("Returns a result based on parameter {}", names.join("")),
    }
}

/// `/namespace/[package/]name`
fn name(namespace: Option<&String>, package: Option<&String>, name: Option<&String>) -> String {
    [namespace, package, name].into_iter().flatten().map(|part| format!("/{part}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bound_parameters_are_marked() {
        let annotations: KeyValues = serde_json::from_value(json!([
            {"key": "parameters", "value": [{"name": "b"}, {"name": "a"}]}, {"key": "final", "value": true}
        ]))
        .unwrap();
        let parameters: KeyValues = serde_json::from_value(json!([{"key": "c", "value": 1}])).unwrap();
        let summary = Summary {
            what: "action",
            name: "/ns/x".into(),
            annotations: &annotations,
            parameters: &parameters,
        };
        let text = summary.text(Console::plain());
        let expected =
            "action /ns/x: Returns a result based on parameters a, b and c\n   (parameters: a, b, **c)\n";
        assert_eq!(text, expected);
    }
}
