//! Packages and bindings (section PKG of the API rules).

use super::error::ApiError;
use super::paths::PACKAGE_METHODS;
use super::query::{Page, Query};
use super::respond::Reply;
use super::{Asked, common, counted, listed};
use crate::entities::PackageView;
use crate::identities::Caller;
use crate::{Controller, entitlement};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Document, DocumentKind, EntityQuery, PutError, StoreError, entity};
use types::json;
use types::{
    Annotations, Binding, EntityName, EntityPath, FullyQualifiedName, Package, PackagePut, Privilege, SemVer,
};

/// The name of actions that are in no package (NAME-04).
const RESERVED: &str = "default";

/// What clients POST to for a refresh, which upstream does not have either (PKG-15).
const REFRESH: &str = "refresh";

/// How many packages of another namespace are read at a time, to find those that are for everybody.
const CHUNK: usize = 200;

/// How often a package is emptied before it is deleted by force: actions may be written to it at the same time.
const SWEEPS: usize = 5;

/// A package as GET shows it (PKG-07, PKG-08).
#[derive(Serialize)]
struct PackageWithActions {
    #[serde(flatten)]
    package: Package,
    actions: Vec<PackagedAction>,
    feeds: Vec<PackagedAction>,
}

/// An action in a package, as the package shows it.
#[derive(Serialize, Deserialize)]
struct PackagedAction {
    name: EntityName,
    version: SemVer,
    annotations: Annotations,
}

impl Controller {
    /// What a path names one package for.
    pub(super) async fn dispatch_package(
        &self,
        namespace: EntityName,
        name: EntityName,
        asked: Asked<'_>,
    ) -> Result<Reply, ApiError> {
        match *asked.method {
            Method::GET => self.get_package(&namespace, &name, &asked).await,
            Method::PUT => self.put_package(&namespace, name, asked).await,
            Method::DELETE => self.delete_package(&namespace, name, &asked).await,
            Method::POST if name.as_str() == REFRESH => refresh(),
            // PKG-12, AUTH-16
            _ => Err(ApiError::method_not_allowed(PACKAGE_METHODS)),
        }
    }

    /// LIST-09. Everybody may ask; others see what is for everybody (AUTH-10).
    pub(super) async fn list_packages(
        &self,
        caller: &Caller,
        namespace: &EntityName,
        query: Query<'_>,
    ) -> Result<Reply, ApiError> {
        let path = EntityPath::of_namespace(namespace);
        if entitlement::owns(caller, namespace) {
            return self.list_entities(DocumentKind::Package, path, query).await;
        }
        let Page { skip, limit, count } = query.page("packages")?;
        let wanted = if count { usize::MAX } else { skip.saturating_add(limit) };
        let shared = self.shared_packages(path, wanted).await?;
        if count {
            return Ok(counted("packages", shared.len() as u64, skip));
        }
        Ok(listed(shared.get(skip..).unwrap_or_default()))
    }

    /// The summaries of packages that are for everybody, newest first, up to that many.
    async fn shared_packages(&self, path: EntityPath, wanted: usize) -> Result<Vec<Bytes>, ApiError> {
        let mut shared = Vec::new();
        let mut query = EntityQuery { kind: DocumentKind::Package, path, skip: 0, limit: Some(CHUNK) };
        while shared.len() < wanted {
            let chunk = self.artifacts.list(&query).await?;
            let last = chunk.len() < CHUNK;
            for document in chunk {
                if is_shared(&document)? && shared.len() < wanted {
                    shared.push(document.summary);
                }
            }
            if last {
                break;
            }
            query.skip += CHUNK;
        }
        Ok(shared)
    }

    /// PKG-07, PKG-08, PKG-09, PKG-10
    async fn get_package(
        &self,
        namespace: &EntityName,
        name: &EntityName,
        asked: &Asked<'_>,
    ) -> Result<Reply, ApiError> {
        entitlement::right(&asked.caller, Privilege::Read)?;
        let view = self.named_package(&asked.caller, namespace, name).await?;
        self.may_show(&asked.caller, &view)?;
        let (feeds, actions) = self.content(view.path()).await?;
        let package = Package { parameters: view.parameters(), ..view.package };
        Reply::of(&PackageWithActions { package, actions, feeds })
    }

