//! The plan: what must be done so that a namespace has what a project wants, and nothing of what it no longer wants.

use crate::entity::{Entity, FEED_INPUTS, Feed, Kind, MANAGED, Managed, annotation};
use crate::resolve::order;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Annotations that the server puts there itself.
const OF_SERVER: &[&str] = &["exec", "provide-api-key", "binding"];

/// What a namespace has, by collection and name.
#[derive(Clone, Debug, Default)]
pub struct Existing(BTreeMap<(&'static str, String), Value>);

impl Existing {
    /// Something that is there. `name` is `[PACKAGE/]NAME`.
    pub fn insert(&mut self, kind: Kind, name: &str, document: Value) {
        self.0.insert((kind.collection(), name.to_owned()), document);
    }

    /// Everything, with what it is.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Kind, &str, &Value)> {
        self.0
            .iter()
            .map(|((collection, name), document)| (kind(collection, document), name.as_str(), document))
    }

    /// The parameters of something, if it is there.
    pub(crate) fn parameters(&self, kind: Kind, name: &str) -> serde_json::Map<String, Value> {
        self.get(kind, name)
            .map(|document| by_key(document, "parameters").into_iter().collect())
            .unwrap_or_default()
    }

    fn get(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.0.get(&(kind.collection(), name.to_owned()))
    }
}

/// A thing to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What it is done with.
    #[serde(flatten)]
    pub entity: Entity,
    /// What is done.
    pub change: Change,
}

/// What is done with an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "change", content = "fields")]
pub enum Change {
    /// It is not there.
    Create,
    /// It is there, and these of its parts are different.
    Update(Vec<&'static str>),
    /// It is as it should be.
    Unchanged,
    /// It goes.
    Delete,
}

/// What brings `existing` to `desired`. What `managed`, the name of a project, manages and does not want any longer goes,
/// after all else is done; nothing else does.
#[must_use]
pub fn plan(desired: &[Entity], existing: &Existing, managed: Option<&str>) -> Vec<Step> {
    let step = |entity: &Entity| {
        let change = match existing.get(entity.kind, &entity.name) {
            None => Change::Create,
            Some(found) => match differences(entity, found, &inherited(entity, existing)) {
                none if none.is_empty() => Change::Unchanged,
                fields => Change::Update(fields),
            },
        };
        Step { entity: entity.clone(), change }
    };
    let mut steps: Vec<Step> = desired.iter().map(step).collect();
    if let Some(project) = managed {
        let wanted = |collection: &str, name: &str| {
            desired.iter().any(|entity| entity.kind.collection() == collection && entity.name == name)
        };
        let dropped = existing.0.iter().filter(|((collection, name), document)| {
            Managed::of(document) == Some(project) && !wanted(collection, name)
        });
        let dropped = dropped.map(|((collection, name), document)| Entity {
            kind: kind(collection, document),
            name: name.clone(),
            feed: feed(document),
            document: document.clone(),
        });
        steps.extend(deletions(dropped.collect()));
    }
    steps
}

/// What takes a project away: what of `desired` is there, and what else `managed` manages.
#[must_use]
pub fn removal(desired: &[Entity], existing: &Existing, managed: Option<&str>) -> Vec<Step> {
    let there = desired.iter().filter_map(|entity| {
        let document = existing.get(entity.kind, &entity.name)?;
        Some(Entity { feed: feed(document), document: document.clone(), ..entity.clone() })
    });
    let mut steps = deletions(there.collect());
    steps.extend(plan(desired, existing, managed).into_iter().filter(|step| step.change == Change::Delete));
    steps.sort_by_key(|step| std::cmp::Reverse(order(step.entity.kind)));
    steps
}

/// Rules before what they refer to, sequences before their parts, packages last.
fn deletions(mut entities: Vec<Entity>) -> Vec<Step> {
    entities.reverse();
    entities.sort_by_key(|entity| std::cmp::Reverse(order(entity.kind)));
    entities.into_iter().map(|entity| Step { entity, change: Change::Delete }).collect()
}

fn kind(collection: &str, document: &Value) -> Kind {
    match collection {
        "packages" if document["binding"]["name"].is_string() => Kind::Binding,
        "packages" => Kind::Package,
        "actions" if document["exec"]["kind"] == "sequence" => Kind::Sequence,
        "actions" => Kind::Action,
        "triggers" => Kind::Trigger,
        _ => Kind::Rule,
    }
}

fn feed(document: &Value) -> Option<Feed> {
    let action = annotation(document, "feed")?.as_str()?.to_owned();
    Some(Feed { action, inputs: serde_json::Map::new() })
}

/// The parameters of the package, which the server shows as those of its actions too.
fn inherited(entity: &Entity, existing: &Existing) -> BTreeMap<String, Value> {
    let package = entity.name.split_once('/').and_then(|(package, _)| existing.get(Kind::Package, package));
    package.map(|package| by_key(package, "parameters")).unwrap_or_default()
}

/// The parts of an entity that are not as they should be.
fn differences(entity: &Entity, found: &Value, inherited: &BTreeMap<String, Value>) -> Vec<&'static str> {
    let wanted = &entity.document;
    let mut fields = Vec::new();
    let mut differ = |field, differs: bool| {
        if differs {
            fields.push(field);
        }
    };
    match entity.kind {
        Kind::Package => differ("publish", wanted["publish"] != found["publish"]),
        Kind::Binding => {
            let parts = |document: &Value| document["binding"]["name"].clone();
            differ("binding", parts(wanted) != parts(found));
        }
        Kind::Action => {
            differ("exec", !same_exec(&wanted["exec"], &found["exec"]));
            let limits = wanted["limits"].as_object().into_iter().flatten();
            differ("limits", limits.clone().any(|(name, limit)| found["limits"][name] != *limit));
        }
        Kind::Sequence => differ("exec", !same_parts(&wanted["exec"], &found["exec"])),
        Kind::Trigger => {}
        Kind::Rule => {
            differ("trigger", !refers(&found["trigger"], &wanted["trigger"]));
            differ("action", !refers(&found["action"], &wanted["action"]));
        }
    }
    if ![Kind::Rule, Kind::Sequence].contains(&entity.kind) && entity.feed.is_none() {
        let (mine, mut theirs) = (by_key(wanted, "parameters"), by_key(found, "parameters"));
        theirs.retain(|key, value| mine.contains_key(key) || inherited.get(key) != Some(value));
        differ("parameters", mine != theirs);
    }
    let (mine, theirs) = (by_key(wanted, "annotations"), by_key(found, "annotations"));
    let known: Vec<&str> = mine.keys().chain(theirs.keys()).map(String::as_str).collect();
    let differs =
        |key: &&str| !OF_SERVER.contains(key) && *key != MANAGED && mine.get(*key) != theirs.get(*key);
    let mut annotated: Vec<&str> = known.into_iter().filter(differs).collect();
    differ("feed", annotated.contains(&FEED_INPUTS));
    annotated.retain(|key| *key != FEED_INPUTS);
    differ("annotations", !annotated.is_empty());
    // Who manages it counts, not the text of the manifest, which may have changed elsewhere.
    differ("manager", Managed::of(wanted).is_some() && Managed::of(wanted) != Managed::of(found));
    fields
}

