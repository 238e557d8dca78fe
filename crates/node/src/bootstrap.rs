//! The identities that exist at the start: guest and whisk.system (USR-05), and those of the configuration.
//!
//! The keys of the first two are known to everybody, so they are given out only where nobody else can connect.

use crate::StartError;
use base::clock::Clock;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use store::subject::{NamespaceKey, SubjectDocument, document_for, subject_id};
use store::{ArtifactStore, PutError, StoreError};
use types::{AuthKey, EntityName, Revision, Subject};

/// The well-known key of the namespace `guest`.
pub const GUEST_KEY: &str =
    "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP";
/// The well-known key of the namespace `whisk.system`.
pub const SYSTEM_KEY: &str =
    "789c46b1-71f6-4ed5-8c54-816aa4f8c502:abczO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP";

/// The identities that every platform has, with their well-known keys.
const STOCK: [(&str, &str); 2] = [("guest", GUEST_KEY), ("whisk.system", SYSTEM_KEY)];

/// An identity that is there at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockIdentity {
    /// The name of its namespace.
    pub namespace: String,
    /// Its credentials.
    pub authkey: AuthKey,
    /// How it came by them.
    pub origin: KeyOrigin,
}

/// How an identity came by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// It is the one that everybody knows.
    WellKnown,
    /// It was made just now, at random; nobody has seen it yet.
    New,
    /// It was there before, and is nobody else's to know.
    Kept,
    /// The configuration says so.
    Configured,
}

/// Sees to it that the identities exist. `address` is where the platform is served.
pub(crate) async fn bootstrap(
    store: &dyn ArtifactStore,
    clock: &dyn Clock,
    address: SocketAddr,
    users: &BTreeMap<String, String>,
) -> Result<Vec<StockIdentity>, StartError> {
    let known = |key: &AuthKey| STOCK.iter().any(|(_, known)| secret_of(known) == &*key.key);
    let loopback = address.ip().is_loopback();
    let mut identities = Vec::new();
    for (namespace, key) in users {
        let Some(authkey) = AuthKey::parse(key) else { unreachable!("the configuration was checked") };
        if !loopback && known(&authkey) {
            return Err(StartError::WellKnownKey { namespace: namespace.clone(), address });
        }
        let origin = KeyOrigin::Configured;
        ensure(store, clock, namespace, |_| Some((authkey.clone(), origin))).await.map_err(failure)?;
        identities.push(StockIdentity { namespace: namespace.clone(), authkey, origin });
    }
    for (namespace, well_known) in STOCK.iter().filter(|(namespace, _)| !users.contains_key(*namespace)) {
        let choose = |present: Option<&AuthKey>| match present {
            None if loopback => AuthKey::parse(well_known).map(|key| (key, KeyOrigin::WellKnown)),
            None => Some((random_key(&base::ids::uuid()), KeyOrigin::New)),
            // The uuid stays, because it is the namespace's for ever.
            Some(present) if !loopback && known(present) => Some((random_key(&present.uuid), KeyOrigin::New)),
            Some(_) => None,
        };
        let (authkey, origin) = ensure(store, clock, namespace, choose).await.map_err(failure)?;
        let origin = if origin == KeyOrigin::Kept && known(&authkey) { KeyOrigin::WellKnown } else { origin };
        identities.push(StockIdentity { namespace: (*namespace).to_owned(), authkey, origin });
    }
    Ok(identities)
}

/// Gives the namespace the key that `choose` names when it sees the present one; `None` keeps that.
async fn ensure(
    store: &dyn ArtifactStore,
    clock: &dyn Clock,
    namespace: &str,
    choose: impl Fn(Option<&AuthKey>) -> Option<(AuthKey, KeyOrigin)>,
) -> Result<(AuthKey, KeyOrigin), PutError> {
    let (mut subject, revision) = read(store, namespace).await?;
    let name = EntityName::new(namespace).map_err(|error| StoreError::new("name a namespace", error))?;
    let place = subject.namespaces.iter().position(|own| own.name == name);
    let present = place.and_then(|place| subject.namespaces.get(place)).map(|own| own.authkey.clone());
    let (authkey, origin) = match (choose(present.as_ref()), present) {
        (Some((authkey, origin)), present) if present.as_ref() == Some(&authkey) => {
            return Ok((authkey, origin));
        }
        (Some(chosen), _) => chosen,
        (None, Some(present)) => return Ok((present, KeyOrigin::Kept)),
        (None, None) => unreachable!("a namespace without a key is given one"),
    };
    let own = NamespaceKey { name, authkey: authkey.clone() };
    match place.and_then(|place| subject.namespaces.get_mut(place)) {
        Some(place) => *place = own,
        None => subject.namespaces.push(own),
    }
    let document = document_for(&subject, clock.unix_millis())?;
    store.put(document, None, revision).await?;
    Ok((authkey, origin))
}

