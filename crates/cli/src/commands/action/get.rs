//! `wsk action get`: a document, a field of it, its summary, its URL, its code.

use super::{NAME, missing};
use crate::args;
use crate::context::{Context, qualified};
use crate::failure::{Failure, Outcome};
use crate::output::pretty;
use crate::{projection, summary};
use base64::Engine as _;
use client::{Action, Exec, QualifiedName, WithKeyValues as _, segment};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

/// What is shown of an action.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    #[arg(value_names = ["ACTION_NAME", "FIELD_FILTER"], num_args = 0..)]
    rest: Vec<String>,
    /// Summarize action details; parameters with prefix "*" are bound, "**" are bound and finalized
    #[arg(short, long)]
    summary: bool,
    /// Show the URL of the action
    #[arg(short = 'r', long)]
    url: bool,
    /// Save the code to a file named after the action
    #[arg(long)]
    save: bool,
    /// Save the code to FILE
    #[arg(long, value_name = "FILE")]
    save_as: Option<PathBuf>,
}

pub(super) async fn run(arguments: &Get, context: &Context) -> Outcome {
    args::between(&arguments.rest, 1, 2, NAME)?;
    let field = arguments.rest.get(1).filter(|_| !arguments.url && !arguments.summary);
    projection::check(field, projection::ACTION).map_err(|failure| failure.exit(2).pointing_at_help())?;
    let name = qualified(&arguments.rest[0])?;
    let save = arguments.save || arguments.save_as.is_some();
    let action = match context.client()?.get_action(&name, save).await {
        Ok(action) => action,
        Err(error) => {
            let what = format!("Unable to get action '{}'", name.entity());
            return Err(missing(error, &name, context).await.because(what));
        }
    };
    if arguments.url {
        let url = url(&action, &name, context)?;
        return context.show(&json!({ "url": url }), || {
            context.console.ok(format!("got action {}", context.console.bold(name.name())));
            context.console.line(&url);
            Ok(())
        });
    }
    if arguments.summary {
        return context.show(&action, || {
            summary::action(&action, context);
            Ok(())
        });
    }
    if save {
        return self::save(&action, arguments.save_as.clone(), context);
    }
    context.show_entity("action", &name, &action, field, || context.console.line(pretty(&action)))
}

/// Where an action is invoked: over the web without a key, where it is a web action.
pub(crate) fn url(action: &Action, name: &QualifiedName, context: &Context) -> Outcome<String> {
    let client = context.client()?;
    // The document says which namespace `_` is.
    let namespace = action.namespace.as_deref().unwrap_or(name.namespace());
    let namespace = segment(namespace.split('/').next().unwrap_or_default());
    let own = segment(name.name());
    let web = action.annotations.as_ref().and_then(|annotations| annotations.value("web-export"));
    let path = match (web == Some(&Value::Bool(true)), name.package()) {
        (true, package) => format!("web/{namespace}/{}/{own}", segment(package.unwrap_or("default"))),
        (false, Some(package)) => format!("namespaces/{namespace}/actions/{}/{own}", segment(package)),
        (false, None) => format!("namespaces/{namespace}/actions/{own}"),
    };
    Ok(client.url(&path))
}

/// CLI-06: `exec.kind` and `exec.binary` say what the file is.
fn save(action: &Action, file: Option<PathBuf>, context: &Context) -> Outcome {
    let exec = action.exec.clone().unwrap_or_default();
    let name = action.name.clone().unwrap_or_default();
    let code = code(&exec)?;
    let file = file.unwrap_or_else(|| PathBuf::from(format!("{name}{}", extension(&exec))));
    let shown = file.display();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&file)
        .and_then(|mut file| file.write_all(&code));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::file(format!("The file '{shown}' already exists")),
        _ => Failure::file(format!("Cannot create file '{shown}': {error}")),
    })?;
    let here = std::env::current_dir().unwrap_or_default().join(&file);
    let path = here.display().to_string();
    context.done(&json!({ "file": path }), format!("saved action code to {}", context.console.bold(&path)))
}

fn code(exec: &Exec) -> Outcome<Vec<u8>> {
    let kind = exec.kind.split(':').next().unwrap_or_default().to_lowercase();
    let binary = exec.binary.unwrap_or_default();
    match (kind.as_str(), &exec.code) {
        ("sequence", _) => Err(Failure::file("Cannot save action sequences")),
        ("blackbox", None) => Err(Failure::file("Cannot save Docker images")),
        (_, None) => Ok(Vec::new()),
        (_, Some(code)) if binary => base64::engine::general_purpose::STANDARD
            .decode(code)
            .map_err(|error| Failure::general(format!("the code is no base64: {error}"))),
        (_, Some(code)) => Ok(code.clone().into_bytes()),
    }
}

fn extension(exec: &Exec) -> &'static str {
    let kind = exec.kind.split(':').next().unwrap_or_default().to_lowercase();
    match (exec.binary.unwrap_or_default(), kind.as_str()) {
        (true, "java") => ".jar",
        (true, "ballerina") => ".balx",
        (true, _) => ".zip",
        (false, "nodejs") => ".js",
        (false, "python") => ".py",
        (false, "swift") => ".swift",
        (false, "php") => ".php",
        (false, "ruby") => ".rb",
        (false, "rust") => ".rs",
        (false, "go") => ".go",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cli_06_kind_and_binary_name_the_file() {
        let exec =
            |kind: &str, binary| Exec { kind: kind.to_owned(), binary: Some(binary), ..Exec::default() };
        assert_eq!(extension(&exec("nodejs:20", false)), ".js");
        assert_eq!(extension(&exec("python:3", true)), ".zip");
        assert_eq!(extension(&exec("java:8", true)), ".jar");
        let packed = Exec { code: Some("aGk=".to_owned()), ..exec("nodejs:20", true) };
        assert_eq!(code(&packed).unwrap(), b"hi");
        assert!(code(&exec("sequence", false)).is_err());
    }
}
