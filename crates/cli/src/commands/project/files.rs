//! The files of a project: manifest, deployment file, properties, and what is written by an export.

use super::Flags;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::properties;
use client::Client;
use project::{Disk, Exported, Managed, Manifest, Options, Resolved, resolve};
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The names of manifests.
const MANIFESTS: [&str; 2] = ["manifest.yaml", "manifest.yml"];
/// The names of deployment files.
const DEPLOYMENTS: [&str; 2] = ["deployment.yaml", "deployment.yml"];
/// Where packages from elsewhere are kept, below the project.
const ELSEWHERE: &str = "Packages";

/// A manifest and its deployment file, as they were read.
#[derive(Debug)]
pub(crate) struct Source {
    /// The manifest.
    pub(crate) file: PathBuf,
    text: String,
    pub(crate) manifest: Manifest,
    deployment: Option<Manifest>,
}

impl Source {
    /// Reads the files that the flags name, or those of the directory.
    pub(crate) fn read(flags: &Flags) -> Outcome<Source> {
        let file = match &flags.manifest {
            Some(file) => file.clone(),
            None => found(&flags.project, &MANIFESTS).ok_or_else(|| {
                Failure::general(format!("there is no manifest in {}", flags.project.display()))
                    .hint(format!("it is called {}, or named by --manifest", MANIFESTS.join(" or ")))
            })?,
        };
        let text = read(&file)?;
        let deployment = match &flags.deployment {
            Some(file) => Some(file.clone()),
            None => found(&flags.project, &DEPLOYMENTS),
        };
        let deployment = deployment.map(|file| parsed(&file, &read(&file)?)).transpose()?;
        Ok(Source { manifest: parsed(&file, &text)?, file, text, deployment })
    }

    /// The directory by which the files of the manifest are named.
    pub(crate) fn directory(&self) -> PathBuf {
        self.file.parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
    }

    /// The mark of a managed project.
    pub(crate) fn managed(&self, flags: &Flags) -> Outcome<Managed> {
        let own = self.manifest.project.as_ref().and_then(|project| project.name.clone());
        let name = flags.projectname.clone().or(own).ok_or_else(|| {
            Failure::usage("a managed project has a name")
                .hint("give --projectname, or project.name in the manifest")
        })?;
        Ok(Managed::new(&name, &self.file.display().to_string(), &self.text))
    }

    /// What the manifest means.
    pub(crate) fn resolve(
        &self,
        flags: &Flags,
        managed: Option<Managed>,
        runtimes: Value,
    ) -> Outcome<Resolved> {
        let options = Options {
            deployment: self.deployment.clone(),
            overrides: flags.inputs.object()?,
            managed,
            runtimes,
            strict: flags.strict,
        };
        let variable = |name: &str| std::env::var(name).ok();
        resolve(&self.manifest, &self.directory(), &Disk, &variable, &options)
            .map_err(|problem| Failure::general(format!("{}: {problem}", self.file.display())))
    }

    /// The server: of the flags first, then of the file that `--config` names, of the deployment file and the manifest,
    /// and of the properties last.
    pub(crate) fn client(&self, flags: &Flags, context: &Context) -> Outcome<Client> {
        let config = flags.config.as_ref().map(|file| properties::read(file)).unwrap_or_default();
        let projects = [self.deployment.as_ref(), Some(&self.manifest)].into_iter().flatten();
        let projects: Vec<_> = projects.filter_map(|manifest| manifest.project.as_ref()).collect();
        let expanded = |text: &String| project::interpolate(text, &|name: &str| std::env::var(name).ok());
        let host = projects.iter().find_map(|project| project.api_host.as_ref()).map(expanded);
        let key = projects.iter().find_map(|project| project.credential.as_ref()).map(expanded);
        let chosen = |flag: &Option<String>, name: &str, of_project: Option<String>| {
            flag.clone()
                .or_else(|| config.get(name).cloned())
                .or(of_project)
                .filter(|value| !value.is_empty())
        };
        let host = chosen(&context.globals.apihost, "APIHOST", host);
        let key = chosen(&context.globals.auth, "AUTH", key);
        context.client_of(host, key)
    }
}

fn found(directory: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| directory.join(name)).find(|file| file.is_file())
}

fn read(file: &Path) -> Outcome<String> {
    std::fs::read_to_string(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::file(format!("{} does not exist", file.display())),
        _ => Failure::file(format!("{}: {error}", file.display())),
    })
}

fn parsed(file: &Path, text: &str) -> Outcome<Manifest> {
    Manifest::parse(&file.display().to_string(), text).map_err(|error| Failure::general(error.to_string()))
}

/// Adds what packages from elsewhere want. Their repositories are cloned once, where `fetch`; those that are not there are
/// left out otherwise.
pub(super) fn with_repositories(
    mut resolved: Resolved,
    source: &Source,
    flags: &Flags,
    managed: Option<&Managed>,
    fetch: bool,
) -> Outcome<Resolved> {
    for (name, location, version) in std::mem::take(&mut resolved.repositories) {
        let place = source.directory().join(ELSEWHERE).join(&name);
        if !place.is_dir() {
            if !fetch {
                continue;
            }
            clone(&location, version.as_deref(), &place)?;
        }
        let inner = Flags { project: place, manifest: None, deployment: None, ..flags.clone() };
        let mut theirs = Source::read(&inner)?;
        renamed(&mut theirs.manifest, &name);
        let wanted = theirs.resolve(&inner, managed.cloned(), Value::Null)?;
        resolved.entities.extend(wanted.entities);
        resolved.apis.extend(wanted.apis);
    }
    Ok(resolved)
}

/// The package of a dependency has the dependency's name, where it is the only one.
fn renamed(manifest: &mut Manifest, name: &str) {
    let of_project = manifest.project.as_mut().map(|project| &mut project.packages);
    let packages = if manifest.packages.is_empty() { of_project } else { Some(&mut manifest.packages) };
    if let Some(packages) = packages
        && packages.len() == 1
        && let Some((_, package)) = packages.pop_first()
    {
        packages.insert(name.to_owned(), package);
    }
}

fn clone(location: &str, version: Option<&str>, place: &Path) -> Outcome {
    let url = if location.contains("://") || location.starts_with("git@") {
        location.to_owned()
    } else {
        format!("https://{location}")
    };
    let mut git = Command::new("git");
    git.args(["clone", "--quiet", "--depth", "1"]);
    if let Some(version) = version.filter(|version| *version != "master") {
        git.args(["--branch", version]);
    }
    let failed = |reason: String| {
        Failure::general(format!("the dependency {location} cannot be had: {reason}"))
            .hint(format!("put it into {} yourself, and try again", place.display()))
    };
    let output = git.arg("--").arg(&url).arg(place).output();
    let output = output.map_err(|error| failure_of_git(&error)).map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn failure_of_git(error: &std::io::Error) -> String {
    format!("git cannot be run: {error}")
}

/// Writes a manifest and its files.
pub(super) fn write(exported: &Exported, manifest: &Path) -> Outcome {
    let directory = manifest.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    let text = serde_norway::to_string(&exported.manifest)
        .map_err(|error| Failure::general(format!("the manifest cannot be written: {error}")))?;
    let files = exported.files.iter().map(|(path, bytes)| (directory.join(path), bytes.as_slice()));
    for (path, bytes) in files.chain([(manifest.to_owned(), text.as_bytes())]) {
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, bytes))
            .map_err(|error| Failure::file(format!("{}: {error}", path.display())))?;
    }
    Ok(())
}
