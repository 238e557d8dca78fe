use base::config::Checks;
use std::time::Duration;
use types::{ByteSize, LimitBounds, SystemLimits, UserLimits};

base::config_section! {
    /// What actions and namespaces may use, unless a namespace has limits of its own.
    pub struct Limits {
        /// How long one run may take.
        pub timeout: Timeout = Timeout::default(),
        /// The memory of one container.
        pub memory: Memory = Memory::default(),
        /// How much one activation may log.
        pub logs: Logs = Logs::default(),
        /// How many activations one container may run at a time.
        pub concurrency: Concurrency = Concurrency::default(),
        /// The greatest code of an action.
        pub code: ByteSize as "size such as \"64 MB\"" = SystemLimits::default().code,
        /// The greatest set of parameters, and of annotations.
        pub parameters: ByteSize as "size such as \"64 MB\"" = SystemLimits::default().parameters,
        /// The greatest payload of an activation, and the greatest result.
        pub payload: ByteSize as "size such as \"64 MB\"" = SystemLimits::default().payload,
        /// How much is kept of a result that is greater than `payload`.
        pub truncation: ByteSize as "size such as \"64 MB\"" = SystemLimits::default().truncation,
        /// Activations that a namespace may start in a minute. Not set: any number.
        pub invocations_per_minute: Option<u32> = SystemLimits::default().invocations_per_minute,
        /// Triggers that a namespace may fire in a minute. Not set: any number.
        pub fires_per_minute: Option<u32> = SystemLimits::default().fires_per_minute,
        /// Activations of a namespace in flight, and containers. Not set: any number.
        pub concurrent_invocations: Option<u32> = SystemLimits::default().concurrent_invocations,
        /// The greatest number of actions in a sequence.
        pub sequence_length: u32 = SystemLimits::default().sequence_length,
        /// What a namespace may use that has no limits of its own, inside of the limits above.
        pub namespace_defaults: NamespaceDefaults = NamespaceDefaults::default(),
    }
}

base::config_section! {
    /// What a namespace may use that has no limits of its own, inside of those of the platform. What is not set is as
    /// the platform has it.
    pub struct NamespaceDefaults {
        /// The shortest time limit of an action, in milliseconds.
        pub min_action_timeout: Option<u64> = None,
        /// The longest time limit of an action, in milliseconds.
        pub max_action_timeout: Option<u64> = None,
        /// The least memory of an action, in MB.
        pub min_action_memory: Option<u64> = None,
        /// The most memory of an action, in MB.
        pub max_action_memory: Option<u64> = None,
        /// The least logs of an activation, in MB.
        pub min_action_logs: Option<u64> = None,
        /// The most logs of an activation, in MB.
        pub max_action_logs: Option<u64> = None,
        /// The fewest activations in a container at a time.
        pub min_action_concurrency: Option<u32> = None,
        /// The most activations in a container at a time.
        pub max_action_concurrency: Option<u32> = None,
        /// The greatest set of parameters, and of annotations, in bytes.
        pub max_parameter_size: Option<u64> = None,
        /// The greatest payload of an activation, in bytes.
        pub max_payload_size: Option<u64> = None,
    }
}

impl NamespaceDefaults {
    /// The same as the limits of a namespace.
    #[must_use]
    pub fn to_limits(&self) -> UserLimits {
        UserLimits {
            min_action_timeout: self.min_action_timeout,
            max_action_timeout: self.max_action_timeout,
            min_action_memory: self.min_action_memory,
            max_action_memory: self.max_action_memory,
            min_action_logs: self.min_action_logs,
            max_action_logs: self.max_action_logs,
            min_action_concurrency: self.min_action_concurrency,
            max_action_concurrency: self.max_action_concurrency,
            max_parameter_size: self.max_parameter_size.map(ByteSize::bytes),
            max_payload_size: self.max_payload_size.map(ByteSize::bytes),
            ..UserLimits::default()
        }
    }
}

