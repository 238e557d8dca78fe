//! What a manifest means: the entities that it wants, with every input, variable and file in its place.

mod annotations;
mod exec;

use crate::code::Files;
use crate::entity::{Entity, FEED, FEED_INPUTS, Feed, Kind, MANAGED, Managed, hash, pairs};
use crate::environment::interpolate;
use crate::inputs::{Sources, values};
use crate::manifest::{Action, Api, Inputs, Limits, Manifest, Package, Sequence};
use annotations::{TRUTHS, secret, truth, web_annotations};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The package whose actions stand outside packages.
const DEFAULT: &str = "default";

/// How a manifest is understood.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What overrides it.
    pub deployment: Option<Manifest>,
    /// Inputs of the command line, which win over all others of their name.
    pub overrides: Map<String, Value>,
    /// What manages the entities, if anything does.
    pub managed: Option<Managed>,
    /// What `GET /` of the server says it runs; `null` where it is not known.
    pub runtimes: Value,
    /// Whether a runtime that the server does not have is an error, not a warning.
    pub strict: bool,
}

/// What a manifest wants.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Packages before what is in them, actions before sequences, triggers before rules.
    pub entities: Vec<Entity>,
    /// Routes of the API gateway.
    pub apis: Vec<ApiRoute>,
    /// Packages that come from elsewhere: their name, location and version.
    pub repositories: Vec<(String, String, Option<String>)>,
    /// What is odd, and does not stop anything.
    pub warnings: Vec<String>,
}

/// A route of the API gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRoute {
    /// The name of the API.
    pub api: String,
    /// `/base`
    pub base: String,
    /// `/path`
    pub path: String,
    /// `get`, …
    pub method: String,
    /// `[PACKAGE/]NAME` of the web action.
    pub action: String,
    /// `json`, `http`, …
    pub response: Option<String>,
}

/// What in a manifest cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Problem {
    /// Where: `packages.p.actions.a`
    pub place: String,
    /// What.
    pub reason: String,
}

/// Understands a manifest that lies in `directory`.
///
/// # Errors
/// With the place and the reason, where something cannot be.
pub fn resolve(
    manifest: &Manifest,
    directory: &Path,
    files: &dyn Files,
    variable: &dyn Fn(&str) -> Option<String>,
    options: &Options,
) -> Result<Resolved, Problem> {
    let mut resolved = Resolved::default();
    for unknown in &manifest.unknown {
        resolved.warnings.push(format!("{unknown} is not known, and is ignored"));
    }
    let project_inputs = manifest.project.as_ref().map(|project| project.inputs.clone()).unwrap_or_default();
    let none = Map::new();
    let sources = Sources { variable, above: &none, overrides: &options.overrides };
    let project = values(&project_inputs, &sources).map_err(|reason| problem("project", reason))?;
    for (key, package) in manifest.packages() {
        let name = interpolate(key, variable);
        let name = if name.is_empty() { from_inputs(key, &project) } else { name };
        if name.is_empty() {
            return Err(problem("packages", format!("the package '{key}' has no name")));
        }
        let overlay = options.deployment.iter().flat_map(Manifest::packages);
        let mut overlay =
            overlay.filter(|(other, _)| interpolate(other, variable) == name).map(|(_, package)| package);
        let overlay = overlay.next().cloned().unwrap_or_default();
        let mut one = OnePackage {
            name: &name,
            inputs: Map::new(),
            overlay,
            directory,
            files,
            variable,
            options,
            resolved: &mut resolved,
        };
        one.all(package, &project)?;
    }
    // Sequences may have sequences of other packages as parts.
    resolved.entities.sort_by_key(|entity| order(entity.kind));
    sequences_in_order(&mut resolved.entities);
    Ok(resolved)
}

/// The order in which things are made.
pub(crate) fn order(kind: Kind) -> u8 {
    match kind {
        Kind::Package => 0,
        Kind::Binding => 1,
        Kind::Action => 2,
        Kind::Sequence => 3,
        Kind::Trigger => 4,
        Kind::Rule => 5,
    }
}

