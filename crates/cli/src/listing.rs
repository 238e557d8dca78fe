//! Lists of entities: what part of them is asked for, and how they look.

use crate::context::Context;
use crate::failure::Outcome;
use client::{Action, Package, Page, Rule, Trigger, WithKeyValues as _};
use serde::Serialize;
use serde_json::Value;
use std::cmp::Ordering;

/// Which part of a list is shown, and in what order.
#[derive(Debug, clap::Args)]
pub(crate) struct Listing {
    /// Leave out the first SKIP entries
    #[arg(short, long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    skip: i64,
    /// Show at most LIMIT entries; 0 is as many as the server allows
    #[arg(short, long, default_value_t = 30, allow_negative_numbers = true)]
    limit: i64,
    /// Sort by name, within the part that is shown
    #[arg(short, long)]
    name_sort: bool,
}

/// All that the server gives at once.
pub(crate) const ALL: Page = Page { limit: 0, skip: 0 };

impl Listing {
    pub(crate) fn page(&self) -> Page {
        Page { limit: self.limit, skip: self.skip }
    }

    /// Whether it is sorted by name.
    pub(crate) fn sorted(&self) -> bool {
        self.name_sort
    }

    /// Shows a list, as these flags say.
    pub(crate) fn show<T: Row>(&self, entries: Vec<T>, context: &Context) -> Outcome {
        show(entries, self.name_sort, context)
    }
}

/// Shows a list.
pub(crate) fn show<T: Row>(entries: Vec<T>, sorted: bool, context: &Context) -> Outcome {
    let entries = if sorted { by_name(entries) } else { entries };
    context.show(&entries, || {
        print(&entries, context);
        Ok(())
    })
}

/// Prints a list in upstream's form.
pub(crate) fn print<T: Row>(entries: &[T], context: &Context) {
    let rows: String = entries.iter().map(|entry| format!("{}\n", entry.row())).collect();
    context.console.print(format!("{}\n{rows}", context.console.bold(T::HEADER)));
}

/// In the order of upstream's `--name-sort`.
pub(crate) fn by_name<T: Row>(mut entries: Vec<T>) -> Vec<T> {
    entries.sort_by(Row::order);
    entries
}

/// An entity as a row of a list.
pub(crate) trait Row: Serialize {
    /// The line above the rows.
    const HEADER: &'static str;
    /// Its line.
    fn row(&self) -> String;
    /// What it is sorted by.
    fn order(&self, other: &Self) -> Ordering;
}

/// `/namespace/name`, of entities that have both.
fn path(namespace: &Option<String>, name: &Option<String>) -> String {
    format!("/{}/{}", text(namespace), text(name))
}

fn text(field: &Option<String>) -> &str {
    field.as_deref().unwrap_or_default()
}

impl Row for Action {
    const HEADER: &'static str = "actions";

    fn row(&self) -> String {
        let exec = self.annotations.as_ref().and_then(|annotations| annotations.value("exec"));
        let kind = exec.and_then(Value::as_str).unwrap_or_default();
        format!("{:<70} private {kind}", path(&self.namespace, &self.name))
    }

    /// Those without a package come first (by their exact names), then the packages in turn.
    fn order(&self, other: &Self) -> Ordering {
        let key =
            |action: &Action| format!("{}{}", text(&action.namespace), text(&action.name)).to_lowercase();
        let packaged = |action: &Action| text(&action.namespace).contains('/');
        match (packaged(self), packaged(other)) {
            (true, true) => key(self).cmp(&key(other)),
            (false, false) => self.name.cmp(&other.name),
            (mine, theirs) => mine.cmp(&theirs),
        }
    }
}

impl Row for Trigger {
    const HEADER: &'static str = "triggers";

    fn row(&self) -> String {
        format!("{:<70} private", path(&self.namespace, &self.name))
    }

    fn order(&self, other: &Self) -> Ordering {
        lower(&self.namespace, &self.name).cmp(&lower(&other.namespace, &other.name))
    }
}

impl Row for Package {
    const HEADER: &'static str = "packages";

    fn row(&self) -> String {
        let visibility = if self.publish == Some(true) { "shared" } else { "private" };
        format!("{:<70} {visibility}", path(&self.namespace, &self.name))
    }

    fn order(&self, other: &Self) -> Ordering {
        lower(&self.namespace, &self.name).cmp(&lower(&other.namespace, &other.name))
    }
}

impl Row for Rule {
    const HEADER: &'static str = "rules";

    fn row(&self) -> String {
        format!("{:<70} {:<20} {}", path(&self.namespace, &self.name), "private", self.status)
    }

    fn order(&self, other: &Self) -> Ordering {
        lower(&self.namespace, &self.name).cmp(&lower(&other.namespace, &other.name))
    }
}

fn lower(namespace: &Option<String>, name: &Option<String>) -> String {
    format!("{}{}", text(namespace), text(name)).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cli_07_a_row_has_name_visibility_and_kind() {
        let action =
            json!({"namespace": "ns/p", "name": "a", "annotations": [{"key": "exec", "value": "nodejs:20"}]});
        let action: Action = serde_json::from_value(action).unwrap();
        assert_eq!(action.row(), format!("/ns/p/a{} private nodejs:20", " ".repeat(63)));
    }

    #[test]
    fn actions_outside_packages_come_first() {
        let action = |namespace: &str, name: &str| Action {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            ..Action::default()
        };
        let sorted =
            by_name(vec![action("ns/p", "a"), action("ns", "z"), action("ns/P", "B"), action("ns", "b")]);
        let names: Vec<_> = sorted.iter().map(|action| action.name.clone().unwrap()).collect();
        assert_eq!(names, ["b", "z", "a", "B"]);
    }
}
