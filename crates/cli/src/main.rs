//! `wsk`: what people type, carried out against an OpenWhisk.
//!
//! `args` understands the command line, `commands` has a module for each command, and `context` is what they share:
//! properties, client, console. What scripts parse is as upstream's `wsk` prints it; what is only for people (colour,
//! progress, hints) goes to terminals alone.

mod args;
mod commands;
mod console;
mod context;
mod failure;
mod listing;
mod output;
mod projection;
mod properties;
mod suggest;
mod summary;
mod trace;

use context::Context;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (arguments, globals) = match args::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(unparsed) => return unparsed.report(),
    };
    let context = Context::new(globals);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(arguments.command, &context)),
        Err(error) => Err(Failure::general(format!("Unable to start: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&context.console),
    }
}
