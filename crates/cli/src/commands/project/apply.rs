//! Carrying a plan out.

use crate::commands::trigger::Event;
use crate::context::{Context, qualified};
use crate::failure::{Because as _, Failure, Outcome};
use client::Client;
use futures_util::{StreamExt as _, stream};
use project::{ApiRoute, Change, Entity, Kind, Step};
use serde_json::{Value, json};

/// How many things of a kind are made at a time.
const AT_A_TIME: usize = 4;

/// What came of a step.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) step: Step,
    /// Whether it was tried: after a failure, what comes later is not.
    pub(crate) tried: bool,
    pub(crate) failure: Option<Failure>,
    /// What the server made of it.
    pub(crate) made: Option<Value>,
}

impl Done {
    /// For `--output`.
    pub(super) fn document(&self) -> Value {
        let Entity { kind, name, .. } = &self.step.entity;
        let mut document = json!({"kind": kind.to_string(), "name": name, "tried": self.tried});
        if let Ok(Value::Object(change)) = serde_json::to_value(&self.step.change) {
            document.as_object_mut().into_iter().for_each(|document| document.extend(change.clone()));
        }
        if let Some(failure) = &self.failure {
            document["error"] = failure.message.clone().into();
        }
        document
    }
}

/// Carries a plan out. Things of a kind are made together, kinds and deletions in turn; after a failure those that were
/// begun end, and nothing further is begun.
pub(crate) async fn apply(plan: Vec<Step>, client: &Client, context: &Context) -> Vec<Done> {
    let total = plan.iter().filter(|step| step.change != Change::Unchanged).count();
    let mut done: Vec<Done> = Vec::new();
    let mut stopped = false;
    let mut rest = plan.into_iter().peekable();
    while let Some(first) = rest.next() {
        // Sequences may be parts of others; deletions have an order of their own.
        let alone = first.entity.kind == Kind::Sequence || first.change == Change::Delete;
        let mut group = vec![first];
        while let Some(next) = rest.next_if(|next| {
            !alone && next.entity.kind == group[0].entity.kind && next.change != Change::Delete
        }) {
            group.push(next);
        }
        if stopped {
            done.extend(group.into_iter().map(|step| Done { step, tried: false, failure: None, made: None }));
            continue;
        }
        let running = stream::iter(group).map(async |step: Step| match one(&step, client, context).await {
            Ok(made) => Done { step, tried: true, failure: None, made },
            Err(failure) => Done { step, tried: true, failure: Some(failure), made: None },
        });
        let ended: Vec<Done> = running.buffered(AT_A_TIME).collect().await;
        stopped = ended.iter().any(|done| done.failure.is_some());
        done.extend(ended);
        progress(done.iter().filter(|done| done.step.change != Change::Unchanged).count(), total, context);
    }
    done
}

/// A line that is written over again and again, on a terminal.
fn progress(done: usize, total: usize, context: &Context) {
    if context.console.shows_progress() && total > 0 {
        let end = if done >= total { "\r\x1b[K" } else { "" };
        context.console.progress(&format!("\r\x1b[K{done} of {total}{end}"));
    }
}

async fn one(step: &Step, client: &Client, context: &Context) -> Outcome<Option<Value>> {
    let Entity { kind, name, .. } = &step.entity;
    match &step.change {
        Change::Unchanged => Ok(None),
        Change::Create => {
            put(step, true, client, context).await.because(format!("Unable to create {kind} '{name}'"))
        }
        Change::Update(fields) => {
            let told = fields.contains(&"feed");
            put(step, told, client, context).await.because(format!("Unable to update {kind} '{name}'"))
        }
        Change::Delete => {
            delete(&step.entity, client, context).await.because(format!("Unable to delete {kind} '{name}'"))
        }
    }
}

/// Makes it what it should be; `told`: its feed is told of it.
async fn put(step: &Step, told: bool, client: &Client, context: &Context) -> Outcome<Option<Value>> {
    let entity = &step.entity;
    let name = qualified(&entity.name)?;
    let path = name.path(entity.kind.collection());
    let request = client.request(http::Method::PUT, &path).query("overwrite", step.change != Change::Create);
    let made: Value = request.json(&entity.document)?.send().await?.json()?;
    if let (Some(feed), true) = (&entity.feed, told) {
        let lifecycle = if step.change == Change::Create { "CREATE" } else { "UPDATE" };
        let feed_name = qualified(&feed.action)?;
        let event = Event { feed: &feed_name, trigger: &name, lifecycle };
        if let Err(failure) = event.send(feed.inputs.clone(), client, context).await {
            if step.change == Change::Create {
                // A trigger whose feed does not feed it is none (CLI-12).
                client.delete_trigger(&name).await?;
            }
            return Err(failure);
        }
    }
    Ok(Some(made))
}

async fn delete(entity: &Entity, client: &Client, context: &Context) -> Outcome<Option<Value>> {
    let name = qualified(&entity.name)?;
    if let (Some(feed), Kind::Trigger) = (&entity.feed, entity.kind) {
        let feed_name = qualified(&feed.action)?;
        let event = Event { feed: &feed_name, trigger: &name, lifecycle: "DELETE" };
        // The trigger goes nevertheless: a feed that is gone must not keep it.
        if let Err(failure) = event.send(serde_json::Map::new(), client, context).await {
            context.console.error_line(format!("warning: {}", failure.message));
        }
    }
    let path = name.path(entity.kind.collection());
    match client.request(http::Method::DELETE, &path).send().await {
        Err(error) if error.status() == Some(404) => Ok(None),
        deleted => Ok(deleted.map(|_| None)?),
    }
}

/// The routes of the API gateway.
pub(super) async fn apis(routes: &[ApiRoute], client: &Client, context: &Context) -> Outcome {
    for route in routes {
        crate::commands::api::create_route(route, client, context).await?;
    }
    Ok(())
}
