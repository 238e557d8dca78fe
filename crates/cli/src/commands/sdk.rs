//! `wsk sdk`.

use super::completion::script;
use crate::args;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use clap_complete::Shell;
use client::Client;
use flate2::read::GzDecoder;
use http::Method;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

/// The file that completes the command line of bash.
const BASH: &str = "wsk_cli_bash_completion.sh";
/// The directory in the archive for Docker.
const SKELETON: &str = "dockerSkeleton";

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Sdk {
    /// install SDK artifacts: docker, ios or bashauto
    Install(Install),
}

/// What is installed.
#[derive(Debug, clap::Args)]
pub(crate) struct Install {
    #[arg(value_name = "COMPONENT")]
    rest: Vec<String>,
    /// Print the completion script of bash instead of writing it to a file
    #[arg(short, long)]
    stdout: bool,
}

pub(crate) async fn run(command: Sdk, context: &Context) -> Outcome {
    let Sdk::Install(arguments) = command;
    let required =
        "The SDK component argument is missing. One component (docker, ios, or bashauto) must be specified";
    let Some(component) = arguments.rest.first() else { return Err(Failure::usage(required)) };
    args::at_most(&arguments.rest, 1, required)?;
    match component.to_lowercase().as_str() {
        "bashauto" if arguments.stdout => {
            context.console.print_bytes(&script(Shell::Bash));
            Ok(())
        }
        "bashauto" => bashauto(context),
        // Upstream answers with the place of a release, which the client follows (CLI-15).
        "docker" => docker(context).await,
        "ios" => ios(context).await,
        _ => Err(Failure::usage(format!(
            "The SDK component argument '{component}' is invalid. Valid components are docker, ios and bashauto"
        ))),
    }
}

fn bashauto(context: &Context) -> Outcome {
    // The script of another version is replaced, as upstream does it.
    std::fs::write(BASH, script(Shell::Bash))
        .map_err(|error| Failure::general(format!("Unable to generate '{BASH}': {error}")))?;
    let console = context.console;
    console.line(format!("The bash auto-completion script ({BASH}) is installed in the current directory."));
    console.line(
        "To enable command line completion of wsk commands, source the auto completion script into your bash environment",
    );
    Ok(())
}

/// The skeleton of an image, unpacked.
async fn docker(context: &Context) -> Outcome {
    if Path::new(SKELETON).exists() {
        return Err(failed(
            "docker",
            format!("The directory '{SKELETON}' already exists.  Delete it and retry."),
        ));
    }
    let bytes = download("blackbox.tar.gz", "docker", context).await?;
    tar::Archive::new(GzDecoder::new(&*bytes))
        .unpack(".")
        .map_err(|error| failed("docker", format!("Error untarring file 'blackbox.tar.gz': {error}")))?;
    context.console.line("The docker skeleton is now installed at the current directory.");
    Ok(())
}

async fn ios(context: &Context) -> Outcome {
    let file = "OpenWhiskIOSStarterApp.zip";
    write(file, &download(file, "ios", context).await?)?;
    context
        .console
        .line(format!("Downloaded OpenWhisk iOS starter app. Unzip '{file}' and open the project in Xcode."));
    Ok(())
}

fn failed(name: &str, error: impl std::fmt::Display) -> Failure {
    Failure::general(format!("The {name} SDK installation failed: {error}"))
}

async fn download(file: &str, name: &str, context: &Context) -> Outcome<Vec<u8>> {
    let bytes = fetched(context.client()?, file).await.map_err(|error| {
        Failure::from(error)
            .because(format!("The {name} SDK installation failed"))
            .hint("this server offers no SDK to download; runtime images are built from public sources")
    })?;
    // A server that knows no such file may answer with a page of its own.
    if bytes.starts_with(b"{") || bytes.starts_with(b"<") {
        return Err(failed(name, format!("the server has no {file}")));
    }
    Ok(bytes)
}

async fn fetched(client: &Client, file: &str) -> client::Result<Vec<u8>> {
    let url = format!("{}/{file}", client.base().as_str().trim_end_matches("/api"));
    Ok(client.request_url(Method::GET, url).anonymous().as_it_is().send().await?.body.to_vec())
}

/// Writes a new file; one that is there is somebody's.
fn write(file: &str, bytes: &[u8]) -> Outcome {
    let written =
        OpenOptions::new().write(true).create_new(true).open(file).and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::general(format!("The file '{file}' already exists.  Delete it and retry."))
        }
        _ => Failure::general(format!("Cannot create file '{file}': {error}")),
    })
}
