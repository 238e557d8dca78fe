//! Random and time-ordered ids.

use crate::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes ids that no other process makes. Not for secrets: take [`secret`] for those.
#[derive(Debug)]
pub struct IdSource {
    clock: Arc<dyn Clock>,
    /// A Weyl sequence with a random start; each step is mixed into 64 well-spread bits.
    state: AtomicU64,
    /// 16 bits that tell this process from others that started in the same state.
    process: u64,
}

impl IdSource {
    /// A source with a random start.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> IdSource {
        let mut seed = [0u8; 16];
        fill_random(&mut seed);
        let (state, process) = seed.split_at(8);
        let number = |bytes: &[u8]| bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        IdSource { clock, state: AtomicU64::new(number(state)), process: number(process) & 0xffff }
    }

    /// 128 bits whose first 48 are the time in milliseconds, so that later ids are greater and stores keep them
    /// together; the rest is spread at random.
    #[must_use]
    pub fn time_ordered(&self) -> u128 {
        let time = u128::from(self.clock.unix_millis() & 0xffff_ffff_ffff);
        time << 80 | u128::from(self.process) << 64 | u128::from(self.random())
    }

    /// `LENGTH` characters of A-Z, a-z and 0-9.
    #[must_use]
    pub fn alphanumeric<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        let mut text = [0; LENGTH];
        for eight in text.chunks_mut(8) {
            // A fraction of one; times 62, its whole part is a character, and the rest is a fraction again. After eight
            // characters the last one is still as likely as any other, to one in sixty thousand.
            let mut fraction = self.random();
            for place in eight {
                let product = u128::from(fraction) * CHARACTERS.len() as u128;
                *place = CHARACTERS[(product >> 64) as usize];
                fraction = product as u64;
            }
        }
        text
    }

    /// 64 bits, well spread.
    #[must_use]
    pub fn random(&self) -> u64 {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut bits = self.state.fetch_add(GOLDEN, Ordering::Relaxed);
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }
}

const CHARACTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `length` characters of A-Z, a-z and 0-9 from the kernel's own source, fit for a key.
#[must_use]
pub fn secret(length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut bytes = [0u8; 64];
    while text.len() < length {
        fill_random(&mut bytes);
        let characters =
            bytes.iter().filter_map(|byte| CHARACTERS.get(usize::from(byte & 63))).copied().map(char::from);
        text.extend(characters.take(length - text.len()));
    }
    text
}

/// A random (version 4) UUID from the kernel's own source.
#[must_use]
pub fn uuid() -> String {
    let mut bytes = [0u8; 16];
    fill_random(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

fn fill_random(bytes: &mut [u8]) {
    // Without its random source the kernel cannot give keys that nobody guesses; nothing sensible is left to do.
    getrandom::fill(bytes).expect("the kernel's random source answers");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TestClock;
    use std::time::Duration;

    #[test]
    fn later_ids_are_greater_and_none_comes_twice() {
        let clock = TestClock::new();
        let ids = IdSource::new(clock.clone());
        let mut seen = std::collections::BTreeSet::new();
        let mut last = 0;
        for _ in 0..100 {
            clock.advance(Duration::from_millis(1));
            let id = ids.time_ordered();
            assert!(id > last);
            last = id;
            assert!(seen.insert(id) && seen.insert(ids.time_ordered()));
        }
    }

    #[test]
    fn texts_have_their_length_and_alphabet() {
        let ids = IdSource::new(TestClock::new());
        for text in [String::from_utf8(ids.alphanumeric::<32>().to_vec()).unwrap(), secret(32)] {
            assert_eq!(text.len(), 32);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
        assert_ne!(secret(64), secret(64));
    }

    #[test]
    fn uuids_have_version_and_variant() {
        let uuid = uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }
}
