use crate::derive::mac;
use crate::{Seal, ServerSecret, hex};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// The secrets with which completion callbacks are signed: one for each namespace, or one that comes with a request.
#[derive(Clone)]
pub struct CallbackKeys {
    namespaces: Zeroizing<[u8; 32]>,
    seal: Seal,
}

impl CallbackKeys {
    /// Those of a server.
    #[must_use]
    pub fn new(server: &ServerSecret) -> CallbackKeys {
        CallbackKeys {
            namespaces: server.derive("callbacks of namespaces"),
            seal: Seal::new(server, "secrets of callbacks"),
        }
    }

    /// The secret of a namespace: 64 hexadecimal digits. It is kept nowhere.
    #[must_use]
    pub fn of_namespace(&self, name: &str) -> String {
        hex(&mac(self.namespaces.as_slice(), &[name.as_bytes()]))
    }

    /// Closes a secret that came with a request, so that it can be kept; `about` is the activation.
    #[must_use]
    pub fn close(&self, about: &str, secret: &str) -> String {
        self.seal.close(about, secret)
    }

    /// Opens what was closed for the same activation.
    #[must_use]
    pub fn open(&self, about: &str, sealed: &str) -> Option<String> {
        self.seal.open(about, sealed)
    }
}

impl fmt::Debug for CallbackKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackKeys(…)")
    }
}

/// The signature of a callback: HMAC-SHA256 with the secret's text as key over the time in seconds since 1970 in decimal
/// digits, a full stop, and the body; in hexadecimal digits.
#[must_use]
pub fn sign_callback(secret: &str, time: u64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        unreachable!("any length is right for HMAC")
    };
    mac.update(time.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_namespace_has_a_secret_of_its_own_that_stays() {
        let keys = CallbackKeys::new(&ServerSecret::new("s"));
        assert_eq!(keys.of_namespace("a"), CallbackKeys::new(&ServerSecret::new("s")).of_namespace("a"));
        assert_ne!(keys.of_namespace("a"), keys.of_namespace("b"));
        assert_ne!(keys.of_namespace("a"), CallbackKeys::new(&ServerSecret::new("t")).of_namespace("a"));
        assert_eq!(keys.of_namespace("a").len(), 64);
        let sealed = keys.close("id", "mine");
        assert_eq!(keys.open("id", &sealed).as_deref(), Some("mine"));
        assert_eq!(keys.open("other", &sealed), None);
        assert_eq!(format!("{keys:?}"), "CallbackKeys(…)");
    }

    #[test]
    fn a_signature_is_what_any_library_computes() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let expected = "49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
        assert_eq!(sign_callback("secret", 1_700_000_000, br#"{"a":1}"#), expected);
    }
}
