//! `wsk action`.

mod exec;
mod get;
pub(crate) mod invoke;
mod put;
mod web;

use crate::args;
use crate::context::{Context, OWN_NAMESPACE, qualified, shown};
use crate::failure::{Because as _, Failure, Outcome};
use crate::listing::{ALL, Listing};
use crate::suggest::closest;
use client::{Error, QualifiedName};
use serde_json::Value;

pub(crate) use exec::exec_of;
pub(crate) use get::url;
pub(crate) use put::{Flags, document, with_web};

/// What must be named.
pub(crate) const NAME: &str = "An action name is required.";

const CREATE: &str = "\
Examples:
  wsk action create hello hello.js
  wsk action create hello hello.js --param greeting Hi --memory 512
  wsk action create page page.py --web true      # answers at a URL of its own
  wsk action create app app.zip --kind nodejs:default
  wsk action create both --sequence first,second";

const INVOKE: &str = "\
Examples:
  wsk action invoke hello                        # prints the id, and goes on
  wsk action invoke hello -p name Ada --result   # waits, and prints the result
  wsk action invoke hello -P input.json --blocking";

/// What can be done with actions.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// create a new action
    #[command(after_help = CREATE)]
    Create(put::Put),
    /// update an existing action, or create an action if it does not exist
    Update(put::Update),
    /// invoke action
    #[command(after_help = INVOKE)]
    Invoke(invoke::Invoke),
    /// get action
    Get(get::Get),
    /// delete action
    Delete {
        #[arg(value_name = "ACTION_NAME")]
        rest: Vec<String>,
    },
    /// list all actions in a namespace or actions contained in a package
    List(List),
}

/// Which actions are listed.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[arg(value_name = "NAMESPACE | PACKAGE_NAME")]
    rest: Vec<String>,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) async fn run(command: Action, context: &Context) -> Outcome {
    match command {
        Action::Create(put) => put::create(&put, context).await,
        Action::Update(update) => put::update(&update, context).await,
        Action::Invoke(invoke) => invoke::run(&invoke, context).await,
        Action::Get(get) => get::run(&get, context).await,
        Action::Delete { rest } => delete(&rest, context).await,
        Action::List(list) => self::list(&list, context).await,
    }
}

async fn delete(rest: &[String], context: &Context) -> Outcome {
    args::between(rest, 1, 1, NAME)?;
    let name = qualified(&rest[0])?;
    if let Err(error) = context.client()?.delete_action(&name).await {
        return Err(missing(error, &name, context)
            .await
            .because(format!("Unable to delete action '{}'", name.entity())));
    }
    context.done(&Value::Null, format!("deleted action {}", context.console.bold(name.entity())))
}

async fn list(arguments: &List, context: &Context) -> Outcome {
    args::at_most(&arguments.rest, 1, "An optional namespace is the only valid argument.")?;
    let name = arguments.rest.first().map(|name| qualified(name)).transpose()?;
    let namespace = name.as_ref().map_or(OWN_NAMESPACE, QualifiedName::namespace);
    let package = name.as_ref().map(QualifiedName::name).filter(|package| !package.is_empty());
    let actions = context.client()?.list_actions(namespace, package, arguments.listing.page()).await;
    let what = format!("Unable to obtain the list of actions for namespace '{}'", shown(namespace));
    let actions = actions.because(what).map_err(Failure::pointing_at_help)?;
    arguments.listing.show(actions, context)
}

/// Why an action was not got; where there is none, the one that may have been meant.
async fn missing(error: Error, name: &QualifiedName, context: &Context) -> Failure {
    let not_found = error.status() == Some(404);
    let failure = Failure::from(error).pointing_at_help();
    let Ok(client) = context.client() else { return failure };
    if !not_found {
        return failure;
    }
    let Ok(actions) = client.list_actions(name.namespace(), None, ALL).await else { return failure };
    let full = |action: &client::Action| {
        let package = action.namespace.as_deref().and_then(|namespace| namespace.split_once('/'));
        let own = action.name.clone().unwrap_or_default();
        package.map_or(own.clone(), |(_, package)| format!("{package}/{own}"))
    };
    let names: Vec<String> = actions.iter().map(full).collect();
    match closest(&name.entity(), names.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean '{near}'?")),
        None => failure.hint("wsk action list shows what there is"),
    }
}
