//! What the watched files want to be there.

use super::Dev;
use crate::commands::action::{Flags, document, exec_of, with_web};
use crate::commands::project::{self as projects, Source};
use crate::context::qualified;
use crate::failure::{Because as _, Failure, Outcome};
use client::{Activation, WithKeyValues as _};
use project::{Change, Disk, Entity, Kind, Step, kind_of};
use serde_json::Value;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// What is watched.
#[derive(Debug)]
pub(super) enum Wanted {
    /// Actions, each of a file or directory.
    Actions { actions: Vec<One>, flags: Box<Flags> },
    /// A project.
    Project {
        flags: Box<projects::Flags>,
        directory: PathBuf,
        /// Its actions, as long as the manifest cannot be read.
        known: RefCell<Vec<One>>,
    },
}

/// An action and its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct One {
    /// `[PACKAGE/]NAME`
    pub(super) name: String,
    pub(super) artifact: PathBuf,
}

impl Wanted {
    /// A project where there is a manifest, an action where the path tells a kind, or one for each function in a
    /// directory.
    pub(super) fn of(arguments: &Dev) -> Outcome<Wanted> {
        let path = &arguments.path;
        let inner = ["manifest.yaml", "manifest.yml"].map(|name| path.join(name));
        let manifest =
            arguments.manifest.clone().or_else(|| inner.into_iter().find(|manifest| manifest.is_file()));
        if let Some(manifest) = manifest {
            let flags =
                projects::Flags { project: path.clone(), manifest: Some(manifest), ..Default::default() };
            let directory = Source::read(&flags)?.directory();
            let directory = if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory };
            return Ok(Wanted::Project { flags: Box::new(flags), directory, known: RefCell::default() });
        }
        let flags = Box::new(arguments.flags.clone());
        if !path.exists() {
            return Err(Failure::file(format!(
                "File '{}' is not a valid file or it does not exist",
                path.display()
            )));
        }
        let alone = path.is_file() || kind_of(path, &Disk).is_some() || arguments.flags.kind.is_some();
        let actions = if alone {
            let name = arguments.name.clone().map_or_else(|| named(path), Ok)?;
            vec![One { name, artifact: path.clone() }]
        } else {
            functions(path)?
        };
        if actions.is_empty() {
            return Err(Failure::general(format!(
                "there is no function and no manifest in {}",
                path.display()
            ))
            .hint(format!("watch {}", project::kinds())));
        }
        Ok(Wanted::Actions { actions, flags })
    }

    /// The directories to watch, and whether with all that is below.
    pub(super) fn watched(&self) -> Vec<(PathBuf, bool)> {
        match self {
            Wanted::Project { directory, .. } => vec![(directory.clone(), true)],
            Wanted::Actions { actions, .. } => {
                let place = |one: &One| {
                    if one.artifact.is_dir() {
                        return (one.artifact.clone(), true);
                    }
                    // The file itself may be replaced by another.
                    let parent = one.artifact.parent().filter(|parent| !parent.as_os_str().is_empty());
                    (parent.unwrap_or(Path::new(".")).to_owned(), false)
                };
                let mut places: Vec<(PathBuf, bool)> = actions.iter().map(place).collect();
                places.sort();
                places.dedup();
                places
            }
        }
    }

    /// What is wanted now.
    pub(super) fn entities(&self) -> Outcome<Vec<Entity>> {
        match self {
            Wanted::Project { flags, .. } => {
                let source = Source::read(flags)?;
                let resolved = source.resolve(flags, None, Value::Null)?;
                Ok(resolved.entities)
            }
            Wanted::Actions { actions, flags } => actions.iter().map(|one| entity(one, flags)).collect(),
        }
    }

    /// The actions, with their code where it is known.
    pub(super) fn actions(&self) -> Vec<One> {
        match self {
            Wanted::Actions { actions, .. } => actions.clone(),
            Wanted::Project { flags, directory, known } => {
                let Ok(source) = Source::read(flags) else { return known.borrow().clone() };
                let packages = source.manifest.packages();
                let packages = packages.into_iter().flat_map(|(package, content)| {
                    content.actions().map(move |(name, function)| {
                        let name =
                            if package == "default" { name.to_owned() } else { format!("{package}/{name}") };
                        One {
                            name,
                            artifact: function.map(|function| directory.join(function)).unwrap_or_default(),
                        }
                    })
                });
                known.replace(packages.collect());
                known.borrow().clone()
            }
        }
    }

    /// Whether a record is of one of the actions.
    pub(super) fn has_action(&self, record: &Activation) -> bool {
        let name = name_of(record);
        self.actions().iter().any(|one| one.name == name)
    }
}

