use types::{Keeping, StoreLevel};

base::config_choice! {
    /// Which records are kept.
    pub enum Level {
        /// All.
        Always = "always",
        /// Those of failures.
        Failures = "failures",
        /// Those of failures that the action did not report itself.
        NotApplicationErrors = "failures-not-application-errors",
    }
}

base::config_section! {
    /// The records of activations. What is not kept is not in lists either, and asking for it is answered with 404.
    pub struct Activations {
        /// Which records are kept of blocking calls that were answered with how they ended: `always`, `failures`, or
        /// `failures-not-application-errors`.
        pub blocking_level: Level = Level::Always,
        /// The same for all others. With another level than `always` a client that was given an id may not find its
        /// record; it ended well then.
        pub non_blocking_level: Level = Level::Always,
        /// Whether the records of blocking calls that ended well are not kept, whatever `blocking_level` says.
        pub disable_store_result: bool = false,
        /// Whether a request with the header `X-OW-EXTRA-LOGGING: on` is logged in detail, and the records of its
        /// activations are kept whatever the levels say.
        pub extra_logging: bool = false,
    }
}

impl Activations {
    /// Which records are kept, as the roles know it.
    #[must_use]
    pub fn to_keeping(&self) -> Keeping {
        let level = |level| match level {
            Level::Always => StoreLevel::Always,
            Level::Failures => StoreLevel::Failures,
            Level::NotApplicationErrors => StoreLevel::FailuresNotApplicationErrors,
        };
        let blocking = match level(self.blocking_level) {
            StoreLevel::Always if self.disable_store_result => StoreLevel::Failures,
            level => level,
        };
        Keeping { blocking, non_blocking: level(self.non_blocking_level) }
    }
}