/// A sequence stands behind those that are its parts.
fn sequences_in_order(entities: &mut [Entity]) {
    let first = entities.iter().position(|entity| entity.kind == Kind::Sequence).unwrap_or(entities.len());
    let count = entities.iter().filter(|entity| entity.kind == Kind::Sequence).count();
    let sequences = &mut entities[first..first + count];
    // Few, and mostly in order already: as often as there are sequences, each moves in front of whoever needs it.
    for _ in 0..sequences.len() {
        for at in 0..sequences.len() {
            for later in at + 1..sequences.len() {
                let needed = Value::String(format!("/_/{}", sequences[later].name));
                let parts = sequences[at].document["exec"]["components"].as_array();
                if parts.is_some_and(|parts| parts.contains(&needed)) {
                    sequences.swap(at, later);
                }
            }
        }
    }
}

fn problem(place: impl Into<String>, reason: impl Into<String>) -> Problem {
    Problem { place: place.into(), reason: reason.into() }
}

/// The text that an input gives to the name `$KEY`.
fn from_inputs(key: &str, inputs: &Map<String, Value>) -> String {
    let name = key.trim_start_matches('$').trim_start_matches('{').trim_end_matches('}');
    inputs.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A package that is being understood.
struct OnePackage<'a> {
    name: &'a str,
    /// Of the project and the package.
    inputs: Map<String, Value>,
    /// What a deployment file says of the package.
    overlay: Package,
    directory: &'a Path,
    files: &'a dyn Files,
    variable: &'a dyn Fn(&str) -> Option<String>,
    options: &'a Options,
    resolved: &'a mut Resolved,
}

