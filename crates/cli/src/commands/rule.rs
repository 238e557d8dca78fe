//! `wsk rule`.

use crate::args;
use crate::context::{Context, full_name, namespace, qualified, shown};
use crate::failure::{Because as _, Failure, Outcome};
use crate::listing::Listing;
use crate::output::pretty;
use crate::{projection, summary};
use client::{QualifiedName, Rule as Document};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

/// How many rules are asked for their status at a time.
const AT_A_TIME: usize = 16;

/// What must be named.
const NAME: &str = "A rule name is required.";
/// What must be named to make one.
const NAMES: &str = "A rule, trigger and action name are required.";

/// What can be done with rules.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Rule {
    /// create new rule
    Create(Put),
    /// update an existing rule, or create a rule if it does not exist
    Update(Put),
    /// get rule
    Get(Get),
    /// delete rule
    Delete(Delete),
    /// enable rule
    Enable(Name),
    /// disable rule
    Disable(Name),
    /// get rule status
    Status(Name),
    /// list all rules
    List(List),
}

/// A rule, what fires it, and what it invokes.
#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    #[arg(value_names = ["RULE_NAME", "TRIGGER_NAME", "ACTION_NAME"], num_args = 0..)]
    rest: Vec<String>,
}

/// A rule.
#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    #[arg(value_name = "RULE_NAME")]
    rest: Vec<String>,
}

/// What is shown of a rule.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    #[arg(value_names = ["RULE_NAME", "FIELD_FILTER"], num_args = 0..)]
    rest: Vec<String>,
    /// Summarize rule details
    #[arg(short, long)]
    summary: bool,
}

/// How a rule is deleted.
#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    #[arg(value_name = "RULE_NAME")]
    rest: Vec<String>,
    /// Disable the rule before deleting it
    #[arg(long)]
    disable: bool,
}

/// Which rules are listed.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[arg(value_name = "NAMESPACE")]
    rest: Vec<String>,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) async fn run(command: Rule, context: &Context) -> Outcome {
    match command {
        Rule::Create(put) => self::put(&put.rest, false, context).await,
        Rule::Update(put) => self::put(&put.rest, true, context).await,
        Rule::Get(get) => self::get(get, context).await,
        Rule::Delete(delete) => self::delete(delete, context).await,
        Rule::Enable(Name { rest }) => set_state(&rest, true, context).await,
        Rule::Disable(Name { rest }) => set_state(&rest, false, context).await,
        Rule::Status(Name { rest }) => status(&rest, context).await,
        Rule::List(list) => self::list(list, context).await,
    }
}

/// The rule that is named.
fn named(rest: &[String], most: usize) -> Outcome<QualifiedName> {
    args::between(rest, 1, most, NAME)?;
    qualified(&rest[0])
}

async fn put(rest: &[String], overwrite: bool, context: &Context) -> Outcome {
    args::between(rest, 3, 3, NAMES)?;
    let name = qualified(&rest[0])?;
    let rule = Document {
        name: Some(name.entity()),
        trigger: Value::String(full_name(&rest[1])),
        action: Value::String(full_name(&rest[2])),
        ..Document::default()
    };
    let (what, done) = if overwrite { ("update", "updated") } else { ("create", "created") };
    let rule = context.client()?.put_rule(&name, &rule, overwrite).await;
    let rule = rule.because(format!("Unable to {what} rule '{}'", name.entity()))?;
    context.done(&rule, format!("{done} rule {}", context.console.bold(name.entity())))
}

async fn get(arguments: Get, context: &Context) -> Outcome {
    let name = named(&arguments.rest, 2)?;
    let field = arguments.rest.get(1);
    projection::check(field, projection::RULE)?;
    let rule = context.client()?.get_rule(&name).await;
    let rule =
        rule.because(format!("Unable to get rule '{}'", name.entity())).map_err(Failure::pointing_at_help)?;
    let console = context.console;
    if arguments.summary {
        return context.show(&rule, || {
            summary::rule(&rule, context);
            Ok(())
        });
    }
    context.show_entity("rule", &name, &rule, field, || console.line(pretty(&rule)))
}

async fn delete(arguments: Delete, context: &Context) -> Outcome {
    let name = named(&arguments.rest, 1)?;
    let client = context.client()?;
    if arguments.disable {
        let disabled = client.set_rule_state(&name, false).await;
        disabled.because(format!("Unable to disable rule '{}'", name.entity()))?;
    }
    client.delete_rule(&name).await.because(format!("Unable to delete rule '{}'", name.entity()))?;
    context.done(&Value::Null, format!("deleted rule {}", context.console.bold(name.entity())))
}

async fn set_state(rest: &[String], active: bool, context: &Context) -> Outcome {
    let name = named(rest, 1)?;
    let (what, done) = if active { ("enable", "enabled") } else { ("disable", "disabled") };
    let set = context.client()?.set_rule_state(&name, active).await;
    set.because(format!("Unable to {what} rule '{}'", name.entity()))?;
    context.done(&Value::Null, format!("{done} rule {}", context.console.bold(name.entity())))
}

async fn status(rest: &[String], context: &Context) -> Outcome {
    let name = named(rest, 1)?;
    let rule = context.client()?.get_rule(&name).await;
    let what = format!("Unable to get status of rule '{}'", name.entity());
    let rule = rule.because(what).map_err(Failure::pointing_at_help)?;
    let console = context.console;
    context
        .done(&rule.status, format!("rule {} is {}", console.bold(name.entity()), console.bold(&rule.status)))
}

async fn list(arguments: List, context: &Context) -> Outcome {
    args::at_most(&arguments.rest, 1, "An optional namespace is the only valid argument.")?;
    let namespace = namespace(arguments.rest.first())?;
    let rules = context.client()?.list_rules(&namespace, arguments.listing.page()).await;
    let rules =
        rules.because(format!("Unable to obtain the list of rules for namespace '{}'", shown(&namespace)))?;
    arguments.listing.show(with_status(rules, &namespace, context).await?, context)
}

/// The rules of a list with their status, which each of them must be asked for (CLI-11). One that went meanwhile is left
/// out.
pub(crate) async fn with_status(
    rules: Vec<Document>,
    namespace: &str,
    context: &Context,
) -> Outcome<Vec<Document>> {
    let client = context.client()?;
    let asked = stream::iter(rules).map(async |mut rule: Document| {
        let name = rule.name.clone().unwrap_or_default();
        match client.get_rule(&qualified(&format!("/{namespace}/{name}"))?).await {
            Ok(found) => rule.status = found.status,
            Err(error) if error.status() == Some(404) => return Ok(None),
            Err(error) => return Err(error).because(format!("Unable to get status of rule '{name}'")),
        }
        Ok(Some(rule))
    });
    let rules: Vec<Option<Document>> = asked.buffered(AT_A_TIME).try_collect().await?;
    Ok(rules.into_iter().flatten().collect())
}
