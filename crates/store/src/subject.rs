//! How subjects and the limits of namespaces are stored (USR-01), and how an identity is made of them.
//!
//! A subject's document is found by the uuid of each of its keys, so that a look-up needs one read.

use crate::{ArtifactStore, Document, DocumentKind, StoreError};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use types::{AuthKey, EntityName, Identity, NamespaceId, Privilege, Revision, Subject, UserLimits};

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
    /// `uuid` and `key`.
    #[serde(flatten)]
    pub authkey: AuthKey,
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
    let keys =
        |namespace: &NamespaceKey| [lookup_key(&namespace.authkey.uuid), owner_key(namespace.name.as_str())];
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

/// Finds who has this key (AUTH-01 to AUTH-04). `None`: nobody, or somebody who is blocked.
///
/// # Errors
/// When the store fails or a document cannot be read.
pub async fn find_identity(
    store: &dyn ArtifactStore,
    authkey: &AuthKey,
) -> Result<Option<Identity>, StoreError> {
    let Some(found) = store.find(&lookup_key(&authkey.uuid)).await? else { return Ok(None) };
    if found.kind != DocumentKind::Subject {
        return Ok(None);
    }
    let document: SubjectDocument = read(&found)?;
    let owned = document.namespaces.into_iter().find(|namespace| namespace.authkey.uuid == authkey.uuid);
    let Some(owned) = owned else { return Ok(None) };
    // The comparison comes first and takes the same time for every wrong key, blocked or not.
    if !same_secret(&owned.authkey.key, &authkey.key) || document.blocked {
        return Ok(None);
    }
    identity(store, document.subject, owned).await.map(Some)
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
    let NamespaceKey { name, authkey } = owned;
    let limits = match store.get(&limits_id(name.as_str())).await? {
        Some(limits) if limits.kind == DocumentKind::Limits => read(&limits)?,
        Some(_) | None => UserLimits::default(),
    };
    let namespace = NamespaceId { name, uuid: authkey.uuid.clone() };
    Ok(Identity { subject, namespace, authkey, rights: Privilege::ALL.to_vec(), limits })
}

/// Compares two keys in a time that does not tell where they differ.
fn same_secret(left: &str, right: &str) -> bool {
    let difference = left.bytes().zip(right.bytes()).fold(0, |all, (l, r)| all | (l ^ r));
    std::hint::black_box(difference) == 0 && left.len() == right.len()
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
    use std::sync::Arc;

    const UUID: &str = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502";

    fn subject(blocked: bool) -> SubjectDocument {
        let authkey = AuthKey { uuid: Arc::from(UUID), key: Arc::from("x".repeat(64)) };
        let name = EntityName::new("guest").unwrap();
        SubjectDocument {
            subject: Subject::new("guest"),
            namespaces: vec![NamespaceKey { name, authkey }],
            blocked,
        }
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
        let found = find_identity(&store, &key('x')).await.unwrap().unwrap();
        assert_eq!(found.namespace.name, name);
        assert_eq!(found.limits, limits);
        assert_eq!(found.rights, Privilege::ALL);
        assert!(find_identity(&store, &key('y')).await.unwrap().is_none());
        assert_eq!(find_owner(&store, &name).await.unwrap().unwrap().namespace.name, name);
        store.put(document_for(&subject(true), 2).unwrap(), None, Some(revision)).await.unwrap();
        assert!(find_owner(&store, &name).await.unwrap().is_none());
        assert!(find_identity(&store, &key('x')).await.unwrap().is_none());
    }

    #[test]
    fn keys_differ_by_length_too() {
        assert!(same_secret("abc", "abc"));
        for other in ["abd", "ab", "abcd", ""] {
            assert!(!same_secret("abc", other), "{other}");
        }
    }
}
