//! `wsk project`: what `wskdeploy` does with manifests.

mod apply;
mod existing;
mod files;

use crate::args::Parameters;
use crate::context::Context;
use crate::failure::{Because as _, Failure, Outcome};
use crate::output::Format;
use client::Client;
use project::{Change, Existing, Managed, Resolved, Step};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

pub(crate) use apply::{Done, apply};
pub(crate) use existing::{managed_by, of_entities};
pub(crate) use files::Source;

/// What can be done with a project.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Project {
    /// deploy what a manifest wants
    Deploy(Deploy),
    /// take away what a manifest wants
    Undeploy(Flags),
    /// deploy, and take away what the project had before and does not want any longer
    Sync(Flags),
    /// write what a managed project has as a manifest and files
    Export(Flags),
    /// show what is there of a manifest
    Report(Flags),
}

/// What is deployed, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Deploy {
    #[command(flatten)]
    flags: Flags,
    /// Manage what is deployed, as sync does
    #[arg(long)]
    managed: bool,
}

/// Where the project is, and what is done with it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Flags {
    /// The directory of the project
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub(crate) project: PathBuf,
    /// The manifest, if it is not manifest.yaml in that directory
    #[arg(short, long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// The deployment file, if it is not deployment.yaml in that directory
    #[arg(long, value_name = "FILE")]
    pub(crate) deployment: Option<PathBuf>,
    /// The name of the project, if it is not in the manifest
    #[arg(long, value_name = "NAME")]
    pub(crate) projectname: Option<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) preview: bool,
    /// Refuse runtimes that the server does not have, and what is not known in the manifest
    #[arg(long)]
    pub(crate) strict: bool,
    /// Read host and key from this properties file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Only that of the key can be used
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    #[command(flatten)]
    pub(crate) inputs: Parameters,
}

pub(crate) async fn run(command: Project, context: &Context) -> Outcome {
    match command {
        Project::Deploy(Deploy { flags, managed }) => deploy(&flags, managed, context).await,
        Project::Sync(flags) => deploy(&flags, true, context).await,
        Project::Undeploy(flags) => undeploy(&flags, context).await,
        Project::Export(flags) => export(&flags, context).await,
        Project::Report(flags) => report(&flags, context).await,
    }
}

async fn deploy(flags: &Flags, managed: bool, context: &Context) -> Outcome {
    let source = Source::read(flags)?;
    let client = source.client(flags, context)?;
    let managed = managed.then(|| source.managed(flags)).transpose()?;
    let runtimes = client.manifest().await.unwrap_or_default();
    let resolved = source.resolve(flags, managed.clone(), runtimes)?;
    warn(&resolved, flags, context)?;
    let resolved = files::with_repositories(resolved, &source, flags, managed.as_ref(), true)?;
    let existing = known(&resolved, managed.as_ref(), &client).await?;
    let plan = project::plan(
        &resolved.entities,
        &existing,
        managed.as_ref().map(|managed| managed.project_name.as_str()),
    );
    show_plan(&plan, &resolved, flags.preview, context)?;
    if flags.preview {
        return Ok(());
    }
    carry_out(plan, &resolved, &client, "Deployment", context).await
}

async fn undeploy(flags: &Flags, context: &Context) -> Outcome {
    // A managed project can go without its manifest.
    let by_name = flags.projectname.as_ref().filter(|_| Source::read(flags).is_err());
    let (client, resolved, project) = match by_name {
        Some(name) => (context.client()?.clone(), Resolved::default(), Some(name.clone())),
        None => {
            let source = Source::read(flags)?;
            let client = source.client(flags, context)?;
            let resolved = source.resolve(flags, None, Value::Null)?;
            let resolved = files::with_repositories(resolved, &source, flags, None, false)?;
            (client, resolved, flags.projectname.clone())
        }
    };
    let managed = project.as_deref().map(|name| Managed::new(name, "", ""));
    let existing = known(&resolved, managed.as_ref(), &client).await?;
    let plan = project::removal(&resolved.entities, &existing, project.as_deref());
    show_plan(&plan, &resolved, flags.preview, context)?;
    if flags.preview {
        return Ok(());
    }
    carry_out(plan, &Resolved { apis: Vec::new(), ..resolved }, &client, "Undeployment", context).await
}

