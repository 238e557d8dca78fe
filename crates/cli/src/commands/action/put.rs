//! `wsk action create` and `wsk action update`.

use super::exec::{Code, exec_of, no_artifact};
use super::missing;
use super::web::Web;
use crate::args::{self, Annotations, Parameters};
use crate::context::{Context, full_name, qualified};
use crate::failure::{Because as _, Failure, Outcome};
use client::{Action as Document, Exec, Limits, QualifiedName};
use std::path::Path;

/// What upstream's CLI exits with where flags exclude each other: 405 as a byte.
const NOT_ALLOWED: u8 = 149;

/// An action to be created.
#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    #[arg(value_names = ["ACTION_NAME", "ACTION"], num_args = 0..)]
    rest: Vec<String>,
    #[command(flatten)]
    flags: Flags,
}

/// What becomes of an action.
#[derive(Debug, clap::Args)]
pub(crate) struct Update {
    #[command(flatten)]
    put: Put,
    /// Take an annotation away; may be repeated
    #[arg(long, value_name = "KEY")]
    del_annotation: Vec<String>,
}

/// What is said of an action.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) parameters: Parameters,
    #[command(flatten)]
    pub(crate) annotations: Annotations,
    /// The kind of runtime, such as nodejs:default
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// The function, or the class, where it is not main
    #[arg(long)]
    pub(crate) main: Option<String>,
    /// Run this image
    #[arg(long, value_name = "IMAGE")]
    pub(crate) docker: Option<String>,
    /// ACTION is an executable, or a zip archive with one
    #[arg(long)]
    pub(crate) native: bool,
    /// ACTION is an action that exists
    #[arg(long)]
    pub(crate) copy: bool,
    /// ACTION is a list of actions, with commas
    #[arg(long)]
    pub(crate) sequence: bool,
    /// Make it a web action: yes, true, raw (requests as they are), no, false
    #[arg(long, value_name = "MODE")]
    pub(crate) web: Option<String>,
    /// The secret that web requests need: true (made up), false, or a text
    #[arg(long, value_name = "SECRET")]
    pub(crate) web_secure: Option<String>,
    /// How long it may run, in milliseconds
    #[arg(short, long, value_name = "LIMIT", allow_negative_numbers = true)]
    pub(crate) timeout: Option<i64>,
    /// Its memory, in MB
    #[arg(short, long, value_name = "LIMIT", allow_negative_numbers = true)]
    pub(crate) memory: Option<i64>,
    /// The size of its logs, in MB
    #[arg(short, long, value_name = "LIMIT", allow_negative_numbers = true)]
    pub(crate) logsize: Option<i64>,
    /// Activations at a time in one container
    #[arg(short, long, value_name = "LIMIT", allow_negative_numbers = true)]
    pub(crate) concurrency: Option<i64>,
}

pub(super) async fn create(put: &Put, context: &Context) -> Outcome {
    args::between(&put.rest, 1, 2, "An action name and code artifact are required.")?;
    let name = qualified(&put.rest[0]).map_err(invalid)?;
    let mut action = parsed(put, &name, context).await?;
    if action.exec.is_none() {
        return Err(invalid(no_artifact()));
    }
    put.flags.web().apply(&mut action, None).map_err(invalid)?;
    let made = context.client()?.put_action(&name, &action, false).await;
    let made = made.map_err(|error| refused(error, &name))?;
    context.done(&made, format!("created action {}", context.console.bold(name.entity())))
}

/// CLI-04: what does not exist is created.
pub(super) async fn update(update: &Update, context: &Context) -> Outcome {
    let put = &update.put;
    args::between(&put.rest, 1, 2, "An action name is required. A code artifact is optional.")?;
    let name = qualified(&put.rest[0]).map_err(invalid)?;
    let mut action = parsed(put, &name, context).await?;
    action.del_annotations.clone_from(&update.del_annotation);
    augmented(&put.flags, &mut action, &name, context).await?;
    let made = context.client()?.put_action(&name, &action, true).await;
    let made = made.map_err(|error| refused(error, &name))?;
    context.done(&made, format!("updated action {}", context.console.bold(name.entity())))
}

