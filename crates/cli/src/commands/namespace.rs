//! `wsk namespace`, and `wsk list`.

use crate::args;
use crate::commands::rule;
use crate::context::{Context, OWN_NAMESPACE, shown};
use crate::failure::{Because as _, Outcome};
use crate::listing::{self, ALL, by_name};
use serde_json::json;
use tokio::try_join;

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
    if arguments.rest != ["/_"] {
        args::at_most(&arguments.rest, 0, "No arguments are required.")?;
    }
    let client = context.client()?;
    let what = format!("Unable to obtain the list of entities for namespace '{}'", shown(OWN_NAMESPACE));
    let (packages, actions, triggers, rules) = try_join!(
        async { client.list_packages(OWN_NAMESPACE, ALL).await.because(&what) },
        async { client.list_actions(OWN_NAMESPACE, None, ALL).await.because(&what) },
        async { client.list_triggers(OWN_NAMESPACE, ALL).await.because(&what) },
        async { client.list_rules(OWN_NAMESPACE, ALL).await.because(&what) },
    )?;
    let rules = rule::with_status(rules, OWN_NAMESPACE, context).await?;
    let (packages, actions, triggers, rules) = if arguments.name_sort {
        (by_name(packages), by_name(actions), by_name(triggers), by_name(rules))
    } else {
        (packages, actions, triggers, rules)
    };
    let all = json!({"packages": packages, "actions": actions, "triggers": triggers, "rules": rules});
    context.show(&all, || {
        let console = context.console;
        console.line(format!("Entities in namespace: {}", console.bold(shown(OWN_NAMESPACE))));
        listing::print(&packages, context);
        listing::print(&actions, context);
        listing::print(&triggers, context);
        listing::print(&rules, context);
        Ok(())
    })
}