base::config_section! {
    /// How long one run may take.
    pub struct Timeout {
        /// The least that an action may ask for.
        pub min: Duration = Duration::from_millis(SystemLimits::default().timeout.min),
        /// What an action has that asks for none.
        pub std: Duration = Duration::from_millis(SystemLimits::default().timeout.std),
        /// The most that an action may ask for.
        pub max: Duration = Duration::from_millis(SystemLimits::default().timeout.max),
    }
    check: Timeout::check
}

base::config_section! {
    /// The memory of one container, in whole MB.
    pub struct Memory {
        /// The least that an action may ask for.
        pub min: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(SystemLimits::default().memory.min),
        /// What an action has that asks for none.
        pub std: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(SystemLimits::default().memory.std),
        /// The most that an action may ask for.
        pub max: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(SystemLimits::default().memory.max),
    }
    check: Memory::check
}

base::config_section! {
    /// How much one activation may log, in whole MB.
    pub struct Logs {
        /// The least that an action may ask for.
        pub min: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(SystemLimits::default().logs.min),
        /// What an action has that asks for none.
        pub std: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(SystemLimits::default().logs.std),
        /// The most that an action may ask for.
        pub max: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(SystemLimits::default().logs.max),
    }
    check: Logs::check
}

base::config_section! {
    /// How many activations one container may run at a time. Kinds of Node.js and Python do; others run one, whatever an
    /// action asks for.
    pub struct Concurrency {
        /// The least that an action may ask for.
        pub min: u32 = SystemLimits::default().concurrency.min,
        /// What an action has that asks for none.
        pub std: u32 = SystemLimits::default().concurrency.std,
        /// The most that an action may ask for.
        pub max: u32 = SystemLimits::default().concurrency.max,
    }
    check: Concurrency::check
}

impl Limits {
    /// What the platform allows, as the other crates know it.
    #[must_use]
    pub fn to_system(&self) -> SystemLimits {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let Timeout { min, std, max } = self.timeout;
        let timeout = LimitBounds { min: millis(min), std: millis(std), max: millis(max) };
        let Memory { min, std, max } = self.memory;
        let memory = LimitBounds { min: min.as_mb(), std: std.as_mb(), max: max.as_mb() };
        let Logs { min, std, max } = self.logs;
        let logs = LimitBounds { min: min.as_mb(), std: std.as_mb(), max: max.as_mb() };
        let Concurrency { min, std, max } = self.concurrency;
        SystemLimits {
            timeout,
            memory,
            logs,
            concurrency: LimitBounds { min, std, max },
            code: self.code,
            parameters: self.parameters,
            payload: self.payload,
            truncation: self.truncation,
            invocations_per_minute: self.invocations_per_minute,
            fires_per_minute: self.fires_per_minute,
            concurrent_invocations: self.concurrent_invocations,
            sequence_length: self.sequence_length,
        }
    }
}

impl Timeout {
    fn check(&self, checks: &mut Checks<'_>) {
        check_order(checks, [self.min, self.std, self.max]);
    }
}

impl Memory {
    fn check(&self, checks: &mut Checks<'_>) {
        check_order(checks, [self.min, self.std, self.max]);
        check_whole_mb(checks, [self.min, self.std, self.max]);
        checks.require(self.min >= ByteSize::mb(1), "min", "at least 1 MB");
    }
}

impl Logs {
    fn check(&self, checks: &mut Checks<'_>) {
        check_order(checks, [self.min, self.std, self.max]);
        check_whole_mb(checks, [self.min, self.std, self.max]);
    }
}

impl Concurrency {
    fn check(&self, checks: &mut Checks<'_>) {
        check_order(checks, [self.min, self.std, self.max]);
        checks.require(self.min > 0, "min", "at least 1");
    }
}

fn check_order<T: PartialOrd>(checks: &mut Checks<'_>, [min, std, max]: [T; 3]) {
    checks.require(min <= std, "min", "at most `std`");
    checks.require(std <= max, "std", "at most `max`");
}

/// The REST API knows these limits in whole MB.
fn check_whole_mb(checks: &mut Checks<'_>, sizes: [ByteSize; 3]) {
    for (name, size) in ["min", "std", "max"].into_iter().zip(sizes) {
        checks.require(size == ByteSize::mb(size.as_mb()), name, "a whole number of MB");
    }
}
