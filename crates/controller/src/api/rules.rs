//! Rules (section RUL of the API rules). Whether a rule is active stands with its trigger, so that firing reads one
//! document.

use super::error::ApiError;
use super::paths::ENTITY_METHODS;
use super::query::Query;
use super::respond::Reply;
use super::{Asked, common};
use crate::identities::Caller;
use crate::{Controller, entitlement};
use http::{Method, StatusCode};
use std::collections::BTreeSet;
use store::{DocumentKind, PutError, entity};
use types::{
    EntityName, EntityPath, FullyQualifiedName, Privilege, Revision, Rule, RuleLink, RuleLinks, RulePost,
    RulePut, RuleStatus, RuleWithStatus, SemVer, Trigger,
};

/// How often a trigger's document is written again because others wrote it at the same time. Each time one of them got
/// through, so that this many rules can be made at once.
const LINK_TRIES: usize = 64;

impl Controller {
    /// What a path names one rule for.
    pub(super) async fn dispatch_rule(
        &self,
        namespace: EntityName,
        name: EntityName,
        asked: Asked<'_>,
    ) -> Result<Reply, ApiError> {
        let right = match *asked.method {
            Method::GET => Privilege::Read,
            Method::PUT => Privilege::Put,
            Method::DELETE => Privilege::Delete,
            Method::POST => Privilege::Activate,
            _ => return Err(ApiError::method_not_allowed(ENTITY_METHODS)),
        };
        entitlement::right(&asked.caller, right)?;
        let name = FullyQualifiedName::new(EntityPath::of_namespace(&namespace), name);
        entitlement::own(&asked.caller, &namespace, &name)?;
        match right {
            Privilege::Read => self.get_rule(&name).await,
            Privilege::Put => self.put_rule(name, asked).await,
            Privilege::Delete => self.delete_rule(&name).await,
            Privilege::Activate => self.set_rule_status(&name, &asked).await,
        }
    }

    /// LIST-10
    pub(super) async fn list_rules(
        &self,
        caller: &Caller,
        namespace: &EntityName,
        query: Query<'_>,
    ) -> Result<Reply, ApiError> {
        entitlement::own(caller, namespace, namespace)?;
        self.list_entities(DocumentKind::Rule, EntityPath::of_namespace(namespace), query).await
    }

    /// RUL-07
    async fn get_rule(&self, name: &FullyQualifiedName) -> Result<Reply, ApiError> {
        let (_, rule) = self.entities.rule(name).await?.ok_or_else(ApiError::not_found)?;
        let trigger = self.trigger_of(&rule.trigger).await?;
        let status = trigger.map_or(RuleStatus::Inactive, |trigger| trigger.rules.status(name));
        Reply::of(&RuleWithStatus { rule, status })
    }

    /// RUL-01 to RUL-06. The order of the checks is what clients see.
    async fn put_rule(&self, name: FullyQualifiedName, asked: Asked<'_>) -> Result<Reply, ApiError> {
        let caller = &*asked.caller;
        let overwrite = asked.query.switch("overwrite", false)?;
        let put: RulePut = asked.payload.object()?;
        common::check_sizes(common::lists(caller, None, put.annotations.as_ref()))?;
        let resolved = |end: Option<FullyQualifiedName>| end.map(|end| end.resolved(caller.namespace()));
        let put = RulePut { trigger: resolved(put.trigger), action: resolved(put.action), ..put };
        self.may_read_ends(caller, &put).await?;
        let old = self.entities.rule(&name).await?;
        if old.is_some() && !overwrite {
            return Err(ApiError::exists());
        }
        let (revision, old) = old.map(|(document, old)| (document.revision, old)).unzip();
        let before = old.as_ref().map(|old| old.trigger.clone());
        let rule = written(name, put, old, asked.received)?;
        self.check_ends(&rule).await?;
        let status = self.link(&rule, before.as_ref()).await?;
        self.store_rule(&rule, revision).await?;
        self.put_reply(&RuleWithStatus { rule, status })
    }

