//! The forms in which documents are shown: upstream's own text, or with `--output` JSON, YAML or a table.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::projection::project;
use client::QualifiedName;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// How documents are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// As upstream's CLI prints it.
    #[default]
    Text,
    /// Nothing but JSON.
    Json,
    /// Nothing but YAML.
    Yaml,
    /// A table for people.
    Table,
}

impl Context {
    /// Shows a document: in upstream's form by `text`, or as `--output` says.
    pub(crate) fn show(&self, document: &impl Serialize, text: impl FnOnce() -> Outcome) -> Outcome {
        let unwritable = |error: String| Failure::general(format!("the document cannot be shown: {error}"));
        match self.format() {
            Format::Text => text()?,
            Format::Json => self.console.line(pretty(document)),
            Format::Yaml => {
                // By way of JSON, so that parts that are kept as they came are written out too; the order stays.
                let written = serde_norway::from_str(&pretty(document))
                    .and_then(|document: serde_norway::Value| serde_norway::to_string(&document));
                self.console.print(written.map_err(|error| unwritable(error.to_string()))?);
            }
            Format::Table => {
                let document =
                    serde_json::to_value(document).map_err(|error| unwritable(error.to_string()))?;
                self.console.print(table(&document));
            }
        }
        Ok(())
    }

    /// Shows an entity that was got, or one field of it.
    pub(crate) fn show_entity(
        &self,
        what: &str,
        name: &QualifiedName,
        document: &impl Serialize,
        field: Option<&String>,
        text: impl FnOnce(),
    ) -> Outcome {
        let Some(field) = field else {
            return self.show(document, || {
                self.console.ok(format!("got {what} {}", self.console.bold(name.entity())));
                text();
                Ok(())
            });
        };
        let value = project(document, field);
        self.show(&value, || {
            let (name, field) = (self.console.bold(name.entity()), self.console.bold(field));
            self.console.ok(format!("got {what} {name}, displaying field {field}"));
            self.console.line(indented(&value));
            Ok(())
        })
    }

    /// Says `ok: TEXT`, or where `--output` wants a document, shows the one that came of it.
    pub(crate) fn done(&self, document: &impl Serialize, text: impl AsRef<str>) -> Outcome {
        self.show(document, || {
            self.console.ok(text);
            Ok(())
        })
    }
}

/// JSON as upstream's CLI prints it: indented by four.
pub(crate) fn pretty(document: &impl Serialize) -> String {
    let mut text = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, form);
    // What is shown was read from JSON.
    if document.serialize(&mut serializer).is_err() {
        return String::new();
    }
    String::from_utf8(text).unwrap_or_default()
}

/// The same, of JSON that is text already and keeps its order.
pub(crate) fn indented(json: &RawValue) -> String {
    let mut text = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, form);
    let mut reader = serde_json::Deserializer::from_str(json.get());
    match serde_transcode::transcode(&mut reader, &mut serializer) {
        Ok(()) => String::from_utf8(text).unwrap_or_default(),
        Err(_) => json.get().to_owned(),
    }
}

/// Rows for a list, a line for each field of anything else.
fn table(document: &Value) -> String {
    match document {
        Value::Array(rows) if rows.iter().any(Value::is_object) => rows_of(rows),
        Value::Array(rows) => rows.iter().map(|row| format!("{}\n", cell(row))).collect(),
        Value::Object(fields) => {
            aligned(&fields.iter().map(|(name, value)| vec![name.clone(), cell(value)]).collect::<Vec<_>>())
        }
        other => format!("{}\n", cell(other)),
    }
}

/// A table with a column for each field that any row has and that is no document itself.
fn rows_of(rows: &[Value]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for fields in rows.iter().filter_map(Value::as_object) {
        for (name, value) in fields {
            if !names.contains(&name.as_str()) && !value.is_object() && !value.is_array() {
                names.push(name);
            }
        }
    }
    let mut lines = vec![names.iter().map(|name| name.to_uppercase()).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| names.iter().map(|name| cell(&row[*name])).collect()));
    aligned(&lines)
}

/// A value in one line.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace('\n', " "),
        other => other.to_string(),
    }
}

/// Columns, two spaces apart.
pub(crate) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_has_a_column_for_each_plain_field() {
        let rows = json!([{"name": "a", "limits": {}, "n": 1}, {"name": "longer", "n": 20}]);
        assert_eq!(table(&rows), "N   NAME\n1   a\n20  longer\n");
        assert_eq!(table(&json!({"b": true, "aa": "x"})), "aa  x\nb   true\n");
    }
}
