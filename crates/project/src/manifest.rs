//! Manifests and deployment files as they are written.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a manifest or a deployment file says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Manifest {
    /// What holds for all packages, and packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
    /// Packages, which win over those of `project`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, Package>,
    /// A package alone, as old manifests have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<Package>,
    /// What was there and is not known, by its path.
    #[serde(skip)]
    pub unknown: Vec<String>,
}

/// Why a file is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct ManifestError {
    /// The file.
    pub file: String,
    /// What is wrong, with line and column where YAML tells them.
    pub reason: String,
}

/// What holds for all packages.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Project {
    /// Its name, by which what it manages is known.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub name: Option<String>,
    /// Where it is deployed.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub namespace: Option<String>,
    /// With whose key.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub credential: Option<String>,
    /// To which server.
    #[serde(skip_serializing_if = "Option::is_none", alias = "apihost", deserialize_with = "text_or_none")]
    pub api_host: Option<String>,
    /// For the API gateway.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub apigw_access_token: Option<String>,
    /// Of the project itself.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub version: Option<String>,
    /// An OpenAPI file.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub config: Option<String>,
    /// Packages.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "map_or_none")]
    pub packages: BTreeMap<String, Package>,
    /// Inputs of all packages.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        alias = "parameters",
        deserialize_with = "map_or_none"
    )]
    pub inputs: Inputs,
}

/// Inputs by name.
pub type Inputs = BTreeMap<String, Input>;

/// An input: a value alone, or a value with what is said of it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Input {
    /// With `type`, `value`, `default`, …
    Described(Described),
    /// The value, or the name of a type, whose default it then is.
    Plain(Value),
}

/// An input with what is said of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Described {
    /// `string`, `integer`, `float`, `boolean`, `json`
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// What it is without a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether it must have one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// A package and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Package {
    /// Of a package alone.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub name: Option<String>,
    /// `1`, `1.0` or `1.0.0`
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub version: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub license: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub description: Option<String>,
    /// Whether others may use it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
    /// Where it is deployed; the project's counts.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub namespace: Option<String>,
    /// The project's counts.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub credential: Option<String>,
    /// The project's counts.
    #[serde(skip_serializing_if = "Option::is_none", alias = "apihost", deserialize_with = "text_or_none")]
    pub api_host: Option<String>,
    /// The project's counts.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub apigw_access_token: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repositories: Option<Value>,
    /// Bindings, and packages from elsewhere.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "map_or_none")]
    pub dependencies: BTreeMap<String, Dependency>,
    /// Actions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "map_or_none")]
    pub actions: BTreeMap<String, Action>,
    /// Sequences.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "map_or_none")]
    pub sequences: BTreeMap<String, Sequence>,
    /// Triggers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "map_or_none")]
    pub triggers: BTreeMap<String, Trigger>,
    /// Feeds of others; upstream reads and ignores them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feeds: Option<Value>,
    /// Rules.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "map_or_none")]
    pub rules: BTreeMap<String, Rule>,
    /// APIs: name, base path, path, action.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "map_or_none")]
    pub apis: BTreeMap<String, BTreeMap<String, Paths>>,
    /// Parameters of the package.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        alias = "parameters",
        deserialize_with = "map_or_none"
    )]
    pub inputs: Inputs,
    /// Annotations of the package.
    #[serde(skip_serializing_if = "Map::is_empty", deserialize_with = "map_or_none")]
    pub annotations: Map<String, Value>,
}

/// Paths of an API, and what is reached there: actions, with their methods.
pub type Paths = BTreeMap<String, BTreeMap<String, Api>>;

/// A binding, or a package from elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Dependency {
    /// `/namespace/package`, or a repository.
    #[serde(deserialize_with = "text")]
    pub location: String,
    /// A branch or tag.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub version: Option<String>,
    /// Parameters of the binding.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        alias = "parameters",
        deserialize_with = "map_or_none"
    )]
    pub inputs: Inputs,
    /// Its annotations.
    #[serde(skip_serializing_if = "Map::is_empty", deserialize_with = "map_or_none")]
    pub annotations: Map<String, Value>,
}

/// An action.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Action {
    /// For people; the key counts.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub name: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub version: Option<String>,
    /// A file or directory.
    #[serde(skip_serializing_if = "Option::is_none", alias = "location", deserialize_with = "text_or_none")]
    pub function: Option<String>,
    /// The code itself.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub code: Option<String>,
    /// `nodejs:20`, `nodejs:default` or `nodejs`
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub runtime: Option<String>,
    /// The function's name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub main: Option<String>,
    /// An image.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub docker: Option<String>,
    /// Whether it is an executable.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub native: bool,
    /// Whether it decides what runs next.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub conductor: bool,
    /// `yes`, `true`, `raw`, `no`, `false`
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub web: Option<String>,
    /// The same, as old manifests have it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub web_export: Option<String>,
    /// Whether a web action gets requests as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_http: Option<bool>,
    /// The secret of a web action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_whisk_auth: Option<Value>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub description: Option<String>,
    /// The package's counts.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub namespace: Option<String>,
    /// The project's counts.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub credential: Option<String>,
    /// Never had a meaning.
    #[serde(skip_serializing_if = "Option::is_none", rename = "exposedUrl")]
    pub exposed_url: Option<Value>,
    /// Limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Parameters.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        alias = "parameters",
        deserialize_with = "map_or_none"
    )]
    pub inputs: Inputs,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Value>,
    /// Annotations.
    #[serde(skip_serializing_if = "Map::is_empty", deserialize_with = "map_or_none")]
    pub annotations: Map<String, Value>,
    /// Further files of a directory: `[FROM]` or `[FROM, TO]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<Vec<String>>,
    /// Patterns of files that are left out of a directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// Limits of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Limits {
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// Megabytes.
    #[serde(skip_serializing_if = "Option::is_none", alias = "memory")]
    pub memory_size: Option<i64>,
    /// Megabytes.
    #[serde(skip_serializing_if = "Option::is_none", alias = "logs")]
    pub log_size: Option<i64>,
    /// At a time in one container.
    #[serde(skip_serializing_if = "Option::is_none", alias = "concurrency")]
    pub concurrent_activations: Option<i64>,
    /// No limit of an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_invocation_rate: Option<i64>,
    /// No limit of an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_size: Option<i64>,
    /// No limit of an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_size: Option<i64>,
}

