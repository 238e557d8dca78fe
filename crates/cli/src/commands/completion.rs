//! `wsk completion`: scripts that complete the command line.

use crate::args::command;
use crate::context::Context;
use crate::failure::Outcome;
use clap_complete::Shell;

/// Which shell is to complete.
#[derive(Debug, clap::Args)]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Completion, context: &Context) -> Outcome {
    context.console.print_bytes(&script(arguments.shell));
    Ok(())
}

/// The script for a shell.
pub(crate) fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "wsk", &mut script);
    script
}
