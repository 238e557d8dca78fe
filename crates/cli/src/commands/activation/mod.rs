//! `wsk activation`.

mod explain;
pub(crate) mod logs;
pub(crate) mod poll;
mod rows;

use crate::args;
use crate::context::{Context, OWN_NAMESPACE, qualified, shown};
use crate::failure::{Because as _, Failure, Outcome};
use crate::output::{indented, pretty};
use crate::projection;
use client::{Activation as Record, ActivationFilter, Page};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

pub(crate) use logs::stripped;
pub(crate) use poll::Seen;

/// What must be named.
const ID: &str = "An activation ID is required.";

const LOGS: &str = "\
Examples:
  wsk activation logs --last
  wsk activation logs ACTIVATION_ID --strip      # without time and stream
  wsk activation logs ACTIVATION_ID --follow     # as they come, until its end";

const EXPLAIN: &str = "\
Examples:
  wsk activation explain --last                  # why was it slow, why did it fail
  wsk activation explain ACTIVATION_ID";

/// What can be done with activations.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Activation {
    /// list activations
    List(List),
    /// get activation
    Get(Get),
    /// get the logs of an activation
    #[command(after_help = LOGS)]
    Logs(logs::Logs),
    /// get the result of an activation
    Result(One),
    /// tell where the time of an activation went, why it failed, what caused it and what it caused
    #[command(after_help = EXPLAIN)]
    Explain(One),
    /// poll continuously for log messages from currently running actions
    Poll(poll::Poll),
}

/// Which activations are listed.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[arg(value_name = "NAMESPACE or NAME")]
    rest: Vec<String>,
    /// Leave out the first SKIP activations
    #[arg(short, long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    skip: i64,
    /// Show at most LIMIT activations, 200 at most
    #[arg(short, long, default_value_t = 30, allow_negative_numbers = true)]
    limit: i64,
    /// Show whole records
    #[arg(short, long)]
    full: bool,
    /// Only those that started before UPTO, in milliseconds since 1970
    #[arg(long, allow_negative_numbers = true)]
    upto: Option<i64>,
    /// Only those that started after SINCE, in milliseconds since 1970
    #[arg(long, allow_negative_numbers = true)]
    since: Option<i64>,
}

/// What is shown of an activation.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    #[command(flatten)]
    one: One,
    /// Summarize activation details
    #[arg(short, long)]
    summary: bool,
    /// Show only the logs, without time and stream
    #[arg(short = 'g', long)]
    logs: bool,
}

/// An activation.
#[derive(Debug, clap::Args)]
pub(crate) struct One {
    #[arg(value_names = ["ACTIVATION_ID", "FIELD_FILTER"], num_args = 0..)]
    rest: Vec<String>,
    /// The last activation
    #[arg(short, long)]
    last: bool,
}

pub(crate) async fn run(command: Activation, context: &Context) -> Outcome {
    match command {
        Activation::List(list) => self::list(&list, context).await,
        Activation::Get(get) => self::get(&get, context).await,
        Activation::Logs(logs) => logs::run(&logs, context).await,
        Activation::Result(one) => result(&one, context).await,
        Activation::Explain(one) => explain::run(&one, context).await,
        Activation::Poll(poll) => poll::run(&poll, context).await,
    }
}

impl One {
    /// The id that is named, or the newest (CLI-10), and what stands behind it.
    async fn arguments(&self, what: &str, most: usize, context: &Context) -> Outcome<Vec<String>> {
        let mut arguments = self.rest.clone();
        if self.last {
            arguments.insert(0, last(context).await.because(what)?);
        }
        args::between(&arguments, 1, most, ID)?;
        Ok(arguments)
    }
}

/// The id of the newest activation.
async fn last(context: &Context) -> Outcome<String> {
    let page = Page { limit: 1, skip: 0 };
    let newest =
        context.client()?.list_activations(OWN_NAMESPACE, &ActivationFilter::default(), page).await?;
    let newest = newest.into_iter().next();
    newest
        .map(|record| record.activation_id)
        .ok_or_else(|| Failure::usage("Activation list does not contain any activations."))
}

async fn list(arguments: &List, context: &Context) -> Outcome {
    args::at_most(&arguments.rest, 1, "An optional namespace is the only valid argument.")?;
    let name = arguments.rest.first().map(|name| qualified(name)).transpose()?;
    let namespace = name.as_ref().map_or(OWN_NAMESPACE, |name| name.namespace());
    let filter = ActivationFilter {
        name: name.as_ref().map(|name| name.entity()).filter(|name| !name.is_empty()),
        since: arguments.since.filter(|since| *since != 0),
        upto: arguments.upto.filter(|upto| *upto != 0),
        docs: arguments.full,
    };
    let page = Page { limit: arguments.limit, skip: arguments.skip };
    let records = context.client()?.list_activations(namespace, &filter, page).await;
    let what = format!("Unable to obtain the list of activations for namespace '{}'", shown(OWN_NAMESPACE));
    let records = records.because(what)?;
    context.show(&records, || {
        if arguments.full {
            context.console.line(context.console.bold("activations"));
            records.iter().for_each(|record| context.console.line(pretty(record)));
        } else {
            context.console.print(rows::table(&records, &TimeZone::system(), context.console));
        }
        Ok(())
    })
}

async fn get(arguments: &Get, context: &Context) -> Outcome {
    let rest = arguments.one.arguments("Unable to get activation", 2, context).await?;
    let (id, field) = (&rest[0], rest.get(1));
    projection::check(field, projection::ACTIVATION)?;
    let record = context.client()?.get_activation(id).await;
    let record = record.because(format!("Unable to get activation '{id}'"))?;
    let console = context.console;
    if let (Some(field), false) = (field, arguments.summary || arguments.logs) {
        let value: Box<RawValue> = projection::project(&record, field);
        return context.show(&value, || {
            console.ok(format!(
                "got activation {}, displaying field {}",
                console.bold(id),
                console.bold(field)
            ));
            console.line(indented(&value));
            Ok(())
        });
    }
    context.show(&record, || {
        if arguments.summary {
            console.line(summary(&record));
            console.line(pretty(&record.response.result));
        } else if arguments.logs {
            record.logs.iter().for_each(|line| console.line(stripped(line)));
        } else {
            console.ok(format!("got activation {}", console.bold(id)));
            console.line(pretty(&record));
        }
        Ok(())
    })
}

/// The first line of a summary; the time is the local one, to the second.
fn summary(record: &Record) -> String {
    let end = Timestamp::from_second(record.end / 1000).unwrap_or_default();
    let end = end.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string();
    let (namespace, name, status) = (&record.namespace, &record.name, &record.response.status);
    format!("activation result for '/{namespace}/{name}' ({status} at {end})")
}

async fn result(one: &One, context: &Context) -> Outcome {
    let rest = one.arguments("Unable to get result for activation", 1, context).await?;
    let id = &rest[0];
    let result = context.client()?.activation_result(id).await;
    let result = result.because(format!("Unable to get result for activation '{id}'"))?;
    let result = &result["result"];
    context.show(result, || {
        context.console.line(pretty(result));
        Ok(())
    })
}
