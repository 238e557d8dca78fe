//! `wsk trigger`, and the life cycle of feeds.

use crate::args::{self, Annotations, FeedParameters, Parameters, TriggerParameters};
use crate::commands::action::invoke;
use crate::context::{Context, namespace, qualified, shown};
use crate::failure::{Because as _, Failure, Outcome};
use crate::listing::Listing;
use crate::output::pretty;
use crate::{projection, summary};
use client::{Client, QualifiedName, Trigger as Document, WithKeyValues as _};
use serde_json::{Map, Value, json};

/// What must be named.
const NAME: &str = "A trigger name is required.";
/// What upstream's CLI exits with where flags exclude each other: 405 as a byte.
const NOT_ALLOWED: u8 = 149;

const CREATE: &str = "\
Examples:
  wsk trigger create news
  wsk trigger create hourly --feed /whisk.system/alarms/alarm -p cron '0 * * * *'
  wsk rule create onNews news hello              # then the trigger runs an action
  wsk trigger fire news -p title Hello";

/// What can be done with triggers.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Trigger {
    /// create new trigger
    #[command(after_help = CREATE)]
    Create(Create),
    /// update an existing trigger, or create a trigger if it does not exist
    Update(Put),
    /// get trigger
    Get(Get),
    /// delete trigger
    Delete {
        #[arg(value_name = "TRIGGER_NAME")]
        rest: Vec<String>,
    },
    /// fire trigger event
    Fire(Fire),
    /// list all triggers
    List(List),
}

/// A trigger, and what feeds it.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    #[command(flatten)]
    put: Put,
    /// The action that feeds the trigger with events
    #[arg(short, long, value_name = "ACTION_NAME")]
    feed: Option<String>,
}

/// What becomes of a trigger.
#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    #[arg(value_name = "TRIGGER_NAME")]
    rest: Vec<String>,
    #[command(flatten)]
    parameters: Parameters,
    #[command(flatten)]
    annotations: Annotations,
    #[command(flatten)]
    feed_parameters: FeedParameters,
    #[command(flatten)]
    trigger_parameters: TriggerParameters,
}

/// What is shown of a trigger.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    #[arg(value_names = ["TRIGGER_NAME", "FIELD_FILTER"], num_args = 0..)]
    rest: Vec<String>,
    /// Summarize trigger details; parameters with prefix "*" are bound
    #[arg(short, long)]
    summary: bool,
}

/// A trigger and its event.
#[derive(Debug, clap::Args)]
pub(crate) struct Fire {
    #[arg(value_name = "TRIGGER_NAME")]
    rest: Vec<String>,
    #[command(flatten)]
    parameters: Parameters,
}

/// Which triggers are listed.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[arg(value_name = "NAMESPACE")]
    rest: Vec<String>,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) async fn run(command: Trigger, context: &Context) -> Outcome {
    match command {
        Trigger::Create(create) => self::create(&create.put, create.feed.as_deref(), context).await,
        Trigger::Update(put) => update(&put, context).await,
        Trigger::Get(get) => self::get(get, context).await,
        Trigger::Delete { rest } => delete(&rest, context).await,
        Trigger::Fire(fire) => self::fire(fire, context).await,
        Trigger::List(list) => self::list(list, context).await,
    }
}

/// The trigger that is named.
fn named(rest: &[String], most: usize) -> Outcome<QualifiedName> {
    args::between(rest, 1, most, NAME)?;
    qualified(&rest[0])
}

/// A trigger's own parameters, and its feed's.
struct Sorted {
    own: Map<String, Value>,
    feed: Map<String, Value>,
}

/// Whose parameters are whose: `-p` are the feed's where there is one; `-F` and `-T` say it themselves, and go with `-p`
/// neither.
fn sorted(put: &Put, has_feed: bool) -> Outcome<Sorted> {
    let told = !put.feed_parameters.is_empty() || !put.trigger_parameters.is_empty();
    if !put.parameters.is_empty() && told {
        return Err(Failure::general(
            "Incorrect usage. Cannot combine --feed-param or --trigger-param flag with neither --param nor \
             --param-file flag",
        )
        .exit(NOT_ALLOWED));
    }
    if told {
        return Ok(Sorted { own: put.trigger_parameters.object()?, feed: put.feed_parameters.object()? });
    }
    let given = put.parameters.object()?;
    Ok(if has_feed {
        Sorted { own: Map::new(), feed: given }
    } else {
        Sorted { own: given, feed: Map::new() }
    })
}

