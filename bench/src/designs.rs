//! The designs that are compared: OxiWhisk's own, and OpenWhisk's older ones over the same invokers and containers.

use crate::platform::Platform;
use oxiwhisk_test_e2e::server::binary;
use std::io;
use std::process::Command;

/// A design, as the settings that choose it.
#[derive(Clone, Copy, Debug)]
pub struct Design {
    /// What curves and rows call it.
    pub name: &'static str,
    settings: &'static [(&'static str, &'static str)],
}

/// Containers pull, and are added when the predicted wait is worth one: what a server does that is told nothing.
pub const PULL: Design = Design { name: "pull", settings: &[] };

/// The same where a container's memory can go to another action as soon as 1 ms after its last run.
pub const PULL_SHORT_REST: Design =
    Design { name: "pull, rest after 1 ms", settings: &[("invoker.rest_grace", "1 ms")] };

/// All of them, ours first.
pub const ALL: [Design; 4] = [
    PULL,
    Design { name: "pull, upstream's rules", settings: &[("scheduler.rules", "upstream")] },
    Design { name: "sharding", settings: &[("controller.balancer", "sharding")] },
    Design { name: "lean", settings: &[("controller.balancer", "lean")] },
];

impl Design {
    /// A server of that design without stem cells, with the other settings of `circumstances`.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] with what the server says when it refuses a setting; others when it does not start.
    pub fn start(&self, circumstances: &[(&str, String)]) -> io::Result<Platform> {
        let own = self.settings.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let settings: Vec<(&str, String)> =
            own.chain(circumstances.iter().map(|(key, value)| (*key, value.clone()))).collect();
        check(&settings)?;
        let settings: Vec<String> =
            settings.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        Platform::with(0, &settings)
    }
}

/// Asks the server whether it knows the settings, because one that does not refuses to start.
fn check(settings: &[(&str, String)]) -> io::Result<()> {
    let scratch = tempfile::tempdir()?;
    let path = scratch.path().join("settings.toml");
    let lines = settings.iter().map(|(key, value)| match value.parse::<f64>() {
        Ok(_) => format!("{key} = {value}\n"),
        Err(_) => format!("{key} = \"{value}\"\n"),
    });
    std::fs::write(&path, lines.collect::<String>())?;
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OXIWHISK_")) {
        command.env_remove(name);
    }
    let output = command.arg("check-config").arg(&path).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).replace(&format!(" ({})", path.display()), "");
    let faults: Vec<&str> = said.lines().skip(1).map(str::trim).collect();
    let text = format!("the server refuses a setting: {}", faults.join("; "));
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}
