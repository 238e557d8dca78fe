//! A project back from what a namespace has: its manifest, and the files of its actions.

use crate::entity::{FEED_INPUTS, Kind, MANAGED, Managed, annotation};
use crate::manifest::{
    Action, Dependency, Input, Inputs, Limits, Manifest, Package, Project, Rule, Sequence, Trigger,
};
use crate::plan::Existing;
use base64::Engine as _;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Annotations that come back by themselves.
const BY_ITSELF: &[&str] = &["exec", "provide-api-key", "binding", "feed", FEED_INPUTS, MANAGED];

/// A manifest, and the files that it names.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The manifest.
    pub manifest: Manifest,
    /// Paths beside the manifest, and what is in the files.
    pub files: Vec<(String, Vec<u8>)>,
}

/// What `project` manages in a namespace, as a manifest.
#[must_use]
pub fn export(existing: &Existing, project: &str) -> Exported {
    let mut packages: BTreeMap<String, Package> = BTreeMap::new();
    let mut files = Vec::new();
    let managed = existing.entries().filter(|(_, _, document)| Managed::of(document) == Some(project));
    for (kind, name, document) in managed {
        let (package, own) = name.split_once('/').unwrap_or(("default", name));
        match kind {
            Kind::Package => {
                let entry = packages.entry(name.to_owned()).or_default();
                entry.version = document["version"].as_str().map(str::to_owned);
                entry.public = document["publish"] == Value::Bool(true);
                entry.inputs = inputs(document, &Map::new());
                entry.annotations = annotations(document);
            }
            Kind::Binding => {
                let part = |field: &str| document["binding"][field].as_str().unwrap_or("_").to_owned();
                let dependency = Dependency {
                    location: format!("/{}/{}", part("namespace"), part("name")),
                    inputs: inputs(document, &Map::new()),
                    annotations: annotations(document),
                    ..Dependency::default()
                };
                packages
                    .entry("default".to_owned())
                    .or_default()
                    .dependencies
                    .insert(name.to_owned(), dependency);
            }
            Kind::Action => {
                let of_package = existing.parameters(Kind::Package, package);
                let (action, file) = action(name, document, &of_package);
                files.extend(file);
                packages.entry(package.to_owned()).or_default().actions.insert(own.to_owned(), action);
            }
            Kind::Sequence => {
                let parts = document["exec"]["components"].as_array().into_iter().flatten();
                let parts: Vec<&str> = parts.filter_map(Value::as_str).collect();
                let actions =
                    parts.iter().map(|part| relative(part, document)).collect::<Vec<_>>().join(", ");
                let sequence = Sequence { actions, web: None, annotations: annotations(document) };
                packages.entry(package.to_owned()).or_default().sequences.insert(own.to_owned(), sequence);
            }
            Kind::Trigger => {
                let trigger = Trigger {
                    feed: annotation(document, "feed").and_then(Value::as_str).map(str::to_owned),
                    inputs: inputs(document, &Map::new()),
                    annotations: annotations(document),
                    ..Trigger::default()
                };
                packages.entry("default".to_owned()).or_default().triggers.insert(name.to_owned(), trigger);
            }
            Kind::Rule => {
                let named = |field: &str| document[field]["name"].as_str().unwrap_or_default().to_owned();
                let path = document["action"]["path"].as_str().unwrap_or_default();
                let action = match path.split_once('/') {
                    Some((_, package)) => format!("{package}/{}", named("action")),
                    None => named("action"),
                };
                let rule = Rule {
                    trigger: named("trigger"),
                    action,
                    annotations: annotations(document),
                    ..Rule::default()
                };
                packages.entry("default".to_owned()).or_default().rules.insert(name.to_owned(), rule);
            }
        }
    }
    let own = Project { name: Some(project.to_owned()), packages, ..Project::default() };
    Exported { manifest: Manifest { project: Some(own), ..Manifest::default() }, files }
}

