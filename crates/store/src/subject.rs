//! How subjects and the limits of namespaces are stored (USR-01), and how an identity is made of them.
//!
//! A subject's document is found by the uuid of each of its keys, so that a look-up needs one read. It is found by its
//! namespaces as well; one that several subjects share is found in the document of its owner only.

use crate::{ArtifactStore, Document, DocumentKind, StoreError};
use bytes::Bytes;
use secrets::{Holder, ShortKeys, StoredKey};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{AuthKey, EntityName, Identity, KeyTrace, NamespaceId, Privilege, Revision, Subject, UserLimits};

/// A subject with everything it owns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubjectDocument {
    /// Who.
    pub subject: Subject,
    /// Its namespaces, each with a key of its own (AUTH-02).
    pub namespaces: Vec<NamespaceKey>,
    /// Whether its keys are refused (AUTH-03).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
}

/// A namespace and its key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NamespaceKey {
    /// The namespace.
    pub name: EntityName,
    /// The one half of the key, and the uuid of the namespace.
    pub uuid: Arc<str>,
    /// The other half, as it is kept.
    #[serde(flatten)]
    pub key: StoredKey,
    /// The namespace belongs to another subject, as whom its web actions run; this one shares it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// What the key is good for; `None`: everything (AUTH-04).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<Vec<Privilege>>,
}

impl NamespaceKey {
    /// A namespace of one's own, with a key as it is, which the next start of a server hashes.
    #[must_use]
    pub fn plain(name: EntityName, authkey: &AuthKey) -> NamespaceKey {
        let key = StoredKey::Plain { key: authkey.key.as_ref().to_owned() };
        NamespaceKey { name, uuid: authkey.uuid.clone(), key, shared: false, rights: None }
    }
}

/// The id of a subject's document.
#[must_use]
pub fn subject_id(subject: &str) -> String {
    format!("subject:{subject}")
}

/// The id of the document with a namespace's limits.
#[must_use]
pub fn limits_id(namespace: &str) -> String {
    format!("limits:{namespace}")
}

/// The key by which the owner of a uuid is found.
#[must_use]
pub fn lookup_key(uuid: &str) -> String {
    format!("uuid:{uuid}")
}

/// The key by which the owner of a namespace is found.
#[must_use]
pub fn owner_key(namespace: &str) -> String {
    format!("namespace:{namespace}")
}

/// The document of a subject; `updated` is in milliseconds since 1970.
///
/// # Errors
/// Never in practice: when it cannot be written as JSON.
pub fn document_for(subject: &SubjectDocument, updated: u64) -> Result<Document, StoreError> {
    let id = subject_id(subject.subject.as_str());
    let keys = |namespace: &NamespaceKey| {
        let owned = (!namespace.shared).then(|| owner_key(namespace.name.as_str()));
        std::iter::once(lookup_key(&namespace.uuid)).chain(owned)
    };
    let lookup = subject.namespaces.iter().flat_map(keys).collect();
    document(id, DocumentKind::Subject, subject, updated, lookup)
}

/// The document with a namespace's limits; `updated` is in milliseconds since 1970.
///
/// # Errors
/// Never in practice: when it cannot be written as JSON.
pub fn limits_document(
    namespace: &EntityName,
    limits: &UserLimits,
    updated: u64,
) -> Result<Document, StoreError> {
    document(limits_id(namespace.as_str()), DocumentKind::Limits, limits, updated, Vec::new())
}

/// The subject in a document.
///
/// # Errors
/// When the document cannot be read.
pub fn read_subject(document: &Document) -> Result<SubjectDocument, StoreError> {
    read(document)
}

/// The limits in a document.
///
/// # Errors
/// When the document cannot be read.
pub fn read_limits(document: &Document) -> Result<UserLimits, StoreError> {
    read(document)
}

/// Somebody who showed a key.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// Who, in which namespace.
    pub identity: Identity,
    /// When the key ends, in milliseconds since 1970; `None`: it lasts until it is revoked.
    pub until: Option<u64>,
}

