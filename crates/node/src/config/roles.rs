use base::config::Checks;
use engine::arbiter::ArbiterConfig;
use engine::queue::{QueueConfig, decide};
use engine::{balance, creation, feed, pool, proxy};
use std::time::Duration;
use types::{ByteSize, ContainerId, Keeping, SystemLimits};

base::config_section! {
    /// The REST API.
    pub struct Controller {
        /// Who decides what runs where. `pull`: each action has a queue, and containers pull from it. The others are Apache
        /// OpenWhisk's older designs, for comparison. `sharding`: an activation is pushed at the invoker that a hash of its
        /// action names, or at the next one with room (see `invoker.instances`). `lean`: everything goes to one invoker.
        /// With both, what an invoker has no room for waits in one line for all actions.
        pub balancer: Balancer = Balancer::Pull,
        /// With `sharding`: which part of the invokers, the first ones, runs actions of the runtimes that are offered.
        pub managed_fraction: f64 = balance::Config::default().managed_fraction,
        /// With `sharding`: which part of the invokers, the last ones, runs actions with images of their own. It is never
        /// less than what `managed_fraction` leaves.
        pub blackbox_fraction: f64 = balance::Config::default().blackbox_fraction,
        /// How long a blocking invocation waits for its result before it is answered with the activation id alone.
        pub max_wait: Duration = controller::Config::default().max_wait,
        /// What a blocking invocation is answered whose wait is over, unless its query parameter `on_timeout` says
        /// otherwise. `202`: the activation id, as Apache OpenWhisk does. `504`: an error that names the activation.
        pub on_timeout: OnTimeout = OnTimeout::Accepted,
        /// The header that carries the id of a request.
        pub transaction_header: http::HeaderName as "name of a header"
            = controller::Config::default().transaction_header,
        /// The kinds that may be created by namespaces without a list of their own. Not set: all that there are.
        pub allowed_kinds: Option<Vec<String>> = controller::Config::default().allowed_kinds,
        /// Whether a new action gets the annotation `provide-api-key: false`, so that it is run without its caller's key.
        pub withhold_api_key: bool = controller::Config::default().withhold_api_key,
        /// Whether actions of packages of others can only be invoked, and not read.
        pub execute_only: bool = controller::Config::default().execute_only,
        /// Whether the answers to PUT and DELETE carry the entity.
        pub response_payload: bool = controller::Config::default().response_payload,
        /// For how long an identity is used before it is read again.
        pub identity_cache: Duration = controller::Config::default().identity_cache,
        /// Hosts whose subdomains are namespaces, such as `["oxi.example"]`: `https://NAMESPACE.oxi.example/PACKAGE/ACTION`
        /// then calls a web action of that namespace, and nothing else is served there.
        pub vanity_hosts: Vec<String> = controller::Config::default().vanity_hosts,
    }
    check: Controller::check
}

base::config_choice! {
    /// Who decides what runs where.
    pub enum Balancer {
        /// Containers pull from a queue of their action.
        Pull = "pull",
        /// Activations are pushed at invokers by a hash.
        Sharding = "sharding",
        /// Everything goes to one invoker.
        Lean = "lean",
    }
}

base::config_choice! {
    /// What a blocking invocation is answered whose wait is over.
    pub enum OnTimeout {
        /// The activation id.
        Accepted = "202",
        /// An error.
        GatewayTimeout = "504",
    }
}

base::config_choice! {
    /// When containers are added.
    pub enum Rules {
        /// When the predicted wait is worth one.
        Predictive = "predictive",
        /// As Apache OpenWhisk does.
        Upstream = "upstream",
    }
}