/// Puts the annotations of a web action into an update, where flags ask for it: they are merged with those that the
/// action has (CLI-05).
async fn augmented(flags: &Flags, action: &mut Document, name: &QualifiedName, context: &Context) -> Outcome {
    if !flags.web().needs_existing() {
        return Ok(());
    }
    let existing = match context.client()?.get_action(name, false).await {
        Ok(existing) => Some(existing),
        Err(error) if error.status() == Some(404) => None,
        Err(error) => {
            return Err(error).because(format!("Unable to get action '{}'", name.entity())).map_err(invalid);
        }
    };
    flags.web().apply(action, existing.as_ref()).map_err(invalid)
}

/// The same of an action that is what the flags say, whatever was there before.
pub(crate) fn with_web(flags: &Flags, action: &mut Document) -> Outcome {
    flags.web().apply(action, None)
}

async fn parsed(put: &Put, name: &QualifiedName, context: &Context) -> Outcome<Document> {
    let flags = &put.flags;
    let mut action = document(flags, name).map_err(invalid)?;
    let artifact = put.rest.get(1);
    if flags.copy {
        copied(artifact, &mut action, context).await.map_err(invalid)?;
    } else if flags.sequence {
        let actions = artifact.ok_or_else(no_artifact).map_err(invalid)?;
        let components = actions.split(',').map(full_name).collect();
        let exec = Exec { kind: "sequence".to_owned(), components: Some(components), ..Exec::default() };
        action.exec = Some(exec);
    } else if artifact.is_some() || flags.docker.is_some() {
        action.exec = Some(exec_of(flags.code(artifact.map(Path::new))).map_err(invalid)?);
    }
    Ok(action)
}

/// What the flags say of an action, but for its code and what makes it a web action.
pub(crate) fn document(flags: &Flags, name: &QualifiedName) -> Outcome<Document> {
    if flags.kind.is_some() && flags.docker.is_some() {
        return Err(
            Failure::general("Cannot specify both --kind and --docker at the same time.").exit(NOT_ALLOWED)
        );
    }
    Ok(Document {
        namespace: Some(name.namespace().to_owned()),
        name: Some(name.entity()),
        limits: flags.limits(),
        parameters: (!flags.parameters.is_empty()).then(|| flags.parameters.list()).transpose()?,
        annotations: (!flags.annotations.is_empty()).then(|| flags.annotations.list()).transpose()?,
        ..Document::default()
    })
}

/// ACT-36: the copy has the code, parameters and annotations of the original, below what is given.
async fn copied(original: Option<&String>, action: &mut Document, context: &Context) -> Outcome {
    let original = qualified(original.ok_or_else(no_artifact)?)?;
    let found = match context.client()?.get_action(&original, true).await {
        Ok(found) => found,
        Err(error) => {
            let what = format!("Unable to get action '{}'", original.entity());
            return Err(missing(error, &original, context).await.because(what));
        }
    };
    action.exec = found.exec;
    for (mine, theirs) in
        [(&mut action.parameters, found.parameters), (&mut action.annotations, found.annotations)]
    {
        mine.get_or_insert_default().extend(theirs.unwrap_or_default());
    }
    Ok(())
}

impl Flags {
    /// The code that they and an artifact name.
    pub(crate) fn code<'a>(&'a self, artifact: Option<&'a Path>) -> Code<'a> {
        Code {
            artifact,
            kind: self.kind.as_deref(),
            main: self.main.as_deref(),
            docker: self.docker.as_deref(),
            native: self.native,
        }
    }

    fn web(&self) -> Web<'_> {
        Web { web: self.web.as_deref(), secure: self.web_secure.as_deref() }
    }

    fn limits(&self) -> Option<Limits> {
        let limits = Limits {
            timeout: self.timeout,
            memory: self.memory,
            logs: self.logsize,
            concurrency: self.concurrency,
            ..Limits::default()
        };
        (limits != Limits::default()).then_some(limits)
    }
}

/// A file of parameters that is not there is told as upstream does it, which reads such files before all else.
fn invalid(failure: Failure) -> Failure {
    if failure.begins_with("Failed to parse arguments: ") {
        return failure;
    }
    failure.prefixed("Invalid argument(s). ").pointing_at_help()
}

/// Upstream says that it could not create the action also where it was to be updated.
fn refused(error: client::Error, name: &QualifiedName) -> Failure {
    Failure::from(error).pointing_at_help().because(format!("Unable to create action '{}'", name.entity()))
}