    /// Whether the caller may read what a body names (AUTH-14): triggers are read by their owners only. All that it may
    /// not is said at once (ERR-06).
    async fn may_read_ends(&self, caller: &Caller, put: &RulePut) -> Result<(), ApiError> {
        entitlement::right(caller, Privilege::Read)?;
        let mut forbidden = BTreeSet::new();
        if let Some(trigger) = put.trigger.as_ref().filter(|name| !owned(caller, name)) {
            forbidden.insert(trigger.to_string());
        }
        if let Some(action) = &put.action {
            match action.path.package_name() {
                None if owned(caller, action) => {}
                None => drop(forbidden.insert(action.to_string())),
                Some(package) => {
                    let found = self.readable_package(caller, &action.path.namespace(), &package).await;
                    match found {
                        Err(error) if error.status() == StatusCode::FORBIDDEN => {
                            forbidden.insert(action.path.to_string());
                        }
                        Ok(_) | Err(_) => drop(found?),
                    }
                }
            }
        }
        if forbidden.is_empty() {
            return Ok(());
        }
        let forbidden: Vec<String> = forbidden.into_iter().collect();
        Err(ApiError::forbidden_resource(forbidden.join(", ")))
    }

    /// RUL-03: both ends are there. The action may go later, and then firing says so (RUL-12).
    async fn check_ends(&self, rule: &Rule) -> Result<(), ApiError> {
        let missing = |what: &str, name: &FullyQualifiedName, fault: ApiError| match fault.status() {
            _ if fault.reason() == Some("corrupted") => {
                ApiError::bad_request(format!("{what} /{name} is corrupted"))
            }
            status if status.is_server_error() => fault,
            _ => ApiError::bad_request(format!("{what} /{name} does not exist")),
        };
        self.entities
            .trigger(&rule.trigger)
            .await
            .and_then(|found| found.ok_or_else(ApiError::not_found))
            .map_err(|fault| missing("trigger", &rule.trigger, fault))?;
        self.action_at(&rule.action)
            .await
            .and_then(|found| found.ok_or_else(ApiError::not_found))
            .map_err(|fault| missing("action", &rule.action, fault))?;
        Ok(())
    }

    /// Makes the rule known to its trigger and forgotten by the one `before` (RUL-05, RUL-06). A rule that is new is
    /// active; another keeps its status, and one without a link was inactive.
    async fn link(&self, rule: &Rule, before: Option<&FullyQualifiedName>) -> Result<RuleStatus, ApiError> {
        let name = rule.fully_qualified_name();
        let status = match before {
            None => RuleStatus::Active,
            Some(before) => {
                let trigger = self.trigger_of(before).await?;
                trigger.map_or(RuleStatus::Inactive, |trigger| trigger.rules.status(&name))
            }
        };
        if let Some(before) = before.filter(|before| **before != rule.trigger) {
            self.unlink(before, &name).await?;
        }
        let link = RuleLink { action: rule.action.clone(), status };
        let linked =
            self.change_links(&rule.trigger, |links| drop(links.0.insert(name.clone(), link.clone())));
        if linked.await? {
            Ok(status)
        } else {
            Err(ApiError::bad_request(format!("trigger /{} does not exist", rule.trigger)))
        }
    }

    /// Makes a trigger forget a rule, if there is such a trigger.
    async fn unlink(&self, trigger: &FullyQualifiedName, rule: &FullyQualifiedName) -> Result<(), ApiError> {
        self.change_links(trigger, |links| drop(links.0.remove(rule))).await.map(drop)
    }

