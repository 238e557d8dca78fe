//! Actions (section ACT of the API rules), but for invoking them.

mod put;
mod sequence;

use super::Asked;
use super::error::ApiError;
use super::paths::Resource;
use super::query::Query;
use super::respond::Reply;
use crate::identities::Caller;
use crate::{Controller, entitlement};
use http::StatusCode;
use store::{Document, DocumentKind, entity};
use types::{Action, EntityName, EntityPath, FullyQualifiedName, Privilege};

/// The action in a path. Its package may be a binding.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The namespace.
    pub(crate) namespace: EntityName,
    /// The package, unless it is the default one.
    pub(crate) package: Option<EntityName>,
    /// The action's name.
    pub(crate) name: EntityName,
}

impl Target {
    /// Checks the names in a path.
    pub(super) fn new(namespace: EntityName, resource: Resource<'_>) -> Result<Target, ApiError> {
        let (package, name) = match resource {
            Resource::Action { name } => (None, name),
            Resource::PackagedAction { package, name } => (Some(EntityName::new(&package)?), name),
            // Nothing else names an action.
            _ => return Err(ApiError::no_route()),
        };
        Ok(Target { namespace, package, name: EntityName::new(&name)? })
    }

    /// The action of that name.
    pub(crate) fn of(name: &FullyQualifiedName) -> Target {
        let FullyQualifiedName { path, name } = name;
        Target { namespace: path.namespace(), package: path.package_name(), name: name.clone() }
    }

    /// `ns/[pkg/]name`, as the request has it.
    pub(crate) fn path(&self) -> String {
        let package = self.package.as_ref().map_or("", EntityName::as_str);
        let mut path = String::with_capacity(
            self.namespace.as_str().len() + package.len() + self.name.as_str().len() + 2,
        );
        path.push_str(self.namespace.as_str());
        path.push('/');
        if self.package.is_some() {
            path.push_str(package);
            path.push('/');
        }
        path.push_str(self.name.as_str());
        path
    }

    /// The same as a name.
    pub(crate) fn full_name(&self) -> FullyQualifiedName {
        let path = match &self.package {
            None => EntityPath::of_namespace(&self.namespace),
            Some(package) => EntityPath::of_package(&self.namespace, package),
        };
        FullyQualifiedName::new(path, self.name.clone())
    }
}

impl Controller {
    /// LIST-06, LIST-07
    pub(super) async fn list_actions(
        &self,
        caller: &Caller,
        namespace: &EntityName,
        query: Query<'_>,
    ) -> Result<Reply, ApiError> {
        entitlement::own(caller, namespace, namespace)?;
        self.list_entities(DocumentKind::Action, EntityPath::of_namespace(namespace), query).await
    }

    /// LIST-12
    pub(super) async fn list_package(
        &self,
        caller: &Caller,
        namespace: &EntityName,
        package: &EntityName,
        query: Query<'_>,
    ) -> Result<Reply, ApiError> {
        let view = self.named_package(caller, namespace, package).await?;
        self.list_entities(DocumentKind::Action, view.path(), query).await
    }

    /// ACT-18, ACT-19, ACT-38
    pub(super) async fn get_action(&self, target: Target, asked: Asked<'_>) -> Result<Reply, ApiError> {
        let caller = &*asked.caller;
        entitlement::right(caller, Privilege::Read)?;
        let view = match &target.package {
            None => {
                entitlement::own(caller, &target.namespace, target.path())?;
                None
            }
            Some(package) => {
                let view = self.readable_package(caller, &target.namespace, package).await?;
                self.may_read_code(caller, &target, &view.path())?;
                Some(view)
            }
        };
        let with_code = asked.query.switch("code", true)?;
        let name = match &view {
            None => target.full_name(),
            Some(view) => FullyQualifiedName::new(view.path(), target.name.clone()),
        };
        let (document, mut action) = self.entities.action(&name).await?.ok_or_else(ApiError::not_found)?;
        if let Some(view) = &view {
            action.parameters = view.parameters().overlaid(&action.parameters);
        }
        if with_code {
            action = self.with_code(&document, action).await?;
        }
        Reply::of(&action)
    }

    /// ACT-32
    fn may_read_code(&self, caller: &Caller, target: &Target, path: &EntityPath) -> Result<(), ApiError> {
        if !self.config.execute_only || path.root() == caller.namespace().as_str() {
            return Ok(());
        }
        let text = if path.root() == target.namespace.as_str() {
            format!("GET not permitted for '{path}' since it's an action in a shared package")
        } else {
            format!(
                "GET not permitted for '{}'. Resource does not exist or is an action in a shared package binding.",
                target.path()
            )
        };
        Err(ApiError::new(StatusCode::FORBIDDEN, text))
    }

    /// ACT-29, ACT-39
    pub(super) async fn delete_action(&self, target: Target, asked: Asked<'_>) -> Result<Reply, ApiError> {
        let caller = &*asked.caller;
        entitlement::right(caller, Privilege::Delete)?;
        self.writable(caller, &target).await?;
        let name = target.full_name();
        let (document, action) = self.entities.action(&name).await?.ok_or_else(ApiError::not_found)?;
        let action =
            if self.config.response_payload { self.with_code(&document, action).await? } else { action };
        self.artifacts.delete(&document.id, document.revision).await?;
        self.delete_reply(&action)
    }

    /// Whether the caller may write an action at this place: in its own namespace, and in a package that is there and
    /// no binding (AUTH-08, ACT-28).
    async fn writable(&self, caller: &Caller, target: &Target) -> Result<(), ApiError> {
        entitlement::own(caller, &target.namespace, target.path())?;
        let Some(package) = &target.package else { return Ok(()) };
        match self.entities.package(&target.namespace, package).await? {
            None => Err(ApiError::not_found()),
            Some(view) if view.package.binding.0.is_some() => {
                Err(ApiError::bad_request("Operation not permitted on package binding."))
            }
            Some(_) => Ok(()),
        }
    }

    /// The action with its code. When it was replaced between the two reads, this is a conflict that another try
    /// solves.
    async fn with_code(&self, document: &Document, action: Action) -> Result<Action, ApiError> {
        if action.exec.code().is_none() {
            return Ok(action);
        }
        let code = self.artifacts.attachment(&document.id, document.revision).await?;
        if code.is_none() {
            return Err(ApiError::concurrent_change());
        }
        Ok(entity::with_code(action, code))
    }
}
