//! Things that are compared are measured in turn, in changing order, so that a machine whose speed changes treats all alike.

use std::io;

/// The two sides of a ratio, round by round: A B, B A, A B, ...
///
/// # Errors
/// The first that fails.
pub fn interleaved<A, B>(
    rounds: usize,
    mut a: impl FnMut() -> io::Result<A>,
    mut b: impl FnMut() -> io::Result<B>,
) -> io::Result<Vec<(A, B)>> {
    let mut pairs = Vec::new();
    for round in 0..rounds {
        pairs.push(if round % 2 == 0 {
            let first = a()?;
            (first, b()?)
        } else {
            let first = b()?;
            (a()?, first)
        });
    }
    Ok(pairs)
}

/// Any number of things, round by round, every other round backwards. `measure` gets the number of the thing; the answer
/// has the rounds of each.
///
/// # Errors
/// The first that fails.
pub fn in_turn<T>(
    rounds: usize,
    things: usize,
    mut measure: impl FnMut(usize) -> io::Result<T>,
) -> io::Result<Vec<Vec<T>>> {
    let mut found: Vec<Vec<T>> = (0..things).map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for place in 0..things {
            let thing = if round % 2 == 0 { place } else { things - 1 - place };
            found[thing].push(measure(thing)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_round_goes_backwards() {
        let mut order = Vec::new();
        let found = in_turn(2, 3, |thing| {
            order.push(thing);
            Ok(thing)
        });
        assert_eq!(order, [0, 1, 2, 2, 1, 0]);
        assert_eq!(found.unwrap(), [[0, 0], [1, 1], [2, 2]]);
    }
}
