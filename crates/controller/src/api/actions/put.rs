//! Creating and updating actions (ACT-01 to ACT-27). The order of the checks is what clients see (ACT-26).

use super::{Target, sequence};
use crate::Controller;
use crate::api::error::ApiError;
use crate::api::respond::Reply;
use crate::api::{Asked, Payload, common};
use crate::entitlement;
use crate::identities::Caller;
use crate::invoke::deprecated;
use store::{Document, DocumentKind, entity};
use types::json;
use types::{Action, ActionLimits, ActionPut, Annotations, Exec, LimitError, LimitsPut, Privilege};

/// A body that was read.
struct Given {
    /// As it was sent, without `exec`.
    put: ActionPut,
    /// What is to be run, if the body says so.
    exec: Option<Exec>,
}

impl Controller {
    /// `PUT` on an action.
    pub(crate) async fn put_action(&self, target: Target, asked: Asked<'_>) -> Result<Reply, ApiError> {
        let caller = &*asked.caller;
        entitlement::right(caller, Privilege::Put)?;
        self.writable(caller, &target).await?;
        let overwrite = asked.query.switch("overwrite", false)?;
        let given = self.read_put(caller, &asked.payload)?;
        check_sizes(caller, &given)?;
        self.check_limits(caller, given.put.limits.as_ref())?;
        match &given.exec {
            Some(Exec::Sequence { components }) => self.may_read_components(caller, components).await?,
            Some(exec) => self.check_kind(caller, exec.kind())?,
            None => {}
        }
        let id = target.full_name().to_string();
        let old = self.entities.document(&id, DocumentKind::Action).await?;
        if old.is_some() && !overwrite {
            return Err(ApiError::exists());
        }
        self.write_action(caller, target, given, old, asked.received).await
    }

    /// ACT-09 to ACT-16, ERR-02, ERR-13
    fn read_put(&self, caller: &Caller, payload: &Payload) -> Result<Given, ApiError> {
        let mut put: ActionPut = payload.object()?;
        let exec = match put.exec.take() {
            None => None,
            Some(exec) => {
                let exec = Exec::from_request(&exec, &self.runtimes).map_err(ApiError::malformed)?;
                Some(exec.resolved(caller.namespace()))
            }
        };
        Ok(Given { put, exec })
    }

    /// LIM-05 to LIM-10: those that the body names.
    fn check_limits(&self, caller: &Caller, given: Option<&LimitsPut>) -> Result<(), ApiError> {
        let Some(given) = given else { return Ok(()) };
        let limits = given.over(standard(caller)).map_err(ApiError::malformed)?;
        caller.limits.check(&limits).map_err(limit_error)
    }

