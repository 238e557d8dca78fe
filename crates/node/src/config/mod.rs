//! The whole configuration: the sections of this crate, and those that the back ends bring.

mod activations;
mod callbacks;
mod keys;
mod limits;
mod operators;
mod parameters;
mod roles;

pub use activations::{Activations, Level};
pub use callbacks::Callbacks;
pub use keys::{AtRest, InContainers, Keys};
pub use limits::{Concurrency, Limits, Logs, Memory, NamespaceDefaults, Timeout};
pub use operators::{Metrics, Operators};
pub use parameters::{Encryption, ParameterStorage};
pub use roles::{Balancer, Controller, Invoker, OnTimeout, Rules, Scheduler};

use base::config::Checks;
use engine::pool::StemCells;
use secrets::Credential;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;
use types::{AuthKey, ByteSize, EntityName, RuntimeManifest};

base::config_section! {
    /// The whole configuration of a server.
    ///
    /// Each key can be written in the TOML file, set by an environment variable, or given on the command line as
    /// `--set KEY=VALUE`; the command line overrides the environment, and that the file.
    pub struct Config {
        /// Where the REST API is served and where the server keeps its files.
        pub server: Server = Server::default(),
        /// Who may use the platform besides the stock identities. Each key is the name of a namespace (and of its
        /// subject), each value its credentials in the form `uuid:key`.
        pub users: BTreeMap<String, String> = BTreeMap::new(),
        /// The operator's part of the server: the admin API and `oxiwhisk admin`.
        pub admin: Admin = Admin::default(),
        /// The API keys of subjects.
        pub keys: Keys = Keys::default(),
        /// What operators are shown beside the admin API, and by which credentials.
        pub operators: Operators = Operators::default(),
        /// What is counted for `GET /metrics`.
        pub metrics: Metrics = Metrics::default(),
        /// The encryption of parameters where they are stored.
        pub parameter_storage: ParameterStorage = ParameterStorage::default(),
        /// What actions and namespaces may use, unless a namespace has limits of its own.
        pub limits: Limits = Limits::default(),
        /// The records of activations.
        pub activations: Activations = Activations::default(),
        /// Which runtimes are offered.
        pub runtimes: Runtimes = Runtimes::default(),
        /// The REST API.
        pub controller: Controller = Controller::default(),
        /// Completion callbacks: what is sent to the URL in the header `X-OW-Callback` of a non-blocking invocation.
        pub callbacks: Callbacks = Callbacks::default(),
        /// The queues of activations. Each action has one for each namespace that invokes it.
        pub scheduler: Scheduler = Scheduler::default(),
        /// The containers of a machine.
        pub invoker: Invoker = Invoker::default(),
        /// Where entities and activation records are kept.
        pub store: Store = Store::default(),
        /// What functions run in.
        pub container: Container = Container::default(),
        /// What is written to standard error.
        pub log: base::telemetry::Config = base::telemetry::Config::default(),
    }
    check: Config::check
}

base::config_section! {
    /// Where the REST API is served and where the server keeps its files.
    pub struct Server {
        /// The address to listen at. At any other than a loopback address the well-known keys are refused, and random
        /// ones are made at the first start.
        pub host: IpAddr as "IP address" = Ipv4Addr::LOCALHOST.into(),
        /// The port to listen at; 0 takes a free one.
        pub port: u16 = 3233,
        /// The address of the REST API as functions are told it, in `__OW_API_HOST`. Not set: the one that is listened
        /// at, which functions reach only with the network mode `host`.
        pub api_host: Option<String> = None,
        /// Where files are kept. By default `/var/lib/oxiwhisk` for root, and for others `oxiwhisk` in
        /// `$XDG_DATA_HOME` or `~/.local/share`.
        pub data_dir: Option<PathBuf> = None,
        /// How many threads serve requests and containers. 0: as many as half of the machine's processors, because the
        /// functions need the other half.
        pub threads: usize = 0,
        /// How many connections may be open at a time; further ones wait until one of them closes.
        pub max_connections: usize = 16_384,
        /// How long a connection may take to send the head of a request, may stay idle between two, and may take nothing
        /// of an answer.
        pub idle_timeout: Duration = Duration::from_secs(70),
        /// How long accepted activations may take to end after the first signal to stop.
        pub drain_timeout: Duration = Duration::from_secs(75),
    }
    check: Server::check
}

base::config_section! {
    /// The operator's part of the server: the admin API and `oxiwhisk admin`.
    pub struct Admin {
        /// The secret that the operator shows, at least 32 characters. Not set: a random one is made at the first start
        /// and kept in `secrets/admin.key` of the data directory, which only its owner can read.
        pub credential: Option<String> = None,
    }
    check: Admin::check
}

base::config_section! {
    /// Which runtimes are offered.
    pub struct Runtimes {
        /// A manifest in the format of `runtimes.json`. Kinds that the machine cannot run are left out. Not set: every
        /// interpreter that is found is offered.
        pub manifest: Option<PathBuf> = None,
        /// Interpreters that are offered beside those that are found, such as `["/opt/node-22/bin/node"]`. Of two with
        /// the same kind the one that stands here first is taken.
        pub interpreters: Vec<PathBuf> = Vec::new(),
        /// Whether interpreters are looked for; without, only those above are offered.
        pub search: bool = true,
        /// A directory of npm packages that every function of Node.js can `require`, in an absolute path, such as the
        /// `node_modules` in which `npm install openwhisk` was run: upstream's images have that package, and what the
        /// npm package `openwhisk-composer` deploys needs it.
        pub node_modules: Option<PathBuf> = None,
        /// Interpreters that are started before anyone asks, so that the first run of an action costs no more than the
        /// loading of its code: how many, by kind, such as `{ "nodejs:default" = 2 }`. Each has the memory of
        /// `limits.memory.std`, which counts; those of the manifest come on top.
        pub stem_cells: BTreeMap<String, u32> = BTreeMap::new(),
    }
    check: Runtimes::check
}

