mod admin;

pub(crate) use admin::{
    AdminArgs, AdminCommand, CreateArgs, Database, DbCommand, LimitsCommand, SetArgs, UserCommand,
    with_long_namespace,
};

use base::config::Override;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A serverless platform that speaks Apache OpenWhisk's REST API.
#[derive(Debug, Parser)]
#[command(
    name = "oxiwhisk",
    version,
    about = "A serverless platform that speaks Apache OpenWhisk's REST API"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole platform in this process.
    Standalone(StandaloneArgs),
    /// Say what works on this machine and what does not, with reason and remedy.
    Doctor(DoctorArgs),
    /// Manage users, their keys and limits, as wskadmin does.
    Admin(AdminArgs),
    /// Check a configuration file and the environment, and say everything that is wrong.
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
    /// Print the reference of the configuration as Markdown.
    ConfigReference,
    /// The process that makes sandboxes; the server starts it.
    #[command(hide = true)]
    Spawner,
}

/// What every command that reads the configuration takes.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Read the configuration from this TOML file.
    #[arg(short, long, value_name = "FILE", env = "OXIWHISK_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Set any key of the configuration, such as `server.port=8080`. Can be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
    /// Keep files in this directory.
    #[arg(short, long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Listen at this address.
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Listen at this port; 0 takes a free one.
    #[arg(short, long, value_name = "PORT")]
    port: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StandaloneArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Keep everything in memory; it is lost when the server stops.
    #[arg(long)]
    ephemeral: bool,
    /// Offer the runtimes of this manifest, in the format of runtimes.json.
    #[arg(short, long, value_name = "FILE")]
    manifest: Option<String>,
    /// Refuse to start when the sandboxes cannot be isolated as they should.
    #[arg(long)]
    require_isolation: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Write JSON, for scripts.
    #[arg(long)]
    pub(crate) json: bool,
}

impl ConfigArgs {
    /// The keys that were set; what has an option of its own comes after `--set`.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let set = self.set.iter().map(|(key, text)| override_of(key, text, "--set"));
        let named = [
            ("server.data_dir", &self.data_dir, "--data-dir"),
            ("server.host", &self.host, "--host"),
            ("server.port", &self.port, "--port"),
        ];
        let named = named
            .into_iter()
            .filter_map(|(key, text, option)| text.as_ref().map(|text| override_of(key, text, option)));
        set.chain(named).collect()
    }
}

impl StandaloneArgs {
    /// The file that was named.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        self.config.config.as_ref()
    }

    /// The keys that were set.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let mut overrides = self.config.overrides();
        if self.ephemeral {
            overrides.push(override_of("store.kind", "memory", "--ephemeral"));
        }
        if let Some(manifest) = &self.manifest {
            overrides.push(override_of("runtimes.manifest", manifest, "--manifest"));
        }
        if self.require_isolation {
            overrides.push(override_of("container.process.require_isolation", "true", "--require-isolation"));
        }
        overrides
    }
}

fn override_of(key: &str, text: &str, option: &str) -> Override {
    Override { key: key.to_owned(), text: text.to_owned(), option: option.to_owned() }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