/// A sequence.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Sequence {
    /// Its parts, with commas.
    #[serde(deserialize_with = "list_or_text")]
    pub actions: String,
    /// As of an action.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub web: Option<String>,
    /// Annotations.
    #[serde(skip_serializing_if = "Map::is_empty", deserialize_with = "map_or_none")]
    pub annotations: Map<String, Value>,
}

/// A trigger.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Trigger {
    /// For people; the key counts.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub name: Option<String>,
    /// The action that feeds it.
    #[serde(skip_serializing_if = "Option::is_none", alias = "source", deserialize_with = "text_or_none")]
    pub feed: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub description: Option<String>,
    /// The project's counts.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub namespace: Option<String>,
    /// The project's counts.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub credential: Option<String>,
    /// Its parameters, or those of its feed.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        alias = "parameters",
        deserialize_with = "map_or_none"
    )]
    pub inputs: Inputs,
    /// Annotations.
    #[serde(skip_serializing_if = "Map::is_empty", deserialize_with = "map_or_none")]
    pub annotations: Map<String, Value>,
}

/// A rule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Rule {
    /// For people; the key counts.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub name: Option<String>,
    /// What fires it.
    #[serde(deserialize_with = "text")]
    pub trigger: String,
    /// What it invokes.
    #[serde(deserialize_with = "text")]
    pub action: String,
    /// Never had a meaning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Value>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_none")]
    pub description: Option<String>,
    /// Annotations.
    #[serde(skip_serializing_if = "Map::is_empty", deserialize_with = "map_or_none")]
    pub annotations: Map<String, Value>,
}

/// How an action is reached through the API gateway: `get`, or with the form of the response.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Api {
    /// A method.
    Method(String),
    /// A method, and the form of the response.
    Described {
        /// `get`, …
        method: String,
        /// `json`, `http`, …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response: Option<String>,
    },
}

impl Manifest {
    /// Reads a manifest or a deployment file. What it has and is not known is kept in `unknown`.
    ///
    /// # Errors
    /// When it is no YAML, or something in it is of another form.
    pub fn parse(file: &str, text: &str) -> Result<Manifest, ManifestError> {
        let mut unknown = Vec::new();
        let read = serde_norway::Deserializer::from_str(text);
        let parsed =
            serde_ignored::deserialize(read, |path| unknown.push(path.to_string().replace("?.", "")));
        let manifest: Option<Manifest> =
            parsed.map_err(|error| ManifestError { file: file.to_owned(), reason: error.to_string() })?;
        Ok(Manifest { unknown, ..manifest.unwrap_or_default() })
    }

    /// Its packages by name; `package` alone has its own.
    #[must_use]
    pub fn packages(&self) -> Vec<(&str, &Package)> {
        let own = self.package.as_ref().map(|package| (package.name.as_deref().unwrap_or_default(), package));
        let of_project = self.project.as_ref().map(|project| &project.packages);
        let packages =
            if self.packages.is_empty() { of_project.unwrap_or(&self.packages) } else { &self.packages };
        own.into_iter().chain(packages.iter().map(|(name, package)| (name.as_str(), package))).collect()
    }
}

impl Package {
    /// The names of its actions, and the files or directories of their functions.
    pub fn actions(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.actions.iter().map(|(name, action)| (name.as_str(), action.function.as_deref()))
    }
}

/// A text, or a number or truth as it is written.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text_or_none(deserializer).map(Option::unwrap_or_default)
}

fn text_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other @ (Value::Bool(_) | Value::Number(_)) => Ok(Some(other.to_string())),
        other => Err(serde::de::Error::custom(format!("a text is expected, not {other}"))),
    }
}

/// A map, also where nothing stands behind its key.
fn map_or_none<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn list_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        List(Vec<String>),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Text(text) => text,
        Either::List(list) => list.join(","),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_stand_at_the_top_in_a_project_or_alone() {
        for text in [
            "packages: {p: {license: Apache-2.0}}",
            "project: {name: x, packages: {p: {}}}",
            "package: {name: p, actions: }",
        ] {
            let manifest = Manifest::parse("m.yaml", text).unwrap();
            assert_eq!(
                manifest.packages().iter().map(|(name, _)| *name).collect::<Vec<_>>(),
                ["p"],
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_named_by_its_path() {
        let text = "packages:\n  p:\n    actions:\n      a: {function: a.js, memmory: 5}\n    nonsense: 1\n";
        let manifest = Manifest::parse("m.yaml", text).unwrap();
        assert_eq!(manifest.unknown, ["packages.p.actions.a.memmory", "packages.p.nonsense"]);
    }

    #[test]
    fn errors_tell_file_and_place() {
        let error =
            Manifest::parse("m.yaml", "packages:\n  p:\n    public: maybe\n").unwrap_err().to_string();
        assert!(error.starts_with("m.yaml: ") && error.contains("public"), "{error}");
        let error = Manifest::parse("m.yaml", "a: [\n").unwrap_err().to_string();
        assert!(error.contains("line"), "{error}");
    }
}