fn action(
    name: &str,
    document: &Value,
    of_package: &Map<String, Value>,
) -> (Action, Option<(String, Vec<u8>)>) {
    let exec = &document["exec"];
    let text = |field: &str| exec[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let limit = |name: &str| document["limits"][name].as_i64();
    let kind = text("kind").unwrap_or_default();
    let code = text("code").map(|code| match exec["binary"] {
        Value::Bool(true) => base64::engine::general_purpose::STANDARD.decode(&code).unwrap_or_default(),
        _ => code.into_bytes(),
    });
    let extension = match (&exec["binary"], kind.split(':').next().unwrap_or_default()) {
        (Value::Bool(true), "java") => "jar",
        (Value::Bool(true), _) => "zip",
        (_, "nodejs") => "js",
        (_, "python") => "py",
        (_, "ruby") => "rb",
        (_, "rust") => "rs",
        (_, "blackbox") => "bin",
        (_, other) => other,
    };
    let file = code.map(|code| (format!("{name}.{extension}"), code));
    let action = Action {
        function: file.as_ref().map(|(path, _)| path.clone()),
        runtime: Some(kind).filter(|kind| kind != "blackbox"),
        main: text("main"),
        docker: text("image"),
        limits: Some(Limits {
            timeout: limit("timeout"),
            memory_size: limit("memory"),
            log_size: limit("logs"),
            concurrent_activations: limit("concurrency"),
            ..Limits::default()
        }),
        inputs: inputs(document, of_package),
        annotations: annotations(document),
        ..Action::default()
    };
    (action, file)
}

/// Parameters, but for those that are the package's.
fn inputs(document: &Value, of_package: &Map<String, Value>) -> Inputs {
    let pairs = document["parameters"].as_array().into_iter().flatten();
    let own = pairs.filter_map(|pair| {
        let key = pair["key"].as_str()?;
        (of_package.get(key) != Some(&pair["value"]))
            .then(|| (key.to_owned(), Input::Plain(pair["value"].clone())))
    });
    own.collect()
}

fn annotations(document: &Value) -> Map<String, Value> {
    let pairs = document["annotations"].as_array().into_iter().flatten();
    let own = pairs.filter_map(|pair| Some((pair["key"].as_str()?.to_owned(), pair["value"].clone())));
    own.filter(|(key, _)| !BY_ITSELF.contains(&key.as_str())).collect()
}

/// A part of a sequence, without the namespace where that is the sequence's own.
fn relative(part: &str, sequence: &Value) -> String {
    let namespace = sequence["namespace"].as_str().unwrap_or_default().split('/').next().unwrap_or_default();
    match part.strip_prefix(&format!("/{namespace}/")) {
        Some(own) if own.contains('/') => own.to_owned(),
        Some(own) => format!("/_/{own}"),
        None => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_project_manages_becomes_its_manifest() {
        let mark = json!({"key": MANAGED, "value": {"projectName": "x"}});
        let mut existing = Existing::default();
        let package =
            json!({"version": "1.0.0", "parameters": [{"key": "r", "value": "eu"}], "annotations": [mark]});
        existing.insert(Kind::Package, "p", package);
        existing.insert(
            Kind::Action,
            "p/a",
            json!({
                "exec": {"kind": "nodejs:20", "code": "text", "binary": false}, "limits": {"timeout": 5},
                "parameters": [{"key": "r", "value": "eu"}, {"key": "n", "value": 1}],
                "annotations": [mark, {"key": "note", "value": "x"}, {"key": "exec", "value": "nodejs:20"}]
            }),
        );
        existing.insert(Kind::Sequence, "s", json!({
            "namespace": "ns", "exec": {"kind": "sequence", "components": ["/ns/p/a", "/ns/b", "/other/c"]},
            "annotations": [mark]
        }));
        existing.insert(Kind::Action, "foreign", json!({"exec": {"kind": "nodejs:20"}}));
        let exported = export(&existing, "x");
        assert_eq!(exported.files, [("p/a.js".to_owned(), b"text".to_vec())]);
        let packages = exported.manifest.project.unwrap().packages;
        let action = &packages["p"].actions["a"];
        assert_eq!(action.inputs.keys().collect::<Vec<_>>(), ["n"]);
        assert_eq!(action.annotations.keys().collect::<Vec<_>>(), ["note"]);
        assert_eq!(packages["default"].sequences["s"].actions, "p/a, /_/b, /other/c");
        assert!(!packages["default"].actions.contains_key("foreign"));
    }
}
