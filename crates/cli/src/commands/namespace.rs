//! `wsk namespace`, and `wsk list`.

use crate::args;
use crate::context::Context;
use crate::failure::{Because as _, Outcome};

/// What can be done with namespaces.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Namespace {
    /// list available namespaces
    List {
        #[arg(hide = true)]
        rest: Vec<String>,
    },
    /// get triggers, actions, and rules in the registry for namespace
    Get(Get),
}

/// What is shown of a namespace.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    #[arg(hide = true)]
    rest: Vec<String>,
    /// Sort each list by name
    #[arg(short, long)]
    name_sort: bool,
}

pub(crate) async fn run(command: Namespace, context: &Context) -> Outcome {
    match command {
        Namespace::List { rest } => list(&rest, context).await,
        Namespace::Get(arguments) => get(arguments, context).await,
    }
}

async fn list(rest: &[String], context: &Context) -> Outcome {
    args::at_most(rest, 0, "No arguments are required.")?;
    let namespaces = context.client()?.list_namespaces().await;
    let namespaces = namespaces.because("Unable to obtain the list of available namespaces")?;
    context.show(&namespaces, || {
        context.console.line(context.console.bold("namespaces"));
        namespaces.iter().for_each(|namespace| context.console.line(namespace));
        Ok(())
    })
}

pub(crate) async fn get(arguments: Get, context: &Context) -> Outcome {
    let _ = (arguments, context);
    Ok(())
}