/// `[PACKAGE/]NAME` of what a record is of.
pub(super) fn name_of(record: &Activation) -> String {
    let path = record.annotations.value("path").and_then(Value::as_str);
    path.and_then(|path| path.split_once('/'))
        .map_or_else(|| record.name.clone(), |(_, name)| name.to_owned())
}

/// The name of an action after its file or directory.
fn named(path: &Path) -> Outcome<String> {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if whole.is_dir() { whole.file_name() } else { whole.file_stem() };
    let name = name.map(|name| name.to_string_lossy().into_owned());
    name.ok_or_else(|| Failure::general(format!("{} has no name; give --name", path.display())))
}

/// The functions that lie in a directory.
fn functions(directory: &Path) -> Outcome<Vec<One>> {
    let unreadable = |error: std::io::Error| Failure::file(format!("{}: {error}", directory.display()));
    let mut actions = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && kind_of(&path, &Disk).is_some() {
            actions.push(One { name: named(&path)?, artifact: path });
        }
    }
    actions.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(actions)
}

fn entity(one: &One, flags: &Flags) -> Outcome<Entity> {
    let name = qualified(&one.name)?;
    let mut action = document(flags, &name)?;
    action.exec = Some(exec_of(flags.code(Some(&one.artifact)))?);
    with_web(flags, &mut action)?;
    let document = serde_json::to_value(&action)
        .map_err(|error| Failure::general(error.to_string()))
        .because(format!("action {}", one.name))?;
    Ok(Entity { kind: Kind::Action, name: one.name.clone(), document, feed: None })
}

/// What must be done so that what was made is what is wanted.
pub(super) fn difference(made: &[Entity], wanted: &[Entity]) -> Vec<Step> {
    let same = |a: &Entity, b: &Entity| a.kind.collection() == b.kind.collection() && a.name == b.name;
    let changed = wanted.iter().filter_map(|entity| {
        let change = match made.iter().find(|before| same(before, entity)) {
            None => Change::Create,
            Some(before) if before == entity => return None,
            Some(_) => Change::Update(vec!["feed"]),
        };
        Some(Step { entity: entity.clone(), change })
    });
    let gone = made.iter().rev().filter(|before| !wanted.iter().any(|entity| same(before, entity)));
    let gone = gone.map(|entity| Step { entity: entity.clone(), change: Change::Delete });
    changed.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_done() {
        let entity = |name: &str, code: &str| Entity {
            kind: Kind::Action,
            name: name.to_owned(),
            document: json!({ "exec": { "code": code } }),
            feed: None,
        };
        let made = [entity("same", "1"), entity("changed", "1"), entity("gone", "1")];
        let wanted = [entity("same", "1"), entity("changed", "2"), entity("new", "1")];
        let steps = difference(&made, &wanted);
        let shown: Vec<(&str, &Change)> =
            steps.iter().map(|step| (step.entity.name.as_str(), &step.change)).collect();
        assert_eq!(
            shown,
            [("changed", &Change::Update(vec!["feed"])), ("new", &Change::Create), ("gone", &Change::Delete)]
        );
    }

    #[test]
    fn a_directory_without_a_kind_has_an_action_for_each_function() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b.py", "a.js", "notes.txt", ".hidden.js"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        let names: Vec<String> = functions(dir.path()).unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