impl Runtimes {
    fn check(&self, checks: &mut Checks<'_>) {
        let absolute = self.node_modules.as_ref().is_none_or(|path| path.is_absolute());
        checks.require(absolute, "node_modules", "an absolute path");
    }

    /// The pre-started interpreters, each with so many MB.
    ///
    /// # Errors
    /// The name of a kind that is not offered.
    pub fn stem_cells(&self, offered: &RuntimeManifest, memory: u64) -> Result<Vec<StemCells>, String> {
        let cells = |(kind, count): (&String, &u32)| {
            let runtime = offered.resolve(kind).ok_or_else(|| kind.clone())?;
            Ok(StemCells { kind: runtime.kind.clone(), memory, initial: *count, reactive: None })
        };
        self.stem_cells.iter().map(cells).collect()
    }

    /// How to look for interpreters.
    #[must_use]
    pub fn to_search(&self) -> container_process::runtimes::Config {
        let Runtimes { manifest: _, interpreters, search, node_modules, stem_cells: _ } = self.clone();
        container_process::runtimes::Config { interpreters, search, node_modules, environment: Vec::new() }
    }
}

base::config_choice! {
    /// Where entities and records are kept.
    pub enum StoreKind {
        /// In files of the data directory.
        Embedded = "embedded",
        /// In memory, lost at the end of the process.
        Memory = "memory",
    }
}

base::config_section! {
    /// Where entities and activation records are kept.
    pub struct Store {
        /// `embedded`: in files below the data directory. `memory`: lost when the server stops.
        pub kind: StoreKind = StoreKind::Embedded,
        /// The embedded store. With `memory` only its limits of memory and age count.
        pub embedded: store_embedded::Config = store_embedded::Config::default(),
    }
}

base::config_choice! {
    /// What functions run in.
    pub enum ContainerKind {
        /// Sandboxed processes of this machine's interpreters.
        Process = "process",
    }
}

base::config_section! {
    /// What functions run in.
    pub struct Container {
        /// `process`: sandboxed processes of this machine's own interpreters.
        pub kind: ContainerKind = ContainerKind::Process,
        /// Sandboxed processes of this machine's own interpreters.
        pub process: container_process::Config = container_process::Config::default(),
    }
}

impl Config {
    fn check(&self, checks: &mut Checks<'_>) {
        for (namespace, key) in &self.users {
            let name = format!("users.{namespace}");
            checks.require(EntityName::new(namespace).is_ok(), &name, "the name of a namespace");
            let form = "a UUID, a colon and 64 characters";
            checks.require(AuthKey::parse(key).is_some(), &name, form);
        }
        let least = self.limits.memory.max;
        let each = self.invoker.memory.as_bytes() / u64::from(self.invoker.instances.max(1));
        let enough = self.invoker.memory == ByteSize::bytes(0) || each >= least.as_bytes();
        checks.require(
            enough,
            "invoker.memory",
            &format!("0, or at least limits.memory.max, which is {least}, for each of invoker.instances"),
        );
        let alone = self.controller.balancer != Balancer::Lean || self.invoker.instances == 1;
        checks.require(alone, "invoker.instances", "1, where controller.balancer is lean");
    }
}

impl Admin {
    fn check(&self, checks: &mut Checks<'_>) {
        let printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = |text: &String| text.len() >= Credential::LEAST && printable(text);
        let form = format!("at least {} printable characters without spaces", Credential::LEAST);
        checks.require(self.credential.as_ref().is_none_or(fits), "credential", &form);
    }
}

/// The most threads that a server may be told to have; more would only wait for processors.
const MOST_THREADS: usize = 1024;

impl Server {
    /// The address of the REST API as functions are told it (RUN-05).
    #[must_use]
    pub fn api_host(&self) -> String {
        self.api_host.clone().unwrap_or_else(|| self.url())
    }

    /// How many threads that are; at least one.
    #[must_use]
    pub fn worker_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, |processors| processors.get().div_ceil(2)),
            threads => threads,
        }
    }

    /// Where a client on this machine finds it.
    #[must_use]
    pub fn url(&self) -> String {
        let port = self.port;
        match self.host {
            host if host.is_unspecified() => format!("http://localhost:{port}"),
            IpAddr::V4(host) => format!("http://{host}:{port}"),
            IpAddr::V6(host) => format!("http://[{host}]:{port}"),
        }
    }

    fn check(&self, checks: &mut Checks<'_>) {
        checks.require(self.threads <= MOST_THREADS, "threads", "at most 1024");
        checks.require(self.max_connections > 0, "max_connections", "at least 1");
        checks.require(!self.idle_timeout.is_zero(), "idle_timeout", "more than 0 s");
    }
}

#[cfg(test)]
mod tests;
