//! What the operator can say about sandboxes.

use crate::network;
use base::config::Checks;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use types::ByteSize;

base::config_choice! {
    /// The network of a sandbox.
    pub enum NetworkMode {
        /// Its own, with a way to the outside but none to this machine or to other sandboxes.
        Outbound = "outbound",
        /// Its own, without any way out.
        None = "none",
        /// That of this machine, with everything that listens on it.
        Host = "host",
    }
}

base::config_section! {
    /// Sandboxed processes of this machine's own interpreters.
    pub struct Config {
        /// Refuse to start where this machine cannot give every part of the isolation.
        pub require_isolation: bool = false,
        /// The first of the user ids that sandboxes run as; they should belong to nobody else.
        pub uid_first: u32 = 1_900_000_000,
        /// How many sandboxes there can be at a time; each has a user id of its own.
        pub max_sandboxes: u32 = 4096,
        /// Sandboxes that are made ready before anybody asks, without an interpreter in them.
        pub ready_sandboxes: u32 = 2,
        /// The bytes that may lie in a sandbox' /tmp; they count as memory.
        pub tmp: ByteSize as "size" = ByteSize::mb(64),
        /// The files that may lie in a sandbox' /tmp.
        pub tmp_files: u32 = 16_384,
        /// The bytes that may lie in a sandbox' /dev/shm; they count as memory.
        pub shm: ByteSize as "size" = ByteSize::mb(64),
        /// The bytes that an action's code may have once unpacked.
        pub code: ByteSize as "size" = ByteSize::mb(512),
        /// Processes and threads in a sandbox (POOL-08).
        pub processes: u32 = 1024,
        /// Open files of a process (POOL-08).
        pub open_files: u32 = 1024,
        /// Processors that a sandbox may use for each GiB of its memory; 0 means whatever is idle.
        pub cpus_per_gb: f64 = 0.0,
        /// How sandboxes reach the outside.
        pub network: NetworkConfig = NetworkConfig::default(),
    }
    check: Config::check
}

base::config_section! {
    /// How sandboxes reach the outside.
    pub struct NetworkConfig {
        /// The network of kinds that have none of their own below.
        pub mode: NetworkMode = NetworkMode::Outbound,
        /// The network of single kinds or families, such as `python = "none"`.
        pub kinds: BTreeMap<String, NetworkMode> = BTreeMap::new(),
        /// What is used where this machine cannot give `outbound`.
        pub fallback: NetworkMode = NetworkMode::None,
        /// The range of addresses of sandboxes, a /16; nothing: one that this machine has no route to.
        pub subnet: Option<String> = None,
        /// Ranges that no sandbox reaches, beside this machine, other sandboxes and link-local addresses.
        pub deny: Vec<String> = Vec::new(),
        /// Name servers for sandboxes; nothing: those of this machine.
        pub dns: Vec<String> = Vec::new(),
    }
    check: NetworkConfig::check
}

impl Config {
    fn check(&self, checks: &mut Checks<'_>) {
        checks.require(self.uid_first >= 1000, "uid_first", "at least 1000");
        let ids = self.uid_first.checked_add(self.max_sandboxes).is_some_and(|end| end < u32::MAX - 1);
        checks.require(ids, "uid_first", "a range of ids that ends below 4294967294");
        let most = network::Outbound::capacity();
        let sandboxes = (1..=most).contains(&self.max_sandboxes);
        checks.require(sandboxes, "max_sandboxes", &format!("between 1 and {most}"));
        checks.require(
            self.ready_sandboxes <= self.max_sandboxes,
            "ready_sandboxes",
            "at most max_sandboxes",
        );
        checks.require(self.tmp >= ByteSize::mb(1), "tmp", "at least 1 MB");
        checks.require(self.shm >= ByteSize::mb(1), "shm", "at least 1 MB");
        checks.require(self.code >= ByteSize::mb(1), "code", "at least 1 MB");
        checks.require(
            self.processes >= 16,
            "processes",
            "at least 16: interpreters have threads of their own",
        );
        checks.require(self.open_files >= 64, "open_files", "at least 64");
        checks.require((0.0..=1024.0).contains(&self.cpus_per_gb), "cpus_per_gb", "between 0 and 1024");
    }
}

impl NetworkConfig {
    /// The network that a kind is to have.
    #[must_use]
    pub fn mode_of(&self, kind: &str) -> NetworkMode {
        let family = kind.split(':').next().unwrap_or(kind);
        self.kinds.get(kind).or_else(|| self.kinds.get(family)).copied().unwrap_or(self.mode)
    }

    fn check(&self, checks: &mut Checks<'_>) {
        checks.require(self.fallback != NetworkMode::Outbound, "fallback", "\"none\" or \"host\"");
        let subnet = self.subnet.as_deref().is_none_or(|text| network::parse_subnet(text).is_some());
        checks.require(subnet, "subnet", "a whole /16, such as \"10.213.0.0/16\"");
        checks.require(
            self.deny.iter().all(|range| is_range(range)),
            "deny",
            "ranges such as \"10.0.0.0/8\"",
        );
        let servers = self.dns.iter().all(|text| text.parse::<IpAddr>().is_ok());
        checks.require(servers, "dns", "IP addresses");
    }
}

/// Where an instance keeps what lives no longer than its server.
#[derive(Clone, Debug)]
pub struct Places {
    /// A directory that only this instance uses; it need not outlive the server, and should lie on a disk.
    pub run_dir: PathBuf,
    /// The program that is started as the spawner, and its arguments: this one, as `oxiwhisk spawner`.
    pub spawner: (PathBuf, Vec<String>),
}

impl Places {
    /// With this very program as the spawner.
    ///
    /// # Errors
    /// When the program's own file cannot be found.
    pub fn new(run_dir: PathBuf) -> std::io::Result<Places> {
        Ok(Places { run_dir, spawner: (std::env::current_exe()?, vec!["spawner".to_owned()]) })
    }
}

fn is_range(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
    match (address.parse::<IpAddr>(), prefix.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(prefix)) => prefix <= 32,
        (Ok(IpAddr::V6(_)), Ok(prefix)) => prefix <= 128,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::config::Sources;

    fn load(text: &str) -> Result<Config, String> {
        let sources = Sources { file: Some(("test".to_owned(), text.to_owned())), ..Sources::default() };
        sources.load::<Config>().map(|(config, _)| config).map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_kind_goes_before_its_family() {
        let config = load(
            "[network]\nmode = \"host\"\n[network.kinds]\npython = \"none\"\n\"python:3.11\" = \"outbound\"\n",
        );
        let network = config.unwrap().network;
        assert_eq!(network.mode_of("python:3.11"), NetworkMode::Outbound);
        assert_eq!(network.mode_of("python:3.12"), NetworkMode::None);
        assert_eq!(network.mode_of("nodejs:20"), NetworkMode::Host);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = load("uid_first = 3\nprocesses = 1\n[network]\nfallback = \"outbound\"\ndeny = [\"x\"]\n")
            .unwrap_err();
        for key in ["uid_first", "processes", "network.fallback", "network.deny"] {
            assert!(text.contains(key), "{key} in {text}");
        }
    }
}
