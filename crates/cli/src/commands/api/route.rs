//! What makes a route: paths and their parameters, verbs, documents.

use crate::failure::{Failure, Outcome};
use client::{ApiParameter, Swagger};
use serde_json::{Map, Value};
use std::path::Path;

const VERBS: [&str; 7] = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"];

pub(super) fn begins_with_slash(path: &str) -> Outcome {
    if path.starts_with('/') {
        return Ok(());
    }
    Err(Failure::usage(format!("'{path}' must begin with '/'.")))
}

/// A verb in capitals.
pub(super) fn verb(text: &str) -> Outcome<String> {
    let verb = text.to_uppercase();
    if VERBS.contains(&verb.as_str()) {
        return Ok(verb);
    }
    let verbs = VERBS.join(" ");
    Err(Failure::usage(format!("'{text}' is not a valid API verb.  Valid values are: [{verbs}]")))
}

/// The parameters of a path, `/x/{id}`, each once (GW-16).
pub(super) fn parameters(path: &str) -> Vec<ApiParameter> {
    let mut found: Vec<ApiParameter> = Vec::new();
    for part in path.split('/') {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
        if found.iter().all(|known| known.name != name) {
            found.push(ApiParameter {
                name: name.to_owned(),
                place: "path".to_owned(),
                description: format!("Default description for '{name}'"),
                required: true,
                kind: "string".to_owned(),
                more: Map::new(),
            });
        }
    }
    found
}

/// Reads a Swagger document, JSON or YAML, as JSON text (GW-13).
pub(super) fn document(file: &Path) -> Outcome<String> {
    let shown = file.display().to_string();
    let unreadable =
        |reason: String| Failure::file(format!("Error reading swagger file '{shown}': {reason}"));
    if !file.is_file() {
        return Err(unreadable(format!("File '{shown}' is not a valid file or it does not exist")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()).exit(1))?;
    let text = if shown.ends_with("yaml") || shown.ends_with("yml") {
        let value = serde_norway::from_str::<Value>(&text).map_err(|error| error.to_string());
        let json = value.and_then(|value| serde_json::to_string(&value).map_err(|error| error.to_string()));
        json.map_err(|error| Failure::usage(format!("Unable to parse YAML configuration file: {error}")))?
    } else {
        text
    };
    let swagger: Swagger = serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("Error parsing swagger file '{shown}': {error}")))?;
    if swagger.base_path.is_empty()
        || swagger.swagger.is_empty()
        || swagger.info.is_none()
        || swagger.paths.is_none()
    {
        return Err(Failure::usage(
            "Swagger file is invalid (missing basePath, info, paths, or swagger fields)",
        ));
    }
    if !swagger.base_path.starts_with('/') {
        return Err(Failure::usage("Swagger file basePath must start with a leading slash (/)"));
    }
    Ok(text)
}

/// Whether what the gateway answered has all that is shown of it.
pub(super) fn sound(document: Option<&Swagger>) -> Outcome {
    let Some(document) = document else {
        return Err(Failure::general("Internal error. Missing apidoc stanza in API configuration"));
    };
    for path in document.paths.iter().flatten().map(|(_, path)| path) {
        for (verb, operation) in path.operations() {
            let Some(target) = &operation.target else { continue };
            for (field, value) in [
                ("operationId", &operation.operation_id),
                ("x-openwhisk.namespace", &target.namespace),
                ("x-openwhisk.action", &target.action),
                ("x-openwhisk.url", &target.url),
            ] {
                if value.is_empty() {
                    return Err(Failure::general(format!(
                        "Missing {field} field in API configuration for operation {verb}"
                    )));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw_16_parameters_are_whole_segments() {
        let names = |path| parameters(path).into_iter().map(|found| found.name).collect::<Vec<_>>();
        assert_eq!(names("/a/{id}/b/{x}/{id}"), ["id", "x"]);
        assert!(names("/a/{}/b{c}/{d}e").is_empty());
    }

    #[test]
    fn gw_13_a_document_has_what_a_gateway_needs() {
        let dir = tempfile::tempdir().unwrap();
        let of = |name: &str, text: &str| {
            let file = dir.path().join(name);
            std::fs::write(&file, text).unwrap();
            document(&file)
        };
        let yaml = of("a.yml", "swagger: '2.0'\nbasePath: /b\ninfo: {title: t}\npaths: {}\n").unwrap();
        assert_eq!(yaml, r#"{"basePath":"/b","info":{"title":"t"},"paths":{},"swagger":"2.0"}"#);
        assert!(of("b.json", r#"{"swagger":"2.0"}"#).unwrap_err().message.contains("missing basePath"));
        let slash = of("c.json", r#"{"swagger":"2.0","basePath":"b","info":{},"paths":{}}"#).unwrap_err();
        assert!(slash.message.contains("leading slash"), "{slash:?}");
        assert_eq!(document(&dir.path().join("none")).unwrap_err().exit, 2);
    }
}
