use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// A secret that somebody must show, kept as its hash.
///
/// A plain SHA-256 is right for it: the secret is random and long, so that trying is hopeless however fast each try is,
/// and a slow hash would only make every request of the operator slow.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential([u8; 32]);

impl Credential {
    /// The fewest characters that a secret may have which a person chose.
    pub const LEAST: usize = 32;

    /// The credential that this secret fits.
    #[must_use]
    pub fn new(secret: &str) -> Credential {
        Credential(Sha256::digest(secret.as_bytes()).into())
    }

    /// Whether this is the secret; how long the answer takes tells nothing of it.
    #[must_use]
    pub fn fits(&self, secret: &[u8]) -> bool {
        let shown: [u8; 32] = Sha256::digest(secret).into();
        self.0.ct_eq(&shown).into()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_fits_and_none_is_shown() {
        let credential = Credential::new("open sesame");
        assert!(credential.fits(b"open sesame"));
        for wrong in ["open sesam", "open sesame ", "", "Open sesame"] {
            assert!(!credential.fits(wrong.as_bytes()), "{wrong}");
        }
        assert_eq!(format!("{credential:?}"), "Credential(…)");
    }
}
