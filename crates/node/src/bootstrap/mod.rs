//! The identities that exist at the start: guest and whisk.system (USR-05), and those of the configuration.
//!
//! The keys of the first two are known to everybody, so they are given out only where nobody else can connect.

mod settle;

pub(crate) use settle::settle;

use crate::StartError;
use base::clock::Clock;
use secrets::{Keeper, StoredKey};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use store::subject::{NamespaceKey, SubjectDocument, document_for, read_subject, subject_id};
use store::{ArtifactStore, PutError, StoreError, members};
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
    /// Its credentials; `None`: they were made before, and nobody shows them again.
    pub authkey: Option<AuthKey>,
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
    keeper: &Keeper,
    clock: &dyn Clock,
    address: SocketAddr,
    users: &BTreeMap<String, String>,
) -> Result<Vec<StockIdentity>, StartError> {
    let known = |key: &AuthKey| STOCK.iter().any(|(_, known)| secret_of(known) == &*key.key);
    let ground = Ground { store, keeper, now: clock.unix_millis() };
    let loopback = address.ip().is_loopback();
    let mut identities = Vec::new();
    for (namespace, key) in users {
        let Some(authkey) = AuthKey::parse(key) else { unreachable!("the configuration was checked") };
        if !loopback && known(&authkey) {
            return Err(StartError::WellKnownKey { namespace: namespace.clone(), address });
        }
        let origin = KeyOrigin::Configured;
        ground.ensure(namespace, |_| Choice::Key(authkey.clone(), origin)).await.map_err(failure)?;
        identities.push(StockIdentity { namespace: namespace.clone(), authkey: Some(authkey), origin });
    }
    for (namespace, well_known) in STOCK.iter().filter(|(namespace, _)| !users.contains_key(*namespace)) {
        let choose = |present: Option<&NamespaceKey>| {
            let Some(present) = present else {
                return match AuthKey::parse(well_known) {
                    Some(key) if loopback => Choice::Key(key, KeyOrigin::WellKnown),
                    Some(_) | None => Choice::Key(random_key(&base::ids::uuid()), KeyOrigin::New),
                };
            };
            let fitting =
                STOCK.iter().map(|(_, known)| secret_of(known)).find(|known| present.key.fits(known));
            match fitting {
                // The uuid stays, because it is the namespace's for ever.
                Some(_) if !loopback => Choice::Key(random_key(&present.uuid), KeyOrigin::New),
                Some(known) => {
                    let key = AuthKey { uuid: present.uuid.clone(), key: Arc::from(known) };
                    Choice::Key(key, KeyOrigin::WellKnown)
                }
                None => Choice::Keep,
            }
        };
        let (authkey, origin) = match ground.ensure(namespace, choose).await.map_err(failure)? {
            Choice::Key(authkey, origin) => (Some(authkey), origin),
            Choice::Keep => (None, KeyOrigin::Kept),
        };
        identities.push(StockIdentity { namespace: (*namespace).to_owned(), authkey, origin });
    }
    Ok(identities)
}

/// Which key a namespace is to have.
#[derive(Clone, Debug)]
enum Choice {
    /// This one.
    Key(AuthKey, KeyOrigin),
    /// The one that it has.
    Keep,
}

/// What the making of identities stands on.
struct Ground<'a> {
    store: &'a dyn ArtifactStore,
    keeper: &'a Keeper,
    /// In milliseconds since 1970.
    now: u64,
}

impl Ground<'_> {
    /// Gives the namespace the key that `choose` names when it sees the present one.
    async fn ensure(
        &self,
        namespace: &str,
        choose: impl Fn(Option<&NamespaceKey>) -> Choice,
    ) -> Result<Choice, PutError> {
        let (mut subject, revision) = read(self.store, namespace).await?;
        let name = EntityName::new(namespace).map_err(|error| StoreError::new("name a namespace", error))?;
        let place = subject.namespaces.iter().position(|own| own.name == name);
        let present = place.and_then(|place| subject.namespaces.get(place));
        let choice = choose(present);
        let Choice::Key(authkey, _) = &choice else { return Ok(choice) };
        if present.is_some_and(|own| own.uuid == authkey.uuid && self.is_kept(&own.key, authkey)) {
            return Ok(choice);
        }
        let (shared, rights) = match present {
            Some(present) => (present.shared, present.rights.clone()),
            None => (members::is_owned(self.store, &name).await?, None),
        };
        let key = self.keeper.keep(&authkey.uuid, &authkey.key);
        let own = NamespaceKey { name, uuid: authkey.uuid.clone(), key, shared, rights };
        match place.and_then(|place| subject.namespaces.get_mut(place)) {
            Some(place) => *place = own,
            None => subject.namespaces.push(own),
        }
        self.store.put(document_for(&subject, self.now)?, None, revision).await?;
        Ok(choice)
    }

    /// Whether this key is kept as it should be: where keys are sealed, so that it can be read again.
    fn is_kept(&self, stored: &StoredKey, authkey: &AuthKey) -> bool {
        let again = self.keeper.reveal(&authkey.uuid, &self.keeper.keep(&authkey.uuid, &authkey.key));
        stored.fits(&authkey.key) && self.keeper.reveal(&authkey.uuid, stored) == again
    }
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
        Some(document) => Ok((read_subject(&document)?, Some(document.revision))),
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
        bootstrap(store, &Keeper::hashing(), &*TestClock::new(), address.parse().unwrap(), &users).await
    }

    async fn who(store: &MemoryArtifactStore, key: &AuthKey) -> Option<String> {
        let short = secrets::Secrets::for_tests().short;
        let found = find_identity(store, key, &short, 0).await.unwrap()?;
        Some(found.identity.namespace.name.to_string())
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
        let key = first[0].authkey.clone().unwrap();
        assert_ne!(Some(&key.key), first[1].authkey.as_ref().map(|key| &key.key));
        assert_eq!(who(&store, &key).await.as_deref(), Some("guest"));
        assert_eq!(who(&store, &AuthKey::parse(GUEST_KEY).unwrap()).await, None);
        for address in [EVERYWHERE, LOOPBACK] {
            let later = start(&store, address, &[]).await;
            assert!(later.iter().all(|identity| identity.origin == KeyOrigin::Kept));
            assert_eq!(later[0].authkey, None);
            assert_eq!(who(&store, &key).await.as_deref(), Some("guest"));
        }
    }

    #[tokio::test]
    async fn well_known_keys_go_when_the_address_opens() {
        let store = MemoryArtifactStore::new();
        start(&store, LOOPBACK, &[]).await;
        let opened = start(&store, EVERYWHERE, &[]).await;
        assert!(opened.iter().all(|identity| identity.origin == KeyOrigin::New));
        let well_known = AuthKey::parse(GUEST_KEY).unwrap();
        assert_eq!(opened[0].authkey.as_ref().unwrap().uuid, well_known.uuid);
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
