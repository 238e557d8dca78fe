//! Bringing what lies in the store into the form in which it is to be kept: keys that other software, or an earlier
//! version, wrote as they are; keys that are to be sealed no more; shared namespaces that have lost their owner.

use secrets::Keeper;
use std::collections::BTreeSet;
use store::subject::document_for;
use store::{ArtifactStore, PutError, StoreError, members};
use types::EntityName;

/// Looks through all subjects, and answers how many were changed.
pub(crate) async fn settle(
    store: &dyn ArtifactStore,
    keeper: &Keeper,
    now: u64,
) -> Result<usize, StoreError> {
    let mut changed = 0;
    let mut shared: BTreeSet<EntityName> = BTreeSet::new();
    for (mut subject, revision) in members::subjects(store).await? {
        let mut stale = false;
        for own in &mut subject.namespaces {
            if let Some(settled) = keeper.settled(&own.uuid, &own.key) {
                own.key = settled;
                stale = true;
            }
            if own.shared {
                shared.insert(own.name.clone());
            }
        }
        if stale {
            match store.put(document_for(&subject, now)?, None, Some(revision)).await {
                Ok(_) => changed += 1,
                // Another server settles it, or an operator changes it; the next start looks again.
                Err(PutError::Conflict) => {}
                Err(PutError::Store(error)) => return Err(error),
            }
        }
    }
    for namespace in shared {
        members::adopt(store, &namespace, now).await?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrets::{Secrets, ServerSecret};
    use store::memory::MemoryArtifactStore;
    use store::subject::{NamespaceKey, SubjectDocument, find_identity, find_owner};
    use types::{AuthKey, Subject};

    fn key() -> AuthKey {
        AuthKey::parse(&format!("23bc46b1-71f6-4ed5-8c54-816aa4f8c502:{}", "k".repeat(64))).unwrap()
    }

    async fn body(store: &MemoryArtifactStore) -> String {
        let document = store.get("subject:alice").await.unwrap().unwrap();
        String::from_utf8(document.body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn usr_01_plain_keys_are_hashed_at_the_start_and_still_good() {
        let store = MemoryArtifactStore::new();
        let own = NamespaceKey::plain(EntityName::new("alice").unwrap(), &key());
        let subject =
            SubjectDocument { subject: Subject::new("alice"), namespaces: vec![own], blocked: false };
        store.put(document_for(&subject, 1).unwrap(), None, None).await.unwrap();
        assert!(body(&store).await.contains(&*key().key));
        let sealing = Keeper::sealing(&ServerSecret::new("s"));
        for (keeper, expected, sealed) in
            [(&sealing, 1, true), (&sealing, 0, true), (&Keeper::hashing(), 1, false), (&sealing, 0, false)]
        {
            assert_eq!(settle(&store, keeper, 2).await.unwrap(), expected);
            let body = body(&store).await;
            assert!(!body.contains(&*key().key), "{body}");
            assert_eq!(body.contains("sealed"), sealed, "{body}");
            let short = Secrets::for_tests().short;
            assert!(find_identity(&store, &key(), &short, 0).await.unwrap().is_some());
        }
    }

    #[tokio::test]
    async fn a_shared_namespace_without_an_owner_gets_one() {
        let store = MemoryArtifactStore::new();
        let name = EntityName::new("space").unwrap();
        let own = NamespaceKey { shared: true, ..NamespaceKey::plain(name.clone(), &key()) };
        let subject =
            SubjectDocument { subject: Subject::new("alice"), namespaces: vec![own], blocked: false };
        store.put(document_for(&subject, 1).unwrap(), None, None).await.unwrap();
        assert!(find_owner(&store, &name).await.unwrap().is_none());
        settle(&store, &Keeper::hashing(), 2).await.unwrap();
        assert!(find_owner(&store, &name).await.unwrap().is_some());
    }
}
