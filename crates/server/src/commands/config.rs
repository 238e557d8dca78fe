//! Reading the configuration, and the commands about it.

use super::{Exit, print};
use base::config::{Faults, Override, Sources};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Reads the configuration from a file if there is one, the environment, and what was set on the command line.
pub(crate) fn load(file: Option<&Path>, overrides: Vec<Override>) -> Result<node::Config, Exit> {
    let file = match file {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Exit::config(format!("cannot read the configuration file {}: {error}", path.display()))
            })?;
            Some((path.display().to_string(), text))
        }
    };
    // A variable that is not UTF-8 cannot be one of ours: those have ASCII names, and no value of theirs is binary.
    let environment = std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
        .collect();
    let sources = Sources { file, environment, overrides };
    let (config, _) = sources.load().map_err(|faults: Faults| Exit::config(faults.to_string()))?;
    Ok(config)
}

/// `oxiwhisk check-config FILE`
pub(crate) fn check(file: PathBuf) -> ExitCode {
    match load(Some(&file), Vec::new()) {
        Ok(_) => {
            print(&format!("{} is a valid configuration\n", file.display()));
            ExitCode::SUCCESS
        }
        Err(exit) => exit.report(),
    }
}

/// `oxiwhisk config-reference`
pub(crate) fn reference() -> ExitCode {
    print(&base::config::reference::<node::Config>());
    ExitCode::SUCCESS
}
