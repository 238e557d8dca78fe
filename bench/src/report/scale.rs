//! From values to places along an axis, and where its ticks are.

/// About how many ticks a linear axis has.
const TICKS: f64 = 5.0;

/// How many pixels a tick of a logarithmic axis must have on average for there to be ticks at 2 and 5 as well.
const ROOM: f64 = 28.0;

/// The most powers of ten that get a tick each.
const MOST_DECADES: i32 = 7;

/// Where a value stands along an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
    /// Between the ticks of a linear axis.
    step: Option<f64>,
}

impl Scale {
    /// An axis from `start` to `end` that holds all the values and ends at ticks. Logarithmic only if all values allow it:
    /// rather another axis than one that leaves values out.
    pub(super) fn of(values: &[f64], logarithmic: bool, (start, end): (f64, f64)) -> Scale {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) =
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        if logarithmic && low > 0.0 {
            let (low, high) = round_powers(low, high);
            return Scale { low, high, start, end, step: None };
        }
        let (low, high, step) = round_steps(low, high);
        Scale { low, high, start, end, step: Some(step) }
    }

    /// The place of a value; one beyond an end is at that end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.step.is_none() {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// Whether a value is between the ends.
    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The values at which there are ticks, ascending.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if let Some(step) = self.step {
            let count = ((self.high - self.low) / step).round() as i32;
            return (0..=count).map(|number| tidy(self.low + f64::from(number) * step, step)).collect();
        }
        let decades = (self.high / self.low).log10();
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let stride = (last - first).div_euclid(MOST_DECADES) + 1;
        let mantissas: &[f64] =
            if (self.end - self.start).abs() >= 3.0 * decades * ROOM { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let powers = (first..=last).filter(|power| power.rem_euclid(stride) == 0);
        let all = powers.flat_map(|power| mantissas.iter().map(move |mantissa| of_power(*mantissa, power)));
        all.filter(|tick| *tick >= self.low * 0.999_999 && *tick <= self.high * 1.000_001).collect()
    }
}

/// How a tick is written: `1.5k`, `0.002`.
pub(super) fn label(value: f64) -> String {
    let size = value.abs();
    let (value, suffix) = match size {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = if value == 0.0 { 0 } else { (2.0 - value.abs().log10().floor()).max(0.0) as usize };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}

/// A round step for about `TICKS` of them.
fn step(low: f64, high: f64) -> f64 {
    let rough = (high - low) / TICKS;
    let power = rough.log10().floor() as i32;
    let steps = [1.0, 2.0, 5.0, 10.0].map(|mantissa| of_power(mantissa, power));
    steps.into_iter().find(|step| *step >= rough * 0.999_999).unwrap_or(rough)
}

/// Ends of a linear axis, and the step of its ticks. It begins at zero unless there is something below: a line above a cut axis looks steeper than it is.
fn round_steps(low: f64, high: f64) -> (f64, f64, f64) {
    let (low, high) = (low.min(0.0), high.max(0.0));
    let high = if low == high { 1.0 } else { high };
    let step = step(low, high);
    ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step, step)
}

/// Ends of a logarithmic axis: one, two or five times a power of ten.
fn round_powers(low: f64, high: f64) -> (f64, f64) {
    let (low, high) = if high / low < 1.2 { (low / 1.2, high * 1.2) } else { (low, high) };
    let around = |value: f64| {
        let power = value.log10().floor() as i32;
        (power - 1..=power + 1).flat_map(|power| [1.0, 2.0, 5.0].map(|mantissa| of_power(mantissa, power)))
    };
    let below = around(low).filter(|round| *round <= low * 1.000_001).fold(0.0, f64::max);
    let above = around(high).filter(|round| *round >= high * 0.999_999).fold(f64::INFINITY, f64::min);
    (below, above)
}

/// Negative powers by division, which gives the number that one would write.
fn of_power(mantissa: f64, power: i32) -> f64 {
    if power < 0 { mantissa / 10_f64.powi(-power) } else { mantissa * 10_f64.powi(power) }
}

/// Without what adding steps leaves of a zero.
fn tidy(value: f64, step: f64) -> f64 {
    if value.abs() < step * 1e-6 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(values: &[f64], logarithmic: bool) -> Vec<String> {
        Scale::of(values, logarithmic, (0.0, 200.0)).ticks().into_iter().map(label).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_all_values() {
        assert_eq!(ticks(&[3.0, 94.0], false), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(ticks(&[-0.3, 0.7], false), ["-0.4", "-0.2", "0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(ticks(&[11_000.0, 4_000.0], false), ["0", "5k", "10k", "15k"]);
        assert_eq!(ticks(&[1.0, 100.0], true), ["1", "2", "5", "10", "20", "50", "100"]);
        assert_eq!(ticks(&[1.0, 10_000.0], true), ["1", "10", "100", "1k", "10k"]);
        assert_eq!(ticks(&[0.0018, 0.0042], true), ["0.001", "0.002", "0.005"]);
    }

    #[test]
    fn many_powers_of_ten_do_not_crowd_the_axis() {
        let many = ticks(&[1e-9, 1e9], true);
        assert!((4..=8).contains(&many.len()), "{many:?}");
    }

    #[test]
    fn values_are_placed_in_proportion() {
        let linear = Scale::of(&[0.0, 100.0], false, (10.0, 210.0));
        assert!((linear.at(25.0) - 60.0).abs() < 1e-9);
        let powers = Scale::of(&[1.0, 100.0], true, (200.0, 0.0));
        assert!((powers.at(10.0) - 100.0).abs() < 1e-9, "the middle power is in the middle");
        assert!((powers.at(-5.0) - 200.0).abs() < 1e-9, "what is beyond stays at the end");
        assert!(powers.holds(100.0) && !powers.holds(101.0));
    }

    #[test]
    fn an_axis_without_spread_or_values_can_still_be_drawn() {
        for values in [&[][..], &[0.0], &[7.0], &[f64::NAN], &[f64::INFINITY, 2.0]] {
            for logarithmic in [false, true] {
                let scale = Scale::of(values, logarithmic, (0.0, 200.0));
                let ticks = scale.ticks();
                assert!(ticks.len() >= 2 && ticks.is_sorted(), "{values:?}: {ticks:?}");
                assert!(values.iter().all(|value| !value.is_finite() || scale.holds(*value)), "{values:?}");
            }
        }
    }

    #[test]
    fn a_logarithmic_axis_with_a_zero_becomes_linear() {
        assert_eq!(ticks(&[0.0, 100.0], true), ticks(&[0.0, 100.0], false));
    }
}
