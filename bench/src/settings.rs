//! How a run measures.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How often and how long.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Settings {
    /// Whether only what fits into five minutes is measured.
    pub quick: bool,
    /// How often each pair is measured.
    pub rounds: usize,
    /// How long each measurement takes.
    pub period: Duration,
    /// How many first runs are timed.
    pub starts: usize,
    /// Whether the largest sizes are measured as well.
    #[serde(default)]
    pub large: bool,
}

impl Settings {
    /// All of everything.
    #[must_use]
    pub const fn full() -> Settings {
        Settings { quick: false, rounds: 7, period: Duration::from_secs(2), starts: 21, large: false }
    }

    /// What fits into five minutes on two processors.
    #[must_use]
    pub const fn quick() -> Settings {
        Settings { quick: true, rounds: 5, period: Duration::from_millis(500), starts: 9, large: false }
    }
}

/// With fewer rounds an interval is no more than the range of the values, in which the median lies with less confidence.
const ENOUGH: usize = 5;

impl Settings {
    /// What stands beside a figure.
    #[must_use]
    pub fn intervals(&self) -> &'static str {
        if self.rounds < ENOUGH {
            "medians with the range of the rounds, which are too few for an interval"
        } else {
            "medians with their 95 % intervals"
        }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { quick, rounds, period, starts, large } = self;
        let quick = if *quick { ", quick" } else { "" };
        let large = if *large { ", with the largest sizes" } else { "" };
        write!(f, "{rounds} rounds of {period:?}, {starts} first runs{quick}{large}")
    }
}

/// Connections of a closed loop.
pub const CONNECTIONS: usize = 16;
