//! The command line: global flags that may stand anywhere, parameters and annotations, and what is said of errors.

mod globals;
mod pairs;
mod usage;

pub(crate) use globals::Globals;
pub(crate) use pairs::{Annotations, FeedParameters, Parameters, TriggerParameters};
pub(crate) use usage::{Unparsed, at_most, between};

use crate::commands::Command;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use std::ffi::OsString;

/// From nothing to a web action and its logs.
const FIRST_STEPS: &str = "\
First steps:
  wsk property set --apihost http://localhost:3233 --auth UUID:KEY
  echo 'def main(args): return {\"body\": args[\"name\"]}' > hello.py
  wsk action create hello hello.py --web true
  wsk action invoke hello --param name Ada --result
  wsk action get hello --url           # open it in a browser, with ?name=Ada
  wsk activation logs --last           # --follow shows them as they come
  wsk dev hello.py --invoke            # updates and runs it on every save";

/// OpenWhisk's command line.
#[derive(Debug, Parser)]
#[command(name = "wsk", version, args_override_self = true)]
#[command(about = "OpenWhisk cloud computing command line interface.", after_help = FIRST_STEPS)]
pub(crate) struct Wsk {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Understands a command line.
///
/// # Errors
/// When there is nothing to carry out: help was asked for, or something is wrong.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(Wsk, Globals), Unparsed> {
    let mut command = command();
    let arguments = usage::plain_switches(&command, arguments);
    let mut matches =
        command.try_get_matches_from_mut(arguments).map_err(|error| Unparsed::of(error, &command))?;
    let globals = Globals::of(&matches);
    let wsk = Wsk::from_arg_matches_mut(&mut matches).map_err(|error| Unparsed::of(error, &command))?;
    Ok((wsk, globals))
}

/// The whole tree of commands.
pub(crate) fn command() -> clap::Command {
    globals::everywhere(Wsk::command())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_commands_is_sound() {
        command().debug_assert();
    }
}
