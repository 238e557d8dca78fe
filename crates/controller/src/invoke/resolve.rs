//! Which action a path names, in a form that all its activations share.

use super::parameters::Defaults;
use crate::Controller;
use crate::api::{ApiError, Export, Target};
use crate::cache::Generation;
use crate::entities::{PackageAccess, PackageView};
use crate::entitlement;
use crate::identities::Caller;
use http::StatusCode;
use rpc::ExecutableAction;
use std::sync::Arc;
use types::{Action, EntityName, Exec, FullyQualifiedName, QueueKey, Revision, RuntimeKind};

/// An action as it is invoked under one path.
#[derive(Debug)]
pub(crate) struct ResolvedAction {
    /// What is run.
    pub(crate) executable: Arc<ExecutableAction>,
    /// Its parameters, those of package and binding below its own.
    pub(crate) defaults: Defaults,
    /// The queue of the namespace in the path, whose owner is the usual caller.
    queue: Arc<QueueKey>,
    /// Who may invoke it, if it is in a package.
    pub(crate) access: Option<PackageAccess>,
    /// How the web may call it, if it may (WEB-04).
    export: Option<Arc<Export>>,
    /// What cannot be invoked.
    obstacle: Option<Obstacle>,
    /// The ids of the documents that it is made of.
    parts: Vec<String>,
}

/// Why an action that is there cannot be invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// Its kind is no longer supported (ACT-20).
    Deprecated,
    /// It is a sequence.
    Sequence,
}

/// An action that the caller may invoke if it is there.
pub(super) enum Found {
    /// It is known.
    Known(Arc<ResolvedAction>),
    /// It is to be read.
    Unknown(Box<Unread>),
}

/// An action that is to be read.
pub(super) struct Unread {
    /// The path in the request.
    path: String,
    /// Whose it is.
    name: FullyQualifiedName,
    /// The package in the path.
    package: Option<PackageView>,
    /// When reading began.
    generation: Generation,
}

impl ResolvedAction {
    pub(crate) fn new(
        path: &str,
        revision: Revision,
        action: &Action,
        package: Option<&PackageView>,
        runtime: Option<&RuntimeKind>,
    ) -> ResolvedAction {
        let deprecated = runtime.is_some_and(|runtime| runtime.deprecated);
        let concurrent = runtime.is_some_and(|runtime| runtime.concurrent);
        let name = action.fully_qualified_name();
        let mut parts = vec![name.to_string()];
        let mut parameters = action.parameters.clone();
        if let Some(view) = package {
            parameters = view.parameters().overlaid(&action.parameters);
            parts.push(view.package.fully_qualified_name().to_string());
            parts.extend(view.provider.as_ref().map(|p| p.fully_qualified_name().to_string()));
        }
        let obstacle = match action.exec {
            Exec::Sequence { .. } => Some(Obstacle::Sequence),
            Exec::Code(_) | Exec::Blackbox { .. } => deprecated.then_some(Obstacle::Deprecated),
        };
        let image = match &action.exec {
            Exec::Blackbox { image, .. } => Some(Arc::from(image.as_str())),
            Exec::Code(_) | Exec::Sequence { .. } => None,
        };
        let annotations = &action.annotations;
        let executable = Arc::new(ExecutableAction {
            binding: package.and_then(PackageView::binding),
            version: action.version,
            revision,
            kind: Arc::from(action.exec.kind()),
            image,
            limits: action.limits,
            // RUN-09: absent counts as wanted.
            provide_api_key: annotations.get("provide-api-key").is_none()
                || annotations.is_truthy("provide-api-key"),
            slots: if concurrent { action.limits.concurrency.max(1) } else { 1 },
            name: name.clone(),
        });
        // The path begins with a namespace that was found to be one.
        let root = path.split('/').next().and_then(|root| EntityName::new(root).ok());
        let namespace = root.unwrap_or_else(|| name.path.namespace());
        ResolvedAction {
            executable,
            defaults: Defaults::new(&parameters, annotations.is_truthy("final")),
            queue: Arc::new(QueueKey { namespace, action: name }),
            access: package.map(PackageView::access),
            export: Export::of(annotations).map(Arc::new),
            obstacle,
            parts,
        }
    }

    /// Whether that document is part of it.
    pub(crate) fn depends_on(&self, id: &str) -> bool {
        self.parts.iter().any(|part| part == id)
    }

