//! Reading entities: whether they are there, are of the right kind, and what a package adds to an action.

use crate::api::ApiError;
use crate::cache::{Cache, Generation};
use crate::invoke::ResolvedAction;
use std::fmt;
use std::sync::Arc;
use store::{ArtifactStore, Document, DocumentKind, entity};
use types::{
    Action, EntityName, EntityPath, FullyQualifiedName, Package, Parameters, Rule, RuntimeManifest, Trigger,
};

/// Reads entities, and remembers actions in the form in which they are invoked.
pub(crate) struct Entities {
    store: Arc<dyn ArtifactStore>,
    runtimes: Arc<RuntimeManifest>,
    /// By the path under which an action is invoked: `ns/name`, `ns/pkg/name`, `ns/binding/name`.
    invocable: Cache<ResolvedAction>,
}

/// A package in a path, with what it binds.
#[derive(Debug)]
pub(crate) struct PackageView {
    /// Itself.
    pub(crate) package: Package,
    /// What it binds, if it is a binding and that can be found.
    pub(crate) provider: Option<Package>,
}

/// What decides who may read a package (AUTH-09).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PackageAccess {
    /// A package.
    Plain {
        /// Whether it is for everybody.
        published: bool,
    },
    /// A binding.
    Binding {
        /// The namespace of what it binds.
        provider: EntityName,
        /// Whether that is for everybody.
        published: bool,
    },
    /// A binding of what is not there.
    Broken {
        /// What is missing.
        provider: FullyQualifiedName,
    },
}

impl PackageView {
    /// Who may read it.
    pub(crate) fn access(&self) -> PackageAccess {
        match (&self.package.binding.0, &self.provider) {
            (None, _) => PackageAccess::Plain { published: self.package.publish },
            (Some(_), Some(provider)) => PackageAccess::Binding {
                provider: provider.namespace.namespace(),
                published: provider.publish,
            },
            (Some(name), None) => PackageAccess::Broken { provider: name.clone() },
        }
    }

    /// Where the actions are that are reached through it.
    pub(crate) fn path(&self) -> EntityPath {
        let package = self.provider.as_ref().unwrap_or(&self.package);
        EntityPath::of_package(&package.namespace.namespace(), &package.name)
    }

    /// `ns/binding`, if it is a binding (ATV-20).
    pub(crate) fn binding(&self) -> Option<EntityPath> {
        self.package.binding.0.as_ref()?;
        Some(EntityPath::of_package(&self.package.namespace.namespace(), &self.package.name))
    }

    /// The parameters that it gives to its actions; a binding's own are laid over those of what it binds (INV-11).
    pub(crate) fn parameters(&self) -> Parameters {
        match &self.provider {
            None => self.package.parameters.clone(),
            Some(provider) => provider.parameters.overlaid(&self.package.parameters),
        }
    }
}

impl Entities {
    pub(crate) fn new(store: Arc<dyn ArtifactStore>, runtimes: Arc<RuntimeManifest>) -> Entities {
        Entities { store, runtimes, invocable: Cache::new() }
    }

    /// The document of that id, which must be of that kind (ERR-11).
    pub(crate) async fn document(&self, id: &str, kind: DocumentKind) -> Result<Option<Document>, ApiError> {
        match self.store.get(id).await? {
            Some(document) if document.kind == kind => Ok(Some(document)),
            Some(_) => Err(ApiError::conformance()),
            None => Ok(None),
        }
    }

    /// An action without its code.
    pub(crate) async fn action(
        &self,
        name: &FullyQualifiedName,
    ) -> Result<Option<(Document, Action)>, ApiError> {
        let Some(document) = self.document(&name.to_string(), DocumentKind::Action).await? else {
            return Ok(None);
        };
        let action = entity::read_action(&document).map_err(|error| ApiError::corrupted(&error))?;
        Ok(Some((document, action)))
    }

    /// A trigger, with its rules.
    pub(crate) async fn trigger(
        &self,
        name: &FullyQualifiedName,
    ) -> Result<Option<(Document, Trigger)>, ApiError> {
        let Some(document) = self.document(&name.to_string(), DocumentKind::Trigger).await? else {
            return Ok(None);
        };
        let trigger = entity::read_trigger(&document).map_err(|error| ApiError::corrupted(&error))?;
        Ok(Some((document, trigger)))
    }

    /// A rule.
    pub(crate) async fn rule(&self, name: &FullyQualifiedName) -> Result<Option<(Document, Rule)>, ApiError> {
        let Some(document) = self.document(&name.to_string(), DocumentKind::Rule).await? else {
            return Ok(None);
        };
        let rule = entity::read_rule(&document).map_err(|error| ApiError::corrupted(&error))?;
        Ok(Some((document, rule)))
    }

    /// A package, with what it binds.
    pub(crate) async fn package(
        &self,
        namespace: &EntityName,
        name: &EntityName,
    ) -> Result<Option<PackageView>, ApiError> {
        let Some(package) = self.one_package(&format!("{namespace}/{name}")).await? else { return Ok(None) };
        let provider = match &package.binding.0 {
            None => None,
            Some(provider) => {
                // A binding of a binding, or of anything but a package, counts as broken.
                let found = self.store.get(&provider.to_string()).await?;
                let found = found.filter(|document| document.kind == DocumentKind::Package);
                let found = found.map(|document| entity::read_package(&document)).transpose();
                found.map_err(|error| ApiError::corrupted(&error))?.filter(|p| p.binding.0.is_none())
            }
        };
        Ok(Some(PackageView { package, provider }))
    }

    async fn one_package(&self, id: &str) -> Result<Option<Package>, ApiError> {
        let Some(document) = self.document(id, DocumentKind::Package).await? else { return Ok(None) };
        entity::read_package(&document).map(Some).map_err(|error| ApiError::corrupted(&error))
    }

    /// The action that was invoked under this path before, as long as nothing of it has changed.
    pub(crate) fn remembered(&self, path: &str) -> Option<Arc<ResolvedAction>> {
        self.invocable.get(path.as_bytes())
    }

    /// To be taken before anything of an action is read that will be remembered.
    pub(crate) fn generation(&self) -> Generation {
        self.invocable.generation()
    }

    /// Reads an action and brings it into the form in which it is invoked; remembers it under `path`.
    pub(crate) async fn resolve(
        &self,
        path: &str,
        name: &FullyQualifiedName,
        package: Option<&PackageView>,
        generation: Generation,
    ) -> Result<Option<Arc<ResolvedAction>>, ApiError> {
        let Some((document, action)) = self.action(name).await? else { return Ok(None) };
        let runtime = self.runtimes.resolve(action.exec.kind());
        let resolved = ResolvedAction::new(path, document.revision, &action, package, runtime);
        let resolved = Arc::new(resolved);
        self.invocable.insert(path.as_bytes(), resolved.clone(), generation);
        Ok(Some(resolved))
    }

    /// Forgets every action that the document of that id is part of.
    pub(crate) fn forget(&self, id: &str) {
        self.invocable.invalidate(|resolved| resolved.depends_on(id));
    }
}

impl fmt::Debug for Entities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entities").finish_non_exhaustive()
    }
}
