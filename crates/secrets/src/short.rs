use crate::ServerSecret;
use crate::derive::mac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use subtle::ConstantTimeEq;
use types::{ActivationId, Identity};
use zeroize::Zeroizing;

/// What every short-lived key begins with: `sl--` in base64. A lasting key is letters and digits only.
const MARK: &[u8] = &[0xb2, 0x5f, 0xbe];
/// The bytes of the time at which it ends, in seconds since 1970.
const TIME: usize = 5;
/// The bytes of the activation's id.
const ACTIVATION: usize = 16;
/// The bytes that are kept of the code that makes it genuine.
const CODE: usize = 24;
/// All of them, which base64 makes 64 characters: the length of any key (AUTH-01).
const LENGTH: usize = MARK.len() + TIME + ACTIVATION + CODE;

/// Makes keys that are good for one activation, and recognises them without a look into any store: they carry the time at
/// which they end and a code (HMAC-SHA256) that only this server can make.
#[derive(Clone)]
pub struct ShortKeys(Zeroizing<[u8; 32]>);

/// In whose name a short-lived key is good. It is so only as long as the lasting key is that it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The subject.
    pub subject: &'a str,
    /// The uuid half of its key.
    pub uuid: &'a str,
    /// The stamp of the other half.
    pub stamp: &'a str,
}

impl<'a> Holder<'a> {
    /// Whoever invoked something.
    #[must_use]
    pub fn of(identity: &'a Identity) -> Holder<'a> {
        let (subject, uuid) = (identity.subject.as_str(), &*identity.namespace.uuid);
        Holder { subject, uuid, stamp: &identity.key.stamp }
    }
}

impl ShortKeys {
    /// Those of a server.
    #[must_use]
    pub fn new(server: &ServerSecret) -> ShortKeys {
        ShortKeys(server.derive("keys for one activation"))
    }

    /// The secret half of a key that is good until `expires`, in milliseconds since 1970.
    #[must_use]
    pub fn mint(&self, holder: &Holder<'_>, activation: ActivationId, expires: u64) -> String {
        let time = expires.div_ceil(1000).to_be_bytes();
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(MARK);
        bytes.extend_from_slice(&time[time.len() - TIME..]);
        bytes.extend_from_slice(&activation.bits().to_be_bytes());
        bytes.extend_from_slice(&self.code(holder, &bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Until when that key is good, in milliseconds since 1970; `None`: it is not one of the holder's, or no longer good.
    #[must_use]
    pub fn good_until(&self, holder: &Holder<'_>, key: &str, now: u64) -> Option<u64> {
        let bytes = URL_SAFE_NO_PAD.decode(key).ok()?;
        let (said, code) = bytes.split_at_checked(LENGTH - CODE)?;
        let time = said.strip_prefix(MARK)?.get(..TIME)?;
        let genuine: bool = self.code(holder, said).ct_eq(code).into();
        let expires = time.iter().fold(0u64, |time, byte| time << 8 | u64::from(*byte)) * 1000;
        (genuine && now < expires).then_some(expires)
    }

    fn code(&self, holder: &Holder<'_>, said: &[u8]) -> [u8; CODE] {
        let Holder { subject, uuid, stamp } = holder;
        let whole = mac(&*self.0, &[said, subject.as_bytes(), uuid.as_bytes(), stamp.as_bytes()]);
        let mut code = [0; CODE];
        code.copy_from_slice(&whole[..CODE]);
        code
    }
}

impl fmt::Debug for ShortKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShortKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::AuthKey;

    const NOW: u64 = 1_700_000_000_000;
    const UUID: &str = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502";
    const HOLDER: Holder<'_> = Holder { subject: "guest", uuid: UUID, stamp: "s1" };

    fn keys() -> ShortKeys {
        ShortKeys::new(&ServerSecret::new("server"))
    }

    fn id() -> ActivationId {
        ActivationId::from_bits(7)
    }

    #[test]
    fn run_22_a_short_lived_key_has_the_form_of_any_key() {
        let key = keys().mint(&HOLDER, id(), NOW);
        assert_eq!(key.len(), 64);
        assert!(key.starts_with("sl--"), "{key}");
        assert!(AuthKey::parse(&format!("{UUID}:{key}")).is_some());
    }

    #[test]
    fn run_22_it_is_good_until_its_end_and_for_its_holder_only() {
        let key = keys().mint(&HOLDER, id(), NOW + 5_000);
        assert_eq!(keys().good_until(&HOLDER, &key, NOW), Some(NOW + 5_000));
        assert_eq!(keys().good_until(&HOLDER, &key, NOW + 4_999), Some(NOW + 5_000));
        assert_eq!(keys().good_until(&HOLDER, &key, NOW + 5_000), None);
        for other in [
            Holder { subject: "other", ..HOLDER },
            Holder { uuid: "23bc46b1-71f6-4ed5-8c54-816aa4f8c503", ..HOLDER },
            // Its lasting key was revoked.
            Holder { stamp: "s2", ..HOLDER },
        ] {
            assert_eq!(keys().good_until(&other, &key, NOW), None);
        }
        assert_eq!(ShortKeys::new(&ServerSecret::new("another")).good_until(&HOLDER, &key, NOW), None);
    }

    #[test]
    fn a_changed_key_is_not_genuine() {
        let key = keys().mint(&HOLDER, id(), NOW + 5_000);
        for at in 0..key.len() {
            let mut changed = key.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(keys().good_until(&HOLDER, &changed, NOW), None, "{at}");
        }
        for bad in ["", "x", &"k".repeat(64), &key[..60]] {
            assert_eq!(keys().good_until(&HOLDER, bad, NOW), None);
        }
    }
}