    /// The queue through which that namespace's activations go.
    pub(super) fn queue_of(&self, namespace: &EntityName) -> Arc<QueueKey> {
        if self.queue.namespace == *namespace {
            return self.queue.clone();
        }
        Arc::new(QueueKey { namespace: namespace.clone(), action: self.executable.name.clone() })
    }

    /// What stands against invoking it.
    fn invocable(self: Arc<Self>) -> Result<Arc<ResolvedAction>, ApiError> {
        match self.obstacle {
            None => Ok(self),
            Some(Obstacle::Deprecated) => Err(deprecated(&self.executable.kind)),
            Some(Obstacle::Sequence) => {
                let text = "Sequences cannot be invoked on this server.";
                Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, text))
            }
        }
    }
}

/// ACT-20
pub(crate) fn deprecated(kind: &str) -> ApiError {
    ApiError::bad_request(format!(
        "The '{kind}' runtime is no longer supported. You may read and delete but not update or invoke this action."
    ))
}

impl Controller {
    /// Checks that the caller may invoke what the path names, and finds it if it is known. Whether an unknown one is
    /// there is asked later (ERR-18).
    pub(super) async fn find_invocable(&self, caller: &Caller, target: &Target) -> Result<Found, ApiError> {
        let path = target.path();
        let Some(package) = &target.package else {
            entitlement::own(caller, &target.namespace, &path)?;
            if let Some(known) = self.entities.remembered(&path) {
                return Ok(Found::Known(known));
            }
            let generation = self.entities.generation();
            let name = target.full_name();
            return Ok(Found::Unknown(Box::new(Unread { path, name, package: None, generation })));
        };
        if let Some(known) = self.entities.remembered(&path) {
            if let Some(access) = &known.access {
                entitlement::read_package(caller, &target.namespace, package, access)?;
            }
            return Ok(Found::Known(known));
        }
        let generation = self.entities.generation();
        let view = self.readable_package(caller, &target.namespace, package).await?;
        let name = FullyQualifiedName::new(view.path(), target.name.clone());
        Ok(Found::Unknown(Box::new(Unread { path, name, package: Some(view), generation })))
    }

    /// A package in the path of an action that the caller may read (AUTH-08).
    pub(crate) async fn readable_package(
        &self,
        caller: &Caller,
        namespace: &EntityName,
        package: &EntityName,
    ) -> Result<PackageView, ApiError> {
        let owner = entitlement::owns(caller, namespace);
        let forbidden = || ApiError::forbidden_resource(format_args!("{namespace}/{package}"));
        match self.entities.package(namespace, package).await {
            Ok(Some(view)) => {
                entitlement::read_package(caller, namespace, package, &view.access())?;
                Ok(view)
            }
            // Others do not hear what there is (ERR-19).
            Ok(None) if owner => Err(ApiError::not_found()),
            Err(error) if owner || error.status().is_server_error() => Err(error),
            Ok(None) | Err(_) => Err(forbidden()),
        }
    }

    /// Finds an action that the web may call. Nobody hears why there is none (WEB-04).
    pub(crate) async fn find_exported(
        &self,
        target: &Target,
    ) -> Result<(Arc<ResolvedAction>, Arc<Export>), ApiError> {
        let hide = |error: ApiError| match error.status().is_server_error() {
            true => error,
            false => ApiError::not_found(),
        };
        let path = target.path();
        let action = match self.entities.remembered(&path) {
            Some(known) => Some(known),
            None => {
                let generation = self.entities.generation();
                let view = match &target.package {
                    None => None,
                    Some(package) => {
                        let view = self.entities.package(&target.namespace, package).await.map_err(hide)?;
                        Some(view.ok_or_else(ApiError::not_found)?)
                    }
                };
                let name = view.as_ref().map_or_else(
                    || target.full_name(),
                    |view| FullyQualifiedName::new(view.path(), target.name.clone()),
                );
                self.entities.resolve(&path, &name, view.as_ref(), generation).await.map_err(hide)?
            }
        };
        let action = action.ok_or_else(ApiError::not_found)?;
        let export = action.export.clone().ok_or_else(ApiError::not_found)?;
        Ok((action.invocable()?, export))
    }

    /// Reads the action, if it is not known yet.
    pub(super) async fn resolve(&self, found: Found) -> Result<Arc<ResolvedAction>, ApiError> {
        let action = match found {
            Found::Known(known) => Some(known),
            Found::Unknown(unread) => {
                let Unread { path, name, package, generation } = *unread;
                self.entities.resolve(&path, &name, package.as_ref(), generation).await?
            }
        };
        action.ok_or_else(ApiError::not_found)?.invocable()
    }
}