base::config_section! {
    /// The queues of activations. Each action has one for each namespace that invokes it.
    pub struct Scheduler {
        /// `predictive`: containers are added when the predicted wait is worth one. `upstream`: as Apache OpenWhisk
        /// does, for comparison.
        pub rules: Rules = Rules::Predictive,
        /// How many activations may wait in one queue. At that many, new ones are refused with 429.
        pub max_waiting: usize = QueueConfig::default().max_waiting,
        /// How many bytes the waiting activations of one queue may hold. At that many, new ones are refused with 429.
        pub max_waiting_bytes: ByteSize as "size such as \"64 MB\""
            = ByteSize::bytes(QueueConfig::default().max_waiting_bytes),
        /// How long an activation may wait for a container before it ends with an error.
        pub retention: Duration = QueueConfig::default().retention,
        /// The same for actions with an image of their own.
        pub blackbox_retention: Duration = QueueConfig::default().blackbox_retention,
        /// How often an activation is handed to a container before it ends with an error. One that has begun to run is
        /// not handed out again.
        pub max_attempts: u32 = QueueConfig::default().max_attempts,
        /// How long a container may have nothing to do, while the others of its action suffice, before its memory can
        /// go to another action.
        pub surplus_after: Duration = QueueConfig::default().surplus_after,
        /// How long an empty queue without containers is kept.
        pub retire_after: Duration = QueueConfig::default().retire_after,
    }
    check: Scheduler::check
}

base::config_section! {
    /// The containers of a machine.
    pub struct Invoker {
        /// The memory of all containers together, those included that wait for work. 0: half of the machine's.
        pub memory: ByteSize as "size such as \"64 MB\"" = ByteSize::bytes(0),
        /// How many invokers this process has. They divide the memory evenly, and each has containers of its own, those
        /// included that are made before anybody asks. More than one is for `controller.balancer = "sharding"`, and for
        /// comparing others with that.
        pub instances: u32 = 1,
        /// After so long without work a container's memory may go to another action, or after as long as its start took
        /// where that is shorter.
        pub rest_grace: Duration = proxy::Config::default().rest_grace,
        /// After so long without work a container is paused.
        pub pause_grace: Duration = proxy::Config::default().pause_grace,
        /// After so long in pause a container is removed.
        pub idle_container: Duration = proxy::Config::default().idle_container,
        /// How many containers may be starting at a time, of each invoker: being made, or having their code loaded for
        /// not longer than 100 ms. Further ones wait, and actions take turns, so that neither what runs nor the first
        /// start of another action waits for them all. 0: twice the machine's processors.
        pub concurrent_starts: usize = 0,
        /// Whether a pre-started container with more memory than is asked for may be used.
        pub promotion: bool = pool::Config::default().promotion,
        /// How long after one pre-started container was taken the next one is begun.
        pub stem_cell_delay: Duration = pool::Config::default().stem_cell_delay,
        /// How often the number of pre-started containers is fitted to demand.
        pub check_interval: Duration = pool::Config::default().check_interval,
        /// Whether the answer to a blocking call waits until its record is on the disk. `false`: a power cut can take the
        /// records of the last moments (see `store.embedded.sync_interval`) whose answers are out already. The end of the
        /// process alone takes none either way, and a 202 always waits until its activation is on the disk.
        pub durable_answers: bool = true,
    }
    check: Invoker::check
}

impl Controller {
    /// The role's own form.
    #[must_use]
    pub fn to_role(&self, limits: SystemLimits) -> controller::Config {
        controller::Config {
            limits,
            max_wait: self.max_wait,
            wait_over: match self.on_timeout {
                OnTimeout::Accepted => controller::WaitOver::Accepted,
                OnTimeout::GatewayTimeout => controller::WaitOver::GatewayTimeout,
            },
            transaction_header: self.transaction_header.clone(),
            allowed_kinds: self.allowed_kinds.clone(),
            withhold_api_key: self.withhold_api_key,
            execute_only: self.execute_only,
            response_payload: self.response_payload,
            identity_cache: self.identity_cache,
            vanity_hosts: self.vanity_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            ..controller::Config::default()
        }
    }

    /// How `sharding` shares the invokers out.
    #[must_use]
    pub fn to_balance(&self, limits: &SystemLimits) -> balance::Config {
        balance::Config {
            managed_fraction: self.managed_fraction,
            blackbox_fraction: self.blackbox_fraction,
            controllers: 1,
            least_memory: limits.memory.min,
        }
    }

