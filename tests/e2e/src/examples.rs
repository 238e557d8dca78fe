//! The example functions as `examples/build` has made them.

use crate::zipped::base64;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What a client needs to know of an example.
#[derive(Clone, Debug, Deserialize)]
pub struct Example {
    /// Its name.
    pub name: String,
    /// The kind it runs as.
    pub kind: String,
    /// Its entry point, if it is not the usual one.
    pub main: Option<String>,
    /// The file with its code, in the same folder.
    pub code: PathBuf,
    /// Whether the code is an archive.
    pub binary: bool,
    /// Its default parameters.
    pub parameters: serde_json::Map<String, Value>,
    /// Something to invoke it with.
    pub input: Value,
    /// The shape of the answer.
    pub expect: Value,
}

impl Example {
    /// The body of a PUT that creates it.
    ///
    /// # Panics
    /// When its code was not built.
    #[must_use]
    pub fn body(&self) -> Value {
        let path = folder().join(&self.name).join("dist").join(&self.code);
        let bytes = std::fs::read(&path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        let code =
            if self.binary { base64(&bytes) } else { String::from_utf8(bytes).expect("a source is UTF-8") };
        let mut exec = json!({"kind": self.kind, "code": code});
        if let Some(main) = &self.main {
            exec["main"] = json!(main);
        }
        let parameters: Vec<Value> =
            self.parameters.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        json!({"exec": exec, "parameters": parameters})
    }
}

/// All examples.
///
/// # Panics
/// When they were not built.
#[must_use]
pub fn all() -> Vec<Example> {
    let folder = folder();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the folder of examples").flatten() {
        if !entry.path().join("example.json").exists() {
            continue;
        }
        let path = entry.path().join("dist/action.json");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|problem| panic!("{}: {problem}; run examples/build", path.display()));
        found.push(serde_json::from_str(&text).expect("a description of an example"));
    }
    found
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}
