use crate::{ServerSecret, random};
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The bytes of a nonce, which begins a sealed text.
const NONCE: usize = 12;

/// Closes texts so that only this server can read them: AES-256-GCM with a random nonce.
#[derive(Clone)]
pub struct Seal(Aes256Gcm);

impl Seal {
    /// A seal for one purpose.
    #[must_use]
    pub fn new(server: &ServerSecret, purpose: &str) -> Seal {
        Seal(Aes256Gcm::new(server.derive(purpose).as_slice().into()))
    }

    /// Closes a text. `about` says whose it is; it cannot be opened as anybody else's.
    #[must_use]
    pub fn close(&self, about: &str, text: &str) -> String {
        let nonce: [u8; NONCE] = random();
        let payload = Payload { msg: text.as_bytes(), aad: about.as_bytes() };
        let Ok(sealed) = self.0.encrypt(Nonce::from_slice(&nonce), payload) else {
            unreachable!("a text is shorter than 64 GB")
        };
        STANDARD.encode([&nonce[..], &sealed].concat())
    }

    /// Opens what was closed about the same; `None` where it was not, or was changed.
    #[must_use]
    pub fn open(&self, about: &str, sealed: &str) -> Option<String> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let payload = Payload { msg: sealed, aad: about.as_bytes() };
        String::from_utf8(self.0.decrypt(Nonce::from_slice(nonce), payload).ok()?).ok()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_seal_opens_it_for_the_same_thing() {
        let seal = Seal::new(&ServerSecret::new("s"), "keys");
        let sealed = seal.close("me", "secret");
        assert_ne!(sealed, seal.close("me", "secret"));
        assert_eq!(seal.open("me", &sealed).as_deref(), Some("secret"));
        assert!(seal.open("you", &sealed).is_none());
        assert!(Seal::new(&ServerSecret::new("t"), "keys").open("me", &sealed).is_none());
        for damaged in [&sealed[..sealed.len() - 4], "AAAA", "", "no base64!"] {
            assert!(seal.open("me", damaged).is_none(), "{damaged}");
        }
    }
}