fn by_key(document: &Value, field: &str) -> BTreeMap<String, Value> {
    let pairs = document[field].as_array().into_iter().flatten();
    pairs.filter_map(|pair| Some((pair["key"].as_str()?.to_owned(), pair["value"].clone()))).collect()
}

/// The same code and image. `nodejs:default` is any kind of Node.js: the server chose one.
fn same_exec(wanted: &Value, found: &Value) -> bool {
    let kind = |exec: &Value| exec["kind"].as_str().unwrap_or_default().to_owned();
    let same_kind = match kind(wanted).strip_suffix("default") {
        Some(language) => kind(found).starts_with(language),
        None => kind(wanted) == kind(found),
    };
    let same = |field: &str| wanted[field].is_null() || wanted[field] == found[field];
    same_kind && same("code") && same("main") && same("image")
}

/// The same actions; `/_/a` is one of any namespace that the server says it is in.
fn same_parts(wanted: &Value, found: &Value) -> bool {
    let parts = |exec: &Value| exec["components"].as_array().cloned().unwrap_or_default();
    let (wanted, found) = (parts(wanted), parts(found));
    wanted.len() == found.len()
        && wanted.iter().zip(&found).all(|(wanted, found)| {
            same_name(wanted.as_str().unwrap_or_default(), found.as_str().unwrap_or_default())
        })
}

fn same_name(wanted: &str, found: &str) -> bool {
    match wanted.strip_prefix("/_/") {
        Some(own) => found.trim_start_matches('/').split_once('/').is_some_and(|(_, name)| name == own),
        None => wanted == found,
    }
}

/// Whether a rule's `{path, name}` is what the full name says.
fn refers(found: &Value, wanted: &Value) -> bool {
    let (path, name) =
        (found["path"].as_str().unwrap_or_default(), found["name"].as_str().unwrap_or_default());
    same_name(wanted.as_str().unwrap_or_default(), &format!("/{path}/{name}"))
}

