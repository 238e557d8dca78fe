//! Everything that must stay secret: the operator's credential, the keys of subjects at rest, keys for one activation,
//! and parameters that are locked.
//!
//! Nothing here reads a file, a clock or a store: what is needed is handed in. No type of this crate shows a secret in its
//! debug form.

mod callback;
mod credential;
mod derive;
mod parameters;
mod seal;
mod short;
mod stored;

pub use callback::{CallbackKeys, sign_callback};
pub use credential::Credential;
pub use derive::ServerSecret;
pub use parameters::{LockError, ParameterKey, ParameterKeys};
pub use seal::Seal;
pub use short::{Holder, ShortKeys};
pub use stored::{Keeper, StoredKey};

use std::time::Duration;
use types::{ActivationId, AuthKey, Identity};

/// How long a short-lived key is good after the deadline of its activation, if nothing else is said.
pub const GRACE: Duration = Duration::from_secs(60);

/// What the roles of a server share of its secrets.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// How the keys of subjects are kept.
    pub keeper: Keeper,
    /// Makes and knows the keys that are good for one activation.
    pub short: ShortKeys,
    /// With which secrets completion callbacks are signed.
    pub callbacks: CallbackKeys,
    /// Whether an action that is to get an API key gets its caller's own. Only keys that were sealed can be handed on.
    pub hand_on: bool,
    /// How long after the deadline of its activation a short-lived key is good: what the activation began to call may
    /// take a while.
    pub grace: Duration,
    /// What parameters are locked with.
    pub parameters: ParameterKeys,
}

impl Secrets {
    /// Keys are hashed, and actions get short-lived ones.
    #[must_use]
    pub fn new(server: &ServerSecret) -> Secrets {
        Secrets {
            keeper: Keeper::hashing(),
            short: ShortKeys::new(server),
            callbacks: CallbackKeys::new(server),
            hand_on: false,
            grace: GRACE,
            parameters: ParameterKeys::default(),
        }
    }

    /// Those of a server whose secret everybody knows.
    #[doc(hidden)]
    #[must_use]
    pub fn for_tests() -> Secrets {
        Secrets::new(&ServerSecret::new("a secret for tests"))
    }

    /// The key that an activation gets (RUN-09, RUN-22): a short-lived one, good until a little after its deadline (in
    /// milliseconds since 1970), or the caller's own where keys are handed on and this one can be.
    #[must_use]
    pub fn key_for(&self, caller: &Identity, activation: ActivationId, deadline: u64) -> AuthKey {
        let expires = deadline.saturating_add(u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX));
        let uuid = &caller.namespace.uuid;
        let sealed = caller.key.sealed.as_deref().filter(|_| self.hand_on);
        let own = sealed.and_then(|sealed| self.keeper.open(uuid, sealed));
        let key = own.unwrap_or_else(|| self.short.mint(&Holder::of(caller), activation, expires));
        AuthKey { uuid: uuid.clone(), key: key.into() }
    }
}

/// So many random bytes from the kernel.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without its random source the kernel cannot give keys that nobody guesses; nothing sensible is left to do.
    getrandom::fill(&mut bytes).expect("the kernel's random source answers");
    bytes
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{EntityName, KeyTrace, NamespaceId, Subject, UserLimits};

    const UUID: &str = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502";

    fn caller(stored: &StoredKey) -> Identity {
        Identity {
            subject: Subject::new("guest"),
            namespace: NamespaceId { name: EntityName::new("guest").unwrap(), uuid: UUID.into() },
            key: KeyTrace { stamp: stored.stamp().into(), sealed: stored.sealed().map(Into::into) },
            rights: Vec::new(),
            limits: UserLimits::default(),
        }
    }

    #[test]
    fn run_22_the_own_key_is_handed_on_only_where_that_is_wanted_and_can_be() {
        let server = ServerSecret::new("s");
        let own = "k".repeat(64);
        let sealing = Keeper::sealing(&server);
        for (hand_on, stored, is_own) in [
            (true, sealing.keep(UUID, &own), true),
            (false, sealing.keep(UUID, &own), false),
            (true, Keeper::hashing().keep(UUID, &own), false),
        ] {
            let secrets = Secrets { keeper: sealing.clone(), hand_on, ..Secrets::new(&server) };
            let caller = caller(&stored);
            let key = secrets.key_for(&caller, ActivationId::from_bits(1), 10_000);
            assert_eq!(&*key.uuid, UUID);
            assert_eq!(*key.key == own, is_own);
            if !is_own {
                // A minute after the deadline.
                let holder = Holder::of(&caller);
                assert_eq!(secrets.short.good_until(&holder, &key.key, 69_999), Some(70_000));
                assert_eq!(secrets.short.good_until(&holder, &key.key, 70_000), None);
            }
        }
    }
}
