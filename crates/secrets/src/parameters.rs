use crate::random;
use aes_gcm::aead::consts::{U12, U128};
use aes_gcm::aead::{Aead, KeyInit, Nonce, Payload};
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{Aes128Gcm, AesGcm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::sync::Arc;
use types::json::{self, Raw};
use types::{Lock, Parameter, Parameters};
use zeroize::Zeroizing;

/// The names of the ciphers, as the field `encryption` of a parameter says them.
const AES_128: &str = "aes-128";
const AES_256: &str = "aes-256";

/// What stands before the nonce: its length, in four bytes.
const HEAD: usize = 4;

/// Upstream's AES-256 has nonces of 128 bytes.
type Aes256Gcm = AesGcm<Aes256, U128>;

/// A key that parameters are locked with, in upstream's format: the value is the base64 of the nonce's length, the nonce,
/// and what AES-GCM makes of the value's JSON.
#[derive(Clone)]
pub enum ParameterKey {
    /// `aes-128`
    Aes128(Arc<Aes128Gcm>),
    /// `aes-256`
    Aes256(Arc<AesGcm<Aes256, U128>>),
}

impl ParameterKey {
    /// The key in a text: the base64 of 16 or 32 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<ParameterKey> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
        match bytes.len() {
            16 => Aes128Gcm::new_from_slice(&bytes).ok().map(|key| ParameterKey::Aes128(Arc::new(key))),
            32 => Aes256Gcm::new_from_slice(&bytes).ok().map(|key| ParameterKey::Aes256(Arc::new(key))),
            _ => None,
        }
    }

    /// The name of its cipher.
    #[must_use]
    pub fn cipher(&self) -> &'static str {
        match self {
            ParameterKey::Aes128(_) => AES_128,
            ParameterKey::Aes256(_) => AES_256,
        }
    }

    fn close(&self, owner: &str, value: &str) -> String {
        let payload = Payload { msg: value.as_bytes(), aad: owner.as_bytes() };
        let sealed = match self {
            ParameterKey::Aes128(key) => close(&**key, &random::<12>(), payload),
            ParameterKey::Aes256(key) => close(&**key, &random::<128>(), payload),
        };
        STANDARD.encode(sealed)
    }

    fn open(&self, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        match self {
            ParameterKey::Aes128(key) => open::<AesGcm<Aes128, U12>>(key, owner, sealed),
            ParameterKey::Aes256(key) => open::<Aes256Gcm>(key, owner, sealed),
        }
    }
}

fn close<K: Aead>(key: &K, nonce: &[u8], payload: Payload<'_, '_>) -> Vec<u8> {
    let Ok(sealed) = key.encrypt(Nonce::<K>::from_slice(nonce), payload) else {
        unreachable!("a parameter is shorter than 64 GB")
    };
    let length = u32::try_from(nonce.len()).unwrap_or_default().to_be_bytes();
    [&length[..], nonce, &sealed].concat()
}

fn open<K: Aead>(key: &K, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = sealed.split_at_checked(HEAD)?;
    let length = length.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
    let (nonce, text) = rest.split_at_checked(length)?;
    if length != Nonce::<K>::default().len() {
        return None;
    }
    key.decrypt(Nonce::<K>::from_slice(nonce), Payload { msg: text, aad: owner.as_bytes() }).ok()
}

impl fmt::Debug for ParameterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParameterKey({})", self.cipher())
    }
}

/// Locks the values of parameters, and unlocks them where the code runs.
///
/// A value is bound to the namespace whose entity holds it. Upstream does not do this: there, who may read a package of
/// another namespace can put its locked values into an action of their own, and have them unlocked. What upstream has
/// locked is unlocked all the same.
#[derive(Clone, Debug, Default)]
pub struct ParameterKeys {
    /// What new values are locked with.
    current: Option<ParameterKey>,
    /// What older ones may be locked with.
    others: Vec<ParameterKey>,
}

/// Why a value is not locked or unlocked. It never says the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// There is no key of that cipher.
    #[error("The parameter '{key}' is encrypted with '{cipher}', for which this server has no key.")]
    NoKey {
        /// The parameter.
        key: String,
        /// Its cipher.
        cipher: String,
    },
    /// No key opens it.
    #[error(
        "The encrypted parameter '{key}' is damaged, or was encrypted elsewhere or for another namespace."
    )]
    Damaged {
        /// The parameter.
        key: String,
    },
}

impl ParameterKeys {
    /// `current` locks; it and the others unlock.
    #[must_use]
    pub fn new(current: Option<ParameterKey>, others: Vec<ParameterKey>) -> ParameterKeys {
        ParameterKeys { current, others }
    }

