use crate::ByteSize;
use serde::{Deserialize, Serialize};

/// The limits of one action, complete (ACT-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActionLimits {
    /// How long one run may take, in milliseconds.
    pub timeout: u64,
    /// The memory of one container, in MB.
    pub memory: u64,
    /// How much one activation may log, in MB.
    pub logs: u64,
    /// How many activations one container may run at a time.
    pub concurrency: u32,
    /// How many containers the action may have at a time; `None`: as many as its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
}

/// The least, the usual and the greatest value of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitBounds<T> {
    /// The least value that is allowed.
    pub min: T,
    /// The value of an action that names none.
    pub std: T,
    /// The greatest value that is allowed.
    pub max: T,
}

/// What the platform allows (LIM-01, LIM-02, LIM-04) unless a namespace has limits of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemLimits {
    /// Of an action's time limit, in milliseconds.
    pub timeout: LimitBounds<u64>,
    /// Of an action's memory, in MB.
    pub memory: LimitBounds<u64>,
    /// Of an activation's logs, in MB.
    pub logs: LimitBounds<u64>,
    /// Of the activations in one container at a time.
    pub concurrency: LimitBounds<u32>,
    /// The greatest code, main and image together.
    pub code: ByteSize,
    /// The greatest set of parameters, and of annotations.
    pub parameters: ByteSize,
    /// The greatest payload of an activation, and the greatest result.
    pub payload: ByteSize,
    /// How much is kept of a result that is longer than the payload limit (CLS-12).
    pub truncation: ByteSize,
    /// Activations a namespace may start in a minute (THR-01); `None`: any number.
    pub invocations_per_minute: Option<u32>,
    /// Triggers a namespace may fire in a minute (THR-02); `None`: any number.
    pub fires_per_minute: Option<u32>,
    /// Activations of a namespace in flight, and containers (THR-03); `None`: any number.
    pub concurrent_invocations: Option<u32>,
    /// The greatest number of actions in a sequence.
    pub sequence_length: u32,
}

impl Default for SystemLimits {
    /// Upstream's values, without limits for each minute.
    fn default() -> SystemLimits {
        SystemLimits {
            timeout: LimitBounds { min: 100, std: 60_000, max: 300_000 },
            memory: LimitBounds { min: 128, std: 256, max: 512 },
            logs: LimitBounds { min: 0, std: 10, max: 10 },
            concurrency: LimitBounds { min: 1, std: 1, max: 1 },
            code: ByteSize::mb(48),
            parameters: ByteSize::mb(1),
            payload: ByteSize::mb(1),
            truncation: ByteSize::mb(1),
            invocations_per_minute: None,
            fires_per_minute: None,
            concurrent_invocations: None,
            sequence_length: 50,
        }
    }
}

impl SystemLimits {
    /// The limits of an action that names none.
    #[must_use]
    pub fn standard(&self) -> ActionLimits {
        ActionLimits {
            timeout: self.timeout.std,
            memory: self.memory.std,
            logs: self.logs.std,
            concurrency: self.concurrency.std,
            instances: None,
        }
    }

    /// Checks the limits of an action, in the order in which upstream does.
    ///
    /// # Errors
    /// The first limit that is out of its bounds.
    pub fn check(&self, limits: &ActionLimits) -> Result<(), LimitError> {
        let outside = |value: u64, bounds: LimitBounds<u64>| {
            let too_great = value > bounds.max;
            let bound = if too_great { bounds.max } else { bounds.min };
            (too_great || value < bounds.min).then_some((value, bound))
        };
        let concurrency = LimitBounds {
            min: u64::from(self.concurrency.min),
            std: u64::from(self.concurrency.std),
            max: u64::from(self.concurrency.max),
        };
        if let Some((value, bound)) = outside(limits.timeout, self.timeout) {
            return Err(LimitError::Timeout { value, bound });
        }
        if let Some((value, bound)) = outside(limits.memory, self.memory) {
            return Err(LimitError::Memory { value, bound });
        }
        if let Some((value, bound)) = outside(limits.logs, self.logs) {
            return Err(LimitError::Logs { value, bound });
        }
        if let Some((value, bound)) = outside(u64::from(limits.concurrency), concurrency) {
            return Err(LimitError::Concurrency { value, bound });
        }
        match limits.instances {
            Some(0) => Err(LimitError::TooFewInstances),
            Some(_) | None => Ok(()),
        }
    }
}

/// A limit that is out of its bounds, in the words that clients know (LIM-05 to LIM-08).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitError {
    /// The time limit, in milliseconds.
    Timeout { value: u64, bound: u64 },
    /// The memory, in MB.
    Memory { value: u64, bound: u64 },
    /// The logs, in MB.
    Logs { value: u64, bound: u64 },
    /// The activations in one container at a time.
    Concurrency { value: u64, bound: u64 },
    /// Fewer than one container.
    TooFewInstances,
}

impl std::error::Error for LimitError {}

impl std::fmt::Display for LimitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let relation = |value: u64, bound: u64| if value > bound { "exceeds" } else { "below" };
        match *self {
            LimitError::Timeout { value, bound } => {
                let relation = relation(value, bound);
                write!(
                    f,
                    "duration {value} milliseconds {relation} allowed threshold of {bound} milliseconds"
                )
            }
            LimitError::Memory { value, bound } => {
                write!(f, "memory size {value} MB {} allowed threshold of {bound} MB", relation(value, bound))
            }
            LimitError::Logs { value, bound } => {
                write!(f, "log size {value} MB {} allowed threshold of {bound} MB", relation(value, bound))
            }
            LimitError::Concurrency { value, bound } => {
                write!(f, "concurrency {value} {} allowed threshold of {bound}", relation(value, bound))
            }
            LimitError::TooFewInstances => {
                f.write_str("Action container concurrency must be greater than or equal to 1.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lim_04_the_bounds_are_upstreams() {
        let system = SystemLimits::default();
        let standard = system.standard();
        let expected =
            ActionLimits { timeout: 60_000, memory: 256, logs: 10, concurrency: 1, instances: None };
        assert_eq!(standard, expected);
        assert_eq!(system.check(&standard), Ok(()));
    }

    #[test]
    fn lim_05_lim_06_lim_07_lim_08_texts() {
        let system = SystemLimits::default();
        let text = |change: fn(&mut ActionLimits)| {
            let mut limits = system.standard();
            change(&mut limits);
            system.check(&limits).unwrap_err().to_string()
        };
        let too_long = "duration 300001 milliseconds exceeds allowed threshold of 300000 milliseconds";
        assert_eq!(text(|l| l.timeout = 300_001), too_long);
        assert_eq!(
            text(|l| l.timeout = 99),
            "duration 99 milliseconds below allowed threshold of 100 milliseconds"
        );
        assert_eq!(text(|l| l.memory = 513), "memory size 513 MB exceeds allowed threshold of 512 MB");
        assert_eq!(text(|l| l.logs = 11), "log size 11 MB exceeds allowed threshold of 10 MB");
        assert_eq!(text(|l| l.concurrency = 0), "concurrency 0 below allowed threshold of 1");
        let few = "Action container concurrency must be greater than or equal to 1.";
        assert_eq!(text(|l| l.instances = Some(0)), few);
    }
}
