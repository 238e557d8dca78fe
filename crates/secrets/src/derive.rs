use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// The secret from which a server, or all servers of a cluster, derive the keys that they need.
#[derive(Clone)]
pub struct ServerSecret(Zeroizing<Vec<u8>>);

impl ServerSecret {
    /// The secret with this text.
    #[must_use]
    pub fn new(text: &str) -> ServerSecret {
        ServerSecret(Zeroizing::new(text.as_bytes().to_vec()))
    }

    /// A key for one purpose; those of two purposes tell nothing of each other.
    pub(crate) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(mac(&self.0, &[purpose.as_bytes()]))
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecret(…)")
    }
}

/// HMAC-SHA256 over several parts. Each comes with its length, so that no two lists of parts look the same.
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("any length is right for HMAC")
    };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_purposes_or_two_secrets_differ() {
        let secret = ServerSecret::new("s");
        assert_eq!(*secret.derive("a"), *ServerSecret::new("s").derive("a"));
        assert_ne!(*secret.derive("a"), *secret.derive("b"));
        assert_ne!(*secret.derive("a"), *ServerSecret::new("t").derive("a"));
        assert_ne!(mac(b"k", &[b"ab", b"c"]), mac(b"k", &[b"a", b"bc"]));
        assert_eq!(format!("{secret:?}"), "ServerSecret(…)");
    }
}
