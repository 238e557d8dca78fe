//! What a namespace has of a project.

use crate::context::{OWN_NAMESPACE, qualified};
use crate::failure::{Because as _, Outcome};
use client::{Client, Page};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use project::{Entity, Existing, Kind, Managed};
use serde::Serialize;
use serde_json::Value;

/// How many things are asked for at a time.
const AT_A_TIME: usize = 8;
/// How many entries a server lists at once.
const PAGE: i64 = 200;

/// Asks for those of `entities` that are there, and are not known yet.
pub(crate) async fn of_entities(entities: &[Entity], existing: &mut Existing, client: &Client) -> Outcome {
    let asked = stream::iter(entities).map(async |entity: &Entity| {
        let found = document(entity.kind, &entity.name, client).await?;
        Outcome::Ok(found.map(|found| (entity.kind, entity.name.clone(), found)))
    });
    let found: Vec<_> = asked.buffer_unordered(AT_A_TIME).try_collect().await?;
    found.into_iter().flatten().for_each(|(kind, name, document)| existing.insert(kind, &name, document));
    Ok(())
}

/// Everything that the project `name` manages.
pub(crate) async fn managed_by(name: Option<&str>, client: &Client) -> Outcome<Existing> {
    let mut existing = Existing::default();
    let mut names: Vec<(Kind, String)> = Vec::new();
    let mut add = |kind: Kind, document: Value| {
        if Managed::of(&document).is_some() && (name.is_none() || Managed::of(&document) == name) {
            let own = document["name"].as_str().unwrap_or_default();
            let package = document["namespace"].as_str().and_then(|namespace| namespace.split_once('/'));
            names.push((
                kind,
                package.map_or_else(|| own.to_owned(), |(_, package)| format!("{package}/{own}")),
            ));
        }
    };
    for entry in everything(|page| client.list_packages(OWN_NAMESPACE, page)).await? {
        add(Kind::Package, entry);
    }
    for entry in everything(|page| client.list_actions(OWN_NAMESPACE, None, page)).await? {
        add(Kind::Action, entry);
    }
    for entry in everything(|page| client.list_triggers(OWN_NAMESPACE, page)).await? {
        add(Kind::Trigger, entry);
    }
    for entry in everything(|page| client.list_rules(OWN_NAMESPACE, page)).await? {
        add(Kind::Rule, entry);
    }
    let asked = stream::iter(names).map(async |(kind, name): (Kind, String)| {
        let found = document(kind, &name, client).await?;
        Outcome::Ok(found.map(|found| (kind, name, found)))
    });
    let found: Vec<_> = asked.buffer_unordered(AT_A_TIME).try_collect().await?;
    found.into_iter().flatten().for_each(|(kind, name, document)| existing.insert(kind, &name, document));
    Ok(existing)
}

/// All entries of a list, page after page.
async fn everything<T: Serialize, F: Future<Output = client::Result<Vec<T>>>>(
    list: impl Fn(Page) -> F,
) -> Outcome<Vec<Value>> {
    let mut entries = Vec::new();
    loop {
        let page = Page { limit: PAGE, skip: entries.len() as i64 };
        let found = list(page).await.because("Unable to list what is deployed")?;
        let last = found.len() < PAGE as usize;
        entries.extend(found.iter().filter_map(|entry| serde_json::to_value(entry).ok()));
        if last {
            return Ok(entries);
        }
    }
}

/// A document, if there is one; of actions with their code.
async fn document(kind: Kind, name: &str, client: &Client) -> Outcome<Option<Value>> {
    let qualified = qualified(name)?;
    let found = match kind {
        Kind::Package | Kind::Binding => client.get_package(&qualified).await.map(serde_json::to_value),
        Kind::Action | Kind::Sequence => client.get_action(&qualified, true).await.map(serde_json::to_value),
        Kind::Trigger => client.get_trigger(&qualified).await.map(serde_json::to_value),
        Kind::Rule => client.get_rule(&qualified).await.map(serde_json::to_value),
    };
    match found {
        Ok(found) => Ok(found.ok()),
        Err(error) if error.status() == Some(404) => Ok(None),
        Err(error) => Err(error).because(format!("Unable to get {kind} '{name}'")),
    }
}
