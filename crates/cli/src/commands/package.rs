//! `wsk package`.

use crate::args::{self, Annotations, Parameters};
use crate::context::{Context, namespace, qualified, shown};
use crate::failure::{Because as _, Failure, Outcome};
use crate::listing::Listing;
use crate::output::pretty;
use crate::{projection, summary};
use client::{Binding, Bound, Package as Document, QualifiedName};
use serde_json::Value;

/// What must be named.
const NAME: &str = "A package name is required.";
/// What lists take.
const NAMESPACE: &str = "An optional namespace is the only valid argument.";

/// What can be done with packages.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Package {
    /// bind parameters to a package
    Bind(Bind),
    /// create a new package
    Create(Put),
    /// update an existing package, or create a package if it does not exist
    Update(Put),
    /// get package
    Get(Get),
    /// delete package
    Delete {
        #[arg(value_name = "PACKAGE_NAME")]
        rest: Vec<String>,
    },
    /// list all packages
    List(List),
    /// refresh package bindings
    Refresh {
        #[arg(value_name = "NAMESPACE")]
        rest: Vec<String>,
    },
}

/// A package of somebody, and the name under which it is to be had here.
#[derive(Debug, clap::Args)]
pub(crate) struct Bind {
    #[arg(value_names = ["PACKAGE_NAME", "BOUND_PACKAGE_NAME"], num_args = 0..)]
    rest: Vec<String>,
    #[command(flatten)]
    parameters: Parameters,
    #[command(flatten)]
    annotations: Annotations,
    /// Replace a binding that exists
    #[arg(short = 'o', long)]
    overwrite: bool,
}

/// What becomes of a package.
#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    #[arg(value_name = "PACKAGE_NAME")]
    rest: Vec<String>,
    #[command(flatten)]
    parameters: Parameters,
    #[command(flatten)]
    annotations: Annotations,
    /// Whether others may use it: yes = shared, no = private
    #[arg(long, value_name = "SCOPE")]
    shared: Option<String>,
}

/// What is shown of a package.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    #[arg(value_names = ["PACKAGE_NAME", "FIELD_FILTER"], num_args = 0..)]
    rest: Vec<String>,
    /// Summarize package details; parameters with prefix "*" are bound
    #[arg(short, long)]
    summary: bool,
}

/// Which packages are listed.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[arg(value_name = "NAMESPACE")]
    rest: Vec<String>,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) async fn run(command: Package, context: &Context) -> Outcome {
    match command {
        Package::Bind(bind) => self::bind(bind, context).await,
        Package::Create(put) => self::put(put, false, context).await,
        Package::Update(put) => self::put(put, true, context).await,
        Package::Get(get) => self::get(get, context).await,
        Package::Delete { rest } => delete(&rest, context).await,
        Package::List(list) => self::list(list, context).await,
        Package::Refresh { rest } => refresh(&rest, context).await,
    }
}

/// The package that is named.
fn named(rest: &[String], most: usize) -> Outcome<QualifiedName> {
    args::between(rest, 1, most, NAME)?;
    qualified(&rest[0])
}

/// CLI-14: the namespace of the provider is the one of its path, or `_`.
async fn bind(arguments: Bind, context: &Context) -> Outcome {
    args::between(&arguments.rest, 2, 2, "A package name and binding name are required.")?;
    let provider = qualified(&arguments.rest[0])?;
    let name = qualified(&arguments.rest[1])?;
    let binding = Binding { namespace: provider.namespace().to_owned(), name: provider.entity() };
    let package = Document {
        parameters: Some(arguments.parameters.list()?),
        annotations: Some(arguments.annotations.list()?),
        binding: Some(Bound::To(binding)),
        ..Document::default()
    };
    let package = context.client()?.put_package(&name, &package, arguments.overwrite).await;
    let package = package.because("Binding creation failed")?;
    context.done(&package, format!("created binding {}", context.console.bold(&arguments.rest[1])))
}

async fn put(arguments: Put, overwrite: bool, context: &Context) -> Outcome {
    let name = named(&arguments.rest, 1)?;
    let package = Document {
        name: Some(name.entity()),
        namespace: Some(name.namespace().to_owned()),
        publish: shared(arguments.shared.as_deref())?,
        parameters: Some(arguments.parameters.list()?),
        annotations: Some(arguments.annotations.list()?),
        ..Document::default()
    };
    let package = context.client()?.put_package(&name, &package, overwrite).await;
    let (done, failed) = match overwrite {
        true => ("updated", "Package update failed".to_owned()),
        false => ("created", format!("Unable to create package '{}'", name.entity())),
    };
    let package = package.because(failed)?;
    context.done(&package, format!("{done} package {}", context.console.bold(name.entity())))
}

fn shared(scope: Option<&str>) -> Outcome<Option<bool>> {
    match scope.map(str::to_lowercase).as_deref() {
        None | Some("") => Ok(None),
        Some("yes") => Ok(Some(true)),
        Some("no") => Ok(Some(false)),
        Some(_) => {
            Err(Failure::usage(format!("Cannot use value '{}' for shared.", scope.unwrap_or_default()))
                .hint("it is yes or no"))
        }
    }
}

async fn get(arguments: Get, context: &Context) -> Outcome {
    let name = named(&arguments.rest, 2)?;
    let field = arguments.rest.get(1);
    projection::check(field, projection::PACKAGE)?;
    let package = context.client()?.get_package(&name).await;
    let package = package.because(format!("Unable to get package '{}'", name.entity()))?;
    if arguments.summary {
        return context.show(&package, || {
            summary::package(&package, context);
            Ok(())
        });
    }
    context.show_entity("package", &name, &package, field, || context.console.line(pretty(&package)))
}

async fn delete(rest: &[String], context: &Context) -> Outcome {
    let name = named(rest, 1)?;
    let deleted = context.client()?.delete_package(&name).await;
    deleted.because(format!("Unable to delete package '{}'", name.entity()))?;
    context.done(&Value::Null, format!("deleted package {}", context.console.bold(name.entity())))
}

async fn list(arguments: List, context: &Context) -> Outcome {
    args::at_most(&arguments.rest, 1, NAMESPACE)?;
    let namespace = namespace(arguments.rest.first())?;
    let packages = context.client()?.list_packages(&namespace, arguments.listing.page()).await;
    let what = format!("Unable to obtain the list of packages for namespace '{}'", shown(&namespace));
    arguments.listing.show(packages.because(what)?, context)
}

async fn refresh(rest: &[String], context: &Context) -> Outcome {
    args::at_most(rest, 1, NAMESPACE)?;
    let namespace = namespace(rest.first())?;
    let updates = match context.client()?.refresh_packages(&namespace).await {
        Err(error) if error.status() == Some(501) => {
            let text = "The package refresh feature is not implemented in the target deployment";
            return Err(Failure::from(error)
                .because(format!("Package refresh for namespace '{namespace}' failed"))
                .hint(text));
        }
        updates => updates.because(format!("Package refresh for namespace '{namespace}' failed"))?,
    };
    context.show(&updates, || {
        context.console.line(format!("'{namespace}' refreshed successfully"));
        for (what, field) in [("created", "added"), ("updated", "updated"), ("deleted", "deleted")] {
            context.console.line(format!("{what} bindings:"));
            let names = updates[field].as_array().into_iter().flatten().filter_map(Value::as_str);
            names.for_each(|name| context.console.line(name));
        }
        Ok(())
    })
}
