use base::config::Checks;
use engine::callback;
use std::net::IpAddr;
use std::time::Duration;
use webhook_http::Network;

base::config_section! {
    /// Completion callbacks: what is sent to the URL in the header `X-OW-Callback` of a non-blocking invocation.
    pub struct Callbacks {
        /// The networks that users may name beside the public Internet, such as `["10.1.0.0/16"]`. Not set: the machine's
        /// own addresses where the server listens at one of them, and none where others can reach it.
        pub networks: Option<Vec<String>> = None,
        /// How long a receiver may take to answer.
        pub timeout: Duration = Duration::from_secs(10),
        /// How many callbacks may be pending. At that many, requests with one more are refused with 503.
        pub max_pending: usize = callback::Config::default().pending,
        /// How many of those may be one namespace's. At that many, its requests with one more are refused with 429.
        pub max_pending_each: usize = callback::Config::default().pending_each,
        /// How many are sent at a time; further ones wait.
        pub max_in_flight: usize = callback::Config::default().in_flight,
        /// How many of those may be one namespace's.
        pub max_in_flight_each: usize = callback::Config::default().in_flight_each,
        /// How often one is sent before it is given up. The time between two tries doubles from 1 s to 10 minutes.
        pub max_tries: u32 = callback::Config::default().tries,
        /// For how long after its first failure one is sent again. Tries and this time are counted anew after a restart.
        pub max_age: Duration = callback::Config::default().age,
    }
    check: Callbacks::check
}

impl Callbacks {
    /// How receivers are spoken to, by a server that listens at `host`.
    #[must_use]
    pub fn to_client(&self, host: IpAddr) -> webhook_http::Config {
        let networks = match &self.networks {
            Some(texts) => texts.iter().filter_map(|text| text.parse().ok()).collect(),
            None if host.is_loopback() => Network::LOOPBACK.to_vec(),
            None => Vec::new(),
        };
        webhook_http::Config { networks, timeout: self.timeout }
    }

    /// How they are treated.
    #[must_use]
    pub fn to_engine(&self) -> callback::Config {
        callback::Config {
            pending: self.max_pending,
            pending_each: self.max_pending_each,
            in_flight: self.max_in_flight,
            in_flight_each: self.max_in_flight_each,
            tries: self.max_tries,
            age: self.max_age,
            ..callback::Config::default()
        }
    }

    fn check(&self, checks: &mut Checks<'_>) {
        let networks = self.networks.iter().flatten();
        let well_formed = networks.map(|text| text.parse::<Network>()).all(|network| network.is_ok());
        checks.require(well_formed, "networks", "networks such as 10.0.0.0/8 or fd00::/8");
        checks.require(!self.timeout.is_zero(), "timeout", "more than 0 s");
        checks.require(self.max_in_flight > 0, "max_in_flight", "at least 1");
        checks.require(self.max_in_flight_each > 0, "max_in_flight_each", "at least 1");
        checks.require(self.max_tries > 0, "max_tries", "at least 1");
    }
}
