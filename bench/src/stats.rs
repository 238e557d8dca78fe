//! Medians and how sure they are.

use serde::{Deserialize, Serialize};

/// How often the rounds are drawn again for the interval.
const RESAMPLES: usize = 2000;

/// The middle of some values; of an even number, the mean of both in the middle.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "no values");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The value below which that share of the values lies.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn percentile(sorted: &[u64], share: f64) -> f64 {
    assert!(!sorted.is_empty(), "no values");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index, and nanoseconds far below 2^52"
    )]
    let value = sorted[((sorted.len() - 1) as f64 * share).round() as usize] as f64;
    value
}

/// The median of some rounds, with the interval in which it lies with 95 % confidence (bootstrap).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Estimate {
    /// From one value for each round.
    #[must_use]
    pub fn of(rounds: &[f64]) -> Estimate {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % rounds.len() as u64).unwrap_or(0)
        };
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .map(|_| median(&(0..rounds.len()).map(|_| rounds[draw()]).collect::<Vec<_>>()))
            .collect();
        medians.sort_by(f64::total_cmp);
        Estimate {
            median: median(rounds),
            low: medians[RESAMPLES * 25 / 1000],
            high: medians[RESAMPLES * 975 / 1000],
        }
    }

    /// The quotients of two measurements that were made round by round.
    #[must_use]
    pub fn of_ratio(above: &[f64], below: &[f64]) -> Estimate {
        Estimate::of(&above.iter().zip(below).map(|(a, b)| a / b).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_median_and_grows_with_the_spread() {
        let narrow = Estimate::of(&[1.0, 1.01, 0.99, 1.0, 1.02]);
        let wide = Estimate::of(&[0.5, 1.5, 1.0, 0.7, 1.3]);
        assert!(narrow.low <= narrow.median && narrow.median <= narrow.high);
        assert!(wide.high - wide.low > narrow.high - narrow.low);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine was half as fast in the second round; the ratio does not mind.
        let ratio = Estimate::of_ratio(&[100.0, 50.0], &[200.0, 100.0]);
        assert!((ratio.median - 0.5).abs() < 1e-9 && (ratio.high - ratio.low) < 1e-9);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        assert!((percentile(&[1, 2, 3, 4, 100], 0.5) - 3.0).abs() < 1e-9);
        assert!((percentile(&[1, 2, 3, 4, 100], 0.99) - 100.0).abs() < 1e-9);
    }
}
