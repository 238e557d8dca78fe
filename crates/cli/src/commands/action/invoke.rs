//! `wsk action invoke`.

use super::{NAME, missing};
use crate::args::{self, Parameters};
use crate::context::{Context, qualified};
use crate::failure::{Failure, Outcome};
use crate::output::{Format, pretty};
use client::{Answer, Error, QualifiedName};
use serde_json::Value;

/// An action, and what it is to work on.
#[derive(Debug, clap::Args)]
pub(crate) struct Invoke {
    #[arg(value_name = "ACTION_NAME")]
    rest: Vec<String>,
    #[command(flatten)]
    parameters: Parameters,
    /// Wait for the end of the activation
    #[arg(short, long)]
    blocking: bool,
    /// Wait, and show only the result
    #[arg(short, long)]
    result: bool,
}

pub(super) async fn run(arguments: &Invoke, context: &Context) -> Outcome {
    args::between(&arguments.rest, 1, 1, NAME)?;
    let name = qualified(&arguments.rest[0])?;
    let payload = arguments.parameters.object()?;
    let blocking = arguments.blocking || arguments.result;
    match context.client()?.invoke_action(&name, &payload, blocking, arguments.result).await {
        Ok(answer) if blocking && answer.status == 202 => unfinished(&name, &answer, context),
        Ok(answer) => {
            let record: Value = answer.json()?;
            context.show(&record, || {
                if !arguments.result {
                    context.console.line(invoked(&name, &record, context));
                }
                if blocking {
                    context.console.line(pretty(&record));
                }
                Ok(())
            })
        }
        Err(Error::Application { status, answer, .. }) if blocking => {
            failed(&name, &answer, !arguments.result, context)?;
            Err(Failure::general(String::new()).exit((status % 256) as u8).told())
        }
        Err(error) => {
            let what = format!("Unable to invoke action '{}'", name.entity());
            Err(missing(error, &name, context).await.because(what))
        }
    }
}

/// CLI-03: the activation goes on, and its id says which it is. Upstream's exit code for this is 202.
fn unfinished(name: &QualifiedName, answer: &Answer, context: &Context) -> Outcome {
    let record: Value = answer.json()?;
    let id = record["activationId"].as_str().unwrap_or_default();
    if context.format() == Format::Text {
        let console = context.console;
        console.error_line(format!(
            "{} invoked /{}/{}, but the request has not yet finished, with id {}",
            console.green("ok:"),
            console.bold(name.namespace()),
            console.bold(name.entity()),
            console.bold(id)
        ));
    } else {
        context.show(&record, || Ok(()))?;
    }
    Err(Failure::general(String::new()).exit(202).told())
}

/// The record, or the result, of a function that failed goes to standard error.
fn failed(name: &QualifiedName, answer: &Answer, header: bool, context: &Context) -> Outcome {
    let record: Value = answer.json()?;
    if context.format() != Format::Text {
        return context.show(&record, || Ok(()));
    }
    if header {
        context.console.error_line(invoked(name, &record, context));
    }
    context.console.error_line(pretty(&record));
    Ok(())
}

/// Prints the record of a blocking activation, with the line that names it.
pub(crate) fn print_record(name: &QualifiedName, record: &Value, context: &Context) {
    context.console.line(invoked(name, record, context));
    context.console.line(pretty(record));
}

fn invoked(name: &QualifiedName, record: &Value, context: &Context) -> String {
    let console = context.console;
    let id = record["activationId"].as_str().unwrap_or_default();
    let (namespace, entity) = (console.bold(name.namespace()), console.bold(name.entity()));
    format!("{} invoked /{namespace}/{entity} with id {}", console.green("ok:"), console.bold(id))
}
