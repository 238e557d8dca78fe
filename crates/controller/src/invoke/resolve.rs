//! Which action a path names, in a form that all its activations share.

use super::parameters::Defaults;
use crate::Controller;
use crate::api::{ApiError, Export, Target};
use crate::cache::Generation;
use crate::entities::{PackageAccess, PackageView};
use crate::entitlement;
use crate::identities::Caller;
use engine::compose::Form;
use http::StatusCode;
use rpc::{ExecutableAction, Remembered};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
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
    /// How its parts are found; `None`: it just runs.
    pub(crate) form: Option<Form>,
    /// Whether its kind is no longer supported (ACT-20).
    pub(super) deprecated: bool,
    /// Whether its response can come in pieces.
    pub(crate) streams: bool,
    /// The ids of the documents that it is made of.
    parts: Vec<String>,
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
        let image = match &action.exec {
            Exec::Blackbox { image, .. } => Some(Arc::from(image.as_str())),
            Exec::Code(_) | Exec::Sequence { .. } => None,
        };
        let annotations = &action.annotations;
        let closed = annotations.is_truthy("final");
        let (form, defaults) = match &action.exec {
            // Its being a conductor too is ignored (SEQ-20).
            Exec::Sequence { components } => {
                (Some(Form::Sequence(Arc::from(&**components))), Defaults::of_sequence(&parameters, closed))
            }
            Exec::Code(_) | Exec::Blackbox { .. } => {
                let timeout = Duration::from_millis(action.limits.timeout);
                let conductor = Form::Conductor { timeout, memory: action.limits.memory };
                let form = annotations.is_truthy("conductor").then_some(conductor);
                (form, Defaults::new(&parameters, closed))
            }
        };
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
            texts: Remembered::default(),
        });
        // The path begins with a namespace that was found to be one.
        let root = path.split('/').next().and_then(|root| EntityName::new(root).ok());
        let namespace = root.unwrap_or_else(|| name.path.namespace());
        ResolvedAction {
            executable,
            defaults,
            queue: Arc::new(QueueKey { namespace, action: name }),
            access: package.map(PackageView::access),
            export: Export::of(annotations).map(Arc::new),
            // A whole of parts answers with what the last of them gave.
            streams: form.is_none() && runtime.is_some_and(|runtime| runtime.streams),
            form,
            deprecated,
            parts,
        }
    }

    /// Whether that document is part of it.
    pub(crate) fn depends_on(&self, id: &str) -> bool {
        self.parts.iter().any(|part| part == id)
    }

    /// The queue through which that namespace's activations go.
    pub(crate) fn queue_of(&self, namespace: &EntityName) -> Arc<QueueKey> {
        if self.queue.namespace == *namespace {
            return self.queue.clone();
        }
        Arc::new(QueueKey { namespace: namespace.clone(), action: self.executable.name.clone() })
    }

    /// Itself, unless its kind is no longer supported (ACT-20).
    fn invocable(self: Arc<Self>) -> Result<Arc<ResolvedAction>, ApiError> {
        if self.deprecated { Err(deprecated(&self.executable.kind)) } else { Ok(self) }
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
        let action =
            self.action_at(&target.full_name()).await.map_err(hide)?.ok_or_else(ApiError::not_found)?;
        let export = action.export.clone().ok_or_else(ApiError::not_found)?;
        Ok((action.invocable()?, export))
    }

    /// Checks that the caller may invoke, and so read, each of these (AUTH-14, INV-19, ERR-06).
    pub(crate) async fn may_use(
        &self,
        caller: &Caller,
        names: &[FullyQualifiedName],
    ) -> Result<(), ApiError> {
        let mut refused = BTreeSet::new();
        for name in names {
            match self.find_invocable(caller, &Target::of(name)).await {
                Ok(_) => {}
                Err(error) if error.status() == StatusCode::FORBIDDEN => {
                    refused.insert(name.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        Err(ApiError::forbidden_resource(refused.into_iter().collect::<Vec<_>>().join(", ")))
    }

    /// Reads the action, if it is not known yet.
    pub(super) async fn resolve(&self, found: Found) -> Result<Arc<ResolvedAction>, ApiError> {
        let action = self.read(found).await?.ok_or_else(ApiError::not_found)?;
        action.invocable()
    }

    /// The action that was looked for, whether or not it can be invoked.
    pub(super) async fn read(&self, found: Found) -> Result<Option<Arc<ResolvedAction>>, ApiError> {
        match found {
            Found::Known(known) => Ok(Some(known)),
            Found::Unknown(unread) => {
                let Unread { path, name, package, generation } = *unread;
                self.entities.resolve(&path, &name, package.as_ref(), generation).await
            }
        }
    }

    /// The action of that name, through a binding where the name leads through one. Whoever asks was let in before.
    pub(crate) async fn action_at(
        &self,
        name: &FullyQualifiedName,
    ) -> Result<Option<Arc<ResolvedAction>>, ApiError> {
        let path = name.to_string();
        if let Some(known) = self.entities.remembered(&path) {
            return Ok(Some(known));
        }
        let generation = self.entities.generation();
        let Some(package) = name.path.package_name() else {
            return self.entities.resolve(&path, name, None, generation).await;
        };
        let Some(view) = self.entities.package(&name.path.namespace(), &package).await? else {
            return Ok(None);
        };
        let name = FullyQualifiedName::new(view.path(), name.name.clone());
        self.entities.resolve(&path, &name, Some(&view), generation).await
    }
}
