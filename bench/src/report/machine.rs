//! What is to be known of the machine beside its figures.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Above this load average before the run, other things were running; `bench/run` refuses to measure then.
const BUSY: f64 = 0.3;

/// More of its time withheld than this, and another guest took it.
const STOLEN: f64 = 0.05;

/// The machine, and how busy it was with other things.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Machine {
    /// The name of its processor.
    pub processor: String,
    /// How many there are.
    pub processors: usize,
    /// Its memory, in MiB.
    pub memory: u64,
    /// The release of its kernel.
    pub kernel: String,
    /// The load average of a minute when the run began.
    pub load: f64,
    /// The part of all processor time that the host withheld during the run.
    pub stolen: f64,
}

impl Machine {
    /// This one, at the beginning of a run.
    #[must_use]
    pub fn look() -> Machine {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let meminfo = read("/proc/meminfo");
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = field(&meminfo, "MemTotal").unwrap_or_default();
        let memory = memory.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0) / 1024;
        Machine {
            processor: field(&cpuinfo, "model name").unwrap_or_else(|| "unknown".to_owned()),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: load_average(),
            stolen: 0.0,
        }
    }

    /// Whether it is of the same type: processor, number of processors, memory to the next GiB.
    #[must_use]
    pub fn is_like(&self, other: &Machine) -> bool {
        self.to_string() == other.to_string()
    }

    /// Whether other things took so much of it that the figures may have suffered.
    #[must_use]
    pub fn is_disturbed(&self) -> bool {
        self.load > BUSY || self.stolen > STOLEN
    }

    /// What else was going on.
    #[must_use]
    pub fn disturbance(&self) -> String {
        let (load, stolen) = (self.load, self.stolen * 100.0);
        format!("load {load:.2} before, {stolen:.1} % of processor time withheld by the host")
    }
}

/// Its type, which says nothing of kernel or load.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { processor, processors, memory, .. } = self;
        write!(f, "{processors} processors ({processor}), {:.0} GiB", *memory as f64 / 1024.0)
    }
}

/// The first of the three load averages.
#[must_use]
pub fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// Processor time since the start of the machine, in ticks.
#[derive(Clone, Copy, Debug)]
pub struct Ticks {
    stolen: u64,
    all: u64,
}

impl Ticks {
    /// Until now.
    #[must_use]
    pub fn now() -> Ticks {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        Ticks { stolen: ticks.get(7).copied().unwrap_or(0), all: ticks.iter().sum() }
    }

    /// The part of all time since then that the host has withheld.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn stolen_since(self) -> f64 {
        let now = Ticks::now();
        (now.stolen - self.stolen) as f64 / (now.all - self.all).max(1) as f64
    }
}