/// Finds who has this key (AUTH-01 to AUTH-04), lasting or short-lived. `None`: nobody, or somebody who is blocked. `now`
/// is in milliseconds since 1970.
///
/// # Errors
/// When the store fails or a document cannot be read.
pub async fn find_identity(
    store: &dyn ArtifactStore,
    authkey: &AuthKey,
    short: &ShortKeys,
    now: u64,
) -> Result<Option<Authenticated>, StoreError> {
    let Some(found) = store.find(&lookup_key(&authkey.uuid)).await? else { return Ok(None) };
    if found.kind != DocumentKind::Subject {
        return Ok(None);
    }
    let document: SubjectDocument = read(&found)?;
    let owned = document.namespaces.into_iter().find(|namespace| namespace.uuid == authkey.uuid);
    let Some(owned) = owned else { return Ok(None) };
    let stamp = owned.key.stamp();
    let holder = Holder { subject: document.subject.as_str(), uuid: &owned.uuid, stamp: &stamp };
    // The comparisons come first and take the same time for every wrong key, blocked or not.
    let (fits, until) = (owned.key.fits(&authkey.key), short.good_until(&holder, &authkey.key, now));
    if (!fits && until.is_none()) || document.blocked {
        return Ok(None);
    }
    let identity = identity(store, document.subject, owned).await?;
    Ok(Some(Authenticated { identity, until }))
}

/// Finds the owner of a namespace, as whom its web actions run (WEB-05). `None`: nobody, or somebody who is blocked.
///
/// # Errors
/// When the store fails or a document cannot be read.
pub async fn find_owner(
    store: &dyn ArtifactStore,
    namespace: &EntityName,
) -> Result<Option<Identity>, StoreError> {
    let Some(found) = store.find(&owner_key(namespace.as_str())).await? else { return Ok(None) };
    if found.kind != DocumentKind::Subject {
        return Ok(None);
    }
    let document: SubjectDocument = read(&found)?;
    let owned = document.namespaces.into_iter().find(|owned| owned.name == *namespace);
    match owned {
        Some(owned) if !document.blocked => identity(store, document.subject, owned).await.map(Some),
        Some(_) | None => Ok(None),
    }
}

/// A subject in one of its namespaces, with the limits of that.
async fn identity(
    store: &dyn ArtifactStore,
    subject: Subject,
    owned: NamespaceKey,
) -> Result<Identity, StoreError> {
    let NamespaceKey { name, uuid, key, shared: _, rights } = owned;
    let limits = match store.get(&limits_id(name.as_str())).await? {
        Some(limits) if limits.kind == DocumentKind::Limits => read(&limits)?,
        Some(_) | None => UserLimits::default(),
    };
    let key = KeyTrace { stamp: Arc::from(key.stamp()), sealed: key.sealed().map(Arc::from) };
    let namespace = NamespaceId { name, uuid };
    let rights = rights.unwrap_or_else(|| Privilege::ALL.to_vec());
    Ok(Identity { subject, namespace, key, rights, limits })
}

fn document<T: Serialize>(
    id: String,
    kind: DocumentKind,
    value: &T,
    updated: u64,
    lookup: Vec<String>,
) -> Result<Document, StoreError> {
    let body = serde_json::to_vec(value).map_err(|error| StoreError::new(format!("write {id}"), error))?;
    Ok(Document {
        id,
        kind,
        revision: Revision::default(),
        updated,
        body: body.into(),
        summary: Bytes::from_static(b"{}"),
        lookup,
    })
}