/// `+ action p/a  nodejs:default, 120 B`
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entity { kind, name, document, .. } = &self.entity;
        let sign = match &self.change {
            Change::Create => '+',
            Change::Update(_) => '~',
            Change::Unchanged => '=',
            Change::Delete => '-',
        };
        write!(f, "{sign} {kind} {name}")?;
        match &self.change {
            Change::Update(fields) => write!(f, "  {}", fields.join(", ")),
            Change::Create if *kind == Kind::Action => {
                let exec = &document["exec"];
                let what = exec["image"].as_str().or(exec["kind"].as_str()).unwrap_or_default();
                write!(f, "  {what}, {} bytes", exec["code"].as_str().unwrap_or_default().len())
            }
            Change::Create | Change::Unchanged | Change::Delete => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entity(kind: Kind, name: &str, document: Value) -> Entity {
        Entity { kind, name: name.to_owned(), document, feed: None }
    }

    fn shown(steps: &[Step]) -> Vec<String> {
        steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_as_it_should_be_is_left_alone() {
        let desired = [
            entity(
                Kind::Package,
                "p",
                json!({"publish": false, "parameters": [{"key": "region", "value": "eu"}], "annotations": []}),
            ),
            entity(
                Kind::Action,
                "p/a",
                json!({
                    "exec": {"kind": "nodejs:default", "code": "x"}, "parameters": [{"key": "a", "value": 1}],
                    "annotations": [], "limits": {"timeout": 1000}
                }),
            ),
            entity(Kind::Sequence, "s", json!({"exec": {"components": ["/_/p/a", "/ns/b"]}})),
            entity(Kind::Rule, "r", json!({"trigger": "/_/t", "action": "/_/p/a"})),
        ];
        let mut existing = Existing::default();
        let inherited = json!({"key": "region", "value": "eu"});
        existing.insert(
            Kind::Package,
            "p",
            json!({"publish": false, "parameters": [inherited], "binding": {}}),
        );
        let mut action = json!({
            "exec": {"kind": "nodejs:20", "code": "x", "binary": false},
            "parameters": [inherited, {"key": "a", "value": 1}],
            "annotations": [{"key": "exec", "value": "nodejs:20"}], "limits": {"timeout": 1000, "memory": 256}
        });
        existing.insert(Kind::Action, "p/a", action.clone());
        let sequence = json!({
            "exec": {"components": ["/guest/p/a", "/ns/b"]}, "parameters": [{"key": "_actions", "value": []}]
        });
        existing.insert(Kind::Sequence, "s", sequence);
        let rule =
            json!({"trigger": {"path": "guest", "name": "t"}, "action": {"path": "guest/p", "name": "a"}});
        existing.insert(Kind::Rule, "r", rule);
        assert_eq!(
            shown(&plan(&desired, &existing, None)),
            ["= package p", "= action p/a", "= sequence s", "= rule r"]
        );

        action["exec"]["code"] = json!("y");
        action["limits"]["timeout"] = json!(5);
        action["annotations"] = json!([{"key": "web-export", "value": true}]);
        existing.insert(Kind::Action, "p/a", action);
        assert_eq!(shown(&plan(&desired, &existing, None))[1], "~ action p/a  exec, limits, annotations");
    }

    #[test]
    fn only_what_the_project_manages_goes() {
        let managed = |project: &str| json!({"annotations": [{"key": MANAGED, "value": {"projectName": project}}], "exec": {"kind": "x"}});
        let mut existing = Existing::default();
        existing.insert(Kind::Action, "old", managed("mine"));
        existing.insert(Kind::Action, "others", managed("theirs"));
        existing.insert(Kind::Action, "nobodys", json!({"exec": {}}));
        existing.insert(Kind::Rule, "rule", managed("mine"));
        existing.insert(Kind::Package, "p", managed("mine"));
        assert_eq!(
            shown(&plan(&[], &existing, Some("mine"))),
            ["- rule rule", "- action old", "- package p"]
        );
        assert_eq!(plan(&[], &existing, None), []);
        let desired = [entity(Kind::Action, "nobodys", json!({})), entity(Kind::Action, "gone", json!({}))];
        assert_eq!(shown(&removal(&desired, &existing, None)), ["- action nobodys"]);
    }

    #[test]
    fn what_is_new_tells_its_kind_and_size() {
        let action = entity(Kind::Action, "a", json!({"exec": {"kind": "nodejs:20", "code": "12345"}}));
        assert_eq!(shown(&plan(&[action], &Existing::default(), None)), ["+ action a  nodejs:20, 5 bytes"]);
    }
}
