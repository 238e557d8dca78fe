use crate::{Seal, ServerSecret, hex, random};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// The bytes of salt, so that two who have the same key do not show it.
const SALT: usize = 16;

/// How many characters of its hash are the stamp of a key.
const STAMP: usize = 32;

/// The secret half of a subject's key as its document holds it.
///
/// The hash is one round of salted SHA-256. Slow hashes are for what people think up; a key is 64 random characters, more
/// than any number of tries gets through, and it is checked on the path of every first request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StoredKey {
    /// So that one who shows it can be recognised.
    Hashed {
        /// `salt:digest`, in hexadecimal digits.
        hash: String,
        /// The key itself, sealed, where keys are to be handed on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<String>,
    },
    /// As it is: in documents that other software wrote, until the next start.
    Plain {
        /// The key.
        key: String,
    },
}

impl StoredKey {
    /// Whether this is the key; how long the answer takes tells nothing of it.
    #[must_use]
    pub fn fits(&self, shown: &str) -> bool {
        match self {
            StoredKey::Plain { key } => {
                Sha256::digest(key.as_bytes()).ct_eq(&Sha256::digest(shown.as_bytes())).into()
            }
            StoredKey::Hashed { hash, .. } => {
                let salt = hash.split(':').next().unwrap_or_default();
                hash.as_bytes().ct_eq(hashed(salt, shown).as_bytes()).into()
            }
        }
    }

    /// Changes with the key and does not tell it.
    #[must_use]
    pub fn stamp(&self) -> String {
        let of: &str = match self {
            StoredKey::Plain { key } => key,
            StoredKey::Hashed { hash, .. } => hash,
        };
        hex(&Sha256::digest(format!("stamp of {of}").as_bytes())).chars().take(STAMP).collect()
    }

    /// The sealed key, if there is one.
    #[must_use]
    pub fn sealed(&self) -> Option<&str> {
        match self {
            StoredKey::Hashed { sealed, .. } => sealed.as_deref(),
            StoredKey::Plain { .. } => None,
        }
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoredKey::Hashed { sealed: None, .. } => "StoredKey(hashed)",
            StoredKey::Hashed { sealed: Some(_), .. } => "StoredKey(sealed)",
            StoredKey::Plain { .. } => "StoredKey(plain)",
        })
    }
}

/// How the keys of subjects are kept: as hashes, and sealed besides where they are to be handed on.
#[derive(Clone, Debug)]
pub struct Keeper(Option<Seal>);

impl Keeper {
    /// Keys are shown once, when they are made, and never again.
    #[must_use]
    pub const fn hashing() -> Keeper {
        Keeper(None)
    }

    /// Keys can be shown again, to the operator and to actions.
    #[must_use]
    pub fn sealing(server: &ServerSecret) -> Keeper {
        Keeper(Some(Seal::new(server, "keys of subjects")))
    }

    /// The form in which a key is kept. `uuid` is its other half.
    #[must_use]
    pub fn keep(&self, uuid: &str, key: &str) -> StoredKey {
        let hash = hashed(&hex(&random::<SALT>()), key);
        StoredKey::Hashed { hash, sealed: self.0.as_ref().map(|seal| seal.close(uuid, key)) }
    }

    /// The key again, where it can be had.
    #[must_use]
    pub fn reveal(&self, uuid: &str, stored: &StoredKey) -> Option<String> {
        match stored {
            StoredKey::Plain { key } => Some(key.clone()),
            StoredKey::Hashed { sealed, .. } => self.open(uuid, sealed.as_deref()?),
        }
    }

    /// The key of a sealed text.
    #[must_use]
    pub fn open(&self, uuid: &str, sealed: &str) -> Option<String> {
        self.0.as_ref()?.open(uuid, sealed)
    }

    /// How a key is to be kept that lies otherwise in its document; `None`: it is as it should be, or its text is not
    /// known any more, so that it cannot be sealed.
    #[must_use]
    pub fn settled(&self, uuid: &str, stored: &StoredKey) -> Option<StoredKey> {
        match stored {
            StoredKey::Plain { key } => Some(self.keep(uuid, key)),
            StoredKey::Hashed { hash, sealed: Some(_) } if self.0.is_none() => {
                Some(StoredKey::Hashed { hash: hash.clone(), sealed: None })
            }
            StoredKey::Hashed { .. } => None,
        }
    }
}

/// `salt:digest`
fn hashed(salt: &str, key: &str) -> String {
    format!("{salt}:{}", hex(&Sha256::digest(format!("{salt}:{key}").as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502";

    fn key() -> String {
        "k".repeat(64)
    }

    #[test]
    fn auth_03_a_kept_key_is_recognised_and_its_text_is_nowhere() {
        let server = ServerSecret::new("s");
        for (keeper, again) in [(Keeper::hashing(), None), (Keeper::sealing(&server), Some(key()))] {
            let stored = keeper.keep(UUID, &key());
            assert!(stored.fits(&key()));
            assert!(!stored.fits(&key()[1..]) && !stored.fits("") && !stored.fits(&"j".repeat(64)));
            assert!(!serde_json::to_string(&stored).unwrap().contains(&key()));
            assert!(!format!("{stored:?}").contains(&key()));
            assert_eq!(keeper.reveal(UUID, &stored), again);
            assert!(keeper.settled(UUID, &stored).is_none());
            let written = serde_json::to_string(&stored).unwrap();
            assert_eq!(serde_json::from_str::<StoredKey>(&written).unwrap(), stored);
        }
    }

    #[test]
    fn usr_01_a_plain_key_of_upstreams_documents_is_read_and_settled() {
        let plain: StoredKey = serde_json::from_str(&format!(r#"{{"key":"{}"}}"#, key())).unwrap();
        assert!(plain.fits(&key()));
        assert!(!format!("{plain:?}").contains(&key()));
        let settled = Keeper::hashing().settled(UUID, &plain).unwrap();
        assert!(settled.fits(&key()));
        assert!(!serde_json::to_string(&settled).unwrap().contains(&key()));
        let sealed = Keeper::sealing(&ServerSecret::new("s")).settled(UUID, &plain).unwrap();
        let unsealed = Keeper::hashing().settled(UUID, &sealed).unwrap();
        assert!(unsealed.fits(&key()) && unsealed.sealed().is_none());
    }

    #[test]
    fn the_stamp_changes_with_the_key() {
        let keeper = Keeper::hashing();
        let stored = keeper.keep(UUID, &key());
        // Also when the same key is set once more: that revokes what was given out for the old one.
        assert_ne!(stored.stamp(), keeper.keep(UUID, &key()).stamp());
    }
}