/// The subject of that name, or one without namespaces.
async fn read(
    store: &dyn ArtifactStore,
    name: &str,
) -> Result<(SubjectDocument, Option<Revision>), StoreError> {
    match store.get(&subject_id(name)).await? {
        None => {
            let subject = Subject::new(name);
            Ok((SubjectDocument { subject, namespaces: Vec::new(), blocked: false }, None))
        }
        Some(document) => {
            let subject = serde_json::from_slice(&document.body)
                .map_err(|error| StoreError::new(format!("read document {}", document.id), error))?;
            Ok((subject, Some(document.revision)))
        }
    }
}

fn random_key(uuid: &str) -> AuthKey {
    AuthKey { uuid: Arc::from(uuid), key: Arc::from(base::ids::secret(AuthKey::KEY_LENGTH)) }
}

fn secret_of(key: &str) -> &str {
    key.split_once(':').map_or(key, |(_, secret)| secret)
}

fn failure(error: PutError) -> StartError {
    StartError::Store(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::clock::TestClock;
    use store::memory::MemoryArtifactStore;
    use store::subject::find_identity;

    const LOOPBACK: &str = "127.0.0.1:3233";
    const EVERYWHERE: &str = "0.0.0.0:3233";

    async fn start(store: &MemoryArtifactStore, address: &str, users: &[(&str, &str)]) -> Vec<StockIdentity> {
        try_start(store, address, users).await.unwrap()
    }

    async fn try_start(
        store: &MemoryArtifactStore,
        address: &str,
        users: &[(&str, &str)],
    ) -> Result<Vec<StockIdentity>, StartError> {
        let users = users.iter().map(|(name, key)| ((*name).to_owned(), (*key).to_owned())).collect();
        bootstrap(store, &*TestClock::new(), address.parse().unwrap(), &users).await
    }

    async fn who(store: &MemoryArtifactStore, key: &AuthKey) -> Option<String> {
        let identity = find_identity(store, key).await.unwrap()?;
        Some(identity.namespace.name.to_string())
    }

    #[tokio::test]
    async fn usr_05_the_well_known_keys_work_on_loopback() {
        let store = MemoryArtifactStore::new();
        for _ in 0..2 {
            let identities = start(&store, LOOPBACK, &[]).await;
            assert!(identities.iter().all(|identity| identity.origin == KeyOrigin::WellKnown));
            let guest = AuthKey::parse(GUEST_KEY).unwrap();
            assert_eq!(who(&store, &guest).await.as_deref(), Some("guest"));
            let system = AuthKey::parse(SYSTEM_KEY).unwrap();
            assert_eq!(who(&store, &system).await.as_deref(), Some("whisk.system"));
        }
    }

    #[tokio::test]
    async fn other_addresses_get_random_keys_that_are_told_once_and_stay() {
        let store = MemoryArtifactStore::new();
        let first = start(&store, EVERYWHERE, &[]).await;
        assert!(first.iter().all(|identity| identity.origin == KeyOrigin::New));
        assert_ne!(first[0].authkey.key, first[1].authkey.key);
        assert_eq!(who(&store, &first[0].authkey).await.as_deref(), Some("guest"));
        assert_eq!(who(&store, &AuthKey::parse(GUEST_KEY).unwrap()).await, None);
        for address in [EVERYWHERE, LOOPBACK] {
            let later = start(&store, address, &[]).await;
            assert!(later.iter().all(|identity| identity.origin == KeyOrigin::Kept));
            assert_eq!(later[0].authkey, first[0].authkey);
        }
    }

    #[tokio::test]
    async fn well_known_keys_go_when_the_address_opens() {
        let store = MemoryArtifactStore::new();
        start(&store, LOOPBACK, &[]).await;
        let opened = start(&store, EVERYWHERE, &[]).await;
        assert!(opened.iter().all(|identity| identity.origin == KeyOrigin::New));
        let well_known = AuthKey::parse(GUEST_KEY).unwrap();
        assert_eq!(opened[0].authkey.uuid, well_known.uuid);
        assert_eq!(who(&store, &well_known).await, None);
    }

    #[tokio::test]
    async fn configured_users_have_the_keys_that_the_configuration_says() {
        let store = MemoryArtifactStore::new();
        let uuid = "00000000-71f6-4ed5-8c54-816aa4f8c502";
        let keys = ["a", "b"].map(|letter| format!("{uuid}:{}", letter.repeat(64)));
        for key in &keys {
            let identities = start(&store, EVERYWHERE, &[("alice", key)]).await;
            assert_eq!(identities.len(), 3);
            assert_eq!(who(&store, &AuthKey::parse(key).unwrap()).await.as_deref(), Some("alice"));
        }
        assert_eq!(who(&store, &AuthKey::parse(&keys[0]).unwrap()).await, None);
        let refused = try_start(&store, EVERYWHERE, &[("alice", GUEST_KEY)]).await;
        assert!(matches!(refused, Err(StartError::WellKnownKey { .. })), "{refused:?}");
    }
}