    /// The package that a request names, if the caller may read it. One of its own that is missing is said to be
    /// (ERR-08).
    pub(super) async fn named_package(
        &self,
        caller: &Caller,
        namespace: &EntityName,
        name: &EntityName,
    ) -> Result<PackageView, ApiError> {
        self.readable_package(caller, namespace, name).await.map_err(|error| {
            let missing =
                error.status() == StatusCode::NOT_FOUND && error.text() == ApiError::not_found().text();
            if missing { ApiError::resource_not_found(format_args!("{namespace}/{name}")) } else { error }
        })
    }

    /// PKG-13
    fn may_show(&self, caller: &Caller, view: &PackageView) -> Result<(), ApiError> {
        let foreign =
            |path: &EntityPath| self.config.execute_only && path.root() != caller.namespace().as_str();
        let text = if foreign(&view.package.namespace) {
            let name = view.package.fully_qualified_name();
            format!("GET not permitted for '{name}' since it's a shared package")
        } else if foreign(&view.path()) {
            format!("GET not permitted since {} is a binding of a shared package", view.package.name)
        } else {
            return Ok(());
        };
        Err(ApiError::new(StatusCode::FORBIDDEN, text))
    }

    /// The feeds and the other actions of a package, newest first.
    async fn content(
        &self,
        path: EntityPath,
    ) -> Result<(Vec<PackagedAction>, Vec<PackagedAction>), ApiError> {
        let mut all = Vec::new();
        for document in self.actions_in(path).await? {
            all.push(read_summary::<PackagedAction>(&document)?);
        }
        Ok(all.into_iter().partition(|action| action.annotations.get("feed").is_some()))
    }

    async fn actions_in(&self, path: EntityPath) -> Result<Vec<Document>, StoreError> {
        let query = EntityQuery { kind: DocumentKind::Action, path, skip: 0, limit: None };
        self.artifacts.list(&query).await
    }

    /// PKG-01 to PKG-06. The order of the checks is what clients see.
    async fn put_package(
        &self,
        namespace: &EntityName,
        name: EntityName,
        asked: Asked<'_>,
    ) -> Result<Reply, ApiError> {
        let caller = &*asked.caller;
        entitlement::right(caller, Privilege::Put)?;
        entitlement::own(caller, namespace, format_args!("{namespace}/{name}"))?;
        let overwrite = asked.query.switch("overwrite", false)?;
        let mut put: PackagePut = asked.payload.object()?;
        common::check_sizes(common::lists(caller, put.parameters.as_ref(), put.annotations.as_ref()))?;
        if name.as_str() == RESERVED {
            return Err(ApiError::bad_request(format!("Package name '{name}' is reserved.")));
        }
        let provider = put.binding.take().and_then(|binding| binding.0);
        let provider = provider.map(|provider| provider.resolved(namespace));
        let bound = match &provider {
            None => None,
            Some(provider) => Some(self.bindable(caller, provider).await?),
        };
        let name = FullyQualifiedName::new(EntityPath::of_namespace(namespace), name);
        let old = self.entities.document(&name.to_string(), DocumentKind::Package).await?;
        if old.is_some() && !overwrite {
            return Err(ApiError::exists());
        }
        let expected = old.as_ref().map(|old| old.revision);
        let old = old.map(|old| entity::read_package(&old)).transpose();
        let old = old.map_err(|error| ApiError::corrupted(&error))?;
        if bound.is_some() && old.as_ref().is_some_and(|old| old.binding.0.is_none()) {
            let text = "Resource is a package and cannot be converted into a binding.";
            return Err(ApiError::new(StatusCode::CONFLICT, text));
        }
        if bound.is_some_and(|bound| bound.package.binding.0.is_some()) {
            return Err(ApiError::bad_request("Cannot bind to another package binding."));
        }
        let parameters = old.as_ref().map(|old| &old.parameters);
        let parameters = self.locked(namespace, put.parameters, parameters)?;
        let binding = provider.map(|provider| Binding(Some(provider)));
        let put = PackagePut { binding, parameters, ..put };
        let package = written(name, put, old, asked.received);
        self.artifacts.put(entity::package_document(&package)?, None, expected).await?;
        self.put_reply(&package)
    }