fn pairs(object: Map<String, Value>) -> client::KeyValues {
    let pairs = object.into_iter();
    pairs.map(|(key, value)| client::KeyValue { key, value, more: Map::new() }).collect()
}

async fn create(put: &Put, feed: Option<&str>, context: &Context) -> Outcome {
    let name = named(&put.rest, 1)?;
    let feed = feed.filter(|feed| !feed.is_empty()).map(qualified).transpose()?;
    let sorted = sorted(put, feed.is_some())?;
    if feed.is_none() && !put.feed_parameters.is_empty() {
        return Err(Failure::general("Incorrect usage. Trigger without a feed cannot have feed parameters")
            .exit(NOT_ALLOWED));
    }
    let mut annotations = put.annotations.list()?;
    if let Some(feed) = &feed {
        annotations.set("feed", Value::String(feed.to_string()));
    }
    let trigger = Document {
        name: Some(name.entity()),
        annotations: Some(annotations),
        parameters: Some(pairs(sorted.own)),
        ..Document::default()
    };
    let client = context.client()?;
    let unable = format!("Unable to create trigger '{}'", name.entity());
    let made = client.put_trigger(&name, &trigger, false).await.because(&unable)?;
    if let Some(feed) = feed {
        let event = Event { feed: &feed, trigger: &name, lifecycle: "CREATE" };
        match event.send(sorted.feed, client, context).await {
            Ok(answer) => context.show(&Value::Null, || {
                invoke::print_record(&feed, &answer, context);
                Ok(())
            })?,
            Err(failure) => {
                // A trigger whose feed does not feed it is none (CLI-12).
                client
                    .delete_trigger(&name)
                    .await
                    .because(format!("Unable to delete trigger '{}'", name.entity()))?;
                return Err(failure.because(unable));
            }
        }
    }
    context.done(&made, format!("created trigger {}", context.console.bold(name.entity())))
}

async fn update(put: &Put, context: &Context) -> Outcome {
    let name = named(&put.rest, 1)?;
    let client = context.client()?;
    let existing = match client.get_trigger(&name).await {
        Err(error) if error.status() == Some(404) => return create(put, None, context).await,
        existing => existing.because(format!("Unable to get trigger '{}'", name.entity()))?,
    };
    let feed = feed_of(&existing)?;
    let sorted = sorted(put, feed.is_some())?;
    let unable = format!("Unable to update trigger '{}'", name.entity());
    if feed.is_none() && !put.feed_parameters.is_empty() {
        return Err(Failure::general("this trigger does not contain a feed").because(unable));
    }
    // With -p, the parameters are the feed's, and the trigger itself stays as it is.
    let mut shown = existing;
    if feed.is_none() || put.parameters.is_empty() {
        let trigger = Document {
            name: Some(name.entity()),
            annotations: Some(put.annotations.list()?),
            parameters: Some(pairs(sorted.own)),
            ..Document::default()
        };
        shown = client.put_trigger(&name, &trigger, true).await.because(&unable)?;
    }
    if let Some(feed) = feed
        && !sorted.feed.is_empty()
    {
        let event = Event { feed: &feed, trigger: &name, lifecycle: "UPDATE" };
        let answer = event.send(sorted.feed, client, context).await.because(unable)?;
        context.show(&Value::Null, || {
            context.console.line(pretty(&answer));
            Ok(())
        })?;
    }
    context.done(&shown, format!("updated trigger {}", context.console.bold(name.entity())))
}

async fn get(arguments: Get, context: &Context) -> Outcome {
    let name = named(&arguments.rest, 2)?;
    let field = arguments.rest.get(1);
    projection::check(field, projection::TRIGGER)?;
    let trigger = context.client()?.get_trigger(&name).await;
    let trigger = trigger.because(format!("Unable to get trigger '{}'", name.entity()))?;
    if let Some(feed) = feed_of(&trigger)? {
        // Of a trigger with a feed, the feed tells what it does.
        let event = Event { feed: &feed, trigger: &name, lifecycle: "READ" };
        let answer = event.send(Map::new(), context.client()?, context).await?;
        return context.show(&answer, || {
            context.console.line(pretty(&answer));
            Ok(())
        });
    }
    if arguments.summary {
        return context.show(&trigger, || {
            summary::trigger(&trigger, context);
            Ok(())
        });
    }
    context.show_entity("trigger", &name, &trigger, field, || context.console.line(pretty(&trigger)))
}

