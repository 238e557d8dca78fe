//! Triggers (section TRG of the API rules). Firing them is in `crate::invoke::fire`.

use super::error::ApiError;
use super::paths::ENTITY_METHODS;
use super::query::Query;
use super::respond::Reply;
use super::{Asked, common};
use crate::identities::Caller;
use crate::{Controller, entitlement};
use http::Method;
use store::{DocumentKind, entity};
use types::{
    Annotations, EntityName, EntityPath, FullyQualifiedName, Parameters, Privilege, RuleLinks, SemVer,
    Trigger, TriggerLimits, TriggerPut,
};

impl Controller {
    /// What a path names one trigger for.
    pub(super) async fn dispatch_trigger(
        &self,
        namespace: EntityName,
        name: EntityName,
        asked: Asked<'_>,
    ) -> Result<Reply, ApiError> {
        let name = FullyQualifiedName::new(EntityPath::of_namespace(&namespace), name);
        let caller = &asked.caller;
        let owned = |right| {
            entitlement::right(caller, right)?;
            entitlement::own(caller, &namespace, &name)
        };
        match *asked.method {
            Method::GET => {
                owned(Privilege::Read)?;
                let found = self.entities.trigger(&name).await?;
                Reply::of(&found.ok_or_else(ApiError::not_found)?.1)
            }
            Method::PUT => {
                owned(Privilege::Put)?;
                self.put_trigger(name, &asked).await
            }
            Method::DELETE => {
                owned(Privilege::Delete)?;
                self.delete_trigger(&name).await
            }
            // Throttles come before ownership.
            Method::POST => self.fire(name, asked).await,
            _ => Err(ApiError::method_not_allowed(ENTITY_METHODS)),
        }
    }

    /// LIST-08
    pub(super) async fn list_triggers(
        &self,
        caller: &Caller,
        namespace: &EntityName,
        query: Query<'_>,
    ) -> Result<Reply, ApiError> {
        entitlement::own(caller, namespace, namespace)?;
        self.list_entities(DocumentKind::Trigger, EntityPath::of_namespace(namespace), query).await
    }

    /// TRG-01 to TRG-05
    async fn put_trigger(&self, name: FullyQualifiedName, asked: &Asked<'_>) -> Result<Reply, ApiError> {
        let overwrite = asked.query.switch("overwrite", false)?;
        let put: TriggerPut = asked.payload.object()?;
        let caller = &asked.caller;
        common::check_sizes(common::lists(caller, put.parameters.as_ref(), put.annotations.as_ref()))?;
        let old = self.entities.trigger(&name).await?;
        if old.is_some() && !overwrite {
            return Err(ApiError::exists());
        }
        if old.is_none() && !put.annotations.as_ref().is_none_or(names_a_feed_or_none) {
            return Err(ApiError::bad_request("Feed name is not valid"));
        }
        let (revision, old) = old.map(|(document, old)| (document.revision, old)).unzip();
        let trigger = written(name, put, old, asked.received);
        self.artifacts.put(entity::trigger_document(&trigger)?, None, revision).await?;
        self.put_reply(&trigger)
    }

    /// TRG-06
    async fn delete_trigger(&self, name: &FullyQualifiedName) -> Result<Reply, ApiError> {
        let (document, trigger) = self.entities.trigger(name).await?.ok_or_else(ApiError::not_found)?;
        self.artifacts.delete(&document.id, document.revision).await?;
        self.delete_reply(&trigger)
    }
}

/// TRG-05: the feed need not be there, but its name must be one, of any number of segments.
fn names_a_feed_or_none(annotations: &Annotations) -> bool {
    let Some(feed) = annotations.get("feed") else { return true };
    let Ok(feed) = serde_json::from_str::<String>(feed.get()) else { return false };
    let mut segments = feed.split('/').filter(|segment| !segment.is_empty()).peekable();
    segments.peek().is_some() && segments.all(|segment| EntityName::new(segment).is_ok())
}

/// The trigger that is stored for a body, over an old one if there is one (TRG-02, TRG-04, NAME-07).
fn written(name: FullyQualifiedName, put: TriggerPut, old: Option<Trigger>, now: u64) -> Trigger {
    let next = old.as_ref().map(|old| old.version.next_patch()).unwrap_or_default();
    let old = old.unwrap_or_else(|| Trigger {
        namespace: name.path,
        name: name.name,
        parameters: Parameters::new(),
        limits: TriggerLimits {},
        version: SemVer::default(),
        publish: false,
        annotations: Annotations::new(),
        updated: now,
        rules: RuleLinks::default(),
    });
    Trigger {
        parameters: put.parameters.unwrap_or(old.parameters),
        limits: put.limits.unwrap_or(old.limits),
        version: put.version.unwrap_or(next),
        publish: put.publish.unwrap_or(old.publish),
        annotations: put.annotations.unwrap_or(old.annotations),
        updated: now,
        ..old
    }
}