impl OnePackage<'_> {
    fn all(&mut self, package: &Package, project: &Map<String, Value>) -> Result<(), Problem> {
        self.inputs.clone_from(project);
        let place = format!("packages.{}", self.name);
        let own = self.values(&place, &overlaid(&package.inputs, &self.overlay.inputs))?;
        self.inputs.extend(own);
        if self.name != DEFAULT {
            self.package(package);
        }
        for (key, dependency) in &package.dependencies {
            self.dependency(key, dependency)?;
        }
        for (key, action) in &package.actions {
            self.action(key, action)?;
        }
        for (key, sequence) in &package.sequences {
            self.sequence(key, sequence)?;
        }
        for (key, trigger) in &package.triggers {
            self.trigger(key, trigger)?;
        }
        for (key, rule) in &package.rules {
            let document = json!({
                "trigger": format!("/_/{}", self.named(&rule.trigger)),
                "action": self.full(&self.named(&rule.action)),
                "annotations": self.annotations(&rule.annotations, &Map::new()),
            });
            self.add(Kind::Rule, self.named(key), document, None);
        }
        self.apis(package)
    }

    fn package(&mut self, package: &Package) {
        let annotations = self.annotations(&package.annotations, &self.overlay.annotations);
        let mut document = json!({
            "publish": package.public, "parameters": pairs(&self.inputs), "annotations": annotations,
        });
        if let Some(version) = package.version.as_deref().and_then(semver) {
            document["version"] = version.into();
        }
        self.add(Kind::Package, self.name.to_owned(), document, None);
    }

    fn dependency(&mut self, key: &str, dependency: &crate::Dependency) -> Result<(), Problem> {
        let place = format!("packages.{}.dependencies.{key}", self.name);
        let location = interpolate(&dependency.location, self.variable);
        let inputs = self.values(&place, &dependency.inputs)?;
        let is_repository =
            location.contains("github.com") || location.contains("://") || location.starts_with("git@");
        if is_repository {
            self.resolved.repositories.push((self.named(key), location, dependency.version.clone()));
            return Ok(());
        }
        let parts: Vec<&str> = location.trim_matches('/').split('/').collect();
        let [namespace, name] = parts.as_slice() else {
            let reason = format!("the location is /NAMESPACE/PACKAGE or a repository, not '{location}'");
            return Err(problem(place, reason));
        };
        let annotations = self.annotations(&dependency.annotations, &Map::new());
        let document = json!({
            "binding": {"namespace": namespace, "name": name}, "parameters": pairs(&inputs), "annotations": annotations,
        });
        self.add(Kind::Binding, self.named(key), document, None);
        Ok(())
    }

    fn action(&mut self, key: &str, action: &Action) -> Result<(), Problem> {
        let place = format!("packages.{}.actions.{key}", self.name);
        let over = self.overlay.actions.get(key).cloned().unwrap_or_default();
        let inputs = self.values(&place, &overlaid(&action.inputs, &over.inputs))?;
        let mut annotations = self.interpolated(&action.annotations, &over.annotations);
        if let Some(web) = action.web.as_deref().or(action.web_export.as_deref()) {
            web_annotations(web, &mut annotations).map_err(|reason| problem(&place, reason))?;
        }
        if action.raw_http == Some(true) {
            annotations
                .extend([("web-export".to_owned(), json!(true)), ("raw-http".to_owned(), json!(true))]);
        }
        if let Some(secret) = &action.require_whisk_auth {
            annotations.insert("require-whisk-auth".to_owned(), secret.clone());
        }
        secret(&annotations).map_err(|reason| problem(&place, reason))?;
        if action.conductor {
            annotations.insert("conductor".to_owned(), json!(true));
        }
        let mut document = json!({
            "exec": self.exec(&place, action)?,
            "parameters": pairs(&inputs),
            "annotations": self.marked(annotations),
        });
        if let Some(limits) = action.limits.as_ref().map(|limits| self.limits(&place, limits)) {
            document["limits"] = limits;
        }
        let name = self.within(&self.named(key));
        self.add(Kind::Action, name, document, None);
        Ok(())
    }

    fn limits(&mut self, place: &str, limits: &Limits) -> Value {
        for (name, limit) in [
            ("userInvocationRate", limits.user_invocation_rate),
            ("codeSize", limits.code_size),
            ("parameterSize", limits.parameter_size),
        ] {
            if limit.is_some() {
                self.resolved
                    .warnings
                    .push(format!("{place}.limits.{name} is no limit of an action, and is ignored"));
            }
        }
        let known = [
            ("timeout", limits.timeout),
            ("memory", limits.memory_size),
            ("logs", limits.log_size),
            ("concurrency", limits.concurrent_activations),
        ];
        known.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), json!(limit?)))).collect()
    }

    fn sequence(&mut self, key: &str, sequence: &Sequence) -> Result<(), Problem> {
        let place = format!("packages.{}.sequences.{key}", self.name);
        let parts = sequence.actions.split(',').map(str::trim).filter(|part| !part.is_empty());
        let components: Vec<String> = parts.map(|part| self.full(&self.named(part))).collect();
        if components.is_empty() {
            return Err(problem(place, "a sequence has actions"));
        }
        let mut annotations = self.interpolated(&sequence.annotations, &Map::new());
        if let Some(web) = &sequence.web {
            web_annotations(web, &mut annotations).map_err(|reason| problem(&place, reason))?;
        }
        secret(&annotations).map_err(|reason| problem(&place, reason))?;
        let document = json!({
            "exec": {"kind": "sequence", "components": components}, "annotations": self.marked(annotations),
        });
        let name = self.within(&self.named(key));
        self.add(Kind::Sequence, name, document, None);
        Ok(())
    }

    fn trigger(&mut self, key: &str, trigger: &crate::manifest::Trigger) -> Result<(), Problem> {
        let place = format!("packages.{}.triggers.{key}", self.name);
        let over = self.overlay.triggers.get(key).cloned().unwrap_or_default();
        let inputs = self.values(&place, &overlaid(&trigger.inputs, &over.inputs))?;
        let mut annotations = self.interpolated(&trigger.annotations, &over.annotations);
        // A feed that is named alone stands outside packages, unlike the actions of rules.
        let feed = trigger.feed.as_ref().map(|feed| full_name(&self.named(feed)));
        let mut document = json!({});
        let feed = match feed {
            Some(action) => {
                let told = Value::Object(inputs.clone()).to_string();
                annotations.insert(FEED.to_owned(), json!(action));
                annotations.insert(FEED_INPUTS.to_owned(), json!(hash(told.as_bytes())));
                Some(Feed { action, inputs })
            }
            None => {
                document["parameters"] = pairs(&inputs);
                None
            }
        };
        document["annotations"] = self.marked(annotations);
        self.add(Kind::Trigger, self.named(key), document, feed);
        Ok(())
    }

    fn apis(&mut self, package: &Package) -> Result<(), Problem> {
        for (api, bases) in &package.apis {
            for (base, paths) in bases {
                for (path, actions) in paths {
                    for (action, how) in actions {
                        let (method, response) = match how {
                            Api::Method(method) => (method.clone(), None),
                            Api::Described { method, response } => (method.clone(), response.clone()),
                        };
                        let name = self.within(&self.named(action));
                        self.made_web(&format!("packages.{}.apis.{api}", self.name), &name)?;
                        self.resolved.apis.push(ApiRoute {
                            api: self.named(api),
                            base: slashed(base),
                            path: slashed(path),
                            method: method.to_lowercase(),
                            action: name,
                            response,
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// What an API reaches is a web action: one that does not say whether it is becomes one (GW-18).
    fn made_web(&mut self, place: &str, name: &str) -> Result<(), Problem> {
        let is_action = |entity: &&mut Entity| entity.kind.collection() == "actions" && entity.name == name;
        let Some(entity) = self.resolved.entities.iter_mut().find(is_action) else { return Ok(()) };
        match entity.annotation("web-export") {
            Some(Value::Bool(true)) => return Ok(()),
            Some(_) => return Err(problem(place, format!("{name} is not a web action"))),
            None if self.options.strict => {
                return Err(problem(place, format!("{name} is not a web action; an API needs one")));
            }
            None => {}
        }
        let web = json!([
            {"key": "web-export", "value": true}, {"key": "raw-http", "value": false}, {"key": "final", "value": true}
        ]);
        if let (Some(annotations), Value::Array(web)) = (entity.document["annotations"].as_array_mut(), web) {
            annotations.extend(web);
        }
        self.resolved.warnings.push(format!("{place}: {name} becomes a web action, as an API needs one"));
        Ok(())
    }

    fn add(&mut self, kind: Kind, name: String, document: Value, feed: Option<Feed>) {
        self.resolved.entities.push(Entity { kind, name, document, feed });
    }

    fn values(&self, place: &str, inputs: &Inputs) -> Result<Map<String, Value>, Problem> {
        let sources =
            Sources { variable: self.variable, above: &self.inputs, overrides: &self.options.overrides };
        values(inputs, &sources).map_err(|reason| problem(place, reason))
    }

    /// A name, which may be a variable or an input.
    fn named(&self, text: &str) -> String {
        let name = interpolate(text, self.variable);
        if name.is_empty() { from_inputs(text, &self.inputs) } else { name }
    }

    /// `PACKAGE/NAME`, of what belongs to this package.
    fn within(&self, name: &str) -> String {
        if self.name == DEFAULT { name.to_owned() } else { format!("{}/{name}", self.name) }
    }

    /// The full name of an action that is named from this package.
    fn full(&self, name: &str) -> String {
        match name.trim_start_matches('/').split('/').count() {
            1 => format!("/_/{}", self.within(name)),
            2 if !name.starts_with('/') => format!("/_/{name}"),
            _ => format!("/{}", name.trim_start_matches('/')),
        }
    }

    fn interpolated(&self, own: &Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
        let value = |key: &str, value: &Value| match value {
            Value::String(text) if TRUTHS.contains(&key) => truth(&interpolate(text, self.variable)),
            Value::String(text) => Value::String(interpolate(text, self.variable)),
            other => other.clone(),
        };
        own.iter().chain(over).map(|(key, found)| (key.clone(), value(key, found))).collect()
    }

    fn annotations(&self, own: &Map<String, Value>, over: &Map<String, Value>) -> Value {
        self.marked(self.interpolated(own, over))
    }

    /// Annotations as the API takes them, with the mark of what manages the project.
    fn marked(&self, mut annotations: Map<String, Value>) -> Value {
        if let Some(managed) = &self.options.managed {
            annotations.insert(MANAGED.to_owned(), managed.annotation());
        }
        pairs(&annotations)
    }
}

/// What a manifest declares, with the values of a deployment file; one that only the latter has is added.
fn overlaid(own: &Inputs, over: &Inputs) -> Inputs {
    let mut inputs = own.clone();
    inputs.extend(over.iter().map(|(name, input)| (name.clone(), input.clone())));
    inputs
}

/// The full name of an action that is named from outside packages.
fn full_name(name: &str) -> String {
    match name.trim_start_matches('/').split('/').count() {
        1 | 2 if !name.starts_with('/') => format!("/_/{name}"),
        _ => slashed(name),
    }
}

fn slashed(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

/// `1` and `1.0` as `1.0.0`; nothing that is no version.
fn semver(text: &str) -> Option<String> {
    let mut numbers = text.split('.').map(|part| part.parse::<u32>().ok()).collect::<Option<Vec<_>>>()?;
    numbers.resize(3, 0);
    Some(numbers.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests;
