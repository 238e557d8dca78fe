//! What an action of a manifest runs: its code, and the kind that runs it.

use super::{OnePackage, Problem, problem};
use crate::code::{kind_of, kinds, pack};
use crate::environment::interpolate;
use crate::manifest::Action;
use base64::Engine as _;
use serde_json::{Value, json};

/// The image of actions that are an executable of their own.
pub(super) const NATIVE_IMAGE: &str = "openwhisk/dockerskeleton";

impl OnePackage<'_> {
    pub(super) fn exec(&mut self, place: &str, action: &Action) -> Result<Value, Problem> {
        let function = action.function.as_ref().map(|function| interpolate(function, self.variable));
        let (mut exec, guessed) = match (&action.code, function) {
            (_, Some(function)) => self.function(place, action, &function)?,
            (Some(code), None) => (json!({ "code": code }), None),
            (None, None) if action.docker.is_some() || action.native => (json!({}), None),
            (None, None) => return Err(problem(place, "an action has a function, code, or an image")),
        };
        exec["kind"] = match &action.docker {
            Some(image) => {
                exec["image"] = interpolate(image, self.variable).into();
                "blackbox".into()
            }
            None if action.native => {
                exec["image"] = NATIVE_IMAGE.into();
                "blackbox".into()
            }
            None => self.kind(place, action, guessed)?.into(),
        };
        if let Some(main) = &action.main {
            exec["main"] = interpolate(main, self.variable).into();
        }
        Ok(exec)
    }

    /// The code of a file or directory, and the language that it tells.
    fn function(
        &self,
        place: &str,
        action: &Action,
        function: &str,
    ) -> Result<(Value, Option<&'static str>), Problem> {
        if function.contains("://") {
            return Err(problem(place, format!("'{function}' is not on this machine; download it first")));
        }
        let path = self.directory.join(function);
        let path = path.components().collect::<std::path::PathBuf>();
        let unreadable =
            |error: std::io::Error| problem(place, format!("function {}: {error}", path.display()));
        let guessed = kind_of(&path, self.files);
        let (bytes, is_archive) = if self.files.is_directory(&path) {
            let packed = pack(&path, self.files, self.directory, &action.include, &action.exclude);
            (packed.map_err(unreadable)?, true)
        } else {
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            (self.files.read(&path).map_err(unreadable)?, ["zip", "jar", "balx"].contains(&extension))
        };
        let encoded = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let code = match String::from_utf8(bytes) {
            Ok(text) if !is_archive => text,
            Ok(text) => encoded(text.as_bytes()),
            Err(binary) => encoded(binary.as_bytes()),
        };
        Ok((json!({ "code": code }), guessed))
    }

    /// The kind: what is written, where the server has it, or what the file tells.
    fn kind(&mut self, place: &str, action: &Action, guessed: Option<&str>) -> Result<String, Problem> {
        let default = |language: &str| format!("{language}:default");
        let guessed = guessed.map(default);
        let written = action.runtime.as_ref().map(|runtime| interpolate(runtime, self.variable));
        let written = written.map(|runtime| if runtime.contains(':') { runtime } else { default(&runtime) });
        let kind = written
            .clone()
            .or(guessed.clone())
            .ok_or_else(|| problem(place, format!("the kind is not told: give a runtime, {}", kinds())))?;
        if self.has(&kind) {
            return Ok(kind);
        }
        match guessed.filter(|guessed| written.is_some() && !self.options.strict && self.has(guessed)) {
            Some(instead) => {
                let warning =
                    format!("{place}: the server has no runtime '{kind}'; {instead} is used instead");
                self.resolved.warnings.push(warning);
                Ok(instead)
            }
            None => {
                let known = kinds_of_server(&self.options.runtimes).join(", ");
                Err(problem(place, format!("the server has no runtime '{kind}'; it has {known}")))
            }
        }
    }

    /// Whether the server runs a kind, as far as it is known.
    fn has(&self, kind: &str) -> bool {
        let known = kinds_of_server(&self.options.runtimes);
        let language = kind.strip_suffix("default");
        let is =
            |known: &String| known == kind || language.is_some_and(|language| known.starts_with(language));
        known.is_empty() || known.iter().any(is)
    }
}

/// The kinds of a runtime manifest that are not deprecated.
fn kinds_of_server(manifest: &Value) -> Vec<String> {
    let runtimes = manifest["runtimes"].as_object().into_iter().flatten();
    let kinds = runtimes.flat_map(|(_, kinds)| kinds.as_array().into_iter().flatten());
    let current = kinds.filter(|kind| kind["deprecated"] != Value::Bool(true));
    current.filter_map(|kind| kind["kind"].as_str().map(str::to_owned)).collect()
}
