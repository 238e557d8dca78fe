//! Where sharding begins to look for an invoker, and in which steps it goes on (scheduler D1).

use std::fmt::{self, Display, Write};

/// Java's `String.hashCode` of a text: the polynomial of its UTF-16 units at 31, in 32 bits that wrap.
#[must_use]
pub fn java_hash(text: impl Display) -> i32 {
    /// Hashes what is written into it, so that no text need be made of what has only a form to be shown in.
    struct Hasher(i32);

    impl Write for Hasher {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let step = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
            self.0 = part.encode_utf16().fold(self.0, step);
            Ok(())
        }
    }

    let mut hasher = Hasher(0);
    // Writing into it cannot fail; a text that cannot be shown is hashed as far as it could.
    let _ = write!(hasher, "{text}");
    hasher.0
}

/// The hash of an action as a namespace invokes it. As in Java the least number has no positive counterpart and stays
/// negative; [`place`] knows.
#[must_use]
pub fn action_hash(namespace: impl Display, action: impl Display) -> i32 {
    (java_hash(namespace) ^ java_hash(action)).wrapping_abs()
}

/// The place of a hash among `count`. Upstream would fail for the negative hash; here it has a place like any other.
///
/// # Panics
/// When there is no place.
#[must_use]
pub fn place(hash: i32, count: usize) -> usize {
    assert!(count > 0, "a place among none");
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    usize::try_from(i64::from(hash).rem_euclid(count)).unwrap_or_default()
}

/// The steps by which `count` places can be walked so that each is met: those that have no factor in common with
/// `count`, nor with a step before (1, 3 and 7 for ten places).
#[must_use]
pub fn step_sizes(count: usize) -> Vec<usize> {
    let mut steps: Vec<usize> = Vec::new();
    for step in 1..=count {
        if gcd(step, count) == 1 && steps.iter().all(|earlier| gcd(*earlier, step) == 1) {
            steps.push(step);
        }
    }
    steps
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d1_the_hash_is_javas() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("a"), 97);
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash("guest/hello"), java_hash(format_args!("{}/{}", "guest", "hello")));
        // It wraps, and what is outside the basic plane counts as two units: 0xD83D * 31 + 0xDE00.
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(java_hash("😀"), 0xD83D * 31 + 0xDE00);
        assert_eq!(java_hash("é"), 0xE9);
    }

    #[test]
    fn d1_the_least_number_stays_negative_and_has_a_place_all_the_same() {
        assert_eq!(action_hash("polygenelubricants", ""), i32::MIN);
        assert_eq!(place(i32::MIN, 10), 2);
        assert_eq!(place(23, 10), 3);
        assert_eq!(action_hash("a", "b"), action_hash("b", "a"));
    }

    #[test]
    fn d1_steps_have_no_common_factor() {
        assert_eq!(step_sizes(10), [1, 3, 7]);
        assert_eq!(step_sizes(1), [1]);
        assert_eq!(step_sizes(2), [1]);
        assert_eq!(step_sizes(5), [1, 2, 3]);
        assert_eq!(step_sizes(12), [1, 5, 7, 11]);
        assert!(step_sizes(0).is_empty());
    }

    #[test]
    fn d1_every_step_meets_every_place() {
        for count in 1..40 {
            for step in step_sizes(count) {
                let mut met = vec![false; count];
                (0..count).for_each(|at| met[at * step % count] = true);
                assert!(met.iter().all(|met| *met), "{step} among {count}");
            }
        }
    }
}