    /// Writes a rule whose link is written already.
    async fn store_rule(&self, rule: &Rule, expected: Option<Revision>) -> Result<(), ApiError> {
        let stored = self.artifacts.put(entity::rule_document(rule)?, None, expected).await;
        if let Err(error) = stored {
            // Somebody else wrote a rule of this name, or something else that has it.
            self.mend_link(&rule.fully_qualified_name(), &rule.trigger).await?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Brings a trigger's link into accordance with the rule that is stored, if one is: nothing fires that is no rule.
    async fn mend_link(
        &self,
        name: &FullyQualifiedName,
        trigger: &FullyQualifiedName,
    ) -> Result<(), ApiError> {
        let stored = or_nothing(self.entities.rule(name).await)?.map(|(_, rule)| rule);
        let stored = stored.filter(|rule| rule.trigger == *trigger);
        let mend = |links: &mut RuleLinks| match (&stored, links.0.get_mut(name)) {
            (Some(rule), Some(link)) => link.action = rule.action.clone(),
            (None, _) => drop(links.0.remove(name)),
            (Some(_), None) => {}
        };
        self.change_links(trigger, mend).await.map(drop)
    }

    /// RUL-08, RUL-09, RUL-10
    async fn set_rule_status(&self, name: &FullyQualifiedName, asked: &Asked<'_>) -> Result<Reply, ApiError> {
        let status = asked.payload.object::<RulePost>()?.status().map_err(ApiError::malformed)?;
        let (_, rule) = self.entities.rule(name).await?.ok_or_else(ApiError::not_found)?;
        let set = |links: &mut RuleLinks| {
            if links.status(name) != status {
                links.0.insert(name.clone(), RuleLink { action: rule.action.clone(), status });
            }
        };
        if !self.change_links(&rule.trigger, set).await? && status == RuleStatus::Active {
            let text = "Only rules with existing triggers can be activated";
            return Err(ApiError::new(StatusCode::NOT_FOUND, text));
        }
        Ok(Reply::empty(StatusCode::OK))
    }

    /// RUL-11
    async fn delete_rule(&self, name: &FullyQualifiedName) -> Result<Reply, ApiError> {
        let (document, rule) = self.entities.rule(name).await?.ok_or_else(ApiError::not_found)?;
        self.unlink(&rule.trigger, name).await?;
        self.artifacts.delete(&document.id, document.revision).await?;
        self.delete_reply(&RuleWithStatus { rule, status: RuleStatus::Inactive })
    }

    /// Changes what a trigger knows of its rules; others may do so at the same time. `false`: there is no such trigger.
    async fn change_links(
        &self,
        name: &FullyQualifiedName,
        change: impl Fn(&mut RuleLinks),
    ) -> Result<bool, ApiError> {
        for _ in 0..LINK_TRIES {
            let found = or_nothing(self.entities.trigger(name).await)?;
            let Some((document, mut trigger)) = found else { return Ok(false) };
            let before = trigger.rules.clone();
            change(&mut trigger.rules);
            if trigger.rules == before {
                return Ok(true);
            }
            let written = entity::trigger_document(&trigger)?;
            match self.artifacts.put(written, None, Some(document.revision)).await {
                Ok(_) => return Ok(true),
                Err(PutError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ApiError::concurrent_change())
    }

    /// The trigger of a rule, if it is still there.
    async fn trigger_of(&self, name: &FullyQualifiedName) -> Result<Option<Trigger>, ApiError> {
        Ok(or_nothing(self.entities.trigger(name).await)?.map(|(_, trigger)| trigger))
    }
}

/// To a rule, something else that has its trigger's name is no trigger (RUL-07).
fn or_nothing<T>(found: Result<Option<T>, ApiError>) -> Result<Option<T>, ApiError> {
    match found {
        Err(error) if error.status() == StatusCode::CONFLICT => Ok(None),
        found => found,
    }
}

fn owned(caller: &Caller, name: &FullyQualifiedName) -> bool {
    name.path.root() == caller.namespace().as_str()
}

/// The rule that is stored for a body, over an old one if there is one (RUL-02, RUL-06, NAME-07).
fn written(name: FullyQualifiedName, put: RulePut, old: Option<Rule>, now: u64) -> Result<Rule, ApiError> {
    let old = match (old, &put) {
        (Some(old), _) => Rule { version: old.version.next_patch(), ..old },
        (None, RulePut { trigger: Some(trigger), action: Some(action), .. }) => Rule {
            namespace: name.path,
            name: name.name,
            trigger: trigger.clone(),
            action: action.clone(),
            version: SemVer::default(),
            publish: false,
            annotations: types::Annotations::new(),
            updated: now,
        },
        (None, _) => {
            return Err(ApiError::bad_request("rule requires a valid trigger and a valid action"));
        }
    };
    Ok(Rule {
        trigger: put.trigger.unwrap_or(old.trigger),
        action: put.action.unwrap_or(old.action),
        version: put.version.unwrap_or(old.version),
        publish: put.publish.unwrap_or(old.publish),
        annotations: put.annotations.unwrap_or(old.annotations),
        updated: now,
        ..old
    })
}
