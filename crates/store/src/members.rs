//! Namespaces and the subjects that have keys for them. One of these is the owner, as whom web actions run: the first that
//! got the namespace. When it goes, the next in order of name takes its place.

use crate::subject::{SubjectDocument, document_for, owner_key, read_subject};
use crate::{ArtifactStore, DocumentKind, PutError, StoreError};
use types::{EntityName, Revision};

/// How many subjects are read at a time.
const PAGE: usize = 256;

/// How often a write is tried that somebody else's gets in the way of.
const TRIES: usize = 5;

/// Every subject, in order of name. For operators: it reads them all.
///
/// # Errors
/// When the store fails or a document cannot be read.
pub async fn subjects(store: &dyn ArtifactStore) -> Result<Vec<(SubjectDocument, Revision)>, StoreError> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.scan(DocumentKind::Subject, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.id.clone());
        for document in &page {
            all.push((read_subject(document)?, document.revision));
        }
    }
}

/// Every subject that has a key for this namespace, its owner first.
///
/// # Errors
/// When the store fails or a document cannot be read.
pub async fn members(
    store: &dyn ArtifactStore,
    namespace: &EntityName,
) -> Result<Vec<(SubjectDocument, Revision)>, StoreError> {
    let place = |document: &SubjectDocument| {
        document.namespaces.iter().find(|own| own.name == *namespace).map(|own| own.shared)
    };
    let mut all = subjects(store).await?;
    all.retain(|(document, _)| place(document).is_some());
    all.sort_by_key(|(document, _)| place(document));
    Ok(all)
}

/// Whether a namespace has an owner.
///
/// # Errors
/// When the store fails.
pub async fn is_owned(store: &dyn ArtifactStore, namespace: &EntityName) -> Result<bool, StoreError> {
    Ok(store.find(&owner_key(namespace.as_str())).await?.is_some())
}

/// Gives a namespace that has lost its owner the next one, if anybody has a key for it.
///
/// # Errors
/// When the store fails.
pub async fn adopt(store: &dyn ArtifactStore, namespace: &EntityName, now: u64) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        if is_owned(store, namespace).await? {
            return Ok(());
        }
        let Some((mut heir, revision)) = members(store, namespace).await?.into_iter().next() else {
            return Ok(());
        };
        for own in heir.namespaces.iter_mut().filter(|own| own.name == *namespace) {
            own.shared = false;
        }
        match store.put(document_for(&heir, now)?, None, Some(revision)).await {
            Ok(_) => return Ok(()),
            // Somebody changed it, or another one became the owner: look again.
            Err(PutError::Conflict) => {}
            Err(PutError::Store(error)) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryArtifactStore;
    use crate::subject::{NamespaceKey, find_owner};
    use types::{AuthKey, Subject};

    async fn add(store: &MemoryArtifactStore, name: &str, number: usize, shared: bool) -> Revision {
        let authkey = AuthKey { uuid: format!("uuid-{number}").into(), key: "k".repeat(64).into() };
        let own = NamespaceKey { shared, ..NamespaceKey::plain(space(), &authkey) };
        let document = SubjectDocument { subject: Subject::new(name), namespaces: vec![own], blocked: false };
        store.put(document_for(&document, 1).unwrap(), None, None).await.unwrap()
    }

    fn space() -> EntityName {
        EntityName::new("space").unwrap()
    }

    #[tokio::test]
    async fn auth_02_the_next_in_order_of_name_inherits_a_namespace() {
        let store = MemoryArtifactStore::new();
        let revision = add(&store, "owner", 1, false).await;
        add(&store, "second", 2, true).await;
        add(&store, "first", 3, true).await;
        let names = |all: Vec<(SubjectDocument, Revision)>| -> Vec<String> {
            all.into_iter().map(|(document, _)| document.subject.as_str().to_owned()).collect()
        };
        assert_eq!(names(members(&store, &space()).await.unwrap()), ["owner", "first", "second"]);
        adopt(&store, &space(), 2).await.unwrap();
        assert_eq!(find_owner(&store, &space()).await.unwrap().unwrap().subject.as_str(), "owner");
        store.delete("subject:owner", revision).await.unwrap();
        adopt(&store, &space(), 2).await.unwrap();
        assert_eq!(find_owner(&store, &space()).await.unwrap().unwrap().subject.as_str(), "first");
        assert_eq!(names(members(&store, &space()).await.unwrap()), ["first", "second"]);
    }
}