async fn delete(rest: &[String], context: &Context) -> Outcome {
    let name = named(rest, 1)?;
    let client = context.client()?;
    let trigger =
        client.get_trigger(&name).await.because(format!("Unable to get trigger '{}'", name.entity()))?;
    if let Some(feed) = feed_of(&trigger)? {
        let event = Event { feed: &feed, trigger: &name, lifecycle: "DELETE" };
        match event.send(Map::new(), client, context).await {
            Ok(answer) => context.show(&Value::Null, || {
                context.console.line(pretty(&answer));
                Ok(())
            })?,
            // The trigger goes nevertheless: a feed that is gone must not keep it.
            Err(failure) => context.console.error_line(format!("warning: {}", failure.message)),
        }
    }
    let deleted = client.delete_trigger(&name).await;
    let deleted = deleted.because(format!("Unable to delete trigger '{}'", name.entity()))?;
    context.done(&deleted, format!("deleted trigger {}", context.console.bold(name.entity())))
}

async fn fire(arguments: Fire, context: &Context) -> Outcome {
    let name = named(&arguments.rest, 1)?;
    let payload = arguments.parameters.object()?;
    let answer = context.client()?.fire_trigger(&name, &payload).await;
    let answer = answer.because(format!("Unable to fire trigger '{}'", name.entity()))?;
    // 204 without an id: no rule is active, and nothing is recorded.
    let fired: Document = answer.json().unwrap_or_default();
    let id = fired.activation_id.clone().unwrap_or_default();
    let console = context.console;
    let (space, entity, id) = (console.bold(name.namespace()), console.bold(name.entity()), console.bold(id));
    context.done(
        &json!({ "activationId": fired.activation_id }),
        format!("triggered /{space}/{entity} with id {id}"),
    )
}

async fn list(arguments: List, context: &Context) -> Outcome {
    args::at_most(&arguments.rest, 1, "An optional namespace is the only valid argument.")?;
    let namespace = namespace(arguments.rest.first())?;
    let triggers = context.client()?.list_triggers(&namespace, arguments.listing.page()).await;
    let what = format!("Unable to obtain the list of triggers for namespace '{}'", shown(&namespace));
    arguments.listing.show(triggers.because(what)?, context)
}

/// The feed of a trigger, which its annotation names.
fn feed_of(trigger: &Document) -> Outcome<Option<QualifiedName>> {
    let feed = trigger.annotations.as_ref().and_then(|annotations| annotations.value("feed"));
    feed.and_then(Value::as_str).filter(|feed| !feed.is_empty()).map(qualified).transpose()
}

/// What a feed is told of a trigger (CLI-12, TRG-18).
pub(crate) struct Event<'a> {
    pub(crate) feed: &'a QualifiedName,
    pub(crate) trigger: &'a QualifiedName,
    /// `CREATE`, `READ`, `UPDATE`, `DELETE`
    pub(crate) lifecycle: &'static str,
}

impl Event<'_> {
    /// Tells it, and gives the record of the feed's activation.
    pub(crate) async fn send(
        &self,
        mut parameters: Map<String, Value>,
        client: &Client,
        context: &Context,
    ) -> Outcome<Value> {
        parameters.insert("lifecycleEvent".to_owned(), self.lifecycle.into());
        let trigger = format!("/{}/{}", self.trigger.namespace(), self.trigger.entity());
        parameters.insert("triggerName".to_owned(), trigger.into());
        parameters.insert("authKey".to_owned(), client.config().auth.clone().into());
        match client.invoke_action(self.feed, &parameters, true, false).await {
            Ok(answer) => Ok(answer.json()?),
            Err(error) => {
                let failed = error.answer().and_then(|answer| answer.json::<Value>().ok());
                if let (client::Error::Application { .. }, Some(record)) = (&error, failed) {
                    context.console.error_line(pretty(&record));
                }
                let feed = self.feed;
                Err(error).because(format!("Unable to configure feed '{feed}'"))
            }
        }
    }
}
