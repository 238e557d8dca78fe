//! What works on this machine and what does not, without starting the platform.

use crate::backends::Factory;
use crate::config::Config;
use crate::{chain, host};
use base::clock::SystemClock;
use container::{Probe, Verdict};
use std::net::SocketAddr;

/// Looks at everything that the platform stands on, as it is configured. The most basic things come first.
pub async fn doctor(config: &Config) -> Vec<Probe> {
    let address = SocketAddr::new(config.server.host, config.server.port);
    let mut probes = vec![host::probe_port(address), host::probe_files()];
    let data_dir = match &config.server.data_dir {
        Some(dir) => Ok(dir.clone()),
        None => host::default_data_dir(),
    };
    let dir = match data_dir {
        Ok(dir) => dir,
        Err(error) => {
            probes.push(broken("data directory", chain(&error)));
            return probes;
        }
    };
    probes.push(host::probe_disk(&dir));
    match Factory::open(config, &dir, SystemClock::shared()).await {
        Ok(factory) => {
            probes.extend(factory.port().probes());
            factory.close().await;
        }
        Err(failure) => {
            probes.extend(failure.probes);
            probes.push(broken("sandboxes", chain(&failure.error)));
        }
    }
    probes
}

fn broken(name: &str, detail: String) -> Probe {
    Probe { name: name.to_owned(), verdict: Verdict::Broken, detail, remedy: String::new() }
}