    fn check(&self, checks: &mut Checks<'_>) {
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let are_hosts = self.vanity_hosts.iter().all(|host| host.split('.').all(is_label));
        checks.require(are_hosts, "vanity_hosts", "names of hosts, without scheme and port");
        let is_part = |part: f64| (0.0..=1.0).contains(&part);
        checks.require(is_part(self.managed_fraction), "managed_fraction", "from 0 to 1");
        checks.require(is_part(self.blackbox_fraction), "blackbox_fraction", "from 0 to 1");
    }
}

impl Scheduler {
    /// The role's own form.
    #[must_use]
    pub fn to_role(&self, namespace_containers: Option<u32>) -> scheduler::Config {
        let rules = match self.rules {
            Rules::Predictive => decide::Rules::Predictive(decide::PredictiveRules::default()),
            Rules::Upstream => decide::Rules::Upstream(decide::UpstreamRules::default()),
        };
        let queue = QueueConfig {
            rules,
            max_waiting: self.max_waiting,
            max_waiting_bytes: self.max_waiting_bytes.as_bytes(),
            retention: self.retention,
            blackbox_retention: self.blackbox_retention,
            max_attempts: self.max_attempts,
            surplus_after: self.surplus_after,
            retire_after: self.retire_after,
            ..QueueConfig::default()
        };
        scheduler::Config {
            queue,
            arbiter: ArbiterConfig::default(),
            creation: creation::CreationConfig::default(),
            namespace_containers,
        }
    }

    /// The same for the one line of an invoker that the older designs have in the place of queues.
    #[must_use]
    pub fn to_feed(&self) -> feed::Config {
        feed::Config {
            max_waiting: self.max_waiting,
            max_waiting_bytes: self.max_waiting_bytes.as_bytes(),
            retention: self.retention,
            blackbox_retention: self.blackbox_retention,
            max_attempts: self.max_attempts,
            ..feed::Config::default()
        }
    }

    fn check(&self, checks: &mut Checks<'_>) {
        checks.require(self.max_waiting > 0, "max_waiting", "at least 1");
        checks.require(self.max_attempts > 0, "max_attempts", "at least 1");
        checks.require(!self.retention.is_zero(), "retention", "more than 0 s");
    }
}

impl Invoker {
    /// The role's own form, of each of the invokers. `machine` is the memory of the machine.
    #[must_use]
    pub fn to_role(
        &self,
        limits: &SystemLimits,
        stem_cells: Vec<pool::StemCells>,
        first_container: ContainerId,
        machine: ByteSize,
    ) -> invoker::Config {
        let half = ByteSize::bytes(machine.as_bytes() / 2).as_mb();
        let memory = if self.memory == ByteSize::bytes(0) { half } else { self.memory.as_mb() };
        // With less memory than one container may need, an action could wait for ever.
        let memory = match self.instances {
            1 => memory.max(limits.memory.max),
            several => memory / u64::from(several),
        };
        invoker::Config {
            pool: pool::Config {
                memory,
                first_container,
                stem_cells,
                concurrent_starts: self.concurrent_starts(),
                promotion: self.promotion,
                stem_cell_delay: self.stem_cell_delay,
                check_interval: self.check_interval,
            },
            proxy: proxy::Config {
                rest_grace: self.rest_grace,
                pause_grace: self.pause_grace,
                idle_container: self.idle_container,
            },
            keeping: Keeping::default(),
            durable_answers: self.durable_answers,
            payload: limits.payload,
            truncation: limits.truncation,
        }
    }

    /// How many that are; at least one.
    fn concurrent_starts(&self) -> usize {
        match self.concurrent_starts {
            0 => 2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            starts => starts,
        }
    }

    fn check(&self, checks: &mut Checks<'_>) {
        checks.require(!self.check_interval.is_zero(), "check_interval", "more than 0 s");
        checks.require(self.instances > 0, "instances", "at least 1");
    }
}