    /// What is to be bound, if the caller may read it (AUTH-14, PKG-06).
    async fn bindable(
        &self,
        caller: &Caller,
        provider: &FullyQualifiedName,
    ) -> Result<PackageView, ApiError> {
        entitlement::right(caller, Privilege::Read)?;
        let found = self.readable_package(caller, &provider.path.namespace(), &provider.name).await;
        found.map_err(|error| match error.status() {
            StatusCode::NOT_FOUND => {
                ApiError::bad_request("Binding references a package that does not exist.")
            }
            StatusCode::CONFLICT => {
                ApiError::new(StatusCode::CONFLICT, "Cannot bind to a resource that is not a package.")
            }
            _ => error,
        })
    }

    /// PKG-11
    async fn delete_package(
        &self,
        namespace: &EntityName,
        name: EntityName,
        asked: &Asked<'_>,
    ) -> Result<Reply, ApiError> {
        let caller = &*asked.caller;
        entitlement::right(caller, Privilege::Delete)?;
        entitlement::own(caller, namespace, format_args!("{namespace}/{name}"))?;
        let force = asked.query.switch("force", false)?;
        let id = format!("{namespace}/{name}");
        let document = self.entities.document(&id, DocumentKind::Package).await?;
        let document = document.ok_or_else(ApiError::not_found)?;
        let package = entity::read_package(&document).map_err(|error| ApiError::corrupted(&error))?;
        if package.binding.0.is_none() {
            self.empty(EntityPath::of_package(namespace, &name), force).await?;
        }
        self.artifacts.delete(&document.id, document.revision).await?;
        self.delete_reply(&package)
    }

    /// Deletes what is in a package, if that is wanted.
    async fn empty(&self, path: EntityPath, force: bool) -> Result<(), ApiError> {
        for _ in 0..SWEEPS {
            let content = self.actions_in(path.clone()).await?;
            match content.len() {
                0 => return Ok(()),
                count if !force => return Err(not_empty(count)),
                _ => {}
            }
            for document in content {
                match self.artifacts.delete(&document.id, document.revision).await {
                    // It was written in the meantime, or has gone: the next look will tell.
                    Ok(()) | Err(PutError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(ApiError::concurrent_change())
    }
}

/// PKG-15, DEF-10: clients have a text of their own for this status.
fn refresh() -> Result<Reply, ApiError> {
    let text = "Packages cannot be refreshed on this server.";
    Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, text))
}

fn not_empty(count: usize) -> ApiError {
    let entities = if count == 1 { "entity" } else { "entities" };
    let text = format!(
        "Package not empty (contains {count} {entities}). Set force param or delete package contents."
    );
    ApiError::new(StatusCode::CONFLICT, text)
}

/// The package that is stored for a body, over an old one if there is one (PKG-03, PKG-04, NAME-07).
fn written(name: FullyQualifiedName, put: PackagePut, old: Option<Package>, now: u64) -> Package {
    let next = old.as_ref().map(|old| old.version.next_patch()).unwrap_or_default();
    let old = old.unwrap_or_else(|| Package {
        namespace: name.path,
        name: name.name,
        binding: Binding::default(),
        parameters: types::Parameters::new(),
        version: SemVer::default(),
        publish: false,
        annotations: Annotations::new(),
        updated: now,
    });
    let binding = put.binding.unwrap_or(old.binding);
    let mut annotations = put.annotations.unwrap_or(old.annotations);
    // PKG-05: clients find out by it which packages of a list are bindings.
    annotations.remove("binding");
    if binding.0.is_some() {
        annotations.push("binding", json::raw(&binding));
    }
    Package {
        binding,
        parameters: put.parameters.unwrap_or(old.parameters),
        version: put.version.unwrap_or(next),
        publish: put.publish.unwrap_or(old.publish),
        annotations,
        updated: now,
        ..old
    }
}

/// Whether everybody may see a package in a list (AUTH-10).
fn is_shared(document: &Document) -> Result<bool, ApiError> {
    #[derive(Deserialize)]
    struct Shown<'a> {
        publish: bool,
        #[serde(borrow)]
        binding: &'a RawValue,
    }
    let shown: Shown<'_> = read_summary(document)?;
    // LIST-09: a binding shows what it binds.
    Ok(shown.publish && shown.binding.get() == "false")
}

fn read_summary<'a, T: Deserialize<'a>>(document: &'a Document) -> Result<T, ApiError> {
    serde_json::from_slice(&document.summary).map_err(|error| ApiError::corrupted(&error))
}
