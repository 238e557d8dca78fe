//! `wsk api`: routes of an API gateway that lead to web actions. The gateway is reached through web actions of the
//! server (GW-01); ours has none, and every command here says so.

mod create;
mod list;
mod route;

pub(crate) use create::create_route;

use crate::args;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::listing::Listing;
use crate::output::pretty;
use client::{ApiFilter, Error, Gateway};
use serde_json::Value;

/// What can be done with APIs.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Api {
    /// create a new API
    Create(create::Create),
    /// get API details
    Get(Get),
    /// delete an API
    Delete {
        #[arg(value_names = ["BASE_PATH | API_NAME", "API_PATH", "API_VERB"], num_args = 0..)]
        rest: Vec<String>,
    },
    /// list APIs
    List(List),
}

/// What is shown of an API.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    #[arg(value_name = "BASE_PATH | API_NAME")]
    rest: Vec<String>,
    /// Show all that the gateway knows of it
    #[arg(short, long)]
    full: bool,
    /// The form in which it is shown: json or yaml
    #[arg(long, value_name = "TYPE")]
    format: Option<String>,
}

/// Which APIs are listed.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[arg(value_names = ["BASE_PATH | API_NAME", "API_PATH", "API_VERB"], num_args = 0..)]
    rest: Vec<String>,
    /// Show a block of lines for each
    #[arg(short, long)]
    full: bool,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) async fn run(command: Api, context: &Context) -> Outcome {
    match command {
        Api::Create(create) => create::run(&create, context).await,
        Api::Get(get) => self::get(&get, context).await,
        Api::Delete { rest } => delete(&rest, context).await,
        Api::List(list) => self::list(&list, context).await,
    }
}

/// The gateway of the server that the properties name.
fn gateway(context: &Context) -> Outcome<Gateway<'_>> {
    Ok(context.client()?.gateway(Some(&context.properties.gateway_token)))
}

/// Why a call of the gateway failed. Upstream's CLI exits with 1 whatever it was.
fn failed(error: Error, what: &str) -> Failure {
    let no_gateway = error.status() == Some(404);
    let failure = Failure::from(error).because(what);
    if !no_gateway {
        return failure;
    }
    failure.hint(
        "this server has no API gateway (no web actions in /whisk.system/apimgmt). Web actions can do without: \
         wsk action get ACTION_NAME --url shows where one answers (docs/operating/web.md)",
    )
}

/// The part of an API that the arguments name.
fn filter(rest: &[String]) -> Outcome<ApiFilter> {
    if let Some(path) = rest.get(1) {
        route::begins_with_slash(path)?;
    }
    let verb = rest.get(2).map(|verb| route::verb(verb)).transpose()?;
    Ok(ApiFilter { base: rest.first().cloned(), path: rest.get(1).cloned(), verb })
}

async fn get(arguments: &Get, context: &Context) -> Outcome {
    args::between(&arguments.rest, 1, 1, "An API base path or API name is required.")?;
    let form = arguments.format.as_ref().map(|form| form.to_lowercase());
    if let (Some(given), Some(form)) = (&arguments.format, &form)
        && !["json", "yaml"].contains(&form.as_str())
    {
        return Err(Failure::general(format!("Invalid format type: {given}")));
    }
    let name = &arguments.rest[0];
    let got = gateway(context)?.get(&filter(&arguments.rest)?).await;
    let got = got.map_err(|error| failed(error, &format!("Unable to get API '{name}'")).exit(1))?;
    let missing = || Failure::general(format!("API does not exist for basepath {name}"));
    let api = got.apis.into_iter().next().and_then(|entry| entry.value).ok_or_else(missing)?;
    let document = match arguments.full {
        true => serde_json::to_value(&api),
        false => serde_json::to_value(api.apidoc.as_ref().ok_or_else(missing)?),
    };
    let document = document.map_err(|error| Failure::general(error.to_string()))?;
    context.show(&document, || {
        if form.as_deref() == Some("yaml") {
            let text = serde_norway::to_string(&document);
            let text =
                text.map_err(|error| Failure::general(format!("Unable to convert API into YAML: {error}")))?;
            context.console.line(text);
        } else if arguments.full {
            context.console.line(pretty(&api));
        } else {
            context.console.line(pretty(&api.apidoc));
        }
        Ok(())
    })
}

async fn delete(rest: &[String], context: &Context) -> Outcome {
    args::between(
        rest,
        1,
        3,
        "An API base path or API name is required.  An optional API relative path and operation may also be provided.",
    )?;
    let part = filter(rest)?;
    let deleted = gateway(context)?.delete(&part).await;
    deleted.map_err(|error| failed(error, "Unable to delete API").exit(1))?;
    let base = &rest[0];
    let text = match (&part.path, &part.verb) {
        (None, _) => format!("deleted API {base}"),
        (Some(path), None) => format!("deleted {path} from {base}"),
        (Some(path), Some(verb)) => format!("deleted {path} {verb} from {base}"),
    };
    context.done(&Value::Null, text)
}

async fn list(arguments: &List, context: &Context) -> Outcome {
    args::at_most(
        &arguments.rest,
        3,
        "Optional parameters are: API base path (or API name), API relative path and operation.",
    )?;
    let what = "Unable to obtain the API list";
    let part = filter(&arguments.rest)?;
    let gateway = gateway(context)?;
    let apis = if arguments.rest.is_empty() {
        let apis = gateway.list(arguments.listing.page()).await;
        let apis = apis.map_err(|error| failed(error, what).exit(1))?;
        for entry in &apis.apis {
            let api = entry.value.as_ref().ok_or_else(|| {
                Failure::general(format!(
                    "{what}: Internal error. Missing value stanza in API configuration response"
                ))
            })?;
            route::sound(api.apidoc.as_ref()).map_err(|failure| failure.because(what))?;
        }
        apis
    } else {
        // Here upstream's CLI exits with what the server said.
        gateway.get(&part).await.map_err(|error| failed(error, what))?
    };
    context.show(&apis, || {
        context.console.ok("APIs");
        let rows = list::rows(&apis, &part, arguments.listing.sorted());
        context.console.print(list::text(&rows, arguments.full, context.console));
        Ok(())
    })
}
