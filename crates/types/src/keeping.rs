use crate::StatusCode;

/// Which records are kept, of those that were waited for or of the others (ATV-22).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreLevel {
    /// All.
    #[default]
    Always,
    /// Those of failures.
    Failures,
    /// Those of failures that the action did not report itself.
    FailuresNotApplicationErrors,
}

/// Which records of activations are kept (ATV-22).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Of activations whose client was answered with how they ended.
    pub blocking: StoreLevel,
    /// Of all others.
    pub non_blocking: StoreLevel,
}

impl Keeping {
    /// Whether the record of an activation that ended so is kept. `anyway`: its request asked for that (HTTP-12).
    #[must_use]
    pub fn keeps(&self, blocking: bool, status: StatusCode, anyway: bool) -> bool {
        let level = if blocking { self.blocking } else { self.non_blocking };
        anyway
            || match level {
                StoreLevel::Always => true,
                StoreLevel::Failures => status != StatusCode::Success,
                StoreLevel::FailuresNotApplicationErrors => status >= StatusCode::DeveloperError,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StatusCode::{ApplicationError, DeveloperError, Success, WhiskError};

    #[test]
    fn atv_22_levels_say_what_is_kept() {
        let kept = |level: StoreLevel| {
            let keeping = Keeping { blocking: level, non_blocking: StoreLevel::Always };
            [Success, ApplicationError, DeveloperError, WhiskError]
                .map(|status| keeping.keeps(true, status, false))
        };
        assert_eq!(kept(StoreLevel::Always), [true; 4]);
        assert_eq!(kept(StoreLevel::Failures), [false, true, true, true]);
        assert_eq!(kept(StoreLevel::FailuresNotApplicationErrors), [false, false, true, true]);
        let keeping = Keeping { blocking: StoreLevel::Failures, non_blocking: StoreLevel::Always };
        assert!(keeping.keeps(false, Success, false), "nobody waited");
        assert!(keeping.keeps(true, Success, true), "it was asked for");
    }
}