async fn export(flags: &Flags, context: &Context) -> Outcome {
    let name = flags
        .projectname
        .as_ref()
        .ok_or_else(|| Failure::usage("--projectname says which project to export"))?;
    let file = flags.manifest.clone().unwrap_or_else(|| flags.project.join("manifest.yaml"));
    let existing = managed_by(Some(name), context.client()?).await?;
    let exported = project::export(&existing, name);
    if exported.manifest.project.as_ref().is_none_or(|project| project.packages.is_empty()) {
        return Err(Failure::general(format!("nothing is managed by a project '{name}'")));
    }
    files::write(&exported, &file)?;
    context.console.line(format!("Manifest exported to: {}", file.display()));
    Ok(())
}

async fn report(flags: &Flags, context: &Context) -> Outcome {
    let source = Source::read(flags)?;
    let client = source.client(flags, context)?;
    let resolved = source.resolve(flags, None, Value::Null)?;
    let resolved = files::with_repositories(resolved, &source, flags, None, false)?;
    let existing = known(&resolved, None, &client).await?;
    let plan = project::plan(&resolved.entities, &existing, None);
    show_plan(&plan, &resolved, true, context)
}

/// What is there of the project, and of what it manages.
async fn known(resolved: &Resolved, managed: Option<&Managed>, client: &Client) -> Outcome<Existing> {
    let mut existing = match managed {
        Some(managed) => managed_by(Some(&managed.project_name), client).await?,
        None => Existing::default(),
    };
    of_entities(&resolved.entities, &mut existing, client).await?;
    Ok(existing)
}

fn warn(resolved: &Resolved, flags: &Flags, context: &Context) -> Outcome {
    for warning in &resolved.warnings {
        if flags.strict {
            return Err(Failure::general(warning.clone()));
        }
        context.console.error_line(format!("Warning: {warning}"));
    }
    Ok(())
}

/// The plan: all of it in a preview; otherwise on a terminal, and without what stays as it is.
fn show_plan(plan: &[Step], resolved: &Resolved, preview: bool, context: &Context) -> Outcome {
    if !preview && (!context.console.is_terminal() || context.format() != Format::Text) {
        return Ok(());
    }
    context.show(&plan, || {
        for step in plan.iter().filter(|step| preview || step.change != Change::Unchanged) {
            let line = step.to_string();
            context.console.line(match step.change {
                Change::Create => context.console.green(line),
                Change::Delete => context.console.red(line),
                Change::Update(_) => line,
                Change::Unchanged => context.console.dim(line),
            });
        }
        resolved.apis.iter().for_each(|route| {
            let line = format!("+ api {}{} {} -> {}", route.base, route.path, route.method, route.action);
            context.console.line(context.console.green(line));
        });
        Ok(())
    })
}

/// Carries a plan out, and tells what came of it.
async fn carry_out(
    plan: Vec<Step>,
    resolved: &Resolved,
    client: &Client,
    what: &str,
    context: &Context,
) -> Outcome {
    // How long it took is for people alone.
    #[expect(clippy::disallowed_methods, reason = "it is printed, and decides nothing")]
    let begun = Instant::now();
    let done = apply(plan, client, context).await;
    let failed = done.iter().find_map(|done| done.failure.as_ref());
    let apis = if failed.is_none() { apply::apis(&resolved.apis, client, context).await } else { Ok(()) };
    let count = |wanted: fn(&Change) -> bool| {
        done.iter().filter(|done| done.failure.is_none() && done.tried && wanted(&done.step.change)).count()
    };
    let report = json!({
        "created": count(|change| *change == Change::Create),
        "updated": count(|change| matches!(change, Change::Update(_))),
        "unchanged": count(|change| *change == Change::Unchanged),
        "deleted": count(|change| *change == Change::Delete),
        "failed": done.iter().filter(|done| done.failure.is_some()).count(),
        "notTried": done.iter().filter(|done| !done.tried).count(),
        "steps": done.iter().map(apply::Done::document).collect::<Vec<_>>(),
    });
    context.show(&report, || {
        let parts = ["created", "updated", "unchanged", "deleted", "failed", "notTried"];
        let parts = parts.iter().filter(|part| report[**part] != 0);
        let parts: Vec<String> = parts.map(|part| format!("{} {part}", report[*part])).collect();
        if parts.is_empty() {
            context.console.line("nothing to do");
        } else {
            context.console.line(format!("{} in {} ms", parts.join(", "), begun.elapsed().as_millis()));
        }
        Ok(())
    })?;
    if let Some(failed) = done.into_iter().find_map(|done| done.failure) {
        return Err(failed.because(format!("{what} did not complete successfully")));
    }
    apis.because(format!("{what} did not complete successfully"))?;
    if context.format() == Format::Text {
        context.console.line(format!("{} {what} completed successfully.", context.console.green("Success:")));
    }
    Ok(())
}