fn read<T: for<'a> Deserialize<'a>>(document: &Document) -> Result<T, StoreError> {
    serde_json::from_slice(&document.body)
        .map_err(|error| StoreError::new(format!("read document {}", document.id), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryArtifactStore;
    use secrets::{Keeper, ServerSecret};

    const UUID: &str = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502";

    fn subject(blocked: bool) -> SubjectDocument {
        let authkey = AuthKey { uuid: Arc::from(UUID), key: Arc::from("x".repeat(64)) };
        let name = EntityName::new("guest").unwrap();
        let namespaces = vec![NamespaceKey::plain(name, &authkey)];
        SubjectDocument { subject: Subject::new("guest"), namespaces, blocked }
    }

    fn short() -> ShortKeys {
        ShortKeys::new(&ServerSecret::new("server"))
    }

    async fn find(store: &MemoryArtifactStore, key: &AuthKey, now: u64) -> Option<Authenticated> {
        find_identity(store, key, &short(), now).await.unwrap()
    }

    fn key(secret: char) -> AuthKey {
        AuthKey { uuid: Arc::from(UUID), key: Arc::from(secret.to_string().repeat(64)) }
    }

    #[test]
    fn usr_01_the_document_has_upstreams_form() {
        let document = document_for(&subject(false), 1).unwrap();
        let text = format!(
            r#"{{"subject":"guest","namespaces":[{{"name":"guest","uuid":"{UUID}","key":"{}"}}]}}"#,
            "x".repeat(64)
        );
        assert_eq!(&document.body[..], text.as_bytes());
        assert_eq!(document.id, "subject:guest");
        assert_eq!(document.lookup, [format!("uuid:{UUID}"), "namespace:guest".to_owned()]);
    }

    #[tokio::test]
    async fn auth_02_auth_03_a_key_selects_its_owner_unless_blocked() {
        let store = MemoryArtifactStore::new();
        let revision = store.put(document_for(&subject(false), 1).unwrap(), None, None).await.unwrap();
        let limits = UserLimits { invocations_per_minute: Some(7), ..UserLimits::default() };
        let name = EntityName::new("guest").unwrap();
        store.put(limits_document(&name, &limits, 1).unwrap(), None, None).await.unwrap();
        let found = find(&store, &key('x'), 0).await.unwrap();
        assert_eq!(found.until, None);
        let found = found.identity;
        assert_eq!(found.namespace.name, name);
        assert_eq!(found.limits, limits);
        assert_eq!(found.rights, Privilege::ALL);
        assert!(find(&store, &key('y'), 0).await.is_none());
        assert_eq!(find_owner(&store, &name).await.unwrap().unwrap().namespace.name, name);
        store.put(document_for(&subject(true), 2).unwrap(), None, Some(revision)).await.unwrap();
        assert!(find_owner(&store, &name).await.unwrap().is_none());
        assert!(find(&store, &key('x'), 0).await.is_none());
    }

    #[tokio::test]
    async fn run_22_auth_03_a_short_lived_key_ends_by_itself_and_with_the_one_it_stands_for() {
        let store = MemoryArtifactStore::new();
        let mut document = subject(false);
        document.namespaces[0].key = Keeper::hashing().keep(UUID, &key('x').key);
        let revision = store.put(document_for(&document, 1).unwrap(), None, None).await.unwrap();
        let caller = find(&store, &key('x'), 0).await.unwrap().identity;
        let secret = short().mint(&Holder::of(&caller), types::ActivationId::from_bits(1), 5_000);
        let minted = AuthKey { uuid: Arc::from(UUID), key: Arc::from(secret) };
        let found = find(&store, &minted, 4_999).await.unwrap();
        assert_eq!(found.until, Some(5_000));
        assert_eq!(found.identity.key, caller.key);
        assert!(find(&store, &minted, 5_000).await.is_none());
        // The lasting key was renewed.
        document.namespaces[0].key = Keeper::hashing().keep(UUID, &key('z').key);
        let revision = store.put(document_for(&document, 2).unwrap(), None, Some(revision)).await.unwrap();
        assert!(find(&store, &minted, 0).await.is_none());
        assert!(find(&store, &key('z'), 0).await.is_some());
        document.blocked = true;
        store.put(document_for(&document, 3).unwrap(), None, Some(revision)).await.unwrap();
        assert!(find(&store, &key('z'), 0).await.is_none());
    }

    #[tokio::test]
    async fn auth_02_a_shared_namespace_is_found_in_its_owners_document() {
        let store = MemoryArtifactStore::new();
        store.put(document_for(&subject(false), 1).unwrap(), None, None).await.unwrap();
        let mut second = subject(false);
        second.subject = Subject::new("second");
        second.namespaces[0].uuid = Arc::from("23bc46b1-71f6-4ed5-8c54-816aa4f8c503");
        second.namespaces[0].shared = true;
        store.put(document_for(&second, 1).unwrap(), None, None).await.unwrap();
        let owner = find_owner(&store, &EntityName::new("guest").unwrap()).await.unwrap().unwrap();
        assert_eq!(owner.subject.as_str(), "guest");
    }
}