    /// The parameters of an entity of that namespace as they are to be stored. What is locked already stays as it is:
    /// where it is just as the entity has it now, and else if it can be unlocked. A `null` is not locked; it only says that
    /// there is no value.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn lock(
        &self,
        given: Parameters,
        namespace: &str,
        old: Option<&Parameters>,
    ) -> Result<Parameters, LockError> {
        let lock = |parameter: &Parameter| match (&parameter.encryption, &self.current) {
            (None, Some(current)) if parameter.value.get() != "null" => Ok(Parameter {
                value: json::raw(&current.close(namespace, parameter.value.get())),
                encryption: Some(Arc::from(current.cipher())),
                ..parameter.clone()
            }),
            (None, _) => Ok(parameter.clone()),
            (Some(cipher), _) => {
                let kept = old.and_then(|old| old.get(&parameter.key)).is_some_and(|old| {
                    old.encryption == parameter.encryption && old.value.get() == parameter.value.get()
                });
                if !kept {
                    self.unlock_one(&parameter.key, cipher, &parameter.value, &[namespace])?;
                }
                Ok(parameter.clone())
            }
        };
        given.iter().map(lock).collect()
    }

    /// An object with its locked members unlocked; what is no object has none. `namespaces` are those whose entities the
    /// members may come from.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn unlock(&self, arguments: &Raw, locks: &[Lock], namespaces: &[&str]) -> Result<Raw, LockError> {
        let Ok(members) = json::members(arguments.get()) else { return Ok(arguments.clone()) };
        let mut unlocked = Vec::with_capacity(members.len());
        for (key, value) in members {
            unlocked.push(match locks.iter().find(|lock| *lock.key == *key) {
                None => json::member(&key, value.get()),
                Some(lock) => {
                    json::member(&key, &self.unlock_one(&key, &lock.cipher, value.get(), namespaces)?)
                }
            });
        }
        Ok(json::object(unlocked.iter().map(String::as_str)))
    }

    fn unlock_one(
        &self,
        key: &str,
        cipher: &str,
        value: &str,
        namespaces: &[&str],
    ) -> Result<Raw, LockError> {
        let mut keys =
            self.current.iter().chain(&self.others).filter(|known| known.cipher() == cipher).peekable();
        if keys.peek().is_none() {
            return Err(LockError::NoKey { key: key.to_owned(), cipher: cipher.to_owned() });
        }
        let damaged = || LockError::Damaged { key: key.to_owned() };
        let text: String = serde_json::from_str(value).map_err(|_| damaged())?;
        let sealed = STANDARD.decode(text).map_err(|_| damaged())?;
        // What upstream locked is bound to nothing.
        let owners = || namespaces.iter().copied().chain([""]);
        let opened = keys.find_map(|key| owners().find_map(|owner| key.open(owner, &sealed)));
        let opened = opened.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(damaged)?;
        json::parse(&opened).map_err(|_| damaged())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(letter: u8, length: usize) -> ParameterKey {
        ParameterKey::parse(&STANDARD.encode(vec![letter; length])).unwrap()
    }

    fn parameters(text: &str) -> Parameters {
        serde_json::from_str(text).unwrap()
    }

    /// What code gets of locked parameters.
    fn unlocked(keys: &ParameterKeys, locked: &Parameters, namespaces: &[&str]) -> Result<String, LockError> {
        let lock = |p: &Parameter| Some(Lock { key: p.key.clone(), cipher: p.encryption.clone()? });
        let locks: Vec<Lock> = locked.iter().filter_map(lock).collect();
        let members: Vec<String> =
            locked.iter().map(|p| format!("{}:{}", json::raw(&*p.key), p.value.get())).collect();
        let object = json::parse(&format!("{{{}}}", members.join(","))).unwrap();
        keys.unlock(&object, &locks, namespaces).map(|object| object.get().to_owned())
    }

    // Made with Node's crypto in upstream's format: keys of bytes 1, nonces of bytes 9, the JSON text "secret".
    const UPSTREAM_128: &str = "AAAADAkJCQkJCQkJCQkJCQ7R++cl0W2cvVI3pgYSNA4iJvIde7BVyQ==";
    const UPSTREAM_256: &str = "AAAAgAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJWIFIoRanzlvPoqOEsNtIlJBQTEJLL/W6";

    const GIVEN: &str =
        r#"[{"key":"a","value":{"x":1.50}},{"key":"b","value":"text","init":true},{"key":"n","value":null}]"#;

    #[test]
    fn act_33_run_11_values_are_locked_at_rest_and_come_back_as_they_were() {
        for (length, cipher, nonce) in [(16, "aes-128", 12), (32, "aes-256", 128)] {
            let keys = ParameterKeys::new(Some(key(1, length)), Vec::new());
            let locked = keys.lock(parameters(GIVEN), "ns", None).unwrap();
            let a = locked.get("a").unwrap();
            assert_eq!(a.encryption.as_deref(), Some(cipher));
            let sealed = STANDARD.decode(json::text(&a.value).unwrap()).unwrap();
            // Upstream's format: the length of the nonce, the nonce, the text, the tag.
            assert_eq!(sealed[..4], u32::to_be_bytes(nonce));
            assert_eq!(sealed.len(), 4 + nonce as usize + r#"{"x":1.50}"#.len() + 16);
            assert!(locked.get("b").unwrap().init);
            assert_eq!(
                (locked.get("n").unwrap().value.get(), &locked.get("n").unwrap().encryption),
                ("null", &None)
            );
            assert_eq!(unlocked(&keys, &locked, &["ns"]).unwrap(), r#"{"a":{"x":1.50},"b":"text","n":null}"#);
            // Every time with another nonce.
            let again = keys.lock(parameters(GIVEN), "ns", None).unwrap();
            assert_ne!(a.value.get(), again.get("a").unwrap().value.get());
        }
    }

    #[test]
    fn act_33_old_keys_still_unlock_and_what_is_locked_is_not_locked_again() {
        let old = ParameterKeys::new(Some(key(1, 16)), Vec::new());
        let locked = old.lock(parameters(GIVEN), "ns", None).unwrap();
        let new = ParameterKeys::new(Some(key(2, 32)), vec![key(3, 16), key(1, 16)]);
        let text = serde_json::to_string(&locked).unwrap();
        assert_eq!(serde_json::to_string(&new.lock(parameters(&text), "ns", None).unwrap()).unwrap(), text);
        assert!(unlocked(&new, &locked, &["ns"]).is_ok());
        // The key is lost: what the entity has can be written again, but not anything else.
        let lost = ParameterKeys::new(Some(key(2, 32)), Vec::new());
        assert!(lost.lock(parameters(&text), "ns", Some(&locked)).is_ok());
        assert_eq!(
            lost.lock(parameters(&text), "ns", None).unwrap_err().to_string(),
            "The parameter 'a' is encrypted with 'aes-128', for which this server has no key."
        );
    }

    #[test]
    fn a_locked_value_is_of_no_use_in_another_namespace() {
        let keys = ParameterKeys::new(Some(key(1, 16)), Vec::new());
        let locked = keys.lock(parameters(GIVEN), "provider", None).unwrap();
        let text =
            "The encrypted parameter 'a' is damaged, or was encrypted elsewhere or for another namespace.";
        assert_eq!(unlocked(&keys, &locked, &["thief"]).unwrap_err().to_string(), text);
        assert_eq!(keys.lock(locked.clone(), "thief", None).unwrap_err().to_string(), text);
        assert!(unlocked(&keys, &locked, &["caller", "provider"]).is_ok());
        // An array, as it may flow through a sequence, has no members to unlock.
        let array = json::parse("[1]").unwrap();
        let lock = Lock { key: "a".into(), cipher: "aes-128".into() };
        assert_eq!(keys.unlock(&array, &[lock], &["ns"]).unwrap().get(), "[1]");
    }

    #[test]
    fn what_upstream_locked_is_unlocked() {
        for (length, cipher, value) in [(16, "aes-128", UPSTREAM_128), (32, "aes-256", UPSTREAM_256)] {
            let keys = ParameterKeys::new(None, vec![key(1, length)]);
            let locked = parameters(&format!(r#"[{{"key":"a","value":"{value}","encryption":"{cipher}"}}]"#));
            assert_eq!(unlocked(&keys, &locked, &["ns"]).unwrap(), r#"{"a":"secret"}"#);
        }
    }

    #[test]
    fn a_damaged_value_is_told_and_not_shown() {
        let keys = ParameterKeys::new(Some(key(1, 16)), Vec::new());
        let locked = keys.lock(parameters(r#"[{"key":"a","value":"secret"}]"#), "ns", None).unwrap();
        let good = json::text(&locked.get("a").unwrap().value).unwrap();
        let bad_length = STANDARD.encode([0, 0, 0, 200, 1, 2, 3]);
        for damaged in
            [&good[..good.len() - 4], "AAAA", "", "no base64", &bad_length, &format!("B{}", &good[1..])]
        {
            let text = format!(r#"[{{"key":"a","value":"{damaged}","encryption":"aes-128"}}]"#);
            let error = unlocked(&keys, &parameters(&text), &["ns"]).unwrap_err();
            assert_eq!(error, LockError::Damaged { key: "a".to_owned() }, "{damaged}");
        }
        let number = parameters(r#"[{"key":"a","value":1,"encryption":"aes-128"}]"#);
        assert!(unlocked(&keys, &number, &["ns"]).is_err());
    }

    #[test]
    fn a_key_is_the_base64_of_16_or_32_bytes() {
        for bad in ["", "short", &STANDARD.encode([1; 24]), "!"] {
            assert!(ParameterKey::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(format!("{:?}", key(1, 32)), "ParameterKey(aes-256)");
    }
}