    /// AUTH-13
    fn check_kind(&self, caller: &Caller, kind: &str) -> Result<(), ApiError> {
        let own = caller.identity.limits.allowed_kinds.as_ref();
        match own.or(self.config.allowed_kinds.as_ref()) {
            Some(allowed) if !allowed.iter().any(|allowed| allowed == kind) => {
                Err(ApiError::forbidden_kind(kind))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn write_action(
        &self,
        caller: &Caller,
        target: Target,
        mut given: Given,
        old: Option<Document>,
        now: u64,
    ) -> Result<Reply, ApiError> {
        let (expected, code_given) = (old.as_ref().map(|old| old.revision), given.exec.is_some());
        let before = old.as_ref().map(entity::read_action).transpose();
        let before = before.map_err(|error| ApiError::corrupted(&error))?;
        let parameters = before.as_ref().map(|before| &before.parameters);
        given.put.parameters = self.locked(&target.namespace, given.put.parameters, parameters)?;
        let action = match before {
            None => self.created(caller, &target, given, now)?,
            Some(before) => self.updated(caller, before, given, now)?,
        };
        check_instances(caller, &action.limits)?;
        if let (true, Exec::Sequence { components }) = (code_given, &action.exec) {
            self.check_components(caller, &action.fully_qualified_name(), components).await?;
        }
        let runtime = self.runtimes.resolve(action.exec.kind());
        if runtime.is_some_and(|runtime| runtime.deprecated) {
            return Err(deprecated(action.exec.kind()));
        }
        // An update that says nothing of code keeps the old one, and its answer has it (ACT-02, ACT-03).
        let action = match &old {
            Some(old) if !code_given => self.with_code(old, action).await?,
            Some(_) | None => action,
        };
        let document = entity::action_document(&action)?;
        let code = code_given.then(|| entity::action_attachment(&action.exec));
        self.artifacts.put(document, code, expected).await?;
        self.put_reply(&action)
    }

    /// ACT-02, ACT-07, ACT-24, ACT-25
    fn created(&self, caller: &Caller, target: &Target, given: Given, now: u64) -> Result<Action, ApiError> {
        let Given { put, exec } = given;
        let exec = exec.ok_or_else(|| ApiError::bad_request("exec undefined"))?;
        let mut annotations = put.annotations.unwrap_or_default();
        if self.config.withhold_api_key && annotations.get("provide-api-key").is_none() {
            annotations.push("provide-api-key", json::raw(&false));
        }
        annotations.set("exec", json::raw(exec.kind()));
        let name = target.full_name();
        Ok(Action {
            namespace: name.path,
            name: name.name,
            parameters: sequence::parameters(&exec).or(put.parameters).unwrap_or_default(),
            exec,
            limits: laid_over(put.limits.as_ref(), standard(caller))?,
            version: put.version.unwrap_or_default(),
            publish: put.publish.unwrap_or(false),
            annotations,
            updated: now,
        })
    }

    /// ACT-02, ACT-07, ACT-21 to ACT-24, NAME-07, DEF-08
    fn updated(&self, caller: &Caller, old: Action, given: Given, now: u64) -> Result<Action, ApiError> {
        let Given { put, exec } = given;
        // Those of a sequence are its components, which nothing else may say (ACT-23).
        let parameters = match (&exec, &old.exec) {
            (Some(exec @ Exec::Sequence { .. }), _) => sequence::parameters(exec).unwrap_or_default(),
            (Some(_), Exec::Sequence { .. }) => put.parameters.unwrap_or_default(),
            (None, Exec::Sequence { .. }) => old.parameters,
            (Some(_) | None, _) => put.parameters.unwrap_or(old.parameters),
        };
        let exec = exec.unwrap_or(old.exec);
        let mut annotations = overlaid(old.annotations, put.annotations, put.del_annotations);
        annotations.set("exec", json::raw(exec.kind()));
        let limits = laid_over(put.limits.as_ref(), old.limits)?;
        if put.limits.is_some() {
            caller.limits.check(&limits).map_err(limit_error)?;
        }
        Ok(Action {
            exec,
            parameters,
            limits,
            version: put.version.unwrap_or_else(|| old.version.next_patch()),
            publish: put.publish.unwrap_or(old.publish),
            annotations,
            updated: now,
            ..old
        })
    }
}

/// LIM-01, ERR-12: the first that is too large.
fn check_sizes(caller: &Caller, given: &Given) -> Result<(), ApiError> {
    let exec = ("exec", given.exec.as_ref().map(Exec::size), caller.limits.code);
    let put = &given.put;
    common::check_sizes([exec].into_iter().chain(common::lists(
        caller,
        put.parameters.as_ref(),
        put.annotations.as_ref(),
    )))
}

/// LIM-08
fn check_instances(caller: &Caller, limits: &ActionLimits) -> Result<(), ApiError> {
    match (limits.instances, caller.limits.concurrent_invocations) {
        (Some(wanted), Some(allowed)) if wanted > allowed => Err(ApiError::bad_request(format!(
            "Max action instance concurrency must not exceed your namespace concurrency of {allowed}."
        ))),
        _ => Ok(()),
    }
}

/// The limits of an action that names none, in that namespace.
fn standard(caller: &Caller) -> ActionLimits {
    caller.limits.standard()
}

/// ACT-07
fn laid_over(given: Option<&LimitsPut>, below: ActionLimits) -> Result<ActionLimits, ApiError> {
    given.map_or(Ok(below), |given| given.over(below).map_err(ApiError::malformed))
}

fn limit_error(error: LimitError) -> ApiError {
    ApiError::bad_request(error.to_string())
}

/// ACT-21
fn overlaid(mut old: Annotations, new: Option<Annotations>, removed: Option<Vec<String>>) -> Annotations {
    for key in removed.unwrap_or_default() {
        old.remove(&key);
    }
    for annotation in new.unwrap_or_default().iter() {
        old.set(&annotation.key, annotation.value.clone());
    }
    old
}
